"""The kinds of parameter, each a frozen value: what is legal, and how it is coded into [0, 1].

Every parameter answers the same five questions (`Parameter`), so nothing elsewhere asks which kind
it has. Codes: a number without step is coded by its place between the bounds, on the scale of its
logarithm where `log=True`; level i of k levels by `(i + 1/2) / k`, or on a logarithmic scale by the
place of its logarithm, so that each level owns a fair share of the unit interval.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Union

import numpy as np

from tfbo.columns import Column, Columns, code, index
from tfbo.errors import invalid
from tfbo.space import checks

Scalar = Union[str, int, float, bool, None]
When = Union[Mapping[str, Any], None]


class Parameter(Protocol):
    """What a space asks of a parameter."""

    @property
    def when(self) -> Any:
        """Its conditions, ((parent, values), ...); None where there are none."""
        ...

    @property
    def count(self) -> int | None:
        """Number of levels; None where continuous."""
        ...

    def column(self) -> Column | None:
        """Its column, without conditions; None for a constant, which needs none."""
        ...

    def legal(self, argument: str, value: Any) -> Scalar:
        """The exact legal value that `value` stands for; raises InvalidArgument if there is none."""
        ...

    def to_code(self, value: Any) -> float:
        """The code in [0, 1] of a legal value."""
        ...

    def from_code(self, u: float) -> Scalar:
        """The legal value nearest to a code."""
        ...


class _Discrete:
    """Coding of anything that has levels: subclasses give `column`, `level` and `position`."""

    def to_code(self, value: Any) -> float:
        """The code in [0, 1] of a legal value."""
        place = np.array([float(self.position(value))])  # type: ignore[attr-defined]
        return float(code(_alone(self.column()), place)[0])  # type: ignore[attr-defined]

    def from_code(self, u: float) -> Scalar:
        """The legal value nearest to a code."""
        return self.level(int(index(_alone(self.column()), np.array([float(u)]))[0]))  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=1024)
def _alone(column: Column) -> Columns:
    """A design matrix of that column alone, kept because its tables take time to build."""
    return Columns((column,))


@dataclasses.dataclass(frozen=True)
class Float(_Discrete):
    """A real number from `low` to `high`, both reachable.

    Args:
        low: smallest value; above zero if `log`.
        high: largest value; above `low`.
        log: whether the scale is logarithmic (a learning rate, a weight decay).
        step: the distance of the legal values from each other; None where all are legal. With `log`
            the values stay evenly spaced, and the search covers them logarithmically.
        when: `{"parent": value or list of values}`: active only while each parent named is active
            and has one of the values.

    Raises:
        InvalidArgument: for bounds that are no finite numbers or not in order, a logarithmic scale
            that reaches zero, or a step that does not lead from `low` to `high`.

    Example:
        >>> import tfbo
        >>> tfbo.Float(1e-4, 1e-1, log=True)
        Float(0.0001, 0.1, log=True)
    """

    low: float
    high: float
    _: dataclasses.KW_ONLY
    log: bool = False
    step: float | None = None
    when: Any = None

    def __post_init__(self) -> None:
        low, high = checks.real("low", self.low), checks.real("high", self.high)
        checks.bounds(low, high, checks.flag("log", self.log))
        step = None if self.step is None else checks.real("step", self.step)
        if step is not None:
            checks.step(low, high, step)
        checks.freeze(self, low=low, high=high, step=step, when=checks.when(self.when))

    def __repr__(self) -> str:
        return checks.show(self, self.low, self.high, log=self.log or None, step=self.step)

    @property
    def count(self) -> int | None:
        """Number of levels; None where continuous."""
        return None if self.step is None else checks.steps(self.low, self.high, self.step) + 1

    def column(self) -> Column:
        """Its column, without conditions."""
        if self.step is None:
            return Column()
        return Column(self.count, lattice=(self.low, self.step) if self.log else None)

    def legal(self, argument: str, value: Any) -> float:
        """The exact legal value that `value` stands for."""
        number = checks.real(argument, value)
        if not self.low <= number <= self.high:
            raise invalid(
                argument, f"a number from {self.low} to {self.high}", value, checks.INSIDE
            )
        if self.step is None:
            return number
        nearest = self.level(self.position(number))
        if abs(nearest - number) > 1e-9 * self.step:
            expected = f"{self.low} plus a multiple of {self.step}"
            raise invalid(argument, expected, value, f"The nearest such value is {nearest}.")
        return nearest

    def level(self, i: int) -> float:
        """Level i, as the decimal that the user would write."""
        assert self.step is not None
        return checks.grid_value(self.low, self.step, i)

    def position(self, value: float) -> int:
        """Index of the level nearest to a value."""
        assert self.step is not None and self.count is not None
        return min(max(round((value - self.low) / self.step), 0), self.count - 1)

    def to_code(self, value: Any) -> float:
        """The code in [0, 1] of a legal value."""
        if self.step is not None:
            return super().to_code(value)
        if self.log:
            return (math.log(value) - math.log(self.low)) / (
                math.log(self.high) - math.log(self.low)
            )
        # Halves, so that the widest bounds do not overflow.
        return (0.5 * value - 0.5 * self.low) / (0.5 * self.high - 0.5 * self.low)

    def from_code(self, u: float) -> Scalar:
        """The legal value nearest to a code; 0 and 1 give the bounds exactly."""
        if self.step is not None:
            return super().from_code(u)
        if u <= 0.0 or u >= 1.0:
            return self.low if u <= 0.0 else self.high
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            value = math.exp(low + u * (high - low))
        else:
            value = (1.0 - u) * self.low + u * self.high
        return min(max(value, self.low), self.high)


@dataclasses.dataclass(frozen=True)
class Int(_Discrete):
    """A whole number from `low` to `high`, both reachable.

    Args:
        low: smallest value; above zero if `log`.
        high: largest value; above `low`.
        log: whether the search covers the values logarithmically (a number of units). Each value
            owns the interval between its geometric means with its neighbours.
        step: the distance of the legal values from each other.
        when: see `Float`.

    Raises:
        InvalidArgument: as `Float`, and for bounds that are no whole numbers or more than 2^24 levels
            on a logarithmic scale (2^53 on a linear one).

    Example:
        >>> import tfbo
        >>> tfbo.Int(32, 512, step=32)
        Int(32, 512, step=32)
    """

    low: int
    high: int
    _: dataclasses.KW_ONLY
    log: bool = False
    step: int = 1
    when: Any = None

    def __post_init__(self) -> None:
        low, high = checks.whole("low", self.low), checks.whole("high", self.high)
        checks.bounds(low, high, checks.flag("log", self.log))
        step = checks.whole("step", 1 if self.step is None else self.step)
        checks.step(low, high, step)
        checks.freeze(self, low=low, high=high, step=step, when=checks.when(self.when))

    def __repr__(self) -> str:
        step = self.step if self.step != 1 else None
        return checks.show(self, self.low, self.high, log=self.log or None, step=step)

    @property
    def count(self) -> int:
        """Number of levels."""
        return (self.high - self.low) // self.step + 1

    def column(self) -> Column:
        """Its column, without conditions."""
        lattice = (float(self.low), float(self.step)) if self.log else None
        return Column(self.count, lattice=lattice)

    def legal(self, argument: str, value: Any) -> int:
        """The exact legal value that `value` stands for."""
        number = checks.whole(argument, value)
        if not self.low <= number <= self.high:
            expected = f"a whole number from {self.low} to {self.high}"
            raise invalid(argument, expected, value, checks.INSIDE)
        nearest = self.level(self.position(number))
        if nearest != number:
            expected = f"{self.low} plus a multiple of {self.step}"
            raise invalid(argument, expected, value, f"The nearest such value is {nearest}.")
        return number

    def level(self, i: int) -> int:
        """Level i."""
        return self.low + i * self.step

    def position(self, value: int) -> int:
        """Index of the level nearest to a value."""
        return (value - self.low + self.step // 2) // self.step


class _Listed(_Discrete):
    """A parameter whose levels are written out: subclasses have `_levels` and `_categorical`."""

    _levels: tuple[Scalar, ...]
    _categorical = False

    @property
    def count(self) -> int:
        """Number of levels."""
        return len(self._levels)

    def column(self) -> Column:
        """Its column, without conditions."""
        return Column(self.count, categorical=self._categorical)

    def legal(self, argument: str, value: Any) -> Scalar:
        """The exact legal value that `value` stands for."""
        value = checks.plain(value)
        for level in self._levels:
            if checks.same(level, value):
                return level
        listed = ", ".join(map(repr, self._levels[:20])) + (", ..." if self.count > 20 else "")
        alike = [level for level in self._levels if level == value or str(level) == str(value)]
        advice = f"Did you mean {alike[0]!r}? Types count." if alike else "Pick one of them."
        raise invalid(argument, f"one of {listed}", value, advice)

    def level(self, i: int) -> Scalar:
        """Level i."""
        return self._levels[i]

    def position(self, value: Any) -> int:
        """Index of a legal value."""
        value = checks.plain(value)
        return next(i for i, level in enumerate(self._levels) if checks.same(level, value))


@dataclasses.dataclass(frozen=True, eq=False)
class Categorical(_Listed):
    """One of several choices whose order means nothing.

    Args:
        choices: two or more JSON scalars (text, numbers, booleans, None), all different; True, 1 and
            1.0 are three different choices.
        when: see `Float`.

    Raises:
        InvalidArgument: for fewer than two choices, one that is no JSON scalar, or a duplicate.

    Example:
        >>> import tfbo
        >>> tfbo.Categorical(["relu", "gelu", None])
        Categorical(['relu', 'gelu', None])
    """

    choices: Sequence[Any]
    _: dataclasses.KW_ONLY
    when: Any = None
    _categorical = True

    def __post_init__(self) -> None:
        choices = checks.scalars("choices", self.choices)
        checks.freeze(self, choices=choices, when=checks.when(self.when))

    @property
    def _levels(self) -> tuple[Scalar, ...]:  # type: ignore[override]
        return tuple(self.choices)

    def __repr__(self) -> str:
        return checks.show(self, list(self.choices))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Categorical) and checks.key(self) == checks.key(other)

    def __hash__(self) -> int:
        return hash(checks.key(self))


@dataclasses.dataclass(frozen=True, eq=False)
class Ordinal(_Listed):
    """One of several values in an order that means something, such as batch sizes 16, 32, 64.

    Args:
        values: two or more JSON scalars in order, all different.
        when: see `Float`.

    Raises:
        InvalidArgument: for fewer than two values, one that is no JSON scalar, or a duplicate.

    Example:
        >>> import tfbo
        >>> tfbo.Ordinal([16, 32, 64])
        Ordinal([16, 32, 64])
    """

    values: Sequence[Any]
    _: dataclasses.KW_ONLY
    when: Any = None

    def __post_init__(self) -> None:
        values = checks.scalars("values", self.values)
        checks.freeze(self, values=values, when=checks.when(self.when))

    @property
    def _levels(self) -> tuple[Scalar, ...]:  # type: ignore[override]
        return tuple(self.values)

    def __repr__(self) -> str:
        return checks.show(self, list(self.values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ordinal) and checks.key(self) == checks.key(other)

    def __hash__(self) -> int:
        return hash(checks.key(self))


@dataclasses.dataclass(frozen=True)
class Boolean(_Listed):
    """True or False.

    Args:
        when: see `Float`.

    Example:
        >>> import tfbo
        >>> tfbo.Boolean()
        Boolean()
    """

    _: dataclasses.KW_ONLY
    when: Any = None
    _levels = (False, True)
    _categorical = True

    def __post_init__(self) -> None:
        checks.freeze(self, when=checks.when(self.when))

    def __repr__(self) -> str:
        return checks.show(self)


@dataclasses.dataclass(frozen=True, eq=False)
class Constant:
    """A value that is not searched but belongs to every configuration in which it is active.

    Args:
        value: any JSON scalar.
        when: see `Float`.

    Raises:
        InvalidArgument: for a value that is no JSON scalar.

    Example:
        >>> import tfbo
        >>> tfbo.Constant("adam")
        Constant('adam')
    """

    value: Any
    _: dataclasses.KW_ONLY
    when: Any = None

    def __post_init__(self) -> None:
        value = checks.scalar("value", self.value)
        checks.freeze(self, value=value, when=checks.when(self.when))

    def __repr__(self) -> str:
        return checks.show(self, self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and checks.key(self) == checks.key(other)

    def __hash__(self) -> int:
        return hash(checks.key(self))

    @property
    def count(self) -> int:
        """One level."""
        return 1

    def column(self) -> None:
        """No column: there is nothing to search."""
        return None

    def legal(self, argument: str, value: Any) -> Scalar:
        """The value, if it is the one."""
        if checks.same(checks.plain(value), self.value):
            return self.value
        raise invalid(argument, f"the constant {self.value!r}", value, "Leave it out.")

    def to_code(self, value: Any) -> float:
        """The middle of the interval; a constant has no column that would hold it."""
        return 0.5

    def from_code(self, u: float) -> Scalar:
        """The value."""
        return self.value


KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (Float, Int, Categorical, Ordinal, Boolean, Constant)
}
