"""Conditional hyperparameters: nested conditional_scope, parent_name, name_scope, legal values."""

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(24, 4)), rng.normal(size=(24, 1))


def build_model(hp):
    model = keras.Sequential([keras.Input((4,))])
    model_type = hp.Choice("model_type", ["mlp", "cnn"])
    with hp.conditional_scope("model_type", ["mlp"]):
        if model_type == "mlp":
            layers = hp.Int("layers", 1, 2)
            with hp.name_scope("first"):
                model.add(keras.layers.Dense(hp.Int("units", 4, 16, step=4)))
            with hp.conditional_scope("layers", [2]):
                if layers == 2:
                    with hp.name_scope("second"):
                        model.add(keras.layers.Dense(hp.Choice("units", [4, 8])))
    with hp.conditional_scope("model_type", ["cnn"]):
        if model_type == "cnn":
            model.add(keras.layers.Reshape((4, 1)))
            model.add(keras.layers.Conv1D(hp.Int("filters", 2, 4), 2))
            model.add(keras.layers.Flatten())
    momentum = 0.0
    if hp.Boolean("momentum", default=True):
        momentum = hp.Float("amount", 0.1, 0.9, parent_name="momentum", parent_values=[True])
    model.add(keras.layers.Dense(1))
    model.compile(keras.optimizers.SGD(1e-3, momentum=momentum), "mse", run_eagerly=True)
    return model


def expected(values):
    names = {"model_type", "momentum"}
    if values["model_type"] == "mlp":
        names |= {"layers", "first/units"}
        if values["layers"] == 2:
            names |= {"second/units"}
    else:
        names |= {"filters"}
    return names | ({"amount"} if values["momentum"] else set())


tuner = kt.RandomSearch(
    build_model, "loss", max_trials=4, seed=2, directory="conditional", project_name="nested"
)
explored = sorted(hp.name for hp in tuner.oracle.get_space().space)
tuner.search(x, y, verbose=0)
for trial in tuner.oracle.trials.values():
    assert set(trial.hyperparameters.values) == expected(trial.hyperparameters.values)
    assert all(value is not None for value in trial.hyperparameters.values.values())

best = tuner.get_best_hyperparameters()[0]
inactive = next(name for name in explored if name not in best.values)
try:
    best.get(inactive)
    refused = None
except ValueError:
    refused = "ValueError"
try:
    best.get("no such name")
    unknown = None
except KeyError:
    unknown = "KeyError"

# The scopes by themselves, with values set by hand.
hp = kt.HyperParameters()
with hp.name_scope("outer"):
    outer = hp.Choice("kind", ["a", "b"], default="b")
    with hp.name_scope("inner"):
        inner = hp.Int("units", 1, 9)
    with hp.conditional_scope("kind", "a"):
        never = hp.Int("depth", 1, 3)
        hp.Float("rate", 0, 1)
    with hp.conditional_scope("kind", ["b", "c"]):
        always = hp.Int("depth", 5, 7)
try:
    hp.Int("x", 1, 2, parent_name="nobody", parent_values=[1])
    orphan = None
except ValueError:
    orphan = "ValueError"
other = hp.copy()
other.values = {"outer/kind": "a", "outer/inner/units": 2, "outer/depth": 3, "outer/rate": 0.5}

RESULT = {
    "explored": explored,
    "space": sorted(hp.name for hp in tuner.oracle.get_space().space),
    "statuses": [trial.status for trial in tuner.oracle.trials.values()],
    "inactive": (inactive in best, refused),
    "unknown": ("no such name" in best, unknown),
    "orphan": orphan,
    "scopes": (outer, inner, never, always, dict(hp.values)),
    "active": [hp.is_active(name) for name in ("outer/kind", "outer/depth", "outer/rate")],
    "active in the copy": [other.is_active(name) for name in ("outer/depth", "outer/rate")],
    "of one name": sum(p.name == "outer/depth" for p in hp.space),
    "conditions": [other.is_active(p) for p in other.space],
}
