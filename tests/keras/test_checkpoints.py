"""Weights of the best epoch, loaded into models of every kind, also by another process."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfbo.keras as kt

layers = keras.layers
rng = np.random.default_rng(0)
X = rng.normal(size=(8, 3)).astype("float32")
Y = rng.normal(size=(8, 1)).astype("float32")
IDS = rng.integers(0, 5, size=(8, 4))
WORDS = tf.constant([["a b"], ["c"]] * 4)


class Plain(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.last = layers.Dense(4), layers.Dense(1)

    def call(self, x):
        return self.last(self.first(x))


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense, self.norm = layers.Dense(4), layers.BatchNormalization()

    def call(self, x, training=False):
        return self.norm(self.dense(x), training=training)


class Built(layers.Layer):
    """Makes weights and a layer when it is built, from a shape that has to be a tuple."""

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(*input_shape[-1:], 4))
        self.inner = layers.Dense(4)
        self.inner.build(input_shape[:-1] + (4,))  # noqa: RUF005

    def call(self, x):
        return self.inner(x @ self.weight)


class Nested(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [Block(), Block()]
        self.shared = self.blocks[0]
        self.named = {"built": Built()}
        self.rest = keras.Sequential([layers.Dense(4), layers.Dropout(0.1), layers.Dense(1)])

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x, training=training)
        return self.rest(self.named["built"](x), training=training)


class FromDict(keras.Model):
    def __init__(self):
        super().__init__()
        self.embed, self.read = layers.Embedding(5, 4), layers.Bidirectional(layers.LSTM(3))
        self.dense, self.last = layers.Dense(4), layers.Dense(1)

    def call(self, inputs):
        read = self.read(self.embed(inputs["ids"]))
        return self.last(layers.concatenate([read, self.dense(inputs["x"])]))


class FromTuple(keras.Model):
    def __init__(self):
        super().__init__()
        self.attend, self.embed = layers.MultiHeadAttention(2, 4), layers.Embedding(5, 4)
        self.last = layers.Dense(1)

    def call(self, inputs):
        x, ids = inputs
        embedded = self.embed(ids)
        return self.last(self.attend(embedded, embedded)[:, 0]) + x[:, :1]


class Two(keras.Model):
    def __init__(self):
        super().__init__()
        self.body, self.p, self.q = layers.Dense(4), layers.Dense(1), layers.Dense(1)

    def call(self, x):
        return {"p": self.p(self.body(x)), "q": self.q(self.body(x))}


class OwnStep(keras.Model):
    """Trains its parts without being called itself."""

    def __init__(self):
        super().__init__()
        self.encode = keras.Sequential([layers.Dense(2)])
        self.decode = layers.Dense(3)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.decode(self.encode(data[0])) - data[0]) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}

    def call(self, x):
        return self.decode(self.encode(x))


class Own(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y, p, sample_weight=None):
        self.total.assign_add(keras.ops.mean(keras.ops.abs(y - p)))

    def result(self):
        return self.total


def own_loss(y, p):
    return keras.ops.mean(keras.ops.abs(y - p) ** 1.5)


def sequential():
    return keras.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)])


def functional():
    x, ids = keras.Input((3,)), keras.Input((4,))
    one = layers.Dense(1, name="one")(x)
    return keras.Model([x, ids], [one, layers.Dense(1, name="two")(layers.concatenate([x, ids]))])


def mixed():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return keras.Sequential([layers.Dense(4), layers.Dense(1, dtype="float32")])
    finally:
        keras.mixed_precision.set_global_policy("float32")


def of_words():
    vectors = layers.TextVectorization(output_sequence_length=3)
    vectors.adapt(["a b c"])
    return keras.Sequential([vectors, layers.Embedding(9, 2), layers.Flatten(), layers.Dense(1)])


MODELS = {
    "sequential": (sequential, X, Y, "val_loss", {}),
    "functional": (functional, [X, IDS], [Y, Y], "val_two_loss", {"loss": "mse"}),
    "plain": (Plain, X, Y, "val_loss", {"loss": own_loss, "metrics": [Own(name="own")]}),
    "nested": (Nested, X, Y, "val_loss", {}),
    "from a dict": (FromDict, {"ids": IDS, "x": X}, Y, "val_loss", {}),
    "from a tuple": (FromTuple, (X, IDS), Y, "val_loss", {}),
    "two outputs": (
        Two, X, {"p": Y, "q": Y}, "val_p_mae",
        {"loss": {"p": "mse", "q": "mae"}, "metrics": {"p": ["mae"]}},
    ),
    "own step": (OwnStep, X, X, "loss", {}),
    "mixed precision": (mixed, X, Y, "val_loss", {}),
    "words": (of_words, WORDS, Y, "val_loss", {}),
}  # fmt: skip


class Remembers(keras.callbacks.Callback):
    """The predictions of each epoch that has the objective, beside its value."""

    found: list = []

    def __init__(self, name, x):
        super().__init__()
        self.name, self.x = name, x

    def on_epoch_end(self, epoch, logs=None):
        if self.name in logs:
            predictions = self.model.predict(self.x, verbose=0)
            # Mixed precision skips the steps whose gradients overflow.
            steps = int(self.model.optimizer.iterations)
            Remembers.found.append((float(logs[self.name]), epoch, predictions, steps))


def same(a, b):
    a, b = keras.tree.flatten(a), keras.tree.flatten(b)
    return all(np.allclose(one, other, atol=1e-5) for one, other in zip(a, b, strict=True))


@pytest.mark.parametrize("kind", MODELS)
def test_the_model_that_is_loaded_predicts_as_it_did_in_its_best_epoch(kind, tmp_path):
    make, x, y, objective, compiled = MODELS[kind]

    def build_model(hp):
        hp.Int("units", 1, 9)
        model = make()
        settings = {"optimizer": keras.optimizers.Adam(0.05), "loss": "mse", **compiled}
        model.compile(**settings, run_eagerly=True)
        return model

    def tuner():
        settings = {"directory": tmp_path, "project_name": "search", "max_trials": 1}
        return kt.RandomSearch(build_model, kt.Objective(objective, "min"), **settings)

    Remembers.found = []
    fit = {} if objective == "loss" else {"validation_data": (x, y), "validation_freq": 2}
    searched = tuner()
    function = lambda trial: [Remembers(objective, x)]
    searched.search(x, y, epochs=4, verbose=0, callbacks=function, **fit)
    value, epoch, predictions, steps = min(Remembers.found, key=lambda found: found[0])
    (trial,) = searched.oracle.trials.values()
    assert trial.score == pytest.approx(value, rel=1e-6) and trial.best_step == epoch
    for again in (searched, tuner()):  # the second is that of another process
        model = again.get_best_models()[0]
        assert same(model.predict(x, verbose=0), predictions)
        assert int(model.optimizer.iterations) == steps > 0
    model.fit(x, y, verbose=0)
