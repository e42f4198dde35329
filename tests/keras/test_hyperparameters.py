"""HyperParameters by themselves: values, conditions, and the space that they stand for."""

import math

import pytest

import tfbo
import tfbo.keras as kt
from tfbo.keras import dimensions
from tfbo.keras.definitions import Boolean, Choice, Fixed, Float, Int


def dimension(definition):
    """The only dimension of a definition."""
    ((name, found),) = dimensions.of([definition]).items()
    assert name == definition.name
    return found


def reachable(definition, n=201):
    """The values of codes all over the unit interval, in that order."""
    domain = dimension(definition).domain
    values = (domain.write(domain.parameter.from_code(i / (n - 1))) for i in range(n))
    return list({repr(value): value for value in values}.values())


@pytest.mark.parametrize(
    ("definition", "values"),
    [
        (Int("x", 1, 4), [1, 2, 3, 4]),
        (Int("x", 6, 13, step=3), [6, 9, 12]),
        (Int("x", 2, 32, step=2, sampling="log"), [2, 4, 8, 16, 32]),
        (Int("x", 2, 40, step=2, sampling="log"), [2, 4, 8, 16, 32]),
        (Int("x", 1, 8, step=2, sampling="reverse_log"), [1, 5, 7, 8]),
        (Float("x", 0, 1, step=0.1), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (Float("x", 0, 1, step=0.3), [0.0, 0.3, 0.6, 0.9]),
        (Float("x", 0.001, 10, step=10, sampling="log"), [0.001, 0.01, 0.1, 1.0, 10.0]),
        (Float("x", 1, 8, step=2, sampling="reverse_log"), [1.0, 5.0, 7.0, 8.0]),
        (Int("x", 3, 3), [3]),
        (Int("x", 3, 4, step=5), [3]),
        (Float("x", 0.5, 0.5), [0.5]),
        (Boolean("x"), [False, True]),
        (Fixed("x", "adam"), ["adam"]),
        (Choice("x", [True, False]), [True, False]),
        (Choice("x", ["relu", None, 1, 1.0, True]), ["relu", None, 1, 1.0, True]),
        (Choice("x", [16, 64, 32]), [16, 32, 64]),
        (Choice("x", [1e-2, 1e-3, 1e-4]), [1e-2, 1e-3, 1e-4]),
        (Choice("x", ["a", "a"]), ["a"]),
    ],
)
def test_the_values_of_a_definition_are_searched_and_keep_their_types(definition, values):
    found = reachable(definition)
    assert repr(found) == repr(values)
    domain = dimension(definition).domain
    assert [domain.write(domain.read(value)) for value in found] == found


@pytest.mark.parametrize("made", [Int, Float])
def test_reverse_log_is_fine_near_the_upper_end(made):
    definition = made("x", 1, 1000, sampling="reverse_log")
    domain = dimension(definition).domain
    assert {1, 1000} <= set(reachable(definition))
    codes = [domain.parameter.from_code(i / 100) for i in range(101)]
    high = sum(domain.write(code) > 900 for code in codes)
    assert high > 60
    for value in (1, 2, 500, 999, 1000):
        assert domain.write(domain.read(value)) == value


def test_log_is_fine_near_the_lower_end():
    domain = dimension(Float("x", 1e-4, 1.0, sampling="log")).domain
    assert domain.parameter.from_code(0.5) == pytest.approx(1e-2)


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        (Choice("x", ["a", "b"]), tfbo.Categorical),
        (Choice("x", [1, 2]), tfbo.Ordinal),
        (Choice("x", [1, 2], ordered=False), tfbo.Categorical),
        (Choice("x", [True, False]), tfbo.Categorical),
        (Choice("x", [1, "a"]), tfbo.Categorical),
        (Choice("x", [7]), tfbo.Constant),
        (Boolean("x"), tfbo.Boolean),
        (Fixed("x", 3), tfbo.Constant),
        (Int("x", 1, 9), tfbo.Int),
        (Int("x", 1, 9, sampling="log"), tfbo.Int),
        (Int("x", 1, 9, step=3, sampling="log"), tfbo.Ordinal),
        (Float("x", 1, 9), tfbo.Float),
    ],
)
def test_an_unordered_choice_is_no_number(definition, kind):
    assert type(dimension(definition).domain.parameter) is kind


@pytest.mark.parametrize(
    ("definition", "default"),
    [
        (Int("x", 3, 9), 3),
        (Int("x", 3, 9, default=5), 5),
        (Float("x", 0.5, 9), 0.5),
        (Choice("x", ["b", "a"]), "b"),
        (Choice("x", ["b", None]), None),
        (Choice("x", ["b", "a"], default="a"), "a"),
        (Boolean("x"), False),
        (Boolean("x", default=True), True),
        (Fixed("x", 2), 2),
    ],
)
def test_defaults(definition, default):
    assert repr(definition.default) == repr(default)


def test_a_default_between_two_steps_counts_as_the_nearer():
    definition = Int("x", 8, 512, step=32, default=128)
    assert definition.default == 128
    assert dimensions.to_params(dimensions.of([definition]), {}) == {"x": 136}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda hp: hp.Int("x", 5, 2), "min_value"),
        (lambda hp: hp.Int("x", 1.5, 2), "whole number"),
        (lambda hp: hp.Float("x", 0, 1, sampling="log"), "above zero"),
        (lambda hp: hp.Float("x", 0, 1, sampling="cubic"), "'linear', 'log', 'reverse_log'"),
        (lambda hp: hp.Float("x", 1, 9, step=1, sampling="log"), "factor above one"),
        (lambda hp: hp.Float("x", 1, 9, step=-1), "step"),
        (lambda hp: hp.Choice("x", []), "one value or more"),
        (lambda hp: hp.Choice("x", [(3, 3), (5, 5)]), "JSON scalar"),
        (lambda hp: hp.Choice("x", ["a", "b"], default="c"), "'a', 'b'"),
        (lambda hp: hp.Choice("x", ["a", "b"], ordered=True), "ordered"),
        (lambda hp: hp.Boolean("x", default="yes"), "True or False"),
        (lambda hp: hp.Fixed("x", [1]), "JSON scalar"),
        (lambda hp: hp.Int("x", 1, 2, parent_name="nobody", parent_values=[1]), "nobody"),
    ],
)
def test_a_definition_that_means_nothing_is_an_error(make, message):
    hp = kt.HyperParameters()
    hp.Int("somebody", 1, 2)
    with pytest.raises(ValueError, match=message):
        make(hp)


def test_two_of_one_name_with_different_ranges():
    hp = kt.HyperParameters()
    hp.Int("units", 1, 8)
    hp.Int("units", 1, 8, default=4)
    with pytest.raises(ValueError, match=r"units.*differ(.|\n)*name_scope"):
        hp.Int("units", 1, 16)
    with hp.name_scope("second"):
        assert hp.Int("units", 1, 16) == 1
    # What was passed to a tuner overrides the range.
    copy = hp.copy()
    assert copy.Int("units", 1, 4096) == 1


def test_conditions_and_their_dimensions():
    hp = kt.HyperParameters()
    hp.Choice("model", ["mlp", "cnn", "none"])
    with hp.conditional_scope("model", ["mlp", "cnn"]):
        hp.Int("depth", 1, 3)
        with hp.conditional_scope("depth", [2, 3]):
            hp.Float("rate", 0, 1)
        with hp.conditional_scope("model", ["cnn"]):
            hp.Int("units", 1, 9)
    with hp.conditional_scope("model", ["none", "unheard of"]):
        hp.Int("units", 5, 7)
    with hp.conditional_scope("model", ["unheard of"]):
        hp.Int("never", 5, 7)
    made = dimensions.of(hp.space)
    assert list(made) == ["model", "depth", "rate", "units", "units [model=none|unheard of]"]
    space = tfbo.Space(dimensions.parameters(made))
    assert space["units"].when == (("model", ("cnn",)),)
    for params in space.grid(3):
        values = dimensions.to_values(made, params)
        assert dimensions.to_params(made, values) == params
        copy = hp.copy()
        copy.values = values
        active = {d.name for d in copy.space if copy.is_active(d)}
        assert set(values) == active
    assert dimensions.to_params(made, {"model": "none", "units": 6}) == {
        "model": "none",
        "units [model=none|unheard of]": 6,
    }


def test_a_parent_may_be_a_number_with_levels_but_not_a_continuous_one():
    hp = kt.HyperParameters()
    hp.Float("rate", 0, 1, step=0.1)
    hp.Int("width", 1, 100, sampling="reverse_log")
    hp.Int("a", 1, 2, parent_name="rate", parent_values=[0.3, 0.7])
    hp.Int("b", 1, 2, parent_name="width", parent_values=[40])
    made = dimensions.of(hp.space)
    tfbo.Space(dimensions.parameters(made))
    assert dimensions.to_params(made, {"rate": 0.3, "width": 40}).keys() == {
        "rate",
        "width",
        "a",
        "b",
    }
    hp.Float("real", 0, 1)
    hp.Int("c", 1, 2, parent_name="real", parent_values=[0.5])
    with pytest.raises(ValueError, match=r"'c' depends on 'real', which is continuous"):
        dimensions.of(hp.space)


def test_a_parent_that_is_fixed_decides_once_and_for_all():
    hp = kt.HyperParameters()
    hp.Fixed("model", "cnn")
    hp.Int("yes", 1, 2, parent_name="model", parent_values=["cnn", "mlp"])
    assert hp.Int("no", 1, 2, parent_name="model", parent_values=["mlp"]) is None
    made = dimensions.of(hp.space)
    assert list(made) == ["model", "yes"]
    assert tfbo.Space(dimensions.parameters(made)).cardinality == 2


def test_an_inactive_hyperparameter_has_no_value():
    hp = kt.HyperParameters()
    hp.Boolean("on", default=True)
    assert hp.Float("amount", 0.25, 1, parent_name="on", parent_values=[True]) == 0.25
    hp.values["on"] = False
    hp.ensure_active_values()
    assert hp.values == {"on": False}
    assert "amount" not in hp
    with pytest.raises(ValueError, match="inactive"):
        hp.get("amount")
    with pytest.raises(KeyError, match="amount"):
        hp.get("amuont")


def test_configuration_there_and_back():
    hp = kt.HyperParameters()
    hp.Choice("kind", ["a", None, 2, 2.5, True])
    with hp.name_scope("deep"):
        hp.Int("units", 1, 64, step=4, sampling="log", default=16)
    hp.Float("rate", 0, 1, parent_name="kind", parent_values=["a"])
    hp.Boolean("flag")
    hp.Fixed("epochs", 3)
    copy = kt.HyperParameters.from_config(hp.get_config())
    assert repr(copy.space) == repr(hp.space)
    assert copy.values == hp.values
    assert [d.key for d in copy.space] == [d.key for d in hp.space]


def test_merge():
    hp, other = kt.HyperParameters(), kt.HyperParameters()
    hp.Int("a", 1, 3)
    other.Int("a", 5, 9)
    other.Int("b", 2, 4)
    hp.merge(other, overwrite=False)
    assert hp.values == {"a": 1, "b": 2}
    hp.merge(other)
    assert hp.values == {"a": 5, "b": 2}
    assert [d.name for d in hp.space] == ["a", "b"]


def test_values_of_a_continuous_definition_are_ten_inside():
    values = list(Float("x", 0, 1).values)
    assert len(values) == 10
    assert all(0 < value < 1 for value in values)
    assert math.isclose(values[0], 0.05)


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("val_loss", "min"),
        ("val_accuracy", "max"),
        ("acc", "max"),
        ("auc", "max"),
        ("val_mae", "min"),
        ("mean_squared_error", "min"),
        # Keras-tuner minimises these.
        ("val_f1_score", "max"),
        ("r2_score", "max"),
    ],
)
def test_the_direction_of_metrics(name, direction):
    assert kt.oracles.RandomSearchOracle(name).objective == kt.Objective(name, direction)


def test_a_metric_of_unknown_direction():
    with pytest.raises(ValueError, match=r"Objective\('val_mystery', direction="):
        kt.oracles.RandomSearchOracle("val_mystery")
    with pytest.raises(ValueError, match='"min" or "max"'):
        kt.Objective("loss", "down")
