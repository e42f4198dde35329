"""Promises of each family; a new member joins by a row. Those of the README are among them."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import Categorical, Float, Int, Space, Study
from tfbo.acquisition import LogEI
from tfbo.gp import Hyperparameters, kernels
from tfbo.gp.pending import Pending
from tfbo.storage import SQLiteStorage
from tfbo.strategies import Bayes, Problem, Random, Sobol
from tfbo.strategies.bayes.greedy import Greedy
from tfbo.strategies.bayes.thompson import Thompson

README = Path(__file__).parents[1] / "README.md"
SECTION = README.read_text().split("## Extending")[1].split("\n## ")[0]
MINE = {}
exec("\n".join(block.split("```")[0] for block in SECTION.split("```python\n")[1:]), MINE)

SPACE = Space({"x": Float(0.0, 1.0), "kind": Categorical(["a", "b"]), "n": Int(1, 9)})
ACQUISITIONS = {"LogEI": LogEI(), "of the README": MINE["MeanPlusVariance"](0.5)}
KERNELS = {"matern52": "matern52", "of the README": MINE["smooth_and_rough"]}
STRATEGIES = {
    "Bayes": Bayes(n_initial=3, n_candidates=64),
    "Sobol": Sobol(),
    "of the README": MINE["Halton"](),
}
CHOOSERS = {
    "greedy": Greedy(),
    "Thompson": Thompson(),
    "of the README": MINE["Screened"](),
}
STORAGES = {"file": SQLiteStorage, "of the README": MINE["Announcing"]}


CORNER = Space(
    {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)},
    constraints=["x + y <= 1", lambda params: params["x"] >= 0.1],
)


def value(params):
    return (params["x"] - 0.3) ** 2 + 0.1 * (params["kind"] == "a") + 0.01 * params["n"]


def told(strategy, n, seed=1):
    """A study of n trials."""
    study = Study(SPACE, seed=seed, strategy=strategy)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, value(trial.params))
    return study


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_no_point_is_worth_more_than_the_one_that_is_suggested(name):
    acquisition = ACQUISITIONS[name]
    strategy = Bayes(acquisition, n_initial=4, boundary=0.0)
    study = told(strategy, 8)
    problem = Problem(SPACE, "minimize", 1)
    model = strategy.surrogate(problem, strategy.fold(problem, None, study.trials))
    nothing = Pending(model.observed.features[:0], tf.zeros([1, 0], tf.float64))
    state = acquisition.prepare(model.posterior, model.observed, nothing)
    others = list(
        Sobol().suggest(problem, Sobol().fold(problem, None, ()), pending=(), number=0, q=256)
    )
    rows = problem.encoding.encode([study.ask().params, *(each.params for each in others)])
    worth = acquisition.worth(state, tf.constant(rows[:, None]))[:, 0].numpy()
    worth = worth.reshape(len(rows), -1)[:, 0]
    assert np.isfinite(worth).all()
    assert worth[0] >= worth[1:].max() - 1e-6


@pytest.mark.parametrize("name", KERNELS)
def test_covariances_are_positive_definite_and_a_study_ends_near_the_optimum(name):
    columns = tfbo.space.encoding(SPACE).columns
    kernel = kernels.kernel(KERNELS[name], 3, columns)
    lengthscales = tf.constant([0.3, 1.0, 2.0], tf.float64)
    at = Hyperparameters(*map(tf.constant, (np.float64(1.3), lengthscales, np.zeros(0), 1e-6)))
    at = at._replace(noise=tf.constant(1e-6, tf.float64))
    rows = tfbo.space.encoding(SPACE).encode([trial.params for trial in told(Random(), 20).trials])
    k = kernel.covariance(at, kernel.embed(tf.constant(rows))).numpy()
    np.testing.assert_allclose(k, k.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(k), 1.3**2 + 1e-6)
    assert np.linalg.eigvalsh(k).min() > 0.0
    study = told(Bayes(kernel=KERNELS[name], n_candidates=128), 14)
    assert study.best_value < 0.05
    assert np.abs(study.predict([study.best_params]).mean[0] - study.best_value) < 0.01


@pytest.mark.parametrize("name", STRATEGIES)
def test_suggestions_are_legal_new_and_repeat_with_the_seed(name):
    one, two = (told(STRATEGIES[name], 6) for _ in range(2))
    found = [trial.params for trial in one.trials]
    assert found == [trial.params for trial in two.trials]
    assert all(SPACE.validate(params) == params for params in found)
    batch = [trial.params for trial in one.ask(3)]
    assert len({tuple(params.values()) for params in found + batch}) == 9
    assert one.best_value == min(map(value, found))


@pytest.mark.parametrize("name", CHOOSERS)
def test_a_batch_beside_running_trials_is_legal_and_new_and_a_search_beats_chance(name):
    study = told(Bayes(n_initial=4, n_candidates=256, chooser=CHOOSERS[name]), 14)
    best, asked = study.best_value, study.ask(2) + study.ask(4)
    found = [trial.params for trial in study.trials]
    assert len(asked) == 6 and all(SPACE.validate(params) == params for params in found)
    assert len({tuple(params.values()) for params in found}) == 20
    assert best < np.quantile([value(trial.params) for trial in told(Random(), 40).trials], 0.1)


@pytest.mark.parametrize("name", STORAGES)
def test_a_study_goes_on_where_it_was_left(name, tmp_path):
    def opened():
        storage = STORAGES[name](tmp_path / "runs.db")
        return Study(SPACE, storage=storage, name="mine", seed=0, strategy=Sobol())

    study = opened()
    for _ in range(3):
        trial = study.ask()
        study.tell(trial, value(trial.params))
    again = opened()
    assert again.trials == study.trials
    assert again.ask().params == told(Sobol(), 4, seed=0).trials[3].params


@pytest.mark.parametrize("name", CHOOSERS)
def test_no_suggestion_of_a_chooser_breaks_a_constraint(name):
    study = Study(CORNER, seed=0, strategy=Bayes(n_initial=3, chooser=CHOOSERS[name]))
    for q in (3, 1, 2):
        for trial in study.ask(q):
            assert CORNER.breaks(trial.params) is None
            study.tell(trial, -trial.params["x"] - trial.params["y"])
