"""Strategies in spaces with constraints: nothing that breaks one leaves `ask`, alone or in batches."""

import math

import pytest

import tfbo
from tfbo import Categorical, Fidelity, Float, Int, Space
from tfbo.errors import InvalidArgument, SpaceExhausted
from tfbo.strategies import Bayes, Grid, Hyperband, Random, Sobol, SuccessiveHalving

UNIT = Float(0.0, 1.0)
MIXED = Space(
    {
        "kind": Categorical(["adam", "sgd"]),
        "a": UNIT,
        "b": UNIT,
        "c": Float(0.0, 1.0, when={"kind": "sgd"}),
        "units": Int(1, 512, log=True),
        "layers": Int(1, 8),
    },
    constraints=["a + b + c == 1", "layers * units <= 600", "units * a >= 20"],
)
# Its share is 1e-4.
CORNER = Space(dict.fromkeys("abcd", UNIT), constraints=["a + b + c + d <= 0.221336"])
FINITE = Space({n: Int(0, 3) for n in "abc"}, constraints=["a + b + c == 4"])
STRATEGIES = {
    "random": Random(),
    "sobol": Sobol(),
    "centre": Sobol(centre=True),
    "bayes": Bayes(n_initial=4),
}


def value(params):
    numbers = [v for v in params.values() if not isinstance(v, str)]
    return sum(math.sin(float(v) + i) for i, v in enumerate(numbers))


@pytest.mark.parametrize("space", [MIXED, CORNER], ids=["mixed", "corner"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_suggestions_meet_the_constraints(name, space):
    study = tfbo.Study(space, strategy=STRATEGIES[name], seed=0)
    for q in (1, 3, 1, 4, 2):
        for trial in study.ask(q):
            assert space.breaks(trial.params) is None
            study.tell(trial, value(trial.params))


@pytest.mark.parametrize("strategy", [Hyperband(), SuccessiveHalving()])
def test_new_configurations_of_rungs_meet_the_constraints(strategy):
    study = tfbo.Study(CORNER, strategy=strategy, seed=0, fidelity=Fidelity(1, 9))
    assert all(CORNER.breaks(trial.params) is None for trial in study.ask(9))


def test_a_study_that_is_loaded_suggests_the_same(tmp_path):
    file = tmp_path / "study.db"
    study = tfbo.Study(CORNER, strategy=Sobol(centre=True), seed=3, storage=file, name="s")
    asked = [trial.params for trial in study.ask(6)]
    other = tfbo.Study(CORNER, strategy=Sobol(centre=True), seed=3)
    assert asked[:3] == [trial.params for trial in other.ask(3)]
    again = tfbo.Study.load(storage=file, name="s", strategy=Sobol(centre=True))
    other = tfbo.Study(CORNER, strategy=Sobol(centre=True), seed=3)
    assert again.ask().params == other.ask(7)[6].params


def test_all_legal_configurations_are_found_and_counted():
    study = tfbo.Study(FINITE, strategy=Random(), seed=0)
    found = {tuple(study.ask().params.values()) for _ in range(FINITE.cardinality)}
    assert len(found) == FINITE.cardinality == 12
    with pytest.raises(SpaceExhausted, match="12 configurations"):
        study.ask()


def test_a_large_space_with_few_legal_configurations_ends():
    space = Space({n: Int(0, 99) for n in "abcd"}, constraints=["a + b + c + d == 1"])
    study = tfbo.Study(space, strategy=Sobol(), seed=0)
    assert len({tuple(study.ask().params.values()) for _ in range(4)}) == 4
    with pytest.raises(SpaceExhausted, match="found by drawing"):
        study.ask()


def test_a_grid_has_what_follows_from_an_equality():
    space = Space(dict.fromkeys("abc", UNIT), constraints=["a + b + c == 1"])
    study = tfbo.Study(space, strategy=Grid(resolution=3))
    found = [tuple(trial.params.values()) for trial in study.ask(6)]
    half = {(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)}
    assert set(found) == half
    with pytest.raises(SpaceExhausted):
        study.ask()


def test_the_centre_that_breaks_a_constraint_gives_way():
    space = Space(dict.fromkeys("ab", UNIT), constraints=["a + b <= 0.8"])
    params = tfbo.Study(space, strategy=Sobol(centre=True), seed=0).ask().params
    assert params["a"] == pytest.approx(0.4, abs=1e-6) and params["b"] == pytest.approx(
        0.4, abs=1e-6
    )


def test_told_configurations_that_break_a_constraint_are_learned_from():
    study = tfbo.Study(CORNER, strategy=Bayes(n_initial=2), seed=0)
    for x in (0.1, 0.5, 0.9):
        study.tell(study.amend(study.ask(), dict.fromkeys("abcd", x)), x)
    assert CORNER.breaks(study.ask().params) is None


def test_a_space_without_legal_configurations_says_so():
    space = Space(
        dict.fromkeys("ab", UNIT),
        constraints=["sqrt(a) + exp(b) <= 1.2", "(a - 0.6) ** 2 + b ** 2 <= 0.01"],
    )
    with pytest.raises(InvalidArgument, match="closest"):
        tfbo.Study(space, seed=0).ask()
