"""A search of Ray Tune as JSON, with its study in memory, and back; each row is checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tfbo.errors import StorageError
from tfbo.integrations.ray import curves
from tfbo.integrations.ray.domains import Axes
from tfbo.storage import (
    Record,
    SQLiteStorage,
    read_points,
    read_record,
    read_trial,
    write_points,
    write_record,
    write_trial,
)
from tfbo.strategies import Strategy
from tfbo.study import Study
from tfbo.trial import Fidelity, Trial


class Reopening(NamedTuple):
    """Settings with which a study is opened, and which it does not store."""

    strategy: Strategy[Any] | None
    device: str | None
    predicates: tuple[Callable[..., Any], ...] = ()
    """Constraints of its space that are functions."""


FIELDS = ("metric", "mode", "numbers", "latest")
"""Attributes of a `TFBOSearch` beside its study and axes."""


def write(path: Path, fields: dict[str, Any], study: Study | None, axes: Axes | None) -> None:
    """Store a search, without its settings."""
    state = {
        **fields,
        "study": None if study is None else dump(study),
        "axes": None if axes is None else axes.dump(),
    }
    path.write_text(json.dumps(state))


def read(
    path: Path, axes: Axes | None, means: Reopening
) -> tuple[dict[str, Any], Study | None, Axes | None]:
    """Fields, study and axes (unless known) of what `write` has stored; StorageError for another file."""
    try:
        state = json.loads(path.read_text())
        dumped, fields = state["study"], {name: state[name] for name in FIELDS}
        study = None if dumped is None else load(dumped, means)
        known = range(0 if study is None else len(study))
        if not all(number in known for number in fields["numbers"].values()):
            raise ValueError("a trial is not there")
        if axes is None and study is not None and state["axes"] is not None:
            axes = Axes.load(study.space, state["axes"])
    except (ValueError, KeyError, TypeError, AttributeError, StorageError) as error:
        why = f"{type(error).__name__}: {error}"
        raise StorageError(
            f"checkpoint_path: {str(path)!r} is no state of TFBOSearch ({why})."
        ) from error
    return fields, study, axes


def dump(study: Study) -> dict[str, Any]:
    """The rows of a study, without its strategy."""
    return {
        "study": list(write_record(study.stored_trials.record)),
        "trials": [list(write_trial(trial)) for trial in study.trials],
        "curves": [
            [trial.number, *point] for trial in study.trials for point in write_points(trial.curve)
        ],
    }


def load(dumped: dict[str, Any], means: Reopening) -> Study:
    """The study that `dump` has written, else StorageError; what runs in it goes on running."""
    try:
        fields, listed = dumped["study"], dumped["trials"]
        record = read_record(fields)
        points = read_points(record.name, dumped.get("curves", ()))
        trials = [read_trial(record.name, row, points.get(row[0])) for row in listed]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"No study is in it ({type(error).__name__}: {error}).") from error
    return _made(record, trials, means)


def restaged(study: Study, steps: Fidelity | None, means: Reopening) -> Study:
    """The study with other steps: another one, with the same trials."""
    record = study.stored_trials.record
    record = record._replace(fidelity=None if steps is None else steps.to_json())
    trials = [curves.stage(trial, steps) for trial in study.trials]
    return _made(record, trials, means)


def _made(record: Record, trials: list[Trial], means: Reopening) -> Study:
    storage = SQLiteStorage(":memory:")
    storage.create(record)
    if trials and not storage.append(record.name, trials, None):
        raise StorageError(f"The trials of the study {record.name!r} are not in order.")
    return Study.load(
        storage=storage,
        strategy=means.strategy,
        device=means.device,
        predicates=means.predicates,
    )
