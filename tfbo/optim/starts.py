"""Candidates from which a maximisation may start: spread evenly, and around the best points known."""

from __future__ import annotations

import numpy as np

from tfbo import _random
from tfbo.optim.domain import Domain

# Standard deviations of the perturbations, in the unit of the cube: fine, and coarse.
_WIDTHS = (1e-3, 1e-2, 1e-1)


def spread(domain: Domain, count: int, rng: np.random.Generator) -> np.ndarray:
    """A freshly scrambled Sobol set of the box, `[count, d]` in (0, 1), whatever its constraints."""
    d = len(domain.columns)
    return _stretched(domain, _random.sobol(count, d, int(rng.integers(2**62))))


def around(
    domain: Domain, incumbents: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Incumbents `[m, d]` (legal rows, best first) and perturbations of them, `[count, d]` in the box.

    Each perturbation changes one column at least, and of the others about three on average: a number
    by a normal step of one of three widths, a level to any other. Columns that are inactive in the
    incumbent are drawn anew. Constraints of the domain may be broken.
    """
    d = len(domain.columns)
    chosen = incumbents[np.arange(count) % len(incumbents)]

    changed = rng.random([count, d]) < min(1.0, 3.0 / d)
    changed[np.arange(count), rng.integers(d, size=count)] = True
    width = np.array(_WIDTHS)[rng.integers(len(_WIDTHS), size=[count, 1])]
    step = width * rng.standard_normal([count, d])
    anew = _stretched(domain, rng.random([count, d]))
    discrete_jump = ~domain.columns.continuous & (rng.random([count, d]) < 0.5)
    perturbed = np.clip(np.where(discrete_jump, anew, chosen + step), 0.0, 1.0)
    changed[: len(incumbents)] = False
    rows = np.where(changed, perturbed, chosen)
    return domain.clip(np.where(chosen < 0.0, anew, rows))


def _stretched(domain: Domain, u: np.ndarray) -> np.ndarray:
    """Rows of the cube, in the box."""
    if domain.bounds is None:
        return u
    low, high = np.transpose(domain.bounds)
    return low + (high - low) * u
