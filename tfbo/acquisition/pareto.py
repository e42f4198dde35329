"""The Pareto front of several outcomes, and the region beyond it as a union of disjoint boxes.

Larger outcomes are better. This is host-side: the points are few, and how many boxes there are depends on
how they lie. Letters: k points, m outcomes, b boxes, s draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Boxes of the smallest program; each further one is for twice as many.
_FEWEST = 8


class Boxes(NamedTuple):
    """Disjoint boxes; those with an upper corner that is not above the lower one are padding."""

    lower: np.ndarray
    """Lower corners `[..., b, m]`."""
    upper: np.ndarray
    """Upper corners `[..., b, m]`; infinite where the box has no end."""


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


def stacked(decompositions: Sequence[Boxes]) -> Boxes:
    """The boxes of s decompositions, `[s, b, m]`, of which those that are added are empty.

    Their number is 8, 16, 32, and so on, so that few programs are compiled.
    """
    most = max(len(boxes.lower) for boxes in decompositions)
    size = _FEWEST
    while size < most:
        size *= 2
    m = decompositions[0].lower.shape[1]
    lower = np.zeros([len(decompositions), size, m])
    upper = np.zeros_like(lower)
    for i, boxes in enumerate(decompositions):
        lower[i, : len(boxes.lower)], upper[i, : len(boxes.upper)] = boxes
    return Boxes(lower, upper)
