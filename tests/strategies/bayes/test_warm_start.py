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
