"""Definitions of hyperparameters, compared with keras-tuner: legal values, defaults, errors, identity.

Where keras-tuner does something else than its documentation says, the row states its fault beside
what is documented; ours has to do the latter.
"""

import importlib
import importlib.util
import itertools

import pytest

MODULES = ("tfbo.keras", "keras_tuner")


@pytest.fixture(params=MODULES)
def module(request):
    return request.param


@pytest.fixture
def kt(module):
    if module == "keras_tuner" and importlib.util.find_spec(module) is None:
        pytest.skip("keras-tuner is not installed")
    return importlib.import_module(module)


def typed(values):
    """Values with their types, so that True is not 1; floats to twelve digits."""
    rounded = (round(value, 12) if type(value) is float else value for value in values)
    return sorted((type(value).__name__, repr(value)) for value in rounded)


def tuner(kt, base, folder, define, **settings):
    """A tuner of one hyperparameter, without a model."""

    class Box(getattr(kt, base)):
        def run_trial(self, trial, *args, **kwargs):
            define(trial.hyperparameters)
            return 0.0

    made = Box(directory=str(folder), project_name="box", **settings)
    made.search(verbose=0)
    return [trial.hyperparameters.values.get("x") for trial in made.oracle.trials.values()]


TENTHS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
RAISES = "raises"

# What is defined, its default, all its legal values (as documented), and what keras-tuner gives instead.
LISTED = {
    "int": (lambda hp: hp.Int("x", 6, 12), 6, list(range(6, 13)), None),
    "int step": (lambda hp: hp.Int("x", 6, 13, step=3), 6, [6, 9, 12], None),
    "int step to the end": (lambda hp: hp.Int("x", 32, 128, 32), 32, [32, 64, 96, 128], None),
    "int default": (lambda hp: hp.Int("x", 1, 3, default=2), 2, [1, 2, 3], None),
    "int negative": (lambda hp: hp.Int("x", -2, 2, step=2), -2, [-2, 0, 2], None),
    "int log step": (
        lambda hp: hp.Int("x", 2, 32, step=2, sampling="log"),
        2,
        [2, 4, 8, 16, 32],
        [2, 4.0, 8.0, 16.0, 32.0],
    ),
    "int log step short of the end": (
        lambda hp: hp.Int("x", 3, 100, step=3, sampling="log"),
        3,
        [3, 9, 27, 81],
        [3, 9.0, 27.0, 81.0],
    ),
    "int reverse log step": (
        lambda hp: hp.Int("x", 1, 8, step=2, sampling="reverse_log"),
        1,
        [1, 5, 7, 8],
        [1, 5.0, 7.0, 8.0],
    ),
    "int of one value": (lambda hp: hp.Int("x", 5, 5), 5, [5], None),
    "int from a whole float": (lambda hp: hp.Int("x", 1.0, 3.0), 1, [1, 2, 3], None),
    "float step": (
        lambda hp: hp.Float("x", 0, 1, step=0.25),
        0.0,
        [0.0, 0.25, 0.5, 0.75, 1.0],
        None,
    ),
    "float step in tenths": (lambda hp: hp.Float("x", 0, 1, step=0.1), 0.0, TENTHS, TENTHS[:-1]),
    "float step short of the end": (
        lambda hp: hp.Float("x", 0, 1, step=0.4),
        0.0,
        [0.0, 0.4, 0.8],
        None,
    ),
    "float log step": (
        lambda hp: hp.Float("x", 0.001, 10, step=10, sampling="log"),
        0.001,
        [0.001, 0.01, 0.1, 1.0, 10.0],
        None,
    ),
    "float of one value": (lambda hp: hp.Float("x", 0.5, 0.5, step=0.1), 0.5, [0.5], None),
    "float default": (
        lambda hp: hp.Float("x", 0.0, 1.0, step=0.5, default=0.5),
        0.5,
        [0.0, 0.5, 1.0],
        None,
    ),
    "boolean": (lambda hp: hp.Boolean("x"), False, [False, True], None),
    "boolean default": (lambda hp: hp.Boolean("x", default=True), True, [False, True], None),
    "choice of text": (lambda hp: hp.Choice("x", ["b", "a", "c"]), "b", ["a", "b", "c"], None),
    "choice default": (lambda hp: hp.Choice("x", ["b", "a"], default="a"), "a", ["a", "b"], None),
    "choice of ints": (lambda hp: hp.Choice("x", [8, 16, 32]), 8, [8, 16, 32], None),
    "choice of floats": (lambda hp: hp.Choice("x", [1e-2, 1e-4]), 1e-2, [1e-2, 1e-4], None),
    "choice ordered": (lambda hp: hp.Choice("x", [1, 5], ordered=True), 1, [1, 5], None),
    "choice unordered": (lambda hp: hp.Choice("x", [1, 5], ordered=False), 1, [1, 5], None),
    "choice of one": (lambda hp: hp.Choice("x", ["only"]), "only", ["only"], None),
    "choice of booleans": (lambda hp: hp.Choice("x", [True, False]), True, [True, False], [1, 0]),
    "choice of several types": (lambda hp: hp.Choice("x", [1, "a", 0.5]), 1, [1, "a", 0.5], RAISES),
    "choice with None": (lambda hp: hp.Choice("x", ["a", None]), None, ["a", None], RAISES),
    "fixed int": (lambda hp: hp.Fixed("x", 3), 3, [3], None),
    "fixed float": (lambda hp: hp.Fixed("x", 0.5), 0.5, [0.5], None),
    "fixed text": (lambda hp: hp.Fixed("x", "adam"), "adam", ["adam"], None),
    "fixed boolean": (lambda hp: hp.Fixed("x", True), True, [True], None),
}


@pytest.mark.parametrize("name", LISTED)
def test_the_legal_values_are_those_of_the_documentation(name, kt, module, tmp_path):
    define, default, legal, fault = LISTED[name]
    if module == "keras_tuner" and fault is RAISES:
        with pytest.raises(TypeError):
            define(kt.HyperParameters())
        return
    if module == "keras_tuner" and fault is not None:
        default, legal = fault[0], fault
    hp = kt.HyperParameters()
    value = define(hp)
    assert typed([value]) == typed([default])
    assert hp.values == {"x": value}
    assert typed(tuner(kt, "GridSearch", tmp_path, define)) == typed(legal)


RANGES = {
    "int": ("Int", 1, 1000, "linear"),
    "int log": ("Int", 1, 1000, "log"),
    "int reverse log": ("Int", 1, 1000, "reverse_log"),
    "float": ("Float", -1.0, 1.0, "linear"),
    "float log": ("Float", 1e-5, 1e-1, "log"),
    "float LOG": ("Float", 1e-5, 1e-1, "LOG"),
    "float reverse log": ("Float", 1e-3, 1.0, "reverse_log"),
}


@pytest.mark.parametrize("name", RANGES)
def test_draws_from_a_range(name, kt, tmp_path):
    kind, low, high, sampling = RANGES[name]
    define = lambda hp: getattr(hp, kind)("x", low, high, sampling=sampling)
    assert typed([define(kt.HyperParameters())]) == typed([low])
    drawn = tuner(kt, "RandomSearch", tmp_path, define, max_trials=24, seed=1)[1:]
    assert {type(value) for value in drawn} == {type(low)}
    assert all(low <= value <= high for value in drawn)
    assert len(set(drawn)) > 12
    # Half of the draws are below the middle of the scale; 5 of 23 are three standard deviations off.
    geometric = (low * high) ** 0.5 if low > 0 else None
    middles = {"linear": (low + high) / 2, "log": geometric, "LOG": geometric}
    middle = middles[sampling] if sampling in middles else low + high - geometric
    assert 5 <= sum(value < middle for value in drawn) <= 18


ERRORS = {
    "min above max": lambda hp: hp.Int("x", 3, 1),
    "float min above max": lambda hp: hp.Float("x", 3.0, 1.0),
    "unknown sampling": lambda hp: hp.Float("x", 1.0, 2.0, sampling="cubic"),
    "log from zero": lambda hp: hp.Float("x", 0.0, 2.0, sampling="log"),
    "reverse log from zero": lambda hp: hp.Int("x", 0, 2, sampling="reverse_log"),
    "log step of one": lambda hp: hp.Int("x", 1, 8, step=1, sampling="log"),
    "int from a fraction": lambda hp: hp.Int("x", 1.5, 3),
    "no choices": lambda hp: hp.Choice("x", []),
    "default that is no choice": lambda hp: hp.Choice("x", ["a"], default="b"),
    "ordered text": lambda hp: hp.Choice("x", ["a", "b"], ordered=True),
    "default that is no boolean": lambda hp: hp.Boolean("x", default="yes"),
    "unknown parent": lambda hp: hp.Int("x", 1, 2, parent_name="y", parent_values=[1]),
    "its own parent": lambda hp: (
        hp.Int("x", 1, 2),
        hp.Int("x", 1, 2, parent_name="x", parent_values=[1]),
    ),
    "a value that is nowhere": lambda hp: hp.get("x"),
    "an item that is nowhere": lambda hp: hp["x"],
    "an inactive value": lambda hp: (
        hp.Boolean("y"),
        hp.Int("x", 1, 2, parent_name="y", parent_values=[True]),
        hp.get("x"),
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_mistake_is_an_error_of_the_same_kind(name, kt):
    kind = KeyError if "nowhere" in name else ValueError
    with pytest.raises(kind):
        ERRORS[name](kt.HyperParameters())


def tree(hp):
    """Hyperparameters on three levels, one name twice."""
    with hp.name_scope("net"):
        hp.Choice("kind", ["a", "b", "c"])
        with hp.conditional_scope("kind", ["a", "b"]):
            hp.Int("depth", 1, 2)
            with hp.conditional_scope("depth", [2]):
                hp.Float("rate", 0.0, 1.0)
        hp.Int("depth", 5, 6, parent_name="kind", parent_values=["c"])
    hp.Boolean("last")


def active(hp):
    return [(hp.is_active(p), p.name, type(p).__name__) for p in hp.space]


def test_activity_follows_the_values(kt):
    hp = kt.HyperParameters()
    tree(hp)
    found = {}
    for kind, depth in itertools.product("abc", (1, 2)):
        copy = hp.copy()
        copy.values.update({"net/kind": kind, "net/depth": depth})
        found[kind, depth] = [name for yes, name, _ in active(copy) if yes]
        assert [p.name for p in copy.space] == [p.name for p in hp.space]
    base = ["net/kind", "net/depth"]
    for kind in "ab":
        assert found[kind, 1] == [*base, "last"]
        assert found[kind, 2] == [*base, "net/rate", "last"]
    assert found["c", 1] == [*base, "last"]


def test_values_set_beforehand_are_kept(kt):
    hp = kt.HyperParameters()
    hp.values = {"net/kind": "c", "last": True}
    tree(hp)
    assert hp.values == {"net/kind": "c", "last": True, "net/depth": 5}
    assert hp.get("net/depth") == 5 and "net/rate" not in hp
    assert hp.Boolean("last") is True


def test_a_value_fixed_beforehand_stands(kt):
    hp = kt.HyperParameters()
    assert hp.Fixed("x", 7) == 7
    assert hp.Int("x", 1, 3) == 7
    assert [type(p).__name__ for p in hp.space] == ["Fixed"]


def test_of_two_ranges_the_first_counts_or_is_an_error(kt, module):
    prepared = kt.HyperParameters()
    prepared.Choice("x", [7, 8])
    hp = prepared.copy()  # as a tuner does with hyperparameters=
    assert hp.Int("x", 1, 3) == 7
    if module == "keras_tuner":
        assert hp.Int("x", 2, 9) == 7
    else:  # keras-tuner hides the mistake
        with pytest.raises(ValueError, match="'x' differ"):
            hp.Int("x", 2, 9)


def test_a_configuration_goes_there_and_back(kt):
    hp = kt.HyperParameters()
    tree(hp)
    hp.Int("units", 2, 32, step=2, sampling="log", default=8)
    hp.Fixed("fixed", "text")
    again = kt.HyperParameters.from_config(hp.get_config())
    assert again.values == hp.values
    assert active(again) == active(hp)
    assert again.get_config() == hp.get_config()
    copy = hp.copy()
    copy.values["units"] = 32
    assert hp.get("units") == 8 and copy.get("units") == 32


def test_a_seed_of_zero_is_a_seed(tmp_path):
    # keras-tuner takes another seed each time.
    ours = importlib.import_module("tfbo.keras")
    define = lambda hp: hp.Float("x", 0.0, 1.0)
    drawn = [
        tuner(ours, "RandomSearch", tmp_path / name, define, max_trials=3, seed=0)
        for name in ("a", "b")
    ]
    assert drawn[0] == drawn[1]
