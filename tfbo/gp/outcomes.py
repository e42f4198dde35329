"""From the user's outcomes to the standardised ones that the Gaussian process sees, and back."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

# Outcomes that differ by less than this share of their size differ by rounding only.
_SAME = 1e-14


class Standardised(NamedTuple):
    """Outcomes of mean zero and standard deviation one, and the way back: `y = shift + scale z`."""

    z: tf.Tensor
    """`[n]`."""
    shift: tf.Tensor
    """Scalar, in the user's units."""
    scale: tf.Tensor
    """Scalar and positive, in the user's units."""


def standardise(y: tf.Tensor) -> Standardised:
    """Shift and scale outcomes `[n]` to mean zero and (population) standard deviation one.

    Safe over the whole range of the dtype (no square overflows), and for equal outcomes, which keep
    their size as the scale.
    """
    largest = tf.reduce_max(tf.abs(y))
    size = tf.where(largest > 0.0, largest, tf.ones_like(largest))
    relative = y / size
    centre = tf.reduce_mean(relative)
    residual = relative - centre
    spread = tf.reduce_max(tf.abs(residual))
    distinct = spread > _SAME
    unit = tf.where(distinct, spread, tf.ones_like(spread))
    deviation = unit * tf.sqrt(tf.reduce_mean(tf.square(residual / unit)))
    deviation = tf.where(distinct, deviation, tf.ones_like(deviation))
    z = tf.where(distinct, residual / deviation, tf.zeros_like(residual))
    return Standardised(z, centre * size, deviation * size)
