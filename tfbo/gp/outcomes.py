"""Outcomes: standardised for the Gaussian process, and back in the user's units."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import tensorflow as tf

# Outcomes that differ by less than this share of their size differ by rounding only.
SAME = 1e-14
# A tempered lower tail ends so many spreads of the better half below the median.
_LOWEST = 4.0
# A prediction at the end of that tail, which no outcome reaches, is brought back as if it were this many
# times as far below the median as the end is.
_DEEPEST = 1e3
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
    distinct = spread > SAME
    unit = tf.where(distinct, spread, tf.ones_like(spread))
    deviation = unit * tf.sqrt(_mean(tf.square(residual / unit), weight))
    deviation = tf.where(distinct, deviation, tf.ones_like(deviation))
    z = tf.where(distinct, residual / deviation, tf.zeros_like(residual))
    return Standardised(z, centre * size, deviation * size)


def standardise_errors(std: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Standard errors in standardised units from those in the user's; their squares are finite."""
    return tf.minimum(std / scale, _LARGEST_ERROR)


class Transform(Protocol):
    """A monotone transform of outcomes of which larger is better, made for some of them."""

    def apply(self, y: tf.Tensor) -> tf.Tensor:
        """The outcomes `[n]` that it was made for, transformed."""
        ...

    def invert(self, transformed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The outcomes that became these, and how fast each moves with its transformed one."""
        ...


TransformOf = Callable[[tf.Tensor, tf.Tensor | None], Transform]
"""From outcomes `[n]`, and a bool mask `[n]` of those that count, to a transform of them; None for all."""


class Unchanged(NamedTuple):
    """No transform."""

    def apply(self, y: tf.Tensor) -> tf.Tensor:
        """See `Transform`."""
        return y

    def invert(self, transformed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Transform`."""
        return transformed, tf.ones_like(transformed)


def unchanged(y: tf.Tensor, mask: tf.Tensor | None = None) -> Unchanged:
    """No transform, whatever the outcomes."""
    return Unchanged()


class Tempering(NamedTuple):
    """Bend of the lower tail of outcomes towards the others; see `temper`."""

    size: tf.Tensor
    """Scalar > 0, in the user's units: the largest outcome, in whose unit the others are given."""
    median: tf.Tensor
    """Scalar, in the unit of the size."""
    spread: tf.Tensor
    """Scalar >= 0, in the unit of the size; 0 leaves everything as it is."""

    def apply(self, y: tf.Tensor) -> tf.Tensor:
        """Outcomes, tempered."""
        relative = y / self.size
        concerned = (relative < self.median) & (self.spread > 0.0)
        below = tf.where(concerned, self.median - relative, tf.ones_like(y))
        end = _LOWEST * self.spread
        tempered = self.median - end * (below / (end + below))
        return tf.where(concerned, self.size * tempered, y)

    def invert(self, tempered: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The outcomes that became these, and how fast each moves with its tempered one.

        What no outcome can become, at the end of the tail or below, is taken for what lies `_DEEPEST`
        times as far below the median as the end does.
        """
        relative = tempered / self.size
        concerned = (relative < self.median) & (self.spread > 0.0)
        end = _LOWEST * self.spread
        below = tf.minimum(self.median - relative, end * (_DEEPEST / (1.0 + _DEEPEST)))
        stretch = tf.where(concerned, end, 1.0) / tf.where(concerned, end - below, 1.0)
        bent_back = self.size * (self.median - tf.where(concerned, below, 0.0) * stretch)
        return tf.where(concerned, bent_back, tempered), tf.square(stretch)


def tempering(y: tf.Tensor, mask: tf.Tensor | None = None) -> Tempering:
    """Tempering of outcomes `[n]` of which larger is better: their lower tail ends.

    A search meets outcomes far worse than any that matter (a network that diverged among networks
    that differ in the third digit). Standardised with those, the good ones look alike. What lies `t`
    below the median m, in units of the spread s of the outcomes above it (their root mean square
    distance from m), is moved to `m - s c t / (c + t)` with c = 4: near the median next to nothing
    changes, and nothing is more than c s below it. Order is kept, and an affine change of y is one of
    the result. Outcomes that the bool `mask` `[n]` leaves out do not count.

    Vizier (Song et al. 2024, arXiv 2408.11527, section 4.2) replaces all outcomes below the median by
    the normal quantiles of their ranks. That forgets how much worse they are, which is all that can be
    known of the slope where the better half of the outcomes is noise. benchmarks/ablation.py has both.
    """
    weight = _weights(y, mask)
    largest = tf.reduce_max(weight * tf.abs(y))
    size = tf.where(largest > 0.0, largest, tf.ones_like(largest))
    relative = y / size
    ordered = tf.sort(tf.where(weight > 0.0, relative, tf.constant(float("inf"), y.dtype)))
    last = tf.math.count_nonzero(weight, dtype=tf.int32) - 1
    median = 0.5 * ordered[last // 2] + 0.5 * ordered[(last + 1) // 2]
    above = weight * tf.maximum(relative - median, 0.0)
    furthest = tf.reduce_max(above)
    unit = tf.where(furthest > 0.0, furthest, tf.ones_like(furthest))
    better = tf.math.count_nonzero(above, dtype=y.dtype)
    spread = unit * tf.sqrt(tf.reduce_sum(tf.square(above / unit)) / tf.maximum(better, 1.0))
    return Tempering(size, median, spread)


def _weights(y: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    return tf.ones_like(y) if mask is None else tf.cast(mask, y.dtype)


def _mean(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(weight * values) / tf.reduce_sum(weight)
