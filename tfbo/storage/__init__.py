"""Places where studies live: the promises of one, and the one that is an SQLite file."""

from __future__ import annotations

from tfbo.storage.base import Changes, Record, Storage, damaged, no_study, shown
from tfbo.storage.processes import is_gone, new_owner, release_at_end
from tfbo.storage.rows import (
    check_params,
    read_points,
    read_record,
    read_space,
    read_trial,
    write_points,
    write_record,
    write_trial,
)
from tfbo.storage.sqlite import SQLiteStorage, open_storage

__all__ = [
    "Changes",
    "Record",
    "SQLiteStorage",
    "Storage",
    "check_params",
    "damaged",
    "is_gone",
    "new_owner",
    "no_study",
    "open_storage",
    "read_points",
    "read_record",
    "read_space",
    "read_trial",
    "release_at_end",
    "shown",
    "write_points",
    "write_record",
    "write_trial",
]
