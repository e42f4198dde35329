"""Where studies live: one SQLite file (or memory), one transaction a change, JSON text, never pickle.

A study has a `revision` that grows by one with each change of a trial, and each trial holds the
revision of its last change, so that a reader fetches only what it does not know yet. A running trial
has an `owner`, the process that runs it; a trial whose owner is dead is tried again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tfbo import schema
from tfbo.errors import StorageError, StudyNotFound
from tfbo.trial import RUNNING, WAITING, Trial

_LOGGER = logging.getLogger("tfbo")

_BUSY_SECONDS = 60.0
_RECORD = "name, space, direction, seed, created"
_FIELDS = "number, params, state, value, std, kind, reason, traceback, started, finished, notes"


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
        """Add new trials; False, and nothing done, where one of their numbers is taken."""
        ...

    def replace(self, name: str, trial: Trial, states: Sequence[str], owner: str | None) -> bool:
        """Put `trial` in the place of its number; False where that is not in one of `states`."""
        ...

    def release(self, owner: str) -> None:
        """Forget that `owner` runs anything: it ends in an orderly way, others may tell its trials."""
        ...

    def recover(self, name: str) -> list[int]:
        """Put running trials of dead owners back to waiting; the numbers of those."""
        ...


class SQLiteStorage:
    """Studies in one SQLite file, safe for several threads and processes of one machine.

    Args:
        path: the file; ":memory:" for a database that lives as long as this object.
        create: whether to make the file where there is none.

    Raises:
        StorageError: for a folder that does not exist or is not writable, a file that is not a
            tfbo storage, or one of a newer tfbo.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        self.location = os.fspath(path)
        self._lock = threading.RLock()
        self._pid = os.getpid()
        if self.location != ":memory:":
            _check_path(Path(self.location), create)
        self._connection = self._connect()

    def _connect(self) -> sqlite3.Connection:
        with self._explained():
            connection = sqlite3.connect(
                self.location, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                schema.prepare(connection, self.location, patience=_BUSY_SECONDS)
            except BaseException:
                connection.close()
                raise
        return connection

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors as ours, with what to do."""
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            advice = next(
                (a for part, a in _ADVICE.items() if part in text), "Check the file and its disk."
            )
            raise StorageError(f"storage: {self.location!r}: {text}. {advice}") from error

    @contextlib.contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction that is committed as a whole or not at all; readers do not wait for writers."""
        with self._lock, self._explained():
            if self._pid != os.getpid() and self.location != ":memory:":
                # A connection must not be used after a fork, nor closed: that would drop locks.
                self._pid, self._parents = os.getpid(), self._connection
                self._connection = self._connect()
            self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        with self._lock:
            self._connection.close()

    def create(self, record: Record) -> Record:
        """See `Storage`."""
        with self._transaction() as db:
            db.execute(
                f"INSERT OR IGNORE INTO studies ({_RECORD}) VALUES (?, ?, ?, ?, ?)",
                (record.name, record.space, record.direction, str(record.seed), record.created),
            )
            return self._find(db, record.name)

    def find(self, name: str) -> Record:
        """See `Storage`."""
        with self._transaction(write=False) as db:
            return self._find(db, name)

    def studies(self) -> list[Record]:
        """See `Storage`."""
        with self._transaction(write=False) as db:
            rows = db.execute(f"SELECT {_RECORD} FROM studies ORDER BY created, rowid")
            return [_record(row) for row in rows]

    def _find(self, db: sqlite3.Connection, name: str) -> Record:
        row = db.execute(f"SELECT {_RECORD} FROM studies WHERE name = ?", (name,)).fetchone()
        if row is None:
            names = [
                repr(row[0]) for row in db.execute("SELECT name FROM studies ORDER BY created")
            ]
            there = f"It holds {', '.join(names)}." if names else "It holds no study."
            raise StudyNotFound(f"name: no study {name!r} in {self.location!r}. {there}")
        return _record(row)

    def changes(self, name: str, since: int) -> Changes:
        """See `Storage`."""
        with self._transaction(write=False) as db:
            row = db.execute(
                "SELECT revision, space FROM studies WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                raise StudyNotFound(f"name: the study {name!r} is no longer in {self.location!r}.")
            if row[0] == since:
                return Changes(row[0], row[1], [])
            changed = db.execute(
                f"SELECT {_FIELDS} FROM trials WHERE study = ? AND revision > ? ORDER BY number",
                (name, since),
            )
            return Changes(row[0], row[1], [_trial(r) for r in changed])

    def extend(self, name: str, before: str, after: str) -> bool:
        """See `Storage`."""
        with self._transaction() as db:
            done = db.execute(
                "UPDATE studies SET space = ?, revision = revision + 1 WHERE name = ? AND space = ?",
                (after, name, before),
            )
            return done.rowcount == 1

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
                marks = ", ".join("?" * 14)
                db.execute(
                    f"INSERT INTO trials (study, revision, owner, {_FIELDS}) VALUES ({marks})",
                    (name, _next_revision(db, name), owner, *_row(trial)),
                )
            return True

    def replace(self, name: str, trial: Trial, states: Sequence[str], owner: str | None) -> bool:
        """See `Storage`."""
        with self._transaction() as db:
            found = db.execute(
                "SELECT state FROM trials WHERE study = ? AND number = ?", (name, trial.number)
            ).fetchone()
            if found is None or found[0] not in states:
                return False
            assignments = ", ".join(f"{field} = ?" for field in _FIELDS.split(", "))
            db.execute(
                f"UPDATE trials SET revision = ?, owner = ?, {assignments} WHERE study = ? AND number = ?",
                (_next_revision(db, name), owner, *_row(trial), name, trial.number),
            )
            return True

    def release(self, owner: str) -> None:
        """See `Storage`."""
        with self._transaction() as db:
            db.execute("UPDATE trials SET owner = NULL WHERE owner = ?", (owner,))

    def recover(self, name: str) -> list[int]:
        """See `Storage`."""
        with self._transaction() as db:
            running = db.execute(
                "SELECT number, owner FROM trials WHERE study = ? AND state = ? AND owner IS NOT NULL",
                (name, RUNNING),
            ).fetchall()
            dead = [number for number, owner in running if not is_alive(owner)]
            for number in dead:
                db.execute(
                    "UPDATE trials SET state = ?, owner = NULL, started = NULL, revision = ?"
                    " WHERE study = ? AND number = ?",
                    (WAITING, _next_revision(db, name), name, number),
                )
            return dead


_ADVICE = {
    "disk is full": "Nothing that was stored is lost. Free some space and repeat the call.",
    "readonly": "Make the file and its folder writable, or copy it elsewhere.",
    "not a database": "It is not a tfbo storage. Choose another path.",
    "malformed": "The file is damaged. Copy it and try `sqlite3 FILE .recover`.",
    "locked": "Another process holds it for long. Try again.",
    "unable to open": "Check that the folder exists and is writable.",
    "disk I/O": "The disk failed. Copy the file to another one.",
}


def _check_path(path: Path, create: bool) -> None:
    if path.is_dir():
        raise StorageError(
            f"storage: {str(path)!r} is a folder. Give the path of a file, such as runs.db."
        )
    if not path.exists() and not create:
        raise StorageError(f"storage: there is no file {str(path)!r}. Check the path.")
    if not path.parent.is_dir():
        raise StorageError(f"storage: there is no folder {str(path.parent)!r}. Create it first.")
    if not os.access(path.parent, os.W_OK):
        raise StorageError(
            f"storage: the folder {str(path.parent)!r} is read-only, and SQLite writes beside its "
            "file. Choose a folder that you may write to, or change its permissions."
        )


def _next_revision(db: sqlite3.Connection, name: str) -> int:
    db.execute("UPDATE studies SET revision = revision + 1 WHERE name = ?", (name,))
    return int(db.execute("SELECT revision FROM studies WHERE name = ?", (name,)).fetchone()[0])


def _record(row: Sequence[Any]) -> Record:
    return Record(row[0], row[1], row[2], int(row[3]), row[4])


def _row(trial: Trial) -> tuple[Any, ...]:
    params = json.dumps(trial.params, allow_nan=False)
    notes = json.dumps(trial.notes, allow_nan=False)
    return (
        trial.number, params, trial.state, trial.value, trial.std, trial.kind, trial.reason,
        trial.traceback, trial.started, trial.finished, notes,
    )  # fmt: skip


def _trial(row: Sequence[Any]) -> Trial:
    fields = dict(zip(_FIELDS.split(", "), row, strict=True))
    return Trial(**{**fields, **{name: json.loads(fields[name]) for name in ("params", "notes")}})


def new_owner() -> str:
    """A name for whoever runs trials from here: this host, this process, and one study object."""
    pid = os.getpid()
    return json.dumps([socket.gethostname(), pid, _started(pid), uuid.uuid4().hex[:8]])


def is_alive(owner: str) -> bool:
    """Whether a process that runs trials may still do so; on another host there is no telling."""
    host, pid, started, _ = json.loads(owner)
    if host != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return bool(started is None or _started(pid) == started)


def _started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot: it tells processes of one number apart."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return -1 if state in "ZX" else int(rest[18])


def open_storage(
    storage: Storage | str | os.PathLike[str] | None, *, create: bool = True
) -> Storage:
    """The storage that an argument stands for: None for memory, a path, or a storage itself."""
    if storage is None:
        return SQLiteStorage(":memory:")
    if isinstance(storage, (str, os.PathLike)):
        return SQLiteStorage(storage, create=create)
    return storage


def release_at_end(storage: Storage, owner: str, pid: int) -> None:
    """On an orderly end, nothing runs here any more; after a fork it is not ours to say so."""
    if os.getpid() != pid:
        return
    try:
        storage.release(owner)
    except Exception:  # the interpreter is going down: a dead owner is found out later anyway
        _LOGGER.debug("could not release the trials of %s", owner, exc_info=True)
