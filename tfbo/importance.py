"""Importance of parameters: Sobol indices of a surrogate, with intervals.

Letters: N base points, d columns, s draws of the function.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfbo import _random
from tfbo.columns import snap
from tfbo.errors import TooFewTrials
from tfbo.space import encoding
from tfbo.strategies import Surrogate

# A joint draw at m points takes m^3 / 3 operations: 4,096 points take about two seconds on two cores.
_POINTS, _FEWEST = 4096, 64
_DRAWS, _RESAMPLES = 100, 10
_INTERVAL = (2.5, 97.5)


class Estimate(NamedTuple):
    """A share of the variance, in [0, 1]."""

    value: float
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of the 95 % interval."""


class Importance(NamedTuple):
    """Share of the objective's variance that one parameter explains."""

    first: Estimate
    """By itself: the first-order index."""
    total: Estimate
    """Together with all that depends on its value: the total index."""


def sobol_indices(surrogate: Surrogate, seed: int = 0) -> dict[str, Importance]:
    """Sobol indices of the objective by parameter, the largest total first, over an even draw of the space.

    Each column is drawn uniformly on its scale, and one that is then not active has no effect. The
    first-order index of a parameter is the share of the variance that would vanish, on average, were its
    value known; the total index is what would remain were all others known. Parameters that do not
    interact have the same of both. TooFewTrials where all outcomes are the same.

    The function is not known but at the trials, so it is drawn from the surrogate's posterior, jointly
    at all points; the intervals hold both that and the sampling of the points.

    Source: the estimators of Janon et al. 2014 (first order) and Jansen 1999 (total), as compared by
    Puy et al. 2022 (arXiv 2009.01147); draws of the function and bootstraps of the points together as
    in Le Gratiet, Cannamela and Iooss 2014, algorithm 1.
    """
    if surrogate.is_flat:
        raise TooFewTrials(
            "All outcomes of the study are the same, so no parameter explains their variance. "
            "Run more trials."
        )
    encoded = encoding(surrogate.space)
    d = len(encoded.columns)
    base = max(_FEWEST, _POINTS // (d + 2))
    points = _random.sobol(base, 2 * d, seed)
    a, b = points[:, :d], points[:, d:]
    mixed = np.repeat(a[None], d, axis=0)
    mixed[np.arange(d), :, np.arange(d)] = b.T
    rows = np.concatenate([a[None], b[None], mixed]).reshape(-1, d)
    distinct, place = np.unique(snap(encoded.columns, rows), axis=0, return_inverse=True)
    values = surrogate.draws(distinct, _DRAWS, seed)[:, place.reshape(d + 2, base)]
    rng = _random.generator(seed, "importance", 0)
    first, total = zip(*(_indices(draw, rng) for draw in values), strict=True)
    shares = {
        name: Importance(_estimate(np.array(first)[..., j]), _estimate(np.array(total)[..., j]))
        for j, name in enumerate(encoded.names)
    }
    return dict(sorted(shares.items(), key=lambda share: -share[1].total.value))


def _indices(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """First-order and total indices `[r, d]` from values `[d + 2, N]`, points drawn again r times.

    Of the rows the first is f(A), the second f(B), and the others f(A with one column of B).
    """
    count = values.shape[1]
    chosen = rng.integers(count, size=[_RESAMPLES, count])
    chosen[0] = np.arange(count)
    f = values[:, chosen]  # [d + 2, r, N]
    f_a, f_b, f_mixed = f[0], f[1], f[2:]
    variance = np.var(np.concatenate([f_a, f_b], axis=-1), axis=-1)
    total = 0.5 * np.mean(np.square(f_a - f_mixed), axis=-1) / variance
    # With one column in common: the correlation of f(B) and f(A with that column of B).
    centre = 0.5 * np.mean(f_b + f_mixed, axis=-1, keepdims=True)
    spread = 0.5 * np.mean(np.square(f_b) + np.square(f_mixed), axis=-1) - centre[..., 0] ** 2
    first = np.mean((f_b - centre) * (f_mixed - centre), axis=-1) / spread
    return np.clip(first.T, 0.0, 1.0), np.clip(total.T, 0.0, 1.0)


def _estimate(samples: np.ndarray) -> Estimate:
    """From samples `[s, r]` of an index."""
    low, high = np.percentile(samples, _INTERVAL)
    return Estimate(float(np.mean(samples)), float(low), float(high))
