"""The end of one fit of the surrogate, from which the next one starts: noted with the suggestion it led to.

The next fit starts where the last one ended, with the curvature that it learned, and then takes two or
three evaluations of the marginal likelihood. A fit that searches, from draws of the priors as well, is
made whenever the data have grown by a tenth. Because all this is stored with the trial, a study that is
opened again goes on with the same fits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tfbo.gp import search
from tfbo.gp.hyperprior import Hyperprior, medians
from tfbo.trial import Trial

_THETA, _FACTOR, _SEARCHED = "theta", "curvature", "searched"
# Searches are this share of the trials apart: a tenth of the first thirty, then three, then a twentieth.
_OFTEN, _APART, _RARELY = 10, 3, 20
# Of learning curves there are so many times as many points then.
_GROWTH = 1.15
# An inverse Hessian is a preconditioner: four digits of its Cholesky factor are plenty, and short.
_DIGITS = 4


class Last(NamedTuple):
    """The end of the last fit of a study."""

    start: search.Start
    searched: int
    """The number of trials when hyperparameters were last searched for; 0 for never."""

    def is_due_of_curves(self, n: int) -> bool:
        """As `is_due`, of `n` points of learning curves: with each suggestion there are more of these."""
        return n >= _GROWTH * self.searched

    def is_due(self, n: int) -> bool:
        """True where `n` trials are so many that hyperparameters should be searched for again."""
        apart = min(n // _OFTEN, max(_APART, n // _RARELY))
        return not self.searched or n - self.searched >= max(1, apart)


def last(trials: Iterable[Trial], hyperprior: Hyperprior) -> Last:
    """The fit that led to the newest of the trials that were led to by one."""
    noted = [trial for trial in trials if _THETA in trial.notes]
    nothing = Last(search.Start(medians(hyperprior), np.eye(len(hyperprior.loc)), False), 0)
    if not noted:
        return nothing
    notes = max(noted, key=_age).notes
    try:
        theta = np.array(notes[_THETA], np.float64)
        entries = np.array(notes.get(_FACTOR, ()), np.float64).reshape(-1)
        searched = int(notes.get(_SEARCHED, 0))
    except (TypeError, ValueError, OverflowError):
        return nothing  # it was written by something else
    if theta.shape != hyperprior.loc.shape or not np.isfinite(theta).all():
        return nothing  # it was the fit of another kernel
    known = entries.size == theta.size * (theta.size + 1) // 2
    factor = np.eye(theta.size)
    if known:
        factor[np.tril_indices(theta.size)] = entries
    return Last(search.Start(theta, factor @ factor.T, known), searched)


def _age(trial: Trial) -> tuple[int, int]:
    """Key by which fits are older or newer: a trial that goes on may have a newer one than later trials."""
    searched = trial.notes.get(_SEARCHED)
    return searched if isinstance(searched, int) else 0, trial.number


def notes(fitted: search.Fitted, searched: int) -> dict[str, Any]:
    """Notes of a fit, as JSON; nothing where it failed."""
    if not bool(fitted.ok):
        return {}
    written = {_THETA: np.asarray(fitted.theta).tolist(), _SEARCHED: searched}
    if bool(fitted.known):
        # Not positive definite to the last bit: then nothing is known.
        with contextlib.suppress(np.linalg.LinAlgError):
            factor = np.linalg.cholesky(np.asarray(fitted.inverse))
            entries = factor[np.tril_indices(len(factor))]
            written[_FACTOR] = [float(f"{entry:.{_DIGITS}g}") for entry in entries]
    return written
