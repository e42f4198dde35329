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

from tfbo.optim.base import Curvature, Minimum, Objective, unknown_curvature, value_and_gradient

# Nocedal and Wright 2006: sufficient decrease (section 3.1), and how far backtracking may go at once.
_ARMIJO = 1e-4
_SHRINK_MOST, _SHRINK_LEAST = 0.1, 0.5
_BACKTRACKS = 20
# A pair is used where s'y exceeds this share of |s||y|; otherwise the inverse Hessian would lose its
# positive definiteness to rounding.
_CURVATURE = 1e-10
# Gains below a thousand units in the last place are rounding.
_LEAST_GAIN = 1e-13
# A member is given up where so many steps like its last would not take it to the value to beat.
_STEPS_TO_LEAD = 20.0


class _State(NamedTuple):
    """What is known of each member; its numbers are columns, which broadcast against its points."""

    trial: tf.Tensor  # [r, p] the point evaluated next
    x: tf.Tensor  # [r, p] the best so far
    value: tf.Tensor  # [r, 1]
    start_value: tf.Tensor  # [r, 1]
    gradient: tf.Tensor  # [r, p]
    inverse: tf.Tensor  # [r, p, p] inverse Hessian
    pairs: tf.Tensor  # int [r, 1] how many pairs it has learned from; p where it was handed on
    direction: tf.Tensor  # [r, p]
    step: tf.Tensor  # [r, 1]
    gain: tf.Tensor  # [r, 1] of the last accepted step; infinite before the first
    backtracks: tf.Tensor  # int [r, 1]
    done: tf.Tensor  # bool [r, 1]
    converged: tf.Tensor  # bool [r, 1]
    evaluations: tf.Tensor  # int


class _Limits(NamedTuple):
    lower: tf.Tensor  # [r, p] or what broadcasts to it
    upper: tf.Tensor  # [r, p] or what broadcasts to it
    gradient_tolerance: float
    value_tolerance: float
    first_step: float
    longest_step: float
    rival: tf.Tensor | None
    race: bool


def minimise(
    objective: Objective,
    start: tf.Tensor,
    lower: tf.Tensor,
    upper: tf.Tensor,
    *,
    curvature: Curvature | None = None,
    max_evaluations: int = 100,
    gradient_tolerance: float = 1e-6,
    value_tolerance: float = 1e-12,
    first_step: float = 0.5,
    longest_step: float = float("inf"),
    rival: tf.Tensor | None = None,
    race: bool = False,
    compact: bool = False,
) -> Minimum:
    """Minimise from `start` `[r, p]` within `lower <= x <= upper` (both broadcast to `[r, p]`).

    Projected BFGS with Armijo backtracking (Bertsekas 1982; Nocedal and Wright 2006, chapter 6).
    Variables that sit at a bound and would leave it are held for the step; a variable whose bounds
    are equal is a constant. Every iteration of the loop is one evaluation of the batch, so the
    objective is traced once; a member that is done no longer moves.

    Args:
        objective: see `Objective`; its gradient is taken by automatic differentiation.
        start: `[r, p]`; clipped into the box.
        lower: lower bounds.
        upper: upper bounds.
        curvature: what is known of it from an earlier minimisation; None for nothing.
        max_evaluations: evaluations of the batch at the most.
        gradient_tolerance: stop where the projected gradient's largest entry is below it.
        value_tolerance: stop where the next step is expected to gain less than this: half of
            g' H^-1 g, the Newton decrement (Boyd and Vandenberghe 2004, section 9.5.1). It is believed
            where the curvature was handed on, or learned from p steps or more.
        first_step: largest change of any variable in the first step of a member whose curvature is
            not known.
        longest_step: largest change of any variable in any step.
        rival: a value to beat: members that will hardly get below it are given up.
        race: whether only the best member matters: those that will hardly get below it are given up.
        compact: whether members that are done are left out of later evaluations. It needs dynamic
            shapes, which XLA does not have.

    Returns:
        A `Minimum`. Without a race, members do not influence each other.
    """
    limits = _Limits(
        lower,
        upper,
        gradient_tolerance,
        value_tolerance,
        first_step,
        longest_step,
        rival,
        race,
    )
    start = tf.clip_by_value(start, lower, upper)
    initial = _initial(start, curvature or unknown_curvature(start))

    def iterate(*flat: tf.Tensor) -> tuple[tf.Tensor, ...]:
        state = _State(*flat)
        value, gradient = _evaluate(objective, state, compact)
        return tuple(_aim(_advance(state, value, gradient), limits))

    final = _State(
        *tf.while_loop(
            lambda *flat: ~tf.reduce_all(_State(*flat).done),
            iterate,
            tuple(initial),
            maximum_iterations=max_evaluations,
        )
    )
    return Minimum(
        final.x,
        tf.squeeze(final.value, 1),
        tf.squeeze(final.converged, 1),
        final.evaluations,
        Curvature(final.inverse, tf.squeeze(final.pairs, 1) >= start.shape[1]),
        tf.squeeze(final.start_value, 1),
    )


def _initial(x: tf.Tensor, curvature: Curvature) -> _State:
    zero = tf.zeros_like(x[:, :1])
    never, none = tf.zeros_like(zero, tf.bool), tf.zeros_like(zero, tf.int32)
    infinite = zero + float("inf")
    return _State(
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


def _evaluate(objective: Objective, state: _State, compact: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Values and gradients at the trial points, at least of the members that are not done."""
    if not compact:
        value, gradient = value_and_gradient(objective, state.trial)
        return tf.expand_dims(value, 1), gradient
    active = tf.where(~tf.squeeze(state.done, 1))
    value, gradient = value_and_gradient(objective, tf.gather_nd(state.trial, active))
    return (
        tf.tensor_scatter_nd_update(state.value, active, tf.expand_dims(value, 1)),
        tf.tensor_scatter_nd_update(state.gradient, active, gradient),
    )


def _advance(state: _State, value: tf.Tensor, gradient: tf.Tensor) -> _State:
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
    state: _State, moved: tf.Tensor, gradient: tf.Tensor, use: tf.Tensor
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


def _aim(state: _State, limits: _Limits) -> _State:
    """Choose the next point of every member that is not done."""
    x, g = state.x, state.gradient
    held = ((x <= limits.lower) & (g >= 0.0)) | ((x >= limits.upper) & (g <= 0.0))
    zero, one = tf.zeros_like(g), tf.ones_like(state.step)
    free = tf.where(held, zero, g)
    steepness = tf.reduce_max(tf.abs(free), axis=-1, keepdims=True)

    newton = -tf.linalg.matvec(state.inverse, free)
    newton = tf.where(held, zero, newton)
    decrement = -tf.reduce_sum(newton * free, axis=-1, keepdims=True)
    descends = (state.pairs > 0) & (decrement > 0.0)
    settled = descends & (state.pairs >= x.shape[1])
    settled &= 0.5 * decrement <= limits.value_tolerance
    flat = (steepness <= limits.gradient_tolerance) | settled

    scale = tf.where(steepness > 0.0, steepness, one)
    steepest = -free * tf.minimum(one, limits.first_step / scale)
    direction = tf.where(descends, newton, steepest)
    if limits.longest_step < float("inf"):
        length = tf.reduce_max(tf.abs(direction), axis=-1, keepdims=True)
        direction *= tf.minimum(one, limits.longest_step / length)
    direction = tf.where(tf.equal(state.backtracks, 0), direction, state.direction)

    trial = tf.clip_by_value(x + state.step * direction, limits.lower, limits.upper)
    stopped = state.done | flat | tf.reduce_all(tf.equal(trial, x), axis=-1, keepdims=True)
    hopes = state.value - _STEPS_TO_LEAD * state.gain
    if limits.rival is not None:
        stopped |= hopes > limits.rival
    if limits.race:
        stopped |= hopes > tf.reduce_min(state.value)
    return state._replace(
        trial=tf.where(stopped, x, trial),
        direction=direction,
        done=stopped,
        converged=state.converged | (flat & tf.math.is_finite(state.value)),
    )
