"""The candidates of an ask: points that are screened before the best of them are climbed from."""

from __future__ import annotations

import functools

import numpy as np

from tfbo.optim import starts
from tfbo.space import Space, encoding
from tfbo.strategies.bayes.fit import Evidence

# Perturbed are the best points known, this many of them.
_INCUMBENTS = 8
# Of a space with no more configurations than this, all of them are screened.
_MOST_ENUMERATED = 4096


def of(
    space: Space, evidence: Evidence, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates `[e, d]` all over the space, `count` of them, and `[a, d]` around the best known ones."""
    columns = encoding(space).columns
    if space.cardinality <= _MOST_ENUMERATED:
        everywhere = _every_row(space)
    else:
        everywhere = starts.spread(columns, count, rng)
    best = np.argsort(-evidence.y, kind="stable")[:_INCUMBENTS]
    return everywhere, starts.around(columns, evidence.x[best], count // 4 + 1, rng)


@functools.lru_cache(maxsize=8)
def _every_row(space: Space) -> np.ndarray:
    """The codes of all configurations of a finite space, `[e, d]` in [0, 1]."""
    encoded = encoding(space)
    every = list(space.grid(2))
    return np.abs(encoded.encode(every)).reshape(len(every), len(encoded.columns))
