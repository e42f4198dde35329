"""A study in memory as plain data, which JSON can hold, and back; each row is checked."""

from __future__ import annotations

from typing import Any

from tfbo.errors import StorageError
from tfbo.storage import SQLiteStorage, read_record, read_trial, write_record, write_trial
from tfbo.strategies import Strategy
from tfbo.study import Study


def dump(study: Study) -> dict[str, Any]:
    """All of a study, but for its strategy."""
    return {
        "study": list(write_record(study.stored_trials.record)),
        "trials": [list(write_trial(trial)) for trial in study.trials],
    }


def load(
    dumped: dict[str, Any], *, strategy: Strategy[Any] | None = None, device: str | None = None
) -> Study:
    """The study that `dump` has written; what runs in it goes on running.

    Raises:
        StorageError: for what `dump` has not written.
    """
    try:
        fields, listed = dumped["study"], dumped["trials"]
        record = read_record(fields)
        trials = [read_trial(record.name, row) for row in listed]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"No study is in it ({type(error).__name__}: {error}).") from error
    storage = SQLiteStorage(":memory:")
    storage.create(record)
    if trials and not storage.append(record.name, trials, None):
        raise StorageError(f"The trials of the study {record.name!r} are not in order.")
    return Study.load(storage=storage, strategy=strategy, device=device)
