"""Arguments that are numbers or durations: one check each, whose error says what to write instead."""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

from tfbo.errors import invalid

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(
    r"(\d+(?:\.\d*)?|\.\d+)\s*(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)[\s,]*"
)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


def number(argument: str, value: Any, advice: str) -> float:
    """A finite number of any library as a float.

    Example:
        >>> number("target", 3, "Leave it out.")
        3.0
    """
    given: float | None = None
    try:
        # Text is no number, though float() reads it; an array of one element is one.
        if not isinstance(value, (str, bytes, bool)) and type(value).__name__ != "bool_":
            single = getattr(value, "ndim", 0) and hasattr(value, "item")
            given = float(value.item() if single else value)
    except OverflowError:
        given = math.inf
    except (TypeError, ValueError):
        pass
    if given is not None and math.isfinite(given):
        return given
    expected = "a number" if given is None else "a finite number"
    raise invalid(argument, expected, value, _as_number(argument, value) or advice)


def seconds(argument: str, value: Any, advice: str = "Leave it out for no limit.") -> float:
    """A duration above zero in seconds, from a number or a `datetime.timedelta`.

    Example:
        >>> seconds("timeout", datetime.timedelta(hours=1))
        3600.0
    """
    if type(value).__name__ == "timedelta64":  # NumPy's, whose float counts its own unit
        value = value.item()
    if isinstance(value, datetime.timedelta):
        given = value.total_seconds()
    elif isinstance(value, str):
        meant = _duration(value)
        advice = f"For example {argument}=3600, or {argument}=datetime.timedelta(hours=1)."
        if meant:
            advice = f"Write {argument}={meant:.15g}."
        raise invalid(argument, "seconds or a datetime.timedelta", value, advice)
    else:
        given = number(argument, value, advice)
    if given <= 0.0:
        raise invalid(argument, "seconds above zero", value, advice)
    return given


def _as_number(argument: str, text: Any) -> str | None:
    """The advice for a text that holds a number."""
    try:
        meant = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    return f"Write {argument}={text.strip()}." if math.isfinite(meant) else None


def _duration(text: str) -> float | None:
    """The seconds that a text such as "1h", "90 min" or "01:30:00" stands for; None if none."""
    text = text.strip().lower()
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, rest = (float(part or 0.0) for part in clock.groups())
        return 3600.0 * hours + 60.0 * minutes + rest
    if _PART.sub("", text):
        try:
            return float(text)
        except ValueError:
            return None
    return sum(float(amount) * _UNITS[unit[0]] for amount, unit in _PART.findall(text))
