"""A map of the cube onto a region that keeps shares: where points are even, their images are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfbo.space.region.walk import Test


class Halves(NamedTuple):
    """A pool of points `[m, d]` that is halved again and again; each array has an entry for each part."""

    pool: np.ndarray
    column: np.ndarray
    """The column along which a part is halved; -1 where it is not."""
    share: np.ndarray
    """Share of its points that are in the lower half."""
    lower: np.ndarray
    """Number of the part that is its lower half; the upper one is the next."""
    ends: np.ndarray
    """First and last of its points, `[parts, 2]`."""
    along: int
    """The column along which an image lies between the last two points."""


def halves(pool: np.ndarray, free: np.ndarray) -> Halves:
    """The halves of points of a region `[m, d]`, along the widest of the free columns, bool `[d]`."""
    columns = np.flatnonzero(free)
    parts = [np.arange(len(pool))]
    column, share, lower = [], [], []
    for part in parts:  # grows as it goes
        if len(part) <= 2 or not len(columns):
            column.append(-1)
            share.append(1.0)
            lower.append(0)
            continue
        low, high = np.quantile(pool[np.ix_(part, columns)], [0.05, 0.95], axis=0)
        j = int(columns[np.argmax(high - low)])
        ordered, half = part[np.argsort(pool[part, j], kind="stable")], len(part) // 2
        column.append(j)
        share.append(half / len(part))
        lower.append(len(parts))
        parts += [ordered[:half], ordered[half:]]
    ends = np.array([[part[0], part[-1]] for part in parts])
    along = int(columns[0]) if len(columns) else -1
    return Halves(pool, np.array(column), np.array(share), np.array(lower), ends, along)


def mapped(points: np.ndarray, tree: Halves, inside: Test) -> np.ndarray:
    """Points of the region, the images of points `[n, d]` in (0, 1).

    The pool, uniform over the region, is halved along its widest column again and again. A point goes
    with the lower half where its coordinate of that column is below 1/2, which is then stretched: every
    half of the cube has as much of the region as of the cube. At the end two neighbours are left, between
    which the image lies; where the region has a gap there, it is the nearer of them.

    A Sobol sequence has as many points in each half as in the other, in each quarter, and so on; so has
    its image.

    Args:
        points: in the cube.
        tree: the halves of points of the region.
        inside: test of the region.
    """
    points, part = points.copy(), np.zeros(len(points), int)
    going = np.arange(len(points))
    while len(going := going[tree.column[part[going]] >= 0]):
        column, share = tree.column[part[going]], tree.share[part[going]]
        u = points[going, column]
        upper = u >= share
        points[going, column] = np.where(upper, (u - share) / (1.0 - share), u / share)
        part[going] = tree.lower[part[going]] + upper
    first, second = (tree.pool[tree.ends[part, i]] for i in (0, 1))
    share = points[:, [tree.along]] if tree.along >= 0 else np.zeros([len(points), 1])
    between = first + share * (second - first)
    nearer = np.where(share < 0.5, first, second)
    return np.where(inside(between)[:, None], between, nearer)
