"""A tuner constructed again continues; overwrite=True starts anew; an unfinished trial is repeated."""

import contextlib
import os

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(16, 2)), rng.normal(size=(16, 1))


def build_model(hp):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Int("units", 1, 64))])
    model.add(keras.layers.Dense(1))
    model.compile(hp.Choice("optimizer", ["adam", "sgd"]), "mse", run_eagerly=True)
    return model


def tuner_of(max_trials, base=kt.RandomSearch, name="reload", **settings):
    return base(
        build_model,
        "val_loss",
        max_trials=max_trials,
        directory="dir",
        project_name=name,
        **settings,
    )


def configurations(tuner):
    return {key: trial.hyperparameters.values for key, trial in tuner.oracle.trials.items()}


def search(tuner):
    tuner.search(x, y, validation_data=(x, y), verbose=0)


first = tuner_of(2)
search(first)
again = tuner_of(4)
kept = configurations(again) == configurations(first)
scores = [t.score for t in again.oracle.get_best_trials(2)] == [
    t.score for t in first.oracle.get_best_trials(2)
]
models = len(again.get_best_models(2))
remaining = again.remaining_trials
search(again)
longer = configurations(again)
assert configurations(first).items() <= longer.items()
done = tuner_of(4)
search(done)

# Interrupted in the middle of the second trial, then constructed and searched again.
interrupt = [False, True, False, False]
started = []


class Interrupted(kt.RandomSearch):
    def run_trial(self, trial, *args, **kwargs):
        started.append((trial.trial_id, dict(trial.hyperparameters.values)))
        if interrupt[len(started) - 1]:
            raise KeyboardInterrupt
        return super().run_trial(trial, *args, **kwargs)


with contextlib.suppress(KeyboardInterrupt):
    search(tuner_of(3, Interrupted, "interrupted"))
resumed = tuner_of(3, Interrupted, "interrupted")
search(resumed)
anew = tuner_of(2, overwrite=True)

RESULT = {
    "kept": kept,
    "scores": scores,
    "models": models,
    "remaining": (remaining, done.remaining_trials),
    "longer": len(longer),
    "done": configurations(done) == longer,
    "interrupted": len(resumed.oracle.trials),
    "started": len(started),
    "repeated": started[1] == started[2],
    "statuses": [trial.status for trial in resumed.oracle.trials.values()],
    "anew": len(anew.oracle.trials),
    "directory": os.path.isdir(os.path.join("dir", "interrupted")),
}
