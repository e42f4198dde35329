"""The guide "Getting started with KerasTuner": define, search, query, retrain."""

import keras
import keras_tuner as kt
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=(96, 4)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype("int32")
x_train, y_train, x_val, y_val = x[:64], y[:64], x[64:], y[64:]


def call_existing_code(units, activation, dropout, lr):
    model = keras.Sequential()
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(units=units, activation=activation))
    if dropout:
        model.add(keras.layers.Dropout(rate=0.25))
    model.add(keras.layers.Dense(2, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=lr),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def build_model(hp):
    units = hp.Int("units", min_value=32, max_value=512, step=32)
    activation = hp.Choice("activation", ["relu", "tanh"])
    dropout = hp.Boolean("dropout")
    lr = hp.Float("lr", min_value=1e-4, max_value=1e-2, sampling="log")
    return call_existing_code(units=units, activation=activation, dropout=dropout, lr=lr)


defaults = kt.HyperParameters()
build_model(defaults)
assert defaults.values == {"units": 32, "activation": "relu", "dropout": False, "lr": 1e-4}

tuner = kt.RandomSearch(
    hypermodel=build_model,
    objective="val_accuracy",
    max_trials=3,
    executions_per_trial=1,
    overwrite=True,
    directory="my_dir",
    project_name="helloworld",
)
tuner.search_space_summary()
tuner.search(
    x_train,
    y_train,
    epochs=2,
    validation_data=(x_val, y_val),
    callbacks=[keras.callbacks.EarlyStopping(patience=1)],
    verbose=0,
)
tuner.results_summary()

models = tuner.get_best_models(num_models=2)
models[0].summary()
scores = [trial.score for trial in tuner.oracle.get_best_trials(3)]
assert scores == sorted(scores, reverse=True)

# The model that comes back is the one of the score: the best epoch of the best trial.
_, accuracy = models[0].evaluate(x_val, y_val, verbose=0)
assert abs(accuracy - scores[0]) < 1e-6

best_hps = tuner.get_best_hyperparameters(5)
assert models[0].layers[1].units == best_hps[0].get("units")
model = build_model(best_hps[0])
history = model.fit(
    x=np.concatenate((x_train, x_val)), y=np.concatenate((y_train, y_val)), verbose=0
)
model = tuner.hypermodel.build(best_hps[0])

RESULT = {
    "defaults": defaults.values,
    "names": [hp.name for hp in tuner.oracle.get_space().space],
    "models": [type(model).__name__ for model in models],
    "output": [model.output_shape[-1] for model in models],
    "n_best": len(best_hps),
    "types": {name: type(value).__name__ for name, value in best_hps[0].values.items()},
    "legal": best_hps[0].get("units") in range(32, 513, 32) and 1e-4 <= best_hps[0]["lr"] <= 1e-2,
    "trials": len(tuner.oracle.trials),
    "retrained": len(history.history["loss"]),
    "rebuilt": model.loss,
}
