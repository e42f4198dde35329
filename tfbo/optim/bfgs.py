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
    trial: tf.Tensor  # [r, p] the point evaluated next
    x: tf.Tensor  # [r, p] the best so far
    value: tf.Tensor  # [r]
    start_value: tf.Tensor  # [r]
    gradient: tf.Tensor  # [r, p]
    inverse: tf.Tensor  # [r, p, p] inverse Hessian
    pairs: tf.Tensor  # int [r] how many pairs it has learned from; p where it was handed on
    direction: tf.Tensor  # [r, p]
    step: tf.Tensor  # [r]
    gain: tf.Tensor  # [r] of the last accepted step; infinite before the first
    backtracks: tf.Tensor  # int [r]
    done: tf.Tensor  # bool [r]
    converged: tf.Tensor  # bool [r]
    evaluations: tf.Tensor  # int


class _Limits(NamedTuple):
    lower: tf.Tensor  # [r, p]
    upper: tf.Tensor  # [r, p]
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
        lower + tf.zeros_like(start),
        upper + tf.zeros_like(start),
        gradient_tolerance,
        value_tolerance,
        first_step,
        longest_step,
        rival,
        race,
    )
    start = tf.clip_by_value(start, limits.lower, limits.upper)
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
    learned = Curvature(final.inverse, final.pairs >= tf.shape(start)[1])
    return Minimum(
        final.x, final.value, final.converged, final.evaluations, learned, final.start_value
    )


def _initial(x: tf.Tensor, curvature: Curvature) -> _State:
    r, p = tf.shape(x)[0], tf.shape(x)[1]
    never = tf.zeros([r], tf.bool)
    infinite = tf.fill([r], tf.constant(float("inf"), x.dtype))
    return _State(
        trial=x,
        x=x,
        value=infinite,
        start_value=infinite,
        gradient=tf.zeros_like(x),
        inverse=curvature.inverse,
        pairs=tf.where(curvature.known, p, 0),
        direction=tf.zeros_like(x),
        step=tf.ones([r], x.dtype),
        gain=infinite,
        backtracks=tf.zeros([r], tf.int32),
        done=never,
        converged=never,
        evaluations=tf.constant(0),
    )


def _evaluate(objective: Objective, state: _State, compact: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Values and gradients at the trial points, at least of the members that are not done."""
    if not compact:
        return value_and_gradient(objective, state.trial)
    active = tf.where(~state.done)
    value, gradient = value_and_gradient(objective, tf.gather_nd(state.trial, active))
    return (
        tf.tensor_scatter_nd_update(state.value, active, value),
        tf.tensor_scatter_nd_update(state.gradient, active, gradient),
    )


def _advance(state: _State, value: tf.Tensor, gradient: tf.Tensor) -> _State:
    """Accept or refuse the evaluated points, and learn from the accepted ones."""
    moved = state.trial - state.x
    slope = tf.reduce_sum(state.gradient * moved, axis=-1)
    first = tf.math.is_inf(state.value)
    enough = first | (value <= state.value + _ARMIJO * slope)
    accept = tf.math.is_finite(value) & enough & ~state.done

    gain = tf.where(accept, state.value - value, state.gain)
    exhausted = accept & (gain <= _LEAST_GAIN * (1.0 + tf.abs(value)))
    inverse, pairs = _update_inverse(state, moved, gradient, accept & ~first)

    # A refused point: interpolate the parabola through value and slope, within [0.1, 0.5].
    bend = 2.0 * (value - state.value - slope)
    usable = tf.math.is_finite(bend) & (bend > 0.0)
    shrink = tf.where(usable, -slope / tf.where(usable, bend, tf.ones_like(bend)), 0.0 * slope)
    shrink = tf.clip_by_value(shrink, _SHRINK_MOST, _SHRINK_LEAST)
    refused = ~accept & ~state.done
    backtracks = tf.where(refused, state.backtracks + 1, tf.zeros_like(state.backtracks))
    stuck = refused & (first | (backtracks > _BACKTRACKS))
    return state._replace(
        x=tf.where(accept[:, None], state.trial, state.x),
        value=tf.where(accept, value, state.value),
        start_value=tf.where(first, value, state.start_value),
        gradient=tf.where(accept[:, None], gradient, state.gradient),
        inverse=inverse,
        pairs=pairs,
        step=tf.where(refused, state.step * shrink, tf.ones_like(state.step)),
        gain=gain,
        backtracks=backtracks,
        done=state.done | exhausted | stuck,
        converged=state.converged | exhausted,
        evaluations=state.evaluations + 1,
    )


def _update_inverse(
    state: _State, s: tf.Tensor, gradient: tf.Tensor, use: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The BFGS update of the inverse Hessian (Nocedal and Wright 2006, equations 6.17 and 6.20)."""
    y = gradient - state.gradient
    sy = tf.reduce_sum(s * y, axis=-1)
    yy = tf.reduce_sum(y * y, axis=-1)
    ss = tf.reduce_sum(s * s, axis=-1)
    use = use & (sy > _CURVATURE * tf.sqrt(ss * yy))
    sy, yy = (tf.where(use, v, tf.ones_like(v)) for v in (sy, yy))

    rescale = tf.where(use & tf.equal(state.pairs, 0), sy / yy, tf.ones_like(sy))
    inverse = rescale[:, None, None] * state.inverse
    hy = tf.linalg.matvec(inverse, y)
    yhy = tf.reduce_sum(y * hy, axis=-1)
    cross = hy[:, :, None] * s[:, None, :]
    outer = s[:, :, None] * s[:, None, :]
    update = ((1.0 + yhy / sy) / sy)[:, None, None] * outer
    update -= (cross + tf.linalg.matrix_transpose(cross)) / sy[:, None, None]
    inverse = tf.where(use[:, None, None], inverse + update, state.inverse)
    return inverse, state.pairs + tf.cast(use, tf.int32)


def _aim(state: _State, limits: _Limits) -> _State:
    """Choose the next point of every member that is not done."""
    g = state.gradient
    held = ((state.x <= limits.lower) & (g >= 0.0)) | ((state.x >= limits.upper) & (g <= 0.0))
    free = tf.where(held, tf.zeros_like(g), g)
    steepness = tf.reduce_max(tf.abs(free), axis=-1)

    newton = -tf.linalg.matvec(state.inverse, free)
    newton = tf.where(held, tf.zeros_like(newton), newton)
    decrement = -tf.reduce_sum(newton * free, axis=-1)
    descends = (state.pairs > 0) & (decrement > 0.0)
    settled = descends & (state.pairs >= tf.shape(g)[1])
    settled &= 0.5 * decrement <= limits.value_tolerance
    flat = (steepness <= limits.gradient_tolerance) | settled

    scale = tf.where(steepness > 0.0, steepness, tf.ones_like(steepness))
    steepest = -free * tf.minimum(tf.ones_like(scale), limits.first_step / scale)[:, None]
    direction = tf.where(descends[:, None], newton, steepest)
    length = tf.reduce_max(tf.abs(direction), axis=-1, keepdims=True)
    direction *= tf.minimum(tf.ones_like(length), limits.longest_step / length)
    fresh = tf.equal(state.backtracks, 0)
    direction = tf.where(fresh[:, None], direction, state.direction)

    trial = state.x + state.step[:, None] * direction
    trial = tf.clip_by_value(trial, limits.lower, limits.upper)
    stopped = state.done | flat | tf.reduce_all(tf.equal(trial, state.x), axis=-1)
    hopes = state.value - _STEPS_TO_LEAD * state.gain
    if limits.rival is not None:
        stopped |= hopes > limits.rival
    if limits.race:
        stopped |= hopes > tf.reduce_min(state.value)
    return state._replace(
        trial=tf.where(stopped[:, None], state.x, trial),
        direction=direction,
        done=stopped,
        converged=state.converged | (flat & tf.math.is_finite(state.value)),
    )
