"""executions_per_trial: the score is the mean, and the best epoch of each execution counts."""

import keras
import keras_tuner as kt
import numpy as np

x, y = np.ones((8, 1)), np.ones((8, 1))
returned = []


class Repeated(kt.HyperModel):
    def build(self, hp):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 1, 4))])
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    def fit(self, hp, model, *args, **kwargs):
        returned.append(float(len(returned)))
        return returned[-1]


tuner = kt.RandomSearch(
    Repeated(), max_trials=3, executions_per_trial=3, directory="executions", project_name="mean"
)
tuner.search(x, y)
assert returned == [float(i) for i in range(9)]
means = [trial.score for trial in tuner.oracle.trials.values()]


class Dips(keras.callbacks.Callback):
    """Writes the loss of each epoch: best in the middle."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_dip"] = [3.0, 1.0, 2.0][epoch]


class Trained(Repeated):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs)


dips = kt.BayesianOptimization(
    Trained(),
    kt.Objective("val_dip", "min"),
    max_trials=2,
    executions_per_trial=2,
    directory="executions",
    project_name="dips",
)
dips.search(x, y, epochs=3, callbacks=[Dips()], verbose=0)
best = dips.oracle.get_best_trials()[0]

RESULT = {
    "means": [float(mean) for mean in means],
    "best": float(tuner.oracle.get_best_trials()[0].score),
    "dip": float(best.score),
    "best step": best.best_step,
    "metrics": sorted(best.metrics.metrics),
}
