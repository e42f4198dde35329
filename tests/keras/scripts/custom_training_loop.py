"""The guide "Custom training loop": a GradientTape in HyperModel.fit, callbacks called by hand."""

import keras
import keras_tuner as kt
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
x_train = rng.normal(size=(32, 4)).astype("float32")
y_train = rng.integers(0, 3, size=(32, 1))
x_val = rng.normal(size=(16, 4)).astype("float32")
y_val = rng.integers(0, 3, size=(16, 1))


class MyHyperModel(kt.HyperModel):
    def build(self, hp):
        inputs = keras.Input(shape=(4,))
        hidden = keras.layers.Dense(hp.Int("units", 4, 16, step=4), activation="relu")(inputs)
        return keras.Model(inputs, keras.layers.Dense(3)(hidden))

    def fit(self, hp, model, x, y, validation_data, callbacks=None, **kwargs):
        batch_size = hp.Int("batch_size", 8, 32, step=8, default=16)
        train = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)
        validation = tf.data.Dataset.from_tensor_slices(validation_data).batch(batch_size)
        optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"))
        loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metric = keras.metrics.Mean()
        for callback in callbacks:
            callback.set_model(model)
        best = float("inf")
        for epoch in range(2):
            for callback in callbacks:
                callback.on_epoch_begin(epoch)
            for images, labels in train:
                with tf.GradientTape() as tape:
                    loss = loss_of(labels, model(images, training=True))
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            for images, labels in validation:
                metric.update_state(loss_of(labels, model(images, training=False)))
            value = float(metric.result())
            metric.reset_state()
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"my_metric": value})
            best = min(best, value)
        return best


class Counting(keras.callbacks.Callback):
    """Counts the epochs of its own copy; fails where it is shared between trials."""

    def __init__(self):
        super().__init__()
        self.epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        assert self.epochs <= 2


tuner = kt.RandomSearch(
    objective=kt.Objective("my_metric", "min"),
    max_trials=2,
    hypermodel=MyHyperModel(),
    directory="results",
    project_name="custom_training",
    overwrite=True,
)
counting = Counting()
tuner.search(x=x_train, y=y_train, validation_data=(x_val, y_val), callbacks=[counting])
best_hps = tuner.get_best_hyperparameters()[0]
best_model = tuner.get_best_models()[0]
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y_val, best_model(x_val))
score = tuner.oracle.get_best_trials()[0].score

RESULT = {
    "names": list(best_hps.values),
    "output": best_model.output_shape,
    "compiled": best_model.compiled,
    "statuses": [trial.status for trial in tuner.oracle.trials.values()],
    "untouched": counting.epochs,
    "units": best_model.layers[1].units == best_hps.get("units"),
    # Batches of different size weigh the same in the loop, so only about the same.
    "weights of the best epoch": abs(float(loss) - float(score)) < 0.1,
}
