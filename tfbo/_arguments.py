"""Arguments that are numbers, counts, seeds or durations: one check each, whose error says what to write.

Numbers may be of any library: `plain` and `as_float` say what a scalar stands for.
"""

from __future__ import annotations

import datetime
import math
import operator
import re
from typing import Any

import numpy as np

from tfbo.errors import invalid

_PLAIN = (str, int, float, bool, type(None))
# A database and a float of a compiled program hold no more.
_MOST = 2**63

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(
    r"(\d+(?:\.\d*)?|\.\d+)\s*(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)[\s,]*"
)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


def number(argument: str, value: Any, advice: str, *, least: float = -math.inf) -> float:
    """A finite number of any library, not below `least`, as a float; text and booleans are refused.

    Example:
        >>> number("target", 3, "Leave it out.")
        3.0
    """
    given = as_float(value)
    if given is not None and math.isfinite(given) and given >= least:
        return given
    expected = "a number" if given is None else "a finite number"
    if least > -math.inf:
        expected = f"a finite number >= {least:g}"
    raise invalid(argument, expected, value, _as_number(argument, value) or advice)


def whole(argument: str, value: Any, advice: str) -> int:
    """A whole number of any integer type as an int; a float is refused, even 3.0."""
    found = _index(value)
    if found is None:
        raise invalid(argument, "a whole number", value, _as_whole(argument, value) or advice)
    return found


def count(argument: str, value: Any, advice: str, *, least: int = 1) -> int:
    """A whole number from `least` to 2^63 of any integer type as an int; a float is refused, even 3.0.

    Example:
        >>> count("n_trials", np.int64(3), "Leave it out.")
        3
    """
    found = _index(value)
    if found is None or found < least:
        advice = _as_whole(argument, value, least) or advice
        raise invalid(argument, f"a whole number >= {least}", value, advice)
    if found >= _MOST:
        raise invalid(argument, "a whole number below 2^63", value, advice)
    return found


def seed(value: Any, argument: str = "seed") -> int:
    """A seed as an int: a whole number from 0 to 2^63."""
    return count(argument, value, f"Use {argument}=0.", least=0)


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


def is_number(value: Any) -> bool:
    """True for an int or a float, not for a bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """The text, int, float or bool that a value stands for; anything else as it is.

    That are scalars of NumPy; arrays, tensors and series of one element, on any device, whether or not
    they have a gradient; members of an Enum that are a str, int or float as well, and whatever else is
    derived from these. Dates of NumPy, complex numbers and text that is bytes stay what they are.

    Example:
        >>> import enum
        >>> class Units(enum.IntEnum):
        ...     FEW = 16
        >>> plain(np.float32(0.5)), plain(np.array([True])), plain(Units.FEW)
        (0.5, True, 16)
    """
    if type(value) in _PLAIN:
        return value
    value = _element(value)
    # The methods of the classes themselves: an Enum may say something else in its own.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    return float.__float__(value) if isinstance(value, float) else value


def as_float(value: Any) -> float | None:
    """A float from a number, infinite where that is too large for one; None from what is no number.

    Example:
        >>> from fractions import Fraction
        >>> as_float(Fraction(1, 4)), as_float(10**400), as_float(True), as_float("0.5")
        (0.25, inf, None, None)
    """
    found = plain(value)
    # Several numbers and dates still have a dtype; text, None and complex numbers have no __float__.
    if isinstance(found, bool) or hasattr(found, "dtype") or not hasattr(found, "__float__"):
        return None
    try:
        return float(found)
    except OverflowError:
        return math.inf if found > 0 else -math.inf
    except (TypeError, ValueError, AttributeError):
        return None


def axes(value: Any) -> int:
    """Number of axes of an array; 0 for a scalar."""
    try:
        return len(getattr(value, "shape", ()))
    except (TypeError, ValueError):  # a tensor of unknown rank
        return 1


def _index(value: Any) -> int | None:
    """The whole number that a value is; None for anything else, be it 3.0."""
    found = plain(value)
    try:
        return None if isinstance(found, bool) else operator.index(found)
    except (TypeError, AttributeError):
        return None


def _as_number(argument: str, text: Any) -> str | None:
    """The advice for a text that holds a number."""
    return f"Write {argument}={text.strip()}." if math.isfinite(_read(text)) else None


def _as_whole(argument: str, value: Any, least: float = -math.inf) -> str | None:
    """The advice for a float or a text that holds a whole number."""
    meant = _read(value) if isinstance(value, str) else as_float(value)
    if meant is None or not least <= meant < _MOST or not meant.is_integer():
        return None
    return f"Write {argument}={int(meant)}."


def _read(text: Any) -> float:
    """The number that a text holds; NaN without one."""
    try:
        return float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return math.nan


def _element(value: Any) -> Any:
    """The only element of an array, a tensor or a series; anything else as it is."""
    if not hasattr(value, "dtype") or isinstance(value, type) or _size(value) != 1:
        return value
    # A date in nanoseconds would become a whole number.
    if getattr(value.dtype, "kind", None) in ("m", "M"):
        return value
    if np.ma.is_masked(value):
        return math.nan
    # TensorFlow's and Keras's have no item(); PyTorch's numpy() refuses gradients and GPUs.
    array = value if hasattr(value, "item") or not hasattr(value, "numpy") else value.numpy()
    if not hasattr(array, "item"):
        return value
    found = array.item()
    # Types that Python lacks, such as bfloat16 and longdouble.
    if isinstance(found, np.generic):
        return complex(found) if isinstance(found, np.complexfloating) else float(found)
    return found


def _size(value: Any) -> int:
    try:
        return math.prod(getattr(value, "shape", ()))
    except (TypeError, ValueError):  # a tensor of unknown shape
        return 0


def _duration(text: str) -> float | None:
    """The seconds that a text such as "1h", "90 min" or "01:30:00" stands for; None if none."""
    text = text.strip().lower()
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, rest = (float(part or 0.0) for part in clock.groups())
        return 3600.0 * hours + 60.0 * minutes + rest
    if _PART.sub("", text):
        return None if math.isnan(_read(text)) else _read(text)
    return sum(float(amount) * _UNITS[unit[0]] for amount, unit in _PART.findall(text))
