"""Workers of a search, from `executor=`, `n_jobs=` and `gpus=` of `Study.optimize`."""

# Pools of the standard library, loky and Dask have their settings under private names only.
# ruff: noqa: SLF001

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import socket
import urllib.parse
from collections.abc import Callable
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from typing import Any, NamedTuple

from tfbo import _arguments
from tfbo.errors import ExecutorError, WorkerDied, invalid
from tfbo.executors import pickling
from tfbo.executors.process import ProcessExecutor

# Of libraries that need not be installed: by them a task says that its worker died.
_DEATHS = frozenset(
    {"KilledWorker", "TerminatedWorkerError", "WorkerCrashedError", "OwnerDiedError"}
)
# A pool that breaks so often, without a single result, breaks at whatever is tried.
_BREAKS = 3


class InThread(Executor):
    """Runs a task where it is submitted, before `submit` returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `concurrent.futures.Executor`; whatever the task raises is raised here."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Ability(NamedTuple):
    """Abilities of a pool that not every executor has."""

    kill: Callable[[Future[Any]], None] | None = None
    """End a running task at once."""
    renewed: Callable[[], Executor] | None = None
    """A pool of the same settings, in the place of one that broke."""
    options: dict[str, Any] = {}
    """Of `submit`, beside the task."""
    host: Callable[[], str | None] = lambda: None
    """The address of this machine for its workers; None where they are all on this one."""


class Workers:
    """An executor of which a search uses so many slots; a pool of `ours` ends with the search."""

    def __init__(self, pool: Executor, slots: int, *, ours: bool) -> None:
        self.slots = slots
        self.in_thread = isinstance(pool, InThread)
        self._pool = pool
        self._ours = ours
        self._ability = _ability(pool)
        self._breaks = 0
        self._broken = False

    @property
    def broken(self) -> bool:
        """True for a pool that is of no use any more, until it is renewed."""
        return self._broken

    @property
    def host(self) -> str | None:
        """The address of this machine for the workers; None where they are all on this one."""
        return self._ability.host()

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run `fn(*args)`; a pool that breaks at that raises BrokenExecutor."""
        try:
            return self._pool.submit(fn, *args, **self._ability.options)
        except BrokenExecutor:
            self._broken = True
            raise

    def stop(self, future: Future[Any]) -> bool:
        """End a task whose time is up; whether its slot is free now."""
        if self._ability.kill is None:
            return future.cancel()
        self._ability.kill(future)
        return True

    def works(self) -> None:
        """Take note that there was a result."""
        self._breaks = 0

    def is_death(self, error: BaseException) -> bool:
        """True for an exception by which a future says that its worker died, or the whole pool with it."""
        if isinstance(error, BrokenExecutor):
            self._broken = True
        names = {cls.__name__ for cls in type(error).__mro__}
        return isinstance(error, (BrokenExecutor, WorkerDied)) or bool(names & _DEATHS)

    def renew(self) -> None:
        """Put a fresh pool in the place of one that broke; ExecutorError where none can be made."""
        self._breaks += 1
        if self._ability.renewed is None:
            raise ExecutorError(
                f"executor: the {type(self._pool).__name__} broke, and tfbo cannot make another one of "
                "its kind. What is told is stored: go on with a new one, or with executor='process'."
            )
        if self._breaks >= _BREAKS:
            raise ExecutorError(
                f"executor: the {type(self._pool).__name__} broke {_BREAKS} times in a row without a "
                "result. Look at what its processes print; a script that starts processes needs "
                "`if __name__ == '__main__':`, and the objective must not end its process."
            )
        if self._ours:
            self._pool.shutdown(wait=False)
        fresh = self._ability.renewed()
        # loky's belongs to everybody in this process.
        self._pool, self._ours, self._broken = fresh, isinstance(fresh, ProcessPoolExecutor), False
        self._ability = _ability(fresh)

    def close(self) -> None:
        """Shut the pool down if it is ours, when nobody waits for a result any more."""
        if self._ours:
            # A process ends in good order, or soon; what is left in a thread cannot be ended.
            wait = isinstance(self._pool, ProcessExecutor)
            self._pool.shutdown(wait=wait, cancel_futures=True)


def open_workers(executor: Any, n_jobs: Any, gpus: Any, objective: Any) -> Workers:
    """The workers that the arguments of `Study.optimize` stand for; InvalidArgument where none."""
    if n_jobs is not None:
        n_jobs = _jobs(n_jobs, executor, gpus)
    if gpus is not None and executor != "process":
        advice = "Give executor='process', or choose a GPU in the objective."
        raise invalid("gpus", "None without executor='process'", gpus, advice)
    if executor is None and n_jobs in (None, 1):
        return Workers(InThread(), 1, ours=True)
    if executor in (None, "thread"):
        slots = n_jobs or 1
        return Workers(ThreadPoolExecutor(slots, "tfbo"), slots, ours=True)
    if executor == "process":
        pool = ProcessExecutor(n_jobs, gpus=gpus)
        pickling.dumps(objective, "objective")  # before any trial is asked for
        return Workers(pool, pool._max_workers, ours=True)
    if isinstance(executor, type) or not callable(getattr(executor, "submit", None)):
        expected = 'None, "thread", "process" or a concurrent.futures.Executor'
        advice = "For example executor='process', or n_jobs=4 for four threads."
        if isinstance(executor, type):
            advice = f"Make one: {executor.__name__}(2)."
        raise invalid("executor", expected, executor, advice)
    return Workers(executor, n_jobs or _size(executor), ours=False)


def _jobs(n_jobs: Any, executor: Any, gpus: Any) -> int | None:
    """Number of trials at once; -1 for as many as there are cores, GPUs, or workers of a pool."""
    if _arguments.as_float(n_jobs) != -1:
        return _arguments.count("n_jobs", n_jobs, "Use -1 for all cores, or leave it out.")
    if gpus is not None or executor not in (None, "thread", "process"):
        return None
    if hasattr(os, "sched_getaffinity"):  # those that this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _size(pool: Any) -> int:
    """Number of tasks that an executor of the user runs at once, by its own account."""
    if hasattr(pool, "_max_workers"):  # the standard library, loky, ProcessExecutor
        size = pool._max_workers
    elif hasattr(pool, "_client"):  # Dask
        size = sum(pool._client.nthreads().values())
    else:  # mpi4py
        size = getattr(pool, "num_workers", None)
    if not isinstance(size, int) or size < 1:
        expected = f"how many trials to run at once in a {type(pool).__name__}, which does not say"
        raise invalid("n_jobs", expected, None, "For example n_jobs=4.")
    return size


def _ability(pool: Any) -> Ability:
    """Abilities of a pool, by its class; libraries that are not there need not be imported."""
    if isinstance(pool, ProcessExecutor):
        return Ability(kill=pool.kill)
    if type(pool) is ProcessPoolExecutor:
        return Ability(renewed=lambda: _same_pool(pool))
    if hasattr(type(pool), "get_reusable_executor"):
        return Ability(renewed=lambda: _reusable(pool))
    if hasattr(pool, "_client"):
        # Dask would give a trial the result of another one that looks the same.
        return Ability(
            options={"pure": False}, host=lambda: _towards(pool._client.scheduler.address)
        )
    if isinstance(pool, (InThread, ThreadPoolExecutor)):
        return Ability()
    return Ability(host=getattr(pool, "host", _named))


def _towards(address: str) -> str:
    """The address of this machine on its way to another one, given as tcp://10.0.0.1:8786."""
    found = urllib.parse.urlsplit(address)
    with contextlib.suppress(OSError, ValueError), socket.socket(type=socket.SOCK_DGRAM) as way:
        way.connect((found.hostname or "", found.port or 1))  # which sends nothing
        return str(way.getsockname()[0])
    return _named()


def _named() -> str:
    """The address of this machine by its name."""
    with contextlib.suppress(OSError):
        return socket.gethostbyname(socket.gethostname())
    return "127.0.0.1"


def _same_pool(pool: Any) -> Executor:
    """Another pool of the standard library like one that broke."""
    # Of Python 3.11 and later, and not with processes that are forked.
    limit = getattr(pool, "_max_tasks_per_child", None)
    return concurrent.futures.ProcessPoolExecutor(
        pool._max_workers,
        pool._mp_context,
        pool._initializer,
        pool._initargs,
        **({} if limit is None else {"max_tasks_per_child": limit}),
    )


def _reusable(pool: Any) -> Executor:
    """The reusable executor of loky, which makes itself anew where it is asked for and broken."""
    executor, _ = type(pool).get_reusable_executor(
        pool._max_workers,
        pool._context,
        pool._timeout,
        initializer=pool._initializer,
        initargs=pool._initargs,
        env=pool._env,
    )
    return executor
