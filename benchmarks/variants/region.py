"""A trust region: TuRBO's rule, around the best trial, for the continuous columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from adapters.turbo import LEAST, Region, is_success

from tfbo.strategies import Problem
from tfbo.trial import Trial


def side(values: Sequence[float | None], d: int) -> float:
    """How long the region is after these trials (Eriksson et al. 2019, arXiv 1910.01739)."""
    region, best = Region(), math.inf
    for value in values:
        # The first value there is is a success: everything is better than nothing.
        region = region.after(is_success(value, best) if best < math.inf else value is not None, d)
        best = best if value is None else min(best, value)
        if region.length < LEAST:  # it begins again, of all that is known
            region = Region()
    return region.length


def around_the_best(problem: Problem, trials: Sequence[Trial]) -> np.ndarray:
    """Bounds `[d, 2]` of the region after these trials: the whole cube while none is complete."""
    sign = -problem.goal.sign
    values = [None if trial.value is None else sign * trial.value for trial in trials]
    d, known = len(problem.encoding.columns), [value for value in values if value is not None]
    if not known:
        return np.tile([0.0, 1.0], [d, 1])
    row = problem.encoding.encode([trials[values.index(min(known))].params])[0]
    half, columns = 0.5 * side(values, d), problem.encoding.columns
    free = columns.continuous & (row >= 0.0)
    low = np.where(free, np.clip(row - half, 0.0, 1.0), 0.0)
    high = np.where(free, np.clip(row + half, 0.0, 1.0), 1.0)
    return np.stack([low, high], axis=1)
