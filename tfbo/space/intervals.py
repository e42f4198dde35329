"""Intervals of expressions: bounds of the values that they can have over the ranges of their names.

They are wider than need be where a name occurs twice, never narrower. In a sum, what may be inactive
counts as zero as well.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

from tfbo.space import arithmetic
from tfbo.space.syntax import NEGATIVE, POWER, PRODUCT, QUOTIENT, SUM

# Of the size of what is compared: less may be rounding.
_SLACK = 1e-8


class Interval(NamedTuple):
    """The least and the largest value; NaN both where it never has one."""

    low: float
    high: float
    optional: bool = False
    """True where it may drop out."""


ANY = Interval(-math.inf, math.inf)
NEVER = Interval(math.nan, math.nan)


@dataclasses.dataclass(frozen=True)
class Intervals:
    """Intervals of expressions, names having those that are given."""

    by_name: Mapping[str, Interval]

    def number(self, value: float) -> Interval:
        """A number alone."""
        return Interval(float(value), float(value))

    def name(self, name: str) -> Interval:
        """The interval that is given."""
        return self.by_name[name]

    def apply(self, kind: str, parts: list[Interval]) -> Interval:
        """Bounds of an operation."""
        if any(math.isnan(part.low) for part in parts):
            # A part that may drop out takes its lack of values with it.
            return ANY._replace(optional=True) if any(p.optional for p in parts) else NEVER
        if kind in (SUM, "min", "max"):
            optional = all(part.optional for part in parts)
            return _gathered(kind, parts)._replace(optional=optional)
        return _operation(kind, parts)._replace(optional=any(part.optional for part in parts))


def with_zero(side: Interval) -> Interval:
    """Bounds of a side, which is zero where it drops out."""
    if not side.optional:
        return side
    if math.isnan(side.low):
        return Interval(0.0, 0.0)
    return Interval(min(side.low, 0.0), max(side.high, 0.0))


def contradiction(left: Interval, right: Interval, comparison: str) -> str | None:
    """The reason for which no values in two intervals compare so; None where some may.

    Differences that may be rounding are none.
    """
    left, right = with_zero(left), with_zero(right)
    for side, word in ((left, "left"), (right, "right")):
        if math.isnan(side.low):
            return f"Its {word} side has no value."
    ends = [abs(end) for side in (left, right) for end in side[:2] if math.isfinite(end)]
    slack = _SLACK * max(ends, default=0.0)
    if comparison != ">=" and left.low > right.high + slack:
        return f"Its left side is at least {left.low:.6g}, its right side at most {right.high:.6g}."
    if comparison != "<=" and left.high < right.low - slack:
        return f"Its left side is at most {left.high:.6g}, its right side at least {right.low:.6g}."
    return None


def _gathered(kind: str, parts: list[Interval]) -> Interval:
    if kind == SUM:
        parts = [with_zero(part) for part in parts]
        return _made(sum(part.low for part in parts), sum(part.high for part in parts))
    sure = [part for part in parts if not part.optional] or parts
    if kind == "min":
        low = min(part.low for part in parts)
        return Interval(low, (min if sure[0].optional is False else max)(p.high for p in sure))
    high = max(part.high for part in parts)
    return Interval((max if sure[0].optional is False else min)(p.low for p in sure), high)


def _operation(kind: str, parts: list[Interval]) -> Interval:
    first, *others = parts
    if kind == NEGATIVE:
        return Interval(-first.high, -first.low)
    if kind == PRODUCT:
        for other in others:
            first = _product(first, other)
        return first
    if kind == QUOTIENT:
        return _quotient(first, others[0])
    if kind == POWER:
        return _power(first, others[0])
    if kind == "abs":
        low = max(first.low, -first.high, 0.0)
        return Interval(low, max(-first.low, first.high))
    if kind != "exp" and (first.high < 0.0 or (kind == "log" and first.high == 0.0)):
        return NEVER
    low, high = first.low, first.high
    if kind != "exp":
        low = max(low, 0.0)
    ends = [arithmetic.value(kind, (end,)) for end in (low, high)]
    return _made(-math.inf if kind == "log" and low == 0.0 else ends[0], ends[1])


def _product(a: Interval, b: Interval) -> Interval:
    # Zero times infinity is zero: the ends are limits of products of finite numbers.
    ends = [0.0 if x == 0.0 or y == 0.0 else x * y for x, y in itertools.product(a[:2], b[:2])]
    return _made(min(ends), max(ends))


def _quotient(a: Interval, b: Interval) -> Interval:
    if b.low == b.high == 0.0:
        return NEVER
    if b.low < 0.0 < b.high:
        return ANY
    low = 1.0 / b.high if b.high else -math.inf
    high = 1.0 / b.low if b.low else math.inf
    found = _product(a, Interval(low, high))
    # The ends of a itself, divided: 1 / 3 times 3 is not the quotient to the last digit.
    return _widened(found)


def _power(a: Interval, b: Interval) -> Interval:
    if b.low == b.high and b.low.is_integer() and b.low >= 0.0:
        ends = [arithmetic.value(POWER, (end, b.low)) for end in (a.low, a.high)]
        if b.low % 2.0 == 1.0:
            return _made(*ends)
        return _made(0.0 if a.low <= 0.0 <= a.high and b.low else min(ends), max(ends))
    if a.low > 0.0:
        # On the logarithm it is a product, whose extremes are at corners.
        corners = [arithmetic.value(POWER, pair) for pair in itertools.product(a[:2], b[:2])]
        return _made(min(corners), max(corners))
    return ANY


def _widened(found: Interval) -> Interval:
    slack = 1e-12
    low = found.low - slack * abs(found.low) if math.isfinite(found.low) else found.low
    high = found.high + slack * abs(found.high) if math.isfinite(found.high) else found.high
    return Interval(low, high)


def _made(low: float, high: float) -> Interval:
    """An interval of computed ends, wider by their rounding; any number where one is NaN."""
    return ANY if math.isnan(low) or math.isnan(high) else _widened(Interval(low, high))
