"""Other transforms of the outcomes; they are of data without padding, as those on the CPU."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo.gp.outcomes import standardise, tempering


class Table(NamedTuple):
    """A transform of the outcomes that it was made for, and straight lines between them on the way back."""

    y: tf.Tensor
    transformed: tf.Tensor

    def apply(self, y: tf.Tensor) -> tf.Tensor:
        """Those outcomes, transformed."""
        return self.transformed

    def invert(self, transformed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The outcomes that became these, and how fast each moves with its transformed one."""
        order = tf.argsort(self.transformed)
        to, back = tf.gather(self.transformed, order), tf.gather(self.y, order)
        right = tf.searchsorted(to, tf.reshape(transformed, [-1]))
        right = tf.reshape(tf.clip_by_value(right, 1, tf.size(to) - 1), tf.shape(transformed))
        low, high = tf.gather(to, right - 1), tf.gather(to, right)
        bottom, top = tf.gather(back, right - 1), tf.gather(back, right)
        slope = tf.math.divide_no_nan(top - bottom, high - low)
        return bottom + slope * (transformed - low), slope


def _median_and_spread(y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The median, and the root mean square distance from it of the outcomes above it, as in `tempering`."""
    ordered, n = tf.sort(y), tf.size(y)
    median = 0.5 * ordered[(n - 1) // 2] + 0.5 * ordered[n // 2]
    above = tf.boolean_mask(y, y > median) - median
    count = tf.maximum(tf.cast(tf.size(above), y.dtype), 1.0)
    return median, tf.sqrt(tf.reduce_sum(tf.square(above)) / count)


def half_rank(y: tf.Tensor, mask: tf.Tensor | None = None) -> Table:
    """All outcomes below the median replaced by the normal quantiles of their ranks."""
    median, spread = _median_and_spread(y)
    lower = tf.reduce_sum(tf.cast(y[:, None] > y[None, :], y.dtype), axis=1)
    equal = tf.reduce_sum(tf.cast(tf.equal(y[:, None], y[None, :]), y.dtype), axis=1)
    rank = (lower + 0.5 * equal) / tf.cast(tf.size(y), y.dtype)
    return Table(
        y, tf.where((y < median) & (spread > 0.0), median + spread * tf.math.ndtri(rank), y)
    )


def log_tail(y: tf.Tensor, mask: tf.Tensor | None = None) -> Table:
    """Outcomes t spreads below the median moved to log(1 + t) below it."""
    median, spread = _median_and_spread(y)
    unit = tf.where(spread > 0.0, spread, tf.ones_like(spread))
    t = tf.maximum(median - y, 0.0) / unit
    return Table(y, tf.where((y < median) & (spread > 0.0), median - unit * tf.math.log1p(t), y))


def yeo_johnson(y: tf.Tensor, mask: tf.Tensor | None = None) -> Table:
    """Yeo and Johnson's transform of standardised outcomes, its power by maximum likelihood."""
    z = standardise(y, mask).z
    power = tf.constant(np.linspace(-1.0, 5.0, 60), y.dtype)[:, None]  # never 0 or 2
    positive = tf.math.expm1(power * tf.math.log1p(tf.maximum(z, 0.0))) / power
    other = 2.0 - power
    negative = -tf.math.expm1(other * tf.math.log1p(tf.maximum(-z, 0.0))) / other
    moved = tf.where(z >= 0.0, positive, negative)
    stretch = tf.reduce_sum(tf.sign(z) * tf.math.log1p(tf.abs(z)))
    n = tf.cast(tf.size(z), z.dtype)
    fit = -0.5 * n * tf.math.log(tf.math.reduce_variance(moved, axis=1) + 1e-300)
    # A priori no change, give or take one.
    fit += (power[:, 0] - 1.0) * stretch - 0.5 * tf.square(power[:, 0] - 1.0)
    return Table(y, moved[tf.argmax(fit)])


def power_of_tempered(y: tf.Tensor, mask: tf.Tensor | None = None) -> Table:
    """The power transform after the tempering."""
    tempered = tempering(y, mask).apply(y)
    return Table(y, yeo_johnson(tempered, mask).transformed)
