"""Hooks of a subclassed tuner, in their order, and callbacks that are copied for each execution."""

import keras
import keras_tuner as kt
import numpy as np

x, y = np.ones((8, 1)), np.ones((8, 1))
calls = []


def build_model(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 1, 4))])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


class MyTuner(kt.RandomSearch):
    def on_search_begin(self):
        calls.append("search begin")

    def on_search_end(self):
        calls.append("search end")

    def on_trial_begin(self, trial):
        super().on_trial_begin(trial)
        calls.append(f"trial begin {trial.status}")

    def on_trial_end(self, trial):
        super().on_trial_end(trial)
        calls.append(f"trial end {trial.status}")

    def on_epoch_begin(self, trial, model, epoch, logs=None):
        calls.append(f"epoch begin {epoch}")

    def on_epoch_end(self, trial, model, epoch, logs=None):
        assert isinstance(model, keras.Model)
        calls.append(f"epoch end {epoch} {sorted(logs)}")

    def on_batch_begin(self, trial, model, batch, logs):
        calls.append(f"batch begin {batch}")

    def on_batch_end(self, trial, model, batch, logs=None):
        calls.append(f"batch end {batch}")


class Once(keras.callbacks.Callback):
    """Belongs to one training only."""

    def __init__(self):
        super().__init__()
        self.trainings = 0

    def on_train_begin(self, logs=None):
        self.trainings += 1
        assert self.trainings == 1


once = Once()
tuner = MyTuner(
    build_model,
    objective="loss",
    max_trials=2,
    executions_per_trial=2,
    directory="hooks",
    project_name="all",
)
tuner.search(x, y, epochs=2, callbacks=[once], verbose=0)
RESULT = {
    "calls": calls,
    "untouched": once.trainings,
    "statuses": [trial.status for trial in tuner.oracle.trials.values()],
}
