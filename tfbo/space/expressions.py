"""Expressions: constraints as texts in a small arithmetic language."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from tfbo.space import arithmetic, intervals, margins, syntax
from tfbo.space.intervals import Interval
from tfbo.space.syntax import Node

# Of the sum of the terms' sizes; decimals that somebody has written down differ by more than rounding.
_EQUAL = 1e-9
_EMPTY: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Expression:
    """A comparison of two sides, such as `layers * units <= 1024`. `Expression.parse` makes one.

    It has names, numbers, `+ - * / **`, parentheses, abs, min, max, sqrt, log and exp, and between its
    sides one of `<=`, `>=` and `==`. A name that is no word stands in backticks, in which a backtick is
    written twice: `` `learning rate` <= 0.1 ``. Operators bind as in Python; a power is computed first.

    Whole numbers are exact, others float64. An equality of numbers that are not all whole holds to
    rounding: to 1e-9 of the sum of the sizes of its terms. What has no value (a division by zero, the
    root of a negative number, the logarithm of zero or less) breaks the constraint; what is too large
    for a float is infinite, and compares as that.

    **Inactive parameters.** A term of a sum, or an argument of min or max, drops out where an inactive
    parameter is a factor, argument, divisor or exponent in it. Where nothing with an active parameter is
    left the constraint does not apply, and holds. So `units_1 + units_2 <= 1024` bounds `units_1` where
    `units_2` is off, `units * (1 - dropout) >= 16` becomes `units >= 16` where `dropout` is, and
    `rate * momentum >= 0.01` says nothing of the rate where there is no momentum.

    Two are equal where their texts are.

    Example:
        >>> from tfbo.space import Expression
        >>> expression = Expression.parse("layers * units <= 1024")
        >>> expression.names
        ('layers', 'units')
        >>> expression.holds({"layers": 4, "units": 256}), expression.holds({"layers": 5, "units": 256})
        (True, False)
    """

    text: str
    """As it was written, without space around it."""
    names: tuple[str, ...]
    """In the order in which they appear."""
    comparison: str
    """`<=`, `>=` or `==`."""
    left: Node
    right: Node

    @staticmethod
    def parse(text: Any, argument: str = "text") -> Expression:
        """The expression that a text stands for.

        Raises:
            InvalidArgument: for what is outside of the language; it names the argument and the column.

        Example:
            >>> from tfbo.space import Expression
            >>> Expression.parse("x + y < 1")
            Traceback (most recent call last):
            tfbo.errors.InvalidArgument: text: expected something of the language of constraints at \
column 7 of 'x + y < 1', got '<'. Write <=.
        """
        stripped, left, comparison, right, names = syntax.parse(text, argument)
        return Expression(stripped, names, comparison, left, right)

    @property
    def is_equality(self) -> bool:
        """True for `==`."""
        return self.comparison == "=="

    def holds(self, values: Mapping[str, Any], inactive: Set[str] = frozenset()) -> bool:
        """The exact check: True where the constraint holds, or does not apply.

        Args:
            values: a number for each name that is not inactive.
            inactive: names of inactive parameters.
        """
        active = _active(self, _EMPTY if not inactive else frozenset(inactive & set(self.names)))
        if not active.applies:
            return True
        a, b = active.sides(values)
        if self.comparison == "<=":
            return bool(a <= b)
        return bool(a >= b) if self.comparison == ">=" else active.equal(a, b, values)

    def size(self, values: Mapping[str, Any]) -> float:
        """The sum of the sizes of the terms on both sides, of which rounding is a share.

        Example:
            >>> from tfbo.space import Expression
            >>> Expression.parse("a - 2 * b == 1").size({"a": 5.0, "b": 2.0})
            10.0
        """
        active = _active(self, _EMPTY)
        return active.size(*active.sides(values), values)

    def applies(self, inactive: Set[str]) -> bool:
        """False where the inactive parameters leave nothing of it, so that it holds."""
        return _active(self, frozenset(inactive & set(self.names))).applies

    def sides(
        self, values: Mapping[str, Any], inactive: Set[str] = frozenset()
    ) -> tuple[float, float]:
        """The numbers on both sides, NaN where there is none; arguments as of `holds`."""
        return _active(self, frozenset(inactive & set(self.names))).sides(values)

    def broken_by(self, params: Mapping[str, Any]) -> str | None:
        """The constraint and its sides, where the values break it; names without one are inactive."""
        inactive = frozenset([name for name in self.names if name not in params])
        if self.holds(params, inactive):
            return None
        a, b = self.sides(params, inactive)
        return f"{self.text} ({a!r} {self.comparison} {b!r} is false)"

    def margin(self, values: Mapping[str, Any], active: Mapping[str, Any] | None, xp: Any) -> Any:
        """Distance to the bound, >= 0 where the constraint holds: `right - left` of `<=`.

        Of `>=` it is `left - right`; of an equality, too, which holds at 0. It is -infinity (of an
        equality infinity) where a side has no value, and 1 (of an equality 0) where the constraint does
        not apply. The gradient is finite wherever the margin is, and 0 where it does not exist.

        Args:
            values: arrays that broadcast, or numbers, by name; of parameters that are not active anything.
            active: arrays of booleans by name; names that are not in it are active.
            xp: `numpy`, or `tensorflow.experimental.numpy`, in which it can be differentiated.
        """
        algebra = margins.Arrays(values, active or {}, xp)
        left, right = syntax.fold(self.left, algebra), syntax.fold(self.right, algebra)
        return algebra.margin(left, right, self.comparison)

    def beyond(
        self, ranges: Mapping[str, Interval], inactive: Set[str] = frozenset()
    ) -> str | None:
        """The reason for which it is broken wherever names are in their ranges; None where it may hold.

        Args:
            ranges: an interval for each name that is not inactive, optional where it may be.
            inactive: names of inactive parameters.
        """
        off = frozenset(inactive & set(self.names))
        maybe = off | {name for name, one in ranges.items() if one.optional}
        if not self.applies(maybe):
            return None  # it holds where these are inactive
        algebra = intervals.Intervals(ranges)
        left, right = (syntax.fold(tree, algebra) for tree in _active(self, off).trees)
        return intervals.contradiction(left, right, self.comparison)

    def affine_in(self, name: str) -> bool:
        """True where it is a straight line in that name as it is written, the others being fixed."""
        return self._degree(frozenset({name})) == 1.0

    def is_linear(self) -> bool:
        """True where both sides are sums of multiples of names, as they are written."""
        return self._degree(frozenset(self.names)) <= 1.0

    def _degree(self, names: frozenset[str]) -> float:
        algebra = arithmetic.Degrees(names)
        return max(syntax.fold(self.left, algebra), syntax.fold(self.right, algebra))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return repr(self.text)

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression.parse, (self.text,)


class _Active(NamedTuple):
    """An expression without what inactive parameters leave out."""

    applies: bool
    """False where nothing with an active parameter is left."""
    trees: tuple[Node, Node]
    functions: tuple[arithmetic.Function, arithmetic.Function]

    def sides(self, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """The numbers on both sides."""
        left, right = self.functions
        return arithmetic.compute(left, values), arithmetic.compute(right, values)

    def equal(self, a: Any, b: Any, values: Mapping[str, Any]) -> bool:
        """Equality of the sides to rounding; of whole and of infinite numbers exactly."""
        if a == b or (isinstance(a, int) and isinstance(b, int)):
            return bool(a == b)
        if not (math.isfinite(a) and math.isfinite(b)):
            return False
        return bool(abs(a - b) <= _EQUAL * self.size(a, b, values))

    def size(self, a: Any, b: Any, values: Mapping[str, Any]) -> float:
        """The sum of the sizes of the terms of these sides."""
        algebra = arithmetic.Rounded(values)
        size = sum(float(syntax.fold(tree, algebra)[1]) for tree in self.trees)
        # An overflow in between says nothing of the sides.
        return size if math.isfinite(size) else float(abs(a) + abs(b))


@functools.lru_cache(maxsize=4096)
def _active(expression: Expression, inactive: frozenset[str]) -> _Active:
    algebra = arithmetic.Active(inactive)
    sides = [syntax.fold(side, algebra) for side in (expression.left, expression.right)]
    left, right = (syntax.Node(syntax.NUMBER, 0) if side is None else side for side in sides)
    functions = arithmetic.Functions()
    return _Active(
        any(map(arithmetic.has_name, sides)),
        (left, right),
        (syntax.fold(left, functions), syntax.fold(right, functions)),
    )
