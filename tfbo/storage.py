"""Where studies live: one SQLite file (or memory), one transaction a change, JSON text, never pickle.

A study has a `revision` that grows by one with each change of a trial, and each trial holds the
revision of its last change, so that a reader fetches only what it does not know yet. A running trial
has an `owner`, whose process gives signs of life meanwhile; a trial whose owner is gone is tried again.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tfbo import forks, losses, outcome, rows, schema
from tfbo.errors import StorageError, StudyNotFound, invalid
from tfbo.heartbeat import MISSED, Heartbeat
from tfbo.trial import Trial

_LOGGER = logging.getLogger("tfbo")

_BUSY_SECONDS = 60.0
_RECORD, _FIELDS = ", ".join(rows.RECORD), ", ".join(rows.TRIAL)


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

    def recover(self, name: str, retries: int) -> list[Trial]:
        """Have running trials of owners that are gone wait again; the trials that changed.

        One that has lost its owner more than `retries` times is marked failed instead.
        """
        ...


class SQLiteStorage:
    """Studies in one SQLite file, safe for several threads and processes.

    A process that runs trials gives signs of life here. It counts as gone, and its trials are tried
    again, once it is known to be dead or has been silent for eight times `heartbeat`: it is frozen, or
    was on another machine or in another container that is no more. Their clocks must agree that far.

    Args:
        path: the file; ":memory:" for a database that lives as long as this object.
        create: whether to make the file where there is none.
        heartbeat: seconds between two signs of life of this process, 0.01 or more.

    Raises:
        InvalidArgument: for a heartbeat that is none.
        StorageError: for a folder that does not exist or is not writable, a file that is not a
            tfbo storage, or one of a newer tfbo.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = True, heartbeat: float = 15.0
    ) -> None:
        self.location = os.fspath(path)
        _check_heartbeat(heartbeat)
        self._lock = forks.lock()
        self._pid = os.getpid()
        self._heartbeat = Heartbeat(heartbeat, self._lock)
        if self.location != ":memory:":
            _check_path(Path(self.location), create)
        self._connection = self._connect()

    def _connect(self) -> sqlite3.Connection:
        with self._explained():
            connection = sqlite3.connect(
                self.location, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            # A text that is not UTF-8 is refused together with the name of its row: see `rows`.
            connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
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
        except (sqlite3.Error, UnicodeDecodeError) as error:
            # The second is how Python says that even the words of the first are damaged.
            text = str(error) if isinstance(error, sqlite3.Error) else "database is malformed"
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
                self._heartbeat = Heartbeat(self._heartbeat.seconds, self._lock)
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
        if self._pid == os.getpid():  # after a fork, the thread and its locks are the parent's
            self._heartbeat.stop()
        with self._lock:
            self._connection.close()

    def create(self, record: Record) -> Record:
        """See `Storage`."""
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
            there = f"It holds {names}." if names else "It holds no study."
            raise StudyNotFound(f"name: no study {name!r} in {self.location!r}. {there}")
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
            )
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
                "SELECT state FROM trials WHERE study = ? AND number = ?", (name, trial.number)
            ).fetchone()
            if found is None or found[0] not in states:
                return False
            _update(db, name, trial, owner)
            self._sign(db, owner)
            return True

    def release(self, owner: str) -> None:
        """See `Storage`."""
        with self._transaction() as db:
            db.execute("UPDATE trials SET owner = NULL WHERE owner = ?", (owner,))
            db.execute("DELETE FROM owners WHERE owner = ?", (owner,))
        self._heartbeat.look()

    def recover(self, name: str, retries: int) -> list[Trial]:
        """See `Storage`."""
        with self._transaction(write=False) as db:  # mostly nobody is gone: wait for no writer
            if not losses.find(db, name):
                return []
        with self._transaction() as db:
            # Once more, lest two processes count one loss, or one that has just given a sign.
            found = losses.find(db, name)
            changed = [losses.after(loss, retries) for loss in found]
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
        if owner is not None and self.location != ":memory:":
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


def _check_heartbeat(heartbeat: Any) -> None:
    advice = f"It is the time between two signs of life; after {MISSED} a process counts as gone."
    seconds = outcome.as_number("heartbeat", heartbeat)
    if not 0.01 <= seconds < math.inf:
        raise invalid("heartbeat", "seconds, 0.01 or more", heartbeat, advice)


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
