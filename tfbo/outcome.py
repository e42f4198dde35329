"""What became of a trial, from whatever an objective returned or raised."""

from __future__ import annotations

import math
import traceback as tracebacks
from collections.abc import Mapping, Sequence
from typing import Any

from tfbo._arguments import as_float, plain
from tfbo.errors import NoCompletedTrial, TrialStateError, invalid
from tfbo.trial import COMPLETE, FAILED, KINDS, PRESUMED, RUNNING, Trial, rank


def of_exception(error: BaseException) -> dict[str, Any]:
    """What `Study.tell` is told of an exception."""
    names = {cls.__name__ for cls in type(error).__mro__}
    if isinstance(error, MemoryError) or "ResourceExhaustedError" in names:
        kind = "out of memory"
    else:
        kind = "timeout" if isinstance(error, TimeoutError) else "error"
    text = str(error).strip().split("\n")[0]
    return {
        "value": None,
        "state": FAILED,
        "kind": kind,
        "reason": f"{type(error).__name__}: {text}" if text else type(error).__name__,
        "traceback": "".join(tracebacks.format_exception(error)),
    }


def of(
    value: Any,
    std: Any = None,
    state: str | None = None,
    *,
    kind: str | None = None,
    reason: str | None = None,
    traceback: str | None = None,
) -> dict[str, Any]:
    """The fields of a told trial, or InvalidArgument where they contradict each other."""
    if state not in (None, COMPLETE, FAILED):
        raise invalid(
            "state", '"complete" or "failed"', state, "Leave it out where there is a value."
        )
    if kind is not None and kind not in KINDS:
        raise invalid(
            "kind", f"one of {', '.join(map(repr, KINDS))}", kind, "Leave it out if in doubt."
        )
    if state == FAILED:
        if value is not None:
            raise invalid("value", "nothing for a failed trial", value, "Leave out value or state.")
        if std is not None:
            raise invalid("std", "nothing for a failed trial", std, "Leave out std or state.")
        return _failed(kind or "error", reason or "no reason was given", traceback)
    if kind is not None or reason is not None:
        given = kind if kind is not None else reason
        raise invalid("state", '"failed" with a kind or reason', state, f"You gave {given!r}.")
    number = as_number("value", value)
    if not math.isfinite(number):
        # Its standard error, most likely as little a number, says nothing.
        return _failed("nan", f"the value was {number}", None)
    return {
        "value": number, "std": None if std is None else _standard_error(std), "state": COMPLETE,
        "kind": None, "reason": None, "traceback": None,
    }  # fmt: skip


def _failed(kind: str, reason: str, traceback: str | None) -> dict[str, Any]:
    return {
        "value": None, "std": None, "state": FAILED,
        "kind": kind, "reason": reason, "traceback": traceback,
    }  # fmt: skip


def _standard_error(std: Any) -> float:
    number = as_number("std", std)
    if not 0.0 <= number < math.inf:
        advice = "Leave it out where it is not known."
        raise invalid("std", "a standard error, finite and >= 0", std, advice)
    return number


def unfinished(
    study: str, trials: Mapping[int, Trial], trial: Trial | int, *, kind: str | None = None
) -> Trial:
    """The trial of a study as it is, which is about to be told.

    Args:
        study: its name.
        trials: of the study.
        trial: the trial, or its number.
        kind: of the failure that is told. A result, be it a failure, beats what was presumed before.

    Raises:
        TrialStateError: for a trial that is unknown or has been told already.
        InvalidArgument: for what is no trial.
    """
    number = trial.number if isinstance(trial, Trial) else plain(trial)
    if isinstance(number, bool) or not isinstance(number, int):
        raise invalid("trial", "a trial or its number", trial, "Pass what ask() returned.")
    if number not in trials:
        there = f"it has trials 0 to {len(trials) - 1}" if trials else "it has none"
        raise TrialStateError(
            f"trial: the study {study!r} has no trial {number}; {there}. Ask for trials first."
        )
    found = trials[number]
    if isinstance(trial, Trial) and trial.params != found.params:
        raise TrialStateError(
            f"trial: trial {number} of the study {study!r} has other parameters: it is a trial "
            "of another study. Tell it to the study that was asked."
        )
    if found.is_finished and not (found.is_presumed and kind not in PRESUMED):
        what = f"value {found.value}" if found.state == COMPLETE else f"failure: {found.reason}"
        raise TrialStateError(
            f"trial: trial {number} has been told already ({what}). To try its parameters again, "
            "enqueue them."
        )
    return found


def best(study: str, trials: Sequence[Trial], direction: str) -> Trial:
    """The complete trial of the best value, the earliest of equals.

    Raises:
        NoCompletedTrial: where there is none; the error tells the first failure.
    """
    complete = [trial for trial in trials if trial.state == COMPLETE]
    if complete:
        return min(complete, key=lambda trial: rank(trial, direction))
    raise NoCompletedTrial(f"{_none_complete(study, trials)} {to_do(trials)}")


def _none_complete(study: str, trials: Sequence[Trial]) -> str:
    """The reason why no trial is complete: there are none, all failed, or some are not told yet."""
    failed = [t for t in trials if t.state == FAILED and t.kind != "interrupted"]
    if not trials:
        return f"The study {study!r} has no trials yet."
    said = (
        f"No trial of the study {study!r} is complete ({len(trials)} in all, {len(failed)} failed)."
    )
    if len(failed) == len(trials):
        said = f"All {len(trials)} trials of the study {study!r} failed."
    first = f" The first failure: {failed[0].kind}: {failed[0].reason}." if failed else ""
    return said + first


def to_do(trials: Sequence[Trial]) -> str:
    """The advice where more complete trials are needed."""
    running = sum(trial.state == RUNNING for trial in trials)
    if running:
        return f"Run some, or tell those that are running ({running})."
    if any(trial.kind == "error" for trial in trials):
        return "Mend what fails, and run some."
    return "Run some." if trials else "Run some, by study.optimize(objective, n_trials=20)."


def as_number(argument: str, value: Any) -> float:
    """A float from any number: Python's, NumPy's, an array or a tensor of one element."""
    number = as_float(value)
    if number is None:
        advice = "Return float(...) of it; for a failure use state='failed'."
        raise invalid(argument, "a number", value, advice)
    return number
