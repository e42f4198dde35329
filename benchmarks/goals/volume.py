"""Hypervolume of a front, exactly, by slicing along the last objective."""

from __future__ import annotations

import numpy as np


def hypervolume(points: np.ndarray, reference: np.ndarray) -> float:
    """Volume that points `[n, m]` dominate below the reference `[m]`; all objectives are minimised."""
    points = points[np.all(points < reference, axis=1)]
    if len(points) == 0:
        return 0.0
    if points.shape[1] == 1:
        return float(reference[0] - points.min())
    if points.shape[1] == 2:
        points = points[np.lexsort(points.T[::-1])]
        widths = reference[0] - points[:, 0]
        below = np.minimum.accumulate(np.append(reference[1], points[:, 1]))
        return float(np.sum(widths * (below[:-1] - below[1:])))
    points = points[np.argsort(points[:, -1], kind="stable")]
    edges = np.append(points[:, -1], reference[-1])
    total = 0.0
    for i in range(len(points)):
        if edges[i + 1] > edges[i]:
            slab = hypervolume(_front(points[: i + 1, :-1]), reference[:-1])
            total += slab * float(edges[i + 1] - edges[i])
    return total


def _front(points: np.ndarray) -> np.ndarray:
    """Points that no other one dominates, each once."""
    points = np.unique(points, axis=0)
    better = np.all(points[:, None] <= points, axis=2) & np.any(points[:, None] < points, axis=2)
    return points[~better.any(axis=0)]
