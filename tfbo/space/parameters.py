"""The kinds of parameter, each a frozen value: what is legal, and how it is coded into [0, 1].

Every parameter answers the same five questions (`Parameter`), so nothing elsewhere asks which kind
it has. Codes: a number without step is coded by its place between the bounds, on the scale of its
logarithm where `log=True`; level i of k levels by `(i + 1/2) / k`, or on a logarithmic scale by the
place of its logarithm, so that each level owns a fair share of the unit interval.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol, Union

import numpy as np

from tfbo.columns import Column, Columns, code, index
from tfbo.space import checks

Scalar = Union[str, int, float, bool, None]


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


class ByValue:
    """Equality by kind and fields, to the type of each value: `when={"a": 1}` is not `{"a": True}`."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and checks.key(self) == checks.key(other)

    def __hash__(self) -> int:
        return hash(checks.key(self))


class Discrete(ByValue):
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
