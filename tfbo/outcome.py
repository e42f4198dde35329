"""What became of a trial, from whatever an objective returned or raised."""

from __future__ import annotations

import math
import traceback as tracebacks
from collections.abc import Sequence
from typing import Any

from tfbo.errors import NoCompletedTrial, invalid
from tfbo.trial import COMPLETE, FAILED, KINDS, Trial


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
    value: Any, state: str | None, kind: str | None, reason: str | None, traceback: str | None
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
        text = reason or "no reason was given"
        return {
            "value": None, "state": FAILED, "kind": kind or "error", "reason": text,
            "traceback": traceback,
        }  # fmt: skip
    if kind is not None or reason is not None:
        given = kind if kind is not None else reason
        raise invalid("state", '"failed" with a kind or reason', state, f"You gave {given!r}.")
    number = as_number("value", value)
    if not math.isfinite(number):
        return {
            "value": None, "state": FAILED, "kind": "nan", "reason": f"the value was {number}",
            "traceback": None,
        }  # fmt: skip
    return {"value": number, "state": COMPLETE, "kind": None, "reason": None, "traceback": None}


def none_complete(study: str, trials: Sequence[Trial]) -> NoCompletedTrial:
    """The error for a study that has no result yet, with its last failure."""
    failed = [trial for trial in trials if trial.state == FAILED]
    last = f" The last failure: {failed[-1].kind}: {failed[-1].reason}." if failed else ""
    return NoCompletedTrial(
        f"No trial of the study {study!r} is complete ({len(trials)} in all, {len(failed)} failed)."
        f"{last} Run some, or tell those that are running."
    )


def as_number(argument: str, value: Any) -> float:
    """A float from any number: Python's, NumPy's, a tensor of one element."""
    advice = "Return float(...) of it; for a failure use state='failed'."
    if isinstance(value, (str, bytes, bool)) or value is None:
        raise invalid(argument, "a number", value, advice)
    try:
        if hasattr(value, "numpy"):  # a tensor or a variable
            value = value.numpy()
        if getattr(value, "ndim", 0):
            (value,) = value.reshape(-1)
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError, AttributeError):
        raise invalid(argument, "a number", value, advice) from None


def check_count(argument: str, count: Any) -> None:
    """Raise InvalidArgument for anything but a whole number >= 1."""
    if isinstance(count, bool) or not hasattr(count, "__index__") or int(count) < 1:
        raise invalid(argument, "a whole number >= 1", count, "Leave it out if in doubt.")
