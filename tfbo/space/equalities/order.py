"""The order in which equalities are solved, and for which parameters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfbo.space.equalities.equation import Equation, Unknown
from tfbo.space.equalities.scales import Scales

# More equalities than this are taken in the order in which they are written.
_MOST_ORDERED = 5
# Pivots of an elimination below this share of the largest are rounding.
_SMALL = 1e-12

Share = Callable[[Equation], float]
"""From an equation with one unknown to the share of rows for which it has a solution in range."""


def equations(equalities: Sequence[Any], scales: Scales, share: Share) -> tuple[Equation, ...]:
    """Equations whose solutions, one after the other, meet all equalities.

    Of two equalities that have the same parameters, neither can be solved after the other. Where such
    ones are linear, they are eliminated from each other first.
    """
    if not equalities:
        return ()
    plain = [Equation(((1.0, e),), ()) for e in equalities]
    ordered = _ordered(plain, scales, share)
    if len(equalities) > 1 and not _complete(ordered):
        linear = all(e.is_linear() for e in equalities)
        names = {name for e in equalities for name in e.names}
        if linear and not any(map(scales.may_be_inactive, names)):
            return _eliminated(equalities, scales)
    return tuple(ordered)


def _complete(found: Sequence[Equation]) -> bool:
    """True where each equation has an unknown that solves it exactly."""
    return all(any(u.scale.levels is None for u in equation.unknowns) for equation in found)


def _ordered(plain: Sequence[Equation], scales: Scales, share: Share) -> list[Equation]:
    """The equations with their unknowns, in the order of the least cost."""
    every = [_candidates(equation, scales, share) for equation in plain]
    orders = [tuple(range(len(plain)))]
    if len(plain) <= _MOST_ORDERED:
        orders = list(itertools.permutations(range(len(plain))))
    best: tuple[float, list[Equation]] = np.inf, list(plain)
    for order in orders:
        seen: set[str] = set()
        total, found = 0.0, []
        for i in order:
            left = [(cost, u) for cost, u in every[i] if u.name not in seen]
            total += left[0][0] if left else 100.0
            unconditional = [j for j, (_, u) in enumerate(left) if not u.conditional]
            kept = left[: unconditional[0] + 1] if unconditional else left
            found.append(Equation(plain[i].parts, tuple(u for _, u in kept)))
            seen |= set(plain[i].names)
        if total < best[0]:
            best = total, found
    return best[1]


def _candidates(equation: Equation, scales: Scales, share: Share) -> list[tuple[float, Unknown]]:
    """Unknowns of an equation with their costs, the least first.

    Continuous ones that are always active and in which the equality is straight come first; of equal
    ones that with a solution for most rows.
    """
    expression, found = equation.parts[0][1], []
    for name in expression.names:
        scale = scales.by_name.get(name)
        if scale is None or not scale.solvable:
            continue
        unknown = Unknown(
            name,
            scale,
            expression.affine_in(name),
            scales.conditional(name),
            _slope(expression, name, scales),
        )
        cost = 8.0 * (scale.levels is not None) + 4.0 * unknown.conditional
        cost += 2.0 * (not unknown.affine)
        cost += 1.0 - share(Equation(equation.parts, (unknown,)))
        found.append((cost, unknown))
    return sorted(found, key=lambda pair: pair[0])


def _slope(expression: Any, name: str, scales: Scales) -> float | None:
    """Slope of a linear equality of parameters that are always active; None for another one, or 0."""
    numbers = expression.names
    if not expression.is_linear() or any(map(scales.may_be_inactive, numbers)):
        return None
    zeros = {n: np.float64(0.0) for n in numbers}
    rise = expression.margin({**zeros, name: np.float64(1.0)}, None, np)
    return float(rise - expression.margin(zeros, None, np)) or None


def _eliminated(equalities: Sequence[Any], scales: Scales) -> tuple[Equation, ...]:
    """Sums of linear equalities of which each has an unknown that no other one has (Gauss and Jordan)."""
    names = list(dict.fromkeys(n for e in equalities for n in e.names))
    table = np.array([[_slope(e, n, scales) or 0.0 for n in names] for e in equalities])
    weights = np.eye(len(equalities))
    width = np.array([_width(scales, n) for n in names])
    pivots: dict[int, int] = {}
    for _ in equalities:
        free = [i for i in range(len(equalities)) if i not in pivots]
        size = np.abs(table) * width
        size[list(pivots)] = 0.0
        i, j = divmod(int(np.argmax(size)), len(names))
        if not free or size[i, j] <= _SMALL * max(1.0, float(np.max(np.abs(table)))):
            break
        weights[i], table[i] = weights[i] / table[i, j], table[i] / table[i, j]
        for other in range(len(equalities)):
            if other != i:
                weights[other] -= table[other, j] * weights[i]
                table[other] -= table[other, j] * table[i]
        pivots[i] = j
    found = []
    for i in range(len(equalities)):
        parts = tuple((float(w), e) for w, e in zip(weights[i], equalities, strict=True) if w)
        unknowns: tuple[Unknown, ...] = ()
        if i in pivots:
            name = names[pivots[i]]
            unknowns = (Unknown(name, scales.by_name[name], True, False, 1.0),)
        found.append(Equation(parts, unknowns))
    return tuple(found)


def _width(scales: Scales, name: str) -> float:
    """Weight of a parameter as a pivot: its range, next to nothing of a discrete one."""
    scale = scales.by_name.get(name)
    if scale is None or not scale.solvable:
        return 0.0
    return (scale.high - scale.low) * (1.0 if scale.levels is None else 1e-6)
