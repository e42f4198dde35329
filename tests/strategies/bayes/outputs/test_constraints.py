"""Constraints on inputs beside several outputs: every point is legal, and as good as without."""

import math

import numpy as np
import pytest

import tfbo
from tfbo import Categorical, Float, Int, Space

UNIT = Float(0.0, 1.0)
MIXED = Space(
    {
        "layers": Int(1, 8),
        "units": Int(16, 1024, log=True),
        "rate": Float(1e-4, 1e-1, log=True),
        "kind": Categorical(["sgd", "adam"]),
        "momentum": Float(0.0, 0.99, when={"kind": "sgd"}),
    },
    constraints=[
        "layers * units <= 1024",
        "rate + momentum <= 0.6",
        lambda params: params["layers"] + 1000.0 * params["rate"] <= 60.0,
    ],
)
SHARES = Space(dict.fromkeys("abc", UNIT), constraints=["a + b + c == 1", "a * b >= 0.05"])
TWO = {"first": "maximize", "second": "minimize"}


def outcomes(params):
    """Of which two grow with the parameters, at different rates."""
    numbers = [math.log1p(x) for x in params.values() if not isinstance(x, str)]
    first = sum(numbers)
    return {"first": first, "second": sum((1 + i) * x for i, x in enumerate(numbers)) - first}


def legal(space, trials):
    """That all of them are, as the space says and by arithmetic on the sum of shares."""
    for trial in trials:
        assert space.breaks(trial.params) is None
        if space is SHARES:
            assert sum(trial.params.values()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("space", [SHARES, pytest.param(MIXED, marks=pytest.mark.slow)])
def test_points_of_two_objectives_are_legal_alone_in_batches_and_beside_trials_that_run(space):
    study = tfbo.Study(space, objectives=TWO, seed=0)
    for trial in study.ask(5):
        study.tell(trial, outcomes(trial.params))
    running, batch = study.ask(), study.ask(3)
    legal(space, study.trials)
    different = {tuple(t.params.items()) for t in study.trials}
    assert len(different) == len(study.trials) == 9
    for trial in (running, *batch):
        study.tell(trial, outcomes(trial.params))
    legal(space, study.ask(2))


@pytest.mark.parametrize("space", [SHARES, pytest.param(MIXED, marks=pytest.mark.slow)])
def test_points_of_a_study_with_an_outcome_constraint_are_legal(space):
    study = tfbo.Study(space, direction="maximize", constraints=["second <= 0.7"], seed=0)
    for q in (5, 1, 2):
        for trial in study.ask(q):
            found = outcomes(trial.params)
            study.tell(trial, {"value": found["first"], "second": found["second"]})
    legal(space, study.trials)


def test_the_front_on_an_edge_is_climbed_to():
    space = Space(dict.fromkeys("ab", UNIT), constraints=["a**2 + b**2 <= 1"])
    study = tfbo.Study(
        space, objectives=dict.fromkeys("uv", "maximize"), seed=0, reference={"u": 0.0, "v": 0.0}
    )
    for _ in range(12):
        trial = study.ask()
        study.tell(trial, {"u": trial.params["a"], "v": trial.params["b"]})
    radii = [np.hypot(*trial.params.values()) for trial in study.trials[6:]]
    assert min(radii) > 0.999
    assert max(radii) <= 1.0
    # A quarter of the disc, of which six steps of equal angles leave out 0.11 (exact: pi / 4).
    assert study.hypervolume() > math.pi / 4 - 0.15
