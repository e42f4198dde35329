import json

import numpy as np
import pytest

import tfbo
from tfbo.gp import kernels, search
from tfbo.gp.hyperprior import default_priors, medians, stack
from tfbo.strategies import Bayes
from tfbo.strategies.bayes import warm_start
from tfbo.trial import Trial

HYPERPRIOR = stack(kernels.kernel("matern52", 2), default_priors(2))
SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "y": tfbo.Float(0.0, 1.0)})


def fitted(known=True, ok=True, inverse=None):
    a = np.random.default_rng(0).standard_normal([4, 4])
    inverse = a @ a.T + np.eye(4) if inverse is None else inverse
    return search.Fitted(np.array([0.1, -1.0, 2.0, -7.0]), -3.0, inverse, known, ok)


def trial(number, notes):
    return Trial(number, {"x": 0.5, "y": 0.5}, notes=json.loads(json.dumps(notes)))


def test_a_fit_comes_back_from_the_newest_trial():
    old, new = warm_start.notes(fitted(), 3), warm_start.notes(fitted(), 11)
    last = warm_start.last([trial(9, new), trial(4, old), trial(12, {})], HYPERPRIOR)
    assert last.searched == 11 and last.start.known is True
    np.testing.assert_array_equal(last.start.theta, fitted().theta)
    np.testing.assert_allclose(last.start.inverse, fitted().inverse, rtol=1e-2, atol=1e-2)
    assert np.linalg.eigvalsh(last.start.inverse).min() > 0.0


@pytest.mark.parametrize("bad", [fitted(known=False), fitted(inverse=-np.eye(4))])
def test_a_curvature_that_is_not_known_is_not_handed_on(bad):
    last = warm_start.last([trial(0, warm_start.notes(bad, 5))], HYPERPRIOR)
    assert last.start.known is False and last.searched == 5
    np.testing.assert_array_equal(last.start.inverse, np.eye(4))
    np.testing.assert_array_equal(last.start.theta, fitted().theta)


def test_without_a_fit_the_medians_start():
    for trials in ([], [trial(0, warm_start.notes(fitted(ok=False), 5))]):
        last = warm_start.last(trials, HYPERPRIOR)
        assert last.searched == 0 and last.is_due(1)
        np.testing.assert_array_equal(last.start.theta, medians(HYPERPRIOR))


def test_the_fit_of_another_kernel_is_not_used():
    other = stack(kernels.kernel("rational_quadratic", 2), default_priors(2))
    last = warm_start.last([trial(0, warm_start.notes(fitted(), 5))], other)
    assert last.searched == 0 and last.start.theta.shape == (5,)
    study = tfbo.Study(SPACE, seed=0)
    study.optimize(lambda p: p["x"], n_trials=8)
    study.advisor.strategy = Bayes(kernel="rational_quadratic")
    study.optimize(lambda p: p["x"], n_trials=2)
    assert len(study.trials) == 10


def test_searches_become_rare_as_evidence_grows():
    searches, searched = [], 0
    for n in range(5, 1001):
        if warm_start.Last(None, searched).is_due(n):
            searches.append(n)
            searched = n
    assert searches[:6] == [5, 6, 7, 8, 9, 10]
    assert len(searches) < 100
    gaps = np.diff(searches)
    assert np.all(np.diff(gaps) >= 0)
    assert gaps[-1] >= 45


def test_of_curves_a_search_is_due_where_there_are_an_eighth_more_points():
    searches, searched = [], 0
    for n in range(4, 401):
        if warm_start.Last(None, searched).is_due_of_curves(n):
            searches.append(n)
            searched = n
    growth = np.array(searches[1:]) / searches[:-1]
    assert searches[0] == 4 and 20 < len(searches) < 40
    assert (growth >= 1.125).all() and (growth[-5:] < 1.18).all()


def test_a_trial_that_went_on_may_have_a_newer_fit_than_later_ones():
    theta = fitted().theta
    old, new = (
        warm_start.notes(fitted()._replace(theta=theta + shift), searched)
        for shift, searched in ((0.0, 40), (0.5, 60))
    )
    for trials in ([trial(2, new), trial(9, old)], [trial(9, old), trial(2, new)]):
        last = warm_start.last(trials, HYPERPRIOR)
        assert last.searched == 60
        np.testing.assert_array_equal(last.start.theta, theta + 0.5)
    # Of fits after the same search, the newer trial's.
    again = warm_start.notes(fitted()._replace(theta=theta + 0.1), 60)
    last = warm_start.last([trial(12, again), trial(2, new)], HYPERPRIOR)
    np.testing.assert_array_equal(last.start.theta, theta + 0.1)


@pytest.mark.parametrize("searched", ["sixty", None, [60]])
def test_notes_that_something_else_wrote_are_the_oldest(searched):
    odd = {**warm_start.notes(fitted(), 60), "searched": searched}
    last = warm_start.last([trial(9, odd), trial(2, warm_start.notes(fitted(), 5))], HYPERPRIOR)
    assert last.searched == 5
