"""State that is the user's: neither relied on nor changed."""

import decimal
import locale
import os
import random
import warnings

import numpy as np
import tensorflow as tf

import tfbo
import tfbo.keras as kt

SPACE = {
    "x": tfbo.Float(-5.0, 5.0),
    "rate": tfbo.Float(1e-5, 1e-1, log=True),
    "units": tfbo.Int(1, 64, log=True),
    "share": tfbo.Float(0.0, 1.0, step=0.125),
    "kind": tfbo.Categorical(["a", "b", "c"]),
    "on": tfbo.Boolean(),
    "inner": tfbo.Float(0.0, 0.6, when={"on": True}),
}


def objective(params):
    return (params["x"] - 1.0) ** 2 + params["share"] + (params["kind"] == "a")


def advance():
    """All that a study does with a model; the configurations, and what it says of the best."""
    study = tfbo.Study(tfbo.Space(SPACE), seed=3)
    for i in range(10):
        trial = study.ask()
        if i == 7:
            study.tell(trial, state="failed")
        else:
            study.tell(trial, objective(trial.params), std=0.1 if i == 3 else None)
    for trial in study.ask(2):
        study.tell(trial, np.float32(1e30))
    mean, std = study.predict([study.best_params])
    study.importance()
    study.leave_one_out()
    return [trial.params for trial in study.trials], float(mean[0]), float(std[0])


def state():
    return (
        random.getstate(), np.random.get_state()[1].tolist(), np.geterr(), np.get_printoptions(),
        repr(decimal.getcontext()), locale.setlocale(locale.LC_ALL), os.getcwd(), dict(os.environ),
        tf.random.get_global_generator().state.numpy().tolist(), warnings.filters[:],
    )  # fmt: skip


def test_a_search_neither_needs_nor_changes_what_is_the_users(monkeypatch):
    expected = advance()
    monkeypatch.setattr(random, "random", None)
    for name in ("rand", "randn", "random", "uniform", "normal", "seed"):
        monkeypatch.setattr(np.random, name, None)
    with (
        warnings.catch_warnings(),
        np.errstate(all="raise"),
        np.printoptions(precision=1, threshold=2, suppress=True),
        decimal.localcontext(decimal.Context(prec=2, traps=[decimal.Inexact])),
    ):
        warnings.simplefilter("error")
        before = state()
        assert advance() == expected
        assert state() == before


class Tuner(kt.RandomSearch):
    def run_trial(self, trial, *args, **kwargs):
        with open(os.path.join(self.get_trial_dir(trial.trial_id), "kept"), "w"):
            return trial.hyperparameters.Float("x", 0.0, 1.0)


def test_a_search_stays_where_it_began_when_the_working_directory_changes(tmp_path, monkeypatch):
    begun, later = tmp_path / "begun", tmp_path / "later"
    begun.mkdir()
    later.mkdir()
    monkeypatch.chdir(begun)
    tuner = Tuner(max_trials=2, directory="runs", project_name="mine", seed=0)
    assert tuner.project_dir == os.path.join("runs", "mine")
    monkeypatch.chdir(later)
    tuner.search(verbose=0)
    assert len(tuner.get_best_hyperparameters(2)) == 2
    assert list(later.iterdir()) == []
    assert tuner.project_dir == str(begun / "runs" / "mine")
    assert len(list((begun / "runs" / "mine").glob("trials/*/kept"))) == 2
    monkeypatch.chdir(begun)
    again = Tuner(max_trials=2, directory="runs", project_name="mine", seed=0)
    assert again.remaining_trials == 0
