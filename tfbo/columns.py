"""Columns of a design matrix: the vocabulary that space, optimiser and kernels share.

A row of a design matrix is one configuration, a column one parameter. Active columns hold codes in
[0, 1]; one that its condition switches off, or that is younger than the row, holds `INACTIVE`. A
discrete column has `count` levels, each with one code; a level's index is what neighbourhood moves
count in.

The functions are written once for NumPy and for TensorFlow: `xp` is `numpy` or
`tensorflow.experimental.numpy`.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np

INACTIVE = -1.0
# Codes of two levels that conditions tell apart differ by more: fewer than 2^24 levels on a log scale.
_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class Column:
    """One column, of `count` levels, None where continuous, whose order means nothing where `categorical`.

    Level i stands at `log(first + i step)` of a discrete column on a logarithmic scale, which has a
    `lattice` `(first, step)`, else at `(i + 1/2) / count`. Of `conditions`, `(column, codes)` pairs,
    all hold while it is active: each of those columns is, and holds one of the codes. Where it is
    `optional`, rows may hold `INACTIVE` although no condition says so: it joined the space when they
    were there already.
    """

    count: int | None = None
    categorical: bool = False
    lattice: tuple[float, float] | None = None
    conditions: tuple[tuple[int, tuple[float, ...]], ...] = ()
    optional: bool = False

    @property
    def edges(self) -> tuple[float, float]:
        """Logarithms at codes 0 and 1 of a lattice: half a level beyond its first and last."""
        assert self.lattice is not None and self.count is not None
        first, step = self.lattice
        levels = np.log(first + step * np.array([0, 1, self.count - 2, self.count - 1], float))
        return levels[0] - 0.5 * (levels[1] - levels[0]), levels[3] + 0.5 * (levels[3] - levels[2])


class Conditions(NamedTuple):
    """The c conditions of all columns."""

    parents: np.ndarray
    """The column that each looks at, `[c]`."""
    codes: np.ndarray
    """The codes, of which one has to be there, `[c, k]`; missing ones are infinite."""
    needed: np.ndarray
    """One for the conditions that a column needs, its own and those of the columns that these look at,
    `[c, d]`; zero elsewhere."""


class Levels(NamedTuple):
    """The levels of all columns, each array `[d]`; safe fillers where they do not apply."""

    number: np.ndarray
    """Number of levels of each column; 1 where continuous."""
    on_lattice: np.ndarray
    """True where level i stands at `log(first + i step)`."""
    first: np.ndarray
    step: np.ndarray
    low: np.ndarray
    """Logarithm at code 0."""
    high: np.ndarray
    """Logarithm at code 1."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """All columns of a design matrix; hashable, so that a compiled program can be kept for it.

    Example:
        >>> import numpy as np
        >>> from tfbo.columns import Column, Columns, snap
        >>> columns = Columns((Column(), Column(count=2)))
        >>> snap(columns, np.array([0.3, 0.9]))
        array([0.3 , 0.75])
    """

    columns: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.columns)

    def repeated(self, times: int) -> Columns:
        """The columns of rows side by side, each with its own conditions."""
        d, copies = len(self), []
        for shift in range(0, times * d, d):
            for column in self.columns:
                conditions = tuple((i + shift, codes) for i, codes in column.conditions)
                copies.append(dataclasses.replace(column, conditions=conditions))
        return Columns(tuple(copies))

    @property
    def continuous(self) -> np.ndarray:
        """Bool `[d]`."""
        return np.array([column.count is None for column in self.columns], bool)

    @functools.cached_property
    def order(self) -> tuple[int, ...]:
        """Columns with every condition after the columns that it looks at."""
        done: dict[int, None] = {}

        def visit(i: int) -> None:
            if i not in done:
                for parent, _ in self.columns[i].conditions:
                    visit(parent)
                done[i] = None

        for i in range(len(self)):
            visit(i)
        return tuple(done)

    @functools.cached_property
    def conditions(self) -> Conditions:
        """All conditions, as arrays."""
        every = [
            (i, *looks) for i, column in enumerate(self.columns) for looks in column.conditions
        ]
        codes = np.full([len(every), max((len(codes) for *_, codes in every), default=0)], np.inf)
        needed = np.zeros([len(every), len(self)])
        for row, (_, _, held) in enumerate(every):
            codes[row, : len(held)] = held
        for i in self.order:
            for row, (child, parent, _) in enumerate(every):
                if child == i:
                    needed[:, i] = np.maximum(needed[:, i], needed[:, parent])
                    needed[row, i] = 1.0
        return Conditions(np.array([parent for _, parent, _ in every], int), codes, needed)

    @functools.cached_property
    def levels(self) -> Levels:
        """The levels of all columns, as arrays."""
        on_lattice = [c.lattice is not None for c in self.columns]
        edges = [c.edges if c.lattice else (0.0, 1.0) for c in self.columns]
        lattice = [c.lattice or (1.0, 1.0) for c in self.columns]
        return Levels(
            number=np.array([float(c.count or 1) for c in self.columns]),
            on_lattice=np.array(on_lattice, bool),
            first=np.array([first for first, _ in lattice]),
            step=np.array([step for _, step in lattice]),
            low=np.array([low for low, _ in edges]),
            high=np.array([high for _, high in edges]),
        )


def index(columns: Columns, u: Any, xp: Any = np) -> Any:
    """Index `[..., d]` (as a float) of the level whose code is nearest; 0 where continuous."""
    number, on_lattice, first, step, low, high = columns.levels
    last = number - 1.0
    uniform = xp.minimum(xp.maximum(xp.floor(u * number), 0.0 * last), last)
    if not on_lattice.any():
        return uniform
    # On a lattice: the two levels around the value, and which side of their geometric mean it is on.
    value = xp.exp(low + xp.minimum(xp.maximum(u, 0.0), 1.0) * (high - low))
    below = xp.floor((value - first) / step)
    below = xp.minimum(xp.maximum(below, 0.0 * last), xp.maximum(last - 1.0, 0.0 * last))
    lower = first + step * below
    above = xp.where(value * value > lower * (lower + step), 1.0, 0.0)
    return xp.where(on_lattice, below + above, uniform)


def code(columns: Columns, index: Any, xp: Any = np) -> Any:
    """Code `[..., d]` of the level of that index (a float); meaningless where continuous."""
    number, on_lattice, first, step, low, high = columns.levels
    uniform = (index + 0.5) / number
    if not on_lattice.any():
        return uniform
    level = first + step * xp.maximum(index, 0.0)
    return xp.where(on_lattice, (xp.log(level) - low) / (high - low), uniform)


def active(columns: Columns, u: Any, xp: Any = np) -> Any:
    """Test which columns are active, bool `[..., d]`, by the codes of the columns that each depends on."""
    parents, codes, needed = columns.conditions
    distance = xp.min(xp.abs(xp.take(u, parents, axis=-1)[..., None] - codes), axis=-1)
    broken = xp.where(distance < _TOLERANCE, 0.0, 1.0)
    return xp.matmul(broken, needed) < 0.5


def snap(columns: Columns, u: Any, xp: Any = np) -> Any:
    """The legal row nearest to each row of `u` `[..., d]`.

    Continuous columns are cut to [0, 1], discrete ones moved to the code of their nearest level, and
    columns that are then inactive hold `INACTIVE`.
    """
    inside = xp.minimum(xp.maximum(u, 0.0), 1.0)
    continuous = columns.continuous
    if not continuous.all():
        levels = code(columns, index(columns, inside, xp), xp)
        inside = xp.where(continuous, inside, levels)
    if not any(column.conditions for column in columns.columns):
        return inside
    return xp.where(active(columns, inside, xp), inside, INACTIVE)
