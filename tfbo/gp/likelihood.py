"""The likelihood of the exact Gaussian process, its posterior over hyperparameters, and its factors.

Letters: n data, D features, p log hyperparameters, r members of a batch.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfbo import _linalg
from tfbo.gp.hyperprior import Hyperprior, log_prior
from tfbo.gp.kernels import Hyperparameters, Kernel


class Observations(NamedTuple):
    """Training data as the process sees them; of several outputs, all but the features have their axis."""

    features: tf.Tensor
    """Embedded rows, `[n, D]`."""
    z: tf.Tensor
    """Standardised outcomes, `[n]`."""
    mask: tf.Tensor | None = None
    """bool `[n]`: False marks a row of padding, of outcome zero."""
    variances: tf.Tensor | None = None
    """Known variances of the outcomes, `[n]`, zero where unknown; the noise is what is left beyond."""


class Factors(NamedTuple):
    """Factors of the training data, computed once, from which every prediction follows."""

    hyperparameters: Hyperparameters
    rows: tf.Tensor
    """Scaled features, `[n, D]`."""
    z: tf.Tensor
    """Standardised outcomes, `[n]`."""
    inverse: tf.Tensor
    """Inverse of the lower Cholesky factor of the covariance of the observations, `[n, n]`."""
    alpha: tf.Tensor
    """Covariance^-1 z, `[n]`."""
    ok: tf.Tensor


FACTORS = Factors(Hyperparameters(*Hyperparameters._fields), *Factors._fields[1:])
"""The structure of what compiled programs return."""


def unpack(kernel: Kernel, theta: tf.Tensor) -> Hyperparameters:
    """Hyperparameters from their logarithms `[..., p]`."""
    sizes = [1, kernel.lengthscale_count, len(kernel.shape_names), 1]
    amplitude, lengthscales, shape, noise = tf.split(tf.exp(theta), sizes, axis=-1)
    return Hyperparameters(tf.squeeze(amplitude, -1), lengthscales, shape, tf.squeeze(noise, -1))


def log_posterior(
    kernel: Kernel, hyperprior: Hyperprior, observed: Observations, theta: tf.Tensor
) -> tf.Tensor:
    """Log marginal likelihood plus log priors at `theta` `[r, p]`: `[r]`; NaN where singular."""
    return log_likelihood(kernel, observed, theta) + log_prior(hyperprior, theta)


def log_likelihood(kernel: Kernel, observed: Observations, theta: tf.Tensor) -> tf.Tensor:
    """Log marginal likelihood at `theta` `[r, p]`: `[r]`; each member may have outcomes of its own."""
    covariance = _covariance(kernel, unpack(kernel, theta), observed)
    value = _linalg.normal_log_density(covariance, observed.z)
    if observed.mask is not None:
        padding = tf.math.count_nonzero(~observed.mask, axis=-1, dtype=value.dtype)
        value += 0.5 * padding * _linalg.LOG_TWO_PI
    return value


def factorise(kernel: Kernel, theta: tf.Tensor, observed: Observations) -> Factors:
    """Factors at log hyperparameters `theta` `[p]`; a row that is padding predicts nothing."""
    hyperparameters = unpack(kernel, theta)
    z = observed.z
    factor, ok = _linalg.cholesky(_covariance(kernel, hyperparameters, observed))
    inverse = _linalg.inverse_lower(factor)
    if observed.mask is not None:
        inverse = tf.where(observed.mask[..., None], inverse, tf.zeros_like(inverse))
    alpha = tf.linalg.matvec(inverse, tf.linalg.matvec(inverse, z), transpose_a=True)
    rows = kernel.scale(hyperparameters, observed.features)
    return Factors(hyperparameters, rows, z, inverse, alpha, ok)


def _covariance(
    kernel: Kernel, hyperparameters: Hyperparameters, observed: Observations
) -> tf.Tensor:
    features, _, mask, variances = observed
    return kernel.covariance(hyperparameters, features, mask, variances)
