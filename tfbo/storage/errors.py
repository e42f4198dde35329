"""Errors of what a storage holds, with what to do."""

from __future__ import annotations

from typing import Any

from tfbo.errors import StorageError, StudyNotFound

_SHOWN = 100


def shown(value: Any) -> str:
    """A value from a file as Python would write it, within a line."""
    text = repr(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}..."


def damaged(study: Any, why: str, *, part: str = "") -> StorageError:
    """The error for a row that tfbo did not write, of the study or of a `part` such as "trial 3 of "."""
    return StorageError(
        f"storage: {part}the study {shown(study)} is damaged: {why}. Take the file from a backup, or "
        "repair or delete that row with sqlite3."
    )


def no_study(location: str) -> StudyNotFound:
    """The error for a file in which there is nothing to look at, with what may have happened."""
    return StudyNotFound(
        f"storage: {location!r} holds no study. Is it the file that the search writes, or has that not "
        f"begun yet? If it is a copy: an older tfbo kept what is newest in {location + '-wal'!r} beside "
        "the file that was copied. Copy both, or open the study there once with this tfbo."
    )
