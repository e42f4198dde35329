"""Preprocessing tuned in the model, callbacks tuned in HyperModel.fit, data sets as input."""

import keras
import keras_tuner as kt
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
x, y = 5 + 3 * rng.normal(size=(48, 3)), rng.normal(size=(48, 1))
train = tf.data.Dataset.from_tensor_slices((x[:32], y[:32])).batch(16)
validation = tf.data.Dataset.from_tensor_slices((x[32:], y[32:])).batch(16)
patience = []


class Preprocessed(kt.HyperModel):
    def build(self, hp):
        model = keras.Sequential([keras.Input((3,))])
        if hp.Boolean("normalize", default=True):
            layer = keras.layers.Normalization()
            layer.adapt(x[:32])
            model.add(layer)
        if hp.Boolean("augment"):
            model.add(keras.layers.GaussianNoise(hp.Float("noise", 0.0, 0.3, step=0.1)))
        model.add(keras.layers.Dense(8, hp.Choice("activation", ["relu", "tanh", "elu"])))
        model.add(keras.layers.Dense(1))
        optimizer = hp.Choice("optimizer", ["adam", "sgd", "rmsprop"])
        model.compile(optimizer, "mse", metrics=["mae"], run_eagerly=True)
        return model

    def fit(self, hp, model, *args, callbacks=None, **kwargs):
        patience.append(hp.Int("patience", 1, 3))
        stopping = keras.callbacks.EarlyStopping(monitor="val_mae", patience=patience[-1])
        return model.fit(
            *args, callbacks=[*callbacks, stopping], epochs=hp.Int("epochs", 1, 2), **kwargs
        )


tuner = kt.BayesianOptimization(
    Preprocessed(),
    objective="val_mae",
    max_trials=3,
    num_initial_points=2,
    seed=5,
    directory="preprocessing",
    project_name="first",
)
tuner.search(train, validation_data=validation, verbose=0)
trials = list(tuner.oracle.trials.values())
assert [trial.hyperparameters.get("patience") for trial in trials] == patience
for trial in trials:
    assert trial.best_step < trial.hyperparameters.get("epochs")
    assert trial.hyperparameters.get("augment") is False or "noise" in trial.hyperparameters

model = tuner.get_best_models()[0]
value = model.evaluate(validation, return_dict=True, verbose=0)["mae"]
assert abs(value - tuner.oracle.get_best_trials()[0].score) < 1e-5

RESULT = {
    "names": sorted({hp.name for hp in tuner.oracle.get_space().space} - {"noise"}),
    "optimizer": type(model.optimizer).__name__.lower()
    == tuner.get_best_hyperparameters()[0].get("optimizer"),
    "metrics": sorted(trials[0].metrics.metrics),
    "statuses": [trial.status for trial in trials],
}
