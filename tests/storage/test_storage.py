import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import tfbo
from tfbo import (
    Boolean,
    Float,
    Space,
    SQLiteStorage,
    StorageError,
    Study,
    StudyMismatch,
    StudyNotFound,
)
from tfbo.storage import schema
from tfbo.strategies import Random
from tfbo.study.ask import ask

SPACE = Space({"x": Float(-1.0, 1.0), "flag": Boolean()})


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "runs.db")


def make(path, **settings):
    return Study(SPACE, **{"storage": path, "seed": 0, "strategy": Random(), **settings})


def test_a_stored_study_goes_on(path):
    study = make(path).optimize(lambda p: p["x"], n_trials=3)
    expected = study.trials
    again = make(path, seed=None)
    assert again.trials == expected
    assert again.seed == 0
    loaded = Study.load(storage=path, name="study", strategy=Random())
    assert loaded.space == SPACE
    assert loaded.trials == expected
    assert loaded.ask().number == 3


def test_two_studies_of_one_file_are_apart(path):
    one, two = make(path, name="one"), make(path, name="two", direction="maximize")
    one.tell(one.ask(), 1.0)
    assert len(two) == 0
    assert Study.load(storage=path, name="two").direction == "maximize"


def test_two_openings_of_one_study_share_it(path):
    one, two = make(path), make(path)
    first, second = one.ask(), two.ask()
    assert (first.number, second.number) == (0, 1)
    two.tell(first.number, 1.0)
    assert one.best_value == 1.0
    one.tell(second, 0.5)
    assert two.best_value == 0.5


def test_the_file_is_sqlite_with_json_and_a_version(path):
    make(path).tell(make(path).ask(), 1.0)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone()[0] == 6
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    params, notes = db.execute("SELECT params, notes FROM trials").fetchone()
    assert set(json.loads(params)) == {"x", "flag"}
    assert json.loads(notes) == {}


def test_another_space_direction_or_seed_is_shown(path):
    make(path)
    other = Space({"x": Float(-1.0, 2.0), "flag": Boolean()})
    with pytest.raises(StudyMismatch) as caught:
        Study(other, storage=path, direction="maximize", seed=1)
    message = str(caught.value)
    assert "x: Float(-1.0, 2.0) here, Float(-1.0, 1.0) there" in message
    assert "direction: 'maximize' here, 'minimize' there" in message
    assert "seed: 1 here, 0 there" in message


def test_what_is_not_there(path, tmp_path):
    with pytest.raises(StorageError, match="no file"):
        Study.load(storage=path, name="a")
    make(path, name="mnist")
    with pytest.raises(StudyNotFound, match="It holds 'mnist'"):
        Study.load(storage=path, name="minst")
    with pytest.raises(StorageError, match="no folder"):
        make(str(tmp_path / "nowhere" / "runs.db"))
    with pytest.raises(StorageError, match="is a folder"):
        make(str(tmp_path))


def test_files_of_others_are_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to have a header of one" * 20)
    before = text.read_bytes()
    with pytest.raises(StorageError, match="not a tfbo storage"):
        make(str(text))
    assert text.read_bytes() == before
    other = tmp_path / "other.db"
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE t (a)")
    db.commit()
    db.close()
    with pytest.raises(StorageError, match="another program"):
        make(str(other))


def test_a_newer_file_asks_for_an_upgrade(path):
    make(path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StorageError, match="newer tfbo"):
        make(path)


FIRST = Path(__file__).parent / "files" / "schema-1.db"


def columns(path):
    return [row[1] for row in sqlite3.connect(path).execute("PRAGMA table_info(trials)")]


def test_an_update_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    shutil.copy(FIRST, path)
    with monkeypatch.context() as patch:
        steps = (*schema.MIGRATIONS, "ALTER TABLE trials ADD COLUMN std REAL")
        patch.setattr(schema, "MIGRATIONS", steps)
        with pytest.raises(StorageError, match="duplicate column"):
            SQLiteStorage(path)
    assert "std" not in columns(path)
    SQLiteStorage(path)
    assert "std" in columns(path)


@pytest.mark.parametrize("old", [True, False])
def test_processes_may_open_a_file_at_once_whatever_its_schema(tmp_path, old):
    paths = [str(tmp_path / f"{i}.db") for i in range(20)]
    for path in paths if old else ():
        shutil.copy(FIRST, path)
    code = (
        "import sys, time; from tfbo import SQLiteStorage\n"
        "time.sleep(max(0.0, float(sys.argv[1]) - time.time()))\n"
        "for path in sys.argv[2:]: SQLiteStorage(path).close()"
    )
    call = [sys.executable, "-c", code, str(time.time() + 1.5), *paths]
    workers = [subprocess.Popen(call, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for worker in workers:
        assert worker.communicate()[1] == "" and worker.returncode == 0
    assert all(columns(path)[-1] == "violations" for path in paths)


def test_an_empty_file_is_a_new_one(path):
    open(path, "w").close()
    assert len(make(path)) == 0


def test_a_full_disk_loses_nothing_and_the_call_can_be_repeated(path):
    study = make(storage := SQLiteStorage(path))
    trial = study.ask()
    with storage.database.transaction() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="Free some space"):
        for _ in range(10_000):
            study.enqueue({"x": 0.5, "flag": True})
    with storage.database.transaction() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    stored = len(study)
    study.tell(trial, 0.25)
    again = Study.load(storage=path, strategy=Random())
    assert again.best_value == 0.25
    assert len(again) == stored


SCRIPT = """
    import os, signal, sys
    import tfbo
    from tfbo.strategies import Bayes
    path, moment, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    space = tfbo.Space({"x": tfbo.Float(-1.0, 1.0), "k": tfbo.Categorical(["a", "b", "c"])})
    study = tfbo.Study(space, storage=path, seed=4, strategy=Bayes(n_initial=3))
    die = lambda: os.kill(os.getpid(), signal.SIGKILL)
    def objective(p):
        if moment == "inside" and len(study) == number + 1:
            die()
        return (p["x"] - 0.3) ** 2 + (p["k"] == "b")
    def after(study, trial):
        if moment == "between" and trial.number == number:
            die()
    if moment == "asking":
        study.optimize(objective, n_trials=number)
        study.stored_trials.storage.append = lambda *a: die()
    done = len([t for t in study.trials if t.is_finished])
    study.optimize(objective, n_trials=9 - done, callbacks=[after])
"""


def params_of(path):
    storage = SQLiteStorage(path)
    return [(t.number, t.params, t.value) for t in storage.changes("study", 0).trials]


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """The script, run on a file of that name in one folder, and to die at a moment."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "run.py").write_text(textwrap.dedent(SCRIPT))

    def call(name, moment, number):
        command = [sys.executable, "run.py", name, moment, str(number)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        return done, params_of(str(folder / name))

    return call


@pytest.fixture(scope="module")
def whole(call):
    """The trials of a study that nothing interrupts."""
    done, trials = call("whole.db", "never", 0)
    assert done.returncode == 0, done.stderr
    return trials


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("inside", 6),
        *(
            pytest.param(*at, marks=pytest.mark.slow)
            for at in (("inside", 1), ("between", 5), ("asking", 4))
        ),
    ],
)
def test_killed_and_loaded_again_it_asks_for_the_same_points(call, whole, moment, number):
    path = f"{moment}-{number}.db"
    killed, stored = call(path, moment, number)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(stored) == number + (moment != "asking")
    resumed, stored = call(path, "never", 0)
    assert resumed.returncode == 0, resumed.stderr
    assert stored == whole


def test_an_orderly_end_leaves_a_running_trial_to_others(path):
    study = make(path)
    (trial,) = ask(study.stored_trials, study.advisor.suggest, 1, first=study.advisor.first_stage)
    del study
    again = make(path)
    assert again.trials[0].state == "running"
    again.tell(trial.number, 1.0)
    assert again.best_value == 1.0


def test_a_fork_can_use_the_study(path):
    study = make(path)
    pid = os.fork()
    if pid == 0:
        study.tell(study.ask(), 1.0)
        os._exit(0)
    os.waitpid(pid, 0)
    study.tell(study.ask(), 0.5)
    assert [t.value for t in study.trials] == [1.0, 0.5]


def test_a_worker_that_is_killed_gives_its_trial_back_to_the_living(path):
    study = make(path)
    pid = os.fork()
    if pid == 0:
        study.optimize(lambda params: os.kill(os.getpid(), signal.SIGKILL), n_trials=1)
    os.waitpid(pid, 0)
    lost = study.trials[0]
    assert lost.state == "running"
    again = study.ask()
    assert (again.number, again.params) == (0, lost.params)


def test_reading_a_study_needs_no_tensorflow(path):
    make(path).tell(make(path).ask(), 1.0)
    code = f"""
import sys, tfbo
study = tfbo.Study.load(storage={path!r})
study.best_value, repr(study), study.enqueue({{"x": 0.0, "flag": True}})
study.tell(study.enqueue({{"x": 0.5, "flag": True}}), 0.5, std=0.1)
assert study.best_observed.number == 2 and "0.5" in repr(study)
assert not {{"tensorflow", "matplotlib", "sklearn", "scipy", "pandas", "keras"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_sets_nothing_global():
    code = """
import os, logging, warnings, sys, numpy  # NumPy has filters of its own
before = dict(os.environ), logging.getLogger().level, list(warnings.filters)
import tfbo
after = dict(os.environ), logging.getLogger().level, list(warnings.filters)
assert before == after
assert not {"tensorflow", "matplotlib", "sklearn", "scipy"} & set(sys.modules)
assert tfbo.gp.fit and tfbo.strategies.Bayes and "gp" in dir(tfbo)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there():
    assert all(getattr(tfbo, name) is not None for name in tfbo.__all__)
