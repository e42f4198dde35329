"""Paths of storages: read from an argument, and checked before a file is opened."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from tfbo.errors import StorageError, invalid

MEMORY = ":memory:"

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<slashes>//?)(?P<rest>.*)", re.DOTALL)
EXAMPLE = 'For example storage="runs.db".'


def resolve(storage: Any) -> str:
    """The path that an argument stands for; a leading ~ is the user's folder.

    Raises:
        InvalidArgument: for anything but a path, such as the URL of a database.

    Example:
        >>> resolve("runs.db")
        'runs.db'
    """
    text = os.fspath(storage) if isinstance(storage, (str, os.PathLike)) else storage
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise invalid("storage", "the path of a file", storage, EXAMPLE)
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
    """Advice for a URL: the path that is in it, where it is one of SQLite."""
    if text.startswith("file:"):
        found = text.removeprefix("file:").partition("?")[0]
        found = re.sub("^///", "/", found)
    elif url and url["scheme"].lower().startswith("sqlite"):
        # As in SQLAlchemy: after an empty host and its slash comes the path, which may begin with one.
        rest = url["rest"].partition("?")[0]
        found = rest.removeprefix("/") if url["slashes"] == "//" else rest
        found = found or MEMORY
    else:
        return f"A study is stored in an SQLite file and nowhere else. {EXAMPLE}"
    if found == MEMORY:
        return "Leave storage out to keep the study in memory."
    return f"Give the path itself: storage={found!r}."


def check(location: str, *, create: bool) -> None:
    """Raise StorageError where there can be no file, or is none and none is to be made."""
    path = Path(location)
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


def may_be_written(location: str) -> bool:
    """True where the file is writable, and its folder too, for SQLite writes a journal beside it."""
    file = os.path.realpath(location)
    writable = not os.path.exists(file) or os.access(file, os.W_OK)
    return writable and os.access(os.path.dirname(file), os.W_OK)
