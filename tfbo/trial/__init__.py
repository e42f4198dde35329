"""A trial, its outcome, the goals and constraints that compare trials, and the steps of training."""

from __future__ import annotations

from tfbo.trial.constraints import OutcomeConstraints
from tfbo.trial.fidelity import Fidelity
from tfbo.trial.goal import DIRECTIONS, MAXIMIZE, MINIMIZE, Goal, direction_of
from tfbo.trial.goals import Goals
from tfbo.trial.metrics import PLAIN, VALUE, Metrics, outcome_of
from tfbo.trial.outcome import Failure, LastPoint, Measurement, Outcome, measure
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
    "PLAIN",
    "PRESUMED",
    "RUNNING",
    "STATES",
    "STOPPED",
    "UNEXPLAINED",
    "VALUE",
    "VALUED",
    "WAITING",
    "Failure",
    "Fidelity",
    "Goal",
    "Goals",
    "LastPoint",
    "Measurement",
    "Metrics",
    "Outcome",
    "OutcomeConstraints",
    "Trial",
    "direction_of",
    "measure",
    "outcome_of",
]
