"""The compiled fit of several outputs: beside that of one, with masks, held noise and a warm start."""

import numpy as np
import pytest

import tfbo
from tfbo.gp import hyperprior, outcomes
from tfbo.gp.data import TrainingData
from tfbo.strategies import Bayes, Problem
from tfbo.strategies.bayes import fit, warm_start
from tfbo.strategies.bayes.outputs import fit as fits

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "y": tfbo.Float(0.0, 1.0)})
MODEL = (
    Bayes()
    .settings(Problem(SPACE, "minimize", 0))
    .model._replace(transform=outcomes.unchanged, restarts=4)
)
X = np.random.default_rng(0).random([15, 2])
Y = np.stack([np.sin(5.0 * X[:, 0]) + X[:, 1], 1e3 * (X[:, 0] - X[:, 1] ** 2) - 7.0])


def given(y=Y, *, mask=None, noise=np.nan, start=None):
    m = len(y)
    mask = np.ones(y.shape, bool) if mask is None else mask
    start = warm_start.last_of_each((), MODEL.hyperprior, m).start if start is None else start
    draws = hyperprior.draws(MODEL.hyperprior, 16, np.random.default_rng(1))
    data = TrainingData(X, np.where(mask, y, 0.0), np.zeros_like(y))
    return fit.Given(data, mask, np.full(m, noise), start, draws)


def run(asked, **settings):
    return fits.run(fits.Models(MODEL, len(asked.mask)), asked, "CPU:0", **settings)


def test_each_output_is_fitted_as_it_is_alone():
    both = run(given())
    for i in range(2):
        alone = run(given(Y[i : i + 1]))
        assert both.found.value[i] == pytest.approx(alone.found.value[0], abs=1e-3)
        np.testing.assert_allclose(both.posterior.shift[i], Y[i].mean())
        np.testing.assert_allclose(both.posterior.scale[i], Y[i].std())
    assert np.all(both.posterior.ok)


def test_missing_outcomes_count_for_nothing():
    mask = np.ones_like(Y, bool)
    mask[0, [1, 4]] = False
    found = run(given(mask=mask))
    np.testing.assert_allclose(found.posterior.shift[0], Y[0, mask[0]].mean())
    other = run(given(np.where(mask, Y, 1e9), mask=mask))
    np.testing.assert_array_equal(found.found.theta, other.found.theta)


def test_noise_that_is_known_is_held():
    found = run(given(noise=0.0))
    np.testing.assert_allclose(found.posterior.hyperparameters.noise, fit.EXACT)
    held = run(given(noise=0.5))
    expected = (0.5 / Y.std(axis=1)) ** 2
    np.testing.assert_allclose(held.posterior.hyperparameters.noise, expected.clip(fit.EXACT))


def test_without_a_search_the_models_stand_at_the_start():
    found = run(given())
    start = warm_start.search.Start(*(found.found[i] for i in (0, 2, 3)))
    again = run(given(start=start), searches=False)
    np.testing.assert_array_equal(again.found.theta, found.found.theta)
    np.testing.assert_allclose(again.posterior.factors.alpha, found.posterior.factors.alpha)


@pytest.mark.slow
def test_a_study_of_several_outputs_traces_its_programs_once(traced):
    study = tfbo.Study(SPACE, objectives={"f": "minimize", "g": "maximize"}, seed=0)
    for _ in range(32):
        trial = study.ask()
        x, y = trial.params["x"], trial.params["y"]
        study.tell(trial, {"f": (x - 0.3) ** 2 + y, "g": np.sin(3.0 * x) + y})
    # A fit that searches, one that does not, and the choice.
    assert sorted(traced) == ["_choose", "_fit", "_fit"]
