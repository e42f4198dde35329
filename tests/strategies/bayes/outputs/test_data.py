"""Training data of several outputs: missing and failed ones, transforms, ranks."""

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo.gp import outcomes
from tfbo.strategies import Failed, Problem
from tfbo.strategies.bayes import data as trials_data
from tfbo.strategies.bayes.outputs import aims, data
from tfbo.trial import Goals, OutcomeConstraints, Trial

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
PROBLEM = Problem(
    SPACE,
    "minimize",
    0,
    goals=Goals.of({"loss": "minimize", "rate": "maximize"}),
    constraints=OutcomeConstraints.of(["size <= 4"]),
)
TRIALS = [
    Trial(0, {"x": 0.1}, "complete", values={"loss": 3.0, "rate": 1.0, "size": 2.0}),
    Trial(1, {"x": 0.5}, "complete", values={"loss": 2.0, "rate": 0.5}, stds={"loss": 0.1}),
    Trial(2, {"x": 0.3}, "failed", values={"size": 9.0}),
    Trial(3, {"x": 0.7}, "complete", values={"loss": 5.0, "rate": 0.1, "size": 5.0}),
    Trial(4, {"x": 0.9}, "failed"),
    Trial(5, {"x": 0.8}, "stopped", values={"loss": 0.0, "rate": 9.0, "size": 0.0}),
]


def told(failed=None, most=1000, trials=TRIALS, transform=outcomes.unchanged):
    outputs, history = aims.of(PROBLEM), trials_data.fold(PROBLEM, None, trials)
    return data.told(outputs, PROBLEM, history, transform, most=most, failed=failed)


def test_what_is_missing_does_not_count():
    found = told()
    assert [trial.number for trial in found.trials] == [0, 2, 1, 3]
    assert found.mask.tolist() == [
        [True, False, True, True],
        [True, False, True, True],
        [True, True, False, True],
    ]
    np.testing.assert_allclose(found.y[0], [-3.0, 0.0, -2.0, -5.0])
    np.testing.assert_allclose(found.std[0], [0.0, 0.0, 0.1, 0.0])


def test_failed_trials_are_as_bad_as_the_worst_in_each_objective_but_not_in_what_they_were_told():
    found = told(Failed(penalty=0.0, std=1.0))
    assert [trial.number for trial in found.trials] == [0, 2, 1, 3, 4]
    bad = [1, 4]
    np.testing.assert_allclose(found.y[0, bad], -5.0)
    np.testing.assert_allclose(found.y[1, bad], 0.1)
    assert found.mask[:2].all()
    assert found.mask[2].tolist() == [True, True, False, True, False]
    np.testing.assert_allclose(found.std[0, bad], np.std([-3.0, -2.0, -5.0]))


def test_the_order_of_trials_does_not_count():
    one, other = told(Failed()), told(Failed(), trials=TRIALS[::-1])
    np.testing.assert_array_equal(one.y, other.y)
    np.testing.assert_array_equal(one.x, other.x)


def test_of_many_trials_the_best_stay():
    found = told(most=2)
    assert 0 in [trial.number for trial in found.trials]
    assert len(found.trials) == 2


def test_a_bilog_keeps_the_side_of_its_threshold_and_comes_back():
    y = tf.constant([-1e6, -3.0, 2.0, 2.5, 1e4], tf.float64)
    bent = data.Bilog(2.0, 5.0)
    z = bent.apply(y)
    assert np.sign(z).tolist() == [-1.0, -1.0, 0.0, 1.0, 1.0]
    assert (np.diff(z) > 0.0).all() and np.abs(z).max() < 15.0
    back, slope = bent.invert(z)
    np.testing.assert_allclose(back, y, rtol=1e-9)
    step = 1e-6
    np.testing.assert_allclose(slope, (bent.invert(z + step)[0] - back) / step, rtol=1e-4)


def test_constrained_outcomes_are_bent_about_their_threshold_and_objectives_tempered():
    found = told(transform=outcomes.tempering)
    assert isinstance(found.transforms[2], data.Bilog)
    assert found.transformed(2, 4.0) == 0.0
    assert isinstance(found.transforms[0], outcomes.Tempering)
    assert found.y[2, 0] < 0.0 < found.y[2, 1]


def test_feasible_trials_that_are_dominated_by_few_rank_first():
    outputs = aims.of(PROBLEM)
    values = np.array(
        [[1.0, 2.0, 0.5, 9.0, 9.0, 3.0], [2.0, 1.0, 0.5, 9.0, 9.0, 3.0], [1, 1, 1, 9, 5, np.nan]]
    )
    ranks = data.rank(outputs, values)
    assert sorted(ranks[:2]) == [0.0, 1.0]
    assert ranks[2:].tolist() == [2.0, 4.0, 3.0, 5.0]
    ends = data.ends(outputs, told())
    assert ends.y.max() == pytest.approx(0.0)
