"""What became of a trial, from whatever an objective returned or raised."""

from __future__ import annotations

import math
import traceback as tracebacks
from typing import Any

from tfbo._arguments import as_float
from tfbo.errors import invalid
from tfbo.trial import COMPLETE, FAILED, KINDS


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


def as_number(argument: str, value: Any) -> float:
    """A float from any number: Python's, NumPy's, an array or a tensor of one element."""
    number = as_float(value)
    if number is None:
        advice = "Return float(...) of it; for a failure use state='failed'."
        raise invalid(argument, "a number", value, advice)
    return number
