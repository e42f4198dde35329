"""All that was told is in the one file: at every moment, after every end, for whoever copies it."""

import contextlib
import gc
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest

from tfbo import Int, Space, SQLiteStorage, StorageError, Study
from tfbo.cli.main import main
from tfbo.storage import database
from tfbo.strategies import Random

SPACE = Space({"x": Int(0, 10**6)})
WORKERS = Path(__file__).parent / "workers.py"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "runs.db")


def make(path, **settings):
    return Study(SPACE, **{"storage": path, "seed": 0, "strategy": Random(), **settings})


def tell(study, count):
    for _ in range(count):
        trial = study.ask()
        study.tell(trial, float(trial.number))


def values(path):
    """By number, the values in a file, which is read as whoever has nothing but the file reads it."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        return dict(db.execute("SELECT number, value FROM trials WHERE state = 'complete'"))


def copy_values(path, tmp_path):
    """The values in a plain copy of the file, without anything beside it."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(tmp_path / "copy.db")
    return values(shutil.copy(path, tmp_path / "copy.db"))


def test_each_copy_holds_what_was_told_while_the_file_is_open(path, tmp_path):
    study = make(path)
    for i in range(12):
        tell(study, 1)
        assert copy_values(path, tmp_path) == {n: float(n) for n in range(i + 1)}
        assert sorted(os.listdir(tmp_path)) == ["copy.db", "runs.db"]
    study.ask(), study.enqueue({"x": 3})
    assert len(Study.load(storage=shutil.copy(path, tmp_path / "copy.db"))) == 14


@pytest.mark.parametrize("content", [b"", bytes(512), bytes(4096)])
def test_a_journal_that_was_only_begun_is_gone_once_the_file_is_opened(path, tmp_path, content):
    tell(make(path), 3)
    (tmp_path / "runs.db-journal").write_bytes(content)  # whoever began it was killed
    assert len(Study.load(storage=path)) == 3
    assert os.listdir(tmp_path) == ["runs.db"]


def test_a_journal_that_is_in_use_stays(path, tmp_path):
    tell(make(path), 3)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE trials SET value = 7.0 WHERE number = 0")
        assert "runs.db-journal" in os.listdir(tmp_path)
        study = Study.load(storage=path)
        assert study.trials[0].value == 0.0 and "runs.db-journal" in os.listdir(tmp_path)
        other.execute("ROLLBACK")
    assert values(path) == {0: 0.0, 1: 1.0, 2: 2.0}


ENDS = """
import os, sys, threading, tfbo
from tfbo.strategies import Random
study = tfbo.Study(tfbo.Space({{"x": tfbo.Int(0, 10**6)}}), storage=sys.argv[1], seed=0, strategy=Random())
study.optimize(lambda p: 1.0, n_trials=5)
study.stored_trials.start(5, study.advisor.suggest(5, 1))  # it runs, and signs of life are given
keep = study
{end}
"""


@pytest.mark.parametrize(
    "end", ["", "del study", "sys.exit(3)", "os._exit(0)", "raise ValueError", "os.abort()"]
)
def test_every_end_leaves_one_file(path, tmp_path, end):
    call = [sys.executable, "-c", ENDS.format(end=end), path]
    subprocess.run(call, capture_output=True, cwd=tmp_path)
    assert [name for name in os.listdir(tmp_path) if name.startswith("runs")] == ["runs.db"]
    assert len(copy_values(path, tmp_path)) == 5


@pytest.mark.parametrize("processes", [3, pytest.param(8, marks=pytest.mark.slow)])
def test_copies_taken_while_processes_write_and_are_killed(tmp_path, processes):
    """A copy is whole, and then no trial is missing that was told before; or it is seen to be torn."""
    path, side, seconds = str(tmp_path / "runs.db"), tmp_path / "told.txt", float(processes)
    call = [sys.executable, WORKERS, "kill", path, str(side), str(processes), "60", "3"]
    running = subprocess.Popen(call, stderr=subprocess.PIPE)
    draw, whole, torn, end = random.Random(4), 0, 0, None
    while running.poll() is None and (end is None or time.monotonic() < end or whole <= 30):
        time.sleep(draw.uniform(0.0, 0.03))
        lines = side.read_text().splitlines() if side.exists() else []
        if not lines:
            continue
        end = end or time.monotonic() + seconds
        before = {int(number): float(value) for number, value in map(str.split, lines)}
        try:
            found = copy_values(path, tmp_path)
        except sqlite3.DatabaseError:
            torn += 1
            with pytest.raises(StorageError, match="copy it once more"):
                Study.load(storage=tmp_path / "copy.db")
        else:
            whole += 1
            assert before.items() <= found.items()
    assert running.wait(timeout=120) == 0, running.stderr.read()
    assert whole > 10 and torn <= 0.2 * whole
    study = Study.load(storage=path)  # takes back what a killed process had begun
    acknowledged = dict(map(str.split, side.read_text().splitlines()))
    stored = {t.number: t.value for t in study.trials if t.value is not None}
    assert {int(n): float(v) for n, v in acknowledged.items()}.items() <= stored.items()
    del study
    assert sorted(n for n in os.listdir(tmp_path) if n.startswith("runs")) == ["runs.db"]


def log_ahead(path):
    """Have the file be as an older tfbo left it, with a log; the connection keeps it."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    assert db.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    return db


def test_a_file_of_an_older_tfbo_becomes_one(path, tmp_path):
    tell(make(path), 3)
    log_ahead(path).close()
    study = make(path)
    tell(study, 2)
    assert os.listdir(tmp_path) == ["runs.db"]
    assert len(copy_values(path, tmp_path)) == 5


def test_what_is_only_in_the_log_of_an_older_tfbo_is_taken_in(path, tmp_path):
    tell(make(path), 3)
    code = f"""
import os, sqlite3
db = sqlite3.connect({path!r}, isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("UPDATE studies SET revision = revision + 1")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert os.path.getsize(f"{path}-wal") > 0
    revision = Study.load(storage=path).stored_trials.revision
    assert revision == 7
    assert os.listdir(tmp_path) == ["runs.db"]


def test_a_study_that_is_dropped_closes_its_file_at_once(path):
    gc.disable()
    try:
        study = make(path)
        tell(study, 1)
        study.run(study.ask()).report(1, 0.5)
        opened = weakref.ref(study.stored_trials.storage.database)
        del study
        assert opened() is None
    finally:
        gc.enable()


def test_an_older_tfbo_may_have_it_open(path, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_CONVERSIONS", 2)
    tell(make(path), 3)
    other = log_ahead(path)
    other.execute("SELECT * FROM trials").fetchall()
    study = make(path)
    tell(study, 2)
    assert len(copy_values(path, tmp_path)) == 5  # at once, though there is a log
    other.close()
    tell(study, 1)
    assert len(copy_values(path, tmp_path)) == 6
    assert sorted(os.listdir(tmp_path)) == ["copy.db", "runs.db"]
    # One that is started later has its log again, and others do not lose anything by it.
    again = log_ahead(path)
    again.execute("SELECT * FROM trials").fetchall()
    tell(study, 1)
    assert len(copy_values(path, tmp_path)) == 7
    again.close()


def test_processes_that_open_a_file_of_an_older_tfbo_at_once(path, tmp_path):
    tell(make(path), 3)
    log_ahead(path).close()
    code = """
import sys, time, tfbo
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
study = tfbo.Study.load(storage=sys.argv[1])
for _ in range(3): study.tell(study.enqueue({"x": 1}), 0.0)
"""
    call = [sys.executable, "-c", code, path, str(time.time() + 2.0)]
    workers = [subprocess.Popen(call, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for worker in workers:
        assert worker.communicate()[1] == "" and worker.returncode == 0
    assert len(copy_values(path, tmp_path)) == 15
    assert sorted(os.listdir(tmp_path)) == ["copy.db", "runs.db"]


def test_a_process_that_copies_the_file_itself_loses_nothing(path, tmp_path):
    """Closing any descriptor of a file drops all locks that a process has on it."""
    study = make(path)
    tell(study, 1)
    code = """
import sys, tfbo
study = tfbo.Study.load(storage=sys.argv[1])
study.tell(study.enqueue({"x": 1}), 0.0)
"""
    for i in range(3):
        shutil.copy(path, tmp_path / "copy.db")
        subprocess.run([sys.executable, "-c", code, path], check=True)
        tell(study, 1)
        assert len(copy_values(path, tmp_path)) == 2 * i + 3


def test_a_commit_that_was_cut_short_is_taken_back(path, tmp_path):
    study = make(path)
    tell(study, 3)
    study.stored_trials.storage.close()
    pid = os.fork()
    if pid == 0:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA cache_size = 1")  # pages are written before the commit
        db.execute("BEGIN IMMEDIATE")
        for i in range(200):
            db.execute(
                "UPDATE trials SET notes = ?, number = number + 1000", (f'{{"a": {i}}}' * 900,)
            )
            db.execute("UPDATE studies SET revision = revision + 1")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert os.path.getsize(f"{path}-journal") > 0
    assert [t.value for t in make(path).trials] == [0.0, 1.0, 2.0]
    assert os.listdir(tmp_path) == ["runs.db"]


@pytest.mark.parametrize("content", ["empty", "log", "none"])
def test_showing_a_file_without_studies_fails_and_writes_nothing(path, tmp_path, content, capsys):
    if content == "log":  # copied without what an older tfbo kept beside it
        study = make(path)
        db = log_ahead(path)
        tell(study, 3)
        shutil.copy(path, path := str(tmp_path / "copy.db"))
        db.close()
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("DELETE FROM trials")
            db.execute("DELETE FROM studies")
            db.commit()
    elif content == "none":
        SQLiteStorage(path).close()
    else:
        Path(path).touch()
    before = Path(path).read_bytes()
    for command in (["show", path], ["export", path, "--csv"], ["show", path, "study"]):
        assert main(command) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert "holds no study" in said.err and "-wal" in said.err and "not begun yet" in said.err
    if content != "log":
        assert Path(path).read_bytes() == before


def test_a_storage_of_an_empty_file_sees_what_others_make_of_it(path):
    Path(path).touch()
    storage = SQLiteStorage(path, create=False)
    assert storage.studies() == [] and os.path.getsize(path) == 0
    make(path)
    assert [record.name for record in storage.studies()] == ["study"]
    Path(second := f"{path}2").touch()
    make(second, storage=SQLiteStorage(second, create=False))
    assert [record.name for record in SQLiteStorage(second).studies()] == ["study"]
