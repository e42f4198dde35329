"""Many processes on one study: nothing is lost, doubled or skipped, whenever they die."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tfbo import Float, Space, SQLiteStorage, Study
from tfbo.strategies import Random

WORKERS = Path(__file__).parent / "workers.py"
# By hand, with more: TFBO_KILLS=200 pytest tests/storage/test_processes.py
KILLS = int(os.environ.get("TFBO_KILLS", "50"))


def run(mode, path, side, *numbers):
    call = [sys.executable, WORKERS, mode, path, side, *map(str, numbers)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [
        (int(number), float(value))
        for number, value in (line.split() for line in Path(side).read_text().splitlines())
    ]


def stored(path):
    return SQLiteStorage(path).changes("study", 0).trials


def assert_whole(path, trials):
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert len({tuple(trial.params.items()) for trial in trials}) == len(trials)
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("processes", [3, pytest.param(8, marks=pytest.mark.slow)])
def test_processes_share_a_study(tmp_path, processes):
    path, side = str(tmp_path / "runs.db"), str(tmp_path / "told.txt")
    acknowledged = run("share", path, side, processes, 50)
    trials = stored(path)
    assert len(trials) == 50 * processes
    assert_whole(path, trials)
    assert all(trial.state == "complete" for trial in trials)
    assert sorted(acknowledged) == [(trial.number, trial.value) for trial in trials]
    assert sqlite3.connect(path).execute("SELECT count(*) FROM owners").fetchone()[0] <= processes


@pytest.mark.slow
def test_processes_end_at_a_total_of_the_study(tmp_path):
    path, side = str(tmp_path / "runs.db"), str(tmp_path / "told.txt")
    acknowledged = run("total", path, side, 4, 60)
    trials = stored(path)
    assert_whole(path, trials)
    interrupted = [trial.number for trial in trials if trial.kind == "interrupted"]
    assert interrupted == [trial.number for trial in trials if trial.number % 7 == 3]
    assert len(trials) - len(interrupted) == 60
    assert sorted(number for number, _ in acknowledged) == list(range(len(trials)))


@pytest.mark.slow
def test_workers_killed_at_any_moment_lose_nothing_that_was_told(tmp_path):
    path, side = str(tmp_path / "runs.db"), str(tmp_path / "told.txt")
    acknowledged = run("kill", path, side, 4, KILLS, 11)
    assert len(acknowledged) > KILLS
    assert len(dict(acknowledged)) == len(acknowledged)  # none told twice
    trials = stored(path)
    assert_whole(path, trials)
    values = {trial.number: trial.value for trial in trials}
    assert all(values[number] == value for number, value in acknowledged)
    open_ones = [trial.number for trial in trials if not trial.is_finished]
    study = Study.load(storage=path, strategy=Random())
    for number in open_ones:
        trial = study.ask()
        assert trial.number == number
        study.tell(trial, 0.5)
    assert all(trial.is_finished for trial in study.trials)
    assert study.ask().number == len(trials)


def test_what_counts_towards_a_total():
    study = Study(Space({"x": Float(0.0, 1.0)}), seed=0, strategy=Random())
    stored = study.stored_trials
    assert stored.counted() == 0
    done, failed, stopped, _running = study.ask(4)
    study.tell(done, 1.0)
    study.tell(failed, state="failed")
    study.tell(stopped, state="failed", kind="interrupted")
    study.enqueue({"x": 0.5})
    assert len(study) == 5
    assert stored.counted() == 4


@pytest.mark.parametrize("beside", [0, 1])
def test_a_trial_is_started_only_where_nobody_was_faster_since_the_count(beside, tmp_path):
    make = lambda: Study(
        Space({"x": Float(0.0, 1.0)}), storage=tmp_path / "a.db", seed=0, strategy=Random()
    )
    one, other = make(), make()
    stored = one.stored_trials
    stored.sync()
    assert stored.counted() == 0
    for _ in range(beside):
        other.ask()
    started = stored.start(0, one.advisor.suggest(0, 1))
    assert len(started) == 1 - beside
    assert len(other) == 1
