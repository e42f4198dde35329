"""Trials asked for by hand belong to nobody's process, and a result beats what was presumed."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from tfbo import Float, Space, Study, TrialStateError
from tfbo.strategies import Random, Strategy, Suggestion

SPACE = Space({"x": Float(-1.0, 1.0)})


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "runs.db")


def make(path, **settings):
    return Study(SPACE, **{"storage": path, "seed": 0, "strategy": Random(), **settings})


def dies(function):
    """Run a function in a fork that is killed afterwards."""
    pid = os.fork()
    if pid == 0:
        function()
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def kill_one(path, retries=0):
    """A study of which one trial was run by a process that died too often."""
    dies(lambda: make(path).optimize(lambda p: os.kill(os.getpid(), signal.SIGKILL), n_trials=1))
    study = make(path, retries=retries)
    assert (study.trials[0].state, study.trials[0].kind) == ("failed", "killed")
    return study


def test_the_results_of_a_session_that_was_killed_come_the_next_day(path):
    for death in range(5):  # more often than anything is tried again
        dies(lambda: make(path, retries=0).ask(4))
        study = make(path, retries=0)
        assert [t.state for t in study.trials] == ["running"] * 4 * (death + 1)
    pending = study.trials
    asked = study.ask(4)
    assert [t.number for t in asked] == [20, 21, 22, 23]
    assert not {t.params["x"] for t in asked} & {t.params["x"] for t in pending}
    for trial in pending:
        study.tell(trial, trial.params["x"])
    study.tell(20, 0.5)
    assert [t.value for t in study.trials[:21]] == [*(t.params["x"] for t in pending), 0.5]


def test_nobody_gives_signs_of_life_for_them(path):
    study = make(path)
    study.enqueue({"x": 0.5})
    study.ask(3)
    assert not study.stored_trials.storage.heartbeat.runs
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT * FROM owners").fetchall() == []
        assert db.execute("SELECT DISTINCT owner FROM trials").fetchall() == [(None,)]


@pytest.mark.parametrize("waits", [False, True])
def test_a_search_of_another_process_leaves_them_alone(path, waits):
    def session():
        study = make(path)
        if waits:
            study.enqueue({"x": 0.25})
        study.amend(study.ask(), {"x": 0.75})

    dies(session)
    tried = []
    study = make(path, retries=0).optimize(lambda p: tried.append(p["x"]) or 1.0, n_trials=3)
    assert len(tried) == 3 and 0.75 not in tried
    assert (study.trials[0].state, study.trials[0].params) == ("running", {"x": 0.75})
    study.tell(0, -1.0)
    assert study.best_observed.number == 0


def test_trials_of_a_search_are_still_tried_again(path):
    dies(lambda: make(path).optimize(lambda p: os.kill(os.getpid(), signal.SIGKILL), n_trials=1))
    study = make(path).optimize(lambda p: 1.0, n_trials=1)
    assert len(study) == 1 and study.best_value == 1.0


@pytest.mark.parametrize(
    "result",
    [
        {"value": 2.0, "std": 0.5},
        {"value": float("nan")},
        {"state": "failed", "reason": "diverged"},
    ],
)
@pytest.mark.parametrize("kind", ["killed", "interrupted"])
def test_a_result_beats_a_presumption(path, kind, result):
    study = make(path)
    study.tell(study.ask(), state="failed", kind=kind, reason="no sign of it")
    assert study.trials[0].is_presumed
    study.tell(0, **result)
    told = make(path).trials[0]
    assert (told.value, told.std) == ((2.0, 0.5) if "std" in result else (None, None))
    assert told.kind == ("nan" if "value" in result else "error") if told.value is None else True
    assert told.reason != "no sign of it" and not told.is_presumed
    for again in ({"value": 1.0}, {"state": "failed"}, {"state": "failed", "kind": kind}):
        with pytest.raises(TrialStateError, match="told already"):
            study.tell(0, **again)


@pytest.mark.parametrize("kind", ["killed", "interrupted"])
def test_a_presumption_does_not_beat_another(kind):
    study = make(None)
    study.tell(study.ask(), state="failed", kind="killed")
    with pytest.raises(TrialStateError, match="told already"):
        study.tell(0, state="failed", kind=kind)


def test_a_result_of_a_trial_that_was_given_up_after_its_process_died(path):
    study = kill_one(path)
    with pytest.raises(TrialStateError, match="does not run"):
        study.amend(0, {"x": 0.5})
    other = make(path)
    study.tell(0, 3.0)
    assert other.best_observed.value == 3.0
    with pytest.raises(TrialStateError, match="told already"):
        other.tell(0, 4.0)


@dataclasses.dataclass(frozen=True)
class Remember(Strategy):
    """Remembers what it was told, and in which order."""

    seen: list = dataclasses.field(default_factory=list)

    def fold(self, problem, state, told):
        return (*(state or ()), *((t.number, t.kind, t.value) for t in told))

    def suggest(self, problem, state, *, pending, number, q):
        self.seen.append(state)
        return [Suggestion({"x": number / 100}, {}) for number in range(number, number + q)]


def test_a_strategy_forgets_what_was_presumed(path):
    study = make(path, strategy=(strategy := Remember()))
    for value in (1.0, None, 2.0):
        trial = study.ask()
        presumed = {"state": "failed", "kind": "killed"}
        study.tell(trial, **(presumed if value is None else {"value": value}))
    study.ask()
    assert strategy.seen[-1] == ((0, None, 1.0), (1, "killed", None), (2, None, 2.0))
    make(path).tell(1, 5.0)  # in another process
    study.ask()
    assert strategy.seen[-1] == ((0, None, 1.0), (2, None, 2.0), (1, None, 5.0))
    study.tell(3, state="failed", kind="interrupted")
    study.tell(3, 7.0)
    study.ask()
    assert strategy.seen[-1] == ((0, None, 1.0), (2, None, 2.0), (1, None, 5.0), (3, None, 7.0))


def test_the_model_learns_a_late_result_as_if_it_had_been_the_first(path):
    """Of the default strategy: after the result no suggestion remembers the failure."""
    studies = [Study(SPACE, seed=0) for _ in range(2)]
    for study, late in zip(studies, (True, False), strict=True):
        trials = study.ask(6)
        if late:
            study.tell(trials[2], state="failed", kind="killed")
            study.suggestion()
        for trial in trials:
            study.tell(trial, (trial.params["x"] - 0.3) ** 2)
    assert studies[0].suggestion() == pytest.approx(studies[1].suggestion(), abs=1e-6)


def test_a_program_that_asks_and_ends_leaves_what_it_asked_for(path):
    code = """
import sys, tfbo
from tfbo.strategies import Random
study = tfbo.Study(tfbo.Space({"x": tfbo.Float(-1.0, 1.0)}), storage=sys.argv[1], seed=0, strategy=Random())
print(*(trial.number for trial in study.ask(4)))
"""
    said = [
        subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert said == ["0 1 2 3\n", "4 5 6 7\n"]
    study = make(path)
    study.tell(5, state="failed", kind="interrupted")  # it is given up
    assert [t.number for t in study.trials if t.state == "running"] == [0, 1, 2, 3, 4, 6, 7]
    assert study.stored_trials.told == []
