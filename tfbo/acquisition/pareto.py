"""The Pareto front of several outcomes, and the region beyond it as a union of disjoint boxes.

Larger outcomes are better. This is host-side: the points are few, and how many boxes there are depends on
how they lie. Letters: k points, m outcomes, b boxes, s draws, l levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Boxes(NamedTuple):
    """Disjoint boxes."""

    lower: np.ndarray
    """Lower corners `[b, m]`."""
    upper: np.ndarray
    """Upper corners `[b, m]`; infinite where the box has no end."""


class Lattice(NamedTuple):
    """Boxes of s draws by the levels on which their sides are: there are far fewer levels than sides."""

    levels: np.ndarray
    """Levels of each outcome in ascending order, `[s, l, m]`; infinite ones have no end, or are padding."""
    lower: np.ndarray
    """int32 `[s, b, m]`: the levels of lower corners."""
    upper: np.ndarray
    """int32 `[s, b, m]`: the levels of upper corners; a box that is padding has that of the lower one."""

    def corners(self) -> Boxes:
        """The corners `[s, b, m]`."""
        each = (np.take_along_axis(self.levels, of, axis=1) for of in (self.lower, self.upper))
        return Boxes(*each)


def non_dominated(outcomes: np.ndarray) -> np.ndarray:
    """Mask `[k]` of points `[k, m]` that no other dominates: is as good in all outcomes and better in one.

    Equal points do not dominate each other; one with NaN is dominated.

    Example:
        >>> import numpy as np
        >>> from tfbo.acquisition import pareto
        >>> pareto.non_dominated(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0]]))
        array([ True,  True, False])
    """
    known = ~np.isnan(outcomes).any(axis=1)
    values = np.where(known[:, None], outcomes, -np.inf)
    as_good = (values[:, None] >= values[None]).all(axis=2)
    return known & ~(as_good & ~as_good.T).any(axis=0)


def beyond(outcomes: np.ndarray, reference: np.ndarray) -> Boxes:
    """The region above `reference` `[m]` that no point `[k, m]` dominates, as boxes; exact for any m.

    The part of a box below an outcome y, `prod_i max(min(y_i, upper_i) - lower_i, 0)`, is what y adds to
    the hypervolume there. Each box belongs to a local upper bound of the points with their signs turned. It
    is bounded in the first outcome by that alone, and in outcome j by the largest of the points that define
    the bound in outcomes before j. There are k + 1 boxes for two outcomes, 2 k + 1 at most for three, and
    of the order of k^2 for four.

    Source: Lacour, Klamroth and Fonseca 2017, theorem 2.2 and section 3; Klamroth, Lacour and
    Vanderpooten 2015 (local upper bounds).

    Example:
        >>> import numpy as np
        >>> from tfbo.acquisition import pareto
        >>> boxes = pareto.beyond(np.array([[1.0, 1.0]]), np.zeros(2))
        >>> boxes.lower.tolist(), boxes.upper.tolist()
        ([[1.0, 0.0], [0.0, 1.0]], [[inf, 1.0], [inf, inf]])
    """
    reference = np.asarray(reference, np.float64)
    m = len(reference)
    inside = outcomes[(outcomes > reference).all(axis=1)]
    if m == 2:
        return _steps(inside, reference)
    points = -np.unique(inside[non_dominated(inside)], axis=0)
    bounds = -reference[None]
    defining = np.full([1, m, m], -np.inf)
    defining[0, np.arange(m), np.arange(m)] = -reference
    for point in points:
        bounds, defining = _inserted(bounds, defining, point)
    low = np.empty_like(bounds)
    low[:, 0] = -np.inf
    for j in range(1, m):
        low[:, j] = defining[:, :j, j].max(axis=1)
    some = (low < bounds).all(axis=1)
    return Boxes(-bounds[some] + 0.0, -low[some] + 0.0)


def _inserted(
    bounds: np.ndarray, defining: np.ndarray, point: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Local upper bounds `[u, m]` and the points `[u, m, m]` that define each, with a further point."""
    m = len(point)
    hit = (point < bounds).all(axis=1)
    kept, split, theirs = [bounds[~hit]], bounds[hit], defining[hit]
    parts = [defining[~hit]]
    for j in range(m):
        others = np.delete(theirs[:, :, j], j, axis=1).max(axis=1, initial=-np.inf)
        new = point[j] >= others
        moved, by = split[new], theirs[new]
        moved[:, j], by[:, j] = point[j], point
        kept.append(moved)
        parts.append(by)
    return np.concatenate(kept), np.concatenate(parts)


def _steps(points: np.ndarray, reference: np.ndarray) -> Boxes:
    """`beyond` of two outcomes: the steps of a staircase, from the largest in the first outcome on."""
    points = points[np.lexsort((-points[:, 1], -points[:, 0]))]
    highest = np.maximum.accumulate(np.append(reference[1], points[:, 1]))
    points = points[points[:, 1] > highest[:-1]]
    first, second = (np.append(points[:, 0], reference[0]), np.append(reference[1], points[:, 1]))
    ends = np.append(points[:, 1], np.inf)
    return Boxes(
        np.stack([first, second], axis=1), np.stack([np.full_like(ends, np.inf), ends], axis=1)
    )


def stacked(decompositions: Sequence[Boxes]) -> Lattice:
    """The boxes of s decompositions, of which those that are added are empty."""
    m = decompositions[0].lower.shape[1]
    most = max(len(boxes.lower) for boxes in decompositions)
    lower = np.zeros([len(decompositions), most, m], np.int32)
    upper = np.zeros_like(lower)
    levels = [
        [np.unique([*boxes.lower[:, i], *boxes.upper[:, i]]) for i in range(m)]
        for boxes in decompositions
    ]
    count = max(len(each) for of_draw in levels for each in of_draw)
    grid = np.full([len(decompositions), count, m], np.inf)
    for s, boxes in enumerate(decompositions):
        for i, each in enumerate(levels[s]):
            grid[s, : len(each), i] = each
            lower[s, : len(boxes.lower), i] = np.searchsorted(each, boxes.lower[:, i])
            upper[s, : len(boxes.upper), i] = np.searchsorted(each, boxes.upper[:, i])
    return Lattice(grid, lower, upper)


def padded(lattice: Lattice, boxes: int, levels: int) -> Lattice:
    """The same with so many boxes and levels, where it has fewer: those that are added are empty."""
    more = [(0, 0), (0, max(0, boxes - lattice.lower.shape[1])), (0, 0)]
    above = [(0, 0), (0, max(0, levels - lattice.levels.shape[1])), (0, 0)]
    return Lattice(
        np.pad(lattice.levels, above, constant_values=np.inf),
        *(np.pad(corner, more) for corner in (lattice.lower, lattice.upper)),
    )
