"""A batch of box-constrained quasi-Newton minimisations in one `tf.while_loop`.

Each member keeps a dense inverse Hessian. At the sizes met here (a Gaussian process has d + 2
hyperparameters, a point d columns) that takes a handful of batched operations where the two-loop
recursion of L-BFGS takes ten times as many, and the time of an iteration is the number of operations.
It can also be handed on: a minimisation that resembles an earlier one starts with its curvature, and
then needs two or three evaluations.
"""

from __future__ import annotations

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

# Nocedal and Wright 2006: sufficient decrease (section 3.1), and how far backtracking may go at once.
_ARMIJO = 1e-4
_SHRINK_MOST, _SHRINK_LEAST = 0.1, 0.5
_BACKTRACKS = 20
# A pair is used where s'y exceeds this share of |s||y|; otherwise the inverse Hessian would lose its
# positive definiteness to rounding.
_CURVATURE = 1e-10
# Gains below a thousand units in the last place are rounding.
_LEAST_GAIN = 1e-13


class _BFGSState(NamedTuple):
    """See `Members`."""

    trial: tf.Tensor  # [r, p] the point evaluated next
    x: tf.Tensor  # [r, p] the best so far
    value: tf.Tensor  # [r, 1]
    start_value: tf.Tensor  # [r, 1]
    gradient: tf.Tensor  # [r, p]
    inverse: tf.Tensor  # [r, p, p] inverse Hessian
    pairs: tf.Tensor  # int [r, 1] number of pairs it has learned from; p where it was handed on
    direction: tf.Tensor  # [r, p]
    step: tf.Tensor  # [r, 1]
    gain: tf.Tensor  # [r, 1] of the last accepted step; infinite before the first
    backtracks: tf.Tensor  # int [r, 1]
    done: tf.Tensor  # bool [r, 1]
    converged: tf.Tensor  # bool [r, 1]
    evaluations: tf.Tensor  # int


def minimise(
    objective: Objective,
    start: tf.Tensor,
    limits: Limits,
    curvature: Curvature | None = None,
) -> Minimum:
    """Projected BFGS with Armijo backtracking; see `Minimiser`.

    Variables that sit at a bound and would leave it are held for the step. The expected gain of a step is
    the Newton decrement, half of g' H^-1 g (Boyd and Vandenberghe 2004, section 9.5.1); it is believed
    where the curvature was handed on, or learned from p steps or more.

    Source: Bertsekas 1982; Nocedal and Wright 2006, chapter 6.
    """
    start = tf.clip_by_value(start, limits.lower, limits.upper)
    final = iterate(
        objective,
        _initial(start, curvature or unknown_curvature(start)),
        lambda state, value, gradient: _aim(_advance(state, value, gradient), limits),
        limits,
    )
    known = tf.squeeze(final.pairs, 1) >= start.shape[1]
    return minimum(final, Curvature(final.inverse, known))


def _initial(x: tf.Tensor, curvature: Curvature) -> _BFGSState:
    zero = tf.zeros_like(x[:, :1])
    never, none = tf.zeros_like(zero, tf.bool), tf.zeros_like(zero, tf.int32)
    infinite = zero + float("inf")
    return _BFGSState(
        trial=x,
        x=x,
        value=infinite,
        start_value=infinite,
        gradient=tf.zeros_like(x),
        inverse=curvature.inverse,
        pairs=tf.where(tf.expand_dims(curvature.known, 1), x.shape[1], none),
        direction=tf.zeros_like(x),
        step=tf.ones_like(zero),
        gain=infinite,
        backtracks=none,
        done=never,
        converged=never,
        evaluations=tf.constant(0),
    )


def _advance(state: _BFGSState, value: tf.Tensor, gradient: tf.Tensor) -> _BFGSState:
    """Accept or refuse the evaluated points, and learn from the accepted ones."""
    moved = state.trial - state.x
    slope = tf.reduce_sum(state.gradient * moved, axis=-1, keepdims=True)
    first = tf.math.is_inf(state.value)
    enough = first | (value <= state.value + _ARMIJO * slope)
    accept = tf.math.is_finite(value) & enough & ~state.done

    gain = tf.where(accept, state.value - value, state.gain)
    exhausted = accept & (gain <= _LEAST_GAIN * (1.0 + tf.abs(value)))
    inverse, pairs = _update_inverse(state, moved, gradient, accept & ~first)

    # A refused point: interpolate the parabola through value and slope, within [0.1, 0.5].
    one = tf.ones_like(slope)
    bend = 2.0 * (value - state.value - slope)
    usable = tf.math.is_finite(bend) & (bend > 0.0)
    shrink = tf.where(usable, -slope / tf.where(usable, bend, one), 0.0 * slope)
    shrink = tf.clip_by_value(shrink, _SHRINK_MOST, _SHRINK_LEAST)
    refused = ~accept & ~state.done
    backtracks = tf.where(refused, state.backtracks + 1, 0)
    stuck = refused & (first | (backtracks > _BACKTRACKS))
    return state._replace(
        x=tf.where(accept, state.trial, state.x),
        value=tf.where(accept, value, state.value),
        start_value=tf.where(first, value, state.start_value),
        gradient=tf.where(accept, gradient, state.gradient),
        inverse=inverse,
        pairs=pairs,
        step=tf.where(refused, state.step * shrink, one),
        gain=gain,
        backtracks=backtracks,
        done=state.done | exhausted | stuck,
        converged=state.converged | exhausted,
        evaluations=state.evaluations + 1,
    )


def _update_inverse(
    state: _BFGSState, moved: tf.Tensor, gradient: tf.Tensor, use: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The BFGS update of the inverse Hessian (Nocedal and Wright 2006, equations 6.17 and 6.20)."""

    def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(a * b, axis=1, keepdims=True)

    s, y = tf.expand_dims(moved, -1), tf.expand_dims(gradient - state.gradient, -1)
    sy, yy = dot(s, y), dot(y, y)
    use = tf.expand_dims(use, -1) & (sy > _CURVATURE * tf.sqrt(dot(s, s) * yy))
    one = tf.ones_like(sy)
    sy, yy = tf.where(use, sy, one), tf.where(use, yy, one)

    untaught = use & tf.expand_dims(tf.equal(state.pairs, 0), -1)
    inverse = tf.where(untaught, sy / yy, one) * state.inverse
    hy = tf.matmul(inverse, y)
    cross = tf.matmul(hy, s, transpose_b=True)
    update = (one + dot(y, hy) / sy) / sy * tf.matmul(s, s, transpose_b=True)
    update -= (cross + tf.linalg.matrix_transpose(cross)) / sy
    inverse = tf.where(use, inverse + update, state.inverse)
    return inverse, state.pairs + tf.cast(tf.squeeze(use, -1), tf.int32)


def _aim(state: _BFGSState, limits: Limits) -> _BFGSState:
    """Choose the next point of every member that is not done."""
    x, g = state.x, state.gradient
    fixed = held(limits, x, g)
    zero, one = tf.zeros_like(g), tf.ones_like(state.step)
    free = tf.where(fixed, zero, g)
    steepness = tf.reduce_max(tf.abs(free), axis=-1, keepdims=True)

    newton = -tf.linalg.matvec(state.inverse, free)
    newton = tf.where(fixed, zero, newton)
    decrement = -tf.reduce_sum(newton * free, axis=-1, keepdims=True)
    descends = (state.pairs > 0) & (decrement > 0.0)
    settled = descends & (state.pairs >= x.shape[1])
    settled &= 0.5 * decrement <= limits.value_tolerance
    flat = (steepness <= limits.gradient_tolerance) | settled

    scale = tf.where(steepness > 0.0, steepness, one)
    steepest = -free * tf.minimum(one, limits.first_step / scale)
    direction = shortened(limits, tf.where(descends, newton, steepest))
    direction = tf.where(tf.equal(state.backtracks, 0), direction, state.direction)

    trial = tf.clip_by_value(x + state.step * direction, limits.lower, limits.upper)
    stopped = state.done | flat | tf.reduce_all(tf.equal(trial, x), axis=-1, keepdims=True)
    stopped |= hopeless(limits, state.value, state.gain)
    return state._replace(
        trial=tf.where(stopped, x, trial),
        direction=direction,
        done=stopped,
        converged=state.converged | (flat & tf.math.is_finite(state.value)),
    )
