"""Other transforms of the outcomes, and failed trials left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from variants.base import Patches


def tempering(function: Callable[..., Any]) -> Patches:
    """Another transform in the place of `temper`."""
    from tfbo.gp import outcomes

    return {(outcomes, "temper"): function}  # suggestions alone: `invert` is not what undoes it


def _median_and_spread(y: Any) -> tuple[Any, Any]:
    """The median, and the root mean square distance from it of the outcomes above it, as in `temper`."""
    import tensorflow as tf

    ordered, n = tf.sort(y), tf.size(y)
    median = 0.5 * ordered[(n - 1) // 2] + 0.5 * ordered[n // 2]
    above = tf.boolean_mask(y, y > median) - median
    count = tf.maximum(tf.cast(tf.size(above), y.dtype), 1.0)
    return median, tf.sqrt(tf.reduce_sum(tf.square(above)) / count)


def as_they_are(y: Any, mask: Any = None) -> Any:
    """No transform but the standardisation."""
    return y


def half_rank(y: Any, mask: Any = None) -> Any:
    """All outcomes below the median replaced by the normal quantiles of their ranks."""
    import tensorflow as tf

    median, spread = _median_and_spread(y)
    lower = tf.reduce_sum(tf.cast(y[:, None] > y[None, :], y.dtype), axis=1)
    equal = tf.reduce_sum(tf.cast(tf.equal(y[:, None], y[None, :]), y.dtype), axis=1)
    rank = (lower + 0.5 * equal) / tf.cast(tf.size(y), y.dtype)
    return tf.where((y < median) & (spread > 0.0), median + spread * tf.math.ndtri(rank), y)


def log_tail(y: Any, mask: Any = None) -> Any:
    """Outcomes t spreads below the median moved to log(1 + t) below it."""
    import tensorflow as tf

    median, spread = _median_and_spread(y)
    unit = tf.where(spread > 0.0, spread, tf.ones_like(spread))
    t = tf.maximum(median - y, 0.0) / unit
    return tf.where((y < median) & (spread > 0.0), median - unit * tf.math.log1p(t), y)


def yeo_johnson(y: Any, mask: Any = None) -> Any:
    """Yeo and Johnson's transform of standardised outcomes, its power by maximum likelihood."""
    import tensorflow as tf

    from tfbo.gp import outcomes

    z = outcomes.standardise(y, mask).z
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
    return moved[tf.argmax(fit)]


def power_of_tempered() -> Callable[..., Any]:
    """The power transform after the tempering."""
    from tfbo.gp import outcomes

    temper = outcomes.temper
    return lambda y, mask=None: yeo_johnson(temper(y, mask), mask)


def failed(**settings: Any) -> Mapping[str, Any]:
    """Failed trials count in another way."""
    from tfbo.strategies import Failed

    return {"failed": Failed(**settings)}
