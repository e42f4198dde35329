"""Outcomes beside which candidates are valued: known ones, joint draws, and the front of each draw."""

import numpy as np
import pytest
import scipy.stats

import tfbo
from tfbo.acquisition import pareto
from tfbo.strategies import Bayes, Problem
from tfbo.strategies.bayes import data as trials_data
from tfbo.strategies.bayes.outputs import aims, ask, fronts
from tfbo.trial import Goals, OutcomeConstraints, Trial

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "y": tfbo.Float(0.0, 1.0)})
PROBLEM = Problem(
    SPACE,
    "minimize",
    0,
    goals=Goals.of({"f": "minimize", "g": "maximize"}),
    constraints=OutcomeConstraints.of(["h <= 1"]),
)
OUTPUTS = aims.of(PROBLEM)


def learned(noise=0.0, missing=(), failed=(), n=12):
    rng = np.random.default_rng(0)
    trials = []
    for i, (x, y) in enumerate(rng.random([n, 2])):
        f, g, h = (x - 0.3) ** 2 + y, np.sin(3.0 * x) + y, x + y
        e = noise * rng.standard_normal(3)
        values = {"f": f + e[0], "g": g + e[1], "h": h + e[2]}
        if i in missing:
            del values["h"]
        state = "failed" if i in failed else "complete"
        values = {"h": values["h"]} if i in failed else values
        trials.append(Trial(i, {"x": x, "y": y}, state, values=values))
    history = trials_data.fold(PROBLEM, None, trials)
    settings = Bayes().settings(PROBLEM)
    return ask.fitted(OUTPUTS, settings, PROBLEM, history, (), n)


EXACT = learned()


def test_without_noise_outcomes_are_those_told():
    here = fronts.known(OUTPUTS, EXACT.fit, EXACT.data)
    np.testing.assert_array_equal(here.mean, EXACT.fit.observed.z)
    assert not here.deviation.any()
    np.testing.assert_array_equal(here.feasible, EXACT.data.values[2] <= 1.0)
    assert len(fronts.doubtful(OUTPUTS, here)) == 0
    np.testing.assert_allclose(
        fronts.in_units(EXACT.data, EXACT.fit, here.mean), EXACT.data.values, rtol=1e-6, atol=1e-6
    )


def test_a_missing_outcome_is_what_the_model_says_of_it():
    found = learned(missing=(3, 5))
    here = fronts.known(OUTPUTS, found.fit, found.data)
    row = [trial.number for trial in found.data.trials].index(3)
    assert here.deviation[2, row] > 0.0
    assert not here.deviation[:2, row].any()
    params = found.data.trials[row].params
    expected = params["x"] + params["y"]
    mean = fronts.in_units(found.data, found.fit, here.mean)[2, row]
    assert mean == pytest.approx(expected, abs=0.1)
    assert here.feasible[row] == (mean <= 1.0)


def test_a_failed_trial_is_never_feasible_though_its_constraints_hold():
    found = learned(failed=(3, 5))
    failed = np.array([trial.state == "failed" for trial in found.data.trials])
    assert (found.data.values[2, failed] <= 1.0).any() and found.data.mask[:, failed].all()
    here = fronts.known(OUTPUTS, found.fit, found.data)
    assert not here.feasible[failed].any() and here.feasible.any()
    assert not failed[fronts.doubtful(OUTPUTS, here)].any()


def test_noisy_trials_that_may_be_on_the_front_are_drawn():
    found = learned(noise=0.3, n=25)
    here = fronts.known(OUTPUTS, found.fit, found.data)
    chosen = fronts.doubtful(OUTPUTS, here)
    some = np.flatnonzero(here.feasible)
    best = some[pareto.non_dominated(here.mean[:2, some].T)]
    uncertain = here.deviation.any(axis=0)
    assert set(best[uncertain[best]]) <= set(chosen)


def test_draws_have_the_moments_of_the_posterior():
    rows = np.random.default_rng(1).random([3, 2])
    numbers = np.random.default_rng(2).standard_normal([3, 20000, 3])
    draws = fronts.drawn(EXACT.fit.posterior, rows, numbers)
    mean, variance = (part.numpy() for part in fronts.as_tensors(EXACT.fit.posterior).moments(rows))
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=0.03)
    np.testing.assert_allclose(draws.std(axis=1), np.sqrt(variance), atol=0.02)


def test_normals_are_even_and_one_draw_is_enough_for_nothing():
    numbers = fronts.normals(OUTPUTS, 4, 0)
    assert numbers.shape == (3, 64, 4)
    assert scipy.stats.kstest(numbers[1, :, 2], "norm").statistic < 0.05
    assert fronts.normals(OUTPUTS, 0, 0).shape == (3, 1, 0)


def test_each_front_is_of_the_feasible_ones():
    settled = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    draws = np.full([3, 2, 1], 2.0)
    feasible = np.array([[True], [False]])
    point = np.array([-1.0, -1.0])
    front = fronts.front(OUTPUTS, settled, draws, feasible, point, 0)
    lower, upper = pareto.Lattice(*front[:3]).corners()
    dominated = [
        (np.minimum(upper[i], 3.0) - lower[i]).clip(0.0).prod(axis=1).sum() for i in (0, 1)
    ]
    assert 16.0 - dominated[0] == pytest.approx(9.0)
    assert 16.0 - dominated[1] == pytest.approx(3.0)


FOUR = fronts.Known(
    np.array([[0.0, 1.0, 5.0, -3.0], [1.0, 0.0, 5.0, -3.0], [0.0] * 4]),
    np.zeros([3, 4]),
    np.array([True, True, False, True]),
    np.ones(4, bool),
)


def test_the_reference_point_is_a_tenth_beyond_the_worst_of_the_front():
    nothing = np.zeros([2, 0])
    np.testing.assert_allclose(fronts.reference(OUTPUTS, FOUR, nothing), [-0.1, -0.1])
    single = FOUR._replace(feasible=np.array([True, False, False, False]))
    np.testing.assert_allclose(fronts.reference(OUTPUTS, single, nothing), [-0.8, 0.2])


def test_the_reference_point_is_of_what_the_model_expects_too():
    # A wider front than that of the trials, and one that has better ends.
    wider, better = np.array([[-1.0], [3.0]]), np.array([[0.5, 1.5], [1.5, 0.5]])
    np.testing.assert_allclose(fronts.reference(OUTPUTS, FOUR, wider), [-1.2, -0.3])
    np.testing.assert_allclose(fronts.reference(OUTPUTS, FOUR, better), [0.4, 0.4])


def test_expected_are_the_means_where_constraints_hold():
    rows = np.array([[0.1, 0.2], [0.9, 0.9]])
    found = fronts.predicted(OUTPUTS, EXACT.fit, EXACT.data, rows)
    assert found.shape == (2, 1)
    f, g = (0.1 - 0.3) ** 2 + 0.2, np.sin(0.3) + 0.2
    values = fronts.in_units(EXACT.data, EXACT.fit, np.append(found[:, 0], 0.0)[:, None])[:2, 0]
    np.testing.assert_allclose(values, [-f, g], atol=0.1)


def test_of_many_objectives_each_draw_has_a_direction():
    names = [f"f{i}" for i in range(5)]
    many = aims.of(
        PROBLEM._replace(goals=Goals.of(dict.fromkeys(names, "minimize")), constraints=None)
    )
    numbers = fronts.normals(many, 0, 0)
    assert numbers.shape == (5, 128, 0)
    settled, point = np.array([[1.0, 2.0, 1.0, 1.0, 1.0]]).T, np.zeros(5)
    front = fronts.front(many, settled, numbers, np.ones([128, 0], bool), point, 3)
    np.testing.assert_allclose(np.linalg.norm(front.directions, axis=1), 1.0)
    np.testing.assert_allclose(front.best, (settled[:, 0] / front.directions).min(axis=1))
