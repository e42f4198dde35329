"""A copy of a stored study in memory: to look at, so that nothing reaches the file."""

from __future__ import annotations

from tfbo.storage import SQLiteStorage, Storage, read_space
from tfbo.study import Study, records


def take(storage: Storage, name: str | None = None) -> Study:
    """The study as it is at this moment, by itself, in memory; the name as of `tfbo.cli.export.read`.

    Opening a study with `Study.load` makes trials of dead processes wait for another try, and what is
    drawn from it may change while it is drawn. Of a snapshot, trials keep the states that they have
    in the file, and neither happens.
    """
    record = records.find(storage, name)
    changes = storage.changes(record.name, 0)
    copy = SQLiteStorage(":memory:")
    # Nothing is asked for, so predicates, which are not stored, are not needed.
    space = read_space(record.name, changes.space).without_missing()
    copy.create(record._replace(space=space.to_json()))
    copy.append(record.name, changes.trials, None)  # of no owner, so that what runs goes on running
    return Study.load(storage=copy)
