"""Delicate scalar mathematics, each with its formula, valid range and source."""

from __future__ import annotations

import math

import tensorflow as tf
import tensorflow_probability as tfp

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_SQRT_HALF_PI = math.sqrt(0.5 * math.pi)
_SQRT_HALF = math.sqrt(0.5)

# log_h switches from the erfcx form to the asymptotic series here: the erfcx form loses z^2 ulps to
# cancellation (6e-14 at 25), the series below is then accurate to the last bit.
_SERIES_FROM = 25.0
# Coefficients of h(z) z^2 / phi(z) in powers of 1/z^2: (-1)^k (2k + 1)!! for k = 0, 1, ...
_SERIES = (1.0, -3.0, 15.0, -105.0, 945.0, -10395.0, 135135.0, -2027025.0)

# Data that differ by less than 2^-30 = 1e-9, in the unit cube or after standardisation, are the same:
# far more than the rounding of a change of units, far less than ever matters to an optimum.
RESOLUTION = 2.0**30


def log_phi(z: tf.Tensor) -> tf.Tensor:
    """Log density of the standard normal, for any finite `z`."""
    return -0.5 * tf.square(z) - _HALF_LOG_TWO_PI


def log_h(z: tf.Tensor) -> tf.Tensor:
    """Log of `h(z) = phi(z) + z Phi(z)`, finite with its gradient for z from -1e6 to 1e6 in float64.

    The naive form is 0 - 0 below z = -38 and cancels long before. Three branches, each fed only
    inputs that are safe for it:

    * z > -1: the definition.
    * -25 < z <= -1: `log phi + log1p(-|z| m(|z|))`, `m(t) = sqrt(pi/2) erfcx(t / sqrt 2)` (Mills).
    * z <= -25: `log phi - 2 log|z| + log(1 - 3/z^2 + 15/z^4 - ...)`, the asymptotic series.

    Source: Ament et al. 2023 (arXiv 2310.20708), equation 9 and appendix A, whose branch for large
    negative z is the first term of the series.
    """
    one = tf.ones_like(z)
    direct, tail = z > -one, z <= -_SERIES_FROM * one

    z_direct = tf.where(direct, z, one)
    cdf = 0.5 * tf.math.erfc(-_SQRT_HALF * z_direct)
    log_direct = tf.math.log(tf.exp(log_phi(z_direct)) + z_direct * cdf)

    t = tf.where(direct | tail, 2.0 * one, -z)
    mills = _SQRT_HALF_PI * tfp.math.erfcx(_SQRT_HALF * t)
    log_middle = log_phi(t) + tf.math.log1p(-t * mills)

    t = tf.where(tail, -z, _SERIES_FROM * one)
    w = tf.math.reciprocal(tf.square(t))
    series = tf.zeros_like(w)
    for coefficient in reversed(_SERIES):
        series = coefficient + w * series
    log_tail = log_phi(t) - 2.0 * tf.math.log(t) + tf.math.log(series)

    return tf.where(direct, log_direct, tf.where(tail, log_tail, log_middle))


def quantise(values: tf.Tensor) -> tf.Tensor:
    """Round to the nearest multiple of 1 / `RESOLUTION`, for values of order one.

    A study repeated in other units differs from the first in the last bits of its standardised
    data. An optimiser amplifies such bits; after rounding there is nothing to amplify.
    """
    return tf.round(values * RESOLUTION) / RESOLUTION
