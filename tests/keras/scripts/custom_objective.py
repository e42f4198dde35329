"""The guide "Specify the tuning objective": built-in metrics, a custom metric, values of fit."""

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(24, 2)), rng.normal(size=(24, 1))
x_val, y_val = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))


class CustomMetric(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(name="custom_metric", **kwargs)
        self.sum = self.add_weight(name="sum", initializer="zeros")
        self.count = self.add_weight(name="count", dtype="int32", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = keras.ops.square(y_true - y_pred)
        self.count.assign_add(keras.ops.shape(y_true)[0])
        self.sum.assign_add(keras.ops.sum(values))

    def result(self):
        return self.sum / keras.ops.cast(self.count, "float32")

    def reset_state(self):
        self.sum.assign(0)
        self.count.assign(0)


def build_regressor(hp):
    model = keras.Sequential([keras.Input((2,))])
    model.add(keras.layers.Dense(hp.Int("units", 4, 16, step=4), activation="relu"))
    model.add(keras.layers.Dense(units=1))
    model.compile("adam", "mean_squared_error", metrics=[CustomMetric(), "mae"], run_eagerly=True)
    return model


class HyperRegressor(kt.HyperModel):
    def build(self, hp):
        return build_regressor(hp)

    def fit(self, hp, model, x, y, validation_data, **kwargs):
        model.fit(x, y, **kwargs)
        x_val, y_val = validation_data
        y_pred = model.predict(x_val, verbose=0)
        return float(np.mean(np.abs(y_pred - y_val)))


class HyperRegressorOfMany(HyperRegressor):
    def fit(self, hp, model, x, y, validation_data, **kwargs):
        error = super().fit(hp, model, x, y, validation_data, **kwargs)
        return {"metric_a": -error, "metric_b": error**2}


def searched(name, hypermodel, objective=None):
    tuner = kt.RandomSearch(
        hypermodel=hypermodel,
        objective=objective,
        max_trials=2,
        overwrite=True,
        directory="my_dir",
        project_name=name,
    )
    tuner.search(x, y, epochs=1, validation_data=(x_val, y_val), verbose=0)
    trials = tuner.oracle.get_best_trials(2)
    scores = [trial.score for trial in trials]
    maximised = tuner.oracle.objective.direction == "max"
    assert scores == sorted(scores, reverse=maximised)
    assert scores[0] == trials[0].metrics.get_best_value(tuner.oracle.objective.name)
    return (
        tuner.oracle.objective.name,
        tuner.oracle.objective.direction,
        sorted(trials[0].metrics.metrics),
    )


RESULT = {
    "built in": searched("built_in", build_regressor, "val_mae"),
    "custom": searched("custom", build_regressor, kt.Objective("val_custom_metric", "min")),
    "number": searched("number", HyperRegressor()),
    "dictionary": searched("dictionary", HyperRegressorOfMany(), kt.Objective("metric_a", "max")),
    "inferred": {
        name: kt.RandomSearch(
            build_regressor, name, max_trials=1, directory="inferred", project_name=name
        ).oracle.objective.direction
        for name in (
            "val_accuracy",
            "accuracy",
            "val_loss",
            "loss",
            "val_mae",
            "mse",
            "acc",
            "val_AUC",
        )
    },
}
