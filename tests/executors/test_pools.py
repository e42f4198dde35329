"""Pools of others: how many at once, what breaks them, and what cannot be stopped in them."""

import functools
import logging
import multiprocessing
import threading
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)

import objectives
import pytest

from tfbo import Categorical, ExecutorError, Float, InvalidArgument, Space, Study
from tfbo.executors import ProcessExecutor
from tfbo.executors.workers import open_workers
from tfbo.strategies import Sobol

SPACE = Space({"x": Float(-1.0, 1.0)})
SPAWN = multiprocessing.get_context("spawn")


def queued(whats):
    study = Study(
        Space({"what": Categorical(["fine", "SIGKILL", "exit 3"])}), seed=0, strategy=Sobol()
    )
    for what in whats:
        study.enqueue({"what": what})
    return study


class Recording(Executor):
    """Runs what is submitted at once, in the way that a test wants."""

    def __init__(self, behave):
        self.behave = behave
        self.submitted = 0
        self.shut = False

    def submit(self, fn, /, *args, **kwargs):
        self.submitted += 1
        future = Future()
        self.behave(self.submitted, future, lambda: fn(*args, **kwargs))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.shut = True


def returns(number, future, call):
    future.set_result(call())


def loky_pool():
    loky = pytest.importorskip("loky")
    return loky.get_reusable_executor(1, initializer=objectives.initialize, initargs=("fresh",))


def spawned_pool():
    return ProcessPoolExecutor(1, SPAWN, objectives.initialize, ("fresh",))


@pytest.mark.parametrize("make", [spawned_pool, loky_pool])
def test_a_pool_that_breaks_is_replaced(make):
    pool = make()
    study = queued(["fine", "SIGKILL", "fine", "exit 3", "fine"])
    study.optimize(objectives.misbehave, n_trials=5, executor=pool)
    assert [t.kind for t in study.trials] == [None, "killed", None, "killed", None]
    # The initializer is run in fresh ones, too.
    assert [t.value for t in study.trials if t.value is not None] == [2.0] * 3
    with pytest.raises(BrokenExecutor):
        pool.submit(abs, -1)
    # The one that is broken already is replaced before anything is tried in it.
    study = queued(["fine"]).optimize(objectives.misbehave, n_trials=1, executor=pool)
    assert [t.state for t in study.trials] == ["complete"]


def test_all_that_ran_in_a_pool_that_broke_have_failed():
    study = queued(["SIGKILL", "SIGKILL", "fine", "fine"])
    with ProcessPoolExecutor(2, SPAWN) as pool:
        study.optimize(objectives.misbehave, n_trials=4, executor=pool)
    assert [t.kind for t in study.trials] == ["killed", "killed", None, None]


def test_a_pool_that_always_breaks_is_given_up():
    study = queued(["exit 3"] * 9)
    with (
        ProcessPoolExecutor(1, SPAWN) as pool,
        pytest.raises(ExecutorError, match="3 times in a row"),
    ):
        study.optimize(objectives.misbehave, n_trials=9, executor=pool)
    assert [t.state for t in study.trials] == ["failed"] * 3 + ["waiting"] * 6


def test_a_pool_of_unknown_kind_that_breaks_ends_the_search():
    def behave(number, future, call):
        if number == 2:
            future.set_exception(BrokenExecutor("all workers are gone"))
        else:
            future.set_result(call())

    study = Study(SPACE, seed=0, strategy=Sobol())
    with pytest.raises(ExecutorError, match="Recording broke"):
        study.optimize(objectives.x, n_trials=9, executor=Recording(behave), n_jobs=1)
    assert [(t.state, t.kind) for t in study.trials] == [("complete", None), ("failed", "killed")]
    assert "all workers are gone" in study.trials[1].reason


@pytest.mark.parametrize("name", ["KilledWorker", "WorkerCrashedError"])
def test_a_worker_that_dies_alone_fails_its_trial(name):
    def behave(number, future, call):
        if number == 1:
            future.set_exception(type(name, (Exception,), {})("its worker is gone"))
        else:
            future.set_result(call())

    study = Study(SPACE, seed=0, strategy=Sobol())
    study.optimize(objectives.x, n_trials=2, executor=Recording(behave), n_jobs=1)
    assert [t.kind for t in study.trials] == ["killed", None]


def cancels(number, future, call):
    future.cancel()
    future.set_running_or_notify_cancel()


def refuses(number, future, call):
    future.set_exception(AttributeError("Can't pickle local object"))


def is_shut(number, future, call):
    raise RuntimeError("cannot schedule new futures after shutdown")


@pytest.mark.parametrize("behave", [cancels, refuses, is_shut])
def test_a_trial_that_was_not_tried_waits_for_the_next_search(behave):
    study = Study(SPACE, seed=0, strategy=Sobol())
    with pytest.raises((ExecutorError, RuntimeError), match=r"could not be run|after shutdown"):
        study.optimize(objectives.x, n_trials=5, executor=Recording(behave), n_jobs=2)
    assert {t.state for t in study.trials} == {"waiting"}
    study.optimize(objectives.x, n_trials=2)
    assert [t.state for t in study.trials] == ["complete"] * 2


def test_a_lambda_in_a_pool_of_processes_is_no_failure_of_trials():
    study = Study(SPACE, seed=0, strategy=Sobol())
    with ProcessPoolExecutor(1, SPAWN) as pool, pytest.raises(ExecutorError, match="import"):
        study.optimize(lambda p: 1.0, n_trials=3, executor=pool)
    assert [t.state for t in study.trials] == ["waiting"]


def test_pools_of_the_user_stay_open():
    pool = Recording(returns)
    Study(SPACE, seed=0, strategy=Sobol()).optimize(
        objectives.x, n_trials=2, executor=pool, n_jobs=2
    )
    assert pool.submitted == 2 and not pool.shut
    with ThreadPoolExecutor(1) as threads:
        Study(SPACE, seed=0, strategy=Sobol()).optimize(objectives.x, n_trials=2, executor=threads)
        assert threads.submit(abs, -1).result() == 1


class Dask(Recording):
    class _client:  # noqa: N801
        nthreads = staticmethod(lambda: {"tcp://a": 3, "tcp://b": 4})


class MPI(Recording):
    num_workers = 6


@pytest.mark.parametrize(
    ("arguments", "slots"),
    [
        ((None, None, None), 1),
        ((None, 3, None), 3),
        (("thread", None, None), 1),
        (("process", None, None), 1),
        (("process", None, [0, 1, 2]), 3),
        (("process", 2, [0, 1, 2]), 2),
        ((ThreadPoolExecutor(5), None, None), 5),
        ((ThreadPoolExecutor(5), 2, None), 2),
        ((ProcessExecutor(4), None, None), 4),
        ((Dask(returns), None, None), 7),
        ((MPI(returns), None, None), 6),
    ],
)
def test_how_many_at_once(arguments, slots):
    workers = open_workers(*arguments, objectives.x)
    assert workers.slots == slots
    workers.close()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"executor": "processes"}, "executor"),
        ({"executor": 4}, "executor"),
        ({"executor": ThreadPoolExecutor}, "executor"),
        ({"executor": Recording(returns)}, "n_jobs"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"n_jobs": -2}, "n_jobs"),
        ({"n_jobs": 2.0}, "n_jobs"),
        ({"gpus": [0]}, "gpus"),
        ({"executor": "thread", "gpus": [0]}, "gpus"),
        ({"executor": "process", "gpus": [0], "n_jobs": 2}, "max_workers"),
        ({"trial_timeout": 5.0}, "trial_timeout"),
        ({"trial_timeout": 0.0, "n_jobs": 2}, "trial_timeout"),
        ({"trial_timeout": "5", "n_jobs": 2}, "trial_timeout"),
        ({"total": 0}, "total"),
        ({"total": True}, "total"),
    ],
)
def test_mistakes_are_named_and_change_nothing(arguments, named):
    study = Study(SPACE, seed=0, strategy=Sobol())
    with pytest.raises(InvalidArgument, match=f"{named}: expected .* got "):
        study.optimize(objectives.x, n_trials=1, **arguments)
    assert len(study) == 0


def test_a_thread_whose_time_is_up_keeps_its_place_until_it_returns(caplog):
    release, entered = threading.Event(), []

    def objective(params):
        entered.append(params["x"])
        assert release.wait(objectives.PATIENCE)
        return 1.0

    def callback(study, trial):
        told.append((trial.number, trial.kind, len(entered)))
        release.set()

    told = []
    study = Study(SPACE, seed=0, strategy=Sobol())
    with caplog.at_level(logging.WARNING, logger="tfbo"):
        study.optimize(
            objective, n_trials=2, executor="thread", trial_timeout=1.0, callbacks=[callback]
        )
    assert told == [(0, "timeout", 1), (1, None, 2)]
    assert "Trial 0 came to an end after its time was up; its result is dropped." in caplog.text
    assert study.trials[0].state == "failed"


def test_a_future_that_has_not_begun_is_cancelled_when_its_time_is_up():
    release = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(release.wait, objectives.PATIENCE)
        study = Study(SPACE, seed=0, strategy=Sobol())
        ran = []
        study.optimize(ran.append, n_trials=3, executor=pool, trial_timeout=0.2)
        release.set()
    assert [t.kind for t in study.trials] == ["timeout"] * 3
    assert not ran


def test_the_timeout_of_a_search_ends_it_though_no_worker_comes_free():
    release = threading.Event()
    study = Study(SPACE, seed=0, strategy=Sobol())
    for x in (0.0, 0.1, 0.2):  # of which no strategy has to be asked, and wait for an import
        study.enqueue({"x": x})
    try:
        study.optimize(
            lambda p: release.wait(objectives.PATIENCE), timeout=1.0, n_jobs=2, trial_timeout=0.2
        )
    finally:
        release.set()
    assert [t.kind for t in study.trials] == ["timeout"] * 2 + [None]
    assert study.trials[2].state == "waiting"


def test_processes_of_the_user_end_a_trial_whose_time_is_up(tmp_path):
    with ProcessExecutor(1) as pool:
        study = Study(SPACE, seed=0, strategy=Sobol())
        objective = functools.partial(objectives.hang, tmp_path)
        study.optimize(objective, n_trials=1, executor=pool, trial_timeout=1.0)
        assert [t.kind for t in study.trials] == ["timeout"]
        assert pool.submit(abs, -1).result() == 1
