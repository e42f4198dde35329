"""A list of objectives is the sum of those to minimise less those to maximise."""

import keras
import keras_tuner as kt
import numpy as np

x, y = np.ones((8, 1)), np.ones((8, 1))


def build_model(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 1, 4))])
    model.compile("sgd", "mse", metrics=["mae"], run_eagerly=True)
    return model


class Gaining(keras.callbacks.Callback):
    """Writes a metric to maximise: best in the second epoch, in which it outweighs the rest."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_gain"] = [0.0, 1000.0, 10.0][epoch]


def searched(name, objectives, **settings):
    tuner = kt.RandomSearch(
        build_model, objectives, max_trials=2, directory="several", project_name=name
    )
    tuner.search(x, y, validation_data=(x, y), verbose=0, **settings)
    best = tuner.oracle.get_best_trials()[0]
    return tuner.oracle.objective, best, best.metrics.get_best_value


objective, best, value = searched("sum", ["val_loss", "val_mae"])
assert abs(best.score - value("val_loss") - value("val_mae")) < 1e-6

_, mixed, value = searched(
    "difference",
    ["val_loss", kt.Objective("val_gain", "max")],
    epochs=3,
    callbacks=[Gaining()],
)
assert abs(mixed.score - value("val_loss") + 1000.0) < 1e-3

RESULT = {
    "name": (objective.name, objective.direction),
    "metrics": sorted(best.metrics.metrics),
    "epoch": mixed.best_step,
    "gain": float(value("val_gain")),
}
