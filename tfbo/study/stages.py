"""Stages of training: from which step until which one a trial is trained, and what is left of a budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tfbo.trial import RUNNING, Fidelity, Trial

if TYPE_CHECKING:
    from tfbo.strategies import Suggestion


def last_step() -> int | None:
    """No step at which an enqueued trial pauses at first: it is trained until the last."""
    return None


def first(
    trial: Trial, fidelity: Fidelity | None, until: int | None, most: int | None = None
) -> Trial:
    """A trial as it begins, or begins again, with its stage; at most so many steps, where that is given."""
    if fidelity is None:
        return trial
    start, end = trial.start or 0, until or fidelity.high
    return dataclasses.replace(trial, start=start, until=_cut(start, end, most))


def next_one(paused: Trial, fidelity: Fidelity, suggestion: Suggestion, at: float) -> Trial:
    """A paused trial as it goes on at that time, from where it paused or from the beginning."""
    return dataclasses.replace(
        paused, state=RUNNING, value=None, std=None, values={}, stds={}, violations={},
        started=at, finished=None,
        start=resumes(paused, fidelity), until=suggestion.until or fidelity.high,
        notes={**paused.notes, **suggestion.notes},
    )  # fmt: skip


def resumes(paused: Trial, fidelity: Fidelity) -> int:
    """Step from which a paused trial goes on."""
    return (paused.until or 0) if fidelity.resume else 0


def cut(
    suggestions: Iterable[Suggestion],
    trials: Mapping[int, Trial],
    fidelity: Fidelity,
    most: int | None,
) -> list[Suggestion]:
    """Suggestions whose stages take `most` steps in all: the last one is cut, those beyond are left out."""
    if most is None:
        return list(suggestions)
    kept = []
    for suggestion in suggestions:
        paused = None if suggestion.trial is None else trials[suggestion.trial]
        start = 0 if paused is None else resumes(paused, fidelity)
        until = _cut(start, suggestion.until or fidelity.high, most)
        # One that starts over gets nowhere with less than it had.
        if until > max(start, 0 if paused is None else paused.until or 0):
            kept.append(suggestion._replace(until=until))
            most -= until - start
    return kept


def taken(trials: Iterable[Trial]) -> int:
    """Steps that trials have been trained for, or will have been once those that run are done."""
    return sum(
        (trial.spent or 0) + (length(trial) if trial.state == RUNNING else 0) for trial in trials
    )


def length(trial: Trial) -> int:
    """Steps of a trial's stage; 0 without a fidelity."""
    return 0 if trial.until is None else trial.until - (trial.start or 0)


def _cut(start: int, until: int, most: int | None) -> int:
    return until if most is None else min(until, start + most)
