"""Files and folders that may only be read: all that looks at a study works, and nothing is written."""

import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from tfbo import Float, Space, Study
from tfbo.storage import schema
from tfbo.strategies import Random

SPACE = Space({"x": Float(-1.0, 1.0)})
# Permissions bind root, too, once it has given up its capabilities (`capset` of version 3, all zero).
SCRIPT = """
import contextlib, ctypes, io, os, sys
path, *then = sys.argv[1:]
if os.geteuid() == 0:
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None, use_errno=True).capset(header, none) == 0, ctypes.get_errno()
import tfbo
from tfbo.cli.main import main
"""
LOOK = """
study = tfbo.Study.load(storage=path)
assert [t.value for t in study.trials] == [0.0, 1.0, 2.0, None], study.trials
assert study.best_observed.number == 0 and len(study.to_dataframe()) == 4 and "3 complete" in repr(study)
assert [study.trials[3].state] == ["running"]
again = tfbo.Study(study.space, storage=path, name="study")
assert again.trials == study.trials
for change in (
    study.ask, lambda: study.tell(3, 1.0), lambda: study.enqueue({"x": 0.5}),
    lambda: study.extend({"y": tfbo.Int(0, 3)}), lambda: study.amend(3, {"x": 0.0}),
    lambda: study.optimize(lambda p: 0.0, n_trials=1),
    lambda: tfbo.Study(study.space, storage=path, name="another"),
):
    try:
        change()
    except tfbo.StorageError as error:
        assert "is read-only" in str(error) and "copy the file" in str(error), error
    else:
        raise AssertionError(change)
for command in (["show", path], ["show", path, "study"], ["export", path, "--json"]):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(command) == 0
    assert "study" in said.getvalue() or "running" in said.getvalue()
"""
PREDICT = """
assert study.best_trial.number == 0 and study.suggestion()
mean, std = study.predict([{"x": 0.5}])
assert 0.0 < std[0]
with contextlib.redirect_stdout(io.StringIO()):
    assert main(["report", path, "-o", then[0]]) == 0
"""


@pytest.fixture
def folder(tmp_path):
    """A folder that may be made one that is read-only."""
    (made := tmp_path / "folder").mkdir()
    yield made
    for each in (made, *made.rglob("*")):
        os.chmod(each, 0o755)


def told(path):
    study = Study(SPACE, storage=path, seed=0, strategy=Random())
    for i, x in enumerate((0.1, 0.5, -0.9)):
        study.enqueue({"x": x})
        study.tell(study.ask(), float(i))
    study.enqueue({"x": 0.0})
    study.ask()
    study.stored_trials.storage.close()


def look(path, script=LOOK, *arguments):
    """What somebody says who may only read; the folder is afterwards what it was."""
    state = lambda: {p.name: p.read_bytes() for p in path.parent.iterdir()}
    before = state()
    call = [sys.executable, "-c", SCRIPT + script, str(path), *arguments]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert state() == before
    return done.stdout


def old_schema(path):
    """As tfbo wrote it before values had standard errors."""
    with sqlite3.connect(path) as db:
        for script in schema.MIGRATIONS[:1]:
            db.executescript(script)
        db.executescript(f"PRAGMA application_id = {0x7466626F}; PRAGMA user_version = 1;")
        db.execute(
            "INSERT INTO studies VALUES ('study', ?, 'minimize', '0', 1.7e9, 4)", (SPACE.to_json(),)
        )
        for i, value in enumerate((0.0, 1.0, 2.0, None)):
            state = "running" if value is None else "complete"
            row = (
                "study",
                i,
                f'{{"x": {i / 10}}}',
                state,
                value,
                *[None] * 3,
                1.0,
                None,
                "{}",
                None,
                i + 1,
            )
            db.execute(f"INSERT INTO trials VALUES ({', '.join('?' * 13)})", row)


@pytest.mark.parametrize("what", ["folder", "file"])
@pytest.mark.parametrize("kind", ["today", "log", "schema 1"])
def test_a_study_can_be_looked_at(folder, tmp_path, kind, what):
    path = folder / "runs.db"
    old_schema(path) if kind == "schema 1" else told(path)
    if kind == "log":  # an older tfbo ended in an orderly way
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA journal_mode = WAL")
        db.close()
        assert not os.path.exists(f"{path}-wal")
    os.chmod(path, 0o444)
    os.chmod(folder, 0o555 if what == "folder" else 0o755)
    script = LOOK + PREDICT if (kind, what) == ("today", "folder") else LOOK
    look(path, script, str(tmp_path / "report.html"))


def test_what_others_write_is_seen(folder):
    path = folder / "runs.db"
    told(path)
    os.chmod(folder, 0o555)
    script = """
study = tfbo.Study.load(storage=path)
assert len(study) == 4
print("ready", flush=True)
sys.stdin.readline()
assert [t.value for t in study.trials] == [0.0, 1.0, 2.0, 7.0]
"""
    call = [sys.executable, "-c", SCRIPT + script, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    reader = subprocess.Popen(call, **pipes)
    assert reader.stdout.readline() == "ready\n"
    os.chmod(folder, 0o755)
    Study.load(storage=path).tell(3, 7.0)
    reader.communicate("\n")
    assert reader.returncode == 0


def test_a_log_that_cannot_be_taken_in_is_named(folder):
    told(source := folder / "source.db")
    db = sqlite3.connect(source, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("UPDATE studies SET revision = revision + 1")
    (inside := folder / "inside").mkdir()
    for end in ("", "-wal"):
        shutil.copy(f"{source}{end}", f"{inside / 'runs.db'}{end}")
    db.close()
    os.chmod(inside, 0o555)
    script = """
try:
    tfbo.Study.load(storage=path)
except tfbo.StorageError as error:
    print(error)
assert main(["show", path]) == 1
"""
    said = look(inside / "runs.db", script)
    assert "runs.db-wal" in said and "Copy both" in said


def test_a_new_file_needs_a_folder_that_is_writable(folder):
    os.chmod(folder, 0o555)
    script = """
try:
    tfbo.Study(tfbo.Space({"x": tfbo.Int(0, 1)}), storage=path)
except tfbo.StorageError as error:
    print(error)
"""
    assert "is read-only. Choose a folder that you may write to" in look(folder / "new.db", script)
