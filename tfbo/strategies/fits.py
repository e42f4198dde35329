"""What one fit of the surrogate hands on to the next, written down with the suggestion it led to.

The next fit starts where the last one ended, with the curvature that it learned, and then takes two or
three evaluations of the marginal likelihood. A fit that searches, from draws of the priors as well, is
made whenever the data have grown by a tenth. Because all this is stored with the trial, a study that is
opened again goes on with the same fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tfbo.gp import belief, exact
from tfbo.trial import Trial

_THETA, _FACTOR, _SEARCHED = "theta", "curvature", "searched"
_GROWTH = 1.1
# An inverse Hessian is a preconditioner: four digits of its Cholesky factor are plenty, and short.
_DIGITS = 4


class Last(NamedTuple):
    """How the last fit of a study ended."""

    start: exact.Start
    searched: int
    """How many trials had been told when hyperparameters were last searched for; 0 for never."""

    def is_due(self, n: int) -> bool:
        """Whether `n` trials are so many that hyperparameters should be searched for again."""
        return n >= _GROWTH * self.searched


def last(trials: Iterable[Trial], believed: belief.Belief) -> Last:
    """The fit that led to the newest of the trials that were led to by one."""
    noted = [trial for trial in trials if _THETA in trial.notes]
    nothing = Last(exact.Start(belief.medians(believed), np.eye(len(believed.loc)), False), 0)
    if not noted:
        return nothing
    notes = max(noted, key=lambda trial: trial.number).notes
    theta = np.array(notes[_THETA], np.float64)
    entries = np.array(notes.get(_FACTOR, ()), np.float64)
    if theta.shape != believed.loc.shape or entries.size != theta.size * (theta.size + 1) // 2:
        return nothing  # it was the fit of another kernel
    factor = np.zeros([theta.size, theta.size])
    factor[np.tril_indices(theta.size)] = entries
    return Last(exact.Start(theta, factor @ factor.T, True), int(notes[_SEARCHED]))


def notes(fitted: exact.Fitted, searched: int) -> dict[str, Any]:
    """What to write down of a fit, as JSON; nothing where it failed or learned no curvature."""
    if not bool(fitted.ok):
        return {}
    try:
        factor = np.linalg.cholesky(np.asarray(fitted.inverse))
    except np.linalg.LinAlgError:
        return {}
    entries = [float(f"{v:.{_DIGITS}g}") for v in factor[np.tril_indices(len(factor))]]
    return {_THETA: np.asarray(fitted.theta).tolist(), _FACTOR: entries, _SEARCHED: searched}
