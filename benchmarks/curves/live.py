"""A live task: a small network on scikit-learn's digits, trained by Keras as far as a policy wants.

Policies are told the validation cross-entropy; a search is judged by the test error of the training, and
the epoch, that is the best by it. Weights and the order of rows depend on the configuration alone.
"""

# ruff: noqa: D102 (`Pool` says what the methods of its kind do)
from __future__ import annotations

import functools
import itertools
import zlib
from typing import Any, NamedTuple

import numpy as np
from suites.base import Params, draw, real, whole

from curves.tasks import Pool, Task, rng_of

EPOCHS = 27
SPACE = (
    real("learning_rate", 1e-4, 0.1, log=True),
    whole("batch_size", 16, 256, log=True),
    whole("layers", 1, 3),
    whole("units", 8, 128, log=True),
    real("dropout", 0.0, 0.6),
    real("noise", 1e-3, 1.0, log=True),
)
# Rows to train with, and rows to validate with; the others are the test set.
_TRAINED, _VALIDATED = 800, 400


class Data(NamedTuple):
    """Inputs in [0, 1] and labels of each of the three parts."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


@functools.cache
def digits() -> Data:
    """The data, split once."""
    from sklearn import datasets

    x, y = datasets.load_digits(return_X_y=True)
    x, order = (x / 16.0).astype(np.float32), np.random.default_rng(0).permutation(len(y))
    ends = [0, _TRAINED, _TRAINED + _VALIDATED, len(y)]
    parts = [order[begin:end] for begin, end in itertools.pairwise(ends)]
    return Data(*((x[rows], y[rows]) for rows in parts))


class Digits(Task):
    """The task; its regret is the test error over that of guessing."""

    name = "mlp-digits"
    parameters = SPACE
    steps = EPOCHS
    best = 0.0
    untrained = 0.9

    def pool(self, seed: int) -> Pool:
        return _Networks(rng_of(self.name, seed))


class _Networks(Pool):
    """Networks, which are kept so that they can be trained on."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.known: list[Params] = []
        self.models: dict[int, Any] = {}
        self.losses: dict[tuple[int, int], float] = {}
        self.last: Any = None

    def draw(self) -> int:
        return self.take(draw(SPACE, self.rng))

    def take(self, params: Params) -> int:
        self.known.append(dict(params))
        return len(self.known) - 1

    def params(self, key: int) -> Params:
        return self.known[key]

    def loss(self, key: int, step: int) -> float:
        if (key, step) not in self.losses:
            if key not in self.models:
                self.models[key] = _model(self.known[key])
            self.losses[key, step] = _train(self.models[key], self.known[key], step)
            self.last = self.models[key] if step < EPOCHS else self.models.pop(key)
        return self.losses[key, step]

    def judged(self, key: int, step: int) -> float:
        x, y = digits().test
        return float(np.mean(np.argmax(np.asarray(self.last(x)), axis=1) != y))


def _seed(params: Params) -> int:
    return zlib.crc32(repr(sorted(params.items())).encode())


def _model(params: Params) -> Any:
    import keras

    seed = _seed(params)
    model = keras.Sequential([keras.Input([64])])
    model.add(keras.layers.GaussianNoise(params["noise"], seed=seed))
    for i in range(params["layers"]):
        start = keras.initializers.GlorotUniform(seed + i)
        model.add(keras.layers.Dense(params["units"], "relu", kernel_initializer=start))
        model.add(keras.layers.Dropout(params["dropout"], seed=seed + i))
    start = keras.initializers.GlorotUniform(seed)
    model.add(keras.layers.Dense(10, "softmax", kernel_initializer=start))
    adam = keras.optimizers.Adam(params["learning_rate"])
    model.compile(adam, "sparse_categorical_crossentropy")
    return model


def _train(model: Any, params: Params, step: int) -> float:
    """Train an epoch; the validation loss, cut off lest a diverged network spoils every scale."""
    (x, y), (x_held, y_held) = digits()[:2]
    order = np.random.default_rng([_seed(params), step]).permutation(len(y))
    model.fit(x[order], y[order], params["batch_size"], shuffle=False, verbose=0)
    probability = np.asarray(model(x_held))[np.arange(len(y_held)), y_held]
    loss = -np.mean(np.log(np.maximum(probability, 1e-7)))
    return float(min(loss, 5.0)) if np.isfinite(loss) else 5.0
