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
