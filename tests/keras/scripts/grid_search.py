"""GridSearch: the whole grid once, defaults first, conditional branches only where they are active."""

import keras
import keras_tuner as kt
import numpy as np

x, y = np.ones((8, 1)), np.ones((8, 1))


class Box(kt.GridSearch):
    def run_trial(self, trial, **kwargs):
        hp = trial.hyperparameters
        hp.Choice("kind", ["a", "b"])
        units = hp.Int("units", 1, 7, step=3, default=4)
        with hp.conditional_scope("kind", ["b"]):
            depth = hp.Choice("depth", [1, 2])
        return float(units) + (depth or 0)


def grid(tuner):
    tuner.search(verbose=0)
    found = [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]
    unique = sorted({tuple(sorted(values.items())) for values in found})
    assert len(unique) == len(found)
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"COMPLETED"}
    return found, unique


found, whole = grid(Box(directory="grid", project_name="whole"))
part, _ = grid(Box(max_trials=4, directory="grid", project_name="part"))
best = Box(directory="grid", project_name="whole").get_best_hyperparameters()[0]


def build_model(hp):
    optimizer = hp.Choice("model_name", values=["sgd", "adam"])
    rate = hp.Choice("learning_rate", values=[0.01, 0.1])
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", run_eagerly=True)
    model.optimizer.learning_rate = rate
    return model


documented = kt.GridSearch(build_model, "loss", directory="grid", project_name="documented")
documented.search(x, y, verbose=0)
covered = [trial.hyperparameters.values for trial in documented.oracle.trials.values()]


class Real(kt.GridSearch):
    def run_trial(self, trial, **kwargs):
        return trial.hyperparameters.Float("x", 0.0, 1.0)


reals, _ = grid(Real(directory="grid", project_name="real"))

RESULT = {
    "whole": whole,
    "first": found[0],
    "part": len(part),
    "best": best.values,
    "covered": sorted((values["model_name"], values["learning_rate"]) for values in covered),
    "remaining": Box(directory="grid", project_name="whole").remaining_trials,
    "without a step": len(reals) >= 10,
}
