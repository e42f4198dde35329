"""Equalities of a space: the parameters that follow from the others, in rows and in configurations."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfbo.columns import Columns, snap
from tfbo.space.conditions import Params
from tfbo.space.equalities.equation import Equation, Solved, solve
from tfbo.space.equalities.order import equations
from tfbo.space.equalities.scales import Scales
from tfbo.space.expressions import Expression
from tfbo.space.space import Space

# Rows over which shares and units are measured, always the same.
_SAMPLE = 512


@dataclasses.dataclass(frozen=True)
class Equalities:
    """Equalities of a space, as columns of its rows that follow from others.

    Example:
        >>> import numpy as np
        >>> import tfbo
        >>> from tfbo.space import encoding
        >>> parts = {name: tfbo.Float(0.0, 1.0) for name in "ab"}
        >>> coded = encoding(tfbo.Space(parts, constraints=["a + b == 1"]))
        >>> coded.equalities.complete(np.array([[0.3, 0.3]])).round(12)
        array([[0.7, 0.3]])
        >>> coded.equalities.exact([{"a": 0.5, "b": 0.25}])
        [{'a': 0.75, 'b': 0.25}]
    """

    scales: Scales
    expressions: tuple[Any, ...]
    """All equalities of the space."""

    @functools.cached_property
    def equations(self) -> tuple[Equation, ...]:
        """The equations that are solved, one after the other."""
        return equations(self.expressions, self.scales, self._share)

    @functools.cached_property
    def units(self) -> np.ndarray:
        """Deviation of the residuals of the equations over the cube, `[equations]`."""
        rows = self._sample
        values, active = self.scales.values(rows), self.scales.active(rows)
        return np.array([unit(e.residual(values, active)) for e in self.equations])

    @functools.cached_property
    def dependent(self) -> np.ndarray:
        """Columns that follow from others in every row, bool `[d]`."""
        found = np.zeros(len(self.scales.columns), bool)
        for equation in self.equations:
            for unknown in equation.unknowns[:1]:
                found[unknown.scale.place] = not unknown.conditional
        return found

    @functools.cached_property
    def _sample(self) -> np.ndarray:
        rng = np.random.Generator(np.random.Philox(0))
        return snap(self.scales.columns, rng.random([_SAMPLE, len(self.scales.columns)]))

    def _share(self, equation: Equation) -> float:
        solved = self.solved(self._sample, only=(equation,))
        return float(np.mean(np.min(solved.margins, axis=0) >= 0.0))

    def solved(
        self,
        rows: Any,
        xp: Any = np,
        *,
        relaxed: bool = False,
        only: Sequence[Equation] | None = None,
    ) -> Solved:
        """Values of rows `[..., d]` that meet the equalities where these have a solution.

        Args:
            rows: as `snap` leaves them; where `relaxed`, discrete columns hold any codes.
            xp: see `tfbo.columns`.
            relaxed: True where discrete parameters are real numbers.
            only: equations to solve; None for all.
        """
        values = self.scales.values(rows, xp, relaxed=relaxed)
        active = self.scales.active(rows, xp)
        chosen = self.equations if only is None else only
        with np.errstate(all="ignore"):
            return solve(chosen, values, active, xp, relaxed=relaxed)

    def complete(self, rows: Any, xp: Any = np, *, relaxed: bool = False) -> Any:
        """Rows `[..., d]` of which dependent columns hold what follows from the others."""
        return self.scales.coded(rows, self.solved(rows, xp, relaxed=relaxed).changed, xp)

    def solvable(self, rows: np.ndarray) -> np.ndarray:
        """Test of rows `[k, d]`: numbers that follow from others are in their ranges; bool `[k]`."""
        return _in_range(self.solved(rows), len(rows))

    def exact(self, configurations: Sequence[Params]) -> list[Params]:
        """Configurations with values that meet the equalities to rounding, where there are any."""
        scales, names = self.scales, self.scales.names
        active = {
            name: np.array([name in params for params in configurations])
            for name in names
            if scales.may_be_inactive(name)
        }
        values = {
            name: np.array([float(params.get(name, 1.0)) for params in configurations])
            for name in names
        }
        with np.errstate(all="ignore"):
            solved = solve(self.equations, values, active)
        have = _in_range(solved, len(configurations))
        found = [dict(params) for params in configurations]
        for name, (where, _) in solved.changed.items():
            scale, x = scales.by_name[name], solved.values[name]
            for i in np.flatnonzero(where & have):
                level = None if scale.levels is None else int(scale.nearest(x[i]))
                found[i][name] = float(x[i]) if level is None else scales.space[name].level(level)
        return found


def _in_range(solved: Solved, count: int) -> np.ndarray:
    bounds = np.array(solved.margins).reshape(-1, 3, count)[:, :2]
    found: np.ndarray = np.all(bounds >= 0.0, axis=(0, 1))
    return found


def unit(values: np.ndarray) -> float:
    """Typical deviation of values from their median; 1 where they are all the same."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 1.0
    away = np.abs(finite - np.median(finite))
    typical = float(np.quantile(away, 0.7))
    return typical if typical > 0.0 else float(np.max(away)) or 1.0


def expressions(space: Space) -> tuple[Expression, ...]:
    """The constraints of a space that are expressions, not predicates."""
    return tuple(c for c in space.constraints if isinstance(c, Expression))


def equalities(space: Space, names: tuple[str, ...], columns: Columns) -> Equalities | None:
    """The equalities of a space, of which columns have these names; None without any."""
    found = tuple(c for c in expressions(space) if c.is_equality)
    if not found:
        return None
    used = tuple(dict.fromkeys(name for expression in found for name in expression.names))
    return Equalities(Scales(space, names, columns, used), found)
