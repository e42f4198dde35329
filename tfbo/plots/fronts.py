"""The front of several objectives as a study and its models have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfbo.columns import snap
from tfbo.errors import TooFewTrials
from tfbo.plots import regions
from tfbo.space import Params, encoding
from tfbo.space.region import region
from tfbo.study import Study
from tfbo.trial import Goals, Trial, front

# Configurations that stand for the whole space, and beside each trial of the front so many near it.
_EVERYWHERE, _BESIDE, _MOST_BESIDE = 1024, 24, 512
_NEAR = 0.05
# Of these so many that may be on the front are drawn jointly, so often.
_DRAWN, _DRAWS = 256, 64
_DOUBT = 2.0


class ModelledFront(NamedTuple):
    """Predictions of the objectives at configurations that may be on the front."""

    mean: np.ndarray
    """Values `[k, m]` of those that are on the front of the means."""
    std: np.ndarray
    """`[k, m]`."""
    draws: np.ndarray
    """Joint draws `[s, c, m]` of all that may be."""


def modelled(study: Study, goals: Goals, best: Sequence[Trial]) -> ModelledFront | None:
    """The front that models have, of probably feasible configurations; None with too few trials or none.

    Configurations are spread over the space and beside the trials of the front, which are among them.
    """
    try:
        every = _configurations(study, best)
        found = [study.predict(every, outcome=name) for name in goals.names]
        likely = study.feasibility(every) >= regions.LIKELY
    except TooFewTrials:
        return None
    mean, std = (np.stack(part, axis=-1) for part in zip(*found, strict=True))
    likely &= np.isfinite(mean).all(axis=1) & np.isfinite(std).all(axis=1)
    if not likely.any():
        return None
    every = [params for params, good in zip(every, likely, strict=True) if good]
    mean, std = mean[likely], std[likely]
    some = _promising(goals.signs * mean, std)
    chosen = [every[i] for i in some]
    draws = [
        study.sample(chosen, _DRAWS, outcome=name, seed=i) for i, name in enumerate(goals.names)
    ]
    kept = front.on_front(goals.signs * mean)
    return ModelledFront(mean[kept], std[kept], np.stack(draws, axis=-1))


def attained(scores: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The best second score `[g]` of points `[c, 2]` whose first one is at least that of a grid `[g]`.

    -inf where there is none.
    """
    order = np.argsort(-scores[:, 0])
    first, best = -scores[order, 0], np.maximum.accumulate(scores[order, 1])
    count = np.searchsorted(first, -grid, side="right")
    return np.where(count > 0, best[np.maximum(count - 1, 0)], -np.inf)


def staircase(scores: np.ndarray, worst: np.ndarray) -> np.ndarray:
    """Corners `[k, 2]` of what points `[n, 2]` of a front dominate, down to `worst` `[2]`."""
    scores = np.unique(scores, axis=0)  # the first score ascends, the second one descends
    inner = np.column_stack([scores[:-1, 0], scores[1:, 1]])
    corners = np.empty([2 * len(scores) - 1, 2])
    corners[::2], corners[1::2] = scores, inner
    ends = [worst[0], scores[0, 1]], [scores[-1, 0], worst[1]]
    return np.concatenate([ends[:1], corners, ends[1:]])


def _promising(scores: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Numbers of the points `[c, m]` that by some deviations may be on the front, the likeliest ones."""
    chosen = np.zeros(0, int)
    for doubt in (0.0, 0.5 * _DOUBT, _DOUBT):
        left = np.setdiff1d(np.arange(len(scores)), chosen)
        while len(left) and len(chosen) < _DRAWN:
            layer = left[front.on_front((scores + doubt * std)[left])]
            chosen = np.concatenate([chosen, layer[: _DRAWN - len(chosen)]])
            left = np.setdiff1d(left, layer)
            if len(chosen) >= (_DRAWN * (1 + doubt / (0.5 * _DOUBT))) / 3:
                break
    return np.sort(chosen)


def _configurations(study: Study, best: Sequence[Trial]) -> list[Params]:
    """Legal configurations over the space, beside trials, and those of the trials."""
    from tfbo import _random  # TensorFlow, which most pictures need not import

    space, code = study.space, encoding(study.space)
    d = len(code.columns)

    def sequence(start: int, count: int) -> np.ndarray:
        return _random.sobol(count, d, 0, start=start)

    known = [dict(t.params) for t in best if tuple(t.params) == space.active(t.params)]
    spread = region(space).cover(_EVERYWHERE, sequence) if space.constraints else None
    rows = snap(code.columns, sequence(0, _EVERYWHERE)) if spread is None else spread
    if known:
        told = code.encode(known)
        each = max(1, min(_BESIDE, _MOST_BESIDE // len(told)))
        shifts = _random.generator(0, "front").normal(0.0, _NEAR, [each, *told.shape])
        beside = np.where(told < 0.0, 0.5, told) + shifts
        points = np.clip(beside.reshape(-1, d), 0.0, 1.0)
        near = region(space).rows(points) if space.constraints else snap(code.columns, points)
        rows = np.concatenate([rows, near])
    if space.constraints:
        rows = rows[region(space).legal(rows)]
    return [*code.decode(rows), *known]
