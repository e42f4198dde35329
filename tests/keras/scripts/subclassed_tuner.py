"""Older scripts: kt.Tuner with an oracle, epochs reported by hand, metrics told to the oracle."""

import keras
import keras_tuner as kt
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
x, y = rng.normal(size=(32, 3)).astype("float32"), rng.normal(size=(32, 1)).astype("float32")
epochs = []


def build_model(hp):
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(hp.Int("units", 4, 16, step=4), activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1)(hidden))


class MyTuner(kt.Tuner):
    def run_trial(self, trial, train_ds):
        hp = trial.hyperparameters
        train_ds = train_ds.batch(hp.Int("batch_size", 8, 32, step=8, default=16))
        model = self.hypermodel.build(hp)
        optimizer = keras.optimizers.SGD(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"))
        mean = keras.metrics.Mean()
        for epoch in range(2):
            self.on_epoch_begin(trial, model, epoch, logs={})
            for batch, (xs, ys) in enumerate(train_ds):
                self.on_batch_begin(trial, model, batch, logs={})
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((model(xs) - ys) ** 2)
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
                mean.update_state(loss)
                self.on_batch_end(trial, model, batch, logs={"loss": float(loss)})
            value = float(mean.result())
            self.on_epoch_end(trial, model, epoch, logs={"loss": value})
            mean.reset_state()
        return {"loss": value}

    def on_epoch_end(self, trial, model, epoch, logs=None):
        super().on_epoch_end(trial, model, epoch, logs=logs)
        epochs.append((epoch, sorted(logs)))


tuner = MyTuner(
    oracle=kt.oracles.BayesianOptimizationOracle(
        objective=kt.Objective("loss", "min"), max_trials=2
    ),
    hypermodel=build_model,
    directory="results",
    project_name="custom",
)
tuner.search(tf.data.Dataset.from_tensor_slices((x, y)))
best = tuner.get_best_hyperparameters()[0]


class Telling(kt.RandomSearch):
    def run_trial(self, trial, *args, **kwargs):
        value = trial.hyperparameters.Float("x", 0.0, 1.0)
        self.oracle.update_trial(trial.trial_id, {"loss": value, "other": 2.0})


telling = Telling(objective="loss", max_trials=2, directory="results", project_name="telling")
telling.search(verbose=0)
told = telling.oracle.get_best_trials()[0]
assert told.score == told.hyperparameters.get("x")
telling.oracle.max_trials = 3
telling.search(verbose=0)


class Declared(kt.HyperModel):
    def declare_hyperparameters(self, hp):
        hp.Choice("optimizer", ["adam", "sgd"])

    def build(self, hp):
        model = build_model(hp)
        model.compile(hp.get("optimizer"), "mse", run_eagerly=True)
        return model


def searched(hypermodel, name):
    made = kt.GridSearch(hypermodel, "loss", max_trials=2, directory="results", project_name=name)
    made.search(x, y, verbose=0)
    return [p.name for p in made.oracle.get_space().space], sorted(
        made.get_best_hyperparameters()[0].values
    )


RESULT = {
    "names": [hp.name for hp in tuner.oracle.get_space().space],
    "best": sorted(best.values),
    "statuses": [trial.status for trial in tuner.oracle.trials.values()],
    "epochs": epochs,
    "told": (told.status, sorted(told.metrics.metrics)),
    "more": len(telling.oracle.trials),
    "declared": searched(Declared(), "declared"),
    "not tunable": searched(Declared(tunable=False), "fixed"),
    "modules": (
        kt.tuners.RandomSearch is kt.RandomSearch,
        kt.oracles.RandomSearchOracle.__name__,
        kt.errors.FailedTrialError.__name__,
    ),
}
