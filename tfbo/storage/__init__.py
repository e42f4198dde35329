"""Where studies live: one SQLite file (or memory), one transaction a change, JSON text, never pickle."""

from __future__ import annotations

from tfbo.storage.sqlite import (
    Changes,
    Record,
    SQLiteStorage,
    Storage,
    no_study,
    open_storage,
    release_at_end,
)

__all__ = [
    "Changes",
    "Record",
    "SQLiteStorage",
    "Storage",
    "no_study",
    "open_storage",
    "release_at_end",
]
