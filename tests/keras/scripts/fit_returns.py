"""HyperModel.fit may return a History, a dictionary, a number, or a list of one of these."""

import keras
import keras_tuner as kt
import numpy as np

x, y = np.ones((8, 1)), np.ones((8, 1))


def model_of(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 1, 9))])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def history(hp, model):
    return model.fit(x, y, epochs=2, validation_data=(x, y), verbose=0)


RETURNS = {
    "history": ("val_loss", history),
    "dictionary": (
        kt.Objective("score", "max"),
        lambda hp, model: {"score": float(hp.get("units")), "other": 1.0},
    ),
    "float": (None, lambda hp, model: float(hp.get("units"))),
    "int": (None, lambda hp, model: hp.get("units")),
    "numpy": (None, lambda hp, model: np.float32(hp.get("units"))),
    "floats": (None, lambda hp, model: [hp.get("units") - 0.5, hp.get("units") + 0.5]),
    "dictionaries": (
        kt.Objective("score", "max"),
        lambda hp, model: [{"score": hp.get("units") + i} for i in (-1.0, 1.0)],
    ),
    "histories": ("loss", lambda hp, model: [history(hp, model), history(hp, model)]),
}


class Returning(kt.HyperModel):
    def __init__(self, returned):
        super().__init__()
        self.returned = returned

    def build(self, hp):
        return model_of(hp)

    def fit(self, hp, model, *args, **kwargs):
        return self.returned(hp, model)


RESULT = {}
for name, (objective, returned) in RETURNS.items():
    tuner = kt.RandomSearch(
        Returning(returned), objective, max_trials=2, directory="returns", project_name=name
    )
    tuner.search()
    trials = tuner.oracle.get_best_trials(2)
    exact = [trial.score == trial.hyperparameters.get("units") for trial in trials]
    assert "histor" in name or all(exact), (name, trials)
    RESULT[name] = {
        "direction": tuner.oracle.objective.direction,
        "objective": tuner.oracle.objective.name,
        "metrics": sorted(trials[0].metrics.metrics),
        "sorted": sorted(
            (t.score for t in trials), reverse=tuner.oracle.objective.direction == "max"
        )
        == [t.score for t in trials],
        "status": [trial.status for trial in trials],
        "step": trials[0].best_step >= 0,
    }
