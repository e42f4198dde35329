"""Finished trials as training data: rows and outcomes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfbo import _arguments, _numerics
from tfbo.gp.data import TrainingData, canonical
from tfbo.gp.outcomes import SAME
from tfbo.strategies.base import Key, Problem, key
from tfbo.strategies.bayes.fit import Fits
from tfbo.trial import FAILED, Goal, Trial


class History(NamedTuple):
    """The state of `Bayes`: every finished trial that says something, as it is and as a row."""

    trials: tuple[Trial, ...]
    rows: np.ndarray
    """Codes `[n, d]`."""
    keys: frozenset[Key]
    """The configurations."""
    fits: Fits
    """Those made of these trials so far."""

    @property
    def complete(self) -> np.ndarray:
        """Bool `[n]`: which of them have an outcome, and have not failed."""
        return np.array([trial.state != FAILED for trial in self.trials], bool)


@dataclasses.dataclass(frozen=True)
class Failed:
    """The way in which failed trials count.

    By default each is among the training data, as bad as the worst outcome give or take a standard
    deviation of all outcomes: so that nothing promises more and more beyond an edge where trials begin to
    fail. And the probability of failure is learned. What that is worth: benchmarks/results/failures.md.

    Args:
        avoided: whether the worth of a trial counts with the probability that it succeeds.
        modelled: whether failed trials are among the training data.
        penalty: how much worse than the worst outcome they are, in standard deviations of all
            outcomes, >= 0.
        std: the standard error of that, in the same unit, >= 0.

    Raises:
        InvalidArgument: for a penalty or a standard error that is not a finite number >= 0.

    Example:
        >>> import tfbo
        >>> strategy = tfbo.strategies.Bayes(failed=tfbo.strategies.Failed(penalty=0.5))
    """

    avoided: bool = True
    modelled: bool = True
    penalty: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        for name in ("penalty", "std"):
            checked = _arguments.number(name, getattr(self, name), "Leave it out.", least=0.0)
            object.__setattr__(self, name, checked)


class Modelled(NamedTuple):
    """Training data of the surrogate, and the trials that they are of."""

    data: TrainingData
    trials: tuple[Trial, ...]
    """The trial of each row."""
    ends: TrainingData
    """A row for each trial, of its last outcome and of codes alone."""
    known: int
    """Number of outcomes, or points of curves, of which these are the ones that are modelled."""


def fold(problem: Problem, history: History | None, told: Sequence[Trial]) -> History:
    """The state after further trials."""
    if history is not None and not told:
        return history
    new, keys = rows(problem, told), frozenset(key(trial.params) for trial in told)
    if history is None:
        return History(tuple(told), new, keys, Fits())
    joined = np.concatenate([history.rows, new])
    return History(history.trials + tuple(told), joined, history.keys | keys, Fits())


def rows(problem: Problem, trials: Sequence[Trial]) -> np.ndarray:
    """Codes `[n, d]`, rounded so that a change of a parameter's unit does not change them."""
    codes = problem.encoding.encode([trial.params for trial in trials])
    return np.round(codes * _numerics.RESOLUTION) / _numerics.RESOLUTION


def modelled(goal: Goal, history: History, most: int, failed: Failed | None) -> Modelled:
    """Outcomes of `most` trials to maximise, in an order of their own; see `subset`."""
    complete = history.complete
    values = [trial.value for trial in itertools.compress(history.trials, complete)]
    known = goal.sign * np.array(values, np.float64)
    y = np.zeros(len(complete))
    y[complete] = known
    std = np.array([trial.std or 0.0 for trial in history.trials], np.float64)
    kept = np.flatnonzero(complete)
    if failed is not None and failed.modelled:
        unit = deviation(known)
        y[~complete], std[~complete] = known.min() - failed.penalty * unit, failed.std * unit
        kept = np.arange(len(complete))
    ordered, order = canonical(TrainingData(history.rows[kept], y[kept], std[kept]))
    some = subset(ordered.x, ordered.y, most)
    data = TrainingData(*(part[some] for part in ordered))
    trials = tuple(history.trials[i] for i in kept[order[some]])
    return Modelled(data, trials, data, len(history.trials))


def deviation(values: np.ndarray) -> float:
    """Standard deviation, without overflow; of values that are equal but for rounding, their size."""
    size = float(np.max(np.abs(values))) or 1.0
    share = float(np.std(values / size))
    return size * share if share > SAME else size


def subset(rows: np.ndarray, y: np.ndarray, most: int) -> np.ndarray:
    """Indices of `most` trials of which a model is made; outcomes `[n]` are better where larger.

    Half of them are the best, which a search is about. The others stand for the rest of the space: each
    is the one farthest from all chosen before it (Gonzalez 1985), so that no trial is far from one of
    them and clusters are thinned out.
    """
    if len(y) <= most:
        return np.arange(len(y))
    chosen = list(np.argsort(-y, kind="stable")[: most - most // 2])
    distance = np.full(len(y), np.inf)
    for i in chosen:
        np.minimum(distance, np.square(rows - rows[i]).sum(axis=1), out=distance)
    while len(chosen) < most:
        farthest = int(np.argmax(distance))
        chosen.append(farthest)
        np.minimum(distance, np.square(rows - rows[farthest]).sum(axis=1), out=distance)
    return np.sort(chosen)
