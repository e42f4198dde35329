"""Tasks of Ray behind the interface of `concurrent.futures`."""

from __future__ import annotations

import concurrent.futures
import functools
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any

import ray
from ray import exceptions

from tfbo import _arguments
from tfbo.errors import ExecutorError, WorkerDied, invalid

_DEATHS = (
    exceptions.WorkerCrashedError,
    exceptions.OutOfMemoryError,
    exceptions.NodeDiedError,
    exceptions.LocalRayletDiedError,
    exceptions.ObjectLostError,
)


class RayExecutor(Executor):
    """Runs each task as one of Ray's, somewhere in the cluster; a `concurrent.futures.Executor`.

    As many run at once as the cluster has resources for; Ray queues the others. A task whose worker dies,
    or is killed by Ray for want of memory, fails with `WorkerDied` and is not tried again. A future can
    be cancelled while its task runs: its worker is killed then, so that `trial_timeout=` of
    `Study.optimize` ends a trial at once.

    A worker process runs one task after the other; of tasks with a GPU each gets a fresh one, which Ray
    lets see its GPU only. Ray is started by you, with `ray.init()`, and is left running.

    Args:
        num_cpus: how many cores a task takes, or what share of one; >= 0.
        num_gpus: how many GPUs, or what share of one; TensorFlow takes the whole memory of a GPU unless
            the task first calls `tfbo.limit_gpu_memory`.

    Raises:
        InvalidArgument: for other numbers, or where both are 0.
        ExecutorError: where Ray does not run.

    Example:
        import ray, tfbo
        from tfbo.integrations.ray import RayExecutor

        ray.init()
        study = tfbo.Study(space, storage="runs.db")
        study.optimize(objective, n_trials=100, executor=RayExecutor(num_gpus=1), trial_timeout=3600)
    """

    def __init__(self, *, num_cpus: float = 1, num_gpus: float = 0) -> None:
        needs = {"CPU": _amount("num_cpus", num_cpus), "GPU": _amount("num_gpus", num_gpus)}
        if not any(needs.values()):
            raise invalid("num_cpus", "a number above zero without a GPU", num_cpus, "Use 1.")
        if not ray.is_initialized():
            raise ExecutorError("Ray does not run in this process. Call ray.init() first.")
        self._needs = needs
        # By default Ray tries a task whose worker died three times more.
        self._task = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_retries=0)(_call)
        self._open = True
        self._unfinished: set[Future[Any]] = set()
        self._change = threading.Lock()

    @property
    def _max_workers(self) -> int:
        """The number of tasks that the cluster has room for now, one at least: it may grow."""
        known: Any = ray
        nodes = [node["Resources"] for node in known.nodes() if node["Alive"]]
        return max(1, sum(_room(node, self._needs) for node in nodes))

    def host(self) -> str:
        """The address of this machine for workers on others, which report to it."""
        known: Any = ray.util
        return str(known.get_node_ip_address())

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn(*args, **kwargs)` in a worker of Ray; TypeError where that cannot be pickled."""
        future: Future[Any] = Future()
        with self._change:
            if not self._open:
                raise RuntimeError("cannot schedule new futures after shutdown")
            ref = self._task.remote(fn, args, kwargs)
            self._unfinished.add(future)
        future.add_done_callback(functools.partial(self._ended, ref))
        ref.future().add_done_callback(functools.partial(_settle, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor`; tasks that run are cancelled with the others."""
        with self._change:
            self._open = False
            unfinished = list(self._unfinished)
        for future in unfinished if cancel_futures else ():
            future.cancel()
        if wait:
            concurrent.futures.wait(unfinished)

    def _ended(self, ref: Any, future: Future[Any]) -> None:
        with self._change:
            self._unfinished.discard(future)
        if future.cancelled():
            ray.cancel(ref, force=True)


def _call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return fn(*args, **kwargs)


def _settle(future: Future[Any], done: Future[Any]) -> None:
    """Give a future what became of its task; until then it can be cancelled, as Ray hides what runs."""
    if not future.set_running_or_notify_cancel():
        return
    error = done.exception()
    if error is None:
        future.set_result(done.result())
    elif isinstance(error, _DEATHS):
        death = WorkerDied(f"{type(error).__name__}: {str(error).strip().rstrip('.')}.")
        death.__cause__ = error
        future.set_exception(death)
    else:
        future.set_exception(error)


def _room(resources: Mapping[str, float], needs: Mapping[str, float]) -> int:
    """The number of tasks that a node of such resources takes."""
    return min(math.floor(resources.get(kind, 0.0) / need) for kind, need in needs.items() if need)


def _amount(argument: str, number: Any) -> float:
    return _arguments.number(argument, number, "Use 1, or a share such as 0.5.", least=0.0)
