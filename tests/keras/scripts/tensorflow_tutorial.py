"""TensorFlow's tutorial on KerasTuner: Hyperband with early stopping, on small synthetic data."""

import keras
import keras_tuner as kt
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
img_train = rng.normal(size=(40, 4, 4)).astype("float32")
label_train = (img_train.mean(axis=(1, 2)) > 0).astype("int64")
img_test, label_test = img_train[:10], label_train[:10]


def model_builder(hp):
    model = keras.Sequential()
    model.add(keras.layers.Flatten(input_shape=(4, 4)))
    hp_units = hp.Int("units", min_value=8, max_value=32, step=4)
    model.add(keras.layers.Dense(units=hp_units, activation="relu"))
    model.add(keras.layers.Dense(10))
    hp_learning_rate = hp.Choice("learning_rate", values=[1e-2, 1e-3, 1e-4])
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=hp_learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


tuner = kt.Hyperband(
    model_builder,
    objective="val_accuracy",
    max_epochs=10,
    factor=3,
    directory="my_dir",
    project_name="intro_to_kt",
)
stop_early = tf.keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
tuner.search(
    img_train, label_train, epochs=50, validation_split=0.2, callbacks=[stop_early], verbose=0
)
best_hps = tuner.get_best_hyperparameters(num_trials=1)[0]
units, rate = best_hps.get("units"), best_hps.get("learning_rate")

model = tuner.hypermodel.build(best_hps)
history = model.fit(img_train, label_train, epochs=5, validation_split=0.2, verbose=0)
val_acc_per_epoch = history.history["val_accuracy"]
best_epoch = val_acc_per_epoch.index(max(val_acc_per_epoch)) + 1

hypermodel = tuner.hypermodel.build(best_hps)
hypermodel.fit(img_train, label_train, epochs=best_epoch, validation_split=0.2, verbose=0)
eval_result = hypermodel.evaluate(img_test, label_test, verbose=0)

trials = list(tuner.oracle.trials.values())
drawn = [trial for trial in trials if trial.hyperparameters.values["tuner/initial_epoch"] == 0]
best_model = tuner.get_best_models(num_models=1)[0]
RESULT = {
    "units": units in range(8, 33, 4),
    "rate": rate in (1e-2, 1e-3, 1e-4),
    "names": sorted(n for n in best_hps.values if n != "tuner/trial_id"),
    "evaluated": len(eval_result),
    "epochs": sorted({trial.hyperparameters.values["tuner/epochs"] for trial in trials}),
    "statuses": sorted({trial.status for trial in trials}),
    "rounds": sorted({trial.hyperparameters.values["tuner/round"] for trial in trials}),
    "brackets": sorted({trial.hyperparameters.values["tuner/bracket"] for trial in trials}),
    "layers": len(best_model.layers),
    "best is the best": bool(
        tuner.oracle.get_best_trials()[0].score == max(t.score for t in trials)
    ),
}
