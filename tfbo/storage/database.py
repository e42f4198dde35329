"""An SQLite file as this process has it open: its path, whether it may be written, transactions.

All that was committed is in the one file, so that a copy of it is a copy of the study. While a commit is
under way SQLite keeps a journal beside it, from which whoever opens the file next takes back what a
process that was killed had begun.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfbo import _forks
from tfbo.errors import StorageError, invalid
from tfbo.storage import schema

BUSY_SECONDS = 60.0
MEMORY = ":memory:"
# How often a file is opened anew to leave a log behind that an older tfbo began: for half a second or so.
_CONVERSIONS = 12

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<slashes>//?)(?P<rest>.*)", re.DOTALL)
_EXAMPLE = 'For example storage="runs.db".'


class Database:
    """Tables of a tfbo storage, of the schema of today.

    Args:
        location: a path as `path` returns it.
        create: whether to make the file where there is none.

    Raises:
        StorageError: for a file that cannot be used; it says why and what to do.
    """

    def __init__(self, location: str, *, create: bool) -> None:
        self.location = location
        self.lock = _forks.lock()
        self._pid = os.getpid()
        self._writable = self._provisional = False
        if self.in_memory:
            self._writable = True
        else:
            _check_path(Path(location), create)
        self._connection = self._connect(create)

    @property
    def in_memory(self) -> bool:
        """True where it lives as long as this object, and nobody else sees it."""
        return self.location == MEMORY

    @property
    def is_read_only(self) -> bool:
        """True where the file, or the folder in which a journal would be, may not be written to."""
        return not self._writable

    @contextlib.contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction that is committed as a whole or not at all.

        Raises:
            StorageError: where it cannot be done; nothing is changed then.
        """
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
                schema.fold(connection)

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._connection.close()

    def _connect(self, create: bool) -> sqlite3.Connection:
        with self._explained():
            if not self.in_memory:
                self._writable = _may_be_written(self.location)
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
                if schema.one_file(connection) or attempt == _CONVERSIONS - 1:
                    return connection
            except BaseException:
                connection.close()
                raise
            # Only a process that is alone can do it, and others may be trying at this very moment.
            connection.close()
            time.sleep(random.uniform(0.02, 0.06))
        raise AssertionError

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


def path(storage: Any) -> str:
    """The path that an argument stands for; a leading ~ is the user's folder.

    Raises:
        InvalidArgument: for what is no path, such as the URL of a database.

    Example:
        >>> path("runs.db")
        'runs.db'
    """
    text = os.fspath(storage) if isinstance(storage, (str, os.PathLike)) else storage
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise invalid("storage", "the path of a file", storage, _EXAMPLE)
    url = _URL.fullmatch(text)
    if text.startswith("file:") or (url and not Path(f"{url['scheme']}:").is_dir()):
        raise invalid("storage", "the path of a file", str(storage), _instead(text, url))
    if text == MEMORY:
        return text
    try:
        return os.path.expanduser(text)
    except RuntimeError:  # there is no such user; then it is a name like any other
        return text


def _instead(text: str, url: re.Match[str] | None) -> str:
    """Advice for whoever gives a URL: the path that is in it, where it is one of SQLite."""
    if text.startswith("file:"):
        found = text.removeprefix("file:").partition("?")[0]
        found = re.sub("^///", "/", found)
    elif url and url["scheme"].lower().startswith("sqlite"):
        # As in SQLAlchemy: after an empty host and its slash comes the path, which may begin with one.
        rest = url["rest"].partition("?")[0]
        found = rest.removeprefix("/") if url["slashes"] == "//" else rest
        found = found or MEMORY
    else:
        return f"A study is stored in an SQLite file and nowhere else. {_EXAMPLE}"
    if found == MEMORY:
        return "Leave storage out to keep the study in memory."
    return f"Give the path itself: storage={found!r}."


def _check_path(path: Path, create: bool) -> None:
    if path.is_dir():
        raise StorageError(
            f"storage: {str(path)!r} is a folder. Give the path of a file, such as "
            f"{str(path / 'runs.db')!r}."
        )
    if not path.exists() and not create:
        raise StorageError(f"storage: there is no file {str(path)!r}. Check the path.")
    if not path.parent.is_dir():
        hint = " Variables such as $HOME are not replaced: use os.path.expandvars." if (
            "$" in str(path)
        ) else ""  # fmt: skip
        raise StorageError(
            f"storage: there is no folder {str(path.parent)!r}. Create it first.{hint}"
        )
    if not path.exists() and not os.access(path.parent, os.W_OK):
        raise StorageError(
            f"storage: the folder {str(path.parent)!r} is read-only. Choose a folder that you may "
            "write to, or change its permissions."
        )


def _may_be_written(location: str) -> bool:
    """True where the file is writable, and its folder too, for SQLite writes a journal beside it."""
    file = os.path.realpath(location)
    writable = not os.path.exists(file) or os.access(file, os.W_OK)
    return writable and os.access(os.path.dirname(file), os.W_OK)


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
    copy = _connection(MEMORY)
    connection.backup(copy)
    connection.close()
    return copy
