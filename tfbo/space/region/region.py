"""The legal rows of a space with constraints: tests, draws, even covers, and repairs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tfbo.columns import snap
from tfbo.errors import InvalidArgument
from tfbo.space.conditions import Params
from tfbo.space.encoding import Encoding, encoding
from tfbo.space.equalities import expressions, unit
from tfbo.space.equalities.scales import Scales, used
from tfbo.space.region import descent, mapping
from tfbo.space.region.grid import grid
from tfbo.space.region.repair import on_the_way, pushed
from tfbo.space.region.walk import Test, walk
from tfbo.space.space import Space

Sequence = Callable[[int, int], np.ndarray]
"""From a start and a count to those points `[count, d]` of a sequence in (0, 1)."""

# Points that stand for the uniform distribution; a predicate is called for each of them again and again.
_POOL, _POOL_OF_PREDICATES = 1024, 256
# Points that say how large the share of the cube is, and the share from which on draws are by rejection.
_FIRST, _REJECTION = 4096, 0.02
# Share from which on the points of a sequence are taken as they are, but for those outside.
_TAKEN = 0.1
# Rows that are drawn at once, at the most.
_AT_ONCE = 1 << 15
# Rounds of draws before what is still missing is repaired.
_ROUNDS = 8
# A margin of the size of rounding is none: codes of rows that are told are rounded.
_SLACK = 1e-9


@dataclasses.dataclass(frozen=True)
class Region:
    """The rows whose configurations meet all constraints. `region(space)` makes one.

    Example:
        >>> import numpy as np
        >>> import tfbo
        >>> from tfbo.space.region import region
        >>> parts = {name: tfbo.Float(0.0, 1.0) for name in "ab"}
        >>> found = region(tfbo.Space(parts, constraints=["a + b <= 1"]))
        >>> rows = found.draw(100, np.random.default_rng(0))
        >>> bool((rows.sum(axis=1) <= 1.0).all())
        True
        >>> found.legal([[0.7, 0.2], [0.7, 0.4]])
        array([ True, False])
    """

    space: Space

    @functools.cached_property
    def encoding(self) -> Encoding:
        """The way from configurations to rows, and back."""
        return encoding(self.space)

    @functools.cached_property
    def free(self) -> np.ndarray:
        """Columns that do not follow from others, bool `[d]`."""
        equal = self.encoding.equalities
        return np.ones(len(self.encoding.columns), bool) if equal is None else ~equal.dependent

    @functools.cached_property
    def _scales(self) -> Scales:
        names = used(expressions(self.space))
        return Scales(self.space, self.encoding.names, self.encoding.columns, names)

    @functools.cached_property
    def _units(self) -> np.ndarray:
        """Units of the inequalities, `[i]`."""
        points = _generator().random([512, len(self.encoding.columns)])
        with np.errstate(all="ignore"):
            margins, _ = self._inequalities(snap(self.encoding.columns, points), np, False)
        return np.array([unit(margin) for margin in margins])

    def complete(self, rows: Any, xp: Any = np, *, relaxed: bool = False) -> Any:
        """Rows `[..., d]` of which dependent columns hold what follows from the others.

        Args:
            rows: as `tfbo.columns.snap` leaves them.
            xp: `numpy` or `tensorflow.experimental.numpy`, in which gradients follow.
            relaxed: True where discrete columns hold any codes, between those of two levels.
        """
        equal = self.encoding.equalities
        return rows if equal is None else equal.complete(rows, xp, relaxed=relaxed)

    def margin(self, rows: Any, xp: Any = np, *, relaxed: bool = False) -> Any:
        """Margins `[..., c]` of completed rows, all >= 0 where no expression is broken.

        Those of the inequalities come first, in units of their spread over the space. Of each equality
        follow the distances of the dependent number from the ends of its range, in codes, and what is left
        of it where no number solves it. Predicates have none. Arguments as of `complete`.
        """
        margins, solved = self._inequalities(rows, xp, relaxed)
        margins = [m / float(u) for m, u in zip(margins, self._units, strict=True)]
        equal = self.encoding.equalities
        for i, margin in enumerate(solved):
            assert equal is not None
            margins.append(margin / float(equal.units[i // 3]) if i % 3 == 2 else margin)
        if not margins:
            margins = [1.0 + 0.0 * xp.sum(rows, axis=-1)]
        return xp.stack(margins, axis=-1)

    def _inequalities(self, rows: Any, xp: Any, relaxed: bool) -> tuple[list[Any], list[Any]]:
        """Margins of the inequalities, and those that the equalities have."""
        values, active = (
            self._scales.values(rows, xp, relaxed=relaxed),
            self._scales.active(rows, xp),
        )
        solved: list[Any] = []
        if self.encoding.equalities is not None:
            found = self.encoding.equalities.solved(rows, xp, relaxed=relaxed)
            values, solved = {**values, **found.values}, found.margins
        zero = 0.0 * xp.sum(rows, axis=-1)
        margins = [
            zero + expression.margin(values, active, xp)
            for expression in expressions(self.space)
            if not expression.is_equality
        ]
        return margins, solved

    def legal(self, rows: Any) -> np.ndarray:
        """The exact test of the configurations that rows `[k, d]` stand for, bool `[k]`.

        Equalities hold to rounding, not just as nearly as is asked of a user.
        """
        broken = [self.space.breaks(params) for params in self.encoding.decode(rows)]
        good = np.array([constraint is None for constraint in broken], bool)
        equal = self.encoding.equalities
        return good if equal is None else good & equal.solvable(np.asarray(rows, np.float64))

    def fits(self, rows: np.ndarray) -> np.ndarray:
        """The test of rows `[k, d]` as `snap` leaves them, bool `[k]`; exact but for rounding."""
        with np.errstate(all="ignore"):
            good = np.all(self.margin(rows) >= -_SLACK, axis=-1)
        if self._predicates and good.any():
            good[good] = self.legal(rows[good])
        return good

    def draw(
        self, count: int, rng: np.random.Generator, box: np.ndarray | None = None
    ) -> np.ndarray:
        """Rows `[count, d]`, drawn uniformly and independently of each other.

        Uniform are the codes of the columns that are free. By rejection; where that would take long, by
        walks from points that are spread uniformly.

        Args:
            count: how many.
            rng: randomness.
            box: `[d, 2]` of codes, in which they are drawn; None for the whole region.

        Raises:
            InvalidArgument: where no legal row was found.
        """
        found = np.zeros([0, len(self.free)])
        for _ in range(_ROUNDS):
            missing = count - len(found)
            if missing <= 0:
                break
            drawn = self.rows(self._points(missing, rng, box))
            found = np.concatenate([found, drawn[self.legal(drawn)]])
        if len(found) < count:
            found = np.concatenate([found, self.repair(drawn)])
        return found[:count]

    def _points(self, count: int, rng: np.random.Generator, box: np.ndarray | None) -> np.ndarray:
        """Points of the region but for rounding, `[count, d]`."""
        if box is not None:
            return self._within(count, rng, box)
        if self.share >= _REJECTION:
            return _accepted(self._inside, count, rng, self.free, self.share)
        steps = 2 * (8 + int(np.sum(self.free)))
        pool = self.pool.points
        begun = pool[rng.integers(len(pool), size=count)]
        return walk(self._inside, begun, steps, rng, free=self.free, known=pool)

    def _within(self, count: int, rng: np.random.Generator, box: np.ndarray) -> np.ndarray:
        """Points of the region in a box; of the region where there are none in it."""
        low, high = np.transpose(box)

        def inside(points: np.ndarray) -> np.ndarray:
            rows = self.rows(points)
            out = (rows >= 0.0) & ((rows < low - 1e-9) | (rows > high + 1e-9))
            return ~np.any(out & ~self.free, axis=1) & self._inside(points)

        points = low + (high - low) * rng.random([_FIRST, len(low)])
        found = points[inside(points)]
        if len(found) < _FIRST * _REJECTION:
            few = min(count, 256)
            found = descent.spread(self._violation, inside, few, self.free, rng, box).points
        if not len(found):
            return self._points(count, rng, None)
        begun = found[rng.integers(len(found), size=max(0, count - len(found)))]
        more = walk(inside, begun, 4, rng, free=self.free, box=box, known=found)
        return np.concatenate([found, more])[:count]

    @functools.cached_property
    def _halves(self) -> mapping.Halves:
        return mapping.halves(self.pool.points, self.free)

    def cover(self, count: int, sequence: Sequence, start: int = 0) -> np.ndarray:
        """Rows `[count, d]` that are spread as evenly as a sequence of points in the cube.

        They are those of its points that are legal; where these are few, the images of all points under a
        map that keeps shares.

        Args:
            count: how many.
            sequence: see `Sequence`; a scrambled Sobol sequence, for example.
            start: number of the first one.
        """
        if self.share < _TAKEN:
            points = mapping.mapped(sequence(start, count), self._halves, self._inside)
        else:
            points = np.zeros([0, len(self.free)])
            size = int(32 + 1.2 * (start + count) / self.share)
            while len(points) < start + count:
                every = sequence(0, size)
                points, size = every[self._inside(every)], 2 * size
            points = points[start : start + count]
        return self.rows(points)

    def grid(self, resolution: int) -> Iterator[Params]:
        """Legal configurations: those of the grid of the free parameters, from which the others follow."""
        return grid(self.space, self.encoding, resolution)

    def repair(self, rows: Any, ends: np.ndarray | None = None) -> np.ndarray:
        """The nearest legal rows that were found, `[k, d]`; legal ones are as they were.

        Args:
            rows: any, `[k, d]`.
            ends: legal rows `[e, d]`, on the way to which others are sought; None for such of its own.
        """
        rows = self.complete(snap(self.encoding.columns, np.array(rows, np.float64)))
        for i in np.flatnonzero(~self.legal(rows)):
            rows[i] = _repaired(self, rows[i], ends)
        return rows

    def rows(self, points: np.ndarray) -> np.ndarray:
        """The rows `[k, d]` that points of the cube stand for."""
        rows: np.ndarray = self.complete(snap(self.encoding.columns, points))
        return rows

    @property
    def share(self) -> float:
        """Estimate of the share of the region in the cube of the free columns."""
        return self.pool.share

    @functools.cached_property
    def _predicates(self) -> bool:
        return len(expressions(self.space)) < len(self.space.constraints)

    def _violation(self, points: np.ndarray) -> np.ndarray:
        """Sum of what lacks to the margins, `[k]`."""
        with np.errstate(all="ignore"):
            margin = self.margin(snap(self.encoding.columns, points))
        lack = np.nan_to_num(-margin, nan=1e6, posinf=1e6, neginf=0.0)
        return np.sum(np.clip(lack, 0.0, 1e6), axis=-1)

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return self.fits(snap(self.encoding.columns, points))

    @functools.cached_property
    def pool(self) -> descent.Spread:
        """Points that are spread uniformly over the region, the same ones in every process."""
        rng = _generator()
        count = _POOL_OF_PREDICATES if self._predicates else _POOL
        points = rng.random([_FIRST, len(self.free)])
        inside = self._inside(points)
        share = float(np.mean(inside))
        if share >= _REJECTION:
            found = points[inside][:count]
            more = (
                _accepted(self._inside, count - len(found), rng, self.free, share)
                if len(found) < count
                else found[:0]
            )
            return descent.Spread(np.concatenate([found, more]), share, 0.0, found[0])
        spread = descent.spread(self._violation, self._inside, count, self.free, rng)
        if not len(spread.points):
            raise _infeasible(self, spread)
        return spread


def _generator() -> np.random.Generator:
    """Randomness of what is the same in every process."""
    return np.random.Generator(np.random.Philox(17))


@functools.lru_cache(maxsize=64)
def region(space: Space) -> Region:
    """The region of a space that has constraints."""
    return Region(space)


def _accepted(
    inside: Test, count: int, rng: np.random.Generator, free: np.ndarray, share: float
) -> np.ndarray:
    """Points `[count, d]` of a region of that share, by rejection."""
    found: list[np.ndarray] = []
    missing = count
    while missing > 0:
        points = rng.random([int(min(_AT_ONCE, 16 + 1.2 * missing / share)), len(free)])
        found.append(points[inside(points)][:missing])
        missing -= len(found[-1])
    return np.concatenate(found)


def _repaired(region: Region, row: np.ndarray, ends: np.ndarray | None) -> np.ndarray:
    """The nearest legal row `[d]` that was found."""
    point = np.where(row < 0.0, 0.5, row)
    movable = region.encoding.columns.continuous & region.free & (row >= 0.0)

    def margins(points: np.ndarray) -> np.ndarray:
        return region.margin(snap(region.encoding.columns, points))

    def legal(points: np.ndarray) -> np.ndarray:
        return region.legal(region.rows(points))

    found = pushed(margins, legal, point, movable)
    if found is None:
        near = _near(region, point) if ends is None else np.where(ends < 0.0, point, ends)
        found = on_the_way(legal, point, near)
    if found is None:
        raise _infeasible(region)
    return region.rows(found[None])[0]


def _near(region: Region, point: np.ndarray) -> np.ndarray:
    """Legal points of the pool, the nearest ones."""
    pool = region.pool.points
    order = np.argsort(np.max(np.abs(pool - point)[:, region.free], axis=1), kind="stable")
    near = pool[order[:32]]
    return near[region.legal(region.rows(near))]


def _infeasible(region: Region, spread: descent.Spread | None = None) -> InvalidArgument:
    listed = ", ".join(repr(str(constraint)) for constraint in region.space.constraints)
    closest = ""
    if spread is not None:
        params = region.encoding.decode(region.rows(spread.closest[None]))[0]
        broken = region.space.breaks(params) or "a constraint"
        closest = f" The closest that was found is {params}, which breaks {broken}."
    return InvalidArgument(
        f"constraints: expected some configuration that meets all of {listed}, found none.{closest} "
        "Loosen one of them, or widen the ranges."
    )
