"""The guide "Visualize the tuning process": a TensorBoard callback writes a folder per execution."""

import pathlib

import keras
import keras_tuner as kt
import numpy as np

x, y = np.ones((8, 1)), np.ones((8, 1))


def build_model(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 1, 4))])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


tuner = kt.RandomSearch(
    build_model, "val_loss", max_trials=2, directory="dir", project_name="board"
)
tuner.search(
    x, y, validation_data=(x, y), callbacks=[keras.callbacks.TensorBoard("logs")], verbose=0
)
folders = sorted(str(path.relative_to("logs")) for path in pathlib.Path("logs").glob("*/*"))
events = list(pathlib.Path("logs").rglob("events.out.tfevents.*"))
wanted = sorted(str(pathlib.Path(key, "execution0")) for key in tuner.oracle.trials)
assert folders == wanted, folders

RESULT = {
    "folders": len(folders),
    "events": len(events) >= 4,
    "statuses": [trial.status for trial in tuner.oracle.trials.values()],
}
