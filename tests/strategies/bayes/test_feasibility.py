"""Trials that fail: what is learned of where they do, and what becomes of suggestions."""

import math

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import Categorical, Float, Space
from tfbo._compile import devices
from tfbo.acquisition import LogEI
from tfbo.strategies import Bayes, Problem, Sobol
from tfbo.strategies.bayes import ask, feasibility

PLANE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
CPU = devices.CPU


def told(space, objective, n, seed=0, strategy=None):
    """A study of Sobol points that have been told; NaN is a failure."""
    storage = tfbo.SQLiteStorage(":memory:")
    first = tfbo.Study(space, seed=seed, storage=storage, strategy=Sobol())
    first.optimize(objective, n_trials=n, max_failures=None)
    return tfbo.Study.load(storage=storage, strategy=strategy)


def success(study, configurations, strategy=Bayes()):
    """The probability that configurations succeed."""
    problem = Problem(study.space, study.direction, study.seed)
    state = strategy.fold(problem, None, study.trials)
    settings = strategy.settings(problem)
    labels, numbers = ask.labels(settings, state), range(len(study.trials), len(study.trials) + 1)
    fitted = ask.pose(settings, problem, state, (), numbers, CPU).fitted
    rows = problem.encoding.encode(configurations)
    given = tf.nest.map_structure(tf.constant, (labels, *fitted[:2]))
    model = feasibility.model(LogEI(), *given)
    return np.exp(model.success(tf.constant(rows)).log_probability)


def ball(params):
    """Fails but in a disc of a twentieth of the square; the optimum is on its slope, not in its middle."""
    x, y = params["x"] - 0.7, params["y"] - 0.3
    return (x - 0.05) ** 2 + (y - 0.04) ** 2 if x * x + y * y < 0.016 else math.nan


@pytest.mark.parametrize("seed", range(3))
def test_one_success_among_failures_is_where_the_search_goes_on(seed):
    study = told(PLANE, lambda p: math.nan, 30, seed=seed)
    study.tell(study.enqueue({"x": 0.72, "y": 0.33}), 1.0)
    distance = [
        math.dist(study.ask().params.values(), (0.72, 0.33)) for _ in range(3)
    ]  # all of them pending
    assert max(distance) < 0.25
    study.optimize(ball, n_trials=20)
    late = [trial for trial in study.trials[-20:] if trial.value is not None]
    assert len(late) >= 8, "chance finds one of them"
    assert study.best_value < 0.02


def test_where_all_outcomes_are_equal_failures_are_avoided_all_the_same():
    objective = lambda p: 5.0 if p["x"] < 0.5 else math.nan
    study = told(PLANE, objective, 20)
    study.optimize(objective, n_trials=8)
    assert sum(trial.state == "failed" for trial in study.trials[20:]) <= 2


def test_the_side_on_which_trials_succeed_is_learned():
    study = told(PLANE, lambda p: p["y"] if p["x"] + 0.5 * p["y"] < 0.7 else math.nan, 30)
    good = success(study, [{"x": 0.1, "y": 0.5}, {"x": 0.3, "y": 0.2}])
    bad = success(study, [{"x": 0.9, "y": 0.5}, {"x": 0.7, "y": 0.9}])
    edge = success(study, [{"x": 0.45, "y": 0.5}])
    assert good.min() > 0.9 and bad.max() < 0.1 and 0.15 < edge[0] < 0.85


def test_a_category_that_fails_is_learned():
    space = Space({"kind": Categorical(["a", "b", "c"]), "x": Float(0.0, 1.0)})
    study = told(space, lambda p: math.nan if p["kind"] == "b" else p["x"], 24)
    found = success(study, [{"kind": kind, "x": 0.5} for kind in "abc"])
    assert found[0] > 0.9 and found[1] < 0.1 and found[2] > 0.9
    assert sum(trial.params["kind"] == "b" for trial in study.ask(4)) <= 1


def test_failures_by_chance_are_everywhere_about_as_likely():
    rng = np.random.default_rng(0)
    study = told(PLANE, lambda p: p["x"] if rng.random() < 0.6 else math.nan, 80)
    places = [{"x": x, "y": y} for x, y in rng.random([50, 2])]
    found = success(study, places)
    assert 0.4 < found.mean() < 0.8 and found.std() < 0.3


def test_without_failures_the_program_knows_nothing_of_them(traced):
    study = told(PLANE, lambda p: p["x"], 8)
    study.ask()
    assert traced == ["_fit", "_choose"]
    for _ in range(2):
        study.tell(study.ask(), state="failed", reason="test")
    assert traced == ["_fit", "_choose", "_fit", "_choose"]  # the second fit is of the labels


@pytest.mark.parametrize("acquisition", ["EI", "LogPI", "UCB", "PosteriorMean", "PosteriorStd"])
def test_any_acquisition_avoids_where_trials_fail(acquisition):
    strategy = Bayes(getattr(tfbo.acquisition, acquisition)(), n_candidates=128)
    fails = lambda p: math.nan if p["x"] > 0.6 else (p["x"] - 0.4) ** 2 + p["y"]
    study = told(PLANE, fails, 16, strategy=strategy)
    study.optimize(fails, n_trials=12)
    assert sum(trial.state == "failed" for trial in study.trials[16:]) <= 4


@pytest.mark.parametrize("q", [3, 6, 20])
def test_batches_avoid_where_trials_fail(q):
    fails = lambda p: math.nan if p["x"] > 0.5 else -p["x"]
    study = told(PLANE, fails, 24)
    asked = [trial.params["x"] for trial in study.ask(q)]
    assert np.mean(np.array(asked) < 0.55) >= 0.75 and len(set(asked)) == q
    assert study.ask().params["x"] < 0.75, "while these are pending"


def test_of_many_trials_both_kinds_are_modelled():
    fails = lambda p: math.nan if p["x"] > 0.5 else -p["x"]
    study = told(PLANE, fails, 60, strategy=Bayes(n_modelled=20))
    assert success(study, [{"x": 0.2, "y": 0.5}], Bayes(n_modelled=20))[0] > 0.8
    assert success(study, [{"x": 0.9, "y": 0.5}], Bayes(n_modelled=20))[0] < 0.2
    assert all(trial.params["x"] < 0.6 for trial in study.ask(3))


def test_a_unit_changes_no_suggestion():
    def run(scale, shift):
        study = told(PLANE, lambda p: scale * ball(p) + shift, 40, seed=1)
        study.tell(study.enqueue({"x": 0.72, "y": 0.33}), scale * 0.01 + shift)
        study.optimize(lambda p: scale * ball(p) + shift, n_trials=8)
        return [list(trial.params.values()) for trial in study.trials]

    expected = run(1.0, 0.0)
    for scale, shift in ((1e-300, 0.0), (1e308, 0.0), (1e-3, 7.0)):
        np.testing.assert_allclose(run(scale, shift), expected, atol=1e-4)
