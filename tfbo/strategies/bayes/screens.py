"""The candidates of an ask: points that are screened before the best of them are climbed from."""

from __future__ import annotations

import functools

import numpy as np

from tfbo import _random
from tfbo.gp.data import TrainingData
from tfbo.optim import starts
from tfbo.optim.domain import Domain
from tfbo.space import Encoding
from tfbo.space.region import Region
from tfbo.strategies.base import Problem

# Perturbed are the best points known, this many of them.
_INCUMBENTS = 8
# Of a space with no more configurations than this, all of them are screened.
_MOST_ENUMERATED = 4096
# Shares of a step that leaves the region: at an edge the other way is mostly legal.
_SHARES = (-1.0, 0.3, -0.1, 0.03, -0.01, 0.001)


def of(
    problem: Problem, domain: Domain, data: TrainingData, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates `[e, d]` all over the space, `count` of them, and `[a, d]` around the best known ones."""
    if problem.space.cardinality <= _MOST_ENUMERATED:
        everywhere = _every_row(problem.encoding)
    elif problem.region is not None:
        everywhere = np.abs(_legal_everywhere(problem.region, domain, count, rng))
    else:
        everywhere = starts.spread(domain, count, rng)
    few = count // 4 + 1
    if problem.region is not None:
        return everywhere, _legal_around(problem.region, domain, data, few, rng)
    best = np.argsort(-data.y, kind="stable")[:_INCUMBENTS]
    return everywhere, starts.around(domain, data.x[best], few, rng)


def _legal_everywhere(
    region: Region, domain: Domain, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Legal rows `[count, d]` all over the region, or that part of it which is in the box of a domain."""
    if domain.bounds is not None:
        return region.draw(count, rng, np.asarray(domain.bounds))
    seed, d = int(rng.integers(2**62)), len(domain.columns)
    return region.cover(count, lambda start, n: _random.sobol(n, d, seed, start=start))


def _legal_around(
    region: Region, domain: Domain, data: TrainingData, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Legal rows `[count, d]` near the best legal ones that are known, in the box of a domain.

    A perturbation that is illegal goes the other way, or less far, or else is left out.
    """
    legal = np.flatnonzero(region.fits(data.x))
    best = data.x[legal[np.argsort(-data.y[legal], kind="stable")[:_INCUMBENTS]]]
    if not len(best):
        best = region.draw(_INCUMBENTS, rng)
    box = Domain(domain.columns, domain.bounds)
    rows = starts.around(box, best, count, rng)
    chosen = best[np.arange(count) % len(best)]
    chosen = np.where(chosen < 0.0, rows, chosen)
    bad, steps = np.arange(count), rows - chosen
    for share in _SHARES:
        bad = bad[~region.fits(box.snap(rows[bad]))]
        if not len(bad):
            return rows
        rows[bad] = box.clip(np.clip(chosen[bad] + share * steps[bad], 0.0, 1.0))
    bad = bad[~region.fits(box.snap(rows[bad]))]
    rows[bad] = chosen[bad]
    return rows


@functools.lru_cache(maxsize=8)
def _every_row(encoding: Encoding) -> np.ndarray:
    """The codes of all configurations of a finite space, `[e, d]` in [0, 1]."""
    every = list(encoding.space.grid(2))
    return np.abs(encoding.encode(every)).reshape(len(every), len(encoding.columns))
