"""Delicate scalar mathematics, each with its formula, valid range and source."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_SQRT_HALF_PI = math.sqrt(0.5 * math.pi)
_SQRT_HALF = math.sqrt(0.5)

# log_h switches from the erfc form to the asymptotic series here: the erfc form loses z^2 ulps to
# cancellation and as many to the exponential (5e-13 at 10), the series is then accurate to 1e-15.
_SERIES_FROM = 10.0
_ORDERS = np.arange(20)
# Coefficients of h(z) z^2 / phi(z) in powers of 1/z^2, (-1)^k (2k + 1)!!, and likewise of the Mills
# ratio Phi(z) |z| / phi(z), (-1)^k (2k - 1)!!.
_SERIES = np.cumprod(np.concatenate([[1.0], -(2.0 * _ORDERS[1:] + 1.0)]))
_MILLS_SERIES = np.cumprod(np.concatenate([[1.0], -(2.0 * _ORDERS[1:] - 1.0)]))

# The same quotient h(z) z^2 / phi(z) as one of polynomials in x = 1/|z|, for z <= -1: fitted to it in 60
# digits at 160 points, with weights 1 / denominator. The first numbers belong to x^0.
_TAIL_ABOVE = [
    1.0, 16.156825587131355, 140.5560566459574, 787.9991731078053, 3024.085890081687,
    7895.079096840579, 13062.004194966572, 10799.017738450364,
]  # fmt: skip
_TAIL_BELOW = [
    1.0, 16.15682558705275, 143.556056676118, 836.4696458630262, 3439.7543275630687,
    10162.125033342923, 21333.20223627562, 30429.830853670996, 26596.591718023425, 10799.013982905462,
]  # fmt: skip

# Data that differ by less than 2^-30 = 1e-9, in the unit cube or after standardisation, are the same:
# far more than the rounding of a change of units, far less than ever matters to an optimum.
RESOLUTION = 2.0**30


def log_phi(z: tf.Tensor) -> tf.Tensor:
    """Log density of the standard normal, for any finite `z`."""
    return -0.5 * tf.square(z) - _HALF_LOG_TWO_PI


@tf.custom_gradient
def log_h(z: tf.Tensor) -> tuple[tf.Tensor, object]:
    """Log of `h(z) = phi(z) + z Phi(z)`, finite with its gradient for z from -1e6 to 1e6 in float64.

    The naive form is 0 - 0 below z = -38 and cancels long before. Three branches, each fed only
    inputs that are safe for it:

    * z > -1: the definition.
    * -10 < z <= -1: `log phi + log1p(-|z| m(|z|))`, with Mills' ratio
      `m(t) = sqrt(pi/2) exp(t^2/2) erfc(t / sqrt 2)`.
    * z <= -10: `log phi - 2 log|z| + log(1 - 3/z^2 + 15/z^4 - ...)`, the asymptotic series.

    The gradient `Phi / h` is written out in the same branches; in the second it is `m / (1 - |z| m)`.
    An acquisition is climbed in hundreds of small steps, whose time is the number of operations: hence
    no erfcx (a polynomial of degree 25), and series as one product of powers and coefficients.

    Source: Ament et al. 2023 (arXiv 2310.20708), equation 9 and appendix A, whose branch for large
    negative z is the first term of the series.
    """
    direct, tail = z > -1.0, z <= -_SERIES_FROM

    z_direct = tf.where(direct, z, 1.0)
    cdf = 0.5 * tf.math.erfc(-_SQRT_HALF * z_direct)
    h = tf.exp(log_phi(z_direct)) + z_direct * cdf

    t = tf.where(direct | tail, tf.constant(2.0, z.dtype), -z)
    mills = _SQRT_HALF_PI * tf.exp(0.5 * tf.square(t)) * tf.math.erfc(_SQRT_HALF * t)
    log_middle = log_phi(t) + tf.math.log1p(-t * mills)

    t_tail = tf.where(tail, -z, _SERIES_FROM)
    powers = tf.exp(tf.expand_dims(-2.0 * tf.math.log(t_tail), -1) * _ORDERS)
    series = tf.reduce_sum(powers * _SERIES, axis=-1)
    log_tail = log_phi(t_tail) - 2.0 * tf.math.log(t_tail) + tf.math.log(series)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        middle = mills / (1.0 - t * mills)
        asymptotic = t_tail * tf.reduce_sum(powers * _MILLS_SERIES, axis=-1) / series
        slope = tf.where(direct, cdf / h, tf.where(tail, asymptotic, middle))
        return upstream * slope

    return tf.where(direct, tf.math.log(h), tf.where(tail, log_tail, log_middle)), gradient


@tf.custom_gradient
def log_h_of_many(z: tf.Tensor) -> tuple[tf.Tensor, object]:
    """`log_h` to twelve digits, in a quarter of its time where there are millions of z.

    Two branches, each fed only inputs that are safe for it: for z > -1 the definition, and below that
    `log phi - 2 log|z| + log(P(1/|z|) / Q(1/|z|))` with polynomials of degrees 7 and 9. The gradient is
    `Phi / h`, of which Mills' ratio gives the second form: `m(t) = (1 - h / phi) / t` at z = -t.

    Source: the definitions of `log_h`; the quotient is fitted here.
    """
    direct = z > -1.0
    z_direct = tf.where(direct, z, tf.ones_like(z))
    cdf = 0.5 * tf.math.erfc(-_SQRT_HALF * z_direct)
    h = tf.exp(log_phi(z_direct)) + z_direct * cdf
    z_tail = tf.where(direct, -tf.ones_like(z), z)
    x = -1.0 / z_tail
    tail = tf.square(x) * _polynomial(_TAIL_ABOVE, x) / _polynomial(_TAIL_BELOW, x)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return upstream * tf.where(direct, cdf / h, (1.0 - tail) * x / tail)

    logs = tf.math.log(tf.where(direct, h, tail))
    return logs + tf.where(direct, tf.zeros_like(z), log_phi(z_tail)), gradient


def _polynomial(coefficients: Sequence[float], x: tf.Tensor) -> tf.Tensor:
    """The sum of `coefficients[i] x^i`."""
    last, *others = reversed(coefficients)
    total = last * tf.ones_like(x)
    for each in others:
        total = total * x + each
    return total


def log_sum_exp(values: tf.Tensor, axis: Sequence[int]) -> tf.Tensor:
    """Log of the sum of exponentials over some axes, -infinity where all are; with its gradient."""

    @tf.custom_gradient
    def summed(values: tf.Tensor) -> tuple[tf.Tensor, object]:
        highest = tf.reduce_max(values, axis=axis, keepdims=True)
        highest = tf.where(tf.math.is_finite(highest), highest, tf.zeros_like(highest))
        terms = tf.exp(values - highest)
        total = tf.reduce_sum(terms, axis=axis, keepdims=True)
        return tf.math.log(total) + highest, lambda upstream: upstream * terms / total

    return tf.squeeze(summed(values), axis)


def quantise(values: tf.Tensor) -> tf.Tensor:
    """Round to the nearest multiple of 1 / `RESOLUTION`, for values of order one.

    A study repeated in other units differs from the first in the last bits of its standardised
    data. An optimiser amplifies such bits; after rounding there is nothing to amplify.
    """
    return tf.round(values * RESOLUTION) / RESOLUTION
