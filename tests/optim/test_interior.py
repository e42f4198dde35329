"""The interior-point minimiser against SciPy's SLSQP, which is given the same margins, and known optima."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize

from tfbo.optim import interior
from tfbo.optim.base import Limits


def bumpy(d, seed):
    """A bowl with waves in it, whose lowest point is mostly outside of the cube or of the region."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal([d, d])
    bowl, centre, wave = (
        a @ a.T / d + 0.1 * np.eye(d),
        rng.uniform(-0.3, 1.3, d),
        rng.normal(size=d),
    )

    def function(x):
        gap = x - centre
        waves = 0.2 * tf.sin(4.0 * tf.linalg.matvec(x, wave))
        return 0.5 * tf.reduce_sum(gap @ bowl * gap, axis=-1) + waves

    return function


def linear(d, seed):
    rng = np.random.default_rng(seed)
    weights, tilt = rng.uniform(0.3, 1.0, d), rng.standard_normal(d)

    def margins(x):
        budget = 0.4 * weights.sum() - tf.linalg.matvec(x, weights)
        return tf.stack([budget, tf.linalg.matvec(x - 0.3, tilt / np.abs(tilt).sum()) + 0.05], -1)

    return margins


def curved(d, seed):
    def margins(x):
        ball = 0.3 - tf.reduce_mean(tf.square(x), axis=-1)
        return tf.stack([ball, x[:, 0] * x[:, 1] - 0.04], axis=-1)

    return margins


def minimised(function, margins, start, d, **limits):
    low, high = tf.zeros([d], tf.float64), tf.ones([d], tf.float64)
    limits = Limits(low, high, first_step=0.1, value_tolerance=1e-9, **limits)
    run = lambda start: interior.minimise(function, margins, start, limits)
    return tf.function(run, autograph=False)(tf.constant(start))


def slsqp(function, margins, start):
    def value_and_slope(x):
        x = tf.constant(x[None])
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return float(value[0]), tape.gradient(value, x).numpy()[0]

    edge = {"type": "ineq", "fun": lambda x: margins(tf.constant(x[None]))[0].numpy()}
    bounds, options = [(0.0, 1.0)] * len(start), {"ftol": 1e-12, "maxiter": 300}
    found = minimize(
        value_and_slope, start, jac=True, method="SLSQP", bounds=bounds, constraints=edge,
        options=options,
    )  # fmt: skip
    broken = (margins(tf.constant(found.x[None])).numpy() < -1e-7).any()
    return np.inf if broken else found.fun


@pytest.mark.parametrize("kind", [linear, curved])
@pytest.mark.parametrize("d", [2, 5, 10])
def test_no_higher_than_slsqp_and_strictly_inside(kind, d):
    for seed in range(3):
        function, margins = bumpy(d, seed), kind(d, seed)
        points = np.random.default_rng(seed).random([20_000, d])
        legal = points[(margins(tf.constant(points)).numpy() >= 0.0).all(axis=1)]
        start = legal[np.argsort(function(tf.constant(legal)).numpy())[:8]]
        found = minimised(function, margins, start, d)
        theirs = min(slsqp(function, margins, row) for row in start[:3])
        assert (margins(found.x).numpy() > 0.0).all()
        assert ((found.x.numpy() > 0.0) & (found.x.numpy() < 1.0)).all()
        assert float(tf.reduce_min(found.value)) <= theirs + 1e-6, seed
        np.testing.assert_allclose(found.value, function(found.x), rtol=1e-12)


def test_a_vertex_of_three_edges_in_three_variables():
    margins = lambda x: tf.stack(
        [0.9 - x[:, 0] - x[:, 1], 0.9 - x[:, 1] - x[:, 2], 1.0 - x[:, 0] - x[:, 2]], axis=-1
    )
    function = lambda x: -tf.linalg.matvec(x, tf.constant([1.0, 1.1, 1.2], tf.float64))
    found = minimised(function, margins, np.full([2, 3], 0.2), 3)
    np.testing.assert_allclose(found.x, [[0.5, 0.4, 0.5]] * 2, atol=1e-7)
    assert found.converged.numpy().all()


def test_the_middle_of_what_is_legal_where_nothing_is_active():
    margins = lambda x: 1.5 - tf.reduce_sum(x, axis=-1, keepdims=True)
    function = lambda x: tf.reduce_sum(tf.square(x - 0.37), axis=-1)
    found = minimised(function, margins, np.array([[0.9, 0.1], [0.0, 0.0], [1.0, 0.5]]), 2)
    np.testing.assert_allclose(found.x, np.full([3, 2], 0.37), atol=1e-6)


def test_the_far_side_of_a_narrow_curved_band():
    """The lowest point is a quarter of a circle away, along a ring as wide as a thousandth."""

    def margins(x):
        radius = tf.reduce_sum(tf.square(x), axis=-1)
        return tf.stack([0.501 - radius, radius - 0.499], axis=-1)

    start = np.array([[np.sqrt(0.5) - 1e-9, 1e-5]])
    found = minimised(lambda x: x[:, 0] - x[:, 1], margins, start, 2, max_evaluations=200)
    np.testing.assert_allclose(found.x, [[0.0, np.sqrt(0.501)]], atol=1e-5)


def test_starts_on_an_edge_or_slightly_outside_go_on_and_hopeless_ones_are_infinite():
    margins = lambda x: tf.stack([1.0 - x[:, 0] - x[:, 1], x[:, 0] - 0.2], axis=-1)
    function = lambda x: -x[:, 0] - 2.0 * x[:, 1]
    found = minimised(function, margins, np.array([[0.5, 0.5], [0.2, 0.8], [0.6, 0.6]]), 2)
    np.testing.assert_allclose(found.x, [[0.2, 0.8]] * 3, atol=1e-7)
    nowhere = lambda x: x[:, :1] - 2.0
    assert np.isinf(minimised(function, nowhere, np.array([[0.5, 0.5]]), 2).value).all()


def test_a_fixed_variable_stays_and_its_exhausted_margin_does_not_matter():
    margins = lambda x: tf.stack([0.5 - x[:, 0], 0.9 - x[:, 1] - 0.5 * x[:, 0]], axis=-1)
    start = tf.constant([[0.5, 0.1], [0.5, 0.3]], tf.float64)
    fixed = tf.constant([True, False])
    low = tf.where(fixed, start, tf.zeros_like(start))
    limits = Limits(low, tf.where(fixed, start, tf.ones_like(start)), value_tolerance=1e-9)
    found = interior.minimise(lambda x: -tf.reduce_sum(x, -1), margins, start, limits)
    np.testing.assert_array_equal(found.x[:, 0], start[:, 0])
    np.testing.assert_allclose(found.x[:, 1], 0.65, atol=1e-7)


def test_members_do_not_influence_each_other():
    function, margins = bumpy(4, 1), linear(4, 1)
    start = np.random.default_rng(1).uniform(0.2, 0.4, [5, 4])
    whole = minimised(function, margins, start, 4)
    for i in range(5):
        alone = minimised(function, margins, start[i : i + 1], 4)
        np.testing.assert_allclose(alone.x[0], whole.x[i], atol=1e-6)


def test_nan_is_stepped_back_from():
    margins = lambda x: 0.9 - x[:, :1]
    function = lambda x: -x[:, 0] + 0.0 * tf.sqrt(0.7 - x[:, 0])
    found = minimised(function, margins, np.array([[0.1, 0.5]]), 2)
    assert 0.6 < float(found.x[0, 0]) <= 0.7


def test_one_trace_for_all_numbers_of_starts():
    traces = []

    def run(start):
        traces.append(start.shape)
        limits = Limits(tf.zeros([2], tf.float64), tf.ones([2], tf.float64))
        return interior.minimise(bumpy(2, 0), linear(2, 0), start, limits).value

    spec = tf.TensorSpec([None, 2], tf.float64)
    compiled = tf.function(run, autograph=False, input_signature=[spec])
    for r in (1, 3, 8):
        assert compiled(tf.fill([r, 2], tf.constant(0.3, tf.float64))).shape == (r,)
    assert len(traces) == 1
