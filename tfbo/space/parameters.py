"""The base of all kinds of parameter, which are frozen values: legal values, and their codes in [0, 1].

Every parameter answers the same questions, so nothing elsewhere asks which kind it has. Codes: a number
without step is coded by its place between the bounds, on the scale of its logarithm where `log=True`;
level i of k levels by `(i + 1/2) / k`, or on a logarithmic scale by the place of its logarithm, so that
each level owns a fair share of the unit interval.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from fractions import Fraction
from typing import Any, Union

import numpy as np

from tfbo.columns import Column, Columns, code, index
from tfbo.space import decimals

Scalar = Union[str, int, float, bool, None]


class Parameter(abc.ABC):
    """A parameter as a space needs it: a frozen dataclass.

    Two are equal where they print alike, so that types of values count: `when={"a": 1}` is not
    `when={"a": True}`.
    """

    when: Any
    """Its conditions, ((parent, values), ...); None where there are none."""

    @property
    @abc.abstractmethod
    def count(self) -> int | None:
        """Number of levels; None where continuous."""

    @property
    @abc.abstractmethod
    def reach(self) -> tuple[float, float] | None:
        """Least and largest value, booleans being 0 and 1; None where values are no numbers."""

    @abc.abstractmethod
    def column(self) -> Column | None:
        """Its column, without conditions; None for a constant, which needs none."""

    @abc.abstractmethod
    def legal(self, argument: str, value: Any) -> Scalar:
        """The exact legal value that `value` stands for; raises InvalidArgument if there is none."""

    @abc.abstractmethod
    def level(self, i: int) -> Scalar:
        """Level i."""

    @abc.abstractmethod
    def position(self, value: Any) -> int:
        """Index of the level that is a legal value, or nearest to a number."""

    def lattice(self) -> tuple[Fraction, Fraction] | None:
        """A value, and the step of which all others are multiples away; None where continuous.

        Of numbers only.
        """
        if self.count is None:
            return None
        levels: list[Any] = [self.level(i) for i in range(min(self.count, 2))]
        return decimals.lattice(levels)

    def to_code(self, value: Any) -> float:
        """The code in [0, 1] of a legal value."""
        return float(code(_alone(self.column()), np.array([float(self.position(value))]))[0])

    def from_code(self, u: float) -> Scalar:
        """The legal value nearest to a code."""
        return self.level(int(index(_alone(self.column()), np.array([float(u)]))[0]))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        shown = []
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.name == "when" and value is not None:
                value = {parent: v[0] if len(v) == 1 else list(v) for parent, v in value}
            if not field.kw_only:
                shown.append(repr(list(value) if isinstance(value, tuple) else value))
            elif value != field.default:
                shown.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


@functools.lru_cache(maxsize=1024)
def _alone(column: Column | None) -> Columns:
    """A design matrix of that column alone, kept because its tables take time to build."""
    assert column is not None
    return Columns((column,))
