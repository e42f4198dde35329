"""Parameters that are numbers: `Float` and `Int`."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from tfbo.columns import Column
from tfbo.errors import invalid
from tfbo.space import checks, decimals
from tfbo.space.parameters import Parameter, Scalar


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Float(Parameter):
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

    @property
    def count(self) -> int | None:
        """Number of levels; None where continuous."""
        return None if self.step is None else decimals.steps(self.low, self.high, self.step) + 1

    @property
    def reach(self) -> tuple[float, float]:
        """The bounds."""
        return self.low, self.high

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
        return decimals.value(self.low, self.step, i)

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


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Int(Parameter):
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

    @property
    def count(self) -> int:
        """Number of levels."""
        return (self.high - self.low) // self.step + 1

    @property
    def reach(self) -> tuple[float, float]:
        """The bounds."""
        return self.low, self.high

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
