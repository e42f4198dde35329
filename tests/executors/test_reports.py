"""Reports cross to the process that searches, wherever trials are trained, and the answer comes back."""

import contextlib
import functools
import json
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection
from pathlib import Path

import objectives
import pytest

from tfbo import ExecutorError, Fidelity, Float, InvalidArgument, Space, Study, TFBOWarning
from tfbo.executors.reports import Desk, Line
from tfbo.executors.run import GO_ON, OVER, Run
from tfbo.strategies import Random, Strategy, Suggestion
from tfbo.trial import PAUSED

SPACE = Space({"x": Float(0.0, 1.0)})


class Threshold(Strategy):
    """Those below 0.5 go on to the last step, others are hopeless from the second step on."""

    def suggest(self, problem, state, *, pending, number, q):
        going = [
            Suggestion(t.params, {}, 9, t.number)
            for t in pending
            if t.state == PAUSED and t.params["x"] < 0.5
        ][:q]
        if problem.closed or len(going) == q:
            return going
        new = Random().suggest(problem, state, pending=pending, number=number, q=q - len(going))
        return going + [each._replace(until=4) for each in new]

    def hopeless(self, problem, state, *, trials, pending):
        return frozenset(t.number for t in trials if t.params["x"] > 0.5 and t.reached >= 2)


def pool(method):
    @contextlib.contextmanager
    def opened():
        with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as made:
            yield {"executor": made}

    return opened


@contextlib.contextmanager
def processes():
    yield {"executor": "process", "n_jobs": 2}


@contextlib.contextmanager
def threads():
    yield {"n_jobs": 2}


@contextlib.contextmanager
def loky():
    made = pytest.importorskip("loky").get_reusable_executor(2)
    yield {"executor": made}
    made.shutdown()


@contextlib.contextmanager
def dask():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        client.register_plugin(distributed.diagnostics.plugin.UploadFile(objectives.__file__))
        yield {"executor": client.get_executor()}


SLOW = pytest.mark.slow
WAYS = {
    "threads": threads,
    "processes": processes,
    "spawn": pool("spawn"),
    "fork": pool("fork"),
    "forkserver": pool("forkserver"),
    "loky": loky,
    "distributed": dask,
}
# One of each kind is quick enough for every day.
MARKED = [pytest.param(w, marks=() if w in ("threads", "processes") else SLOW) for w in WAYS]


@pytest.fixture(params=MARKED, scope="module")
def way(request):
    with WAYS[request.param]() as arguments:
        yield arguments


def staged(**arguments):
    fidelity = Fidelity(4, 9)
    return Study(SPACE, seed=1, strategy=Threshold(), fidelity=fidelity, **arguments)


def check(study):
    for trial in study.trials:
        good = trial.params["x"] < 0.5
        last = 9 if good else 2
        curve = {step: objectives.curve_value(trial.params, step) for step in range(1, last + 1)}
        assert (trial.state, trial.curve) == ("complete" if good else "stopped", curve)
        assert (trial.value, trial.spent) == (curve[last], last)
    assert {trial.state for trial in study.trials} == {"complete", "stopped"}


def test_reports_cross_and_are_answered_wherever_trials_are_trained(way):
    check(staged().optimize(objectives.train, n_trials=6, **way))
    # Workers may be those of an earlier search.
    check(staged().optimize(objectives.train, n_trials=6, **way))


def test_a_checkpoint_is_found_by_the_next_stage_and_removed(way, tmp_path):
    study = staged(storage=tmp_path / "runs.db")
    study.optimize(objectives.train_from_checkpoints, n_trials=5, **way)
    assert {trial.kind for trial in study.trials} == {None}
    folders = [path.name for path in (tmp_path / "runs.db-checkpoints" / "study").iterdir()]
    assert folders == [str(study.best_observed.number)]
    temporary = staged()
    temporary.optimize(objectives.train_from_checkpoints, n_trials=3, **way)
    assert {trial.kind for trial in temporary.trials} == {None}


@pytest.mark.parametrize(
    "opened", [processes, pytest.param(pool("spawn"), marks=SLOW), pytest.param(loky, marks=SLOW)]
)
def test_a_worker_that_dies_loses_its_step_and_not_its_curve(opened, tmp_path):
    objective = functools.partial(objectives.train_and_die_once, str(tmp_path))
    study = staged()
    with opened() as arguments, pytest.warns(TFBOWarning, match="A worker died"):
        study.optimize(objective, n_trials=4, **{**arguments, "n_jobs": 1})
    check(study)
    assert len(list(tmp_path.glob("died-*"))) == sum(t.state == "complete" for t in study.trials)


def test_a_trial_that_always_kills_its_worker_fails_with_its_curve():
    study = staged(retries=1)
    with pytest.warns(TFBOWarning):
        study.optimize(objectives.report_and_die, n_trials=1, executor="process")
    (trial,) = study.trials
    assert (trial.state, trial.kind, trial.curve) == ("failed", "killed", {1: 0.25})


SEARCH = """
import functools, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import objectives, tfbo
from tfbo.trial import Trial

if __name__ == "__main__":
    study = tfbo.Study(
        tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), fidelity=tfbo.Fidelity(1, 9), seed=0,
        strategy=tfbo.strategies.Random(),
    )
    study.enqueue({"x": 0.5})
    objective = functools.partial(objectives.train_for_nobody, sys.argv[1])
    with ProcessPoolExecutor(2, multiprocessing.get_context(sys.argv[2])) as pool:
        study.optimize(objective, n_trials=1, executor=pool)
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_a_report_to_a_search_that_was_killed_is_answered_quietly(method, tmp_path):
    script = tmp_path / "search.py"
    script.write_text(SEARCH)
    paths = [str(Path(objectives.__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    run = subprocess.Popen(
        [sys.executable, script, tmp_path, method],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    objectives.wait_for(lambda: list(tmp_path.glob("*.pid")))
    run.kill()
    run.wait()
    (tmp_path / "ended").touch()
    objectives.wait_for((tmp_path / "answer").exists)
    (pid,) = [int(path.stem) for path in tmp_path.glob("*.pid")]
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # the pool of a process that was killed waits for ever
    assert (tmp_path / "answer").read_text() == "False"


@pytest.fixture
def desk():
    made = Desk(lambda run, attempt, step, value: GO_ON if step < 3 else OVER)
    yield made
    made.shut()


def test_a_line_asks_the_desk(desk):
    line = pickle.loads(pickle.dumps(desk))
    assert [line.answer("a", "b", step, 0.5) for step in (1, 2, 3)] == [GO_ON, GO_ON, OVER]
    line.close()


def test_an_error_of_the_desk_is_raised_by_the_line_as_what_it_was():
    def answered(run, attempt, step, value):
        raise InvalidArgument("step: no") if step == 1 else OSError("full")

    desk = Desk(answered)
    line = pickle.loads(pickle.dumps(desk))
    with pytest.raises(InvalidArgument, match="step: no"):
        line.answer("a", "b", 1, 0.5)
    with pytest.raises(ExecutorError, match="could not be stored: OSError: full"):
        line.answer("a", "b", 2, 0.5)
    line.close()
    desk.shut()


def test_nobody_is_answered_without_the_key(desk):
    _, (address, key, owner) = desk.__reduce__()
    stranger = Line(address, bytes(len(key)), owner)
    assert stranger.answer("a", "b", 1, 0.5) == OVER
    with pytest.raises(ExecutorError, match="did not reach"):
        stranger.close()
    with connection.Client(address) as raw:  # what is no worker at all
        raw.send_bytes(b"x" * 100)
    assert pickle.loads(pickle.dumps(desk)).answer("a", "b", 1, 0.5) == GO_ON


def test_what_crosses_is_json(desk, monkeypatch):
    sent = []
    real = connection.Connection.send_bytes
    monkeypatch.setattr(
        connection.Connection,
        "send_bytes",
        lambda self, b: (sent.append(bytes(b)), real(self, b))[1],
    )
    pickle.loads(pickle.dumps(desk)).answer("run", "attempt", 2, float("nan"))
    assert '["run", "attempt", 2, NaN]' in [s.decode("latin1") for s in sent]
    assert json.dumps(GO_ON).encode() in sent


def test_a_desk_that_is_shut_ends_reports_quietly(desk):
    first, second = (pickle.loads(pickle.dumps(desk)) for _ in range(2))
    assert first.answer("a", "b", 1, 0.5) == GO_ON
    before = threading.active_count()
    desk.shut()
    assert first.answer("a", "b", 2, 0.5) == second.answer("a", "b", 2, 0.5) == OVER
    for line in (first, second):
        with pytest.raises(ExecutorError, match="did not reach"):
            line.close()
    objectives.wait_for(lambda: threading.active_count() < before)


def test_a_desk_may_be_called_from_other_machines():
    desk = Desk(lambda *report: GO_ON, host="127.0.0.1")
    _, (address, *_) = desk.__reduce__()
    assert address[0] == "127.0.0.1" and address[1] > 0
    assert pickle.loads(pickle.dumps(desk)).answer("a", "b", 1, 0.5) == GO_ON
    desk.shut()
    objectives.wait_for(lambda: socket.socket().connect_ex(address) != 0)


def test_each_copy_of_a_run_is_an_attempt(desk):
    seen = []
    desk = Desk(lambda run, attempt, step, value: seen.append((run, attempt)) or GO_ON)
    run = Run(3, 0, 9, "nowhere", desk, name="a")
    for copy in (run, pickle.loads(pickle.dumps(run)), pickle.loads(pickle.dumps(run))):
        assert (copy.number, copy.start, copy.until) == (3, 0, 9)
        copy.report(1, 0.5)
        copy.report(2, 0.5)
    desk.shut()
    assert [run for run, _ in seen] == ["a"] * 6
    assert len({attempt for _, attempt in seen}) == 3


def test_an_objective_that_goes_on_for_too_long_is_told_by_its_reports():
    def objective(params, run):
        for step in range(run.start + 1, 10):
            run.report(step, float(step))
        return 100.0

    study = Study(SPACE, seed=0, strategy=Threshold(), fidelity=Fidelity(4, 9))
    study.enqueue({"x": 0.25})
    study.stored_trials.sync()
    with pytest.warns(TFBOWarning, match="beyond the one until which"):
        study.optimize(objective, total_steps=4)
    assert (study.trials[0].state, study.trials[0].value) == ("paused", 4.0)
    assert study.trials[0].curve == {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}


def test_an_objective_that_does_not_heed_the_answer_is_warned_of():
    def objective(params, run):
        answers = [run.report(step, float(step)) for step in range(1, 4)]
        assert answers == [True, False, False]
        return 3.0

    study = staged()
    study.enqueue({"x": 0.75})
    with pytest.warns(TFBOWarning, match="goes on after a report has answered False"):
        study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert (trial.state, trial.value, trial.reached, trial.spent) == ("stopped", 3.0, 3, 3)


def test_an_objective_that_reports_nothing_is_fine_and_said_to_be_so():
    study = staged()
    with pytest.warns(TFBOWarning, match="reports nothing") as caught:
        study.optimize(lambda params, run: float(run.until), n_trials=5)
    assert sum("reports nothing" in str(w.message) for w in caught) == 1
    assert {t.state for t in study.trials if t.params["x"] < 0.5} == {"complete"}
    assert {t.spent for t in study.trials} <= {4, 9}


def test_a_trial_whose_time_is_up_fails_and_keeps_its_curve():
    def objective(params, run):
        run.report(1, 0.5)
        objectives.time.sleep(2.0)
        return 0.5 if run.report(2, 0.5) else 0.25

    study = staged()
    with pytest.warns(TFBOWarning):
        study.optimize(objective, n_trials=1, executor="thread", trial_timeout=0.5)
    objectives.time.sleep(2.0)
    (trial,) = study.trials
    assert (trial.kind, trial.curve, trial.spent) == ("timeout", {1: 0.5}, 1)
