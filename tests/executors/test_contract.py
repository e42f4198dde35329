"""What holds wherever trials run."""

import contextlib
import functools
import importlib.util
import logging
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import objectives
import pytest

from tfbo import Categorical, Float, RemoteError, Space, Study
from tfbo.strategies import Sobol

SPACE = Space({"x": Float(-1.0, 1.0)})
FAILURES = ["fine", "error", "unportable", "memory", "nothing", "nan"]
WHAT = Space({"what": Categorical(FAILURES)})


@contextlib.contextmanager
def options(**given):
    yield given


@contextlib.contextmanager
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield {"executor": pool}


@contextlib.contextmanager
def processes():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield {"executor": pool}


@contextlib.contextmanager
def loky():
    from loky import get_reusable_executor

    pool = get_reusable_executor(2)
    yield {"executor": pool}
    pool.shutdown()


@contextlib.contextmanager
def dask():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield {"executor": client.get_executor()}


# How many at once, and what makes it so.
EXECUTORS = {
    "in this thread": (1, options),
    "n_jobs": (2, functools.partial(options, n_jobs=2)),
    "thread": (2, functools.partial(options, executor="thread", n_jobs=2)),
    "process": (2, functools.partial(options, executor="process", n_jobs=2)),
    "ThreadPoolExecutor": (2, threads),
    "ProcessPoolExecutor": (2, processes),
    "loky": (2, loky),
    "distributed": (2, dask),
}


@pytest.fixture(params=EXECUTORS, scope="module")
def workers(request):
    if request.param in ("loky", "distributed") and not importlib.util.find_spec(request.param):
        pytest.skip(f"{request.param} is not installed")
    slots, opened = EXECUTORS[request.param]
    with opened() as arguments:
        yield slots, arguments


def queued(space, name, values):
    """A study that tries values of a parameter one after the other."""
    study = Study(space, seed=0, strategy=Sobol())
    for value in values:
        study.enqueue({name: value})
    return study


def test_all_trials_are_told_and_are_the_same_ones(workers):
    study = Study(SPACE, seed=0, strategy=Sobol())
    assert study.optimize(objectives.x, n_trials=6, **workers[1]) is study
    one = Study(SPACE, seed=0, strategy=Sobol()).optimize(objectives.x, n_trials=6)
    assert [t.params for t in study.trials] == [t.params for t in one.trials]
    assert [t.value for t in study.trials] == [t.params["x"] for t in study.trials]


def test_failures_are_told_alike(workers, caplog):
    def failures(**arguments):
        study = queued(WHAT, "what", FAILURES)
        with caplog.at_level(logging.WARNING, logger="tfbo"):
            study.optimize(objectives.misbehave, n_trials=len(FAILURES), **arguments)
        return study.trials

    there, here = failures(**workers[1]), failures()
    assert [t.kind for t in here] == [
        None, "error", "error", "out of memory", "error", "nan",
    ]  # fmt: skip
    assert [(t.kind, t.reason, t.value) for t in there] == [
        (t.kind, t.reason, t.value) for t in here
    ]
    assert all("in misbehave" in t.traceback for t in there[1:4])
    assert caplog.text.count("Trial 1 failed (error): ValueError: bad luck") == 2


@pytest.mark.parametrize(("what", "name"), [("error", "ValueError"), ("unportable", "Unportable")])
def test_what_is_not_caught_is_raised(workers, what, name):
    study = queued(WHAT, "what", [what])
    with pytest.raises(
        (ValueError, objectives.Unportable, RemoteError), match=f"{name}|bad luck|stuck"
    ):
        study.optimize(objectives.misbehave, n_trials=1, catch=KeyError, **workers[1])
    assert [t.reason.partition(":")[0] for t in study.trials] == [name]
    # By its class, wherever that is, and whether or not it can be pickled.
    kinds = (ValueError, objectives.Unportable)
    again = queued(WHAT, "what", [what])
    again.optimize(objectives.misbehave, n_trials=1, catch=kinds, **workers[1])
    assert [t.state for t in again.trials] == ["failed"]


def test_so_many_run_at_once_and_no_more(workers, tmp_path):
    slots, arguments = workers
    study = Study(SPACE, seed=0, strategy=Sobol())
    study.optimize(functools.partial(objectives.meet, tmp_path, slots), n_trials=5, **arguments)
    assert {t.state for t in study.trials} == {"complete"}
    assert max(t.value for t in study.trials) <= slots
    assert len(list(tmp_path.glob("came-*"))) == 5


def test_a_slow_trial_does_not_hold_up_the_others(workers, tmp_path):
    slots, arguments = workers
    if slots == 1:
        pytest.skip("only one runs at a time")
    told = []

    def callback(study, trial):
        told.append(trial.number)
        if len(told) == 4:
            assert study.trials[0].state == "running"
            (tmp_path / "release").touch()

    study = queued(SPACE, "x", [0.0, 0.1, 0.2, 0.3, 0.4])
    objective = functools.partial(objectives.wait_if_first, tmp_path)
    study.optimize(objective, n_trials=5, callbacks=[callback], **arguments)
    assert told[-1] == 0
    assert sorted(told) == [0, 1, 2, 3, 4]
    # Told in the order in which they ended.
    ends = [study.trials[number].finished for number in told]
    assert ends == sorted(ends)


def test_a_callback_stops_it_and_what_runs_is_told(workers):
    slots, arguments = workers
    threads = set()

    def callback(study, trial):
        threads.add(threading.current_thread())
        study.stop()

    study = Study(SPACE, seed=0, strategy=Sobol())
    study.optimize(objectives.x, n_trials=50, callbacks=[callback], **arguments)
    assert len(study) == slots
    assert {t.state for t in study.trials} == {"complete"}
    assert threads == {threading.current_thread()}
