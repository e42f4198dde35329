"""The Pareto front of points and the hypervolume that they dominate, exactly; larger is better in all."""

from __future__ import annotations

import numpy as np


def on_front(scores: np.ndarray) -> np.ndarray:
    """Mask `[n]` of the points that no other one dominates: is as good in all, and better in one.

    Equal points are on the front together; a point that is not finite never is.

    Args:
        scores: `[n, m]`, larger is better.

    Example:
        >>> on_front(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [2.0, np.nan]])).tolist()
        [True, True, False, False]
    """
    found = np.zeros(len(scores), bool)
    left = np.flatnonzero(np.isfinite(scores).all(axis=1))
    left = left[np.lexsort(scores[left].T[::-1])[::-1]]
    while left.size:
        # None of the others dominates the first in lexical order.
        best = scores[left[0]]
        equal = (scores[left] == best).all(axis=1)
        found[left[equal]] = True
        left = left[(scores[left] > best).any(axis=1)]
    return found


def hypervolume(scores: np.ndarray, reference: np.ndarray) -> float:
    """Volume of the points that are worse than one of `scores`, and better than the reference.

    Args:
        scores: `[n, m]`, larger is better; those that are not finite count for nothing.
        reference: `[m]`.

    Source: the exclusive volumes of While, Bradstreet and Barone 2012 (A fast way of calculating exact
        hypervolumes, IEEE Trans. Evol. Comput. 16, algorithm WFG), one objective less at each level.

    Example:
        >>> hypervolume(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]), np.zeros(2))
        6.0
    """
    sides = scores[np.isfinite(scores).all(axis=1)] - reference
    sides = sides[(sides > 0.0).all(axis=1)]
    return _volume(sides[on_front(sides)])


def _volume(sides: np.ndarray) -> float:
    """Volume of boxes `[n, m]` from the origin, none of which is within another one."""
    n, m = sides.shape
    if n == 0:
        return 0.0
    if n == 1 or m == 1:
        return float(np.prod(sides.max(axis=0)))
    # In this order the part of a box that none after it has is a prism over the last side.
    sides = sides[np.argsort(sides[:, -1], kind="stable")]
    if m == 2:
        widths, heights = sides[:, 0], np.diff(sides[:, 1], prepend=0.0)
        return float(heights @ np.maximum.accumulate(widths[::-1])[::-1])
    heights, bases, volume = sides[:, -1].tolist(), sides[:, :-1], 0.0
    for i in range(n):
        later = np.minimum(bases[i + 1 :], bases[i])
        shared = _volume(_unique_front(later))
        volume += heights[i] * (float(np.prod(bases[i])) - shared)
    return volume


def _unique_front(sides: np.ndarray) -> np.ndarray:
    sides = np.unique(sides, axis=0)
    return sides[on_front(sides)]
