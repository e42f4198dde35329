"""What scripts read from a tuner afterwards: trials, metrics, summaries as text, HyperParameters."""

import contextlib
import io
import os

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(32, 3)), rng.integers(0, 2, size=(32, 1))


def build_model(hp):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(hp.Int("units", 4, 16, step=4))]
    )
    model.add(keras.layers.Dense(1, activation=hp.Choice("last", ["sigmoid"])))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


def printed(function, *args):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        function(*args)
    return text.getvalue()


tuner = kt.BayesianOptimization(
    build_model,
    objective=kt.Objective("val_accuracy", "max"),
    max_trials=3,
    directory="facts",
    project_name="all",
)
space_text = printed(tuner.search_space_summary)
extended_text = printed(tuner.search_space_summary, True)
remaining = tuner.remaining_trials
tuner.search(x, y, epochs=2, validation_split=0.25, verbose=0)
results_text = printed(tuner.results_summary)
one_text = printed(tuner.results_summary, 1)

trials = tuner.oracle.get_best_trials(num_trials=3)
best = tuner.oracle.get_best_trials(1)[0]
assert best.score == max(trial.score for trial in tuner.oracle.trials.values())
assert best.metrics.get_best_value("val_accuracy") == best.score
assert tuner.oracle.get_trial(best.trial_id).score == best.score
assert all(trial.trial_id == key for key, trial in tuner.oracle.trials.items())
assert best.hyperparameters.values == tuner.get_best_hyperparameters(1)[0].values
assert str(best.score)[:6] in one_text
history = best.metrics.get_history("val_accuracy")
assert history[0].mean() == best.score

hp = tuner.get_best_hyperparameters()[0]
copy = kt.HyperParameters.from_config(hp.get_config())
assert copy.values == hp.values
copy.values["units"] = 4
assert copy.get("units") == 4

RESULT = {
    "space": ["units" in space_text, "last" in space_text, "units" in extended_text],
    "results": ["units" in results_text, "val_accuracy" in results_text],
    "remaining": (remaining, tuner.remaining_trials),
    "order": [trial.score for trial in trials]
    == sorted((trial.score for trial in trials), reverse=True),
    "metrics": sorted(best.metrics.metrics),
    "direction": best.metrics.get_direction("val_accuracy"),
    "statuses": [trial.status for trial in trials],
    "score": type(best.score).__name__ in ("float", "float64"),
    "identity": type(best.trial_id).__name__,
    "objective": (tuner.oracle.objective.name, tuner.oracle.objective.direction),
    "text": str(tuner.oracle.objective),
    "max_trials": tuner.oracle.max_trials,
    "config": sorted(hp.get_config()),
    "classes": [entry["class_name"] for entry in hp.get_config()["space"]],
    "copied": [(p.name, type(p).__name__) for p in copy.space],
    "containers": (hp["units"] == hp.get("units"), "units" in hp, "nothing" in hp),
    "directories": (str(tuner.directory), tuner.project_name, os.path.normpath(tuner.project_dir)),
    "objectives": (
        kt.Objective("a", "min") == kt.Objective("a", "min"),
        kt.Objective("a", "min") == kt.Objective("a", "max"),
        kt.Objective("a", "max").better_than(2.0, 1.0),
        kt.Objective("a", "min").better_than(2.0, 1.0),
        kt.Objective("a", "min").has_value({"b": 1.0}),
        kt.Objective("a", "min").get_value({"a": 1.0}),
    ),
}
