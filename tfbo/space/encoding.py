"""Encoding of configurations (dicts of the user's values) as rows of a design matrix (codes), and back."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfbo.columns import INACTIVE, Column, Columns
from tfbo.space.conditions import Params
from tfbo.space.equalities import Equalities, equalities
from tfbo.space.space import Space

Conditions = tuple[tuple[int, tuple[float, ...]], ...]


@dataclasses.dataclass(frozen=True)
class Encoding:
    """The columns of a space, and the way there and back. `encoding(space)` makes one.

    Example:
        >>> import tfbo
        >>> from tfbo.space import encoding
        >>> code = encoding(tfbo.Space({"units": tfbo.Int(1, 4), "rate": tfbo.Float(0.0, 1.0)}))
        >>> code.encode([{"units": 2, "rate": 0.25}])
        array([[0.375, 0.25 ]])
        >>> code.decode([[0.375, 0.25]])
        [{'units': 2, 'rate': 0.25}]
    """

    space: Space
    names: tuple[str, ...]
    """The parameter of each column; constants have none."""
    columns: Columns

    @functools.cached_property
    def equalities(self) -> Equalities | None:
        """The equalities among the constraints, solved; None where there are none."""
        return equalities(self.space, self.names, self.columns)

    def encode(self, configurations: Sequence[Params]) -> np.ndarray:
        """Codes `[n, d]` of legal configurations: in [0, 1], or `INACTIVE` where there is no value."""
        rows = np.full([len(configurations), len(self.names)], INACTIVE)
        for j, name in enumerate(self.names):
            to_code = self.space[name].to_code
            for i, params in enumerate(configurations):
                if name in params:
                    rows[i, j] = to_code(params[name])
        return rows

    def decode(self, rows: Any) -> list[Params]:
        """The configuration nearest to each row `[n, d]`, active parameters only.

        Where an equality has a solution for the parameter that follows from the others, that one has it.
        """
        found = [self._decode_row(row) for row in np.asarray(rows, dtype=np.float64)]
        return found if self.equalities is None else self.equalities.exact(found)

    def _decode_row(self, row: np.ndarray) -> Params:
        values = {
            name: self.space[name].from_code(float(u))
            for name, u in zip(self.names, row, strict=True)
        }
        for name, parameter in self.space.items():
            if parameter.column() is None:
                values[name] = parameter.from_code(0.5)
        active = self.space.active(values)
        return {name: values[name] for name in active}


@functools.lru_cache(maxsize=128)
def encoding(space: Space) -> Encoding:
    """The encoding of a space: a column for each parameter that is not constant, in order."""
    names = tuple(name for name, parameter in space.items() if parameter.column() is not None)
    number = {name: i for i, name in enumerate(names)}

    def conditions(name: str) -> Conditions | None:
        """Conditions of a parameter in terms of columns; None where they can never hold."""
        found: list[tuple[int, tuple[float, ...]]] = []
        for parent, allowed in space[name].when or ():
            parameter = space[parent]
            if parent in number:
                codes = tuple(parameter.to_code(parameter.legal("when", v)) for v in allowed)
                found.append((number[parent], codes))
                continue
            # A constant parent always has its (checked) value: what counts is when it is active.
            found.extend(conditions(parent) or ())
        return tuple(found)

    columns: list[Column] = []
    for name in names:
        column = space[name].column()
        assert column is not None
        when, later = conditions(name) or (), name in space.later
        columns.append(dataclasses.replace(column, conditions=when, optional=later))
    return Encoding(space, names, Columns(tuple(columns)))
