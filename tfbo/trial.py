"""A trial, its outcome from what an objective returned or raised, and the goal that compares trials."""

from __future__ import annotations

import dataclasses
import math
import traceback as tracebacks
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from tfbo import _arguments
from tfbo._aliases import explained
from tfbo.errors import invalid

WAITING, RUNNING, COMPLETE, FAILED = "waiting", "running", "complete", "failed"
STATES = (WAITING, RUNNING, COMPLETE, FAILED)

DIRECTIONS = MINIMIZE, MAXIMIZE = "minimize", "maximize"

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
    def is_interrupted(self) -> bool:
        """True where it was given up: that says nothing about its configuration, enqueued again."""
        return self.kind == INTERRUPTED

    @property
    def duration(self) -> float | None:
        """Seconds from start to finish, where both are known."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Finite values that a trial returned, one an objective, and their standard errors where known."""

    values: tuple[float, ...]
    std: tuple[float | None, ...]
    is_presumed = False

    def __str__(self) -> str:
        return repr(self.values[0])

    def finish(self, trial: Trial, at: float) -> Trial:
        """The trial, complete at that time."""
        (value,), (std,) = self.values, self.std
        result = dataclasses.replace(trial, state=COMPLETE, value=value, std=std, finished=at)
        return dataclasses.replace(result, kind=None, reason=None, traceback=None)


@dataclasses.dataclass(frozen=True)
class Failure:
    """Reason, in a line, for which a trial returned no value; the kind is one of `KINDS`."""

    kind: str
    reason: str
    traceback: str | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def of(cls, error: BaseException, kind: str | None = None) -> Failure:
        """The failure of a trial that raised; its kind follows from the error if None."""
        names = {base.__name__ for base in type(error).__mro__}
        if kind is None and (isinstance(error, MemoryError) or "ResourceExhaustedError" in names):
            kind = OUT_OF_MEMORY
        elif kind is None:
            kind = "timeout" if isinstance(error, TimeoutError) else "error"
        text = str(error).strip().split("\n")[0]
        name = type(error).__name__
        traceback = "".join(tracebacks.format_exception(error))
        return cls(kind, f"{name}: {text}" if text else name, traceback)

    def __str__(self) -> str:
        return f"state={FAILED!r}, reason={self.reason!r}"

    @property
    def is_presumed(self) -> bool:
        """True where a result that comes after all takes its place."""
        return self.kind in PRESUMED

    def finish(self, trial: Trial, at: float) -> Trial:
        """The trial, failed at that time."""
        failed = dataclasses.replace(trial, state=FAILED, value=None, std=None, finished=at)
        return dataclasses.replace(failed, **vars(self))


Outcome = Measurement | Failure


def measure(value: Any, std: Any = None) -> Outcome:
    """Outcome of a trial that returned a number; a failure where that is not finite."""
    number = _arguments.as_float(value)
    if number is None:
        advice = "Return float(...) of it; for a failure use state='failed'."
        raise invalid("value", "a number", value, advice)
    if not math.isfinite(number):
        # Its standard error, most likely as little a number, says nothing.
        return Failure("nan", f"the value was {number}")
    if std is not None:
        std = _arguments.number("std", std, "Leave it out where it is not known.", least=0.0)
    return Measurement((number,), (std,))


def outcome_of(value: Any, std: Any, state: Any, kind: Any, reason: Any, traceback: Any) -> Outcome:
    """Outcome that the arguments of `Study.tell` describe; InvalidArgument for a contradiction."""
    if state not in (None, COMPLETE, FAILED):
        advice = "Leave it out where there is a value."
        raise invalid("state", '"complete" or "failed"', state, advice)
    if kind is not None and kind not in KINDS:
        expected = f"one of {', '.join(map(repr, KINDS))}"
        raise invalid("kind", expected, kind, "Leave it out if in doubt.")
    if state == FAILED:
        for argument, given in (("value", value), ("std", std)):
            if given is not None:
                advice = f"Leave out {argument} or state."
                raise invalid(argument, "nothing for a failed trial", given, advice)
        return Failure(kind or "error", reason or UNEXPLAINED, traceback)
    if kind is not None or reason is not None:
        given = kind if kind is not None else reason
        raise invalid("state", '"failed" with a kind or reason', state, f"You gave {given!r}.")
    return measure(value, std)


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
        """Factor of values, 1 or -1: larger is better of the product."""
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
