"""The guide's loop over layers: how many hyperparameters there are depends on one of them."""

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(32, 3)), rng.normal(size=(32, 1))


def build_model(hp):
    model = keras.Sequential([keras.Input((3,))])
    for i in range(hp.Int("num_layers", 1, 3)):
        model.add(
            keras.layers.Dense(
                units=hp.Int(f"units_{i}", min_value=8, max_value=32, step=8),
                activation=hp.Choice("activation", ["relu", "tanh"]),
            )
        )
    model.add(keras.layers.Dense(1))
    model.compile("sgd", "mse", run_eagerly=True)
    return model


start = kt.HyperParameters()
start.Int("num_layers", 1, 3, default=3)
tuner = kt.BayesianOptimization(
    build_model,
    objective="val_loss",
    max_trials=4,
    hyperparameters=start,
    directory="layers",
    project_name="loop",
)
tuner.search(x, y, validation_split=0.25, epochs=1, verbose=0)

for trial in tuner.oracle.trials.values():
    values = trial.hyperparameters.values
    wanted = {f"units_{i}" for i in range(values["num_layers"])}
    assert wanted | {"num_layers", "activation"} <= set(values), values
    assert all(values[name] in (8, 16, 24, 32) for name in wanted), values

best = tuner.get_best_hyperparameters()[0]
model = tuner.get_best_models()[0]
RESULT = {
    "names": [hp.name for hp in tuner.oracle.get_space().space],
    "trials": len(tuner.oracle.trials),
    "depth": len(model.layers) - best.get("num_layers"),
    "widths": [layer.units for layer in model.layers[:-1]]
    == [best.get(f"units_{i}") for i in range(best.get("num_layers"))],
}
