"""What Ray draws from, a space has, and the other way round."""

import enum
import math

import numpy as np
import pytest

pytest.importorskip("ray.tune", reason="Ray Tune is not installed")
from ray import tune
from ray.tune.search import sample

from tfbo import Boolean, Categorical, Constant, Float, Int, InvalidArgument, Space
from tfbo.integrations.ray.domains import has_domains, of_config, of_space

RANGES = {
    "uniform": (tune.uniform(-1, 2), Float(-1.0, 2.0)),
    "loguniform": (tune.loguniform(1e-4, 1e-1), Float(1e-4, 1e-1, log=True)),
    "quniform": (tune.quniform(0.1, 0.7, 0.1), Float(0.1, 0.7, step=0.1)),
    "quniform of one": (tune.quniform(0.5, 0.5, 0.5), Constant(0.5)),
    "qloguniform": (tune.qloguniform(2, 20, 2), Float(2.0, 20.0, step=2.0, log=True)),
    "randint": (tune.randint(-2, 5), Int(-2, 4)),
    "randint of one": (tune.randint(3, 4), Constant(3)),
    "lograndint": (tune.lograndint(1, 9), Int(1, 8, log=True)),
    "qrandint": (tune.qrandint(4, 12, 4), Int(4, 12, step=4)),
    "qrandint within": (tune.qrandint(-3, 11, 4), Int(0, 8, step=4)),
    "qrandint of one": (tune.qrandint(3, 7, 1), Int(3, 6)),
    "qlograndint": (tune.qlograndint(3, 30, 5), Int(5, 30, step=5, log=True)),
    "choice": (tune.choice(["a", None, True, 1, 1.0]), Categorical(["a", None, True, 1, 1.0])),
    "choice twice": (tune.choice([2, 3, 2]), Categorical([2, 3])),
    "choice of one": (tune.choice(["a"]), Constant("a")),
    "choice of NumPy": (tune.choice(np.array([1, 2])), Categorical([1, 2])),
}


@pytest.mark.parametrize("name", RANGES)
def test_each_domain_is_a_parameter(name):
    domain, parameter = RANGES[name]
    assert of_config({"p": domain}).space == Space({"p": parameter})


@pytest.mark.parametrize("name", [name for name in RANGES if "int" in name or name[0] == "q"])
def test_levels_are_those_that_ray_draws(name):
    domain, _ = RANGES[name]
    axes = of_config({"p": domain})
    ours = {axes.write(params)["p"] for params in axes.space.grid(2)}
    drawn = np.reshape(domain.sample(size=2000, random_state=0), -1)
    assert np.allclose(sorted(ours), np.unique(np.round(drawn, 9)), rtol=0, atol=1e-9)
    assert {type(value) for value in ours} == {type(domain.cast(drawn[0]))}


@pytest.mark.parametrize(
    ("domain", "step"),
    [
        (tune.lograndint(1, 10**9 + 1), 1),
        (tune.qrandint(0, 7 * 10**9, 7), 7),
        (tune.qloguniform(1e-9, 1.0, 1e-9), 1e-9),
    ],
)
def test_many_levels_are_searched_as_if_continuous_and_rounded(domain, step):
    axes = of_config({"p": domain})
    (parameter,) = (p for _, p in axes.space.items())
    assert parameter.count is None
    for u in np.linspace(0.0, 1.0, 23):
        value = axes.write({"p": parameter.from_code(u)})["p"]
        assert type(value) is type(domain.cast(0))
        assert math.isclose(value / step, round(value / step), rel_tol=1e-12)
        assert domain.is_valid(value)
    assert axes.write({"p": parameter.high})["p"] == 10**9 * step


def test_choices_may_be_any_objects():
    layers, activation = [64, 64], np.tanh
    objects = [layers, {"kind": "adam"}, activation, math.inf, layers]
    axes = of_config({"p": tune.choice(objects)})
    assert axes.space == Space({"p": Categorical([0, 1, 2, 3])})
    assert [axes.write({"p": i})["p"] for i in range(4)] == objects[:4]
    assert [axes.read("c", {"p": value})["p"] for value in objects[:4]] == [0, 1, 2, 3]
    assert axes.read("c", {"p": [64, 64]}) == {"p": 0}
    with pytest.raises(InvalidArgument, match=r"c\['p'\]: expected one of .*64"):
        axes.read("c", {"p": [32]})
    arrays = of_config({"p": tune.choice([np.zeros(2), np.ones(2)])})
    with pytest.raises(InvalidArgument, match="expected one of"):
        arrays.read("c", {"p": np.ones(2)})  # they say nothing about equality
    one = of_config({"p": tune.choice([layers])})
    assert one.write({"p": one.space["p"].value}) == {"p": layers}


def test_members_of_an_enum_are_handed_back_and_are_no_text_to_json():
    class Act(str, enum.Enum):
        RELU = "relu"
        GELU = "gelu"

    axes = of_config({"p": tune.choice(list(Act))})
    assert [axes.write({"p": i})["p"] for i in range(2)] == [Act.RELU, Act.GELU]
    assert all(type(axes.write({"p": i})["p"]) is Act for i in range(2))
    assert axes.read("config", {"p": Act.GELU}) == {"p": 1}
    assert axes.dump() is None
    assert of_config({"p": tune.choice([[Act.RELU], ["b"]])}).dump() is None
    assert of_config({"p": tune.choice([["relu"], ["b"]])}).dump() is not None


def test_configurations_are_nested_as_in_ray():
    config = {
        "optimizer": {"lr": tune.uniform(0, 1), "name": "adam", "betas": {1: tune.uniform(0, 1)}},
        "epochs": 3,
        "units": tune.randint(1, 9),
        "data": [1, 2],
    }
    axes = of_config(config)
    assert list(axes.space) == ["optimizer/lr", "optimizer/betas/1", "units"]
    params = {"optimizer/lr": 0.5, "optimizer/betas/1": 0.25, "units": 3}
    written = axes.write(params)
    assert written == {"optimizer": {"lr": 0.5, "betas": {1: 0.25}}, "units": 3}
    assert axes.read("c", {**written, "epochs": 3}) == params
    assert axes.read("c", {"optimizer": 7, "units": 3}) == {"units": 3}


def test_a_space_has_parameters_that_exist_under_a_condition_only():
    space = Space({"on": Boolean(), "drop/rate": Float(0.0, 0.5, when={"on": True})})
    axes = of_space(space)
    assert axes.write({"on": False}) == {"on": False}
    assert axes.write({"on": True, "drop/rate": 0.1}) == {"on": True, "drop": {"rate": 0.1}}


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        (tune.sample_from(lambda config: 1), "sample_from.*when="),
        (tune.randn(0, 1), "randn.*tune.uniform"),
        (tune.qrandn(0, 1, 0.1), "randn.*tune.uniform"),
        (tune.grid_search([1, 2]), "grid_search.*tune.choice"),
        (sample.Categorical([1, 2]).grid(), "grid_search.*tune.choice"),
        ([tune.uniform(0, 1)], "not in lists"),
        (tune.choice([1, {"x": tune.uniform(0, 1)}]), "none of them a domain.*tfbo.Space"),
        (tune.choice([]), "one choice or more"),
        (tune.randint(3, 3), "a number in it"),
        (tune.qrandint(1, 3, 5), "a number in it"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_name(domain, said):
    config = {"a": {"b": domain}}
    assert has_domains(config)
    with pytest.raises(InvalidArgument, match=rf"param_space\['a/b'\]: expected .*{said}"):
        of_config(config)


def test_there_is_something_to_search_and_names_differ():
    assert not has_domains({"a": 1, "b": [2, {"c": 3}]})
    with pytest.raises(InvalidArgument, match=r"something to search"):
        of_config({"a": 1, "b": [2, 3]})
    with pytest.raises(InvalidArgument, match=r"names that differ.*a/b"):
        of_config({"a": {"b": tune.uniform(0, 1)}, "a/b": tune.uniform(0, 1)})
    with pytest.raises(InvalidArgument, match=r"c: expected a configuration"):
        of_config({"a": tune.uniform(0, 1)}).read("c", [0.5])
