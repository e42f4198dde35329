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


def test_a_bilog_is_straight_on_the_side_that_ends_first():
    far = np.array([-1e6, -1e3, -10.0, 1.0, 3.0, 4.0])
    assert data.Bilog.about(0.0, far).size == 4.0
    assert data.Bilog.about(0.0, -far).size == 4.0
    # Trials that crowd about the threshold do not change it.
    crowd = np.concatenate([far, np.linspace(-1e-3, 1e-3, 20)])
    assert data.Bilog.about(0.0, crowd).size == 4.0
    # Next to nothing is known of what lies above: a quarter of all are within 1.4.
    assert data.Bilog.about(3.9, far).size == pytest.approx(1.4)
    assert data.Bilog.about(0.0, np.array([1.0, 2.0, 50.0])).size == 2.0
    assert data.Bilog.about(5.0, np.array([5.0, 5.0])).size == 1.0


def test_an_objective_under_constraints_is_bent_about_its_best_feasible_outcome():
    def made(transform, sizes):
        problem = Problem(SPACE, "minimize", 0, constraints=OutcomeConstraints.of(["size <= 4"]))
        trials = [
            Trial(i, {"x": 0.1 * i}, "complete", float(i), values={"value": float(i), "size": size})
            for i, size in enumerate(sizes)
        ]
        outputs, history = aims.of(problem), trials_data.fold(problem, None, trials)
        return data.told(outputs, problem, history, transform, most=9, failed=None).transforms[0]

    sizes = [9.0, 9.0, 1.0, 1.0, 9.0, 9.0]
    assert made(outcomes.tempering, sizes) == data.Bilog(-2.0, 2.0)
    # None is feasible, or another transform was asked for.
    assert isinstance(made(outcomes.tempering, [9.0] * 6), outcomes.Tempering)
    assert isinstance(made(outcomes.unchanged, sizes), outcomes.Unchanged)


def test_noise_that_is_known_is_part_of_the_errors_of_objectives():
    outputs, history = aims.of(PROBLEM), trials_data.fold(PROBLEM, None, TRIALS)
    found = data.told(outputs, PROBLEM, history, outcomes.unchanged, most=9, failed=None, noise=0.2)
    np.testing.assert_allclose(found.std[0], [0.2, 0.0, np.hypot(0.2, 0.1), 0.2])
    assert not found.std[2].any()


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
