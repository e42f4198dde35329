"""A batch of minimisations under inequalities, each by a primal-dual interior-point method with BFGS.

Every point on the way keeps all constraints strictly: the objective is never asked elsewhere. Variables
that follow from others by an equality are computed where objective and margins are (`Domain.completed`).

Letters: r starts (members of the batch), p variables, c margins, m = 2 p + c distances: from the lower
bounds, from the upper ones, and from the edges that the margins tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfbo.optim.base import Limits, Minimum, Objective, iterate, minimum, unknown_curvature

Margins = Callable[[tf.Tensor], tf.Tensor]
"""Function from points `[r, p]` to margins `[r, c]`, at least zero where they are legal."""

# Nocedal and Wright 2006: sufficient decrease (section 3.1), and how far backtracking may go at once.
_ARMIJO = 1e-4
_SHRINK_MOST, _SHRINK_LEAST = 0.1, 0.5
_BACKTRACKS = 10
# A pair is used where s'y exceeds this share of |s||y|, as in `bfgs.py`.
_CURVATURE = 1e-10
# A step leaves at least this share of each distance (Waechter and Biegler 2006, equation 8).
_KEPT = 0.01
# The barrier's weight at the start, the factor and power by which it falls (ibid., equation 7, of the mean
# product of distance and multiplier), and where it ends: so much an end may lack for each that is active,
# in the unit of the objective. Members race from a weight on.
_FIRST_WEIGHT, _FALL, _FASTER, _LAST_WEIGHT, _RACE_WEIGHT = 1e-2, 0.1, 1.5, 1e-9, 1.01e-2
# Differences of values below this are rounding.
_ROUNDING = 1e-13
# Multipliers are held within this factor of weight / distance (ibid., equation 16).
_DRIFT = 1e6
# Starts are pushed so far inside: from bounds as a share of their distance, and in the unit of the margins.
_PUSH, _PUSHES = 1e-2, 6
# Newton steps back to where a curved margin is as large as its slope said, and their length: where what is
# legal is convex, one of exact length ends just short.
_RESTORATIONS, _BEYOND = 2, 1.05
# A margin that no free variable changes is left out where it is as good as zero: it stays so.
_SETTLED_MARGIN = 1e-7
_TINY = 1e-12
# Members are given up where so many steps like their last would not take them to the best; see `base.py`.
# Fewer of those that have learned their curvature; and a lead that is smaller does not count.
_STEPS_TO_LEAD, _STEPS_TAUGHT, _LEAST_LEAD = 20.0, 4.0, 1e-7


class _State(NamedTuple):
    """See `Members`."""

    trial: tf.Tensor  # [r, p] the point evaluated next
    edges: _Edges  # of it
    x: tf.Tensor  # [r, p] the best so far
    value: tf.Tensor  # [r, 1] of the objective alone
    start_value: tf.Tensor  # [r, 1]
    gradient: tf.Tensor  # [r, p] of the objective alone, zero where fixed
    distance: tf.Tensor  # [r, m] positive
    jacobian: tf.Tensor  # [r, m, p] of the distances
    multiplier: tf.Tensor  # [r, m] positive
    weight: tf.Tensor  # [r, 1] of the barrier
    hessian: tf.Tensor  # [r, p, p] of the Lagrangian, positive definite
    pairs: tf.Tensor  # int [r, 1] number of pairs it has learned from
    direction: tf.Tensor  # [r, p]
    dual: tf.Tensor  # [r, m] direction of the multipliers
    slope: tf.Tensor  # [r, 1] of the barrier function along the direction
    step: tf.Tensor  # [r, 1]
    gain: tf.Tensor  # [r, 1] of the last accepted step; infinite before the first
    backtracks: tf.Tensor  # int [r, 1]
    done: tf.Tensor  # bool [r, 1]
    converged: tf.Tensor  # bool [r, 1]
    evaluations: tf.Tensor  # int


def minimise(objective: Objective, margins: Margins, start: tf.Tensor, limits: Limits) -> Minimum:
    """Primal-dual interior-point steps, with a weight of the barrier that falls as members settle.

    A step p solves `(H + J' Z C^-1 J) p = -(g - mu J' C^-1 1)`: H is a BFGS matrix of the Lagrangian, C the
    distances, J their Jacobian, Z the multipliers and mu the weight. It is shortened so that every
    distance stays positive, and until `f - mu sum log C` falls enough. As the curvature of the barrier is
    known exactly, H has to learn that of the objective alone.

    Args:
        objective: to be minimised, of the order of one; NaN where it is not acceptable.
        margins: of points; differentiable and of the order of one. See `pushed` for starts on an edge.
        start: `[r, p]`.
        limits: as in `Minimiser`; `first_step` and `longest_step` hold, of `rival` is no use.

    Returns:
        The minima; infinite values where no point near a start is strictly legal.

    Source: Nocedal and Wright 2006, chapter 19; Waechter and Biegler 2006 (doi 10.1007/s10107-004-0559-y).
    """
    x, edges = _pushed(margins, start, limits)
    zero = tf.zeros_like(x[:, :1])
    never, none, infinite = (
        tf.zeros_like(zero, tf.bool),
        tf.zeros_like(zero, tf.int32),
        zero + float("inf"),
    )
    distance, jacobian = _distances(x, edges, limits)
    weight = zero + _FIRST_WEIGHT
    inside = tf.reduce_all(distance > 0.0, axis=-1, keepdims=True)
    initial = _State(
        trial=x,
        edges=edges,
        x=x,
        value=infinite,
        start_value=infinite,
        gradient=tf.zeros_like(x),
        distance=tf.where(inside, distance, tf.ones_like(distance)),
        jacobian=jacobian,
        multiplier=tf.where(inside, weight / tf.maximum(distance, _TINY), tf.ones_like(distance)),
        weight=weight,
        hessian=tf.eye(x.shape[1], batch_shape=[tf.shape(x)[0]], dtype=x.dtype),
        pairs=none,
        direction=tf.zeros_like(x),
        dual=tf.zeros_like(distance),
        slope=zero,
        step=tf.ones_like(zero),
        gain=infinite,
        backtracks=none,
        done=~inside,
        converged=never,
        evaluations=tf.constant(0),
    )
    final = iterate(
        objective,
        initial,
        lambda state, value, gradient: _aim(
            _advance(state, value, gradient, limits), margins, limits
        ),
        limits,
    )
    return minimum(final, unknown_curvature(x))


class _Edges(NamedTuple):
    """Margins of points and their Jacobian."""

    margin: tf.Tensor  # [r, c]
    slopes: tf.Tensor  # [r, c, p] zero where fixed


def _edges(margins: Margins, count: int, x: tf.Tensor, free: tf.Tensor) -> _Edges:
    """Margins and their Jacobian, by one backward pass of as many copies of `x` as there are margins."""
    copies = tf.tile(x, [count, 1])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(copies)
        every = tf.reshape(margins(copies), [count, -1, count])
        margin = tf.linalg.diag_part(tf.transpose(every, [1, 0, 2]))
    slopes = tape.gradient(margin, copies, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    slopes = tf.transpose(tf.reshape(slopes, [count, -1, x.shape[1]]), [1, 0, 2])
    known = tf.math.is_finite(slopes) & free[:, None, :]
    return _Edges(margin, tf.where(known, slopes, tf.zeros_like(slopes)))


def _distances(x: tf.Tensor, edges: _Edges, limits: Limits) -> tuple[tf.Tensor, tf.Tensor]:
    """Distances `[r, m]` and their Jacobian `[r, m, p]`; one and zero where there is nothing to keep."""
    free, one = _free(x, limits), tf.ones_like(x)
    low, high = (tf.where(free, part, one) for part in (x - limits.lower, limits.upper - x))
    margin, slopes = edges
    settled = (tf.reduce_max(tf.abs(slopes), axis=-1) < _TINY) & (tf.abs(margin) <= _SETTLED_MARGIN)
    margin = tf.where(settled, tf.ones_like(margin), margin)
    bounds = tf.linalg.diag(tf.where(free, one, tf.zeros_like(x)))
    return tf.concat([low, high, margin], axis=1), tf.concat([bounds, -bounds, slopes], axis=1)


def _free(x: tf.Tensor, limits: Limits) -> tf.Tensor:
    return tf.broadcast_to(limits.upper > limits.lower, tf.shape(x))


def _pushed(margins: Margins, start: tf.Tensor, limits: Limits) -> tuple[tf.Tensor, _Edges]:
    """Starts moved off the edges, from bounds by a share of their distance; and the edges there."""
    width = limits.upper - limits.lower
    low, high = limits.lower + _PUSH * width, limits.upper - _PUSH * width
    least = tf.constant(_PUSH, start.dtype)
    return _restored(margins, start, least, low, high, steps=_PUSHES)


def restored(
    margins: Margins,
    x: tf.Tensor,
    least: tf.Tensor,
    low: tf.Tensor,
    high: tf.Tensor,
    *,
    steps: int,
) -> tf.Tensor:
    """Points moved by Newton's steps to where margins are at least so large, as far as that succeeds.

    Each step is the shortest one, in the unit of the room that variables have.

    Args:
        margins: of points; differentiable.
        x: points `[r, p]`.
        least: margins to reach, broadcast to `[r, c]`; positive.
        low: lower bounds, broadcast to `[r, p]`; a variable of equal bounds is a constant.
        high: upper bounds.
        steps: how many at the most.
    """
    return _restored(margins, x, least, low, high, steps=steps)[0]


def _restored(
    margins: Margins,
    x: tf.Tensor,
    least: tf.Tensor,
    low: tf.Tensor,
    high: tf.Tensor,
    *,
    steps: int,
) -> tuple[tf.Tensor, _Edges]:
    """As `restored`, and the edges there."""
    low, high = tf.broadcast_to(low, tf.shape(x)), tf.broadcast_to(high, tf.shape(x))
    x, free = tf.clip_by_value(x, low, high), high > low
    count = margins(x[:1]).shape[1]

    def lacking(edges: _Edges) -> tf.Tensor:
        matters = tf.reduce_max(tf.abs(edges.slopes), axis=-1) >= _TINY
        lack = least - edges.margin
        return tf.where(matters & (lack > 0.0), lack, tf.zeros_like(lack))

    def restore(x: tf.Tensor, edges: _Edges) -> tuple[tf.Tensor, _Edges]:
        lack, slopes = _BEYOND * lacking(edges), edges.slopes
        mine = tf.cast(lack > 0.0, x.dtype)
        room = tf.minimum(x - low, high - x) + 0.01 * (high - low)
        slopes *= mine[:, :, None] * room[:, None, :]
        gram = tf.matmul(slopes, slopes, transpose_b=True)
        size = tf.linalg.diag_part(gram)
        gram = tf.linalg.set_diag(gram, size * (1.0 + 1e-6) + 1.0 - mine + 1e-30)
        shares = tf.linalg.cholesky_solve(tf.linalg.cholesky(gram), lack[:, :, None])
        step = room * tf.squeeze(tf.matmul(slopes, shares, transpose_a=True), -1)
        x = tf.clip_by_value(x + step, low, high)
        return x, _edges(margins, count, x, free)

    moved: tuple[tf.Tensor, _Edges] = tf.while_loop(
        lambda _, edges: tf.reduce_any(lacking(edges) > 0.1 * least),
        restore,
        (x, _edges(margins, count, x, free)),
        maximum_iterations=steps,
    )
    return moved


def _advance(state: _State, value: tf.Tensor, gradient: tf.Tensor, limits: Limits) -> _State:
    """Accept or refuse the evaluated points, and learn from the accepted ones."""
    gradient = tf.where(_free(gradient, limits), gradient, tf.zeros_like(gradient))
    distance, jacobian = _distances(state.trial, state.edges, limits)
    first = tf.math.is_inf(state.value)
    accept, shrink = _judged(state, value, distance)
    multiplier = tf.where(accept, state.multiplier + state.dual, state.multiplier)
    bent = tf.linalg.matvec(jacobian - state.jacobian, multiplier, transpose_a=True)
    hessian, pairs = _update_hessian(
        state, state.trial - state.x, gradient - state.gradient - bent, accept & ~first
    )
    distance = tf.where(accept, distance, state.distance)
    usual = state.weight / distance
    multiplier = tf.clip_by_value(multiplier, usual / _DRIFT, usual * _DRIFT)
    gap = tf.reduce_mean(multiplier * distance, axis=-1, keepdims=True)
    lighter = tf.maximum(tf.minimum(_FALL * gap, tf.pow(gap, _FASTER)), _LAST_WEIGHT)
    falls = accept & (state.step >= 0.2) & ~first
    refused = ~accept & ~state.done
    backtracks = tf.where(refused, state.backtracks + 1, 0)
    return state._replace(
        x=tf.where(accept, state.trial, state.x),
        value=tf.where(accept, value, state.value),
        start_value=tf.where(first, value, state.start_value),
        gradient=tf.where(accept, gradient, state.gradient),
        distance=distance,
        jacobian=tf.where(accept[:, :, None], jacobian, state.jacobian),
        multiplier=multiplier,
        weight=tf.where(falls, tf.minimum(state.weight, lighter), state.weight),
        hessian=hessian,
        pairs=pairs,
        step=tf.where(refused, state.step * shrink, tf.ones_like(shrink)),
        gain=tf.where(accept, state.value - value, state.gain),
        backtracks=backtracks,
        done=state.done | (refused & (first | (backtracks > _BACKTRACKS))),
        evaluations=state.evaluations + 1,
    )


def _judged(state: _State, value: tf.Tensor, distance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Trial points that are accepted, bool `[r, 1]`, and the factor of the steps to the others `[r, 1]`."""
    first = tf.math.is_inf(state.value)
    inside = tf.reduce_all(distance >= 0.5 * _KEPT * state.distance, axis=-1, keepdims=True)
    inside |= first & tf.reduce_all(distance > 0.0, axis=-1, keepdims=True)
    ratio = tf.where(inside, distance / state.distance, tf.ones_like(distance))
    barrier = state.weight * tf.reduce_sum(tf.math.log(ratio), axis=-1, keepdims=True)
    slope = state.slope * state.step
    excess = value - state.value - barrier - slope
    enough = first | (excess <= (_ARMIJO - 1.0) * slope + _ROUNDING * (1.0 + tf.abs(value)))
    accept = tf.math.is_finite(value) & inside & enough & ~state.done
    # A refused point: interpolate the parabola through value and slope, within [0.1, 0.5].
    usable = tf.math.is_finite(excess) & (excess > 0.0) & inside
    shrink = tf.where(usable, -0.5 * slope / tf.where(usable, excess, 1.0), _SHRINK_LEAST)
    return accept, tf.clip_by_value(shrink, _SHRINK_MOST, _SHRINK_LEAST)


def _update_hessian(
    state: _State, s: tf.Tensor, y: tf.Tensor, use: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The BFGS update of the Hessian (Nocedal and Wright 2006, equation 6.19)."""

    def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(a * b, axis=-1, keepdims=True)

    sy, yy, ss = dot(s, y), dot(y, y), dot(s, s)
    use &= sy > _CURVATURE * tf.sqrt(ss * yy)
    one = tf.ones_like(sy)
    sy, yy = tf.where(use, sy, one), tf.where(use, yy, one)
    untaught = use & tf.equal(state.pairs, 0)
    hessian = tf.where(untaught, yy / sy, one)[:, :, None] * state.hessian
    hs = tf.linalg.matvec(hessian, s)
    shs = tf.where(use, dot(s, hs), one)
    update = y[:, :, None] * y[:, None, :] / sy[:, :, None]
    update -= hs[:, :, None] * hs[:, None, :] / shs[:, :, None]
    hessian = tf.where(use[:, :, None], hessian + update, state.hessian)
    return hessian, state.pairs + tf.cast(use, tf.int32)


def _aim(state: _State, margins: Margins, limits: Limits) -> _State:
    """Choose the next point of every member that is not done."""
    jacobian, distance, weight = state.jacobian, state.distance, state.weight
    force = tf.linalg.matvec(jacobian, weight / distance, transpose_a=True)
    downhill = force - state.gradient
    stiffness = (state.multiplier / distance)[:, :, None] * jacobian
    system = state.hessian + tf.matmul(jacobian, stiffness, transpose_a=True)
    newton = _solved(system, downhill, limits)
    slope = -tf.reduce_sum(newton * downhill, axis=-1, keepdims=True)
    expected = -0.5 * slope
    settled = (expected <= limits.value_tolerance) & (weight <= 1.01 * _LAST_WEIGHT)
    length = tf.reduce_max(tf.abs(newton), axis=-1, keepdims=True)
    longest = tf.where(state.pairs > 0, limits.longest_step, limits.first_step)
    longest = tf.cast(longest, length.dtype)
    newton *= tf.minimum(tf.ones_like(length), longest / tf.maximum(length, _TINY))

    change = tf.linalg.matvec(jacobian, newton)
    dual = (weight - state.multiplier * change) / distance - state.multiplier
    newton *= _share(distance, change)
    slope = -tf.reduce_sum(newton * downhill, axis=-1, keepdims=True)
    dual *= _share(state.multiplier, dual)
    again = state.backtracks > 0
    direction = tf.where(again, state.direction, newton)
    trial, edges = _followed(state, state.step * direction, margins, limits)
    stopped = state.done | settled
    stopped |= tf.reduce_all(tf.equal(trial, state.x), axis=-1, keepdims=True)
    if limits.race:
        lack = tf.reduce_sum(state.multiplier * distance, axis=-1, keepdims=True)
        taught = state.pairs >= state.x.shape[1]
        steps = tf.where(taught, tf.constant(_STEPS_TAUGHT, lack.dtype), _STEPS_TO_LEAD)
        hopes = state.value - steps * tf.maximum(state.gain, expected) - lack
        late = (weight <= _RACE_WEIGHT) & tf.math.is_finite(state.value)
        stopped |= late & (hopes > tf.reduce_min(state.value) - _LEAST_LEAD)
    return state._replace(
        trial=tf.where(stopped, state.x, trial),
        edges=edges,
        direction=direction,
        dual=tf.where(again, state.dual, dual),
        slope=tf.where(again, state.slope, slope),
        done=stopped,
        converged=state.converged | (settled & tf.math.is_finite(state.value)),
    )


def _followed(
    state: _State, step: tf.Tensor, margins: Margins, limits: Limits
) -> tuple[tf.Tensor, _Edges]:
    """Ends of steps, moved to where the margins are as large as their slopes said they would be."""
    p = step.shape[1]
    c = state.distance.shape[1] - 2 * p
    least = state.distance + tf.linalg.matvec(state.jacobian, step)
    low = tf.minimum(state.x, limits.lower + _KEPT * (state.x - limits.lower))
    high = tf.maximum(state.x, limits.upper - _KEPT * (limits.upper - state.x))
    end, least = state.x + step, tf.nn.relu(least[:, -c:])
    return _restored(margins, end, least, low, high, steps=_RESTORATIONS)


def _solved(system: tf.Tensor, right: tf.Tensor, limits: Limits) -> tf.Tensor:
    """The solution `[r, p]` of positive definite systems, scaled to a diagonal of ones first."""
    scale = tf.math.rsqrt(tf.linalg.diag_part(system))
    scaled = system * scale[:, :, None] * scale[:, None, :]
    scaled = tf.linalg.set_diag(scaled, tf.ones_like(scale) + 1e-12)
    factor = tf.linalg.cholesky(scaled)
    solution = tf.linalg.cholesky_solve(factor, (scale * right)[:, :, None])
    solution = scale * tf.squeeze(solution, -1)
    free = tf.broadcast_to(limits.upper > limits.lower, tf.shape(right))
    return tf.where(free & tf.math.is_finite(solution), solution, tf.zeros_like(right))


def _share(distance: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
    """The largest share `[r, 1]`, at most one, of a change that keeps some of each distance."""
    falls = change < 0.0
    room = -(1.0 - _KEPT) * distance / tf.where(falls, change, -tf.ones_like(change))
    room = tf.where(falls, room, tf.ones_like(room))
    room = tf.reduce_min(room, axis=-1, keepdims=True)
    return tf.minimum(room, tf.ones_like(room))
