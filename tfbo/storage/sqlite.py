"""Where studies live: one SQLite file (or memory), one transaction a change, JSON text, never pickle.

A study has a `revision` that grows by one with each change of a trial, and each trial holds the
revision of its last change, so that a reader fetches only what it does not know yet. A trial that a
search runs has an `owner`, whose process gives signs of life meanwhile; a trial whose owner is gone is
tried again. One without an owner was asked for by hand: it is pending until it is told.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sqlite3
import time
from collections.abc import Sequence, Set
from typing import Any, NamedTuple, Protocol

from tfbo import _arguments
from tfbo.errors import StudyNotFound, invalid
from tfbo.storage import database, recovery, rows
from tfbo.storage.heartbeat import MISSED, Heartbeat
from tfbo.trial import Trial

_LOGGER = logging.getLogger("tfbo")

_RECORD, _FIELDS = ", ".join(rows.RECORD), ", ".join(rows.TRIAL)
_STUDY, _TRIAL = f"{_RECORD}, revision", "study, revision, attempts"
_EXAMPLE = 'For example storage="runs.db".'


class Record(NamedTuple):
    """What a study is, beside its trials."""

    name: str
    space: str
    """JSON, as `Space.to_json` writes it."""
    direction: str
    seed: int
    created: float
    """Seconds since 1970."""


class Changes(NamedTuple):
    """What happened to a study since some revision."""

    revision: int
    space: str
    """As in `Record`; it may have grown."""
    trials: list[Trial]
    """Those that changed, by number."""


class Storage(Protocol):
    """What a study asks of the place where it lives. Every method is one transaction."""

    location: str

    def create(self, record: Record) -> Record:
        """Store a new study, or return the record of the one that has its name."""
        ...

    def find(self, name: str) -> Record:
        """The record of a study; raises StudyNotFound with the names that there are."""
        ...

    def studies(self) -> list[Record]:
        """All studies, oldest first."""
        ...

    def changes(self, name: str, since: int) -> Changes:
        """What a study is now, and the trials that changed after revision `since`."""
        ...

    def extend(self, name: str, before: str, after: str) -> bool:
        """Put the space `after` in the place of `before`; False where another one is there."""
        ...

    def append(self, name: str, trials: Sequence[Trial], owner: str | None) -> bool:
        """Add new trials; False, and nothing done, where one of their numbers is taken.

        With the owner None they belong to nobody's process: `recover` leaves them alone.
        """
        ...

    def replace(self, name: str, trial: Trial, states: Sequence[str], owner: str | None) -> bool:
        """Put `trial` in the place of its number; False where that is not in one of `states`.

        A failed trial is also in the state that its kind names, such as "killed".
        """
        ...

    def release(self, owner: str) -> None:
        """Forget that `owner` runs anything: it ends in an orderly way, others may tell its trials."""
        ...

    def recover(self, name: str, retries: int) -> list[Trial]:
        """Have running trials of owners that are gone wait again; the trials that changed.

        One that has lost its owner more than `retries` times is marked failed instead.
        """
        ...


class SQLiteStorage:
    """Studies in one SQLite file, safe for several threads and processes.

    All that was told is in that file when the call returns, and a copy of it is a copy of the studies. A
    file that may only be read can be looked at. Pickled, it is opened again by its path; in memory it
    takes all that is in it along.

    A process that runs trials of `Study.optimize` gives signs of life here. It counts as gone, and its
    trials are tried again, once it is known to be dead or has been silent for eight times `heartbeat`:
    it is frozen, or was on another machine or in another container that is no more. Their clocks must
    agree that far.

    Args:
        path: the file, where ~ is the user's folder; ":memory:" for a database that lives as long as
            this object.
        create: whether to make the file where there is none.
        heartbeat: seconds between two signs of life of this process, 0.01 or more.

    Raises:
        InvalidArgument: for a heartbeat that is none, or a path that is none, such as a URL.
        StorageError: for a folder that does not exist, a new file in one that is not writable, a file
            that is not a tfbo storage, or one of a newer tfbo.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = True, heartbeat: float = 15.0
    ) -> None:
        self.location = database.path(path)
        heartbeat = _check_heartbeat(heartbeat)
        self._database = database.Database(self.location, create=create)
        self._heartbeat = Heartbeat(heartbeat, self._database.lock)

    def __reduce__(self) -> tuple[Any, ...]:
        """By its path, wherever that is opened; one in memory with all that is in it."""
        seconds = self._heartbeat.seconds
        if not self._database.in_memory:
            path = os.path.abspath(self.location)
            return functools.partial(type(self), path, create=False, heartbeat=seconds), ()
        with self._transaction(write=False) as db:
            tables = {
                table: (columns, db.execute(f"SELECT {columns} FROM {table}").fetchall())
                for table, columns in (("studies", _STUDY), ("trials", f"{_TRIAL}, {_FIELDS}"))
            }
        return functools.partial(type(self), self.location, heartbeat=seconds), (), tables

    def __setstate__(self, tables: dict[str, tuple[str, list[tuple[Any, ...]]]]) -> None:
        with self._transaction() as db:
            for table, (columns, found) in tables.items():
                marks = ", ".join("?" * (columns.count(",") + 1))
                db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", found)

    def _transaction(
        self, *, write: bool = True
    ) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        return self._database.transaction(write=write)

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        self._heartbeat.stop()
        self._database.close()

    def create(self, record: Record) -> Record:
        """See `Storage`."""
        if self._database.is_read_only:
            with contextlib.suppress(StudyNotFound):
                return self.find(record.name)
        with self._transaction() as db:
            marks = ", ".join("?" * len(rows.RECORD))
            db.execute(
                f"INSERT OR IGNORE INTO studies ({_RECORD}) VALUES ({marks})",
                rows.of_record(*record),
            )
            return self._find(db, record.name)

    def find(self, name: str) -> Record:
        """See `Storage`."""
        with self._transaction(write=False) as db:
            return self._find(db, name)

    def studies(self) -> list[Record]:
        """See `Storage`."""
        with self._transaction(write=False) as db:
            found = db.execute(f"SELECT {_RECORD} FROM studies ORDER BY created, rowid")
            return [Record(*rows.record(row)) for row in found]

    def _find(self, db: sqlite3.Connection, name: str) -> Record:
        row = db.execute(f"SELECT {_RECORD} FROM studies WHERE name = ?", (name,)).fetchone()
        if row is None:
            found = db.execute("SELECT name FROM studies ORDER BY created").fetchall()
            names = ", ".join(rows.shown(name) for (name,) in found)
            if not names:
                raise no_study(self.location)
            raise StudyNotFound(f"name: no study {name!r} in {self.location!r}. It holds {names}.")
        return Record(*rows.record(row))

    def changes(self, name: str, since: int) -> Changes:
        """See `Storage`."""
        with self._transaction(write=False) as db:
            record = self._find(db, name)
            query = "SELECT revision FROM studies WHERE name = ?"
            (revision,) = db.execute(query, (name,)).fetchone()
            if not rows.is_count(revision):
                why = f"revision: expected a whole number, got {rows.shown(revision)}"
                raise rows.damaged(f"the study {rows.shown(name)}", why)
            if revision == since:
                return Changes(revision, record.space, [])
            changed = db.execute(
                f"SELECT {_FIELDS} FROM trials WHERE study = ? AND revision > ? ORDER BY number",
                (name, since),
            ).fetchall()  # whoever writes waits until they are read, but not until they are checked
        return Changes(revision, record.space, [rows.trial(name, row) for row in changed])

    def extend(self, name: str, before: str, after: str) -> bool:
        """See `Storage`."""
        with self._transaction() as db:
            found = self._find(db, name)
            if found.space != before:
                return False
            *_, checksum = rows.of_record(*found._replace(space=after))
            db.execute(
                "UPDATE studies SET space = ?, checksum = ?, revision = revision + 1 WHERE name = ?",
                (after, checksum, name),
            )
            return True

    def append(self, name: str, trials: Sequence[Trial], owner: str | None) -> bool:
        """See `Storage`."""
        with self._transaction() as db:
            last = "SELECT coalesce(max(number), -1) FROM trials WHERE study = ?"
            following = db.execute(last, (name,)).fetchone()[0] + 1
            if [trial.number for trial in trials] != list(
                range(following, following + len(trials))
            ):
                return False
            for trial in trials:
                marks = ", ".join("?" * (3 + len(rows.TRIAL)))
                db.execute(
                    f"INSERT INTO trials (study, revision, owner, {_FIELDS}) VALUES ({marks})",
                    (name, _next_revision(db, name), owner, *rows.of_trial(trial)),
                )
            self._sign(db, owner)
            return True

    def replace(self, name: str, trial: Trial, states: Sequence[str], owner: str | None) -> bool:
        """See `Storage`."""
        with self._transaction() as db:
            found = db.execute(
                "SELECT state, kind FROM trials WHERE study = ? AND number = ?",
                (name, trial.number),
            ).fetchone()
            if found is None or not set(found) & set(states):
                return False
            _update(db, name, trial, owner)
            self._sign(db, owner)
            return True

    def release(self, owner: str) -> None:
        """See `Storage`."""
        if self._database.is_read_only:
            return
        with self._transaction() as db:
            db.execute("UPDATE trials SET owner = NULL WHERE owner = ?", (owner,))
            db.execute("DELETE FROM owners WHERE owner = ?", (owner,))
        self._heartbeat.look()

    def recover(self, name: str, retries: int) -> list[Trial]:
        """See `Storage`."""
        if self._database.is_read_only:
            return []
        with self._transaction(write=False) as db:  # mostly nobody is gone: wait for no writer
            if not recovery.find(db, name):
                return []
        with self._transaction() as db:
            # Once more, lest two processes count one loss, or one that has just given a sign.
            found = recovery.find(db, name)
            changed = [recovery.after(loss, retries) for loss in found]
            for trial, loss in zip(changed, found, strict=True):
                _update(db, name, trial, None)
                db.execute(
                    "UPDATE trials SET attempts = ? WHERE study = ? AND number = ?",
                    (loss.times, name, trial.number),
                )
            db.execute(f"DELETE FROM owners WHERE owner NOT IN ({_RUNNING_OWNERS})")
            return changed

    def _sign(self, db: sqlite3.Connection, owner: str | None) -> None:
        """Give a sign of life with a trial that is started, and from then on."""
        # A database in memory is seen by this process only.
        if owner is not None and not self._database.in_memory:
            self._write_beats(db, {owner})
            self._heartbeat.start(owner, self._beat)

    def _beat(self, owners: Set[str]) -> Set[str]:
        """See `Heartbeat.start`."""
        with self._transaction() as db:
            running = owners & {owner for (owner,) in db.execute(_RUNNING_OWNERS)}
            self._write_beats(db, running)
            return running

    def _write_beats(self, db: sqlite3.Connection, owners: Set[str]) -> None:
        patience = MISSED * self._heartbeat.seconds
        db.executemany(
            "INSERT OR REPLACE INTO owners (owner, beat, patience) VALUES (?, ?, ?)",
            [(owner, time.time(), patience) for owner in owners],
        )


_RUNNING_OWNERS = "SELECT DISTINCT owner FROM trials WHERE owner IS NOT NULL"


def _check_heartbeat(heartbeat: Any) -> float:
    advice = f"It is the time between two signs of life; after {MISSED} a process counts as gone."
    seconds = _arguments.seconds("heartbeat", heartbeat, advice)
    if seconds < 0.01:
        raise invalid("heartbeat", "seconds, 0.01 or more", heartbeat, advice)
    return seconds


def _next_revision(db: sqlite3.Connection, name: str) -> int:
    db.execute("UPDATE studies SET revision = revision + 1 WHERE name = ?", (name,))
    return int(db.execute("SELECT revision FROM studies WHERE name = ?", (name,)).fetchone()[0])


def _update(db: sqlite3.Connection, name: str, trial: Trial, owner: str | None) -> None:
    assignments = ", ".join(f"{field} = ?" for field in rows.TRIAL)
    db.execute(
        f"UPDATE trials SET revision = ?, owner = ?, {assignments} WHERE study = ? AND number = ?",
        (_next_revision(db, name), owner, *rows.of_trial(trial), name, trial.number),
    )


def open_storage(
    storage: Storage | str | os.PathLike[str] | None, *, create: bool = True
) -> Storage:
    """The storage that an argument stands for: None for memory, a path, or a storage itself.

    Raises:
        InvalidArgument: for anything else.
    """
    if storage is None and create:
        return SQLiteStorage(database.MEMORY)
    if isinstance(storage, (str, os.PathLike)):
        return SQLiteStorage(storage, create=create)
    if storage is None or isinstance(storage, type) or not hasattr(storage, "changes"):
        raise invalid("storage", "a path or a tfbo.SQLiteStorage", storage, _EXAMPLE)
    return storage


def no_study(location: str) -> StudyNotFound:
    """The error for a file in which there is nothing to look at, with what may have happened."""
    return StudyNotFound(
        f"storage: {location!r} holds no study. Is it the file that the search writes, or has that not "
        f"begun yet? If it is a copy: an older tfbo kept what is newest in {location + '-wal'!r} beside "
        "the file that was copied. Copy both, or open the study there once with this tfbo."
    )


def release_at_end(storage: Storage, owner: str, pid: int) -> None:
    """On an orderly end, nothing runs here any more; after a fork it is not ours to say so."""
    if os.getpid() != pid:
        return
    try:
        storage.release(owner)
    except Exception:  # the interpreter is going down: a dead owner is found out later anyway
        _LOGGER.debug("could not release the trials of %s", owner, exc_info=True)
