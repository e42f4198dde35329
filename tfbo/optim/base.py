"""What every minimiser here takes and returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

Objective = Callable[[tf.Tensor], tf.Tensor]
"""From points `[r, p]` to values `[r]`, member by member; NaN means that a point is not acceptable."""


class Minimum(NamedTuple):
    """What a batch of minimisations ended with."""

    x: tf.Tensor
    """`[r, p]`, within the box."""
    value: tf.Tensor
    """`[r]`; infinite where the start itself was not acceptable."""
    converged: tf.Tensor
    """bool `[r]`: a tolerance was reached before the evaluations ran out."""
    evaluations: tf.Tensor
    """int: evaluations of the whole batch."""


def value_and_gradient(objective: Objective, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Values `[r]` and gradients `[r, p]`; infinity and zero where either is not finite."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        value = objective(x)
    gradient = tape.gradient(value, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    acceptable = tf.math.is_finite(value) & tf.reduce_all(tf.math.is_finite(gradient), axis=-1)
    value = tf.where(acceptable, value, tf.constant(float("inf"), value.dtype))
    return value, tf.where(acceptable[:, None], gradient, tf.zeros_like(gradient))
