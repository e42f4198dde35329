"""A trial: one configuration, and what came of it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from tfbo._aliases import explained

WAITING, RUNNING, COMPLETE, FAILED = "waiting", "running", "complete", "failed"
STATES = (WAITING, RUNNING, COMPLETE, FAILED)

KINDS = ("error", "nan", "out of memory", "timeout", "killed", "interrupted")
PRESUMED = ("killed", "interrupted")
"""Kinds of failure that no result speaks for: one that comes after all takes their place."""


@explained
@dataclasses.dataclass(frozen=True)
class Trial:
    """One configuration, and what came of it; a value that never changes.

    Args:
        number: the place in the study, counted from 0.
        params: exact legal values of the active parameters.
        state: "waiting" (enqueued), "running", "complete" or "failed".
        value: the objective's value where complete.
        std: standard error of the value, in its units, where one was told.
        kind: of a failure: "error", "nan", "out of memory", "timeout", "killed" or "interrupted".
        reason: of a failure, in a line.
        traceback: of the exception behind a failure.
        started: seconds since 1970, where it was started.
        finished: seconds since 1970, where it is finished.
        notes: what the strategy wrote down with its suggestion; JSON.
    """

    number: int
    params: dict[str, Any]
    state: str = RUNNING
    value: float | None = None
    std: float | None = None
    kind: str | None = None
    reason: str | None = None
    traceback: str | None = dataclasses.field(default=None, repr=False)
    started: float | None = dataclasses.field(default=None, repr=False)
    finished: float | None = dataclasses.field(default=None, repr=False)
    notes: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def is_finished(self) -> bool:
        """Whether it is complete or failed."""
        return self.state in (COMPLETE, FAILED)

    @property
    def is_presumed(self) -> bool:
        """Whether it has failed for all that is known, and a result of it still counts."""
        return self.state == FAILED and self.kind in PRESUMED

    @property
    def duration(self) -> float | None:
        """Seconds from start to finish, where both are known."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started


def rank(trial: Trial, direction: str) -> tuple[float, int]:
    """Where a trial stands, best first: by value, then by number; without a value, last."""
    if trial.value is None:
        return math.inf, trial.number
    return (trial.value if direction == "minimize" else -trial.value), trial.number
