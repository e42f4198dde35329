import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfbo import _linalg


def spd(n, rng):
    a = rng.standard_normal([n, n])
    return a @ a.T + 0.1 * np.eye(n)


def test_a_good_matrix_gets_no_jitter():
    k = spd(6, np.random.default_rng(0))
    factor, ok = _linalg.cholesky(tf.constant(k))
    assert bool(ok)
    np.testing.assert_allclose(factor, np.linalg.cholesky(k), rtol=1e-13, atol=1e-13)


def test_only_the_bad_member_of_a_batch_gets_jitter():
    good, bad = spd(5, np.random.default_rng(1)), np.ones([5, 5]) - 1e-12 * np.eye(5)
    factor, ok = _linalg.cholesky(tf.constant(np.stack([good, bad])))
    assert ok.numpy().all()
    np.testing.assert_allclose(factor[0], np.linalg.cholesky(good), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(factor[1] @ tf.transpose(factor[1]), bad, atol=1e-4)


def test_a_hopeless_matrix_is_reported():
    _, ok = _linalg.cholesky(tf.constant(np.stack([np.eye(3), -np.eye(3)])))
    assert ok.numpy().tolist() == [True, False]


def test_a_nan_is_reported():
    matrix = np.eye(3)
    matrix[2, 2] = np.nan
    assert not bool(_linalg.cholesky(tf.constant(matrix))[1])


@pytest.mark.parametrize("n", [1, 2, 7])
def test_log_density_and_gradients(n):
    rng = np.random.default_rng(n)
    k, z = np.stack([spd(n, rng), spd(n, rng)]), rng.standard_normal(n)
    tk, tz = tf.constant(k), tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch([tk, tz])
        value = _linalg.normal_log_density(tk, tz)
        total = tf.reduce_sum(value * tf.constant([1.0, 2.0], tf.float64))
    expected = [scipy.stats.multivariate_normal(np.zeros(n), m).logpdf(z) for m in k]
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    dk, dz = tape.gradient(total, [tk, tz])
    precision = np.linalg.inv(k)
    alpha = precision @ z
    np.testing.assert_allclose(dz, -(alpha[0] + 2.0 * alpha[1]), rtol=1e-8, atol=1e-10)
    for i, weight in enumerate([1.0, 2.0]):
        by_hand = 0.5 * weight * (np.outer(alpha[i], alpha[i]) - precision[i])
        np.testing.assert_allclose(dk[i], by_hand, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 31])
def test_the_inverse_of_a_triangle_agrees_with_numpy(n):
    rng = np.random.default_rng(n)
    factor = np.linalg.cholesky(np.stack([spd(n, rng), spd(n, rng)]))
    inverse = _linalg.inverse_lower(tf.constant(factor)).numpy()
    np.testing.assert_allclose(inverse, np.linalg.inv(factor), rtol=1e-9, atol=1e-10)
    np.testing.assert_array_equal(np.triu(inverse, 1), 0.0)
