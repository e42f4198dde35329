"""Steps of a climb under constraints: ascents of the numbers, and what makes rows legal after moves.

Letters: r members that climb, k moves of a member, d columns, c margins.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from tfbo.columns import code, index
from tfbo.optim import interior
from tfbo.optim.base import Limits, Objective
from tfbo.optim.domain import Domain

# An ascent keeps so far from edges that rounding of codes breaks no constraint; what ends so near to
# a bound is on it.
_EDGE, _BOUND = 1e-8, 1e-6
# Of an ascent: those that take more gain next to nothing by then, on peaks as narrow as a thousandth.
_MOST_EVALUATIONS = 50
# Numbers that follow a move leave such a margin, and Newton's steps that they take.
_FOLLOWED, _FOLLOWING = 1e-8, 4
# Steps of ordered columns towards what is legal.
_STEPS = 8


def ascend(objective: Objective, domain: Domain, rows: tf.Tensor, limits: Limits) -> tf.Tensor:
    """Rows `[r, d]` from which no legal change of what is free within the limits lessens the objective.

    Args:
        objective: of completed rows, to be minimised and of the order of one.
        domain: with constraints.
        rows: starts; those that are not legal are moved to where they are, if that succeeds.
        limits: as of a `Minimiser`. Columns that follow from others are fixed there, and left as they were.
    """
    margins = _margins(domain)
    limits = limits._replace(max_evaluations=min(limits.max_evaluations, _MOST_EVALUATIONS))
    x = interior.minimise(lambda x: objective(domain.completed(x, tnp)), margins, rows, limits).x
    # Where a bound is the optimum the end is next to it.
    at_bounds = tf.where(x < limits.lower + _BOUND, limits.lower, x)
    at_bounds = tf.where(x > limits.upper - _BOUND, limits.upper, at_bounds)
    legal = tf.reduce_all(margins(at_bounds) >= 0.0, axis=-1, keepdims=True)
    return tf.where(legal, at_bounds, x)


def _margins(domain: Domain) -> interior.Margins:
    """Margins, less what rounding may take, of rows whose discrete columns may be between two levels."""
    return lambda x: domain.margin(domain.completed(x, tnp), tnp, relaxed=True) - _EDGE


def followed(domain: Domain, raw: tf.Tensor) -> tf.Tensor:
    """Points `[k, d]` whose numbers, where constraints are broken, have moved by as little as mends it."""
    assert domain.feasible is not None
    columns = domain.columns
    movable = columns.continuous & domain.feasible.free
    if not movable.any():
        return raw
    rows = domain.snap(raw, tnp)
    free = movable & (rows >= 0.0)
    low = tf.where(free, domain.clip(tf.zeros_like(rows), tnp), rows)
    high = tf.where(free, domain.clip(tf.ones_like(rows), tnp), rows)
    least = tf.constant(_FOLLOWED, rows.dtype)
    moved = interior.restored(_margins(domain), rows, least, low, high, steps=_FOLLOWING)
    return tf.where(free, moved, raw)


def stepped(domain: Domain, raw: tf.Tensor) -> tf.Tensor:
    """Points `[r, d]` whose ordered columns, where some is broken, moved level by level to mend it."""
    columns = domain.columns
    ordered = [
        j for j, c in enumerate(columns.columns) if c.count is not None and not c.categorical
    ]
    if not ordered:
        return raw
    d, k = len(columns), 2 * len(ordered)
    shifts = np.zeros([k, d])
    shifts[np.arange(k), np.repeat(ordered, 2)] = np.tile([1.0, -1.0], len(ordered))
    last = columns.levels.number - 1.0

    def violation(raw: tf.Tensor) -> tf.Tensor:
        lack = tf.nn.relu(-domain.margin(domain.snap(raw, tnp), tnp))
        total = tf.reduce_sum(lack, axis=-1)
        return tf.where(tf.math.is_nan(total), tf.constant(float("inf"), total.dtype), total)

    def step(raw: tf.Tensor, broken: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
        moved = tf.expand_dims(index(columns, raw, tnp), 1) + shifts
        moved = code(columns, tf.clip_by_value(moved, 0.0, last), tnp)
        moved = tf.where(shifts != 0.0, moved, tf.expand_dims(raw, 1))
        there = tf.reshape(violation(tf.reshape(moved, [-1, d])), [-1, k])
        best, least = tf.argmin(there, axis=1), tf.reduce_min(there, axis=1)
        better = (least < broken) & (broken > _EDGE)
        raw = tf.where(better[:, None], tf.gather(moved, best, batch_dims=1), raw)
        return raw, tf.where(better, least, broken), tf.reduce_any(better)

    mended, *_ = tf.while_loop(
        lambda raw, broken, going: going & tf.reduce_any(broken > _EDGE),
        step,
        (raw, violation(raw), tf.constant(True)),
        maximum_iterations=_STEPS,
    )
    return mended
