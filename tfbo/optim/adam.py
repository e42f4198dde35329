"""Projected Adam over a batch: the robust, slower alternative to the quasi-Newton method."""

from __future__ import annotations

import math

import tensorflow as tf

from tfbo.optim.base import Curvature, Minimum, Objective, unknown_curvature, value_and_gradient

_DECAY_MEAN, _DECAY_SQUARE, _EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba 2015


def minimise(
    objective: Objective,
    start: tf.Tensor,
    lower: tf.Tensor,
    upper: tf.Tensor,
    *,
    curvature: Curvature | None = None,
    max_evaluations: int = 300,
    gradient_tolerance: float = 1e-5,
    learning_rate: float = 0.1,
) -> Minimum:
    """Minimise from `start` `[r, p]` within `lower <= x <= upper` by Adam, clipped after each step.

    The step length decays as a cosine to zero at `max_evaluations` (Loshchilov and Hutter 2017), and
    the best point visited is returned. Source: Kingma and Ba 2015 (arXiv 1412.6980).

    Args:
        objective: from `[r, p]` to `[r]`; NaN marks a point that is not acceptable, from which
            the member goes back to its best.
        start: `[r, p]`.
        lower: lower bounds, broadcast to `[r, p]`.
        upper: upper bounds, broadcast to `[r, p]`.
        curvature: returned as it is; Adam has no use for it.
        max_evaluations: evaluations of the batch at the most.
        gradient_tolerance: stop where every member's projected gradient has no larger entry.
        learning_rate: the first step's length in each variable.

    Returns:
        A `Minimum`; `converged` is true where the gradient was small at the last point.
    """
    lower, upper = lower + tf.zeros_like(start), upper + tf.zeros_like(start)
    start = tf.clip_by_value(start, lower, upper)
    infinite = tf.fill(tf.shape(start)[:1], tf.constant(float("inf"), start.dtype))
    zeros = tf.zeros_like(start)
    restless = tf.zeros(tf.shape(start)[:1], tf.bool)

    def iterate(
        i: tf.Tensor,
        flat: tf.Tensor,
        first: tf.Tensor,
        x: tf.Tensor,
        best: tf.Tensor,
        value: tf.Tensor,
        m: tf.Tensor,
        v: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        new, gradient = value_and_gradient(objective, x)
        held = ((x <= lower) & (gradient >= 0.0)) | ((x >= upper) & (gradient <= 0.0))
        free = tf.where(held, zeros, gradient)
        small = tf.reduce_max(tf.abs(free), axis=-1) <= gradient_tolerance
        flat = tf.math.is_finite(new) & small
        first = tf.where(tf.equal(i, 0), new, first)
        better = new < value
        best = tf.where(better[:, None], x, best)
        value = tf.where(better, new, value)
        t = tf.cast(i + 1, x.dtype)
        m = _DECAY_MEAN * m + (1.0 - _DECAY_MEAN) * gradient
        v = _DECAY_SQUARE * v + (1.0 - _DECAY_SQUARE) * tf.square(gradient)
        m_hat = m / (1.0 - tf.pow(tf.cast(_DECAY_MEAN, x.dtype), t))
        v_hat = v / (1.0 - tf.pow(tf.cast(_DECAY_SQUARE, x.dtype), t))
        rate = 0.5 * learning_rate * (1.0 + tf.cos(math.pi * t / max_evaluations))
        origin = tf.where(tf.math.is_finite(new)[:, None], x, best)
        x = tf.clip_by_value(origin - rate * m_hat / (tf.sqrt(v_hat) + _EPSILON), lower, upper)
        return i + 1, flat, first, x, best, value, m, v

    evaluations, flat, first, _, best, value, _, _ = tf.while_loop(
        lambda i, flat, *_: ~tf.reduce_all(flat),
        iterate,
        (tf.constant(0), restless, infinite, start, start, infinite, zeros, zeros),
        maximum_iterations=max_evaluations,
    )
    known = curvature or unknown_curvature(start)
    return Minimum(best, value, flat, evaluations, known, first)
