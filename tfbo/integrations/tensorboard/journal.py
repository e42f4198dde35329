"""A list of the trials that are in a folder of TensorBoard's already, so that none is logged twice.

A small SQLite file beside the event files is both the list and the lock: several processes may work
on one study, each with a callback, and one may be killed at any point.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tfbo.study import Study

_TABLES = """
CREATE TABLE IF NOT EXISTS study (name TEXT, created REAL, history INTEGER DEFAULT 0, best REAL);
CREATE TABLE IF NOT EXISTS logged (number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS curves (number INTEGER PRIMARY KEY, step INTEGER, length INTEGER);
"""


def folder(logdir: Path, study: Study) -> Path:
    """The folder of a study in `logdir`, made if need be: its name, with a number where that is taken."""
    stem = re.sub(r"[^\w.-]+", "_", study.name).strip(".") or "study"
    record = study.stored_trials.record
    for number in itertools.count(1):
        path = logdir / (stem if number == 1 else f"{stem}-{number}")
        path.mkdir(parents=True, exist_ok=True)
        with transaction(path) as db:
            found = db.execute("SELECT name, created FROM study").fetchone()
            if found is None:
                mine = (record.name, record.created)
                db.execute("INSERT INTO study (name, created) VALUES (?, ?)", mine)
            if found in (None, (record.name, record.created)):
                return path
    raise AssertionError("itertools.count ended")


@contextlib.contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """The journal of a study's folder, for one process at a time; stored if nothing is raised."""
    db = sqlite3.connect(path / "tfbo.sqlite", timeout=60.0, isolation_level=None)
    with contextlib.closing(db):
        # After a power cut the last trials may be logged again, in the same files.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN IMMEDIATE")
        for table in _TABLES.strip().split("\n"):
            db.execute(table)
        yield db
        db.execute("COMMIT")


def logged(db: sqlite3.Connection) -> set[int]:
    """Numbers of the trials that are logged."""
    return {number for (number,) in db.execute("SELECT number FROM logged")}


def add(db: sqlite3.Connection, number: int) -> None:
    """Note that a trial is logged."""
    db.execute("INSERT INTO logged VALUES (?)", (number,))


def history(db: sqlite3.Connection) -> tuple[int, float | None]:
    """The length in bytes of the valid part of the history, and the best value in it."""
    length, best = db.execute("SELECT history, best FROM study").fetchone()
    return length, best


def set_history(db: sqlite3.Connection, length: int, best: float | None) -> None:
    """Note the length of the history and the best value in it."""
    db.execute("UPDATE study SET history = ?, best = ?", (length, best))


def curves(db: sqlite3.Connection) -> dict[int, tuple[int, int]]:
    """Last step that is logged of each curve, and the length in bytes of the valid part of its file."""
    rows = db.execute("SELECT number, step, length FROM curves")
    return {number: (step, length) for number, step, length in rows}


def set_curve(db: sqlite3.Connection, number: int, step: int, length: int) -> None:
    """Note how far the curve of a trial is logged."""
    db.execute("INSERT OR REPLACE INTO curves VALUES (?, ?, ?)", (number, step, length))
