"""Studies and trials as rows of the tables; what a damaged or hostile file holds is refused by name.

SQLite sees that a page is damaged, but not that a number in it has become another one: each row has a
checksum. Rows of an older tfbo have none.
"""

from __future__ import annotations

import dataclasses
import json
import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from tfbo._messages import printable
from tfbo._scalars import plain
from tfbo.errors import InvalidArgument, StorageError
from tfbo.space import Space
from tfbo.trial import COMPLETE, STATES, Trial

RECORD = ("name", "space", "direction", "seed", "created", "checksum")
TRIAL = (*(field.name for field in dataclasses.fields(Trial)), "checksum")

_END_OF_TIME = 253402300800.0  # year 10000, which neither time nor datetime knows
_MOST = 2**62  # of whole numbers: SQLite's end at 2^63, beyond which they become floats
_SHOWN = 100


class _Rule(NamedTuple):
    expected: str
    holds: Callable[[Any], bool]
    optional: bool = True


def _text(value: Any) -> bool:
    try:
        # What is not UTF-8 has been read as surrogates, so that its row can be named.
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def is_count(value: Any) -> bool:
    """Whether a column holds a whole number >= 0 that can still grow."""
    return isinstance(value, int) and 0 <= value < _MOST


_TIME = _Rule("seconds since 1970", lambda v: _number(v) and 0.0 <= v < _END_OF_TIME)
_NAME = _Rule("a text that is not empty", lambda v: _text(v) and v != "", optional=False)
_TEXT = _Rule("a text", _text)
_JSON = _Rule("a JSON object", lambda v: isinstance(v, dict), optional=False)
_PARAMS = _Rule(
    "a JSON object of scalars",
    lambda v: isinstance(v, dict) and not any(isinstance(x, (dict, list)) for x in v.values()),
    optional=False,
)

_OF_TRIAL = {
    "number": _Rule("a whole number >= 0", is_count, optional=False),
    "params": _PARAMS,
    "state": _Rule(f"one of {', '.join(STATES)}", lambda v: v in STATES, optional=False),
    "value": _Rule("a finite number", _number),
    "std": _Rule("a finite number >= 0", lambda v: _number(v) and v >= 0.0),
    "kind": _TEXT,
    "reason": _TEXT,
    "traceback": _TEXT,
    "started": _TIME,
    "finished": _TIME,
    "notes": _JSON,
}
_OF_RECORD = {
    "name": _NAME,
    "space": _NAME,
    "direction": _Rule(
        "minimize or maximize", lambda v: v in ("minimize", "maximize"), optional=False
    ),
    "seed": _Rule(
        "digits", lambda v: _text(v) and v.isascii() and v.isdigit() and len(v) < 20, optional=False
    ),
    "created": _Rule(_TIME.expected, _TIME.holds, optional=False),
}


def damaged(what: str, why: str) -> StorageError:
    """The error for a row that tfbo did not write."""
    return StorageError(
        f"storage: {what} is damaged: {why}. Take the file from a backup, or repair or delete "
        "that row with sqlite3."
    )


def shown(value: Any) -> str:
    """What came, for an error: as Python would write it, within a line."""
    text = repr(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}..."


def of_trial(trial: Trial) -> tuple[Any, ...]:
    """What is stored of a trial, in the order of `TRIAL`."""
    fields = {name: plain(value) for name, value in vars(trial).items()}
    for name in ("params", "notes"):
        fields[name] = json.dumps(fields[name], allow_nan=False)
    for name in ("reason", "traceback"):  # of an exception: names of files need not be Unicode
        if fields[name] is not None:
            fields[name] = fields[name].encode("utf-8", "backslashreplace").decode()
    return (*fields.values(), _checksum(fields.values()))


def trial(study: str, row: Sequence[Any]) -> Trial:
    """The trial of a row.

    Raises:
        StorageError: for what is no trial; it names the study and the trial.
    """
    *stored, checksum = row
    fields = dict(zip(TRIAL, stored, strict=False))
    what = f"trial {shown(fields['number'])} of the study {shown(study)}"
    for name in ("params", "notes"):
        fields[name] = _parsed(what, name, fields[name])
    _check(what, fields, _OF_TRIAL)
    if (fields["state"] == COMPLETE) != (fields["value"] is not None):
        raise damaged(what, "a value belongs to a complete trial, and to no other")
    _check_sum(what, stored, checksum)
    return Trial(**fields)


def of_record(name: str, space: str, direction: str, seed: int, created: float) -> tuple[Any, ...]:
    """What is stored of a study, in the order of `RECORD`."""
    fields = (plain(name), space, plain(direction), str(seed), created)
    return (*fields, _checksum(fields))


def record(row: Sequence[Any]) -> tuple[str, str, str, int, float]:
    """Name, space, direction, seed and time of creation of a study.

    Raises:
        StorageError: for what is no study; it names it.
    """
    *stored, checksum = row
    fields = dict(zip(RECORD, stored, strict=False))
    what = f"the study {shown(fields['name'])}"
    _check(what, fields, _OF_RECORD)
    _check_sum(what, stored, checksum)
    name, space, direction, seed, created = stored
    return name, space, direction, int(seed), created


def space(study: str, text: str) -> Space:
    """The space of a study.

    Raises:
        StorageError: for what is no space; it names the study.
    """
    try:
        return Space.from_json(text)
    except (InvalidArgument, ArithmeticError, RecursionError, MemoryError) as error:
        raise damaged(
            f"the space of the study {shown(study)}", printable(str(error))[: 4 * _SHOWN]
        ) from error


def check_params(study: str, space: Space, trials: Sequence[Trial]) -> None:
    """Refuse trials whose parameters are not those of the space, or have values that are not legal.

    Raises:
        StorageError: it names the study and the trial.
    """
    for one in trials:
        for name, value in one.params.items():
            what = f"trial {one.number} of the study {shown(study)}"
            if name not in space:
                raise damaged(what, f"the space has no parameter {shown(name)}")
            try:
                space[name].legal(shown(name), value)
            except (InvalidArgument, ArithmeticError) as error:
                raise damaged(what, printable(str(error))[: 4 * _SHOWN]) from error


def _check(what: str, fields: dict[str, Any], rules: dict[str, _Rule]) -> None:
    for name, rule in rules.items():
        value = fields[name]
        if value is None and rule.optional:
            continue
        if not rule.holds(value):
            raise damaged(what, f"{name}: expected {rule.expected}, got {shown(value)}")


def _checksum(fields: Iterable[Any]) -> int:
    # SQLite knows no minus zero, and gives whole numbers of a column of floats as floats.
    exact = [float(v) + 0.0 if isinstance(v, (int, float)) else v for v in fields]
    return zlib.crc32(repr(exact).encode())


def _check_sum(what: str, fields: Iterable[Any], checksum: Any) -> None:
    if checksum is not None and checksum != _checksum(fields):
        raise damaged(what, "its checksum is another one (NULL, where it was changed on purpose)")


def _parsed(what: str, name: str, text: Any) -> Any:
    if not _text(text):
        raise damaged(what, f"{name}: expected {_JSON.expected}, got {shown(text)}")
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_float=_finite, parse_constant=_constant
        )
    except (ValueError, RecursionError) as error:
        raise damaged(what, f"{name}: {shown(text)} is no JSON ({error})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name is there twice")
    return made


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:_SHOWN]} is too large")
    return number


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")
