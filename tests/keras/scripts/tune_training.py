"""The guide "Tune model training": HyperModel.fit with hyperparameters of its own."""

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(48, 3)), rng.normal(size=(48, 1))
x_val, y_val = rng.normal(size=(16, 3)), rng.normal(size=(16, 1))
seen = []


class MyHyperModel(kt.HyperModel):
    def build(self, hp):
        model = keras.Sequential([keras.Input((3,))])
        model.add(keras.layers.Dense(units=hp.Int("units", 8, 32, step=8), activation="relu"))
        model.add(keras.layers.Dense(1))
        model.compile(optimizer="adam", loss="mse", metrics=["mae"], run_eagerly=True)
        return model

    def fit(self, hp, model, x, y, validation_data=None, **kwargs):
        if hp.Boolean("normalize"):
            x = keras.layers.Normalization()(x)
        batch_size = hp.Choice("batch_size", [16, 48])
        seen.append((sorted(kwargs), len(kwargs["callbacks"]) >= 1, batch_size))
        return model.fit(
            x,
            y,
            validation_data=validation_data,
            shuffle=hp.Boolean("shuffle"),
            batch_size=batch_size,
            **kwargs,
        )


hp = kt.HyperParameters()
hypermodel = MyHyperModel(name="mine")
model = hypermodel.build(hp)
hypermodel.fit(hp, model, x, y, callbacks=[], epochs=1, verbose=0)
seen.clear()

tuner = kt.RandomSearch(
    hypermodel,
    objective="val_loss",
    max_trials=3,
    overwrite=True,
    directory="my_dir",
    project_name="tune_hypermodel",
)
before = [hp.name for hp in tuner.oracle.get_space().space]
tuner.search(x, y, epochs=2, validation_data=(x_val, y_val), verbose=0)
after = [hp.name for hp in tuner.oracle.get_space().space]

trials = list(tuner.oracle.trials.values())
during = list(seen)
used = [batch_size for _, _, batch_size in during]
assert used == [trial.hyperparameters.get("batch_size") for trial in trials]
best_hp = tuner.get_best_hyperparameters()[0]
model = hypermodel.build(best_hp)
history = hypermodel.fit(best_hp, model, x, y, epochs=1, verbose=0, callbacks=[])

RESULT = {
    "name": hypermodel.name,
    "tunable": hypermodel.tunable,
    "explored": list(hp.values),
    "before": before,
    "after": after,
    "kwargs": [names for names, _, _ in during],
    "callbacks": all(some for _, some, _ in during),
    "types": [type(best_hp.get(name)).__name__ for name in after],
    "metrics": sorted(trials[0].metrics.metrics),
    "history": sorted(history.history),
}
