"""A search that was interrupted, killed, or is stored and opened again."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

import tfbo
import tfbo.keras as kt


def function_of(calls, stop=()):
    """A run_trial of two hyperparameters, the second of which comes late; Ctrl-C at some calls."""

    def run_trial(hp):
        deep = hp.Choice("deep", [False, True])
        x = hp.Int("x", 1, 99) if deep else 50
        calls.append(dict(hp.values))
        if len(calls) - 1 in stop:
            raise KeyboardInterrupt
        return abs(x - 70)

    return run_trial


def tuner_of(function, path, base=kt.BayesianOptimization, **settings):
    class Box(base):
        def run_trial(self, trial, *args, **kwargs):
            return function(trial.hyperparameters)

    return Box(directory=path, project_name="project", **{"max_trials": 12, "seed": 0, **settings})


def params(tuner):
    return [trial.params for trial in tuner.study.trials]


def test_an_interrupted_search_goes_on_as_if_nothing_had_been(tmp_path):
    whole = tuner_of(function_of([]), tmp_path / "whole")
    whole.search(verbose=0)
    calls, stop = [], (0, 3, 7)
    for _ in stop:
        tuner = tuner_of(function_of(calls, stop), tmp_path / "parts")
        with pytest.raises(KeyboardInterrupt):
            tuner.search(verbose=0)
    tuner = tuner_of(function_of(calls), tmp_path / "parts")
    tuner.search(verbose=0)
    assert all(calls[i] == calls[i + 1] for i in stop)
    assert params(tuner) == params(whole)
    assert len(calls) == 12 + len(stop)
    assert list(tuner.oracle.trials) == [f"{i:02d}" for i in range(12)]
    assert tuner.remaining_trials == 0


def test_the_same_tuner_goes_on_after_an_interruption():
    calls = []

    class Box(kt.RandomSearch):
        def run_trial(self, trial, **kwargs):
            calls.append((trial.trial_id, trial.hyperparameters.Float("x", 0, 1)))
            if len(calls) == 2:
                raise KeyboardInterrupt
            return calls[-1][1]

    tuner = Box(max_trials=3, seed=0)
    with pytest.raises(KeyboardInterrupt):
        tuner.search(verbose=0)
    tuner.search(verbose=0)
    assert calls[1] == calls[2]
    assert [t.status for t in tuner.oracle.trials.values()] == ["COMPLETED"] * 3


SCRIPT = """
import os, signal, sys
import tfbo.keras as kt

class Box(kt.RandomSearch):
    def run_trial(self, trial, **kwargs):
        x = trial.hyperparameters.Float("x", 0, 1)
        print(trial.trial_id, x, flush=True)
        if trial.trial_id == "2" and sys.argv[2] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return x

tuner = Box(max_trials=4, seed=0, directory=sys.argv[1], project_name="killed")
tuner.search(verbose=0)
"""


def test_after_kill_9_the_unfinished_trial_is_run_again(tmp_path):
    def run(what):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), what]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    killed, again = run("die"), run("live")
    assert killed.returncode == -signal.SIGKILL
    assert again.returncode == 0, again.stderr
    before, after = killed.stdout.splitlines(), again.stdout.splitlines()
    assert [line.split()[0] for line in before] == ["0", "1", "2"]
    assert after[0] == before[2]
    assert [line.split()[0] for line in after] == ["2", "3"]


def test_definitions_are_restored_with_order_defaults_and_conditions(tmp_path):
    def run_trial(hp):
        hp.Choice("kind", ["a", "b"], default="b")
        hp.Int("late", 1, 9, step=2, sampling="log", parent_name="kind", parent_values=["a"])
        return 1.0

    tuner = tuner_of(run_trial, tmp_path)
    tuner.search(verbose=0)
    again = tuner_of(run_trial, tmp_path)
    assert repr(again.oracle.get_space().space) == repr(tuner.oracle.get_space().space)
    assert again.study.space == tuner.study.space
    assert [t.get_state() for t in again.oracle.trials.values()] == [
        t.get_state() for t in tuner.oracle.trials.values()
    ]
    assert again.oracle.end_order == tuner.oracle.end_order
    loaded = tfbo.Study.load(storage=tmp_path / "project" / "study.db")
    assert loaded.name == "project"
    assert [t.value for t in loaded.trials] == [t.value for t in tuner.study.trials]


def test_failed_trials_keep_their_messages(tmp_path):
    def run_trial(hp):
        raise ValueError(f"number {hp.Int('x', 1, 9)}")

    tuner = tuner_of(run_trial, tmp_path, max_consecutive_failed_trials=None, max_trials=3)
    tuner.search(verbose=0)
    again = tuner_of(run_trial, tmp_path, max_trials=3)
    assert [t.status for t in again.oracle.trials.values()] == ["FAILED"] * 3
    assert all("ValueError: number" in t.message for t in again.oracle.trials.values())


def test_a_search_that_differs_is_not_gone_on_with(tmp_path):
    import keras

    def build(high):
        def build_model(hp):
            return keras.Sequential([keras.layers.Dense(hp.Int("units", 1, high))])

        return build_model

    def tuner(high=8, objective="loss", **settings):
        return kt.RandomSearch(build(high), objective, directory=tmp_path, **settings)

    tuner(seed=1)
    tuner()  # the seed is stored
    for settings, text in (
        ({"high": 16}, "max_value: 16"),
        ({"objective": "val_accuracy"}, "val_accuracy"),
        ({"seed": 2}, "seed: 2 here, 1 there"),
    ):
        with pytest.raises(tfbo.StudyMismatch, match=text):
            tuner(**settings)
    tuner(high=16, overwrite=True)


def test_more_trials_of_more_digits_keep_their_ids(tmp_path):
    tuner = tuner_of(lambda hp: hp.Int("x", 1, 99), tmp_path, max_trials=9)
    tuner.search(verbose=0)
    longer = tuner_of(lambda hp: hp.Int("x", 1, 99), tmp_path, max_trials=11)
    assert list(longer.oracle.trials) == [str(i) for i in range(9)]
    longer.search(verbose=0)
    assert list(longer.oracle.trials) == [*map(str, range(9)), "09", "10"]
    again = tuner_of(lambda hp: hp.Int("x", 1, 99), tmp_path, max_trials=11)
    assert list(again.oracle.trials) == list(longer.oracle.trials)


def test_overwrite_deletes_only_what_is_ours(tmp_path):
    tuner = tuner_of(lambda hp: hp.Int("x", 1, 9), tmp_path, max_trials=2)
    tuner.search(verbose=0)
    mine = tmp_path / "project" / "notes.txt"
    ours = os.path.join(tuner.get_trial_dir("0"), "model.pkl")
    for path in (mine, ours):
        with open(path, "w") as file:
            file.write("mine")
    anew = tuner_of(lambda hp: hp.Int("x", 1, 9), tmp_path, max_trials=2, overwrite=True)
    assert len(anew.study) == 0
    assert mine.read_text() == "mine" and os.path.exists(ours)
    assert not os.path.exists(os.path.join(anew.get_trial_dir("0"), "trial.json"))


def test_overwrite_spares_a_file_of_another_program(tmp_path):
    (tmp_path / "project").mkdir()
    with sqlite3.connect(tmp_path / "project" / "study.db") as other:
        other.execute("CREATE TABLE precious (x)")
    with pytest.raises(tfbo.StorageError, match="another program"):
        tuner_of(lambda hp: hp.Int("x", 1, 9), tmp_path, overwrite=True)


def test_a_renamed_folder_still_opens(tmp_path):
    tuner_of(lambda hp: hp.Int("x", 1, 9), tmp_path, max_trials=2).search(verbose=0)
    (tmp_path / "project").rename(tmp_path / "other")

    class Box(kt.BayesianOptimization):
        def run_trial(self, trial, **kwargs):
            return trial.hyperparameters.Int("x", 1, 9)

    tuner = Box(directory=tmp_path, project_name="other", max_trials=3)
    assert len(tuner.oracle.trials) == 2
    tuner.search(verbose=0)
    assert len(tuner.study) == 3
