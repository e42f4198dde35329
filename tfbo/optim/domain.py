"""The rows among which candidates are drawn and a maximum is sought: columns, a box, constraints."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Protocol

import numpy as np

from tfbo.columns import Columns, snap

# By so much codes may differ from a bound by rounding.
_ROUNDING = 1e-9


class Feasible(Protocol):
    """Constraints on rows; hashable, since a compiled program is kept for them.

    `relaxed` is True where discrete columns may hold any codes, between those of two levels.
    """

    @property
    def free(self) -> np.ndarray:
        """Columns that do not follow from others by an equality, bool `[d]`."""

    def complete(self, rows: Any, xp: Any = np, *, relaxed: bool = False) -> Any:
        """Rows `[k, d]` of which the other columns hold what follows."""

    def margin(self, rows: Any, xp: Any = np, *, relaxed: bool = False) -> Any:
        """Margins `[k, c]` of completed rows, of the order of one: none is negative where all is legal."""

    def fits(self, rows: np.ndarray) -> np.ndarray:
        """Test of rows as `Domain.snap` leaves them, bool `[k]`, of constraints without margin, too."""


class Domain(NamedTuple):
    """Legal rows, all of them or those of a box that meet constraints.

    As in `tfbo.columns`, the functions are written for NumPy and TensorFlow: `xp` says which.

    Example:
        >>> import numpy as np
        >>> from tfbo.columns import Column, Columns
        >>> from tfbo.optim.domain import Domain
        >>> box = Domain(Columns((Column(), Column(count=2))), np.array([[0.2, 0.4], [0.0, 0.5]]))
        >>> box.snap(np.array([[0.9, 0.1]]))
        array([[0.4 , 0.25]])
    """

    columns: Columns
    bounds: Any = None
    """Box `[d, 2]` of codes, of a trust region for example; None for the unit cube. Of a discrete column it
    holds the levels whose codes it holds, and inactive columns are anywhere."""
    feasible: Feasible | None = None
    """Input constraints; None where there are none."""

    def clip(self, u: Any, xp: Any = np) -> Any:
        """Numbers `[..., d]` in the cube, moved into the box."""
        if self.bounds is None:
            return u
        return xp.minimum(xp.maximum(u, self.bounds[:, 0]), self.bounds[:, 1])

    def snap(self, u: Any, xp: Any = np) -> Any:
        """The rows `[..., d]` nearest to `u` of which the numbers are in the box.

        Those that follow from others by an equality may be outside.
        """
        rows = snap(self.columns, self.clip(u, xp), xp)
        return rows if self.feasible is None else self.feasible.complete(rows, xp)

    def completed(self, rows: Any, xp: Any = np) -> Any:
        """Rows `[k, d]`, relaxed, of which columns that follow from others hold what follows."""
        return rows if self.feasible is None else self.feasible.complete(rows, xp, relaxed=True)

    def margin(self, rows: Any, xp: Any = np, *, relaxed: bool = False) -> Any:
        """Margins `[k, c]` of completed rows: of the constraints, and of the box for what follows."""
        assert self.feasible is not None
        margin = self.feasible.margin(rows, xp, relaxed=relaxed)
        if self.bounds is None or self.feasible.free.all():
            return margin
        following = np.flatnonzero(~self.feasible.free)
        x = xp.take(rows, following, axis=-1)
        low, high = (xp.take(self.bounds[:, i], following, axis=-1) for i in (0, 1))
        room = xp.concatenate([x - low, high - x], axis=-1)
        inactive = xp.concatenate([x, x], axis=-1) < 0.0
        return xp.concatenate([margin, xp.where(inactive, 1.0 + 0.0 * room, room)], axis=-1)

    def outside(self, rows: Any, xp: Any = np) -> Any:
        """Rows `[k, d]` that do not belong to it, bool `[k]`; None where all do.

        As far as margins tell, and but for rounding.
        """
        bad = None
        if self.bounds is not None:
            low, high = self.bounds[:, 0] - _ROUNDING, self.bounds[:, 1] + _ROUNDING
            bad = xp.any((rows >= 0.0) & ((rows < low) | (rows > high)), axis=-1)
        if self.feasible is not None:
            # A margin that is NaN is not met.
            met = xp.all(self.feasible.margin(rows, xp) >= -_ROUNDING, axis=-1)
            illegal = xp.logical_not(met)
            bad = illegal if bad is None else bad | illegal
        return bad

    def repeated(self, times: int, xp: Any = np) -> Domain:
        """The domain of rows side by side."""
        return Domain(
            self.columns.repeated(times),
            None if self.bounds is None else xp.tile(self.bounds, [times, 1]),
            None if self.feasible is None else _Repeated(self.feasible, len(self.columns), times),
        )


@dataclasses.dataclass(frozen=True)
class _Repeated:
    """Constraints on each of several rows side by side; see `Feasible`."""

    feasible: Feasible
    d: int
    times: int

    @property
    def free(self) -> np.ndarray:
        return np.tile(np.broadcast_to(self.feasible.free, [self.d]), self.times)

    def complete(self, rows: Any, xp: Any = np, *, relaxed: bool = False) -> Any:
        apart = xp.reshape(rows, [-1, self.d])
        whole = self.feasible.complete(apart, xp, relaxed=relaxed)
        return xp.reshape(whole, [-1] * (len(rows.shape) - 1) + [self.times * self.d])

    def margin(self, rows: Any, xp: Any = np, *, relaxed: bool = False) -> Any:
        margin = self.feasible.margin(xp.reshape(rows, [-1, self.d]), xp, relaxed=relaxed)
        return xp.reshape(margin, [-1, self.times * margin.shape[-1]])

    def fits(self, rows: np.ndarray) -> np.ndarray:
        every = self.feasible.fits(np.reshape(rows, [-1, self.d]))
        return np.all(np.reshape(every, [-1, self.times]), axis=1)
