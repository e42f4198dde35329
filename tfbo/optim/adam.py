"""A batch of box-constrained minimisations by Adam: plain gradient descent, robust and slower."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from tfbo.optim.base import (
    Curvature,
    Limits,
    Minimum,
    Objective,
    held,
    hopeless,
    iterate,
    minimum,
    shortened,
    unknown_curvature,
)

_DECAY_MEAN, _DECAY_SQUARE, _EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba 2015
# A single step may go uphill: the gain by which a member is given up is that of so many.
_WINDOW = 10


class _AdamState(NamedTuple):
    """See `Members`."""

    trial: tf.Tensor  # [r, p] the point evaluated next
    x: tf.Tensor  # [r, p] the best so far
    value: tf.Tensor  # [r, 1]
    start_value: tf.Tensor  # [r, 1]
    mean: tf.Tensor  # [r, p] of the gradients
    square: tf.Tensor  # [r, p] mean of their squares
    before: tf.Tensor  # [r, 1] the best value before this window
    gain: tf.Tensor  # [r, 1] of the last window; infinite before its end
    done: tf.Tensor  # bool [r, 1]
    converged: tf.Tensor  # bool [r, 1]
    evaluations: tf.Tensor  # int


def minimise(
    objective: Objective,
    start: tf.Tensor,
    limits: Limits,
    curvature: Curvature | None = None,
) -> Minimum:
    """Projected Adam, clipped into the box after each step; see `Minimiser`.

    The step length falls as a cosine from `first_step` to zero at `max_evaluations` (Loshchilov and Hutter
    2017). The expected gain of a step is a Newton decrement: were H the curvature, gradients a `first_step`
    away from the minimum would be `first_step H`, and the root v of their mean square stands for these, so
    it is `first_step g^2 / 2 v`, summed over the variables. A point that is not acceptable takes a member
    back to its best one. The curvature is of no use and returned as it came.

    Source: Kingma and Ba 2015 (arXiv 1412.6980).
    """
    start = tf.clip_by_value(start, limits.lower, limits.upper)
    zero = tf.zeros_like(start[:, :1])
    never, infinite = tf.zeros_like(zero, tf.bool), zero + float("inf")
    initial = _AdamState(
        trial=start,
        x=start,
        value=infinite,
        start_value=infinite,
        mean=tf.zeros_like(start),
        square=tf.zeros_like(start),
        before=infinite,
        gain=infinite,
        done=never,
        converged=never,
        evaluations=tf.constant(0),
    )
    final = iterate(
        objective,
        initial,
        lambda state, value, gradient: _advance(state, value, gradient, limits),
        limits,
    )
    return minimum(final, curvature or unknown_curvature(start))


def _advance(
    state: _AdamState, value: tf.Tensor, gradient: tf.Tensor, limits: Limits
) -> _AdamState:
    """Keep what is better, and choose the next point of every member that is not done."""
    first, finite = tf.equal(state.evaluations, 0), tf.math.is_finite(value)
    evaluations = state.evaluations + 1
    t = tf.cast(evaluations, value.dtype)
    mean = _DECAY_MEAN * state.mean + (1.0 - _DECAY_MEAN) * gradient
    square = _DECAY_SQUARE * state.square + (1.0 - _DECAY_SQUARE) * tf.square(gradient)
    root = tf.sqrt(square / (1.0 - tf.pow(tf.cast(_DECAY_SQUARE, t.dtype), t))) + _EPSILON

    free = tf.where(held(limits, state.trial, gradient), tf.zeros_like(gradient), gradient)
    decrement = 0.5 * limits.first_step * tf.square(free) / root
    flat = tf.reduce_max(tf.abs(free), axis=-1, keepdims=True) <= limits.gradient_tolerance
    flat |= tf.reduce_sum(decrement, axis=-1, keepdims=True) <= limits.value_tolerance
    flat &= finite & ~state.done

    better = (value < state.value) & ~state.done
    x, best = tf.where(better, state.trial, state.x), tf.where(better, value, state.value)
    start_value = tf.where(first, value, state.start_value)
    before = tf.where(first, value, state.before)
    ended = tf.equal(evaluations % _WINDOW, 0)
    gain = tf.where(ended, before - best, state.gain)
    done = state.done | flat | hopeless(limits, best, gain) | (first & ~finite)

    rate = 0.5 * limits.first_step * (1.0 + tf.cos(math.pi * t / limits.max_evaluations))
    step = -rate * mean / (1.0 - tf.pow(tf.cast(_DECAY_MEAN, t.dtype), t)) / root
    trial = tf.where(finite, state.trial, x) + shortened(limits, step)
    trial = tf.clip_by_value(trial, limits.lower, limits.upper)
    return _AdamState(
        trial=tf.where(done, x, trial),
        x=x,
        value=best,
        start_value=start_value,
        mean=mean,
        square=square,
        before=tf.where(ended, best, before),
        gain=gain,
        done=done,
        converged=state.converged | flat,
        evaluations=evaluations,
    )
