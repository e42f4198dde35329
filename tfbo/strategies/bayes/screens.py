"""The candidates of an ask: points that are screened before the best of them are climbed from."""

from __future__ import annotations

import functools

import numpy as np

from tfbo.gp.data import TrainingData
from tfbo.optim import starts
from tfbo.optim.domain import Domain
from tfbo.space import Encoding
from tfbo.strategies.base import Problem

# Perturbed are the best points known, this many of them.
_INCUMBENTS = 8
# Of a space with no more configurations than this, all of them are screened.
_MOST_ENUMERATED = 4096


def of(
    problem: Problem, domain: Domain, data: TrainingData, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates `[e, d]` all over the space, `count` of them, and `[a, d]` around the best known ones."""
    if problem.space.cardinality <= _MOST_ENUMERATED:
        everywhere = _every_row(problem.encoding)
    else:
        everywhere = starts.spread(domain, count, rng)
    best = np.argsort(-data.y, kind="stable")[:_INCUMBENTS]
    return everywhere, starts.around(domain, data.x[best], count // 4 + 1, rng)


@functools.lru_cache(maxsize=8)
def _every_row(encoding: Encoding) -> np.ndarray:
    """The codes of all configurations of a finite space, `[e, d]` in [0, 1]."""
    every = list(encoding.space.grid(2))
    return np.abs(encoding.encode(every)).reshape(len(every), len(encoding.columns))
