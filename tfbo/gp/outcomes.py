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


def temper(y: tf.Tensor) -> tf.Tensor:
    """Outcomes `[n]` of which larger is better, with a lower tail no heavier than a normal one.

    A search meets outcomes far worse than any that matter (a network that diverged among networks
    that differ in the third digit). Standardised with those, the good ones look alike. Outcomes below
    the median m are raised to `m + s Phi^-1(rank)`, where s is the spread of those above it, if they
    lie lower; order is kept, and an affine change of y is one of the result.

    Source: the half-rank warping of Vizier (Song et al. 2024, arXiv 2408.11527, section 4.2), which
    replaces all outcomes below the median.
    """
    below = tf.cast(y[:, None] > y[None, :], y.dtype)
    equal = tf.cast(tf.equal(y[:, None], y[None, :]), y.dtype)
    n = tf.cast(tf.size(y), y.dtype)
    rank = (tf.reduce_sum(below, axis=1) + 0.5 * tf.reduce_sum(equal, axis=1)) / n
    ordered = tf.sort(y)
    last = tf.size(y) - 1
    median = 0.5 * ordered[last // 2] + 0.5 * ordered[(last + 1) // 2]
    above = tf.maximum(y - median, 0.0)
    largest = tf.reduce_max(above)
    unit = tf.where(largest > 0.0, largest, tf.ones_like(largest))
    better = tf.cast(y > median, y.dtype)
    spread = unit * tf.sqrt(
        tf.reduce_sum(tf.square(above / unit)) / tf.maximum(tf.reduce_sum(better), 1.0)
    )
    raised = median + spread * tf.math.ndtri(rank)
    return tf.where((y < median) & (spread > 0.0), tf.maximum(y, raised), y)
