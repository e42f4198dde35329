"""The example that started the project: a regression on real data, its batch size and epochs tuned."""

import keras
import keras_tuner as kt
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

x, y = load_diabetes(return_X_y=True)
x, y = x[:160], y[:160] / 100
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.25, random_state=0)


def build_model(hp):
    model = keras.Sequential([keras.Input((x.shape[1],))])
    model.add(keras.layers.Dense(hp.Int("units", 32, 512, step=32), activation="relu"))
    model.add(keras.layers.Dense(1))
    rate = hp.Choice("learning_rate", [1e-2, 1e-3, 1e-4])
    model.compile(
        keras.optimizers.Adam(rate),
        loss="mean_absolute_error",
        metrics=["mean_absolute_error"],
        jit_compile=False,
    )
    return model


class Seed(kt.BayesianOptimization):
    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        kwargs["batch_size"] = hp.Int("batch_size", 32, 256, step=32)
        kwargs["epochs"] = hp.Int("iterations", 10, 50)
        return super().run_trial(trial, *args, **kwargs)


tuner = Seed(
    build_model,
    objective="val_mean_absolute_error",
    max_trials=2,
    num_initial_points=2,
    seed=0,
    directory="seed",
    project_name="diabetes",
)
tuner.search(x_train, y_train, validation_data=(x_val, y_val), verbose=0)
best = tuner.get_best_hyperparameters()[0]
trial = tuner.oracle.get_best_trials()[0]
print("Best parameters:", best.values)
print("Best loss:", trial.score)

model = tuner.get_best_models()[0]
loss, error = model.evaluate(x_val, y_val, verbose=0)
assert abs(error - trial.score) < 1e-4
assert 0 <= trial.best_step < best.get("iterations")

RESULT = {
    "names": [hp.name for hp in tuner.oracle.get_space().space],
    "legal": [
        best.get("units") in range(32, 513, 32),
        best.get("learning_rate") in (1e-2, 1e-3, 1e-4),
        best.get("batch_size") in range(32, 257, 32),
        best.get("iterations") in range(10, 51),
    ],
    "types": [type(value).__name__ for value in best.values.values()],
    "best": bool(trial.score == min(t.score for t in tuner.oracle.trials.values())),
    "metrics": sorted(trial.metrics.metrics),
    "learned": error < 2.0,
    "output": model.output_shape,
}
