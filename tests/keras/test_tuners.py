"""Tuners: what a trial is, how it fails, what is kept, and KerasTuner's faults, each a test."""

import contextlib
import gc
import logging
import math
import pathlib
import subprocess
import sys
import weakref

import keras
import numpy as np
import pytest

import tfbo
import tfbo.keras as kt

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(16, 2)), rng.normal(size=(16, 1))


def small(units=1):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def build_model(hp):
    return small(hp.Int("units", 1, 64))


def boxed(function, base=kt.RandomSearch, **settings):
    """A tuner of a function of hyperparameters."""

    class Box(base):
        def run_trial(self, trial, *args, **kwargs):
            return function(trial.hyperparameters)

    return Box(**settings)


def values(tuner):
    return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]


def statuses(tuner):
    return [trial.status for trial in tuner.oracle.trials.values()]


# Each of KerasTuner's faults.


def test_it_works_without_tensorboard_scipy_sklearn_and_pandas(tmp_path):
    script = """
import sys
for name in ("tensorboard", "scipy", "sklearn", "pandas", "keras_tuner", "tqdm"):
    sys.modules[name] = None
import keras, numpy as np
import tfbo.keras as kt
def build_model(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 1, 9))])
    model.compile("sgd", "mse", run_eagerly=True)
    return model
tuner = kt.BayesianOptimization(build_model, "loss", max_trials=7, seed=0)
tuner.search(np.ones((4, 1)), np.ones((4, 1)), verbose=0)
assert [t.status for t in tuner.oracle.trials.values()] == ["COMPLETED"] * 7
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []  # nothing is written unless asked for


def test_no_configuration_is_suggested_twice():
    def function(hp):
        return (hp.Int("units", 1, 16) - 11) ** 2 + hp.Choice("rate", [1e-2, 1e-3, 1e-4])

    tuner = boxed(function, kt.BayesianOptimization, max_trials=30, seed=0)
    tuner.search(verbose=0)
    found = {tuple(sorted(v.items())) for v in values(tuner)}
    assert len(found) == 30
    assert tuner.get_best_hyperparameters()[0].get("units") == 11


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_an_infinite_score_is_a_failed_trial_and_draws_no_search(bad):
    def function(hp):
        x = hp.Float("x", 0.0, 1.0)
        return bad if x < 0.5 else x

    objective = kt.Objective("default_objective", "min")
    tuner = boxed(
        function, kt.BayesianOptimization, objective=objective, max_trials=14, seed=1,
        max_consecutive_failed_trials=None,
    )  # fmt: skip
    tuner.search(verbose=0)
    failed = [t for t in tuner.study.trials if t.state == "failed"]
    assert failed
    assert all(t.kind == "nan" and str(bad) in t.reason for t in failed)
    assert all(
        trial.score is None for trial in tuner.oracle.trials.values() if "FAILED" in trial.status
    )
    assert tuner.get_best_hyperparameters()[0].get("x") < 0.55


def test_seed_0_counts():
    def xs(seed):
        tuner = boxed(lambda hp: hp.Float("x", 0.0, 1.0), max_trials=4, seed=seed)
        tuner.search(verbose=0)
        return [v["x"] for v in values(tuner)]

    assert xs(0) == xs(0)
    assert xs(0)[1:] != xs(1)[1:]


def test_a_stepped_float_reaches_its_end_and_choices_keep_their_types():
    def function(hp):
        hp.Choice("flag", [True, False])
        hp.Choice("mixed", ["relu", None, 2])
        return -hp.Float("x", 0, 1, step=0.5)

    tuner = boxed(function, kt.GridSearch)
    tuner.search(verbose=0)
    assert len(values(tuner)) == 18
    assert {v["x"] for v in values(tuner)} == {0.0, 0.5, 1.0}
    assert all(type(v["flag"]) is bool for v in values(tuner))
    assert {v["mixed"] for v in values(tuner)} == {"relu", None, 2}


def test_inactive_hyperparameters_have_neither_value_nor_part_in_the_model():
    def function(hp):
        on = hp.Boolean("on")
        return hp.Float("x", 0, 1, parent_name="on", parent_values=[True]) if on else 0.5

    tuner = boxed(function, kt.BayesianOptimization, max_trials=8, seed=0)
    tuner.search(verbose=0)
    for found, trial in zip(values(tuner), tuner.study.trials, strict=True):
        assert ("x" in found) == found["on"] == ("x" in trial.params)


def test_running_out_of_memory_while_the_space_is_explored(caplog):
    full = [True]

    def build_model(hp):
        units = hp.Int("units", 1, 8)
        if full[0]:
            raise MemoryError("no room")
        return small(units)

    with caplog.at_level(logging.WARNING, logger="tfbo"):
        tuner = kt.RandomSearch(build_model, "loss", max_trials=2)
    assert "no room" in caplog.text
    full[0] = False
    tuner.search(X, Y, verbose=0)
    assert statuses(tuner) == ["COMPLETED", "COMPLETED"]


def test_without_a_directory_nothing_is_written_to_the_working_directory(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO, logger="tfbo"):
        tuner = kt.RandomSearch(build_model, "loss", max_trials=1)
    assert sum("temporary" in record.message for record in caplog.records) == 1
    tuner.search(X, Y, verbose=0)
    folder = pathlib.Path(tuner.project_dir)
    assert len(tuner.get_best_models()) == 1
    assert list(tmp_path.iterdir()) == []
    assert folder.is_dir()
    del tuner
    import gc

    gc.collect()
    assert not folder.exists()


# Failures.


def test_a_trial_that_runs_out_of_memory_fails_and_the_search_goes_on():
    import tensorflow as tf

    def function(hp):
        x = hp.Int("x", 0, 9)
        if x % 2:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        return x

    tuner = boxed(function, kt.GridSearch, max_consecutive_failed_trials=None)
    tuner.search(verbose=0)
    assert sorted(statuses(tuner)) == ["COMPLETED"] * 5 + ["FAILED"] * 5
    failed = [t for t in tuner.study.trials if t.state == "failed"]
    assert {t.kind for t in failed} == {"out of memory"}
    assert all("OOM when allocating" in t.reason for t in failed)
    assert "OOM when" in next(t for t in tuner.oracle.trials.values() if t.message).message


def test_too_many_failures_in_a_row_name_the_last():
    def function(hp):
        raise ValueError(f"no {hp.Int('x', 1, 99)}")

    tuner = boxed(function, max_trials=9, max_consecutive_failed_trials=2)
    with pytest.raises(RuntimeError, match=r"2 trials failed in a row(.|\n)*ValueError: no"):
        tuner.search(verbose=0)
    assert statuses(tuner) == ["FAILED", "FAILED"]
    with pytest.raises(tfbo.NoCompletedTrial, match="no "):
        tuner.get_best_hyperparameters()


def test_an_exception_of_a_branch_is_one_of_its_trials(caplog):
    def build_model(hp):
        kind = hp.Choice("kind", ["good", "bad"])
        with hp.conditional_scope("kind", ["bad"]):
            hp.Int("units", 1, 2)
            if kind == "bad":
                raise ValueError("bad by nature")
        return small()

    tuner = kt.GridSearch(build_model, "loss")
    tuner.search(X, Y, verbose=0)
    assert statuses(tuner) == ["COMPLETED", "FAILED", "FAILED"]
    with pytest.raises(NameError):
        kt.GridSearch(lambda hp: undefined, "loss")  # noqa: F821


# Clear errors.


def test_an_objective_that_the_history_does_not_have():
    tuner = kt.RandomSearch(build_model, "val_loss", max_trials=2)
    with pytest.raises(
        ValueError, match=r"'val_loss' is not in the History.*'loss'.*validation_data"
    ):
        tuner.search(X, Y, verbose=0)


@pytest.mark.parametrize("returned", [None, 3, "model"])
def test_a_build_model_that_returns_no_model(returned):
    def build_model(hp):
        hp.Int("units", 1, 4)
        return returned

    tuner = kt.RandomSearch(build_model, "loss", max_trials=2)
    with pytest.raises(TypeError, match=r"not a Keras model.*return model"):
        tuner.search(X, Y, verbose=0)


def test_a_model_that_is_not_compiled():
    def build_model(hp):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Int("units", 1, 4))])

    tuner = kt.RandomSearch(build_model, "loss", max_trials=1)
    with pytest.raises(ValueError, match=r"not compiled. Call model.compile"):
        tuner.search(X, Y, verbose=0)
    tuner = kt.RandomSearch(build_model, "loss", max_trials=1, optimizer="sgd", loss="mse")
    tuner.search(X, Y, verbose=0)
    assert statuses(tuner) == ["COMPLETED"]


def test_two_of_one_name_are_no_failed_trial_but_an_error():
    def build_model(hp):
        return small(hp.Int("units", 1, 4) + hp.Int("units", 1, 8))

    with pytest.raises(ValueError, match="'units' differ"):
        kt.RandomSearch(build_model, "loss")
    override = kt.HyperParameters()
    override.Int("units", 2, 3)
    tuner = kt.GridSearch(build_model_once, "loss", hyperparameters=override)
    assert [repr(d) for d in tuner.oracle.get_space().space] == [repr(d) for d in override.space]


def build_model_once(hp):
    return small(hp.Int("units", 1, 4))


def test_an_argument_that_there_is_not():
    with pytest.raises(ValueError, match="max_trails"):
        kt.RandomSearch(build_model, "loss", max_trails=3)


def test_the_program_is_compiled_beside_the_trials_from_the_second_on(monkeypatch):
    import threading

    from tfbo.strategies import Bayes

    prepared, began = [], []

    def prepare(strategy, problem, most):
        prepared.append((sorted(problem.space), most, threading.current_thread().name))

    class Growing(kt.BayesianOptimization):
        def run_trial(self, trial, *args, **kwargs):
            began.append(len(prepared))
            x = trial.hyperparameters.Float("x", 0.0, 1.0)
            return x + (trial.hyperparameters.Float("y", 0.0, 1.0) if len(began) > 2 else 0.0)

    monkeypatch.setattr(Bayes, "prepare", prepare)
    tuner = Growing(max_trials=5, seed=0)
    tuner.search(verbose=0)
    for thread in threading.enumerate():
        if thread.name == "tfbo-prepare":
            thread.join()
    assert began[0] == 0 and [entry[1:] for entry in prepared] == [(5, "tfbo-prepare")] * len(
        prepared
    )
    assert {"x", "y"} <= set(prepared[-1][0]) and len(prepared) <= 3


@pytest.mark.parametrize("failing", [False, True])
def test_collections_look_at_what_trials_made_and_at_all_again_afterwards(failing):
    made, seen = [], []

    class Tuner(kt.RandomSearch):
        def run_trial(self, trial, *args, **kwargs):
            seen.append(gc.get_freeze_count())
            cycle = type("Cycle", (), {})()
            cycle.itself = cycle
            made.append(weakref.ref(cycle))
            del cycle
            keras.utils.clear_session()
            assert made[-1]() is None
            if failing and len(made) == 2:
                raise KeyboardInterrupt
            return trial.hyperparameters.Float("x", 0.0, 1.0)

    assert gc.get_freeze_count() == 0
    with contextlib.suppress(KeyboardInterrupt):
        Tuner(max_trials=3, seed=0).search(verbose=0)
    assert min(seen) > 100_000 and gc.get_freeze_count() == 0
