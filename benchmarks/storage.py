"""Where a commit goes: what each of SQLite's ways costs, and what a plain copy of the file then holds.

    python benchmarks/storage.py --folder /a/folder/on/the/disk/in/question

For each way one process asks and tells by itself, then eight do at once while the file alone is copied at
random moments. A copy is torn where SQLite's integrity check finds that it was taken in the middle of
another process's commit; of the others it is counted how many trials are missing that had been told
before the copy began.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import tfbo
from tfbo.storage import database
from tfbo.strategies import Random
from tfbo.study.ask import ask

_SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
# Journal mode, synchronous, and whether there is a checkpoint after each outcome.
_WAYS = {
    "log, as until now": ("WAL", "FULL", False),
    "log, checkpoint after each outcome": ("WAL", "FULL", True),
    "journal, truncated": ("TRUNCATE", "FULL", False),
    "journal, kept": ("PERSIST", "FULL", False),
    "journal, deleted": ("DELETE", "EXTRA", False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", default=None, help="on the disk in question")
    parser.add_argument("--seconds", type=float, default=6.0, help="for the eight (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="in turn (%(default)s)")
    parsed = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in _WAYS}
    for _ in range(parsed.rounds):
        for name, way in _WAYS.items():
            with tempfile.TemporaryDirectory(dir=parsed.folder) as folder:
                found[name].append(_measure(Path(folder), way, parsed.seconds))
    columns = list(found["journal, deleted"][0])
    print("| a commit goes to | " + " | ".join(columns) + " |")
    print("|---" + "|---:" * len(columns) + "|")
    for name, rounds in found.items():
        cells = []
        for column in columns:
            values = [one[column] for one in rounds]
            counted = column in ("copies", "torn")
            most = max if column == "most missing" else sum if counted else statistics.median
            cells.append(f"{most(values):.4g}")
        print(f"| {name} | " + " | ".join(cells) + " |")


def _measure(folder: Path, way: tuple[str, str, bool], seconds: float) -> dict[str, float]:
    """One way, in an empty folder."""
    _choose(*way)
    alone = _open(folder / "alone.db")
    times = []
    for _ in range(60):
        before = time.perf_counter()
        _step(alone)
        times.append(1e3 * (time.perf_counter() - before))
    path = folder / "runs.db"
    _open(path)
    end = time.monotonic() + seconds
    workers = [_fork(path, folder / f"told{i}.txt", end) for i in range(8)]
    copies, torn, most = _copy(path, folder, end)
    for pid in workers:
        os.waitpid(pid, 0)
    return {
        "ask and tell alone, ms": statistics.median(times),
        "eight: trials/s": sum(len(_numbers(p)) for p in folder.glob("told*")) / seconds,
        "copies": copies,
        "torn": torn,
        "most missing": most,
    }


def _choose(mode: str, synchronous: str, checkpoint: bool) -> None:
    """Have tfbo open and write files in another way than its own."""

    def one_file(connection: sqlite3.Connection) -> bool:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        return True

    def fold(connection: sqlite3.Connection) -> None:
        if checkpoint:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    changed: Any = database
    changed.one_file, changed.fold = one_file, fold


def _open(path: Path) -> tfbo.Study:
    return tfbo.Study(_SPACE, storage=path, seed=0, strategy=Random())


def _step(study: tfbo.Study) -> int:
    (trial,) = ask(study.stored_trials, study.advisor.suggest, 1, first=study.advisor.first_stage)
    study.tell(trial, 0.5)
    return trial.number


def _fork(path: Path, side: Path, end: float) -> int:
    pid = os.fork()
    if pid == 0:
        with side.open("a", buffering=1) as told:
            study = _open(path)
            while time.monotonic() < end:
                told.write(f"{_step(study)}\n")
        os._exit(0)
    return pid


def _numbers(side: Path) -> set[int]:
    # The last line may be on its way.
    return set(map(int, side.read_text().rpartition("\n")[0].split()))


def _copy(path: Path, folder: Path, end: float) -> tuple[int, int, int]:
    """How many copies were taken and were torn, and how many trials one lacked at most."""
    draw, copies, torn, most = random.Random(0), 0, 0, 0
    while time.monotonic() < end:
        time.sleep(draw.uniform(0.0, 0.04))
        before = set().union(*map(_numbers, folder.glob("told*")))
        shutil.copy(path, copy := folder / "copy.sqlite")
        copies += 1
        with contextlib.closing(sqlite3.connect(copy)) as db:
            try:
                whole = db.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
                query = "SELECT number FROM trials WHERE state = 'complete'"
                there = {number for (number,) in db.execute(query)} if whole else set()
            except sqlite3.DatabaseError:
                whole = False
        torn += not whole
        most = max(most, len(before - there)) if whole else most
        for beside in folder.glob("copy.sqlite*"):
            beside.unlink()
    return copies, torn, most


if __name__ == "__main__":
    main()
