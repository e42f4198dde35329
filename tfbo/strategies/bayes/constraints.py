"""The end of an ask under constraints on inputs: whatever leaves it meets them exactly.

The program keeps to margins, in codes; what counts is the configuration that a row is decoded to, and the
predicates among the constraints, of which a program knows nothing.
"""

from __future__ import annotations

import numpy as np

from tfbo.space.region import Region

# Rows nearer than this are the same point, as in `optim/mixed.py`.
_SAME = 1e-7


def legal(region: Region, rows: np.ndarray, screened: np.ndarray, tried: np.ndarray) -> np.ndarray:
    """Rows `[k, d]` that were chosen, of which those that break a constraint are mended.

    That is the nearest legal row if steps along the margins lead to one, else the last legal one on the way
    to the best screened candidate; or that candidate itself where the row was tried before.

    Args:
        region: what is legal.
        rows: `[k, d]`.
        screened: best screened candidate for each, `[k, d]`.
        tried: rows of other trials, `[t, d]`.
    """
    rows = np.array(rows)
    for i in np.flatnonzero(~region.legal(rows)):
        ends = screened[i : i + 1]
        known = bool(region.legal(ends)[0])
        mended = region.repair(rows[i : i + 1], ends if known else None)[0]
        again = np.abs(np.concatenate([tried, rows[:i]]) - mended).max(axis=1) < _SAME
        rows[i] = ends[0] if known and again.any() else mended
    return rows
