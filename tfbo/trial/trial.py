"""A trial: one configuration, its curve and its outcome."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from tfbo._aliases import explained

WAITING, RUNNING, PAUSED = "waiting", "running", "paused"
COMPLETE, STOPPED, FAILED = FINISHED = "complete", "stopped", "failed"
STATES = (WAITING, RUNNING, PAUSED, *FINISHED)
VALUED = (PAUSED, COMPLETE, STOPPED)
"""States of trials that have a value."""

KILLED, INTERRUPTED = PRESUMED = "killed", "interrupted"
"""Kinds of failure that are presumed: a result that comes after all takes their place."""
OUT_OF_MEMORY = "out of memory"
KINDS = ("error", "nan", OUT_OF_MEMORY, "timeout", KILLED, INTERRUPTED)
UNEXPLAINED = "no reason was given"


@explained
@dataclasses.dataclass(frozen=True)
class Trial:
    """One configuration and its outcome; a value that never changes.

    Args:
        number: the place in the study, counted from 0.
        params: exact legal values of the active parameters.
        state: "waiting" (enqueued), "running", "paused" (before its last step), "complete", "stopped"
            (given up as hopeless) or "failed".
        value: the objective's value at the end, or as far as it was trained where paused or stopped.
        std: standard error of the value, in its units, where one was told.
        kind: of a failure: "error", "nan", "out of memory", "timeout", "killed" or "interrupted".
        reason: of a failure, in a line.
        traceback: of the exception behind a failure.
        started: seconds since 1970, where it was started.
        finished: seconds since 1970, where it is finished.
        notes: what the strategy wrote down with its suggestion; JSON.
        start: of a study with a fidelity, the step from which it is trained, 0 at first.
        until: the step until which it is trained then.
        spent: steps that it has been trained for so far.
        curve: values by step, ascending; NaN where it was none.
        values: by name, of a study with several objectives or with constraints: what was told of each.
        stds: standard errors of these, where they were told.
        violations: by constraint of the study, how far it is broken: 0 where it holds, NaN where that is
            not known.
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
    start: int | None = None
    until: int | None = None
    spent: int | None = dataclasses.field(default=None, repr=False)
    curve: dict[int, float] = dataclasses.field(default_factory=dict, repr=False)
    values: dict[str, float] = dataclasses.field(default_factory=dict)
    stds: dict[str, float] = dataclasses.field(default_factory=dict, repr=False)
    violations: dict[str, float] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def is_feasible(self) -> bool | None:
        """True where all constraints of the study hold, False where one is broken; None if not known."""
        if any(broken > 0.0 for broken in self.violations.values()):
            return False
        told = bool(self.violations) or self.state in VALUED
        return True if told and not any(map(math.isnan, self.violations.values())) else None

    @property
    def is_finished(self) -> bool:
        """True where it is complete, stopped or failed."""
        return self.state in FINISHED

    @property
    def is_presumed(self) -> bool:
        """True where its failure is presumed, and a result of it still counts."""
        return self.state == FAILED and self.kind in PRESUMED

    @property
    def is_interrupted(self) -> bool:
        """True where it was given up: that says nothing about its configuration, enqueued again."""
        return self.kind == INTERRUPTED

    @property
    def reached(self) -> int | None:
        """The last step of its curve; None where it has none."""
        return max(self.curve, default=None)

    @property
    def trained(self) -> int:
        """Steps that it was trained for: in all its runs, of one under way as far as it has reported.

        Where the study has no fidelity, the last step of its curve; 0 without one.
        """
        if self.start is None:
            return self.spent or self.reached or 0
        under_way = max(0, (self.reached or 0) - self.start) if self.state == RUNNING else 0
        return (self.spent or 0) + under_way

    @property
    def duration(self) -> float | None:
        """Seconds from start to finish, where both are known."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started
