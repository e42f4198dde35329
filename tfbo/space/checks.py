"""Arguments of parameters: one check each, whose error says what to write instead."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, KeysView, Mapping, Set
from enum import Enum
from typing import Any

from tfbo import _arguments
from tfbo._arguments import as_float, axes, plain
from tfbo.errors import invalid
from tfbo.space import decimals

INSIDE = "Choose a value inside the range, or widen the range."
_MOST_LEVELS = 2**53
_MOST_LOG_LEVELS = 2**24


def same(a: Any, b: Any) -> bool:
    """Equality that tells True, 1 and 1.0 apart."""
    return type(a) is type(b) and bool(a == b)


def real(argument: str, value: Any) -> float:
    """A finite number as a float."""
    return _arguments.number(argument, value, "Pass a number that a float can hold.")


def whole(argument: str, value: Any) -> int:
    """A whole number as an int; a float is refused, even 3.0."""
    found = _arguments.whole(argument, value, "Use Float for real numbers.")
    real(argument, found)
    return found


def flag(argument: str, value: Any) -> bool:
    """A bool and nothing else."""
    found = plain(value)
    if not isinstance(found, bool):
        raise invalid(argument, "True or False", value, "Pass a bool.")
    return found


def bounds(low: float, high: float, log: bool) -> None:
    """Bounds in order, and above zero on a logarithmic scale."""
    if low >= high:
        advice = "Use Constant for a single value." if low == high else "Exchange them."
        raise invalid("low", f"a number below high ({high})", low, advice)
    if log and low <= 0:
        advice = "Use a small positive low, such as high / 1e4, or drop log=True."
        raise invalid("low", "a number above zero, because log=True", low, advice)
    if isinstance(low, int) and log and high - low >= _MOST_LOG_LEVELS:
        advice = "Use Float(..., log=True) and round in the objective."
        raise invalid("high", f"fewer than {_MOST_LOG_LEVELS} levels with log=True", high, advice)


def step(low: float, high: float, size: float) -> None:
    """A step above zero that leads from low to high."""
    if size <= 0:
        raise invalid("step", "a number above zero", size, "Leave it out to allow every value.")
    if size > high - low:
        raise invalid("step", f"at most high - low = {high - low}", size, "Make it smaller.")
    count = decimals.steps(low, high, size)
    if count >= _MOST_LEVELS:
        raise invalid("step", "at most 2^53 levels from low to high", size, "Use a larger step.")
    reached = decimals.value(low, size, count)
    # Floats that differ by rounding alone; whole numbers are exact.
    close = not isinstance(reached, int) and abs(reached - high) <= 1e-9 * size
    if reached != high and not close:
        reach = decimals.below(low, high, size)
        beyond = decimals.value(reach, size, 1)
        advice = f"With this step, high can be {reach} or {beyond}."
        raise invalid("step", f"a divisor of high - low = {high - low}", size, advice)


def text(argument: str, value: str) -> str:
    """Text without lone surrogates, which names of files that are not UTF-8 have."""
    try:
        value.encode()
    except UnicodeEncodeError:
        advice = (
            "No picture or table can show it. Write it otherwise, such as os.fsencode(name).hex()."
        )
        raise invalid(argument, "text without lone surrogates", value, advice) from None
    return value


def scalar(argument: str, value: Any) -> Any:
    """A value that comes back from JSON as the type it was: text, a finite number, a bool or None."""
    found = plain(value)
    fits: bool = found is None or isinstance(found, (str, bool))
    if isinstance(found, (int, float)) and not fits:
        fits = math.isfinite(as_float(found) or 0.0)
    if fits and axes(value) == 0:
        return text(argument, found) if isinstance(found, str) else found
    expected = "a JSON scalar (text, a bool, None, or a finite number within the range of floats)"
    advice = "Give the object a name here, and look the name up in the objective."
    if isinstance(value, Enum):
        cls = type(value).__name__
        advice = f"Use its name, {value.name!r}, here and {cls}[name] in the objective."
    raise invalid(argument, expected, value, advice)


def scalars(argument: str, values: Any) -> tuple[Any, ...]:
    """JSON scalars from a list or whatever else has an order."""
    if not _is_listing(values):
        raise invalid(argument, "a list of values", values, "Write them as [a, b, c].")
    if isinstance(values, Set) and not isinstance(values, KeysView):
        advice = "A set has another order in each process. Write [a, b, c], or sort it."
        raise invalid(argument, "values in an order", values, advice)
    return tuple(scalar(f"{argument}[{i}]", value) for i, value in enumerate(values))


def one_or_more(argument: str, values: Any) -> tuple[Any, ...]:
    """JSON scalars from a scalar or several; those of a set, which has no order, in one order."""
    if isinstance(values, Set):
        return tuple(sorted((scalar(argument, value) for value in values), key=repr))
    return scalars(argument, values) if _is_listing(values) else (scalar(argument, values),)


def choices(argument: str, values: Any) -> tuple[Any, ...]:
    """Two or more JSON scalars, all different."""
    listed = scalars(argument, values)
    if len(listed) < 2:
        raise invalid(
            argument, "two values or more", list(listed), "Use Constant for a single value."
        )
    seen = set()
    for value in listed:
        if (type(value), value) in seen:
            raise invalid(
                argument, "values that all differ", list(listed), f"{value!r} is there twice."
            )
        seen.add((type(value), value))
    return listed


def when(value: Any) -> tuple[tuple[str, tuple[Any, ...]], ...] | None:
    """Conditions as a hashable value: ((parent, values), ...); None where there is none."""
    if value is None:
        return None
    if isinstance(value, tuple):  # already frozen: dataclasses.replace hands it back
        value = dict(value)
    if not isinstance(value, Mapping) or not value:
        expected = '{"parent": value or list of values}'
        raise invalid(
            "when", expected, value, "Leave it out for a parameter that is always active."
        )
    frozen = []
    for parent, allowed in value.items():
        parent = plain(parent)
        if not isinstance(parent, str):
            raise invalid("when", "names of parameters as keys", parent, "Write them as text.")
        label = f"when[{parent!r}]"
        listed = one_or_more(label, allowed)
        if not listed:
            raise invalid("when", f"one value of {parent!r} or more", allowed, "List the values.")
        frozen.append((parent, listed))
    return tuple(frozen)


def freeze(instance: Any, **values: Any) -> None:
    """Store checked values in a frozen dataclass under construction."""
    for name, value in values.items():
        object.__setattr__(instance, name, value)


def suggestion(name: str, known: Iterable[str]) -> str:
    """End of the error for an unknown name: the one that was meant, or those that are known."""
    listed = list(known)
    close = difflib.get_close_matches(str(name), listed, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"There are: {', '.join(map(repr, listed))}." if listed else "There is no other."


def _is_listing(value: Any) -> bool:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        return False
    return not hasattr(value, "shape") or axes(value) > 0
