"""The legal points near illegal ones: shortest steps onto the constraints, or on the way to legal ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Margins = Callable[[np.ndarray], np.ndarray]
"""From points `[k, d]` to margins `[k, c]`."""
Legal = Callable[[np.ndarray], np.ndarray]
"""From points `[k, d]` to bool `[k]`: the exact test."""

# Margins that steps aim at, one after the other: next to nothing first, so that the point hardly moves.
_AIMS = (1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4)
_STEPS = 8
# Of the difference quotients.
_SHIFT = 1e-7
# Halvings of the way to a legal point, after which it is known to 1e-12.
_HALVINGS = 40
_NEAREST = 16


def pushed(
    margins: Margins, legal: Legal, point: np.ndarray, movable: np.ndarray
) -> np.ndarray | None:
    """A legal point near one that breaks constraints, by Newton's shortest steps; None without success.

    Args:
        margins: of points.
        legal: the exact test.
        point: `[d]`.
        movable: continuous columns that are active, bool `[d]`.
    """
    columns = np.flatnonzero(movable)
    if not len(columns):
        return None
    for aim in _AIMS:
        x = point.copy()
        for _ in range(_STEPS):
            slopes, margin = _slopes(margins, x, columns)
            lack = np.where(margin < aim, 1.5 * aim - margin, 0.0)
            short = np.flatnonzero(lack > 0.0)
            if not len(short) or not np.isfinite(lack).all():
                break
            step, *_ = np.linalg.lstsq(slopes[short], lack[short], rcond=1e-10)
            if not np.isfinite(step).all():
                break
            x[columns] = np.clip(x[columns] + step, 0.0, 1.0)
        if bool(legal(x[None])[0]):
            return x
    return None


def _slopes(margins: Margins, x: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes `[c, columns]` and margins `[c]` at a point."""
    shifts = np.where(x[columns] + _SHIFT <= 1.0, _SHIFT, -_SHIFT)
    moved = np.tile(x, [len(columns) + 1, 1])
    moved[np.arange(len(columns)), columns] += shifts
    with np.errstate(invalid="ignore"):
        every = margins(moved)
        slopes = (every[:-1] - every[-1]).T / shifts
    return np.where(np.isfinite(slopes), slopes, 0.0), every[-1]


def on_the_way(legal: Legal, point: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
    """The legal point nearest to one on the ways from it to several legal ones; None without any.

    Args:
        legal: the exact test.
        point: `[d]`.
        ends: legal points, `[k, d]`.
    """
    if not len(ends):
        return None
    ends = ends[np.argsort(np.max(np.abs(ends - point), axis=1), kind="stable")[:_NEAREST]]
    far = np.max(np.abs(ends - point), axis=1)
    low, high = np.zeros(len(ends)), np.ones(len(ends))
    for _ in range(_HALVINGS):
        # Ways that end farther away than another has got need not be gone.
        open_ = np.flatnonzero((low * far <= np.min(high * far)) & (high > low))
        middle = 0.5 * (low[open_] + high[open_])
        there = legal(_at(point, ends[open_], middle))
        high[open_[there]], low[open_[~there]] = middle[there], middle[~there]
    best = int(np.argmin(high * far))
    return _at(point, ends[best], high[best]) if high[best] < 1.0 else ends[best]


def _at(point: np.ndarray, ends: np.ndarray, share: np.ndarray) -> np.ndarray:
    found: np.ndarray = point + share[..., None] * (ends - point)
    return found
