"""Studies and trials as rows: for each column how it is written and read, and what is expected of it.

A field that joins `Trial` is a line of `TRIAL` and a migration that adds its column. Rows from before
have NULL there: the field has its default, and their checksums stay right.

SQLite sees that a page is damaged, but not that a number in it has become another one: each row has a
checksum. Rows of the second schema and before have none.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tfbo._arguments import is_number, plain
from tfbo._messages import printable
from tfbo.errors import InvalidArgument
from tfbo.space import Space
from tfbo.storage.base import Record, damaged, shown
from tfbo.trial import DIRECTIONS, STATES, VALUED, Trial

_END_OF_TIME = 253402300800.0  # year 10000, which neither time nor datetime knows
_MOST = 2**62  # of whole numbers: SQLite's end at 2^63, beyond which they become floats
_LONGEST = 400  # characters of somebody else's error in one of ours


def _is_text(value: Any) -> bool:
    try:
        # What is not UTF-8 has been read as surrogates, so that its row can be named.
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def is_count(value: Any) -> bool:
    """True for a whole number >= 0 that can still grow."""
    return isinstance(value, int) and 0 <= value < _MOST


def _is_flat(value: Any) -> bool:
    return isinstance(value, dict) and not any(isinstance(v, (dict, list)) for v in value.values())


def _to_json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _from_json(text: Any) -> Any:
    """The value of a JSON text, strictly; anything but a text is left for the check to refuse."""
    if not _is_text(text):
        return text
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_float=_finite, parse_constant=_finite
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown(text)} is no JSON ({error})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name is there twice")
    return made


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:100]} is no finite number")
    return number


_INFINITE = {math.inf: "inf", -math.inf: "-inf"}


def _from_numbers(numbers: Mapping[str, float]) -> str | None:
    """Numbers by name as JSON, which has neither NaN nor infinities; nothing for none."""
    if not numbers:
        return None
    plain = {name: None if math.isnan(v) else _INFINITE.get(v, v) for name, v in numbers.items()}
    return _to_json(plain)


def _to_numbers(text: Any) -> Any:
    """The numbers by name of such a JSON; anything else is left for the check to refuse."""
    found = _from_json(text)
    if not isinstance(found, dict):
        return text
    infinite = {written: number for number, written in _INFINITE.items()}
    return {
        name: math.nan if v is None else infinite.get(v, v) if isinstance(v, str) else v
        for name, v in found.items()
    }


def _are_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(is_number(number) for number in value.values())


def _from_digits(text: Any) -> Any:
    sound = _is_text(text) and text.isascii() and text.isdigit() and len(text) < 20
    return int(text) if sound else text


def _to_text(value: Any) -> Any:
    """The text of an exception, in which names of files need not be Unicode."""
    return value and plain(value).encode("utf-8", "backslashreplace").decode()


class _Field(NamedTuple):
    """A column, and the field of a trial or record that it holds."""

    expected: str
    holds: Callable[[Any], bool]
    """True for a value that was read and can be."""
    optional: bool = True
    write: Callable[[Any], Any] = plain
    read: Callable[[Any], Any] = lambda stored: stored


_NAME = _Field("a text that is not empty", lambda v: _is_text(v) and v != "", optional=False)
_TIME = _Field("seconds since 1970", lambda v: _is_number(v) and 0.0 <= v < _END_OF_TIME)
_NUMBERS = _Field("a JSON object of numbers", _are_numbers, write=_from_numbers, read=_to_numbers)
RECORD = {
    "name": _NAME,
    "space": _NAME,
    "direction": _Field(" or ".join(DIRECTIONS), lambda v: v in DIRECTIONS, optional=False),
    "seed": _Field("digits", lambda v: isinstance(v, int), False, str, _from_digits),
    "created": _TIME._replace(optional=False),
    "fidelity": _Field("a text", _is_text),
    "goals": _Field("a text", _is_text),
    "constraints": _Field("a text", _is_text),
}
TRIAL = {
    "number": _Field("a whole number >= 0", is_count, optional=False),
    "params": _Field("a JSON object of scalars", _is_flat, False, _to_json, _from_json),
    "state": _Field(f"one of {', '.join(STATES)}", lambda v: v in STATES, optional=False),
    "value": _Field("a finite number", _is_number),
    "std": _Field("a finite number >= 0", lambda v: _is_number(v) and v >= 0.0),
    "kind": _Field("a text", _is_text),
    "reason": _Field("a text", _is_text, write=_to_text),
    "traceback": _Field("a text", _is_text, write=_to_text),
    "started": _TIME,
    "finished": _TIME,
    "notes": _Field("a JSON object", lambda v: isinstance(v, dict), False, _to_json, _from_json),
    "start": _Field("a step >= 0", is_count),
    "until": _Field("a step >= 0", is_count),
    "spent": _Field("a whole number >= 0", is_count),
    "values": _NUMBERS,
    "stds": _NUMBERS,
    "violations": _NUMBERS,
}
"""New fields at the end: the first rule of the checksum goes by the order, and so do saved rows of Ray."""


def columns(table: Mapping[str, _Field]) -> str:
    """The columns of a row of `RECORD` or `TRIAL` for SQL, the checksum last."""
    # One of the names is a word of SQL. In brackets, SQLite never takes a name for a text.
    return ", ".join([*(f"[{name}]" for name in table), "checksum"])


def write_trial(trial: Trial) -> tuple[Any, ...]:
    """The row of a trial, as `columns(TRIAL)` names it."""
    return _write(TRIAL, trial)


def read_trial(study: Any, row: Sequence[Any], curve: dict[int, float] | None = None) -> Trial:
    """The trial of a row, with its curve; StorageError, which names both, for anything else."""
    number, *_ = row
    part = f"trial {shown(number)} of "
    fields = _read(TRIAL, row, study, part)
    valued = "value" in fields
    if (valued and fields["state"] not in VALUED) or (not valued and _lacks_value(fields)):
        why = f"a value belongs to a trial that is {' or '.join(VALUED)}, and to no other"
        raise damaged(study, why, part=part)
    return Trial(**fields, curve=curve or {})


def _lacks_value(fields: Mapping[str, Any]) -> bool:
    """True for a trial that has to have a value, and has none: neither its own nor by names."""
    return fields["state"] in VALUED and not fields.get("values")


def write_points(points: Mapping[int, float]) -> list[tuple[Any, ...]]:
    """The rows of points of a curve: step, value (NULL for NaN) and checksum."""
    kept = [(step, value if math.isfinite(value) else None) for step, value in points.items()]
    return [(step, value, _point_sum(step, value)) for step, value in kept]


def read_points(study: Any, rows: Iterable[Sequence[Any]]) -> dict[int, dict[int, float]]:
    """Curves by the numbers of their trials, from rows of number, step, value and checksum."""
    curves: dict[int, dict[int, float]] = {}
    for number, step, value, checksum in rows:
        sound = is_count(step) and (value is None or _is_number(value))
        if not sound or checksum not in (None, _point_sum(step, value)):
            why = f"its curve at step {shown(step)}: expected a number and its checksum, got {shown(value)}"
            raise damaged(study, why, part=f"trial {shown(number)} of ")
        curves.setdefault(number, {})[step] = math.nan if value is None else value
    return curves


def _point_sum(step: int, value: float | None) -> int:
    return zlib.crc32(f"{step} {value if value is None else _exact(value)!r}".encode())


def write_record(record: Record) -> tuple[Any, ...]:
    """The row of a study, as `columns(RECORD)` names it."""
    return _write(RECORD, record)


def read_record(row: Sequence[Any]) -> Record:
    """The record of a row; StorageError, which names the study, for anything else."""
    name, *_ = row
    return Record(**_read(RECORD, row, name, ""))


def read_space(study: str, text: str) -> Space:
    """The space of a study; StorageError, which names the study, for what is no space."""
    try:
        return Space.from_json(text)
    except (InvalidArgument, ArithmeticError, RecursionError, MemoryError) as error:
        raise damaged(study, printable(str(error))[:_LONGEST], part="the space of ") from error


def check_params(study: str, space: Space, trials: Sequence[Trial]) -> None:
    """Raise StorageError for trials whose parameters are not the space's, or not legal values of it."""
    for trial in trials:
        for name, value in trial.params.items():
            part = f"trial {trial.number} of "
            if name not in space:
                raise damaged(study, f"the space has no parameter {shown(name)}", part=part)
            try:
                space[name].legal(shown(name), value)
            except (InvalidArgument, ArithmeticError) as error:
                raise damaged(study, printable(str(error))[:_LONGEST], part=part) from error


def _write(table: Mapping[str, _Field], value: Any) -> tuple[Any, ...]:
    fields = {name: getattr(value, name) for name in table}
    row = {name: None if v is None else table[name].write(v) for name, v in fields.items()}
    return (*row.values(), _checksum(row))


def _read(
    table: Mapping[str, _Field], values: Sequence[Any], study: Any, part: str
) -> dict[str, Any]:
    """The fields of a row by name; those without a value have none, and take their defaults."""
    *stored, checksum = values
    row = dict(zip(table, stored, strict=False))
    fields = {}
    for name, field in table.items():
        found = row.get(name)
        if found is None and field.optional:
            continue
        try:
            value = field.read(found)
        except ValueError as error:
            raise damaged(study, f"{name}: {error}", part=part) from error
        if not field.holds(value):
            why = f"{name}: expected {field.expected}, got {shown(found)}"
            raise damaged(study, why, part=part)
        fields[name] = value
    if checksum not in (None, _checksum(row)) and checksum != _first_checksum(row):
        why = "its checksum is another one (NULL, where it was changed on purpose)"
        raise damaged(study, why, part=part)
    return fields


# Rule of the checksums that are written, in the bits above the sum. It is a JSON of the values by name:
# what `repr` escapes depends on Python's version of Unicode.
_RULE = 2


def _checksum(row: Mapping[str, Any]) -> int:
    """Sum of the values of a row by name, without NULLs: a column that joins later changes none."""
    named = {name: _exact(value) for name, value in row.items() if value is not None}
    return _RULE << 32 | zlib.crc32(json.dumps(named, sort_keys=True).encode())


# Columns whose NULLs the first rule counted.
_COUNTED = frozenset({"value", "std", "kind", "reason", "traceback", "started", "finished"})


def _first_checksum(row: Mapping[str, Any]) -> int:
    """Sum of the third schema, which had no rule above it: of the values alone, in their order."""
    listed = [_exact(v) for name, v in row.items() if v is not None or name in _COUNTED]
    return zlib.crc32(repr(listed).encode())


def _exact(value: Any) -> Any:
    # SQLite knows no minus zero, and gives whole numbers of a column of floats as floats.
    return float(value) + 0.0 if isinstance(value, (int, float)) else value
