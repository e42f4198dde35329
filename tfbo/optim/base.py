"""What every minimiser here takes and returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

Objective = Callable[[tf.Tensor], tf.Tensor]
"""From points `[r, p]` to values `[r]`, member by member; NaN means that a point is not acceptable."""


class Curvature(NamedTuple):
    """What is known of an objective's second derivatives near each member of a batch."""

    inverse: tf.Tensor
    """Inverse Hessian `[r, p, p]`, positive definite."""
    known: tf.Tensor
    """bool `[r]`: whether `inverse` has been learned from gradients in all directions."""


class Minimum(NamedTuple):
    """What a batch of minimisations ended with."""

    x: tf.Tensor
    """`[r, p]`, within the box."""
    value: tf.Tensor
    """`[r]`; infinite where the start itself was not acceptable."""
    converged: tf.Tensor
    """bool `[r]`: a tolerance was reached before the evaluations ran out."""
    evaluations: tf.Tensor
    """int: evaluations of the batch."""
    curvature: Curvature
    """As learned on the way."""
    start_value: tf.Tensor
    """`[r]`: the value at the start."""


def unknown_curvature(start: tf.Tensor) -> Curvature:
    """The curvature of members at `start` `[r, p]` of which no gradient has been seen."""
    r, p = tf.shape(start)[0], tf.shape(start)[1]
    return Curvature(tf.eye(p, batch_shape=[r], dtype=start.dtype), tf.zeros([r], tf.bool))


def value_and_gradient(objective: Objective, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Values `[r]` and gradients `[r, p]`; infinity and zero where either is not finite."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        value = objective(x)
    gradient = tape.gradient(value, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    acceptable = tf.math.is_finite(value) & tf.reduce_all(tf.math.is_finite(gradient), axis=-1)
    value = tf.where(acceptable, value, tf.constant(float("inf"), value.dtype))
    return value, tf.where(tf.expand_dims(acceptable, 1), gradient, tf.zeros_like(gradient))
