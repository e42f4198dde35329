"""A trust region: TuRBO's rule, around the best trial, for the continuous columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from variants.base import Patches

_FIRST, _LARGEST, _LEAST = 0.8, 1.6, 2.0**-7
_SUCCESSES = 3
_BETTER = 1e-3

_regions: dict[int, Any] = {}
"""The lower and upper end of each column, a variable `[2, d]` for each number of columns."""


def side(values: Sequence[float | None], d: int) -> float:
    """How long the region is after these trials (Eriksson et al. 2019, arXiv 1910.01739)."""
    length, best, successes, failures = _FIRST, np.inf, 0, 0
    for value in values:
        better = value is not None and not value > best - _BETTER * abs(best)
        successes, failures = (successes + 1, 0) if better else (0, failures + 1)
        best = best if value is None else min(best, value)
        if successes == _SUCCESSES:
            length, successes = min(2.0 * length, _LARGEST), 0
        elif failures == max(4, d):
            length, failures = length / 2.0, 0
        if length < _LEAST:  # it begins again, of all that is known
            length, successes, failures = _FIRST, 0, 0
    return length


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
        _region(d).assign(np.stack([low, high]))


def bounded() -> Patches:
    """The acquisition is maximised within the region."""
    import tensorflow as tf

    from tfbo.optim import mixed

    maximise = mixed.maximise

    def within(function: Any, columns: Any, screens: Any, taken: Any, **settings: Any) -> Any:
        low, high = tf.unstack(_region(len(columns)))
        free = columns.continuous

        def there(rows: Any) -> Any:
            return tf.where(free & (rows >= 0.0), low + (high - low) * rows, rows)

        def back(rows: Any) -> Any:
            inside = tf.clip_by_value((rows - low) / tf.maximum(high - low, 1e-9), 0.0, 1.0)
            return tf.where(free & (rows >= 0.0), inside, rows)

        # Points that are spread over the cube are then spread over the region.
        moved = (screens[0], back(screens[1]))
        best = maximise(
            lambda rows: function(there(rows)),
            columns,
            moved,
            lambda rows: taken(there(rows)),
            **settings,
        )
        return best._replace(x=there(best.x))

    return {(mixed, "maximise"): within}


def _region(d: int) -> Any:
    import tensorflow as tf

    if d not in _regions:
        with tf.init_scope():
            _regions[d] = tf.Variable([[0.0] * d, [1.0] * d], dtype=tf.float64)
    return _regions[d]
