import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

from tfbo.optim import adam, bfgs


def rosenbrock(x):
    return tf.reduce_sum(100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2, axis=-1)


def run(minimise, function, start, lower, upper, **settings):
    program = tf.function(
        lambda s: minimise(
            function, s, tf.constant(lower, tf.float64), tf.constant(upper, tf.float64), **settings
        ),
        autograph=False,
    )
    return program(tf.constant(start))


@pytest.mark.parametrize("d", [2, 5])
def test_rosenbrock_inside_the_box(d):
    start = np.random.default_rng(0).uniform(-1.5, 1.5, [6, d])
    result = run(
        bfgs.minimise,
        rosenbrock,
        start,
        [-2.0] * d,
        [2.0] * d,
        max_evaluations=400,
        gradient_tolerance=1e-8,
    )
    assert float(tf.reduce_min(result.value)) < 1e-12
    assert result.converged.numpy().all()


@pytest.mark.parametrize("seed", range(5))
def test_at_active_bounds_it_agrees_with_scipy(seed):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal([6, 6])
    h, c = a @ a.T + np.eye(6), 3.0 * rng.standard_normal(6)
    quadratic = lambda x: (
        0.5 * tf.reduce_sum(x * (x @ tf.constant(h)), -1) + tf.linalg.matvec(x, tf.constant(c))
    )
    result = run(
        bfgs.minimise, quadratic, rng.random([3, 6]), [0.0] * 6, [1.0] * 6, gradient_tolerance=1e-9
    )
    reference = scipy.optimize.minimize(
        lambda x: (0.5 * x @ h @ x + c @ x, h @ x + c), np.full(6, 0.5), jac=True, bounds=[(0, 1)] * 6,
        options={"ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    np.testing.assert_allclose(result.value, reference.fun, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("minimise", [bfgs.minimise, adam.minimise])
def test_members_do_not_influence_each_other(minimise):
    start = np.random.default_rng(1).uniform(-1.0, 1.0, [4, 3])
    together = run(minimise, rosenbrock, start, [-2.0] * 3, [2.0] * 3)
    for i in range(4):
        alone = run(minimise, rosenbrock, start[i : i + 1], [-2.0] * 3, [2.0] * 3)
        np.testing.assert_allclose(together.x[i], alone.x[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("minimise", [bfgs.minimise, adam.minimise])
def test_a_member_that_meets_nan_harms_nobody(minimise):
    function = lambda x: tf.reduce_sum((x - 0.3) ** 2, -1) + 0.0 * tf.sqrt(x[:, 0] + 1.0)
    result = run(minimise, function, np.array([[-1.5, 0.0], [0.9, 0.9]]), [-2.0] * 2, [2.0] * 2)
    assert np.isinf(result.value[0])
    np.testing.assert_allclose(result.x[1], [0.3, 0.3], atol=1e-3)
    assert not bool(result.converged[0])


def test_equal_bounds_hold_a_variable():
    result = run(bfgs.minimise, rosenbrock, np.array([[0.5, 0.0]]), [0.5, -2.0], [0.5, 2.0])
    np.testing.assert_allclose(result.x, [[0.5, 0.25]], atol=1e-4)


def test_the_objective_is_traced_once_and_evaluated_as_often_as_said():
    traces = []

    def function(x):
        traces.append(1)
        return rosenbrock(x)

    result = run(
        bfgs.minimise, function, np.zeros([2, 2]), [-2.0] * 2, [2.0] * 2, max_evaluations=7
    )
    assert len(traces) == 1
    assert int(result.evaluations) == 7


def test_adam_gets_near():
    result = run(
        adam.minimise,
        lambda x: tf.reduce_sum((x - 0.3) ** 2, -1),
        np.zeros([2, 3]),
        [-1.0] * 3,
        [1.0] * 3,
    )
    np.testing.assert_allclose(result.x, 0.3, atol=1e-3)
