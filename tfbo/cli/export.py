"""`tfbo export`: a study as CSV for a spreadsheet, or as JSON with everything that is known of it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from tfbo.storage import Record, Storage, damaged, read_space
from tfbo.study import aims, records
from tfbo.study.aims import Aims
from tfbo.trial import Trial

_BEFORE = ("number", "state", "value", "std")
_STEPS = {"start": "start", "until": "until", "step": "reached", "spent": "trained"}
_AFTER = ("kind", "reason")
_TIMES = ("started", "duration")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def read(storage: Storage, name: str | None = None) -> tuple[Record, Sequence[Trial]]:
    """The record of a study, the only one without a name, with its space of today, and its trials."""
    record = records.find(storage, name)
    changes = storage.changes(record.name, 0)
    return record._replace(space=changes.space), changes.trials


def as_csv(record: Record, trials: Sequence[Trial]) -> str:
    """A line for each trial, with the columns of `Study.to_dataframe`, after one of their names.

    Numbers are exact, and times ISO 8601 in UTC: "2026-01-31T12:00:00.000000+00:00". A cell is empty
    where there is nothing: of a parameter, where it is not active. Where trials have curves, their
    steps follow; `curves` has the points. Outcomes with names have columns of their values and standard
    errors, constraints of how far each is broken (0 where it holds, empty where that is not known), and
    one says if the trial is feasible. A choice that is None is the text "None". A text
    that a spreadsheet would take for a formula, such as "=1+1" or "-relu", has an apostrophe before it;
    JSON has it as it is.
    """
    names = list(read_space(record.name, record.space))
    staged = record.fidelity is not None or any(trial.curve for trial in trials)
    steps = _STEPS if staged else {}
    aim = aims.of(record)
    outcomes = {} if aim.metrics.is_plain else _outcomes(trials, aim)
    heads = [*_BEFORE, *outcomes, *(f"params_{name}" for name in names)]
    lines = [_line([*heads, *_AFTER, *_TIMES, *steps])]
    for i, trial in enumerate(trials):
        cells = [str(trial.params[name]) if name in trial.params else "" for name in names]
        parts = (_BEFORE, _AFTER, steps.values())
        before, after, stage = ([getattr(trial, field) for field in part] for part in parts)
        before += [column[i] for column in outcomes.values()]
        times = (_moment(trial.started), trial.duration)
        lines.append(_line(_harmless(cell) for cell in [*before, *cells, *after, *times, *stage]))
    return "".join(lines)


def _outcomes(trials: Sequence[Trial], aim: Aims) -> dict[str, list[Any]]:
    """Columns of outcomes that have names, by their heads."""
    columns: dict[str, list[Any]] = {}
    for name in aim.metrics.shown(trials):
        columns[f"values_{name}"] = [trial.values.get(name) for trial in trials]
    for name in aim.metrics.names:
        if any(name in trial.stds for trial in trials):
            columns[f"stds_{name}"] = [trial.stds.get(name) for trial in trials]
    for text in aim.texts:
        broken = [trial.violations.get(text, math.nan) for trial in trials]
        columns[f"violations_{text}"] = [None if math.isnan(far) else far for far in broken]
    columns["feasible"] = [trial.is_feasible for trial in trials]
    return columns


def curves(trials: Sequence[Trial]) -> str:
    """A line of CSV for each point of each curve: number of the trial, step, value.

    Example:
        >>> print(curves([Trial(0, {}, curve={1: 0.5, 2: float("nan")})]), end="")
        number,step,value
        0,1,0.5
        0,2,nan
    """
    points = ((trial.number, *point) for trial in trials for point in trial.curve.items())
    return "".join(map(_line, [("number", "step", "value"), *points]))


def _line(cells: Iterable[Any]) -> str:
    text = io.StringIO()
    # Where lines end with a line feed alone, csv does not quote a carriage return, and readers split there.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _moment(seconds: float | None) -> str | None:
    """A time as ISO 8601 in UTC, always with its microseconds, so that all have one form."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="microseconds")


def _harmless(cell: Any) -> Any:
    """The cell so that no spreadsheet evaluates it: names and reasons may come from anywhere."""
    if not isinstance(cell, str) or not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def as_json(record: Record, trials: Sequence[Trial]) -> str:
    """The study and all its trials, every field exact.

    `Space.from_json(json.dumps(loaded["space"]))` is its space, and `Trial(**one)` the trial of one of
    `loaded["trials"]`; but JSON has the steps of its curve as texts, and null for NaN and infinities, of
    which a violation is one where it cannot be measured.
    """
    study: dict[str, Any] = {
        "name": record.name,
        "direction": record.direction,
        "seed": record.seed,
        "created": record.created,
        "fidelity": None if record.fidelity is None else json.loads(record.fidelity),
        "goals": None if record.goals is None else json.loads(record.goals),
        "constraints": [] if record.constraints is None else json.loads(record.constraints),
        "space": json.loads(read_space(record.name, record.space).to_json()),
        "trials": [_fields(trial) for trial in trials],
    }
    try:
        return json.dumps(study, indent=1, allow_nan=False) + "\n"
    except RecursionError as error:
        raise damaged(record.name, "notes that are nested too deep") from error


def _fields(trial: Trial) -> dict[str, Any]:
    """A trial as JSON can have it."""
    fields = {field.name: getattr(trial, field.name) for field in dataclasses.fields(Trial)}
    for name in ("curve", "values", "stds", "violations"):
        numbers = fields[name].items()
        fields[name] = {key: v if math.isfinite(v) else None for key, v in numbers}
    return fields
