"""The posterior of several outputs: an axis of its tensors, beside NumPy's formulas for each."""

import numpy as np
import tensorflow as tf

from tfbo.gp import Posterior, kernels, likelihood

LENGTHSCALES, AMPLITUDES, NOISES = np.array([[0.3, 0.6], [0.8, 0.2]]), [1.2, 0.7], [1e-2, 1e-4]


def gaussian(a, b, lengthscales, amplitude):
    r2 = (((a[:, None] - b[None]) / lengthscales) ** 2).sum(axis=-1)
    return amplitude**2 * np.exp(-0.5 * r2)


def test_outputs_are_an_axis():
    rng = np.random.default_rng(0)
    x, new = rng.random([12, 2]), rng.random([5, 2])
    z = np.stack([np.sin(5.0 * x[:, 0]), x[:, 1] ** 2 - x[:, 0]])
    theta = np.log(np.column_stack([AMPLITUDES, LENGTHSCALES, NOISES]))
    kernel = kernels.kernel("rbf", 2)
    observed = likelihood.Observations(kernel.embed(tf.constant(x)), tf.constant(z))
    factors = likelihood.factorise(kernel, tf.constant(theta), observed)
    zeros = tf.zeros([2], tf.float64)
    posterior = Posterior(kernel, factors, zeros, zeros + 1.0)
    mean, variance = posterior.moments(tf.constant(new))
    assert mean.shape == variance.shape == (2, 5)
    for i, (amplitude, noise) in enumerate(zip(AMPLITUDES, NOISES, strict=True)):
        covariance = gaussian(x, x, LENGTHSCALES[i], amplitude) + noise * np.eye(12)
        cross = gaussian(new, x, LENGTHSCALES[i], amplitude)
        expected = cross @ np.linalg.solve(covariance, z[i])
        left = amplitude**2 - np.sum(cross * np.linalg.solve(covariance, cross.T).T, axis=1)
        np.testing.assert_allclose(mean[i], expected, atol=1e-8)
        np.testing.assert_allclose(variance[i], left, atol=1e-8)
