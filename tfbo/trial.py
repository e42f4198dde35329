"""A trial, and the goal by which trials are compared."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from tfbo._aliases import explained

WAITING, RUNNING, COMPLETE, FAILED = "waiting", "running", "complete", "failed"
STATES = (WAITING, RUNNING, COMPLETE, FAILED)

DIRECTIONS = MINIMIZE, MAXIMIZE = "minimize", "maximize"

KINDS = ("error", "nan", "out of memory", "timeout", "killed", "interrupted")
PRESUMED = ("killed", "interrupted")
"""Kinds of failure that are presumed: a result that comes after all takes their place."""


@explained
@dataclasses.dataclass(frozen=True)
class Trial:
    """One configuration and its outcome; a value that never changes.

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
        """True where it is complete or failed."""
        return self.state in (COMPLETE, FAILED)

    @property
    def is_presumed(self) -> bool:
        """True where its failure is presumed, and a result of it still counts."""
        return self.state == FAILED and self.kind in PRESUMED

    @property
    def duration(self) -> float | None:
        """Seconds from start to finish, where both are known."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started


@dataclasses.dataclass(frozen=True)
class Goal:
    """Aim of a search: the direction in which a value is better.

    Args:
        direction: "minimize" or "maximize".

    Example:
        >>> Goal("maximize").better(0.9, than=0.8), Goal("minimize").best_so_far([3.0, 5.0, 2.0])
        (True, [3.0, 3.0, 2.0])
    """

    direction: str

    @property
    def sign(self) -> float:
        """Factor that makes of values scores of which larger is better: 1 or -1."""
        return 1.0 if self.direction == MAXIMIZE else -1.0

    def better(self, value: float | None, than: float | None) -> bool:
        """True where a value is strictly better; NaN, infinities and None are worse than any number."""
        return self._score(value) > self._score(than)

    def best_so_far(self, values: Iterable[float]) -> list[float]:
        """The best of the values up to each of them."""

        def best(known: float, value: float) -> float:
            return value if self.better(value, than=known) else known

        return list(accumulate(values, best))

    def rank(self, trial: Trial) -> tuple[float, int]:
        """Key that sorts trials best first, equal ones by number and those without a value last."""
        return -self._score(trial.value), trial.number

    def _score(self, value: float | None) -> float:
        return -math.inf if value is None or not math.isfinite(value) else self.sign * value
