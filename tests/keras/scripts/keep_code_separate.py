"""The guides "Keep Keras code separate" and "Tune anything": run_trial without a hypermodel."""

import os

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(24, 2)), rng.normal(size=(24, 1))


def keras_code(units, optimizer, saving_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mean_squared_error", run_eagerly=True)
    model.fit(x, y, epochs=1, verbose=0)
    model.save(saving_path)
    return float(np.mean(np.abs(model.predict(x, verbose=0) - y)))


class MyTuner(kt.RandomSearch):
    def run_trial(self, trial, **kwargs):
        hp = trial.hyperparameters
        return keras_code(
            units=hp.Int("units", 32, 128, 32),
            optimizer=hp.Choice("optimizer", ["adam", "adadelta"]),
            saving_path=os.path.join("saved", f"{trial.trial_id}.keras"),
        )


os.makedirs("saved")
tuner = MyTuner(max_trials=3, overwrite=True, directory="my_dir", project_name="keep_code_separate")
tuner.search()
best_trial = tuner.oracle.get_best_trials(1)[0]
best_hp = tuner.get_best_hyperparameters()[0]
again = keras_code(**best_hp.values, saving_path="best_model.keras")
saved = keras.models.load_model(os.path.join("saved", f"{best_trial.trial_id}.keras"))
assert saved.layers[0].units == best_hp.get("units")
assert again > 0

RESULT = {
    "names": list(best_hp.values),
    "saved": sorted(os.listdir("saved")) == sorted(f"{key}.keras" for key in tuner.oracle.trials),
    "ids": sorted(map(type(best_trial.trial_id), tuner.oracle.trials)),
    "objective": (tuner.oracle.objective.name, tuner.oracle.objective.direction),
    "best": bool(best_trial.score == min(trial.score for trial in tuner.oracle.trials.values())),
    "units": best_hp.get("units") in (32, 64, 96, 128),
}
