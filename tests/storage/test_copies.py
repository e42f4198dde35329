"""Studies and what belongs to them: pickled, copied, sent to other processes."""

import contextlib
import copy
import dataclasses
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cloudpickle
import pytest

from tfbo import Boolean, Float, Space, SQLiteStorage, StorageError, Study, Trial
from tfbo.strategies import Bayes, Grid, Random, Sobol
from tfbo.study.ask import ask

SPACE = Space({"x": Float(-1.0, 1.0), "flag": Boolean()})
WAYS = {
    "pickle": lambda study: pickle.loads(pickle.dumps(study)),
    "oldest": lambda study: pickle.loads(pickle.dumps(study, protocol=2)),
    "cloudpickle": lambda study: pickle.loads(cloudpickle.dumps(study)),
    "deepcopy": copy.deepcopy,
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "runs.db")


def make(path, **settings):
    study = Study(SPACE, **{"storage": path, "seed": 0, "strategy": Random(), **settings})
    for value in (1.0, 2.0):
        study.tell(study.ask(), value, std=0.5)
    study.ask()
    study.enqueue({"x": 0.5, "flag": True})
    return study


@ways
def test_a_stored_study_is_opened_again(path, way):
    study = make(
        SQLiteStorage(path, heartbeat=7.0), name="one", retries=5, strategy=Sobol(), device="CPU"
    )
    make(path, name="two")
    again = way(study)
    assert (again.name, again.location, again.trials) == ("one", path, study.trials)
    assert again.stored_trials.retries == 5 and again.stored_trials.storage.heartbeat.seconds == 7.0
    assert (again.advisor.strategy, again.advisor.device) == (Sobol(), "CPU")
    again.tell(2, 3.0)
    assert study.trials[2].value == 3.0  # they share it
    for each in (study, again):  # as a search does: each has a name of its own
        ask(each.stored_trials, each.advisor.suggest, 1, first=each.advisor.first_stage)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(DISTINCT owner) FROM trials").fetchone() == (2,)


@ways
def test_a_study_in_memory_is_copied(way):
    study = make(None, retries=1)
    again = way(study)
    assert (again.trials, again.space, again.seed) == (study.trials, study.space, study.seed)
    assert (
        again.direction == study.direction
        and again.stored_trials.record == study.stored_trials.record
    )
    assert again.stored_trials.retries == 1
    assert again.suggestion() == study.suggestion()
    assert [again.ask().params for _ in range(3)] == [study.ask().params for _ in range(3)]
    again.tell(2, 9.0)
    assert study.trials[2].state == "running"


def test_the_model_of_a_copy_asks_for_the_same(path):
    for storage in (None, path):
        study = Study(SPACE, storage=storage, seed=0, strategy=Bayes(n_initial=3))
        study.optimize(lambda p: (p["x"] - 0.3) ** 2 + p["flag"], n_trials=6)
        again = pickle.loads(pickle.dumps(study))
        assert again.suggestion() == study.suggestion()


def test_studies_of_one_storage_stay_together():
    storage = SQLiteStorage(":memory:")
    one, two = make(storage, name="one"), make(storage, name="two")
    again, other = pickle.loads(pickle.dumps((one, two)))
    assert again.stored_trials.storage is other.stored_trials.storage
    assert (again.trials, other.trials) == (one.trials, two.trials)
    assert [record.name for record in again.stored_trials.storage.studies()] == ["one", "two"]
    shallow = copy.copy(one)
    assert (
        shallow.stored_trials.storage is storage and shallow.stored_trials is not one.stored_trials
    )


@pytest.mark.parametrize("value", [SPACE, Trial(3, {"x": 1.0}), Random(), Bayes(), Sobol(), Grid()])
@ways
def test_values(value, way):
    assert way(value) == value


def test_what_was_pickled_before_a_column_joined_is_read():
    before = make(None).stored_trials.storage
    made, arguments, tables = before.__reduce__()
    columns, rows = tables["trials"]
    at = columns.split(", ").index("attempts")
    older = ", ".join(name for name in columns.split(", ") if name != "attempts")
    after = made(*arguments)
    after.__setstate__({**tables, "trials": (older, [row[:at] + row[at + 1 :] for row in rows])})
    assert after.changes("study", 0) == before.changes("study", 0)
    assert "owner" not in columns


def test_a_relative_path_is_meant_from_here(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(make("runs.db"))
    monkeypatch.chdir("/")
    assert len(pickle.loads(pickled)) == 4
    os.remove(path)
    with pytest.raises(StorageError, match="there is no file"):
        pickle.loads(pickled)
    assert not os.path.exists(path)


@dataclasses.dataclass
class Listener:
    """An objective that holds its study, and looks at a copy of it while it runs."""

    study: Study

    def __call__(self, params):
        if threading.current_thread() is threading.main_thread():
            copied = pickle.loads(pickle.dumps(self.study))
            assert copied.trials[-1].state == "running"
        return float(len(self.study))


@pytest.mark.parametrize("stored", [True, False])
def test_a_search_that_is_under_way_does_not_go_along(path, stored):
    study = Study(SPACE, storage=path if stored else None, seed=0, strategy=Random())
    study.optimize(Listener(study), n_trials=3, callbacks=[lambda study, trial: study.stop()])
    assert [t.value for t in study.trials] == [1.0]


def size(study):
    study.tell(study.enqueue({"x": 0.25, "flag": False}), 4.0)
    return len(study)


def test_other_processes(path, tmp_path, monkeypatch):
    # They import this file, from wherever the tests are run.
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    study = make(path)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert sorted(pool.map(size, [study, study])) in ([5, 6], [6, 6])
    assert len(study) == 6
    # An objective that closes over its study, in processes of tfbo.
    script = tmp_path / "script.py"
    script.write_text(f"""
import tfbo
from tfbo.strategies import Random
if __name__ == "__main__":
    study = tfbo.Study.load(storage={path!r}, strategy=Random())
    study.optimize(lambda params: float(len(study)), n_trials=2, executor="process", n_jobs=1)
    assert [t.value for t in study.trials if t.value and t.value > 4] == [6.0, 7.0], study.trials
    kept = tfbo.Study(study.space, seed=0, strategy=Random())
    kept.optimize(lambda params: float(len(kept)), n_trials=2, executor="process", n_jobs=1)
    assert [t.value for t in kept.trials] == [0.0, 0.0] or [t.value for t in kept.trials] == [1.0, 2.0]
""")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
