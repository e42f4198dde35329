"""Numbers of parameters from codes and back, in arrays: what expressions are computed from.

Written once for NumPy and for TensorFlow: `xp` is `numpy` or `tensorflow.experimental.numpy`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfbo.columns import Columns, code, index
from tfbo.space.parameters import Parameter
from tfbo.space.space import Space

# A parameter of more levels than this has evenly spaced ones, for nobody writes so many out.
_MOST_LISTED = 4096
# Codes of two levels differ by more.
_TOLERANCE = 1e-9
_CONTINUOUS_FLOOR = 1e-3

Values = dict[str, Any]
"""Arrays by the names of parameters."""


class Scale(NamedTuple):
    """The numbers that one column stands for."""

    place: int
    """Index of the column."""
    columns: Columns
    """The column alone."""
    low: float
    """The smallest number, or that of the first level."""
    high: float
    """The largest number, or that of the last level."""
    log: bool
    table: tuple[float, ...] | None
    """Numbers of levels that are not evenly spaced."""

    @property
    def levels(self) -> int | None:
        """Number of levels; None where continuous."""
        return self.columns.columns[0].count

    @property
    def solvable(self) -> bool:
        """True where an equality can be solved for it: any number between two, or evenly spaced levels."""
        return self.table is None and self.high > self.low

    @property
    def step(self) -> float:
        """Distance of two levels; 1 where continuous."""
        return (self.high - self.low) / (self.levels - 1) if self.levels else 1.0

    @property
    def edges(self) -> tuple[float, float]:
        """Codes 0 and 1 on the scale on which codes are even: numbers, or their logarithms."""
        if self.columns.columns[0].lattice is not None:
            return self.columns.columns[0].edges
        if self.levels:
            return self.low - 0.5 * self.step, self.high + 0.5 * self.step
        return (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)

    def number(self, u: Any, xp: Any = np, *, relaxed: bool = False) -> Any:
        """Numbers at codes `[...]`; of levels where `relaxed` the numbers between them, too."""
        u = xp.minimum(xp.maximum(u, 0.0), 1.0)
        if self.levels is None or (relaxed and self.table is None):
            first, last = self.edges
            at = (1.0 - u) * first + u * last
            return xp.minimum(xp.maximum(xp.exp(at) if self.log else at, self.low), self.high)
        level = index(self.columns, u[..., None], xp)
        if self.table is None:
            return self.low + self.step * level[..., 0]
        mine = xp.where(xp.abs(level - np.arange(float(self.levels))) < 0.5, 1.0, 0.0)
        return xp.sum(mine * np.array(self.table), axis=-1)

    def code(self, x: Any, xp: Any = np) -> Any:
        """Codes `[...]` of numbers, as if there were no levels: below 0 and above 1 for those outside.

        On a logarithmic scale it goes on as a straight line a little below `low`.
        """
        first, last = self.edges
        if not self.log:
            return (0.5 * x - 0.5 * first) / (0.5 * last - 0.5 * first)
        floor = _CONTINUOUS_FLOOR * self.low
        above = (xp.log(xp.maximum(x, floor)) - first) / (last - first)
        return above + xp.minimum(x - floor, 0.0) / self.high

    def nearest(self, x: Any, xp: Any = np) -> Any:
        """Index `[...]` (a float) of the level nearest to numbers."""
        assert self.levels is not None
        level = xp.floor((x - self.low) / self.step + 0.5)
        return xp.minimum(xp.maximum(level, 0.0), self.levels - 1.0)

    def level_code(self, level: Any, xp: Any = np) -> Any:
        """Codes `[...]` of levels."""
        return code(self.columns, level[..., None], xp)[..., 0]


def scale(parameter: Parameter, place: int) -> Scale | None:
    """The scale of a parameter that has a column; None where its levels are no numbers."""
    column = parameter.column()
    assert column is not None
    alone = Columns((dataclasses.replace(column, conditions=()),))
    if column.count is None:
        low, high = float(parameter.from_code(0.0)), float(parameter.from_code(1.0))  # type: ignore
        return Scale(place, alone, low, high, bool(getattr(parameter, "log", False)), None)
    count = column.count
    listed = [
        parameter.level(i) for i in (range(count) if count <= _MOST_LISTED else (0, count - 1))
    ]
    if not all(isinstance(level, (bool, int, float)) for level in listed):
        return None
    numbers = np.array(listed, np.float64)
    gaps = np.diff(numbers)
    even = bool(np.all(np.abs(gaps - gaps[0]) <= 1e-9 * np.abs(gaps[0]))) and gaps[0] > 0.0
    table = None if even else tuple(numbers.tolist())
    low, high = float(numbers[0]), float(numbers[-1])
    return Scale(place, alone, low, high, column.lattice is not None, table)


class _Fixed(NamedTuple):
    """A constant of a space, active where all conditions hold."""

    value: float
    conditions: tuple[tuple[int, tuple[float, ...]], ...]
    """Columns and the codes that they have to have; see `Column`."""


@dataclasses.dataclass(frozen=True)
class Scales:
    """The numbers of the parameters that occur in constraints.

    Example:
        >>> import numpy as np
        >>> import tfbo
        >>> from tfbo.space import encoding
        >>> from tfbo.space.equalities.scales import Scales
        >>> space = tfbo.Space({"units": tfbo.Int(1, 4), "rate": tfbo.Float(0.0, 1.0)})
        >>> columns = encoding(space).columns
        >>> scales = Scales(space, ("units", "rate"), columns, names=("units",))
        >>> scales.values(np.array([[0.375, 0.25]]))
        {'units': array([2.])}
    """

    space: Space
    coded_names: tuple[str, ...]
    """The parameter of each column."""
    columns: Columns
    names: tuple[str, ...]
    """Those that occur in constraints."""

    @functools.cached_property
    def by_name(self) -> dict[str, Scale]:
        """Scales of the names that have a column, and whose levels are numbers."""
        place = {name: j for j, name in enumerate(self.coded_names)}
        every = {n: scale(self.space[n], place[n]) for n in self.names if n in place}
        return {name: found for name, found in every.items() if found is not None}

    @functools.cached_property
    def constants(self) -> dict[str, _Fixed]:
        """Those of the names that are constants."""
        space, found = self.space, {}
        for name in self.names:
            if name in space and space[name].column() is None:
                value = float(space[name].from_code(0.5))  # type: ignore[arg-type]
                found[name] = _Fixed(value, tuple(self._conditions(name)))
        return found

    def _conditions(self, name: str) -> list[tuple[int, tuple[float, ...]]]:
        space, found = self.space, []
        for parent, allowed in space[name].when or ():
            if space[parent].column() is None:
                found += self._conditions(parent)
                continue
            codes = tuple(space[parent].to_code(space[parent].legal("when", v)) for v in allowed)
            found.append((self.coded_names.index(parent), codes))
        return found

    def conditional(self, name: str) -> bool:
        """True where a parameter may be inactive."""
        column = self.columns.columns[self.by_name[name].place]
        return bool(column.conditions) or column.optional

    def may_be_inactive(self, name: str) -> bool:
        """True where a parameter, or a constant, may be inactive."""
        if name in self.constants:
            return bool(self.constants[name].conditions)
        return self.conditional(name)

    def values(self, rows: Any, xp: Any = np, *, relaxed: bool = False) -> Values:
        """Numbers `[...]` by name, of rows `[..., d]`; those of inactive ones mean nothing."""
        found = {
            name: scale.number(rows[..., scale.place], xp, relaxed=relaxed)
            for name, scale in self.by_name.items()
        }
        for name, constant in self.constants.items():
            found[name] = constant.value + 0.0 * xp.sum(rows, axis=-1)
        return found

    def active(self, rows: Any, xp: Any = np) -> Values:
        """Bool `[...]` by name, of rows `[..., d]` that hold `INACTIVE` where they are inactive.

        Names that are always active are left out.
        """
        found = {
            name: rows[..., scale.place] >= 0.0
            for name, scale in self.by_name.items()
            if self.conditional(name)
        }
        for name, constant in self.constants.items():
            for i, (parent, codes) in enumerate(constant.conditions):
                near = xp.abs(rows[..., parent, None] - np.array(codes)) < _TOLERANCE
                on = xp.any(near, axis=-1)
                found[name] = xp.logical_and(found[name], on) if i else on
        return found

    def coded(self, rows: Any, changed: Mapping[str, tuple[Any, Any]], xp: Any = np) -> Any:
        """Rows `[..., d]` in which columns hold other codes `[...]` where bool `[...]` is true, by name."""
        for name, (where, codes) in changed.items():
            mine = np.arange(rows.shape[-1]) == self.by_name[name].place
            rows = xp.where(xp.logical_and(where[..., None], mine), codes[..., None], rows)
        return rows


def used(expressions: Sequence[Any]) -> tuple[str, ...]:
    """Names that occur in expressions, each once."""
    return tuple(dict.fromkeys(name for expression in expressions for name in expression.names))
