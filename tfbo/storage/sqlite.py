"""Studies in one SQLite file (or memory): one transaction a change, JSON text, never pickle."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence, Set
from typing import Any

from tfbo import _arguments
from tfbo.errors import StudyNotFound, invalid
from tfbo.storage import paths, recovery, rows
from tfbo.storage.base import Changes, Record, Storage, damaged, no_study, shown
from tfbo.storage.database import Database
from tfbo.storage.heartbeat import MISSED, Heartbeat
from tfbo.trial import PAUSED, RUNNING, VALUED, Trial

_CHANGED_POINTS = """
SELECT curves.number, step, curves.value, curves.checksum FROM trials JOIN curves USING (study, number)
WHERE study = ? AND trials.revision > ? ORDER BY curves.number, step
"""
_RUNNING_OWNERS = "SELECT DISTINCT owner FROM trials WHERE owner IS NOT NULL"


class SQLiteStorage(Storage):
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
        create: True to make the file where there is none.
        heartbeat: seconds between two signs of life of this process, 0.01 or more.

    Raises:
        InvalidArgument: for a heartbeat or a path that is none, such as a URL.
        StorageError: for a folder that does not exist, a new file in one that is not writable, a file
            that is not a tfbo storage, or one of a newer tfbo.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = True, heartbeat: float = 15.0
    ) -> None:
        self.location = paths.resolve(path)
        heartbeat = _check_heartbeat(heartbeat)
        self.database = Database(self.location, create=create)
        self.path = None if self.database.in_memory else os.path.abspath(self.location)
        self.heartbeat = Heartbeat(heartbeat, self.database.lock)

    def __reduce__(self) -> tuple[Any, ...]:
        """By its path, wherever that is opened; one in memory with all that is in it."""
        seconds = self.heartbeat.seconds
        if not self.database.in_memory:
            path = os.path.abspath(self.location)
            return functools.partial(type(self), path, create=False, heartbeat=seconds), ()
        own = {"studies": f"{rows.columns(rows.RECORD)}, revision"}
        # Without the owners: nobody runs the trials of a copy.
        own["trials"] = f"study, revision, attempts, {rows.columns(rows.TRIAL)}"
        own["curves"] = "study, number, step, value, checksum"
        with self.database.transaction(write=False) as db:
            tables = {
                table: (columns, db.execute(f"SELECT {columns} FROM {table}").fetchall())
                for table, columns in own.items()
            }
        return functools.partial(type(self), self.location, heartbeat=seconds), (), tables

    def __setstate__(self, tables: dict[str, tuple[str, list[tuple[Any, ...]]]]) -> None:
        # By name: columns that have joined since it was pickled have their defaults.
        with self.database.transaction() as db:
            for table, (columns, found) in tables.items():
                for row in found:
                    db.execute(f"INSERT INTO {table} ({columns}) VALUES ({_marks(row)})", row)

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        self.heartbeat.stop()
        self.database.close()

    def create(self, record: Record) -> Record:
        """See `Storage`."""
        if self.database.is_read_only:
            with contextlib.suppress(StudyNotFound):
                return self.find(record.name)
        with self.database.transaction() as db:
            row = rows.write_record(record)
            columns = rows.columns(rows.RECORD)
            db.execute(f"INSERT OR IGNORE INTO studies ({columns}) VALUES ({_marks(row)})", row)
            return self._find(db, record.name)

    def find(self, name: str) -> Record:
        """See `Storage`."""
        with self.database.transaction(write=False) as db:
            return self._find(db, name)

    def studies(self) -> list[Record]:
        """See `Storage`."""
        with self.database.transaction(write=False) as db:
            query = f"SELECT {rows.columns(rows.RECORD)} FROM studies ORDER BY created, rowid"
            return [rows.read_record(row) for row in db.execute(query)]

    def _find(self, db: sqlite3.Connection, name: str) -> Record:
        query = f"SELECT {rows.columns(rows.RECORD)} FROM studies WHERE name = ?"
        row = db.execute(query, (name,)).fetchone()
        if row is not None:
            return rows.read_record(row)
        found = db.execute("SELECT name FROM studies ORDER BY created").fetchall()
        if not found:
            raise no_study(self.location)
        names = ", ".join(shown(name) for (name,) in found)
        raise StudyNotFound(f"name: no study {name!r} in {self.location!r}. It holds {names}.")

    def changes(self, name: str, since: int) -> Changes:
        """See `Storage`."""
        with self.database.transaction(write=False) as db:
            record = self._find(db, name)
            query = "SELECT revision FROM studies WHERE name = ?"
            (revision,) = db.execute(query, (name,)).fetchone()
            if not rows.is_count(revision):
                raise damaged(name, f"revision: expected a whole number, got {shown(revision)}")
            if revision == since:
                return Changes(revision, record.space, [])
            query = (
                f"SELECT {rows.columns(rows.TRIAL)} FROM trials WHERE study = ? AND revision > ?"
            )
            # Whoever writes waits until they are read, but not until they are checked.
            changed = db.execute(f"{query} ORDER BY number", (name, since)).fetchall()
            points = db.execute(_CHANGED_POINTS, (name, since)).fetchall()
        curves = rows.read_points(name, points)
        trials = [rows.read_trial(name, row, curves.get(row[0])) for row in changed]
        return Changes(revision, record.space, trials)

    def extend(self, name: str, before: str, after: str) -> bool:
        """See `Storage`."""
        with self.database.transaction() as db:
            found = self._find(db, name)
            if found.space != before:
                return False
            *_, checksum = rows.write_record(found._replace(space=after))
            db.execute(
                "UPDATE studies SET space = ?, checksum = ?, revision = revision + 1 WHERE name = ?",
                (after, checksum, name),
            )
            return True

    def append(self, name: str, trials: Sequence[Trial], owner: str | None) -> bool:
        """See `Storage`."""
        with self.database.transaction() as db:
            last = "SELECT coalesce(max(number), -1) FROM trials WHERE study = ?"
            (number,) = db.execute(last, (name,)).fetchone()
            if any(trial.number != i for i, trial in enumerate(trials, start=number + 1)):
                return False
            columns = f"study, revision, owner, {rows.columns(rows.TRIAL)}"
            for trial in trials:
                row = (name, _next_revision(db, name), owner, *rows.write_trial(trial))
                db.execute(f"INSERT INTO trials ({columns}) VALUES ({_marks(row)})", row)
                _add_points(db, name, trial.number, trial.curve)
            self._sign(db, owner)
            return True

    def replace(self, name: str, trial: Trial, states: Sequence[str], owner: str | None) -> bool:
        """See `Storage`."""
        with self.database.transaction() as db:
            query = "SELECT spent, state, kind FROM trials WHERE study = ? AND number = ?"
            spent, *found = db.execute(query, (name, trial.number)).fetchone() or [None]
            if not set(found) & set(states):
                return False
            if found[0] == PAUSED and trial.state == RUNNING and spent != trial.spent:
                return False
            _update(db, name, trial, owner)
            _add_points(db, name, trial.number, trial.curve)
            if trial.state in VALUED and trial.reached is not None:
                later = "DELETE FROM curves WHERE study = ? AND number = ? AND step > ?"
                db.execute(later, (name, trial.number, trial.reached))
            self._sign(db, owner)
            return True

    def report(self, name: str, number: int, points: Mapping[int, float]) -> bool:
        """See `Storage`."""
        with self.database.transaction() as db:
            query = "UPDATE trials SET revision = ? WHERE study = ? AND number = ? AND state = ?"
            row = (_next_revision(db, name), name, number, RUNNING)
            if not db.execute(query, row).rowcount:
                return False
            _add_points(db, name, number, points)
            return True

    def release(self, owner: str) -> None:
        """See `Storage`."""
        if self.database.is_read_only:
            return
        with self.database.transaction() as db:
            db.execute("UPDATE trials SET owner = NULL WHERE owner = ?", (owner,))
            db.execute("DELETE FROM owners WHERE owner = ?", (owner,))
        self.heartbeat.look()

    def recover(self, name: str, retries: int) -> list[Trial]:
        """See `Storage`."""
        if self.database.is_read_only:
            return []
        with self.database.transaction(write=False) as db:  # mostly nobody is gone: no writer waits
            if not recovery.find(db, name):
                return []
        with self.database.transaction() as db:
            # Once more, lest two processes count one loss, or one that has just given a sign.
            found = recovery.find(db, name)
            changed = [recovery.after(trial, times, retries) for trial, times in found]
            attempts = "UPDATE trials SET attempts = ? WHERE study = ? AND number = ?"
            for trial, (_, times) in zip(changed, found, strict=True):
                _update(db, name, trial, None)
                db.execute(attempts, (times, name, trial.number))
            db.execute(f"DELETE FROM owners WHERE owner NOT IN ({_RUNNING_OWNERS})")
            return changed

    def _sign(self, db: sqlite3.Connection, owner: str | None) -> None:
        """Give a sign of life with a trial that is started, and from then on."""
        # A database in memory is seen by this process only.
        if owner is not None and not self.database.in_memory:
            self._write_beats(db, {owner})
            self.heartbeat.start(owner, self._beat)

    def _beat(self, owners: Set[str]) -> Set[str]:
        """See `Heartbeat.start`."""
        with self.database.transaction() as db:
            running = owners & {owner for (owner,) in db.execute(_RUNNING_OWNERS)}
            self._write_beats(db, running)
            return running

    def _write_beats(self, db: sqlite3.Connection, owners: Set[str]) -> None:
        patience = MISSED * self.heartbeat.seconds
        db.executemany(
            "INSERT OR REPLACE INTO owners (owner, beat, patience) VALUES (?, ?, ?)",
            [(owner, time.time(), patience) for owner in owners],
        )


def _check_heartbeat(heartbeat: Any) -> float:
    advice = f"It is the time between two signs of life; after {MISSED} a process counts as gone."
    seconds = _arguments.seconds("heartbeat", heartbeat, advice)
    if seconds < 0.01:
        raise invalid("heartbeat", "seconds, 0.01 or more", heartbeat, advice)
    return seconds


def _marks(row: Sequence[Any]) -> str:
    return ", ".join("?" * len(row))


def _next_revision(db: sqlite3.Connection, name: str) -> int:
    db.execute("UPDATE studies SET revision = revision + 1 WHERE name = ?", (name,))
    return int(db.execute("SELECT revision FROM studies WHERE name = ?", (name,)).fetchone()[0])


def _update(db: sqlite3.Connection, name: str, trial: Trial, owner: str | None) -> None:
    row = (_next_revision(db, name), owner, *rows.write_trial(trial))
    columns = f"revision, owner, {rows.columns(rows.TRIAL)}"
    db.execute(
        f"UPDATE trials SET ({columns}) = ({_marks(row)}) WHERE study = ? AND number = ?",
        (*row, name, trial.number),
    )


def _add_points(
    db: sqlite3.Connection, name: str, number: int, points: Mapping[int, float]
) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO curves (study, number, step, value, checksum) VALUES (?, ?, ?, ?, ?)",
        [(name, number, *point) for point in rows.write_points(points)],
    )


def open_storage(
    storage: Storage | str | os.PathLike[str] | None, *, create: bool = True
) -> Storage:
    """The storage that an argument stands for: None for memory, a path, or a storage itself."""
    if storage is None and create:
        return SQLiteStorage(paths.MEMORY)
    if isinstance(storage, (str, os.PathLike)):
        return SQLiteStorage(storage, create=create)
    if isinstance(storage, Storage):
        return storage
    expected = "a path, a tfbo.SQLiteStorage or what derives from tfbo.storage.Storage"
    raise invalid("storage", expected, storage, paths.EXAMPLE)
