"""A map of the cube onto a region that keeps shares: where points are even, their images are."""

from __future__ import annotations

import numpy as np

from tfbo.space.region.walk import Test


def mapped(points: np.ndarray, pool: np.ndarray, free: np.ndarray, inside: Test) -> np.ndarray:
    """Points of the region, the images of points `[n, d]` in (0, 1).

    The pool, uniform over the region, is halved along its widest column again and again. A point goes
    with the lower half where its coordinate of that column is below 1/2, which is then stretched: every
    half of the cube has as much of the region as of the cube. At the end two neighbours are left, between
    which the image lies; where the region has a gap there, it is the nearer of them.

    A Sobol sequence has as many points in each half as in the other, in each quarter, and so on; so has
    its image.

    Args:
        points: in the cube.
        pool: points of the region, `[m, d]`.
        free: columns that differ, bool `[d]`.
        inside: test of the region.
    """
    found = np.zeros([len(points), 3])
    columns = np.flatnonzero(free)
    _halved(points.copy(), np.arange(len(points)), pool, np.arange(len(pool)), columns, found)
    first, second = pool[found[:, 0].astype(int)], pool[found[:, 1].astype(int)]
    share = found[:, 2:]
    between = first + share * (second - first)
    nearer = np.where(share < 0.5, first, second)
    return np.where(inside(between)[:, None], between, nearer)


def _halved(
    points: np.ndarray,
    mine: np.ndarray,
    pool: np.ndarray,
    members: np.ndarray,
    columns: np.ndarray,
    found: np.ndarray,
) -> None:
    """Fill in two members of the pool and the share of the way between them, for the points `mine`."""
    if not len(mine):
        return
    if len(members) <= 2 or not len(columns):
        found[mine, 0], found[mine, 1] = members[0], members[-1]
        found[mine, 2] = points[mine, columns[0]] if len(columns) else 0.0
        return
    part = pool[np.ix_(members, columns)]
    low, high = np.quantile(part, [0.05, 0.95], axis=0)
    j = int(columns[np.argmax(high - low)])
    ordered = members[np.argsort(pool[members, j], kind="stable")]
    share = (len(ordered) // 2) / len(ordered)
    lower = points[mine, j] < share
    left, right = mine[lower], mine[~lower]
    points[left, j] = points[left, j] / share
    points[right, j] = (points[right, j] - share) / (1.0 - share)
    _halved(points, left, pool, ordered[: len(ordered) // 2], columns, found)
    _halved(points, right, pool, ordered[len(ordered) // 2 :], columns, found)
