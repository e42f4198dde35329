"""An executor that gives each task a process of its own."""

from __future__ import annotations

import collections
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, NoReturn

from tfbo import _arguments
from tfbo.errors import ExecutorError, WorkerDied, invalid
from tfbo.executors import child, pickling
from tfbo.executors.child import Child, Reply
from tfbo.executors.gpu import check_gpus


class _Task:
    """A task from `submit` to its result."""

    def __init__(self, pickled: bytes) -> None:
        self.pickled = pickled
        self.future: Future[Any] = Future()
        self.child: Child | None = None
        self.killed = False


class ProcessExecutor(Executor):
    """Runs each task in a fresh process, which ends with it; a `concurrent.futures.Executor`.

    Nothing of a task stays: TensorFlow gives all its memory back, and a crash (a segmentation fault, the
    out-of-memory killer, `os._exit`) fails that task alone, with `WorkerDied`, which says how. A process
    ends when its task does, `kill` is called, or this process ends, in whatever way, and takes with it
    all that the task has started. It begins by importing what the task needs, the main script among
    it: what a script does belongs under `if __name__ == "__main__":`. Linux and macOS only.

    What a task returns or raises comes back if it can be pickled; an exception that cannot comes back as
    `RemoteError`. Functions that cannot be imported (lambdas, notebooks) need cloudpickle.

    TensorFlow takes the whole of a GPU by default, so that a second process finds no room: have one
    worker a GPU (`gpus`), or call `tfbo.limit_gpu_memory` first in each task.

    Args:
        max_workers: how many tasks at once; by default one for each GPU, or one.
        gpus: the GPUs, a task each, as numbers or names; each process sees its GPU only, as
            CUDA_VISIBLE_DEVICES has it before anything is imported. None to leave that as it is.

    Raises:
        InvalidArgument: for other workers or GPUs, or more workers than GPUs.

    Example:
        >>> with ProcessExecutor(2) as pool:
        ...     sorted(pool.map(abs, [-1, -2, -3]))
        [1, 2, 3]
    """

    def __init__(
        self, max_workers: int | None = None, *, gpus: Sequence[int | str] | None = None
    ) -> None:
        if os.name != "posix":
            advice = "Use concurrent.futures.ProcessPoolExecutor."
            raise invalid("executor", "Linux or macOS for ProcessExecutor", os.name, advice)
        self._free = _places(max_workers, gpus)
        self._max_workers = len(self._free)
        self._waiting: collections.deque[_Task] = collections.deque()
        self._running: dict[Future[Any], _Task] = {}
        self._open = True
        self._change = threading.Condition(threading.RLock())

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn(*args, **kwargs)` in a process of its own; InvalidArgument where it cannot be pickled."""
        child.check_main()
        task = _Task(pickling.dumps((fn, args, kwargs), "fn"))
        with self._change:
            if not self._open:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.append(task)
            self._begin()
        return task.future

    def kill(self, future: Future[Any]) -> None:
        """End the task of a future at once, with `WorkerDied`, or cancel it if it has not begun."""
        if not future.cancel():
            with self._change:
                task = self._running.get(future)
                if task is not None:
                    task.killed = True
                    if task.child is not None:
                        task.child.kill()

    def kill_workers(self) -> None:
        """Shut down at once: end the tasks that run, cancel those that have not begun."""
        self.shutdown(wait=False, cancel_futures=True)
        with self._change:
            running = list(self._running)
        for future in running:
            self.kill(future)
        self.shutdown()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor`; what still runs when this process ends is killed."""
        with self._change:
            self._open = False
            cancelled = list(self._waiting) if cancel_futures else []
        for task in cancelled:
            task.future.cancel()
        with self._change:
            self._begin()  # a cancelled task leaves the line when it is its turn
            while wait and (self._waiting or self._running):
                self._change.wait()

    def _begin(self) -> None:
        """Start what waits, as far as there are workers; the lock is held."""
        while self._waiting and (self._free or self._waiting[0].future.cancelled()):
            task = self._waiting.popleft()
            if task.future.set_running_or_notify_cancel():
                self._running[task.future] = task
                # Such a thread does not keep this process from ending, at which its child ends, too.
                attend = threading.Thread(
                    target=self._attend, args=(task, self._free.pop(0)), daemon=True
                )
                attend.start()

    def _attend(self, task: _Task, gpu: int | str | None) -> None:
        """A task from beginning to end, in a thread of its own."""
        try:
            process = Child(gpu)
            with self._change:
                task.child = process
                if task.killed:
                    process.kill()
            try:
                reply = process.ask(task.pickled)
                if reply is not None:
                    _settle(task.future, reply)
            finally:
                # Until it has ended it holds its GPU: the next one waits for that, the caller need not.
                code = process.end()
            if reply is None:
                text = "its process was killed on request" if task.killed else child.died(code)
                raise WorkerDied(text[0].upper() + text[1:] + ".")
        except BaseException as error:
            if not task.future.done():
                task.future.set_exception(error)
        finally:
            with self._change:
                del self._running[task.future]
                self._free.append(gpu)
                self._begin()
                self._change.notify_all()


def _places(max_workers: int | None, gpus: Sequence[int | str] | None) -> list[int | str | None]:
    """The GPU of each worker; None for a worker without one of its own."""
    if max_workers is not None:
        max_workers = _arguments.count(
            "max_workers", max_workers, advice="Leave it out if in doubt."
        )
    if gpus is None:
        return [None] * (max_workers or 1)
    checked = check_gpus(gpus)
    if max_workers is not None and max_workers > len(checked):
        expected = f"no more than one for each of {len(checked)} GPUs"
        advice = "Leave it out, or call tfbo.limit_gpu_memory in the tasks instead of gpus=."
        raise invalid("max_workers", expected, max_workers, advice)
    return [*checked[:max_workers]]


def _settle(future: Future[Any], reply: Reply) -> None:
    """Give a future what its process said."""
    if reply.what == child.RESULT:
        future.set_result(reply.content)
    elif reply.what == child.RAISED:
        future.set_exception(reply.content.error)
    else:
        _refuse(reply)


def _refuse(reply: Reply) -> NoReturn:
    """Raise ExecutorError for a process that could not begin with its task."""
    if reply.what == child.NO_GUARD:
        raise ExecutorError(
            "Each process imports the script that started it, and there the script starts the search "
            "again. Put what the script does, the search and all that leads to it, under "
            "`if __name__ == '__main__':`."
        )
    *_, last = reply.content.strip().splitlines()
    if reply.what == child.NO_MAIN:
        raise ExecutorError(
            f"A process could not import the main script: {last}. Put what the script does, the "
            f"search and all that leads to it, under `if __name__ == '__main__':`.\n{reply.content}"
        )
    raise ExecutorError(
        f"A process could not import its task: {last}. Define the function at the top level of a "
        "file, outside of `if __name__ == '__main__':`, or of a module that it can import, or "
        f"make it a lambda and install cloudpickle.\n{reply.content}"
    )
