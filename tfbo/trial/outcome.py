"""The outcome of a trial, from what an objective returned or raised."""

from __future__ import annotations

import dataclasses
import math
import traceback as tracebacks
from collections.abc import Mapping
from typing import Any

from tfbo import _arguments
from tfbo.errors import invalid
from tfbo.trial.trial import (
    COMPLETE,
    FAILED,
    OUT_OF_MEMORY,
    PAUSED,
    PRESUMED,
    STOPPED,
    Trial,
)

NAME_THEM = 'name what is sought: Study(..., objectives={"loss": "minimize", "mb": "minimize"})'
"""Advice for several values in place of the one of a study whose objective has no name."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Finite values that a trial returned, one an objective, and their standard errors where known."""

    values: tuple[float, ...]
    std: tuple[float | None, ...]
    state: str | None = None
    """COMPLETE or STOPPED where nothing more is to be trained; None for what the step says."""
    step: int | None = None
    """Step of the values, where it is not the one until which the trial was to be trained."""
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    """Of a study whose outcomes have names: all values, the objectives first."""
    errors: dict[str, float] = dataclasses.field(default_factory=dict)
    """Standard errors of these, where known."""
    is_presumed = False

    def __str__(self) -> str:
        return repr(self.metrics or self.values[0])

    def stopped(self, step: int) -> Measurement:
        """The same, of a trial that was given up at that step."""
        return dataclasses.replace(self, state=STOPPED, step=step)

    def valued(self, value: float) -> Measurement:
        """The same with another value of the (first) objective, which went on beyond the step it is of."""
        values, std = (value, *self.values[1:]), (None, *self.std[1:])
        first = next(iter(self.metrics), None)
        metrics = self.metrics if first is None else {**self.metrics, first: value}
        errors = {name: error for name, error in self.errors.items() if name != first}
        return dataclasses.replace(self, values=values, std=std, metrics=metrics, errors=errors)

    def finish(self, trial: Trial, at: float, last: int | None = None) -> Trial:
        """The trial with this outcome at that time: paused where the `last` step is yet to come."""
        (value,), (std,) = (self.values, self.std) if len(self.values) == 1 else ((None,), (None,))
        state = self.state
        if state is None:
            paused = last is not None and trial.until is not None and trial.until < last
            state = PAUSED if paused else COMPLETE
        if trial.state == PAUSED:
            at = trial.finished or at  # nothing was trained since
        result = dataclasses.replace(trial, state=state, value=value, std=std, finished=at)
        result = dataclasses.replace(result, kind=None, reason=None, traceback=None)
        result = dataclasses.replace(result, values=dict(self.metrics), stds=dict(self.errors))
        step = self.step
        if step is None:
            # One that was told without having run here is a result of the last step.
            step = trial.reached if state == STOPPED else trial.until or last
        if step is None or last is None:
            return result
        # What an earlier run reported of later steps is not of this one.
        curve = {known: v for known, v in trial.curve.items() if known < step}
        curve[step] = self.values[0]
        return dataclasses.replace(result, curve=curve, spent=_spent(trial, step))


@dataclasses.dataclass(frozen=True)
class LastPoint:
    """End of a trial that is given up, at the last finite value of its curve."""

    is_presumed = False

    def __str__(self) -> str:
        return f"state={STOPPED!r}"

    def stopped(self, step: int) -> LastPoint:
        """The same."""
        return self

    def valued(self, value: float) -> LastPoint:
        """The same."""
        return self

    def finish(self, trial: Trial, at: float, last: int | None = None) -> Trial:
        """The trial, stopped at that time; InvalidArgument where its curve has no finite value."""
        finite = [value for value in trial.curve.values() if math.isfinite(value)]
        if not finite:
            advice = "Report a step first, or give the value."
            raise invalid("value", "a number for a trial that has reported none", None, advice)
        stopped = Measurement((finite[-1],), (None,), STOPPED).finish(trial, at, last)
        return dataclasses.replace(stopped, curve=trial.curve)


@dataclasses.dataclass(frozen=True)
class Failure:
    """Reason, in a line, for which a trial returned no value; the kind is one of `KINDS`."""

    kind: str
    reason: str
    traceback: str | None = dataclasses.field(default=None, repr=False)
    values: dict[str, float] = dataclasses.field(default_factory=dict)
    """By name, those that are known all the same."""
    stds: dict[str, float] = dataclasses.field(default_factory=dict)

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
        known = f"{self.values!r}, " if self.values else ""
        return f"{known}state={FAILED!r}, reason={self.reason!r}"

    @property
    def is_presumed(self) -> bool:
        """True where a result that comes after all takes its place."""
        return self.kind in PRESUMED

    def finish(self, trial: Trial, at: float, last: int | None = None) -> Trial:
        """The trial, failed at that time."""
        failed = dataclasses.replace(trial, state=FAILED, value=None, std=None, finished=at)
        if trial.start is not None:
            failed = dataclasses.replace(failed, spent=_spent(trial, trial.reached or 0))
        return dataclasses.replace(failed, **vars(self))

    def stopped(self, step: int) -> Failure:
        """The same: it failed wherever it was."""
        return self

    def valued(self, value: float) -> Failure:
        """The same: it failed wherever it was."""
        return self


Outcome = Measurement | LastPoint | Failure


def _spent(trial: Trial, step: int) -> int:
    """Steps that a trial has been trained for once it ends at a step."""
    before = trial.spent or 0
    if trial.state == PAUSED or trial.start is None:  # nothing was trained since
        return before
    return before + max(0, min(step, trial.until or step) - trial.start)


def measure(value: Any, std: Any = None) -> Outcome:
    """Outcome of a trial that returned a number; a failure where that is not finite."""
    number = _arguments.as_float(value)
    if number is None:
        advice = "Return float(...) of it; for a failure use state='failed'."
        if isinstance(value, (Mapping, list, tuple)):
            advice = f"Tell one of its values, or {NAME_THEM}."
        raise invalid("value", "a number", value, advice)
    if not math.isfinite(number):
        # Its standard error, most likely as little a number, says nothing.
        return Failure("nan", f"the value was {number}")
    if std is not None:
        std = _arguments.number("std", std, "Leave it out where it is not known.", least=0.0)
    return Measurement((number,), (std,))
