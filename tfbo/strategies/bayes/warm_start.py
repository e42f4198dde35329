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
# Fits of several outputs are a list of these.
_OUTPUTS = "outputs"
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
    return _read(max(noted, key=_age).notes, hyperprior) or nothing


def last_of_each(trials: Iterable[Trial], hyperprior: Hyperprior, count: int) -> Last:
    """As `last`, of `count` outputs, whose parts of the start have an axis for them."""
    noted = [trial for trial in trials if _OUTPUTS in trial.notes]
    ends: list[Last | None] = []
    if noted:
        notes = max(noted, key=_age).notes
        written = notes[_OUTPUTS] if isinstance(notes[_OUTPUTS], list) else []
        known = {_SEARCHED: notes.get(_SEARCHED, 0)}
        ends = [_read({**each, **known}, hyperprior) for each in written if isinstance(each, dict)]
    found = [end for end in ends if end is not None]
    if len(found) != count or len(ends) != count:
        found = [last((), hyperprior)] * count
    theta, inverse, known_ones = zip(*(end.start for end in found), strict=True)
    start = search.Start(np.stack(theta), np.stack(inverse), np.array(known_ones, bool))
    return Last(start, found[0].searched)


def _read(notes: dict[str, Any], hyperprior: Hyperprior) -> Last | None:
    """The end of a fit by its notes; None where they are of another kernel, or of something else."""
    try:
        theta = np.array(notes[_THETA], np.float64)
        entries = np.array(notes.get(_FACTOR, ()), np.float64).reshape(-1)
        searched = int(notes.get(_SEARCHED, 0))
    except (TypeError, ValueError, OverflowError, KeyError):
        return None
    if theta.shape != hyperprior.loc.shape or not np.isfinite(theta).all():
        return None
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


def notes_of_each(fitted: search.Fitted, searched: int) -> dict[str, Any]:
    """Notes of the fit of several outputs, as JSON; nothing where that of one failed."""
    each = [
        notes(search.Fitted(*(part[i] for part in fitted)), searched)
        for i in range(len(fitted.value))
    ]
    if not all(each):
        return {}
    for part in each:
        part.pop(_SEARCHED)
    return {_OUTPUTS: each, _SEARCHED: searched}
