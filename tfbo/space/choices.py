"""Parameters whose values are written out: `Categorical`, `Ordinal`, `Boolean`, `Constant`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tfbo._arguments import plain
from tfbo.columns import Column
from tfbo.errors import invalid
from tfbo.space import checks, decimals
from tfbo.space.parameters import Parameter, Scalar


class _Listed(Parameter):
    """A parameter whose levels are written out: subclasses have `_levels` and `_categorical`."""

    _levels: tuple[Scalar, ...]
    _categorical = False

    @property
    def count(self) -> int:
        """Number of levels."""
        return len(self._levels)

    @property
    def reach(self) -> tuple[float, float] | None:
        """Least and largest level; None where some are no numbers."""
        return _reach(self._levels)

    def lattice(self) -> tuple[Fraction, Fraction]:
        """The first level, and the step of which all others are multiples away."""
        levels: Any = self._levels
        return decimals.lattice(levels)

    def column(self) -> Column:
        """Its column, without conditions."""
        return Column(self.count, categorical=self._categorical)

    def legal(self, argument: str, value: Any) -> Scalar:
        """The exact legal value that `value` stands for."""
        found = plain(value)
        for level in self._levels:
            if checks.same(level, found):
                return level
        listed = ", ".join(map(repr, self._levels[:20])) + (", ..." if self.count > 20 else "")
        alike = [level for level in self._levels if _alike(level, found)]
        advice = f"Did you mean {alike[0]!r}? Types count." if alike else "Pick one of them."
        raise invalid(argument, f"one of {listed}", value, advice)

    def level(self, i: int) -> Scalar:
        """Level i."""
        return self._levels[i]

    def position(self, value: Any) -> int:
        """Index of a legal value."""
        value = plain(value)
        return next(i for i, level in enumerate(self._levels) if checks.same(level, value))


def _reach(levels: Sequence[Any]) -> tuple[float, float] | None:
    if not all(isinstance(level, (int, float)) for level in levels):
        return None
    return min(levels), max(levels)


def _alike(level: Scalar, value: Any) -> bool:
    """True where a value is a level but for its type."""
    try:
        return bool(level == value) or str(level) == str(value)
    except Exception:  # arrays have no one answer, and some whole numbers are too long for a text
        return False


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Categorical(_Listed):
    """One of several choices whose order means nothing.

    Args:
        choices: two or more JSON scalars (text, numbers, booleans, None), all different; True, 1 and
            1.0 are three different choices. What stands for one, such as a scalar of NumPy or a member
            of an IntEnum or StrEnum, is that one from then on: members of `class Act(StrEnum)` are
            given as `Act`, and trials have texts, of which `Act(text)` makes members again.
        when: see `Float`.

    Raises:
        InvalidArgument: for fewer than two choices, one that is no JSON scalar, a duplicate, or a set,
            which has another order in each process.

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
        choices = checks.choices("choices", self.choices)
        checks.freeze(self, choices=choices, _levels=choices, when=checks.when(self.when))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Ordinal(_Listed):
    """One of several values in an order that means something, such as batch sizes 16, 32, 64.

    Args:
        values: two or more JSON scalars in order, all different; see `Categorical`.
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
        values = checks.choices("values", self.values)
        checks.freeze(self, values=values, _levels=values, when=checks.when(self.when))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
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


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Constant(Parameter):
    """A value that is not searched, and belongs to every configuration in which it is active.

    Args:
        value: any JSON scalar; see `Categorical`.
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

    @property
    def count(self) -> int:
        """One level."""
        return 1

    @property
    def reach(self) -> tuple[float, float] | None:
        """The value twice; None where it is no number."""
        return _reach((self.value,))

    def column(self) -> None:
        """No column: there is nothing to search."""
        return None

    def legal(self, argument: str, value: Any) -> Scalar:
        """The value; anything else is refused."""
        if checks.same(plain(value), self.value):
            return self.value
        raise invalid(argument, f"the constant {self.value!r}", value, "Leave it out.")

    def level(self, i: int) -> Scalar:
        """The value."""
        return self.value

    def position(self, value: Any) -> int:
        """Level 0."""
        return 0

    def to_code(self, value: Any) -> float:
        """The middle of the interval; a constant has no column that would hold it."""
        return 0.5

    def from_code(self, u: float) -> Scalar:
        """The value."""
        return self.value
