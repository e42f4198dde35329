"""A trial, its outcome, the goal that compares trials, and the steps in which they are trained."""

from __future__ import annotations

from tfbo.trial.fidelity import Fidelity
from tfbo.trial.goal import DIRECTIONS, MAXIMIZE, MINIMIZE, Goal
from tfbo.trial.outcome import Failure, LastPoint, Measurement, Outcome, measure, outcome_of
from tfbo.trial.trial import (
    COMPLETE,
    FAILED,
    FINISHED,
    INTERRUPTED,
    KILLED,
    KINDS,
    OUT_OF_MEMORY,
    PAUSED,
    PRESUMED,
    RUNNING,
    STATES,
    STOPPED,
    UNEXPLAINED,
    VALUED,
    WAITING,
    Trial,
)

__all__ = [
    "COMPLETE",
    "DIRECTIONS",
    "FAILED",
    "FINISHED",
    "INTERRUPTED",
    "KILLED",
    "KINDS",
    "MAXIMIZE",
    "MINIMIZE",
    "OUT_OF_MEMORY",
    "PAUSED",
    "PRESUMED",
    "RUNNING",
    "STATES",
    "STOPPED",
    "UNEXPLAINED",
    "VALUED",
    "WAITING",
    "Failure",
    "Fidelity",
    "Goal",
    "LastPoint",
    "Measurement",
    "Outcome",
    "Trial",
    "measure",
    "outcome_of",
]
