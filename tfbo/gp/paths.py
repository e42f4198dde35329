"""Draws of the whole posterior function, which can be evaluated, and climbed, anywhere.

A draw of the prior is a sum of random waves; Matheron's rule turns it into one of the posterior by adding
what the data say of its error at the data. The sum of waves is an approximation, the correction is not, so
that draws pass where the data are (Wilson et al. 2020, arXiv 2002.09309).

Letters: s draws, F waves, n data, d columns, D features.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfbo.gp.kernels import Kernel
from tfbo.gp.likelihood import Observations
from tfbo.gp.posterior import Posterior

psd_kernels = tfp.math.psd_kernels

# The correlation is a mixture of squared exponentials whose precision is Gamma distributed with this
# shape and mean one, or its inverse is: Rasmussen and Williams 2006, equations 4.15 and 4.19.
_INVERSE_GAMMA = {
    psd_kernels.MaternOneHalf: 0.5,
    psd_kernels.MaternThreeHalves: 1.5,
    psd_kernels.MaternFiveHalves: 2.5,
}
_WAVES = 512


class Randomness(NamedTuple):
    """Randomness of s draws: arrays of independent numbers."""

    directions: np.ndarray
    """Standard normal, `[F, D]`."""
    mixing: np.ndarray
    """Uniform in (0, 1), `[F]`."""
    weights: np.ndarray
    """Standard normal, `[s, 2 F]`."""
    errors: np.ndarray
    """Standard normal, `[s, n]`."""


def is_known(kernel: Kernel) -> bool:
    """True where the waves of the kernel are known, without which there are no paths."""
    known = (*_INVERSE_GAMMA, psd_kernels.ExponentiatedQuadratic, psd_kernels.RationalQuadratic)
    return kernel.is_isotropic and kernel.correlation in known


def randomness(kernel: Kernel, n: int, count: int, rng: np.random.Generator) -> Randomness:
    """Draw the randomness of `count` paths given `n` data."""
    return Randomness(
        rng.standard_normal([_WAVES, kernel.features]),
        rng.uniform(1e-12, 1.0, _WAVES),
        rng.standard_normal([count, 2 * _WAVES]),
        rng.standard_normal([count, n]),
    )


@dataclasses.dataclass(frozen=True)
class Paths:
    """Draws of the function behind data; `draw` makes them.

    Waves `[F, D]` are frequencies in the units of scaled features; weights `[s, 2 F]` those of their
    cosines and sines; the update `[s, n]` is that of the covariances with the data.
    """

    posterior: Posterior
    waves: tf.Tensor
    weights: tf.Tensor
    update: tf.Tensor

    def everywhere(self, x: tf.Tensor) -> tf.Tensor:
        """All draws at all rows `[c, d]`: `[s, c]`, standardised."""
        rows = _scaled(self.posterior, x)
        prior = tf.matmul(self.weights, _sinusoids(self.waves, rows), transpose_b=True)
        return prior + tf.matmul(self.update, self._cross(rows), transpose_b=True)

    def each(self, x: tf.Tensor) -> tf.Tensor:
        """Each draw at rows of its own `[s k, d]`, k after k: `[s k]`, standardised."""
        rows, s = _scaled(self.posterior, x), tf.shape(self.weights)[0]

        def dot(features: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
            of_each = tf.reshape(features, [s, -1, tf.shape(weights)[1]])
            return tf.reshape(tf.linalg.matvec(of_each, weights), [-1])

        prior = dot(_sinusoids(self.waves, rows), self.weights)
        return prior + dot(self._cross(rows), self.update)

    def _cross(self, rows: tf.Tensor) -> tf.Tensor:
        process = self.posterior.kernel.at(self.posterior.hyperparameters)
        return process.matrix(rows, self.posterior.factors.rows)


def draw(posterior: Posterior, observed: Observations, drawn: Randomness) -> Paths:
    """Draws of the noise-free function, given what the posterior was factorised of, without padding."""
    hyperparameters, factors = posterior.hyperparameters, posterior.factors
    waves = drawn.directions * _stretch(posterior, drawn.mixing)[:, None]
    weights = drawn.weights * hyperparameters.amplitude * _WAVES**-0.5
    at_data = tf.matmul(weights, _sinusoids(waves, factors.rows), transpose_b=True)
    noise = hyperparameters.noise
    if observed.variances is not None:
        noise = noise + observed.variances
    errors = factors.z - at_data - tf.sqrt(noise) * drawn.errors
    whitened = tf.matmul(errors, factors.inverse, transpose_b=True)
    return Paths(posterior, waves, weights, tf.matmul(whitened, factors.inverse))


def _stretch(posterior: Posterior, mixing: tf.Tensor) -> tf.Tensor:
    """Frequency of each wave relative to one of a squared exponential, `[F]`."""
    correlation = posterior.kernel.correlation
    if correlation in _INVERSE_GAMMA:
        shape = tf.constant(_INVERSE_GAMMA[correlation], mixing.dtype)
        return tf.math.rsqrt(tfp.math.igammainv(shape, mixing) / shape)
    if correlation is psd_kernels.RationalQuadratic:
        shape = posterior.hyperparameters.shape[0]
        return tf.sqrt(tfp.math.igammainv(shape, mixing) / shape)
    return tf.ones_like(mixing)


def _scaled(posterior: Posterior, x: tf.Tensor) -> tf.Tensor:
    return posterior.kernel.scale(posterior.hyperparameters, posterior.features(x))


def _sinusoids(waves: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Cosines and sines `[c, 2 F]` at scaled features `[c, D]`."""
    phase = tf.matmul(rows, waves, transpose_b=True)
    return tf.concat([tf.cos(phase), tf.sin(phase)], axis=-1)
