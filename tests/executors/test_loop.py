"""Limits, errors and Ctrl-C of a search that runs several trials at once."""

import logging
import os
import signal
import subprocess
import sys
import threading

import objectives
import pytest

import tfbo
from tfbo import Categorical, Float, Space, StorageError, Study
from tfbo.strategies import Random, Sobol
from tfbo.study.interrupts import Interrupts

SPACE = Space({"x": Float(-1.0, 1.0)})


@pytest.fixture
def study():
    return Study(SPACE, seed=0, strategy=Sobol())


class Gate:
    """An objective whose trials end in the order that a test wants; x = 0.1 * number."""

    def __init__(self, study, order):
        for number in range(len(order)):
            study.enqueue({"x": number / 10})
        self.order = list(order)
        self.turn = threading.Condition()
        self.told = []

    def __call__(self, params):
        with self.turn:
            number = round(params["x"] * 10)
            assert self.turn.wait_for(lambda: self.order[0] == number, objectives.PATIENCE)
        return params["x"]

    def callback(self, study, trial):
        self.told.append(trial.number)
        with self.turn:
            del self.order[0]
            self.turn.notify_all()


def test_trials_are_told_in_the_order_in_which_they_end(study):
    gate = Gate(study, [2, 0, 3, 1, 4])
    study.optimize(gate, n_trials=5, n_jobs=3, callbacks=[gate.callback])
    assert gate.told == [2, 0, 3, 1, 4]


def test_at_a_target_those_that_run_are_waited_for(study):
    gate = Gate(study, [1, 2, 0, 3])
    study.optimize(gate, target=0.15, n_jobs=3, callbacks=[gate.callback])
    assert gate.told == [1, 2, 0]
    assert [t.state for t in study.trials] == ["complete"] * 3 + ["waiting"]


def test_patience_counts_in_the_order_of_telling(study):
    gate = Gate(study, [1, 2, 0, 3, 4, 5, 6])
    study.optimize(gate, patience=3, n_jobs=2, callbacks=[gate.callback])
    # 1 is the best, 2 is not better, 0 is; 3, 4 and 5 are not, and 6 runs then.
    assert gate.told == [1, 2, 0, 3, 4, 5, 6]


def test_pending_trials_are_known_to_the_strategy(study):
    asked = []

    class Watching(Random):
        def suggest(self, problem, state, *, pending, number, q):
            asked.append((number, [trial.number for trial in pending]))
            return super().suggest(problem, state, pending=pending, number=number, q=q)

    watched = Study(SPACE, seed=0, strategy=Watching())
    release = threading.Barrier(3)
    watched.optimize(lambda p: float(release.wait(objectives.PATIENCE)), n_trials=3, n_jobs=3)
    assert asked == [(0, []), (1, [0]), (2, [0, 1])]


class Preparing(Random):
    """Says when it is prepared."""

    calls: list[object] = []
    done = threading.Event()

    def prepare(self, problem, most):
        self.calls.append(most)
        self.done.set()


@pytest.fixture
def preparing():
    Preparing.calls.clear()
    Preparing.done.clear()
    return Study(SPACE, seed=0, strategy=Preparing())


def test_the_strategy_is_prepared_once_while_the_first_trials_run(preparing):
    # No trial ends before it is.
    preparing.optimize(
        lambda p: float(Preparing.done.wait(objectives.PATIENCE)), n_trials=6, n_jobs=2
    )
    assert [t.value for t in preparing.trials] == [1.0] * 6
    assert len(Preparing.calls) == 1


def test_it_is_prepared_beside_trials_in_this_thread_from_the_second_on(preparing):
    began = []

    def objective(params):
        began.append(bool(Preparing.calls))
        if len(began) > 1:  # the thread has been started, and is waited for
            assert Preparing.done.wait(objectives.PATIENCE)
        return params["x"]

    preparing.optimize(objective, n_trials=4)
    assert not began[0] and Preparing.calls == [4]
    preparing.optimize(objectives.x, n_trials=4)
    assert Preparing.calls == [4]


def test_nothing_is_prepared_where_no_suggestion_follows(preparing):
    preparing.optimize(objectives.x, n_trials=2)
    preparing.optimize(objectives.x, n_trials=2, n_jobs=2)
    for x in (0.0, 0.1, 0.2):
        preparing.enqueue({"x": x})
    preparing.optimize(objectives.x, n_trials=3, n_jobs=2)
    assert not Preparing.calls


@pytest.mark.parametrize("arguments", [{}, {"n_jobs": 2}])
def test_a_total_is_exact_over_several_searches(arguments, tmp_path):
    studies = [
        Study(SPACE, storage=tmp_path / "runs.db", seed=0, strategy=Random()) for _ in range(3)
    ]
    studies[0].enqueue({"x": 0.5})
    start = threading.Barrier(3)

    def work(study):
        start.wait()
        study.optimize(objectives.x, total=20, **arguments)

    threads = [threading.Thread(target=work, args=(study,)) for study in studies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [t.number for t in studies[0].trials] == list(range(20))
    assert {t.state for t in studies[0].trials} == {"complete"}
    studies[0].optimize(objectives.x, total=20)
    assert len(studies[0]) == 20


def test_a_total_and_a_number_of_trials(study, capsys):
    study.optimize(objectives.x, n_trials=4, total=6)
    assert len(study) == 4
    study.optimize(objectives.x, n_trials=4, total=6)
    assert len(study) == 6


def test_a_trial_interrupted_and_queued_again_counts_once(study):
    def objective(params):
        if len(study) == 2:
            raise KeyboardInterrupt
        return 1.0

    study.optimize(objective, total=4, interrupt="return")
    assert [t.state for t in study.trials] == ["complete", "failed", "waiting"]
    study.optimize(lambda p: 1.0, total=4)
    assert [t.kind for t in study.trials] == [None, "interrupted", None, None, None]


def test_minimize_and_maximize_run_several_at_once():
    for run in (tfbo.minimize, tfbo.maximize):
        meeting = threading.Barrier(2)
        result = run(
            lambda p, met=meeting: float(met.wait(objectives.PATIENCE)),
            SPACE,
            total=4,
            seed=0,
            strategy=Sobol(),
            n_jobs=2,
        )
        assert sorted(t.value for t in result.trials) == [0.0, 0.0, 1.0, 1.0]


def test_an_error_waits_for_those_that_run(study):
    told = threading.Event()

    def objective(params):
        if params["x"] == 0.0:
            raise ValueError("mine")
        assert told.wait(objectives.PATIENCE)
        return params["x"]

    class Handler(logging.Handler):
        def emit(self, record):
            told.set()  # of the failed trial

    for x in (0.0, 0.1, 0.2, 0.3):
        study.enqueue({"x": x})
    logger, handler = logging.getLogger("tfbo"), Handler(logging.WARNING)
    logger.addHandler(handler)
    try:
        with pytest.raises(ValueError, match="mine"):
            study.optimize(objective, n_trials=4, n_jobs=3, catch=())
    finally:
        logger.removeHandler(handler)
    assert [t.state for t in study.trials] == ["failed", "complete", "complete", "waiting"]


def test_an_error_in_a_callback_waits_for_those_that_run(study):
    def callback(same, trial):
        raise RuntimeError("of the callback")

    meeting = threading.Barrier(3)
    with pytest.raises(RuntimeError, match="of the callback"):
        study.optimize(
            lambda p: float(meeting.wait(objectives.PATIENCE)), n_trials=9, n_jobs=3,
            callbacks=[callback],
        )  # fmt: skip
    assert [t.state for t in study.trials] == ["complete"] * 3


def test_an_outcome_that_cannot_be_stored_is_said(study, monkeypatch, caplog):
    def fails(*_, **__):
        raise StorageError("The disk is full.")

    meeting = threading.Barrier(2)

    def objective(params):
        meeting.wait(objectives.PATIENCE)
        monkeypatch.setattr(study.stored_trials, "tell", fails)
        return 0.5

    with pytest.raises(StorageError, match=r"disk is full. Not stored yet: study.tell\(., 0.5\)"):
        study.optimize(objective, n_trials=5, n_jobs=2)
    assert "Not stored yet: study.tell(" in caplog.text
    assert [t.state for t in study.trials] == ["running"] * 2


def test_an_exit_in_a_worker_marks_its_trial_and_gives_the_others_back(study):
    def objective(params):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        study.optimize(objective, n_trials=2, n_jobs=1, executor="thread")
    assert [t.kind for t in study.trials] == ["killed"]
    study.optimize(objective, n_trials=2, n_jobs=2, catch=SystemExit)
    assert [t.kind for t in study.trials] == ["killed"] * 3


@pytest.mark.parametrize("arguments", [{}, {"n_jobs": 2}])
def test_a_trial_that_somebody_else_has_told_is_left_alone(arguments, study, caplog):
    def objective(params):
        running = next(t for t in study.trials if t.params == params)
        study.tell(running, 5.0)
        return 1.0

    study.optimize(objective, n_trials=3, **arguments)
    assert [t.value for t in study.trials] == [5.0] * 3
    assert caplog.text.count("told already") == 3


def test_a_space_that_is_exhausted_ends_the_search_when_all_are_told():
    study = Study(Space({"c": Categorical(["a", "b", "c"])}), seed=0, strategy=Random())
    study.optimize(lambda p: 1.0, n_trials=9, n_jobs=2)
    assert sorted(t.params["c"] for t in study.trials) == ["a", "b", "c"]
    assert {t.state for t in study.trials} == {"complete"}


def test_an_interruption_in_a_worker_is_one_of_the_search(study):
    known = threading.Event()

    def objective(params):
        if params["x"] == 0.0:
            assert known.wait(objectives.PATIENCE)
            raise KeyboardInterrupt
        return params["x"]

    for x in (0.0, 0.1):
        study.enqueue({"x": x})
    watching = {"callbacks": [lambda s, t: known.set()], "interrupt": "return"}
    study.optimize(objective, n_trials=9, n_jobs=2, **watching)
    states = [(t.state, t.kind) for t in study.trials if t.state != "complete"]
    assert ("failed", "interrupted") in states
    again = [t for t in study.trials if t.state == "waiting"]
    assert 0.0 in [t.params["x"] for t in again]
    assert len(again) == len([t for t in study.trials if t.kind == "interrupted"])


SCRIPT = """
import sys, threading
from functools import partial
from pathlib import Path
import objectives, tfbo

folder = Path(sys.argv[1])
study = tfbo.Study.load(storage=folder / "runs.db")
try:
    study.optimize(partial(objectives.wait_if_first, folder), n_trials=3, **eval(sys.argv[2]))
finally:
    (folder / "release").touch()
"""


@pytest.mark.parametrize("arguments", ["{}", "{'n_jobs': 2}"])
def test_ctrl_c(arguments, tmp_path):
    study = Study(SPACE, storage=tmp_path / "runs.db", seed=0)
    for x in (0.0, 0.1, 0.2):
        study.enqueue({"x": x})
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(objectives.__file__)}
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, tmp_path, arguments],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    finished = 0 if arguments == "{}" else 2
    objectives.wait_for(
        lambda: (
            sum(t.is_finished for t in study.trials) == finished
            and any(t.state == "running" for t in study.trials)
        )
    )
    run.send_signal(signal.SIGINT)
    err = run.communicate(timeout=120)[1].splitlines()
    assert run.returncode == -signal.SIGINT
    assert err[0].startswith("Ctrl-C: ")
    assert err[1].startswith(f"Stopped by Ctrl-C: {finished} trials kept in ")
    assert err[-1] == "KeyboardInterrupt" and len(err) < 16
    assert study.trials[0].kind == "interrupted"
    assert (study.trials[3].state, study.trials[3].params) == ("waiting", {"x": 0.0})
    assert [t.state for t in study.trials[1:3]] == (
        ["waiting"] * 2 if not finished else ["complete"] * 2
    )


def test_ctrl_c_is_kept_until_it_does_no_harm():
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        with interrupts.allowed():
            pass
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            pytest.fail("it was let in before")
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):  # a second one, wherever it comes
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt), interrupts.allowed():
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(objectives.PATIENCE)


def test_a_handler_of_the_program_stays():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("mine"))
    try:
        with Interrupts():
            os.kill(os.getpid(), signal.SIGINT)
        assert seen == ["mine"]
    finally:
        signal.signal(signal.SIGINT, before)
