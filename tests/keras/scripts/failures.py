"""Trials that fail: while building, by NaN, too large, retried, and too many in a row."""

import keras
import keras_tuner as kt
import numpy as np

x, y = np.ones((8, 1)), np.ones((8, 1))


def small(units=1):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(units)])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def searched(tuner):
    try:
        tuner.search(x, y, verbose=0)
        error = None
    except Exception as raised:
        error = [
            kind.__name__
            for kind in (RuntimeError, TypeError, ValueError)
            if isinstance(raised, kind)
        ]
    statuses = [trial.status for trial in tuner.oracle.trials.values()]
    return error, sorted(statuses)


def settings(name, **more):
    return {"objective": "loss", "directory": "failures", "project_name": name, **more}


def build_some(hp):
    units = hp.Choice("units", [1, -1, 2])
    if units < 0:
        raise ValueError("a model that cannot be built")
    return small(units)


some = kt.GridSearch(build_some, **settings("some"))
some_result = searched(some)
some.results_summary()
messages = [t.message for t in some.oracle.trials.values() if t.status == "FAILED"]
best = [hp.get("units") for hp in some.get_best_hyperparameters(2)]

ready = [True]


def build_never(hp):
    hp.Int("units", 1, 100)
    if not ready[0]:
        raise ValueError("not today")
    return small()


limited = kt.RandomSearch(
    build_never, max_trials=9, max_consecutive_failed_trials=2, **settings("limited")
)
default = kt.RandomSearch(build_never, max_trials=9, **settings("default"))
ready[0] = False
limited_result, default_result = searched(limited), searched(default)

runs = []


class Retried(kt.RandomSearch):
    def run_trial(self, trial, *args, **kwargs):
        runs.append(trial.hyperparameters.Int("x", 1, 1000))
        if len(runs) % 2:
            raise ValueError("the first run of each fails")
        return {"loss": 1.0}


retried_result = searched(Retried(max_trials=2, max_retries_per_trial=1, **settings("retried")))


class NotANumber(kt.GridSearch):
    def run_trial(self, trial, *args, **kwargs):
        value = trial.hyperparameters.Choice("x", [1.0, -1.0])
        return {"loss": value if value > 0 else float("nan")}


class Signalled(kt.GridSearch):
    def run_trial(self, trial, *args, **kwargs):
        if trial.hyperparameters.Choice("x", [1, 2]) == 2:
            raise kt.errors.FailedTrialError("on purpose")
        return {"loss": 1.0}


def build_large(hp):
    return small(hp.Choice("units", [1, 500]))


RESULT = {
    "some": some_result,
    "message": "a model that cannot be built" in messages[0],
    "best": sorted(best),
    "limited": limited_result,
    "default": default_result,
    "retried": retried_result,
    "runs": (len(runs), runs[0] == runs[1] and runs[2] == runs[3]),
    "not a number": searched(NotANumber(**settings("nan"))),
    "signalled": searched(Signalled(**settings("signalled"))),
    "large": searched(kt.GridSearch(build_large, max_model_size=100, **settings("large"))),
}
