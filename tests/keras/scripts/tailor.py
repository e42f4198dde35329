"""The guide "Tailor the search space": few, all, or fixed hyperparameters; other compile arguments."""

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(32, 3)), rng.integers(0, 2, size=(32, 1))


def build_model(hp):
    model = keras.Sequential([keras.Input((3,))])
    model.add(keras.layers.Dense(hp.Int("units", 8, 32, step=8)))
    if hp.Boolean("dropout", default=False):
        model.add(keras.layers.Dropout(0.1))
    model.add(keras.layers.Dense(2, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.Adam(hp.Choice("learning_rate", values=[1e-2, 1e-3, 1e-4])),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,
    )
    return model


def searched(name, hp, objective="val_accuracy", **settings):
    tuner = kt.RandomSearch(
        build_model,
        hyperparameters=hp,
        objective=objective,
        max_trials=2,
        overwrite=True,
        directory="my_dir",
        project_name=name,
        **settings,
    )
    tuner.search(x, y, epochs=1, validation_split=0.25, verbose=0)
    return tuner


def values(tuner, name):
    found = (trial.hyperparameters.get(name) for trial in tuner.oracle.trials.values())
    return sorted(set(found))


# Only the learning rate is searched, over other values; all the others keep their defaults.
hp = kt.HyperParameters()
hp.Float("learning_rate", min_value=1e-4, max_value=1e-2, sampling="log")
few = searched("few", hp, tune_new_entries=False)
assert all(1e-4 <= value <= 1e-2 for value in values(few, "learning_rate"))

# One is fixed, all the others are searched.
hp = kt.HyperParameters()
hp.Fixed("learning_rate", value=1e-4)
fixed = searched("fixed", hp, tune_new_entries=True)

# All must be listed.
hp = kt.HyperParameters()
hp.Choice("learning_rate", [1e-1, 1e-3])
try:
    searched("closed", hp, allow_new_entries=False)
    closed = None
except Exception as error:
    closed = isinstance(error, RuntimeError), "units" in str(error)

hp.Int("units", 8, 16, step=8)
hp.Fixed("dropout", False)
listed = searched("listed", hp, allow_new_entries=False)
assert set(values(listed, "learning_rate")) <= {1e-1, 1e-3}
assert set(values(listed, "units")) <= {8, 16}

# Other arguments of compile than those of the model.
compiled = searched(
    "compiled",
    None,
    objective="val_loss",
    optimizer=keras.optimizers.SGD(1e-3),
    loss="poisson",
    metrics=["sparse_categorical_crossentropy"],
)
model = compiled.get_best_models()[0]

RESULT = {
    "few": [values(few, "units"), values(few, "dropout"), len(values(few, "learning_rate")) > 1],
    "few names": [hp.name for hp in few.oracle.get_space().space],
    "fixed": values(fixed, "learning_rate"),
    "fixed names": [hp.name for hp in fixed.oracle.get_space().space],
    "closed": closed,
    "listed names": [hp.name for hp in listed.oracle.get_space().space],
    "listed": values(listed, "dropout"),
    "optimizer": type(model.optimizer).__name__,
    "rate": round(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)), 9),
    "loss": model.loss,
    "metrics": sorted(compiled.oracle.get_best_trials()[0].metrics.metrics),
}
