"""A trust region: TuRBO's rule, around the best trial, for the continuous columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from adapters.turbo import LEAST, Region, is_success

from variants.base import Patches

_regions: dict[int, np.ndarray] = {}
"""The lower and upper end of each column, `[2, d]` for each number of columns."""


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


def move(study: Any, values: Sequence[float | None], budget: int) -> None:
    """Before an ask: the region where it is now."""
    from tfbo.space import encoding

    encoded = encoding(study.space)
    d = len(encoded.columns)
    known = [value for value in values if value is not None]
    if known:
        row = encoded.encode([study.trials[values.index(min(known))].params])[0]
        half = 0.5 * side(values, d)
        low = np.clip(row - half, 0.0, 1.0)
        high = np.where(row < 0.0, 1.0, np.clip(row + half, 0.0, 1.0))
        _regions[d] = np.stack([low, high])


def bounded() -> Patches:
    """The acquisition is maximised within the region, which comes to it as two more points to screen."""
    import tensorflow as tf

    from tfbo.optim import mixed
    from tfbo.strategies.bayes import screens

    maximise, candidates = mixed.maximise, screens.of

    def with_region(space: Any, *arguments: Any) -> tuple[np.ndarray, np.ndarray]:
        everywhere, around = candidates(space, *arguments)
        d = everywhere.shape[1]
        return np.concatenate([everywhere, _regions.get(d, np.eye(2)[:, [1] * d])]), around

    def within(function: Any, domain: Any, screened: Any, taken: Any, **settings: Any) -> Any:
        low, high = tf.unstack(screened[0][-2:], num=2)
        free = domain.columns.continuous
        low, high = tf.where(free, low, 0.0), tf.where(free, high, 1.0)
        region = domain._replace(bounds=tf.stack([low, high], axis=1))
        # Points that are spread over the cube are then spread over the region.
        moved = (low + (high - low) * screened[0][:-2], screened[1])
        return maximise(function, region, moved, taken, **settings)

    return {(mixed, "maximise"): within, (screens, "of"): with_region}
