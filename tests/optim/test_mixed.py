"""The maximiser against the best of 20,000 random legal points, on random Gaussian processes."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from tfbo import Boolean, Categorical, Float, Int, Ordinal, Space
from tfbo.acquisition import EI, UCB, LogEI, PosteriorStd
from tfbo.columns import snap
from tfbo.gp import Posterior, kernels, likelihood
from tfbo.gp.pending import Pending
from tfbo.optim import mixed, starts
from tfbo.space import encoding

numbers = lambda d: Space({f"x{i}": Float(0.0, 1.0) for i in range(d)})
SPACES = {
    "one number": (numbers(1), LogEI()),
    "two numbers": (numbers(2), LogEI()),
    "six numbers": (numbers(6), LogEI()),
    "twelve numbers": (numbers(12), EI()),
    "levels": (
        Space({"a": Int(0, 30), "b": Int(1, 1000, log=True), "c": Ordinal([1, 2, 4])}),
        LogEI(),
    ),
    "categories": (
        Space({c: Categorical(list("abcdefg")[: 3 + i]) for i, c in enumerate("pqrst")}),
        UCB(2.0),
    ),
    "numbers and categories": (
        Space(
            {
                "c": Categorical(list("abcd")),
                "x": Float(0, 1),
                "y": Float(1e-4, 1, log=True),
                "b": Boolean(),
            }
        ),
        LogEI(),
    ),
    "conditions": (
        Space(
            {
                "kind": Categorical(["tree", "net"]),
                "depth": Int(1, 20, when={"kind": "tree"}),
                "rate": Float(1e-5, 1.0, log=True, when={"kind": "net"}),
                "drop": Boolean(when={"kind": "net"}),
                "p": Float(0.0, 0.6, when={"drop": True}),
                "x": Float(0.0, 1.0),
            }
        ),
        LogEI(),
    ),
    "large whole numbers": (
        Space({"a": Int(0, 10**6), "b": Int(-500, 500), "x": Float(0, 1)}),
        EI(),
    ),
    "a category of many levels": (
        Space({"c": Categorical(list(range(60))), "x": Float(0, 1)}),
        PosteriorStd(),
    ),
}


def among(taken):
    return lambda rows: mixed.among(rows, tf.convert_to_tensor(taken))


def program(columns, acquisition):
    kernel = kernels.kernel("matern52", len(columns), columns)

    rows = tf.TensorSpec([None, len(columns)], tf.float64)
    vector = tf.TensorSpec([None], tf.float64)

    @tf.function(autograph=False, input_signature=[vector, rows, vector, rows, rows, rows])
    def run(theta, x, z, everywhere, around, random):
        observed = likelihood.Observations(kernel.embed(x), z)
        posterior = Posterior(kernel, likelihood.factorise(kernel, theta, observed), 0.0, 1.0)
        nothing = Pending(observed.features[:0], tf.zeros([1, 0], tf.float64))
        state = acquisition.prepare(posterior, observed, nothing)
        function = lambda u: acquisition.worth(state, u[:, None, :])[:, 0]
        best = mixed.maximise(function, columns, (everywhere, around), among(x))
        return best, function(best.x[None])[0], tf.reduce_max(function(snap(columns, random, tnp)))

    return run


@pytest.mark.parametrize("name", SPACES)
def test_not_below_the_best_of_20000_random_points_in_20_cases(name):
    space, acquisition = SPACES[name]
    columns = encoding(space).columns
    d = len(columns)
    run = program(columns, acquisition)
    for case in range(20):
        rng = np.random.default_rng(case)
        n = int(rng.integers(3, 40))
        x = snap(columns, rng.random([n, d]))
        theta = np.concatenate([[0.0], np.log(rng.uniform(0.1, 1.5, d) * np.sqrt(d)), [-8.0]])
        z = rng.standard_normal(n)
        best, again, random = run(
            *map(tf.constant, (theta, x, z, starts.spread(columns, 1024, rng))),
            *map(
                tf.constant,
                (starts.around(columns, x[np.argsort(-z)[:8]], 256, rng), rng.random([20_000, d])),
            ),
        )
        assert bool(best.ok)
        assert float(best.value) == pytest.approx(float(again), rel=1e-9, abs=1e-12)
        np.testing.assert_allclose(snap(columns, best.x.numpy()), best.x, rtol=0, atol=1e-14)
        assert np.abs(x - best.x.numpy()).max(axis=1).min() > 0.0
        assert float(best.value) >= float(random) - 1e-9 * abs(float(random)), f"case {case}"


def test_told_rows_are_never_returned():
    columns = encoding(Space({"a": Int(0, 3), "b": Boolean()})).columns
    every = np.array([[(i + 0.5) / 4, (j + 0.5) / 2] for i in range(4) for j in range(2)])
    function = lambda rows: tf.reduce_sum(rows, axis=-1)
    for left in range(8):
        told = np.delete(every, left, axis=0)
        best = mixed.maximise(function, columns, (tf.constant(every),), among(told))
        assert bool(best.ok)
        np.testing.assert_allclose(best.x, every[left], rtol=0, atol=1e-14)
    assert not bool(mixed.maximise(function, columns, (tf.constant(every),), among(every)).ok)


def test_not_a_number_is_avoided():
    columns = encoding(numbers(2)).columns
    function = lambda rows: rows[:, 0] + 0.0 * tf.sqrt(0.5 - rows[:, 0])
    everywhere = tf.constant(np.random.default_rng(0).random([64, 2]))
    best = mixed.maximise(function, columns, (everywhere,), among(np.zeros([1, 2])))
    assert 0.45 < float(best.value) <= 0.5
