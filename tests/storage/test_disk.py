"""Full, locked, damaged and read-only files: a clear error or the truth, and what was told stays."""

import functools
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tfbo import Int, Space, SQLiteStorage, StorageError, Study, StudyNotFound
from tfbo.storage import database

SPACE = Space({"x": Int(0, 10**6)})


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "runs.db")


@functools.cache
def content(count):
    """Of the file of a study of so many trials; each commit waits for the disk, so it is made once."""
    with tempfile.TemporaryDirectory() as folder:
        study = Study(SPACE, storage=(path := Path(folder) / "runs.db"), seed=0)
        for i in range(count):
            study.enqueue({"x": i})
            study.tell(study.ask(), float(i), std=0.5)
        return path.read_bytes()


def told(path, count=40):
    """A study of so many trials in a file; a copy of a file is a copy of its studies."""
    Path(path).write_bytes(content(count))
    return [(i, i, float(i)) for i in range(count)]


def read(path):
    return [
        (t.number, t.params["x"], t.value) for t in Study.load(storage=path, name="study").trials
    ]


# Tells trials until the disk is full, makes room by what is given, and goes on.
FULL = """
import os, resource, sys, tfbo
path, filler = sys.argv[1:]
study = tfbo.Study(tfbo.Space({"x": tfbo.Int(0, 10**6)}), storage=path, seed=0)
stored, errors = 0, []
if filler == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    while True:
        study.enqueue({"x": stored})
        stored += 1
        study.tell(study.ask(), 0.5)
except tfbo.StorageError as error:
    print(error)
if filler == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
else:
    os.remove(filler)
trials = study.trials
assert len(trials) == stored and all(t.value == 0.5 for t in trials[:-1]), trials
study.enqueue({"x": stored})
for trial in study.trials:
    if not trial.is_finished:
        study.tell(trial, 0.5)
assert all(t.value == 0.5 for t in study.trials), study.trials
"""


def fill(path, filler, *prefix):
    call = [*prefix, sys.executable, "-c", FULL, path, filler]
    return subprocess.run(call, capture_output=True, text=True)


def test_a_limit_on_the_size_of_files(path):
    done = fill(path, "limit")
    assert done.returncode == 0, done.stderr
    assert "The disk failed" in done.stdout or "Free some space" in done.stdout
    loaded = Study.load(storage=path)
    assert len(loaded) > 10 and all(trial.value == 0.5 for trial in loaded.trials)
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def inside_mounts(script, *arguments):
    """Run a shell script that may mount things for itself; skips where that is not allowed."""
    prefix = ["unshare", "--user", "--map-root-user", "--mount"]
    allowed = shutil.which("unshare") and subprocess.run(
        [*prefix, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True
    )
    if not allowed or allowed.returncode:
        pytest.skip("this machine lets nobody mount")
    call = [*prefix, "sh", "-ec", script, "sh", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True)


def test_a_disk_that_is_full(tmp_path):
    script = """
        mount -t tmpfs -o size=1200k tmpfs "$1"
        head -c 700000 /dev/zero > "$1/filler"
        "$2" -c "$3" "$1/runs.db" "$1/filler"
        cp "$1"/runs.db* "$4"
    """
    (disk := tmp_path / "disk").mkdir()
    (kept := tmp_path / "kept").mkdir()
    done = inside_mounts(script, disk, sys.executable, FULL, kept)
    assert done.returncode == 0, done.stderr
    assert "Free some space" in done.stdout
    assert Study.load(storage=kept / "runs.db").best_value == 0.5


READ_AND_WRITE = """
import sys, tfbo
try:
    study = tfbo.Study.load(storage=sys.argv[1])
    print(len(study.trials))
    study.enqueue({"x": 3})
except tfbo.StorageError as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_disk_that_is_read_only(tmp_path, what):
    (folder := tmp_path / "runs").mkdir()
    expected = told(str(folder / "runs.db"))
    mounted = folder if what == "folder" else folder / "runs.db"
    script = """
        mount --bind "$1" "$1"
        mount -o remount,bind,ro "$1"
        "$3" -c "$4" "$2"
    """
    done = inside_mounts(script, mounted, folder / "runs.db", sys.executable, READ_AND_WRITE)
    assert done.returncode == 0, done.stderr
    count, error = done.stdout.splitlines()
    assert count == "40"
    assert "is read-only" in error and "copy the file" in error
    assert read(folder / "runs.db") == expected


def test_a_file_that_is_locked_for_long(path, monkeypatch):
    told(path)
    study = Study.load(storage=path)
    study.enqueue({"x": 7})
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    impatient = Study.load(storage=path)
    trial = impatient.ask()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    for call in (
        lambda: impatient.tell(trial, 1.0),
        lambda: impatient.enqueue({"x": 8}),
    ):
        with pytest.raises(StorageError, match="Another process holds it for long"):
            call()
    assert len(impatient.trials) == 41  # readers do not wait
    db.execute("ROLLBACK")
    impatient.tell(trial, 1.0)
    assert study.trials[40].value == 1.0


def test_a_file_that_is_locked_for_a_moment(path):
    told(path)
    study = Study.load(storage=path)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.2, lambda: db.execute("ROLLBACK"))
    release.start()
    assert study.enqueue({"x": 7}).number == 40
    release.join()


def outcome_of_reading(path):
    """What is read, or None where it is refused as it should be."""
    try:
        return read(path)
    except (StorageError, StudyNotFound):
        return None


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off(path, share):
    expected = told(path, count=200)
    size = os.path.getsize(path)
    os.truncate(path, int(size * share))
    assert outcome_of_reading(path) in (None, expected)


def test_a_file_with_noise_in_it(path, tmp_path):
    """Bits that fell over: an error, or what was told; never other numbers, nor fewer trials."""
    expected = told(path, count=60)
    whole = Path(path).read_bytes()
    draw = random.Random(5)
    refused = 0
    for i in range(150):
        noisy = bytearray(whole)
        start, length = draw.randrange(len(whole)), draw.choice([1, 4, 64, 1024])
        noisy[start : start + length] = draw.randbytes(len(noisy[start : start + length]))
        copy = tmp_path / f"{i}.db"
        copy.write_bytes(noisy)
        found = outcome_of_reading(copy)
        refused += found is None
        assert found in (None, expected), i
    assert refused > 15


def test_a_log_that_was_cut_off_loses_the_last_changes_only(path, tmp_path):
    """The log of an older tfbo, which kept it beside the file."""
    made = Study(SPACE, storage=path, seed=0)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("SELECT * FROM trials").fetchall()
    shutil.copy(path, start := str(tmp_path / "start.db"))
    for i in range(30):
        made.enqueue({"x": i})
        made.tell(made.ask(), float(i))
    log = Path(path + "-wal").read_bytes()
    lengths = []
    for share in (0.0, 0.4, 0.9):
        copy = str(tmp_path / f"copy-{share}.db")
        shutil.copy(start, copy)
        with open(copy + "-wal", "wb") as file:
            file.write(log[: int(len(log) * share)])
        found = outcome_of_reading(copy)
        complete = [trial for trial in found or () if trial[2] is not None]
        assert complete == [(i, i, float(i)) for i in range(len(complete))]
        assert len(complete) >= len(found or ()) - 1
        lengths.append(len(complete))
    db.close()
    assert lengths == sorted(lengths)


@pytest.mark.parametrize("name", ["/dev/null", "/dev/full"])
def test_a_device_is_no_storage(name):
    with pytest.raises(StorageError):
        SQLiteStorage(name)


def test_a_name_with_strange_characters(tmp_path):
    for name in ("a b.db", "ä.db", "q?mode=memory", "file:x.db", "x%20y.db", "it's #1.db"):
        expected = told(str(tmp_path / name), count=2)
        assert (tmp_path / name).is_file()
        assert read(tmp_path / name) == expected
