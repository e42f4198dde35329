"""The probability that constraints hold, from the posteriors of their outcomes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp
import tensorflow_probability as tfp

from tfbo.strategies.bayes.outputs.aims import Condition, Outputs

# A gradient of zero is not divided by: the margin is then certain.
_CERTAIN = 1e-12


class Bounds(NamedTuple):
    """Thresholds and tolerances of conditions, with the units of outputs; arrays of float64."""

    edges: np.ndarray | tf.Tensor
    """Threshold of each condition on a single output, transformed, `[c]`; 0 for others."""
    tolerances: np.ndarray | tf.Tensor
    """Of equalities, in the user's units, `[c]`; 0 for others."""
    shift: np.ndarray | tf.Tensor
    """Of the transformed outcomes, `[m]`."""
    scale: np.ndarray | tf.Tensor
    """Of the transformed outcomes, `[m]`."""


def log_feasible(
    outputs: Outputs, bounds: Bounds, mean: tf.Tensor, deviation: tf.Tensor
) -> tf.Tensor:
    """Log of the probability that all constraints hold, as if they were independent.

    A constraint on a single outcome has `Phi((t - mu) / s)`, exactly. The margin g of any other is taken
    for a straight line at the mean: it is normal, with the variance `v = sum_i (dg/dmu_i s_i)^2`. The
    probability that `|g|` of an equality is below its tolerance e is taken for
    `(b / sqrt(v + b^2)) exp(-g^2 / (2 v + 2 b^2))` with `b^2 = 2 e^2 / pi`, to which it tends where the
    deviation is far above e, and where it and g are 0.

    Args:
        outputs: with the constraints.
        bounds: of the constraints.
        mean: of standardised outputs, `[m, c, s]`.
        deviation: their standard deviations, `[m, c, 1]`.

    Returns:
        `[c, s]`, in nats.

    Source: Schonlau, Welch and Jones 1998; Gardner et al. 2014; Gelbart, Snoek and Adams 2014.
    """
    total = tf.zeros_like(mean[0])
    for j, condition in enumerate(outputs.conditions):
        if condition.rising is not None:
            (i,) = condition.outputs
            edge = (bounds.edges[j] - bounds.shift[i]) / bounds.scale[i]
            turned = outputs.signs[i] if condition.rising else -outputs.signs[i]
            total += _log_cdf(turned * (mean[i] - edge) / deviation[i])
            continue
        margin, spread = _linearised(outputs, condition, bounds, mean, deviation)
        if condition.expression.is_equality:
            blur = (2.0 / math.pi) * tf.square(bounds.tolerances[j])
            variance = tf.square(spread) + blur
            total -= 0.5 * tf.square(margin) / variance
            total -= 0.5 * tf.math.log(variance / blur)
        else:
            total += _log_cdf(margin / tf.maximum(spread, _CERTAIN))
    return total


def _linearised(
    outputs: Outputs, condition: Condition, bounds: Bounds, mean: tf.Tensor, deviation: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The margin at the mean `[c, s]`, and its standard deviation."""
    means = [mean[i] for i in condition.outputs]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(means)
        values = {
            name: outputs.signs[i] * (bounds.shift[i] + bounds.scale[i] * each)
            for name, i, each in zip(
                condition.expression.names, condition.outputs, means, strict=True
            )
        }
        margin = condition.expression.margin(values, None, tnp)
    slopes = tape.gradient(margin, means, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    parts: Sequence[tf.Tensor] = [
        tf.square(slope * deviation[i]) for slope, i in zip(slopes, condition.outputs, strict=True)
    ]
    # The root of zero has no gradient.
    return margin, tf.sqrt(tf.add_n(parts) + _CERTAIN**2)


def _log_cdf(z: tf.Tensor) -> tf.Tensor:
    return tfp.distributions.Normal(tf.zeros_like(z), tf.ones_like(z)).log_cdf(z)
