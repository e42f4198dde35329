"""Equalities: each is solved for one parameter, whose number follows from the others.

Letters: k rows. Values and flags are arrays by the names of parameters; see `Scales`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfbo.space.equalities.scales import Scale, Values

# An equality holds up to this, as `Expression.holds` has it for terms of the order of one.
TOLERANCE = 1e-9
# Numbers that are outside of their range by rounding are at its end.
_ROUNDING = 1e-13
# A root is enclosed by one interval of so many, then by one of so many of that, and so on.
_INTERVALS, _ENCLOSURES = 32, 3
# Steps of Newton's method, after which a root is exact to rounding.
_STEPS = 3
# A slope below this, in the unit of the values, says that the parameter does not matter.
_FLAT = 1e-300


class Unknown(NamedTuple):
    """A parameter for which an equality may be solved."""

    name: str
    scale: Scale
    affine: bool
    """True where the equality is a straight line in it."""
    conditional: bool
    """True where it may be inactive, so that the equality is solved for another one."""
    slope: float | None = None
    """Slope of the equality where that is the same in all rows."""


@dataclasses.dataclass(frozen=True)
class Equation:
    """A weighted sum of the margins of equalities, which is zero where they hold, and its unknowns."""

    parts: tuple[tuple[float, Any], ...]
    """Weights and expressions."""
    unknowns: tuple[Unknown, ...]
    """It is solved for the first of them that is active."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names that occur in it."""
        return tuple(dict.fromkeys(name for _, e in self.parts for name in e.names))

    def is_sure(self, relaxed: bool) -> bool:
        """True where a real number solves it in every row."""
        first = self.unknowns[:1]
        return any(u.slope is not None and (relaxed or u.scale.levels is None) for u in first)

    def residual(self, values: Values, active: Mapping[str, Any], xp: Any = np) -> Any:
        """Residual `[...]`."""
        total: Any = 0.0
        for weight, expression in self.parts:
            total = total + weight * expression.margin(values, active, xp)
        return total


class Root(NamedTuple):
    """A solution of an equation for one unknown."""

    x: Any
    """Numbers `[k]`, which may be outside of the range of the unknown."""
    ok: Any
    """Bool `[k]`: there is one; None for everywhere."""


class Solved(NamedTuple):
    """Values that equations have been solved for."""

    values: Values
    margins: list[Any]
    """Three for each equation, `[k]` each: above the low end and below the high end of the range of the
    unknown, and the rest of the equation where it is not solved exactly; 1 where it does not apply."""
    changed: dict[str, tuple[Any, Any]]
    """By name: where `[k]` it has been solved for, and the codes `[k]` there."""


def solve(
    equations: Sequence[Equation],
    values: Values,
    active: Mapping[str, Any],
    xp: Any = np,
    *,
    relaxed: bool = False,
) -> Solved:
    """Solve equations one after the other, each for the first of its unknowns that is active.

    Args:
        equations: in an order in which no unknown occurs in an earlier one.
        values: arrays `[k]`. Of several roots the one nearest to the value of the unknown is taken.
        active: bool `[k]`.
        xp: see `tfbo.columns`.
        relaxed: True where discrete unknowns are real numbers.
    """
    values, margins = dict(values), []
    changed: dict[str, tuple[Any, Any]] = {}
    for equation in equations:
        one = xp.ones_like(values[equation.names[0]])
        todo = _applies(equation, active, one, xp)
        low, high, inexact = one, one, todo
        for unknown in equation.unknowns:
            on = active.get(unknown.name)
            mine = todo if on is None else xp.logical_and(todo, on)
            root = _root(equation, unknown, values, active, xp)
            below, above = _box(unknown.scale, root, xp)
            low, high = xp.where(mine, below, low), xp.where(mine, above, high)
            number, codes = _placed(unknown.scale, root.x, relaxed, xp)
            taken = mine if root.ok is None else xp.logical_and(mine, root.ok)
            values[unknown.name] = xp.where(taken, number, values[unknown.name])
            before = changed.get(unknown.name, (taken, codes))
            changed[unknown.name] = (
                xp.logical_or(before[0], taken), xp.where(taken, codes, before[1]),
            )  # fmt: skip
            todo = xp.logical_and(todo, xp.logical_not(mine))
            if unknown.scale.levels is None or relaxed:
                inexact = xp.logical_and(inexact, xp.logical_not(taken))
        rest = one
        if not equation.is_sure(relaxed):
            residual = equation.residual(values, active, xp)
            rest = xp.where(inexact, TOLERANCE - xp.abs(residual), one)
        margins += [low, high, rest]
    return Solved(values, margins, changed)


def _applies(equation: Equation, active: Mapping[str, Any], one: Any, xp: Any) -> Any:
    """Bool `[k]`: a parameter of the equation is active."""
    on = one < 0.5
    for name in equation.names:
        on = xp.logical_or(on, active.get(name, one > 0.5))
    return on


def _placed(scale: Scale, x: Any, relaxed: bool, xp: Any) -> tuple[Any, Any]:
    """Numbers in the range of an unknown, of its levels where it has any, and their codes."""
    x = xp.minimum(xp.maximum(x, scale.low), scale.high)
    if scale.levels is None or relaxed:
        return x, xp.minimum(xp.maximum(scale.code(x, xp), 0.0), 1.0)
    level = scale.nearest(x, xp)
    return scale.low + scale.step * level, scale.level_code(level, xp)


def _box(scale: Scale, root: Root, xp: Any) -> tuple[Any, Any]:
    """Distances of a root from the low and the high end of the range, in codes; -1 without one.

    At an end up to rounding it is 0.
    """
    slack = _ROUNDING * max(abs(scale.low), abs(scale.high))
    ends = np.array([scale.low, scale.high])
    first, last = (float(scale.code(end)) for end in ends)
    at = scale.code(root.x, xp)
    below, above = at - first, last - at
    below = xp.where(xp.abs(root.x - scale.low) <= slack, 0.0 * below, below)
    above = xp.where(xp.abs(root.x - scale.high) <= slack, 0.0 * above, above)
    if root.ok is None:
        return below, above
    none = -1.0 + 0.0 * below
    return xp.where(root.ok, below, none), xp.where(root.ok, above, none)


def _root(
    equation: Equation, unknown: Unknown, values: Values, active: Mapping[str, Any], xp: Any
) -> Root:
    known = values[unknown.name]
    if unknown.slope is not None:
        x = known
        for _ in range(2):  # the second corrects the rounding of the first
            residue = equation.residual({**values, unknown.name: x}, active, xp)
            x = x - residue / unknown.slope
        return Root(x, None)

    def residual(x: Any) -> Any:
        """Residuals `[..., g]` at numbers `[..., g]`."""
        if xp.ndim(x) == 0:
            x = x + 0.0 * known[..., None]
        axis = {n: values[n][..., None] for n in equation.names if n != unknown.name}
        on = {n: active[n][..., None] for n in equation.names if n in active}
        return equation.residual({**axis, unknown.name: x}, on, xp)

    if unknown.affine:
        start, slope = _line(residual, unknown.scale, xp)
    else:
        start, slope = _enclosed(residual, unknown.scale, known, xp)
    ok = xp.abs(slope) > _FLAT
    safe = xp.where(ok, slope, 1.0 + 0.0 * slope)
    x = start
    for _ in range(_STEPS):
        x = x - residual(x[..., None])[..., 0] / safe
    # An equality that does not depend on it may hold all the same.
    ok = xp.logical_and(ok, xp.isfinite(x))
    holds = xp.abs(residual(known[..., None])[..., 0]) <= TOLERANCE
    kept = xp.where(ok, xp.where(ok, x, known), known)
    return Root(kept, xp.logical_or(ok, holds))


def _line(residual: Any, scale: Scale, xp: Any) -> tuple[Any, Any]:
    """A start of Newton's method and the slope `[k]` of a straight line."""
    low = residual(xp.asarray(scale.low))[..., 0]
    high = residual(xp.asarray(scale.high))[..., 0]
    slope = (high - low) / (scale.high - scale.low)
    return scale.low + 0.0 * slope, slope


def _enclosed(residual: Any, scale: Scale, known: Any, xp: Any) -> tuple[Any, Any]:
    """A start of Newton's method and a slope `[k]`, between two numbers that enclose the nearest root.

    The slope is 0 where there is no change of sign. All depends on comparisons alone, so that gradients
    come from the steps of Newton's method, which have them right at a root.
    """
    at = xp.minimum(xp.maximum(scale.code(known, xp), 0.0), 1.0)[..., None]
    first, last = 0.0 * at, 0.0 * at + 1.0
    share = np.linspace(0.0, 1.0, _INTERVALS + 1)
    for _ in range(_ENCLOSURES):
        codes = first + (last - first) * share
        x = _between(scale, codes, xp)
        g = residual(x)
        crosses = g[..., :-1] * g[..., 1:] <= 0.0
        distance = xp.abs(0.5 * (codes[..., :-1] + codes[..., 1:]) - at)
        distance = xp.where(crosses, distance, 2.0 + 0.0 * distance)
        nearest = xp.min(distance, axis=-1, keepdims=True)
        mine = xp.logical_and(distance <= nearest, crosses)
        # The first of two that are equally near.
        mine = xp.logical_and(mine, xp.cumsum(xp.where(mine, 1.0, 0.0), axis=-1) < 1.5)
        here = xp.where(mine, 1.0, 0.0)

        def pick(part: Any, here: Any = here) -> Any:
            safe = xp.where(here > 0.5, part, 0.0 * here)
            return xp.sum(safe, axis=-1, keepdims=True)

        left, right = pick(codes[..., :-1]), pick(codes[..., 1:])
        ends = pick(x[..., :-1]), pick(x[..., 1:])
        rise = pick(g[..., 1:]) - pick(g[..., :-1])
        first, last = left, right
    run = ends[1] - ends[0]
    found = xp.abs(run) > 0.0
    slope = xp.where(found, rise / xp.where(found, run, 1.0 + 0.0 * run), 0.0 * rise)
    middle = 0.5 * (ends[0] + ends[1])
    return middle[..., 0], slope[..., 0]


def _between(scale: Scale, codes: Any, xp: Any) -> Any:
    """Numbers from the first to the last, at parts of the way on the scale on which codes are even."""
    if not scale.log:
        return scale.low + (scale.high - scale.low) * codes
    low, high = np.log(scale.low), np.log(scale.high)
    return xp.exp(low + (high - low) * codes)
