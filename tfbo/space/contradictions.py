"""Constraints that no configuration meets, as far as ranges, steps and small enumerations show it.

What passes may still have no configuration: then a search for one fails, at the first ask.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from tfbo.errors import InvalidArgument, invalid
from tfbo.space import conditions, constraints, decimals, syntax
from tfbo.space.conditions import Parameters, Params
from tfbo.space.constraints import Constraint
from tfbo.space.expressions import Expression
from tfbo.space.intervals import Interval
from tfbo.space.syntax import NEGATIVE, POWER, PRODUCT, QUOTIENT, SUM

# Of the size of what is compared: less may be rounding.
_SLACK = 1e-8
_MOST_TRIED = 2**16
# A predicate may take long.
_MOST_ASKED = 2**12
_ROUNDS = 50
_MOST_BITS = 2_000


def check(ordered: Parameters, listed: Sequence[Constraint]) -> None:
    """Raise InvalidArgument for constraints that no configuration meets, if that can be seen."""
    expressions = [one for one in listed if one.names]
    assert all(isinstance(one, Expression) for one in expressions)
    for expression in expressions:
        for test in (_beyond, _between_steps, _never):
            why = test(ordered, expression)  # type: ignore[arg-type]
            if why is not None:
                raise _refused(expression.text, why)
    _check_coupled(ordered, expressions)  # type: ignore[arg-type]
    _check_ranges(ordered, expressions)  # type: ignore[arg-type]
    _search(ordered, listed)


def _refused(text: str, why: str) -> InvalidArgument:
    expected = "constraints that some configuration meets"
    return invalid("constraints", expected, text, why)


def _ranges(ordered: Parameters, names: Sequence[str]) -> dict[str, Interval]:
    ranges = {}
    for name in names:
        reach = ordered[name].reach
        assert reach is not None
        ranges[name] = Interval(float(reach[0]), float(reach[1]), bool(ordered[name].when))
    return ranges


def _beyond(ordered: Parameters, expression: Expression) -> str | None:
    """The reason for which the ranges of its names break a constraint, whatever the values."""
    return expression.beyond(_ranges(ordered, expression.names))


class Linear(NamedTuple):
    """A sum of multiples of names and a constant, exactly as they are written."""

    constant: Fraction
    multiples: Mapping[str, Fraction]


class _Linears:
    """Expressions as sums of multiples; None for what is none, or whose numbers have too many digits."""

    def number(self, value: float) -> Linear | None:
        return Linear(decimals.fraction(value), {})

    def name(self, name: str) -> Linear | None:
        return Linear(Fraction(0), {name: Fraction(1)})

    def apply(self, kind: str, parts: list[Linear | None]) -> Linear | None:
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        if kind == SUM:
            multiples: dict[str, Fraction] = {}
            for part in known:
                for name, factor in part.multiples.items():
                    multiples[name] = multiples.get(name, Fraction(0)) + factor
            return _short(Linear(sum((part.constant for part in known), Fraction(0)), multiples))
        if kind == NEGATIVE:
            return _scaled(known[0], Fraction(-1))
        if kind == PRODUCT:
            return functools.reduce(_times, known[1:], parts[0])
        if kind == QUOTIENT and not known[1].multiples and known[1].constant:
            return _scaled(known[0], 1 / known[1].constant)
        if kind == POWER and not known[0].multiples and not known[1].multiples:
            base, exponent = known[0].constant, known[1].constant
            if exponent.denominator == 1 and 0 <= exponent <= 64:
                return _short(Linear(base ** int(exponent), {}))
        return None


def _times(a: Linear | None, b: Linear | None) -> Linear | None:
    if a is None or b is None or (a.multiples and b.multiples):
        return None
    return _scaled(a, b.constant) if a.multiples else _scaled(b, a.constant)


def _scaled(one: Linear, factor: Fraction) -> Linear | None:
    multiples = {name: multiple * factor for name, multiple in one.multiples.items()}
    return _short(Linear(one.constant * factor, multiples))


def _short(one: Linear) -> Linear | None:
    numbers = (one.constant, *one.multiples.values())
    size = max(max(n.numerator.bit_length(), n.denominator.bit_length()) for n in numbers)
    return one if size <= _MOST_BITS else None


def linear(expression: Expression) -> Linear | None:
    """Left minus right side as a sum of multiples of names; None where it is none.

    Example:
        >>> from tfbo.space import Expression
        >>> linear(Expression.parse("2 * (x + y) <= 0.1 - x"))
        Linear(constant=Fraction(-1, 10), multiples={'x': Fraction(3, 1), 'y': Fraction(2, 1)})
    """
    sides = [syntax.fold(side, _Linears()) for side in (expression.left, expression.right)]
    right = None if sides[1] is None else _scaled(sides[1], Fraction(-1))
    return _Linears().apply(SUM, [sides[0], right])


def _between_steps(ordered: Parameters, expression: Expression) -> str | None:
    """The reason for which steps never meet an equality: by the greatest common divisor."""
    if not expression.is_equality or any(ordered[name].when for name in expression.names):
        return None
    found = linear(expression)
    if found is None:
        return None
    rest, size, steps = found.constant, abs(found.constant), []
    for name, multiple in found.multiples.items():
        lattice = ordered[name].lattice()
        if lattice is None and multiple:
            return None
        if lattice is not None:
            rest += multiple * lattice[0]
            steps.append(abs(multiple * lattice[1]))
            ends = ordered[name].reach or (0, 0)
            size += abs(multiple) * decimals.fraction(max(map(abs, ends)))
    unit = decimals.divisor(steps)
    distance = min(rest % unit, -rest % unit) if unit else abs(rest)
    values = {name: (ordered[name].reach or (0,))[0] for name in expression.names}
    whole = all(isinstance(side, int) for side in expression.sides(values))
    if distance > (0 if whole else _SLACK * float(size)):
        return f"With these steps its sides always differ by {float(distance):.6g} or more."
    return None


def _never(ordered: Parameters, expression: Expression) -> str | None:
    """The reason for which no combination of levels meets a constraint, where there are few."""
    chosen = [ordered[name] for name in expression.names]
    if any(parameter.when for parameter in chosen):
        return None
    counts = [parameter.count for parameter in chosen]
    if math.prod(math.inf if count is None else count for count in counts) > _MOST_TRIED:
        return None
    levels = [[p.level(i) for i in range(p.count or 0)] for p in chosen]
    for values in itertools.product(*levels):
        if expression.holds(dict(zip(expression.names, values, strict=True))):
            return None
    listed = ", ".join(expression.names[:10])
    return f"None of the {math.prod(map(len, levels))} combinations of {listed} meets it."


def _check_coupled(ordered: Parameters, expressions: Sequence[Expression]) -> None:
    """Refuse equalities of continuous parameters of which none can be solved after the others.

    One after the other, each needs a number of its own. Linear ones are eliminated from each other, and of
    those that leave discrete parameters alone a solution is searched for.
    """
    left = [one for one in expressions if one.is_equality]
    fixed = not any(ordered[name].when for one in left for name in one.names)
    if len(left) < 2 or (fixed and all(one.is_linear() for one in left)):
        return
    while left:
        count = Counter(name for one in left for name in set(one.names))
        own = [
            one for one in left if any(count[n] == 1 and ordered[n].count != 1 for n in one.names)
        ]
        if not own:
            break
        left = [one for one in left if one not in own]
    names = dict.fromkeys(name for one in left for name in one.names)
    numbers = [name for name in names if ordered[name].count is None]
    if numbers and (len(numbers) >= len(left) or len(numbers) == len(names)):
        texts = " and ".join(one.text for one in left)
        expected = "equalities of which each has a parameter that is in none of the others"
        advice = "Solve one of them for a parameter, and put what it is into the others."
        raise invalid("constraints", expected, texts, advice)


def _check_ranges(ordered: Parameters, expressions: Sequence[Expression]) -> None:
    """Refuse linear constraints that leave a name no value, by making ranges narrower in turn."""
    rows = []
    for one in expressions:
        found = None if any(ordered[name].when for name in one.names) else linear(one)
        if found is not None:
            factors = {name: float(factor) for name, factor in found.multiples.items() if factor}
            rows.append(_Row(one.text, one.comparison, float(found.constant), factors))
    names = {name for row in rows for name in row.factors}
    ranges = {name: one[:2] for name, one in _ranges(ordered, sorted(names)).items()}
    blame: dict[str, set[str]] = {name: set() for name in names}
    left = _MOST_TRIED
    for _ in range(_ROUNDS):
        before = dict(ranges)
        for row in rows:
            _narrow(row, ranges, blame)
            left -= len(row.factors)
            if left < 0:
                return
        if ranges == before:
            return


class _Row(NamedTuple):
    """A linear constraint: factors times names plus the constant compare with zero."""

    text: str
    comparison: str
    constant: float
    factors: Mapping[str, float]


def _narrow(row: _Row, ranges: dict[str, tuple[float, float]], blame: dict[str, set[str]]) -> None:
    """Make the ranges of the names of a linear constraint narrower, each given those of the others."""
    ends = {n: sorted((f * ranges[n][0], f * ranges[n][1])) for n, f in row.factors.items()}
    low = row.constant + sum(end[0] for end in ends.values())
    high = row.constant + sum(end[1] for end in ends.values())
    size = abs(row.constant) + sum(max(abs(end[0]), abs(end[1])) for end in ends.values())
    to_blame = {row.text}.union(*(blame[name] for name in row.factors))
    for name, factor in row.factors.items():
        # factor * x + [low, high] of the others is to be <= 0, or >= 0.
        bounds = []
        if row.comparison != ">=":
            bounds.append(((ends[name][0] - low) / factor, factor > 0.0))
        if row.comparison != "<=":
            bounds.append(((ends[name][1] - high) / factor, factor < 0.0))
        a, b = ranges[name]
        slack = _SLACK * size / abs(factor)
        for bound, above in bounds:
            if math.isfinite(bound) and math.isfinite(slack):
                a, b = (a, min(b, bound + slack)) if above else (max(a, bound - slack), b)
        if (a, b) != ranges[name]:
            blame[name] = to_blame
        if a > b:
            texts = " and ".join(sorted(blame[name]))
            raise _refused(texts, f"Together they leave {name!r} no value.")
        ranges[name] = a, b


def _search(ordered: Parameters, listed: Sequence[Constraint]) -> None:
    """Refuse constraints of a finite space that no configuration meets, where few have to be tried."""
    if math.isinf(conditions.count(ordered)):
        return
    keep = _Bounded(listed, ordered)
    try:
        if next(conditions.grid(ordered, 2, keep), None) is None:
            texts = " and ".join(one.text for one in listed)
            raise _refused(texts, "No configuration of the space meets them together.")
    except _Enough:
        return


class _Enough(Exception):
    """As many have been tried as may be."""


@dataclasses.dataclass
class _Bounded:
    """The test of configurations that grow, until too many have been tried."""

    listed: Sequence[Constraint]
    ordered: Parameters

    def __post_init__(self) -> None:
        slow = any(not one.names for one in self.listed)
        self._left = _MOST_ASKED if slow else _MOST_TRIED
        self._keep = constraints.Pruned(self.listed, self.ordered)

    def __call__(self, name: str, chosen: Params) -> bool:
        """True where nothing is broken yet."""
        self._left -= 1
        if self._left < 0:
            raise _Enough
        return self._keep(name, chosen)
