"""`tfbo export`: a study as CSV for a spreadsheet, or as JSON with everything that is known of it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from typing import Any

from tfbo import opening
from tfbo.space import Space
from tfbo.storage import Storage
from tfbo.trial import Trial

_BEFORE = ("number", "state", "value", "std")
_AFTER = ("kind", "reason", "started", "duration")


def as_csv(storage: Storage, name: str | None = None) -> str:
    """A line for each trial, with the columns of `Study.to_dataframe`, after one of their names.

    Numbers are exact. A cell is empty where there is nothing: of a parameter, where it is not active.
    A choice that is None is the text "None".

    Args:
        storage: where the study is.
        name: the study's name; may be left out where there is only one.

    Raises:
        StudyNotFound: where there is no study of that name; the error lists those there are.
        InvalidArgument: where a name is needed to tell which.
    """
    record = opening.find(storage, name)
    changes = storage.changes(record.name, 0)
    names = list(Space.from_json(changes.space))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = (f"params_{name}" for name in names)
    writer.writerow([*_BEFORE, *heads, *_AFTER])
    for trial in changes.trials:
        cells = [str(trial.params[name]) if name in trial.params else "" for name in names]
        before, after = ([getattr(trial, field) for field in part] for part in (_BEFORE, _AFTER))
        writer.writerow([*before, *cells, *after])
    return text.getvalue()


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
    """
    record = opening.find(storage, name)
    changes = storage.changes(record.name, 0)
    study: dict[str, Any] = {
        "name": record.name,
        "direction": record.direction,
        "seed": record.seed,
        "created": record.created,
        "space": json.loads(changes.space),
        "trials": [_fields(trial) for trial in changes.trials],
    }
    return json.dumps(study, indent=1, allow_nan=False) + "\n"


def _fields(trial: Trial) -> dict[str, Any]:
    return {field.name: getattr(trial, field.name) for field in dataclasses.fields(trial)}
