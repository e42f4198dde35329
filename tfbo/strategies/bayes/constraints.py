"""The end of an ask under constraints on inputs: whatever leaves it meets them exactly.

The program keeps to margins, in codes; what counts is the configuration that a row is decoded to, and the
predicates among the constraints, of which a program knows nothing.
"""

from __future__ import annotations

import numpy as np

from tfbo.strategies.base import Problem
from tfbo.strategies.bayes.chooser import Answer

# Rows nearer than this are the same point, as in `optim/mixed.py`.
_SAME = 1e-7


def legal(problem: Problem, answer: Answer, tried: np.ndarray) -> np.ndarray:
    """Rows `[k, d]` of the points that were found, of which those that break a constraint are mended.

    That is the nearest legal row if steps along the margins lead to one, else the last legal one on the way
    to the best screened candidate; or that candidate itself where the row was tried, `[t, d]`, before.
    """
    rows = answer.x[answer.found]
    exact = problem.region
    if exact is None:
        return rows
    rows, screened = np.array(rows), answer.screened[answer.found]
    for i in np.flatnonzero(~exact.legal(rows)):
        ends = screened[i : i + 1]
        known = bool(exact.legal(ends)[0])
        mended = exact.repair(rows[i : i + 1], ends if known else None)[0]
        again = np.abs(np.concatenate([tried, rows[:i]]) - mended).max(axis=1) < _SAME
        rows[i] = ends[0] if known and again.any() else mended
    return rows
