"""Maximisation over legal rows of a design matrix: continuous, ordered and categorical columns at once.

Screen candidates in one batch; climb from the best of them together, alternating quasi-Newton ascent
of the numbers with moves of each discrete column to its neighbours, until neither gains anything. Under
constraints these are the steps of `constrained.py`.

Letters: c candidates, r members that climb, k moves of a member, d columns, t rows taken.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from tfbo import _linalg
from tfbo.columns import Columns, code, index
from tfbo.optim import bfgs, constrained
from tfbo.optim.base import Limits
from tfbo.optim.domain import Domain

Function = Callable[[tf.Tensor], tf.Tensor]
"""Function from legal rows `[k, d]` to values `[k]`."""
Test = Callable[[tf.Tensor], tf.Tensor]
"""Function from legal rows `[k, d]` to bool `[k]`."""
Judge = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Function from legal rows `[k, d]` and values to these, minus infinity where NaN or refused: `[k]`."""

Screens = Sequence[tf.Tensor]
_Tops = tuple[list[tf.Tensor], list[tf.Tensor]]

# Rows nearer than this are the same point: distances come from one matmul, whose rounding is 1e-8.
_SAME = 1e-7
# A categorical column with more levels is moved by powers of two, not to every other level.
_MOST_CATEGORIES = 33
# An ordered column with more levels takes part in the first ascent as if it were continuous.
_MANY_LEVELS = 8
# Of so many ordered columns under constraints, all pairs are moved against each other.
_MOST_PAIRED = 8
_ROUNDS = 8
# An ascent ends at such a gradient or expected gain, in the unit of `_spread`.
_FLAT, _SETTLED = 1e-5, 1e-9
# A round that gains less than this, in the unit of `_spread`, is the last.
_LEAST_GAIN = 1e-6


class Maximum(NamedTuple):
    """The best legal row that was found."""

    x: tf.Tensor
    """`[d]`, legal and not taken."""
    value: tf.Tensor
    """Scalar; minus infinity where every candidate is taken."""
    ok: tf.Tensor
    """bool: there is such a row."""
    screened: tf.Tensor | None = None
    """`[d]`: the best one of the screens, towards which an illegal end is mended; None for `x` itself."""


class _Ascent(NamedTuple):
    function: Function
    domain: Domain
    judge: Judge
    unit: tf.Tensor  # in which the function is climbed
    max_evaluations: int
    race: bool  # only the best member matters
    compact: bool


class _Climb(NamedTuple):
    i: tf.Tensor  # int: rounds done
    raw: tf.Tensor  # [r, d] in the box: what inactive columns would hold is kept
    value: tf.Tensor  # [r]
    improved: tf.Tensor  # bool: the last round gained something


def maximise(
    function: Function,
    domain: Domain,
    screens: Screens,
    taken: Test,
    *,
    climbs: int = 8,
    max_evaluations: int = 100,
    at_once: int | tf.Tensor | None = None,
    compact: bool = False,
    rough: Function | None = None,
) -> Maximum:
    """The best row of a domain, over the screens and the climbs from the best rows of each of them.

    Args:
        function: the objective; NaN is worse than anything.
        domain: columns, box and constraints.
        screens: candidates `[c, d]` in [0, 1], one or more sets; the nearest rows of the box are screened.
        taken: single rows that must not be returned; see `among`.
        climbs: number of rows of each screen to climb from.
        max_evaluations: of each ascent, at the most.
        at_once: number of candidates that are screened at once, at the most; None for all.
        compact: as in `Limits`.
        rough: what takes a fraction of the function's time and is roughly the same; only the best quarter
            of each screen by this is screened by the function itself. None to screen all.
    """
    judge = _judge(domain, taken)

    def best_of(by: Function, count: Callable[[tf.Tensor], Any], rows: Screens) -> _Tops:
        return _best_of(by, domain, judge, rows, count=count, at_once=at_once)

    if rough is not None:
        screens, _ = best_of(rough, lambda size: (size + 3) // 4, screens)
    start, tops = best_of(function, lambda size: tf.minimum(climbs, size), screens)
    begun, before = tf.concat(start, axis=0), tf.concat(tops, axis=0)
    ascent = _Ascent(function, domain, judge, _spread(before), max_evaluations, True, compact)
    raw, value = _climb(ascent, domain.clip(begun, tnp), before)
    best = tf.argmax(value)
    highest = tf.gather(value, best)
    screened = domain.snap(tf.gather(begun, tf.argmax(before)), tnp)
    return Maximum(
        domain.snap(tf.gather(raw, best), tnp), highest, tf.math.is_finite(highest), screened
    )


def _best_of(
    function: Function,
    domain: Domain,
    judge: Judge,
    screens: Screens,
    *,
    count: Callable[[tf.Tensor], Any],
    at_once: int | tf.Tensor | None,
) -> _Tops:
    """The best rows of each screen by a function, as many as `count` says of its size, and their values."""

    def screened(raw: tf.Tensor) -> tf.Tensor:
        rows = domain.snap(raw, tnp)
        return judge(rows, function(rows))

    every = tf.concat(screens, axis=0)
    value = screened(every) if at_once is None else _linalg.in_batches(screened, every, at_once)
    parts = tf.split(value, [tf.shape(s)[0] for s in screens])
    tops = [tf.math.top_k(part, count(tf.size(part))) for part in parts]
    best = [tf.gather(screen, top.indices) for screen, top in zip(screens, tops, strict=True)]
    return best, [top.values for top in tops]


def maximise_each(
    function: Function, domain: Domain, start: tf.Tensor, *, max_evaluations: int = 100
) -> tf.Tensor:
    """Rows `[r, d]` climbed from the nearest ones of the box, each under a function of its own.

    From rows `[r k, d]`, k for each member one after the other, the function makes values of the order
    of one.
    """
    judge = _judge(domain)
    raw = domain.clip(start, tnp)
    rows = domain.snap(raw, tnp)
    value = judge(rows, function(rows))
    one = tf.ones([], start.dtype)
    ascent = _Ascent(function, domain, judge, one, max_evaluations, False, False)
    return domain.snap(_climb(ascent, raw, value)[0], tnp)


def _judge(domain: Domain, taken: Test | None = None) -> Judge:
    def judge(rows: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        refused = [tf.math.is_nan(value), domain.outside(rows, tnp), taken and taken(rows)]
        bad = functools.reduce(tf.logical_or, (test for test in refused if test is not None))
        return tf.where(bad, tf.constant(-float("inf"), value.dtype), value)

    return judge


def _climb(ascent: _Ascent, start: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows `[r, d]` and values `[r]` from where neither an ascent nor a move gains anything."""
    columns = ascent.domain.columns

    def body(*flat: tf.Tensor) -> tuple[tf.Tensor, ...]:
        before = state = _Climb(*flat)
        if _ascended(columns).any():
            raw, _ = _ascend(ascent, state.raw, state.i > 0)
            state = _better(state, raw, _value(ascent, raw))
        state = _move(ascent, state)
        if ascent.race:
            gain = tf.reduce_max(state.value) - tf.reduce_max(before.value)
        else:
            gain = tf.reduce_max(state.value - before.value)
        return tuple(state._replace(i=state.i + 1, improved=gain > _LEAST_GAIN * ascent.unit))

    state = _Climb(tf.constant(0), start, value, tf.constant(True))
    if columns.continuous.all():
        raw, value = _ascend(ascent, state.raw, tf.constant(False))
        if ascent.domain.feasible is None:
            # The end of an ascent is legal as it is.
            value = ascent.judge(raw, value)
        state = _better(state, raw, value)
    else:
        flat = tf.while_loop(
            lambda i, raw, value, improved: improved, body, tuple(state), maximum_iterations=_ROUNDS
        )
        state = _Climb(*flat)
    return state.raw, state.value


def among(rows: tf.Tensor, taken: tf.Tensor, counts: tf.Tensor | None = None) -> tf.Tensor:
    """Test which of `rows` `[k, d]` are among those of `taken` `[t, d]` that count: bool `[k]`."""
    # About the middle of the cube, where the norms and so the rounding are smallest.
    rows, taken = rows - 0.5, taken - 0.5
    norms = tf.reduce_sum(tf.square(rows), axis=-1)[:, None]
    distance = norms + tf.reduce_sum(tf.square(taken), axis=-1)
    distance -= 2.0 * tf.matmul(rows, taken, transpose_b=True)
    same = distance < _SAME**2
    return tf.reduce_any(same if counts is None else same & counts, axis=-1)


def _spread(value: tf.Tensor) -> tf.Tensor:
    """The unit in which a function is climbed: how far its best start is above the median of `[r]`.

    Late in a search the logarithm of an improvement falls by thousands close to the best trials; a unit
    that took in the worst starts would end the ascent of the best ones early.
    """
    lowest = tf.constant(-float("inf"), value.dtype)
    finite = tf.where(tf.math.is_finite(value), value, lowest)
    better = tf.math.top_k(finite, tf.size(value) // 2 + 1).values
    spread = tf.reduce_max(better) - tf.reduce_min(better)
    return tf.where(tf.math.is_finite(spread) & (spread > 0.0), spread, tf.ones_like(spread))


def _ascended(columns: Columns) -> np.ndarray:
    """Columns that an ascent moves, bool `[d]`: the continuous ones, and those with many levels."""
    parents = {parent for column in columns.columns for parent, _ in column.conditions}
    many = [
        not c.categorical and c.count is not None and c.count > _MANY_LEVELS and i not in parents
        for i, c in enumerate(columns.columns)
    ]
    return columns.continuous | np.array(many, bool)


def _ascend(ascent: _Ascent, raw: tf.Tensor, strict: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows `[r, d]` climbed from `raw`, where `strict` along the continuous columns alone; values `[r]`."""
    domain, columns = ascent.domain, ascent.domain.columns
    rows = domain.snap(raw, tnp)
    free = (columns.continuous | (_ascended(columns) & ~strict)) & (rows >= 0.0)
    low, high = tf.zeros_like(rows), tf.ones_like(rows)

    if domain.feasible is not None:
        free &= domain.feasible.free
    limits = Limits(
        tf.where(free, domain.clip(low, tnp), rows),
        tf.where(free, domain.clip(high, tnp), rows),
        max_evaluations=ascent.max_evaluations,
        gradient_tolerance=_FLAT,
        value_tolerance=_SETTLED,
        first_step=0.1,
        race=ascent.race,
        compact=ascent.compact,
    )

    def objective(x: tf.Tensor) -> tf.Tensor:
        return -ascent.function(x) / ascent.unit

    if domain.feasible is None:
        result = bfgs.minimise(objective, rows, limits)
        return tf.where(free, result.x, raw), -result.value * ascent.unit
    raw = tf.where(free, constrained.ascend(objective, domain, rows, limits), raw)
    if not columns.continuous.all():
        raw = constrained.stepped(domain, constrained.followed(domain, raw))
    return raw, _value(ascent, raw)


def _value(ascent: _Ascent, raw: tf.Tensor) -> tf.Tensor:
    """Values `[k]` of the rows nearest to `raw` `[k, d]`."""
    rows = ascent.domain.snap(raw, tnp)
    return ascent.judge(rows, ascent.function(rows))


def _better(state: _Climb, raw: tf.Tensor, value: tf.Tensor) -> _Climb:
    """Each member at its new row or, where that is not better, where it was."""
    better = value > state.value
    return state._replace(
        raw=tf.where(tf.expand_dims(better, 1), raw, state.raw),
        value=tf.where(better, value, state.value),
    )


def _move(ascent: _Ascent, state: _Climb) -> _Climb:
    """Each member at the best of its neighbours, of which each differs in one discrete column."""
    columns = ascent.domain.columns
    feasible = ascent.domain.feasible
    shifts, cyclic, mine = _neighbourhood(columns, pairs=feasible is not None)
    if not len(shifts):
        return state
    d, k = len(columns), len(shifts)
    count = columns.levels.number
    moved = tf.expand_dims(index(columns, state.raw, tnp), 1) + shifts
    moved = tf.where(
        cyclic, tf.math.floormod(moved, count), tf.clip_by_value(moved, 0.0, count - 1.0)
    )
    raw = tf.where(mine, code(columns, moved, tnp), tf.expand_dims(state.raw, 1))
    if feasible is not None:
        raw = tf.reshape(constrained.followed(ascent.domain, tf.reshape(raw, [-1, d])), [-1, k, d])
    value = tf.reshape(_value(ascent, tf.reshape(raw, [-1, d])), [-1, k])
    best = tf.argmax(value, axis=1)
    return _better(state, tf.gather(raw, best, batch_dims=1), tf.reduce_max(value, axis=1))


def _neighbourhood(columns: Columns, *, pairs: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moves of level indices `[k, d]`, which columns go round `[d]`, and which one each moves `[k, d]`.

    With `pairs`, two ordered columns are also moved against each other, by a level each.
    """
    moves: list[dict[int, float]] = []
    for j, column in enumerate(columns.columns):
        if column.count is None:
            continue
        if column.categorical and column.count <= _MOST_CATEGORIES:
            sizes = list(range(1, column.count))
        else:
            powers = [2**e for e in range(column.count.bit_length()) if 2**e < column.count]
            sizes = [sign * power for power in powers for sign in (1, -1)]
        moves.extend({j: float(size)} for size in sizes)
    ordered = [
        j for j, c in enumerate(columns.columns) if c.count is not None and not c.categorical
    ]
    if pairs and len(ordered) <= _MOST_PAIRED:
        moves.extend({i: 1.0, j: -1.0} for i, j in itertools.permutations(ordered, 2))
    table = np.zeros([len(moves), len(columns)])
    for i, move in enumerate(moves):
        table[i, list(move)] = list(move.values())
    return table, np.array([c.categorical for c in columns.columns], bool), table != 0.0
