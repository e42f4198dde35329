"""The trials that a strategy with a model has been told of, as rows and outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfbo import _numerics
from tfbo.space import Space, encoding
from tfbo.strategies.base import Key, key
from tfbo.trial import Trial

# A failed trial counts as worse than the worst by this many standard deviations of the outcomes: it
# is avoided, but its neighbourhood is not written off.
_FAILED_BELOW_WORST = 0.5


class Told(NamedTuple):
    """The state: every finished trial that says something, as it is and as a row."""

    trials: tuple[Trial, ...]
    rows: np.ndarray
    """Codes `[n, d]`."""
    keys: frozenset[Key]
    """The configurations."""


def fold(space: Space, state: Told | None, told: Sequence[Trial]) -> Told:
    """The state after further trials."""
    new, keys = rows(space, told), frozenset(key(trial.params) for trial in told)
    if state is None:
        return Told(tuple(told), new, keys)
    joined = np.concatenate([state.rows, new]) if told else state.rows
    return Told(state.trials + tuple(told), joined, state.keys | keys)


def rows(space: Space, trials: Sequence[Trial]) -> np.ndarray:
    """Codes `[n, d]`, rounded so that a change of a parameter's unit does not change them."""
    codes = encoding(space).encode([trial.params for trial in trials])
    return np.round(codes * _numerics.RESOLUTION) / _numerics.RESOLUTION


def outcomes(direction: str, trials: Sequence[Trial]) -> np.ndarray:
    """Outcomes to maximise, `[n]`; failed trials count as somewhat worse than the worst."""
    sign = 1.0 if direction == "maximize" else -1.0
    values = np.sort([sign * trial.value for trial in trials if trial.value is not None])
    failed = values[0] - _FAILED_BELOW_WORST * _deviation(values)
    y = [failed if trial.value is None else sign * trial.value for trial in trials]
    return np.array(y, np.float64)


def _deviation(values: np.ndarray) -> float:
    """Standard deviation, without overflow."""
    size = np.max(np.abs(values)) or 1.0
    return float(size * np.std(values / size))


def subset(rows: np.ndarray, y: np.ndarray, most: int) -> np.ndarray:
    """Indices of the trials that a model is made of, where it can be of `most`.

    Half of them are the best, which a search is about. The others stand for the rest of the space: each
    is the one farthest from all chosen before it (Gonzalez 1985), so that no trial is far from one of
    them and clusters are thinned out.

    Args:
        rows: codes `[n, d]`.
        y: outcomes `[n]`, larger is better.
        most: how many there may be.
    """
    if len(y) <= most:
        return np.arange(len(y))
    chosen = list(np.argsort(-y, kind="stable")[: most - most // 2])
    distance = np.full(len(y), np.inf)
    for i in chosen:
        np.minimum(distance, np.square(rows - rows[i]).sum(axis=1), out=distance)
    while len(chosen) < most:
        farthest = int(np.argmax(distance))
        chosen.append(farthest)
        np.minimum(distance, np.square(rows - rows[farthest]).sum(axis=1), out=distance)
    return np.sort(chosen)
