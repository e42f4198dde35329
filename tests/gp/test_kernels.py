import numpy as np
import pytest
import tensorflow as tf
from sklearn.gaussian_process.kernels import Matern

from tfbo.columns import INACTIVE, Column, Columns, snap
from tfbo.gp import Hyperparameters, kernels


def hyperparameters(d, shapes=0):
    rng = np.random.default_rng(0)
    return Hyperparameters(
        tf.constant(1.3, tf.float64),
        tf.constant(rng.uniform(0.3, 2.0, d)),
        tf.constant([0.7] * shapes, tf.float64),
        tf.constant(0.1, tf.float64),
    )


MIXED = Columns(
    (
        Column(),
        Column(count=3, categorical=True),
        Column(conditions=((1, (0.5 / 3,)),)),
        Column(count=4),
    )
)


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_covariances_are_positive_definite_with_an_exact_diagonal(name):
    kernel = kernels.kernel(name, 4, MIXED)
    h = hyperparameters(4, len(kernel.shape_names))
    x = snap(MIXED, np.random.default_rng(1).random([40, 4]))
    k = kernel.covariance(h, kernel.embed(tf.constant(x))).numpy()
    np.testing.assert_allclose(k, k.T, atol=1e-14)
    np.testing.assert_array_equal(np.diag(k), np.full(40, 1.3**2 + 0.1))
    assert np.linalg.eigvalsh(k).min() > 0.09


def test_numbers_against_scikit_learn():
    kernel = kernels.kernel("matern52", 3)
    h = hyperparameters(3)
    x = np.random.default_rng(2).random([10, 3])
    expected = 1.3**2 * Matern(h.lengthscales.numpy(), nu=2.5)(x) + 0.1 * np.eye(10)
    np.testing.assert_allclose(
        kernel.covariance(h, kernel.embed(tf.constant(x))), expected, rtol=1e-7
    )


def correlation(a, b, columns=MIXED):
    kernel = kernels.kernel("rbf", len(columns), columns)
    h = hyperparameters(len(columns))._replace(lengthscales=tf.ones([len(columns)], tf.float64))
    rows = tf.constant([a, b], tf.float64)
    return float(kernel.covariance(h, kernel.embed(rows))[0, 1]) / 1.3**2


def test_all_categories_are_equally_far_apart():
    at = lambda i: [0.5, (i + 0.5) / 3, INACTIVE, 0.125]
    assert correlation(at(1), at(2)) == pytest.approx(np.exp(-0.5))
    only = Columns((Column(count=5, categorical=True),))
    values = {
        round(correlation([0.1 + 0.2 * i], [0.1 + 0.2 * j], only), 12)
        for i in range(5)
        for j in range(i)
    }
    assert len(values) == 1


def test_an_inactive_column_is_equally_far_from_every_active_value():
    pair = Columns((Column(count=2), Column(conditions=((0, (0.75,)),))))
    distances = {round(correlation([0.25, INACTIVE], [0.75, v], pair), 12) for v in (0.0, 0.3, 1.0)}
    assert len(distances) == 1


def test_the_noise_is_on_the_diagonal_only():
    kernel = kernels.kernel("matern52", 1)
    h = hyperparameters(1)
    k = kernel.covariance(h, tf.constant([[0.5], [0.5]], tf.float64))
    np.testing.assert_allclose(k, [[1.79, 1.69], [1.69, 1.79]], rtol=1e-12)


@pytest.mark.parametrize("name", kernels._CLOSED)  # noqa: SLF001
def test_closed_forms_and_their_gradients_are_those_of_tfp(name):
    rng = np.random.default_rng(3)
    rows, weights = tf.constant(rng.standard_normal([9, 3])), tf.constant(rng.random([5, 4]))
    kernel, amplitude = kernels.kernel(name, 3), tf.constant([0.6, 1.7], tf.float64)
    results = []
    for make in (lambda a: kernel.at(hyperparameters(3)._replace(amplitude=a)), name):
        with tf.GradientTape() as tape:
            tape.watch([rows, amplitude])
            matrix = make(amplitude).matrix(rows[:5], rows[5:])
            total = tf.reduce_sum(matrix * weights)
        results.append((matrix, *tape.gradient(total, [rows, amplitude])))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", kernels._CLOSED)  # noqa: SLF001
def test_the_gradient_is_finite_where_points_coincide(name):
    rows = tf.constant([[0.3, 0.7], [0.3, 0.7]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        total = tf.reduce_sum(kernels.kernel(name, 2).at(hyperparameters(2)).matrix(rows, rows))
    np.testing.assert_allclose(tape.gradient(total, rows), 0.0, atol=1e-9)


def test_known_variances_add_to_the_diagonal():
    kernel, h = kernels.kernel("matern52", 3), hyperparameters(3)
    x = tf.constant(np.random.default_rng(5).random([4, 3]))
    variances = np.array([0.0, 0.3, 4.0, 1e-3])
    with_them = kernel.covariance(h, x, variances=tf.constant(variances)).numpy()
    np.testing.assert_allclose(with_them, kernel.covariance(h, x) + np.diag(variances), rtol=1e-15)
    mask = np.array([True, True, False, True])
    masked = kernel.covariance(h, x, tf.constant(mask), tf.constant(variances)).numpy()
    np.testing.assert_array_equal(masked[np.ix_(mask, mask)], with_them[np.ix_(mask, mask)])
    np.testing.assert_array_equal(masked[~mask], np.eye(4)[~mask])


def test_rows_that_are_left_out_are_those_of_the_identity():
    kernel, h = kernels.kernel("matern52", 3), hyperparameters(3)
    x = tf.constant(np.random.default_rng(5).random([4, 3]))
    mask = np.array([True, False, True, False])
    masked = kernel.covariance(h, x, tf.constant(mask)).numpy()
    np.testing.assert_array_equal(masked[np.ix_(mask, mask)], kernel.covariance(h, x[::2]).numpy())
    np.testing.assert_array_equal(masked[~mask], np.eye(4)[~mask])
