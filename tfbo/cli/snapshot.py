"""A copy of a stored study in memory: to look at, so that nothing reaches the file."""

from __future__ import annotations

from tfbo.storage import SQLiteStorage, Storage
from tfbo.study import Study, records


def take(storage: Storage, name: str | None = None) -> Study:
    """The study as it is at this moment, by itself.

    Opening a study with `Study.load` makes trials of dead processes wait for another try, and what is
    drawn from it may change while it is drawn. Of a snapshot, trials keep the states that they have
    in the file, and neither happens.

    Args:
        storage: where the study is.
        name: the study's name; may be left out where there is only one.

    Returns:
        A study of the same name, in memory.

    Raises:
        StudyNotFound: where there is no study of that name; the error lists those there are.
        InvalidArgument: where a name is needed to tell which.
        StorageError: where the storage cannot be read.

    Example:
        >>> import tfbo
        >>> from tfbo.cli import snapshot
        >>> from tfbo.storage import SQLiteStorage
        >>> storage = SQLiteStorage(":memory:")
        >>> study = tfbo.Study(tfbo.Space({"x": tfbo.Int(0, 9)}), storage=storage, seed=0)
        >>> trial = study.enqueue({"x": 3})
        >>> copy = snapshot.take(storage)
        >>> copy.tell(0, 1.0)
        >>> copy.trials[0].state, study.trials[0].state
        ('complete', 'waiting')
    """
    record = records.find(storage, name)
    changes = storage.changes(record.name, 0)
    copy = SQLiteStorage(":memory:")
    copy.create(record._replace(space=changes.space))
    copy.append(record.name, changes.trials, None)  # of no owner, so that what runs goes on running
    return Study.load(storage=copy)
