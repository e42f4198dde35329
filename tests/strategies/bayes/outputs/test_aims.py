"""Outputs of a problem, and constraints as conditions on them."""

import numpy as np
import pytest

import tfbo
from tfbo.strategies import Problem
from tfbo.strategies.bayes.outputs import aims
from tfbo.trial import Goals, OutcomeConstraints, Trial

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})


def outputs(constraints, objectives=None, **settings):
    goals = None if objectives is None else Goals.of(objectives)
    limits = OutcomeConstraints.of(constraints) if constraints else None
    return aims.of(Problem(SPACE, "minimize", 0, goals=goals, constraints=limits, **settings))


def trial(i=0, state="complete", value=None, **values):
    return Trial(i, {"x": 0.1 * i}, state, value, values=values)


def test_one_objective_without_constraints_has_no_outputs():
    assert outputs([]) is None


@pytest.mark.parametrize(
    ("text", "rising", "edge"),
    [
        ("a <= 10", False, 10.0),
        ("a >= 3", True, 3.0),
        ("2 - a <= 1", True, 1.0),
        ("3 * a + 1 <= a + 7", False, 3.0),
        ("log(a) <= 3", False, np.exp(3.0)),
        ("sqrt(a) >= 2", True, 4.0),
        ("exp(a) <= 5", False, np.log(5.0)),
        ("a ** 3 >= -8", True, -2.0),
        ("log(a + 1) >= 0", True, 0.0),
    ],
)
def test_a_constraint_that_begins_to_hold_at_one_outcome_has_a_threshold(text, rising, edge):
    (condition,) = outputs([text]).conditions
    assert condition.rising is rising
    assert condition.edge == pytest.approx(edge, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    ["a + b <= 1", "log(a) + log(b) <= 3", "a == 2", "a * b >= 1", "abs(a) <= 1", "1 / a >= 1"],
)
def test_other_constraints_have_none(text):
    assert outputs([text]).conditions[0].rising is None


def test_objectives_come_first_and_are_turned():
    found = outputs(["size <= 3", "ms <= 9"], {"accuracy": "maximize", "ms": "minimize"})
    assert found.names == ("accuracy", "ms", "size")
    assert found.objectives == 2
    values = found.values([trial(accuracy=0.9, ms=5.0, size=2.0), trial(1, accuracy=0.8)])
    np.testing.assert_array_equal(values, [[0.9, 0.8], [-5.0, np.nan], [2.0, np.nan]])
    np.testing.assert_allclose(found.margins(values)[:, 0], [1.0, 4.0])
    assert found.threshold(1) == -9.0


def test_one_objective_is_the_value_of_a_trial_and_unfinished_ones_have_no_outcomes():
    found = outputs(["size <= 3"])
    assert found.names == (None, "size")
    trials = [trial(value=2.0, size=1.0), trial(1, "failed", size=5.0), trial(2, "paused", 1.0)]
    nan = np.nan
    np.testing.assert_array_equal(found.values(trials), [[-2.0, nan, nan], [1.0, 5.0, nan]])


def test_what_an_expression_mixes_is_modelled_as_it_is():
    found = outputs(["a <= 1", "a + b <= 2", "c >= 0", "d >= 0", "d <= 1"])
    bent = {name: found.is_bent(i) for i, name in enumerate(found.names)}
    assert bent == {None: True, "a": False, "b": False, "c": True, "d": True}
    assert found.threshold(3) == 0.0
    assert found.threshold(4) is None


@pytest.mark.parametrize("name", ["value", "loss"])
def test_a_constraint_on_the_only_objective_is_about_the_same_output(name):
    found = outputs([f"{name} >= 1", f"mb + {name} <= 9"], objective=name)
    assert found.names == (None, "mb")
    assert [each.outputs for each in found.conditions] == [(0,), (1, 0)]
    # The value is turned, for it is minimised; its edge is at one in the user's units.
    np.testing.assert_allclose(found.margins(np.array([[-3.0], [2.0]])), [[2.0], [4.0]])


def test_an_equality_holds_within_its_tolerance_as_trials_are_feasible():
    texts = ["a + b == 1"]
    found, limits = outputs(texts), OutcomeConstraints.of(texts)
    a, b = np.array([0.5, 0.5, 0.5, 30.0, np.nan]), np.array([0.5, 0.5001, 0.6, -29.001, 1.0])
    margins = found.margins(np.stack([0.0 * a, a, b]))
    np.testing.assert_allclose(margins[0, :3], [2e-4, 1.001e-4, 2.1e-4 - 0.1], rtol=1e-3)
    for i in range(4):
        broken = limits.violations({"a": a[i], "b": b[i]})[texts[0]]
        assert (margins[0, i] >= 0.0) == (broken == 0.0)
    assert np.isnan(margins[0, 4])
    # That of the trial that is the closest.
    np.testing.assert_allclose(found.tolerances(np.stack([0.0 * a, a, b])), 6.0001e-3, rtol=1e-3)
    np.testing.assert_allclose(outputs(["a <= 1"]).tolerances(np.zeros([2, 3])), 0.0)


def test_outputs_of_which_nothing_was_told():
    problem = Problem(SPACE, "minimize", 0, constraints=OutcomeConstraints.of(["a <= 1"]))
    assert aims.untold(problem, [trial(value=1.0)]) == ["a"]
    assert aims.untold(problem, []) == ["value", "a"]
    assert aims.untold(problem, [trial(value=1.0), trial(1, "failed", a=1.0)]) == []
    made = aims.examples(problem, [{"x": 0.1}, {"x": 0.2}])
    assert aims.untold(problem, made) == []
