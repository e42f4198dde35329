"""Finite spaces that have been tried wholly: with noise configurations are tried again, without it ends."""

import collections
import threading
import warnings

import numpy as np
import pytest

import tfbo
from tfbo import Categorical, Constant, Float, Int, Space, SpaceExhausted
from tfbo.strategies import Bayes, Grid
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import repeats
from tfbo.trial import Trial

TWELVE = Space({"a": Int(1, 3), "b": Categorical(["w", "x", "y", "z"])})
OFFSETS = {"w": 0.0, "x": 0.3, "y": -0.2, "z": 0.9}


def value(params):
    return 0.3 * params["a"] + OFFSETS[params["b"]]


def noisy(sigma=0.3, seed=0):
    rng, lock = np.random.default_rng(seed), threading.Lock()

    def objective(params):
        with lock:
            return value(params) + sigma * rng.standard_normal()

    return objective


def counts(study):
    return collections.Counter(tuple(trial.params.values()) for trial in study.trials)


@pytest.mark.parametrize("strategy", [None, Bayes(noise=0.09)])
@pytest.mark.parametrize("jobs", [None, 5, 13])
def test_with_noise_what_may_be_the_best_is_tried_again(strategy, jobs):
    with warnings.catch_warnings():
        warnings.simplefilter("error", tfbo.TFBOWarning)
        study = tfbo.minimize(noisy(), TWELVE, n_trials=40, seed=0, strategy=strategy, n_jobs=jobs)
    assert len(study.trials) == 40 and study.ended is None
    tried = counts(study)
    assert len(tried) == 12
    good = sum(count for (a, b), count in tried.items() if value({"a": a, "b": b}) < 0.45)
    assert good >= 15, "of the three best of twelve"
    assert value(study.best_params) < 0.45


@pytest.mark.parametrize("strategy", [None, Bayes(noise="none")])
@pytest.mark.parametrize("jobs", [None, 5])
def test_without_noise_it_ends_and_says_so(strategy, jobs):
    space = Space({"n": Int(0, 11)})
    with pytest.warns(tfbo.TFBOWarning, match="12 configurations"):
        study = tfbo.minimize(
            lambda p: (p["n"] - 4.2) ** 2,
            space,
            n_trials=40,
            seed=0,
            strategy=strategy,
            n_jobs=jobs,
        )
    assert len(study.trials) == 12 and "12 configurations" in study.ended
    with pytest.raises(SpaceExhausted, match=r"noise=.*enqueue"):
        study.ask()


def test_what_may_be_noise_is_found_to_be_none_by_a_few_repeats():
    space = Space({"c": Categorical(list("abcdefghijkl"))})
    with pytest.warns(tfbo.TFBOWarning, match="12 configurations"):
        study = tfbo.minimize(lambda p: hash_of(p["c"]), space, n_trials=40, seed=0)
    assert 12 <= len(study.trials) <= 14


def hash_of(letter):
    return (ord(letter) * 7919) % 31 / 31.0


def test_standard_errors_are_noise_whatever_the_strategy_was_told():
    study = tfbo.Study(TWELVE, seed=0, strategy=Bayes(noise="none"))
    for trial in study.ask(12):
        study.tell(trial, value(trial.params), std=0.3)
    assert study.ask().params in [trial.params for trial in study.trials[:12]]


def test_a_repeat_with_another_value_is_noise():
    space = Space({"n": Int(0, 11)})
    study = tfbo.Study(space, seed=0)
    for trial in study.ask(12):
        study.tell(trial, (trial.params["n"] - 4.2) ** 2)
    with pytest.raises(SpaceExhausted):
        study.ask()
    study.tell(study.enqueue({"n": 4}), 0.5)
    assert study.ask().params["n"] in range(12)


def test_a_batch_larger_than_what_is_left():
    study = tfbo.Study(TWELVE, seed=0, strategy=Bayes(noise=0.09))
    for trial in study.ask(10):
        study.tell(trial, value(trial.params))
    study.ask(8)
    assert len(counts(study)) == 12
    assert len(study.ask(20)) == 20, "all others are pending"
    assert len(study.trials) == 38


@pytest.mark.parametrize("size", [1, 2, 3])
def test_spaces_smaller_than_the_initial_design(size):
    space = Space({"n": Int(1, size)}) if size > 1 else Space({"n": Constant(1)})
    rng = np.random.default_rng(0)
    objective = lambda p: p["n"] + rng.standard_normal()
    study = tfbo.minimize(objective, space, n_trials=9, seed=0, strategy=Bayes(noise=1.0))
    assert len(study.trials) == 9 and len(counts(study)) == size


def test_configurations_that_fail_are_not_tried_again():
    objective = noisy()
    fails = lambda p: float("nan") if p["b"] == "y" else objective(p)
    study = tfbo.minimize(fails, TWELVE, n_trials=30, seed=0)
    assert len(study.trials) == 30
    assert sum(trial.state == "failed" for trial in study.trials) == 3


@pytest.mark.parametrize(("state", "again"), [("stopped", True), ("failed", False)])
def test_a_configuration_that_was_stopped_may_be_tried_again(state, again):
    problem, favourite = Problem(TWELVE, "minimize", 0), {"a": 2, "b": "x"}

    class Favouring:
        def draws(self, rows, count, seed):
            (best,) = problem.encoding.encode([favourite])
            return -np.abs(rows - best).sum(axis=1)[None]

    every = [Trial(i, params, "complete", 1.0) for i, params in enumerate(TWELVE.grid(2))]
    trials = [t for t in every if t.params != favourite] + [Trial(99, favourite, state)]
    assert (repeats.suggest([Favouring()], problem, 100, trials) == favourite) == again


def test_where_all_fail_it_ends():
    with pytest.warns(tfbo.TFBOWarning, match="12 configurations"):
        study = tfbo.minimize(
            lambda p: float("nan"),
            TWELVE,
            n_trials=30,
            seed=0,
            strategy=Bayes(noise=1.0),
            max_failures=None,
        )
    assert len(study.trials) == 12


def test_a_grid_ends_with_a_warning():
    with pytest.warns(tfbo.TFBOWarning, match="grid of resolution 4"):
        study = tfbo.minimize(
            lambda p: p["x"], Space({"x": Float(0.0, 1.0)}), n_trials=9, strategy=Grid(resolution=4)
        )
    assert len(study.trials) == 4 and "resolution 4" in study.ended


class Known:
    """What draws what it is given for each configuration of twelve."""

    def __init__(self, values):
        self.values = np.array(values, float)

    def draws(self, rows, count, seed):
        return self.values[None, : len(rows)]


def test_of_several_objectives_one_of_the_front_of_a_draw_is_tried_again():
    problem, every = Problem(TWELVE, "minimize", 0), list(TWELVE.grid(2))
    first, second = np.zeros(12), np.zeros(12)
    first[[3, 7]], second[[3, 9]] = [1.0, 2.0], [1.0, 2.0]
    found = [
        repeats.suggest([Known(first), Known(second)], problem, number) for number in range(30)
    ]
    assert {every.index(params) for params in found} == {3, 7, 9}


def test_a_configuration_that_breaks_constraints_is_not_tried_again():
    problem, every = Problem(TWELVE, "minimize", 0), list(TWELVE.grid(2))
    trials = [
        Trial(i, params, "complete", 1.0, violations={"c <= 0": float(i != 4)})
        for i, params in enumerate(every)
    ]
    assert repeats.suggest([Known([7.0])], problem, 0, trials) == every[4]


def test_noise_of_several_objectives_is_seen_in_what_a_repeat_returns():
    params = {"a": 1, "b": "w"}
    one, other = ({"f": 1.0, "g": 2.0}, {"f": 1.0, "g": 2.5})
    trials = [Trial(i, params, "complete", values=one) for i in range(3)]
    assert not repeats.are_worthwhile("auto", trials, lambda: ())
    trials.append(Trial(3, params, "complete", values=other))
    assert repeats.are_worthwhile("auto", trials, lambda: ())
