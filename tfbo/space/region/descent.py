"""Points spread uniformly over a region however small its share of the cube is.

Subset simulation: of points that are uniform over the cube, the half of the least violation are uniform
over the rows of no more violation than theirs. Copies of them walk in there, and so on until no point
breaks a constraint. The shares of all halves make that of the region.

Source: Au and Beck 2001 (doi 10.1016/S0266-8920(01)00019-4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfbo.space.region.walk import Test, walk

Violation = Callable[[np.ndarray], np.ndarray]
"""From points `[k, d]` of the cube to violations `[k]`, 0 in the region."""

# Steps of a walk between two levels for each free column, and for all.
_STEPS_EACH, _STEPS = 1, 6
# Levels in a row that gain next to nothing before the search ends, and how little that is.
_STALLS, _LEAST_GAIN = 12, 1e-3
_MOST_LEVELS = 400


class Spread(NamedTuple):
    """Points of a region."""

    points: np.ndarray
    """`[n, d]`; none where none was found."""
    share: float
    """Estimate of the share of the cube that the region has; 0 where there was no point."""
    violation: float
    """The least one that was found."""
    closest: np.ndarray
    """The point of that violation, `[d]`."""


def spread(
    violation: Violation,
    inside: Test,
    count: int,
    free: np.ndarray,
    rng: np.random.Generator,
    box: np.ndarray | None = None,
) -> Spread:
    """So many points that are spread uniformly over a region.

    Args:
        violation: how far points are outside.
        inside: test of the region; of points without violation it may refuse some.
        count: how many.
        free: columns that move, bool `[d]`.
        rng: randomness.
        box: `[d, 2]` to which the cube is limited; None for all of it.
    """
    low, high = (0.0, 1.0) if box is None else np.transpose(box)
    points = low + (high - low) * rng.random([count, len(free)])
    found, share, level, stalls = violation(points), 1.0, np.inf, 0
    steps = _STEPS + _STEPS_EACH * int(np.sum(free))
    for _ in range(_MOST_LEVELS):
        best = int(np.argmin(found))
        if stalls >= _STALLS or (found <= 0.0).all():
            break
        before, level = level, max(0.0, float(np.sort(found)[(count - 1) // 2]))
        if level >= before:  # many are equal: the next lower violation, where there is one
            lower = found[found < before]
            level = float(lower.max()) if len(lower) else before
        stalls = stalls + 1 if level > 0.0 and level > (1.0 - _LEAST_GAIN) * before else 0
        kept = found <= level
        share *= float(np.mean(kept))
        chosen = np.resize(rng.permutation(np.flatnonzero(kept)), count)
        known = points[kept]

        def below(x: np.ndarray, level: float = level) -> np.ndarray:
            return violation(x) <= level

        points = walk(below, points[chosen], steps, rng, free=free, box=box, known=known)
        found = violation(points)
    best = int(np.argmin(found))
    least, closest = float(found[best]), points[best]
    legal = found <= 0.0
    legal[legal] = inside(points[legal])
    if not legal.any():
        return Spread(points[:0], 0.0, least, closest)
    share *= float(np.mean(legal))
    points = points[np.resize(rng.permutation(np.flatnonzero(legal)), count)]
    return Spread(walk(inside, points, 2 * steps, rng, free=free, box=box), share, least, closest)
