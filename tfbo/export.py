"""`tfbo export`: a study as CSV for a spreadsheet, or as JSON with everything that is known of it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable
from typing import Any

from tfbo import opening, rows
from tfbo.storage import Storage
from tfbo.trial import Trial

_BEFORE = ("number", "state", "value", "std")
_AFTER = ("kind", "reason", "started", "duration")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(storage: Storage, name: str | None = None) -> str:
    """A line for each trial, with the columns of `Study.to_dataframe`, after one of their names.

    Numbers are exact. A cell is empty where there is nothing: of a parameter, where it is not active.
    A choice that is None is the text "None". A text that a spreadsheet would take for a formula, such as
    "=1+1" or "-relu", has an apostrophe before it; JSON has it as it is.

    Args:
        storage: where the study is.
        name: the study's name; may be left out where there is only one.

    Raises:
        StudyNotFound: where there is no study of that name; the error lists those there are.
        InvalidArgument: where a name is needed to tell which.
        StorageError: for a study that is damaged; it names the trial.
    """
    record = opening.find(storage, name)
    changes = storage.changes(record.name, 0)
    names = list(rows.space(record.name, changes.space))
    lines = [_line([*_BEFORE, *(f"params_{name}" for name in names), *_AFTER])]
    for trial in changes.trials:
        cells = [str(trial.params[name]) if name in trial.params else "" for name in names]
        before, after = ([getattr(trial, field) for field in part] for part in (_BEFORE, _AFTER))
        lines.append(_line(_harmless(cell) for cell in [*before, *cells, *after]))
    return "".join(lines)


def _line(cells: Iterable[Any]) -> str:
    text = io.StringIO()
    # Where lines end with a line feed alone, csv does not quote a carriage return, and readers split there.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _harmless(cell: Any) -> Any:
    """The cell so that no spreadsheet evaluates it: names and reasons may come from anywhere."""
    if not isinstance(cell, str) or not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def as_json(storage: Storage, name: str | None = None) -> str:
    """The study and all its trials, every field exact.

    `Space.from_json(json.dumps(loaded["space"]))` is its space, and `Trial(**one)` the trial of one of
    `loaded["trials"]`.

    Args:
        storage: where the study is.
        name: the study's name; may be left out where there is only one.

    Raises:
        StudyNotFound: where there is no study of that name; the error lists those there are.
        InvalidArgument: where a name is needed to tell which.
        StorageError: for a study that is damaged; it names the trial.
    """
    record = opening.find(storage, name)
    changes = storage.changes(record.name, 0)
    study: dict[str, Any] = {
        "name": record.name,
        "direction": record.direction,
        "seed": record.seed,
        "created": record.created,
        "space": json.loads(rows.space(record.name, changes.space).to_json()),
        "trials": [_fields(trial) for trial in changes.trials],
    }
    try:
        return json.dumps(study, indent=1, allow_nan=False) + "\n"
    except RecursionError as error:
        what = f"the study {rows.shown(record.name)}"
        raise rows.damaged(what, "notes that are nested too deep") from error


def _fields(trial: Trial) -> dict[str, Any]:
    return {field.name: getattr(trial, field.name) for field in dataclasses.fields(trial)}
