"""From the user's outcomes to the standardised ones that the Gaussian process sees, and back."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

# Outcomes that differ by less than this share of their size differ by rounding only.
_SAME = 1e-14
# A standard error of this many standard deviations of all outcomes says that nothing is known of one.
_LARGEST_ERROR = 1e4


class Standardised(NamedTuple):
    """Outcomes of mean zero and standard deviation one, and the way back: `y = shift + scale z`."""

    z: tf.Tensor
    """`[n]`."""
    shift: tf.Tensor
    """Scalar, in the user's units."""
    scale: tf.Tensor
    """Scalar and positive, in the user's units."""


def standardise(y: tf.Tensor, mask: tf.Tensor | None = None) -> Standardised:
    """Shift and scale outcomes `[n]` to mean zero and (population) standard deviation one.

    Safe over the whole range of the dtype (no square overflows), and for equal outcomes, which keep
    their size as the scale. Outcomes that the bool `mask` `[n]` leaves out do not count and become 0.
    """
    weight = _weights(y, mask)
    largest = tf.reduce_max(weight * tf.abs(y))
    size = tf.where(largest > 0.0, largest, tf.ones_like(largest))
    relative = y / size
    centre = _mean(relative, weight)
    residual = weight * (relative - centre)
    spread = tf.reduce_max(tf.abs(residual))
    distinct = spread > _SAME
    unit = tf.where(distinct, spread, tf.ones_like(spread))
    deviation = unit * tf.sqrt(_mean(tf.square(residual / unit), weight))
    deviation = tf.where(distinct, deviation, tf.ones_like(deviation))
    z = tf.where(distinct, residual / deviation, tf.zeros_like(residual))
    return Standardised(z, centre * size, deviation * size)


def standardise_errors(std: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Standard errors in standardised units from those in the user's; their squares are finite."""
    return tf.minimum(std / scale, _LARGEST_ERROR)


def temper(y: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
    """Outcomes `[n]` of which larger is better, with a lower tail no heavier than a normal one.

    A search meets outcomes far worse than any that matter (a network that diverged among networks
    that differ in the third digit). Standardised with those, the good ones look alike. Outcomes below
    the median m are raised to `m + s Phi^-1(rank)`, where s is the spread of those above it, if they
    lie lower; order is kept, and an affine change of y is one of the result. Outcomes that the bool
    `mask` `[n]` leaves out do not count.

    Source: the half-rank warping of Vizier (Song et al. 2024, arXiv 2408.11527, section 4.2), which
    replaces all outcomes below the median.
    """
    weight = _weights(y, mask)
    below = weight * tf.cast(y[:, None] > y[None, :], y.dtype)
    equal = weight * tf.cast(tf.equal(y[:, None], y[None, :]), y.dtype)
    rank = (tf.reduce_sum(below, axis=1) + 0.5 * tf.reduce_sum(equal, axis=1)) / tf.reduce_sum(
        weight
    )
    ordered = tf.sort(tf.where(weight > 0.0, y, tf.constant(float("inf"), y.dtype)))
    last = tf.math.count_nonzero(weight, dtype=tf.int32) - 1
    median = 0.5 * ordered[last // 2] + 0.5 * ordered[(last + 1) // 2]
    above = weight * tf.maximum(y - median, 0.0)
    largest = tf.reduce_max(above)
    unit = tf.where(largest > 0.0, largest, tf.ones_like(largest))
    better = tf.cast(above > 0.0, y.dtype)
    spread = unit * tf.sqrt(
        tf.reduce_sum(tf.square(above / unit)) / tf.maximum(tf.reduce_sum(better), 1.0)
    )
    raised = median + spread * tf.math.ndtri(tf.clip_by_value(rank, 0.0, 1.0))
    concerned = (y < median) & (spread > 0.0) & (weight > 0.0)
    return tf.where(concerned, tf.maximum(y, raised), y)


def _weights(y: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    return tf.ones_like(y) if mask is None else tf.cast(mask, y.dtype)


def _mean(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(weight * values) / tf.reduce_sum(weight)
