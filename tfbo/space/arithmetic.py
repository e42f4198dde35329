"""Arithmetic of constraints in exact integers and float64: values, rounding errors and degrees.

NaN stands for what has no value: a division by zero, the root of a negative number, the logarithm of
zero or less.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfbo.space.syntax import (
    FUNCTIONS,
    NAME,
    NEGATIVE,
    NUMBER,
    POWER,
    PRODUCT,
    QUOTIENT,
    SUM,
    Node,
)

Number = float
"""An int, which is exact, or a float."""
Function = Callable[[Mapping[str, Any]], Any]

# Whole numbers beyond this size become floats, or 9 ** 9 ** 9 would take forever.
_MOST_BITS = 1_000


def value(kind: str, parts: Sequence[Any]) -> Any:
    """The number that an operation makes of numbers, from left to right; NaN where it has no value."""
    try:
        return _OPERATIONS[kind](*parts)
    except (ZeroDivisionError, ValueError):
        return math.nan


class Functions:
    """Expressions as functions of values by name, which raise where there is no value; see `compute`."""

    def number(self, value: float) -> Function:
        """The number itself."""
        return lambda values: value

    def name(self, name: str) -> Function:
        """The value that is given."""
        return lambda values: exact(values[name])

    def apply(self, kind: str, parts: list[Function]) -> Function:
        """The operation on what the parts give."""
        operation = _OPERATIONS[kind]
        if len(parts) == 1:
            (only,) = parts
            return lambda values: operation(only(values))
        if len(parts) == 2:
            first, second = parts
            return lambda values: operation(first(values), second(values))
        return lambda values: operation(*[part(values) for part in parts])


def compute(function: Function, values: Mapping[str, Any]) -> Any:
    """The value of an expression; NaN where any part of it has none."""
    try:
        return function(values)
    except (ZeroDivisionError, ValueError):
        return math.nan


@dataclasses.dataclass(frozen=True)
class Rounded:
    """Values with their magnitude: a bound of the rounding error is some ulp of it.

    Terms of a sum may cancel, so its magnitude is the sum of theirs: of `(a - b) * c` it is
    `(|a| + |b|) |c|`. The logarithm turns relative errors into absolute ones, exp the reverse.
    """

    by_name: Mapping[str, Any]

    def number(self, value: float) -> tuple[Any, float]:
        """A number and its size."""
        return value, abs(float(value))

    def name(self, name: str) -> tuple[Any, float]:
        """The value that is given, and its size."""
        return self.number(exact(self.by_name[name]))

    def apply(self, kind: str, parts: list[tuple[Any, float]]) -> tuple[Any, float]:
        """The value of an operation and its magnitude."""
        values, sizes = [part[0] for part in parts], [part[1] for part in parts]
        found = value(kind, values)
        size = abs(float(found))
        if kind in (SUM, NEGATIVE, "abs"):
            size = sum(sizes)
        elif kind == PRODUCT:
            size = math.prod(sizes)
        elif kind == QUOTIENT and values[1]:
            size = sizes[0] / abs(float(values[1]))
        elif kind in ("min", "max"):
            size = max(sizes)
        elif kind == "log":
            size = max(size, 1.0)
        elif kind == "exp":
            size *= max(1.0, sizes[0])
        return found, size


@dataclasses.dataclass(frozen=True)
class Degrees:
    """Degrees of expressions as polynomials in some names; infinite for what is no polynomial in them."""

    names: frozenset[str]

    def number(self, value: float) -> float:
        """Zero."""
        return 0.0

    def name(self, name: str) -> float:
        """One, for a name that counts."""
        return float(name in self.names)

    def apply(self, kind: str, parts: list[float]) -> float:
        """The degree of an operation."""
        if kind in (SUM, NEGATIVE):
            return max(parts)
        if kind == PRODUCT:
            return sum(parts)
        if kind == QUOTIENT and not parts[1]:
            return parts[0]
        return math.inf if any(parts) else 0.0


@dataclasses.dataclass(frozen=True)
class Active:
    """Trees without what inactive parameters leave out, which is None; see `Expression`."""

    inactive: frozenset[str]

    def number(self, value: float) -> Node | None:
        """The number."""
        return Node(NUMBER, value)

    def name(self, name: str) -> Node | None:
        """The name, unless its parameter is inactive."""
        return None if name in self.inactive else Node(NAME, name)

    def apply(self, kind: str, parts: list[Node | None]) -> Node | None:
        """Terms, and arguments of min and max, drop out alone; anything else as a whole."""
        left = [part for part in parts if part is not None]
        if not left or (len(left) < len(parts) and kind not in (SUM, "min", "max")):
            return None
        return left[0] if len(left) < len(parts) and len(left) == 1 else Node(kind, parts=(*left,))


def has_name(node: Node | None) -> bool:
    """True where a name occurs in a tree."""
    return node is not None and (node.kind == NAME or any(map(has_name, node.parts)))


def exact(number: Any) -> Any:
    """An int from a whole number or a bool, a float from any other."""
    if type(number) is float:
        return number
    return _bounded(int(number)) if isinstance(number, int) else float(number)


def _bounded(number: int) -> Any:
    if number.bit_length() <= _MOST_BITS:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, 1 if number > 0 else -1)


def _sum(first: Any, *others: Any) -> Any:
    for other in others:
        first = first + other
        if type(first) is int:
            first = _bounded(first)
    return first


def _product(first: Any, *others: Any) -> Any:
    for other in others:
        first = first * other
        if type(first) is int:
            first = _bounded(first)
    return first


def _power(base: Any, exponent: Any) -> Any:
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent >= 0
    if whole and (abs(base) <= 1 or base.bit_length() * exponent <= _MOST_BITS):
        return base**exponent
    base, exponent = float(base), float(exponent)
    try:
        found = base**exponent
    except OverflowError:
        return -math.inf if base < 0.0 and exponent % 2.0 == 1.0 else math.inf
    if isinstance(found, complex):
        raise ValueError("the power of a negative number that is not whole")
    return found


def _exp(exponent: Any) -> float:
    try:
        return math.exp(exponent)
    except OverflowError:
        return math.inf


def _extreme(choose: Callable[[Sequence[Any]], Any]) -> Callable[..., Any]:
    return lambda *parts: math.nan if any(part != part for part in parts) else choose(parts)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    SUM: _sum,
    NEGATIVE: lambda a: -a,
    PRODUCT: _product,
    QUOTIENT: lambda a, b: a / b,
    POWER: _power,
    "abs": abs,
    "min": _extreme(min),
    "max": _extreme(max),
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": _exp,
}
assert set(FUNCTIONS) < set(_OPERATIONS)
