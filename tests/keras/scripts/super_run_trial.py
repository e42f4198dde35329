"""Subclasses of each tuner that change the arguments of fit and call super().run_trial."""

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(64, 3)), rng.normal(size=(64, 1))
batches = []


class Watch(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        batches.append((self.params["steps"], self.params["epochs"]))


def build_model(hp):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(hp.Int("units", 2, 6)), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse", run_eagerly=True)
    return model


def tuned(base):
    class MyTuner(base):
        def run_trial(self, trial, *args, **kwargs):
            kwargs["batch_size"] = trial.hyperparameters.Int("batch_size", 32, 64, step=32)
            kwargs["epochs"] = trial.hyperparameters.Int("epochs", 1, 2)
            return super().run_trial(trial, *args, **kwargs)

    return MyTuner


RESULT = {}
for base in (kt.BayesianOptimization, kt.RandomSearch, kt.GridSearch):
    batches.clear()
    tuner = tuned(base)(
        build_model,
        objective="val_loss",
        max_trials=2,
        directory="super",
        project_name=base.__name__,
    )
    tuner.search(x, y, validation_data=(x, y), callbacks=[Watch()], verbose=0)
    trials = list(tuner.oracle.trials.values())
    wanted = [
        (64 // trial.hyperparameters.get("batch_size"), trial.hyperparameters.get("epochs"))
        for trial in trials
    ]
    assert batches == wanted
    value = tuner.get_best_models()[0].evaluate(x, y, verbose=0)
    assert abs(value - min(trial.score for trial in trials)) < 1e-5
    RESULT[base.__name__] = {
        "is a Tuner": isinstance(tuner, kt.Tuner),
        "names": [hp.name for hp in tuner.oracle.get_space().space],
        "trials": len(trials),
        "values": sorted(tuner.get_best_hyperparameters()[0].values),
    }
