"""Random walks that stay in a region, and leave the uniform distribution over it as it is.

Letters: k walkers, d columns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Test = Callable[[np.ndarray], np.ndarray]
"""From points `[k, d]` of the cube to bool `[k]`."""

# An interval that has shrunk so often ends where it began; it is then about a millionth of what it was.
_SHRINKS = 24
# Shares of the directions: along one column, two, all of them, and from one point of the region to another.
_KINDS = (0.3, 0.2, 0.1, 0.4)


def walk(
    inside: Test,
    points: np.ndarray,
    steps: int,
    rng: np.random.Generator,
    *,
    free: np.ndarray,
    box: np.ndarray | None = None,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """Points `[k, d]` after so many steps of hit-and-run from points of the region.

    A step draws a direction, and on it a point of the region between two walls of the cube: uniformly
    between them and, as long as that is outside of the region, between it and where the walker stands.

    Source: Smith 1984 (hit-and-run); Neal 2003, figure 5 (shrinking); ter Braak 2006 (directions from one
    point to another, which follow a narrow region).

    Args:
        inside: test of the region.
        points: where the walkers stand.
        steps: how many.
        rng: randomness.
        free: columns that move, bool `[d]`.
        box: `[d, 2]` in which they stay; None for the cube.
        known: points of the region that give directions, `[k', d]`; None for those where they stand.
    """
    points, known = points.copy(), points if known is None else known
    walls = np.tile([0.0, 1.0], [points.shape[1], 1]) if box is None else np.asarray(box)
    for _ in range(steps if free.any() else 0):
        _step(inside, points, _directions(points, known, free, rng), walls, rng)
    return points


def _directions(
    points: np.ndarray, known: np.ndarray, free: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    k, d = points.shape
    kind = np.asarray(rng.choice(len(_KINDS), size=k, p=_KINDS))
    normal = rng.standard_normal([k, d]) * free
    order = np.argsort(np.where(free, rng.random([k, d]), 2.0), axis=1)
    rank = np.argsort(order, axis=1)
    between = known[rng.integers(len(known), size=k)] - known[rng.integers(len(known), size=k)]
    between = np.where(np.any(between * free, axis=1, keepdims=True), between * free, normal)
    few = np.where(rank < np.where(kind == 0, 1, 2)[:, None], normal, 0.0)
    return np.where(
        np.less(kind, 2)[:, None], few, np.where(np.equal(kind, 2)[:, None], normal, between)
    )


def _step(
    inside: Test,
    points: np.ndarray,
    directions: np.ndarray,
    walls: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Move points along directions, in place."""
    with np.errstate(divide="ignore", invalid="ignore"):
        to_walls = (walls.T[:, None] - points) / directions
    still = directions == 0.0
    near = np.where(still, -np.inf, np.min(to_walls, axis=0))
    far = np.where(still, np.inf, np.max(to_walls, axis=0))
    low, high = np.minimum(np.max(near, axis=1), 0.0), np.maximum(np.min(far, axis=1), 0.0)
    moving = np.flatnonzero(np.isfinite(low) & np.isfinite(high) & (high > low))
    for _ in range(_SHRINKS):
        if not len(moving):
            return
        t = low[moving] + (high[moving] - low[moving]) * rng.random(len(moving))
        tried = points[moving] + t[:, None] * directions[moving]
        tried = np.clip(tried, walls[:, 0], walls[:, 1])
        arrived = inside(tried)
        points[moving[arrived]] = tried[arrived]
        shorter = np.where(t < 0.0, 0, 1)
        low[moving[shorter == 0]] = t[shorter == 0]
        high[moving[shorter == 1]] = t[shorter == 1]
        moving = moving[~arrived]
