"""An SQLite file as this process has it open, and its transactions.

All that was committed is in the one file, so that a copy of it is a copy of the study. While a commit is
under way SQLite keeps a journal beside it, from which whoever opens the file next takes back what a
process that was killed had begun.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from tfbo import _forks
from tfbo.errors import StorageError
from tfbo.storage import paths, schema

BUSY_SECONDS = 60.0
# How often a file is opened anew to leave a log behind that an older tfbo began: for half a second or so.
_CONVERSIONS = 12


class Database:
    """Tables of a tfbo storage, of the schema of today; StorageError for a file that cannot be used."""

    def __init__(self, location: str, *, create: bool) -> None:
        self.location = location
        self.lock = _forks.lock()
        self._pid = os.getpid()
        self._writable = self._provisional = False
        if self.in_memory:
            self._writable = True
        else:
            paths.check(location, create=create)
        self._connection = self._connect(create)

    @property
    def in_memory(self) -> bool:
        """True where it lives as long as this object, and nobody else sees it."""
        return self.location == paths.MEMORY

    @property
    def is_read_only(self) -> bool:
        """True where the file, or the folder in which a journal would be, may not be written to."""
        return not self._writable

    @contextlib.contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction, committed as a whole or not at all; StorageError where it cannot be done."""
        with self.lock, self._explained():
            if self._pid != os.getpid() and not self.in_memory:
                # A connection must not be used after a fork, nor closed: that would drop locks.
                self._pid, self._parents = os.getpid(), self._connection
                self._connection = self._connect(create=write)
            elif self._provisional:
                self._connection.close()
                self._connection = self._connect(create=write)
            if write and not self._writable:
                raise _read_only(self.location)
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if write:
                fold(connection)

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._connection.close()

    def _connect(self, create: bool) -> sqlite3.Connection:
        with self._explained():
            if not self.in_memory:
                self._writable = paths.may_be_written(self.location)
            connection = self._open()
            try:
                version = schema.identify(connection, self.location)
                schema.check(connection)
                self._provisional = version == 0 and not create
                if self._provisional or (self.is_read_only and version < schema.VERSION):
                    # Looking at a file does not change it: its tables are made in a copy.
                    connection = _copied(connection)
                if version < schema.VERSION:
                    schema.migrate(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _open(self) -> sqlite3.Connection:
        """A connection to the file, in which nothing is kept beside it for longer than a commit."""
        if self.is_read_only:
            return self._open_read_only()
        for attempt in range(_CONVERSIONS):
            connection = _connection(self.location)
            try:
                schema.identify(connection, self.location)
                if converted := one_file(connection):
                    self._drop_journal(connection)
                if converted or attempt == _CONVERSIONS - 1:
                    return connection
            except BaseException:
                connection.close()
                raise
            # Only a process that is alone can do it, and others may be trying at this very moment.
            connection.close()
            time.sleep(random.uniform(0.02, 0.06))
        raise AssertionError

    def _drop_journal(self, connection: sqlite3.Connection) -> None:
        """Delete the journal of a process that was killed before it had changed the file.

        There is nothing in it that SQLite would take back, so it stays until the next commit. SQLite
        deletes it where it leaves the mode that keeps journals, unless another process is using it.
        """
        if os.path.exists(f"{os.path.realpath(self.location)}-journal"):
            connection.execute("PRAGMA journal_mode = PERSIST").fetchone()
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()

    def _open_read_only(self) -> sqlite3.Connection:
        file = Path(os.path.realpath(self.location))  # beside which SQLite writes
        begun = [f"{file}{end}" for end in ("-wal", "-journal")]
        begun = [name for name in begun if os.path.exists(name) and os.path.getsize(name)]
        # An older tfbo left this mode behind, in which even readers write beside the file.
        with file.open("rb") as head:
            logs = head.read(20)[18:] == b"\x02\x02"
        mode = "immutable=1" if logs and not begun else "mode=ro"
        connection = _connection(f"{file.as_uri()}?{mode}", uri=True)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            connection.close()
            if not begun:
                raise
            raise StorageError(
                f"storage: {self.location!r} is read-only, and its last changes are in "
                f"{begun[0]!r}, which only a process that may write can take in ({error}). Copy both "
                "to a folder that you may write to, and open the copy."
            ) from error
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


_ADVICE = {
    "disk is full": "Nothing that was stored is lost. Free some space and repeat the call.",
    "readonly": "Make the file and its folder writable, or copy it elsewhere.",
    "not a database": "It is not a tfbo storage. Choose another path.",
    "malformed": "The file is damaged, or a copy that was taken while it was written to: copy it once "
    "more. To save what is in it, try `sqlite3 FILE .recover`.",
    "locked": "Another process holds it for long. Try again.",
    "unable to open": "Check that the folder exists and is writable.",
    "disk I/O": "The disk failed. Copy the file to another one.",
}


def _read_only(location: str) -> StorageError:
    return StorageError(
        f"storage: {location!r} is read-only, or its folder is: a study in it can be looked at, but "
        "nothing can be asked, told or added. To go on with it, copy the file to a folder that you may "
        "write to and open the copy, or change the permissions and open it again."
    )


def _connection(name: str, *, uri: bool = False) -> sqlite3.Connection:
    made = sqlite3.connect(
        name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=uri
    )
    # A text that is not UTF-8 is refused together with the name of its row: see `rows`.
    made.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    return made


def _copied(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Copy of a file in memory; the file is closed."""
    copy = _connection(paths.MEMORY)
    connection.backup(copy)
    connection.close()
    return copy


def one_file(connection: sqlite3.Connection) -> bool:
    """Have commits go into the file itself; False where another process holds an older tfbo's log open.

    A copy of the file is then a copy of the study, whenever it is taken. A log with a checkpoint after
    each outcome would take half as long (benchmarks/storage.py), but a process that copies the file
    itself drops the lock by which others know that its log is in use (POSIX: closing any descriptor of a
    file drops all locks of the process), and loses what it tells once they have deleted it. EXTRA has a
    commit outlive a power cut, too: the folder is synced once the journal is gone.
    """
    connection.execute("PRAGMA synchronous = EXTRA")
    try:
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        return False
    return str(mode) != "wal"


def fold(connection: sqlite3.Connection) -> None:
    """Have a commit in the file that went to a log, because an older tfbo wants one."""
    with contextlib.suppress(sqlite3.Error):  # it is stored already
        logs = connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        if logs and not one_file(connection):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
