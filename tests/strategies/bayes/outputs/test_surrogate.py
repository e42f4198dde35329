"""The surrogates of several outputs: each of its own trials, in its own units."""

import numpy as np
import pytest

import tfbo
from tfbo.strategies import Bayes, Problem
from tfbo.strategies.bayes import data as trials_data
from tfbo.strategies.bayes.outputs import surrogate
from tfbo.trial import Goals, OutcomeConstraints, Trial

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "y": tfbo.Float(0.0, 1.0)})
PROBLEM = Problem(
    SPACE,
    "minimize",
    0,
    goals=Goals.of({"f": "minimize", "g": "maximize"}),
    constraints=OutcomeConstraints.of(["h <= 30"]),
)
FUNCTIONS = {
    "f": lambda x, y: (x - 0.3) ** 2 + y,
    "g": lambda x, y: 1e4 * (np.sin(3.0 * x) + y),
    "h": lambda x, y: 50.0 - 20.0 * x * y,
}
MISSING, FAILED = (3, 8), 5


def learned(n=16):
    trials = []
    for i, (x, y) in enumerate(np.random.default_rng(0).random([n, 2])):
        values = {name: float(function(x, y)) for name, function in FUNCTIONS.items()}
        if i in MISSING:
            del values["h"]
        state = "failed" if i == FAILED else "complete"
        if state == "failed":
            values = {"h": values["h"]}
        trials.append(Trial(i, {"x": x, "y": y}, state, values=values))
    history = trials_data.fold(PROBLEM, None, trials)
    return surrogate.of_each(Bayes().settings(PROBLEM), PROBLEM, history)


EACH = learned()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_predictions_are_in_the_units_and_the_direction_of_the_output(name):
    places = np.random.default_rng(1).uniform(0.1, 0.9, [30, 2])
    found = EACH[name].predict([{"x": x, "y": y} for x, y in places])
    truth = FUNCTIONS[name](*places.T)
    assert np.sqrt(np.mean((found.mean - truth) ** 2)) < 0.15 * truth.std()


def test_each_knows_the_trials_that_told_its_outcome():
    numbers = {name: {trial.number for trial in each.trials} for name, each in EACH.items()}
    every = set(range(16))
    assert list(EACH) == ["f", "g", "h"]
    assert numbers == {"f": every - {FAILED}, "g": every - {FAILED}, "h": every - set(MISSING)}
