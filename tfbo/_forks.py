"""Forks of the process: locks that they wait for, and computations that their children must not begin."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import weakref
from typing import Any

from tfbo.errors import ComputeError

_LOCKS: weakref.WeakSet[Any] = weakref.WeakSet()
_ONE_FORK = threading.RLock()
_HELD: list[Any] = []
_RENEWED: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
_lacks_threads = False


def lock() -> Any:
    """A reentrant lock that no other thread holds at the moment of a fork.

    A child has only the thread that forked: a lock that another one held would stay locked in it for
    ever, and so would those inside of a library, such as SQLite, that was used under it.

    Example:
        >>> with lock():
        ...     pid = os.fork()
        ...     if pid == 0:
        ...         os._exit(0)
        >>> os.waitpid(pid, 0)[1]
        0
    """
    made = threading.RLock()
    _LOCKS.add(made)
    return made


def renew_lock(owner: Any, name: str) -> None:
    """Make a reentrant lock an attribute of `owner`, and another one in the child of a fork.

    A fork does not wait for it: it may be held for seconds, or while one of `lock` is acquired.
    """
    setattr(owner, name, threading.RLock())
    _RENEWED[owner] = name


def check_compute() -> None:
    """Raise ComputeError in the child of a fork from before which TensorFlow had started its threads."""
    if _lacks_threads:
        raise ComputeError(
            "This process was forked after TensorFlow had begun to compute. Its threads exist in the "
            "parent only, so that whatever is computed here would hang. Start processes by "
            'multiprocessing.get_context("spawn"), use study.optimize(..., executor="process"), or fork '
            "before anything is asked or trained. Trials can be read and told here."
        )


def _before() -> None:
    _ONE_FORK.acquire()
    _HELD.extend(_LOCKS)
    for held in _HELD:
        held.acquire()


def _after() -> None:
    while _HELD:
        _HELD.pop().release()
    _ONE_FORK.release()


def _in_child() -> None:
    global _lacks_threads
    _after()
    for owner, name in list(_RENEWED.items()):
        setattr(owner, name, threading.RLock())
    _lacks_threads = _lacks_threads or _has_computed()


def _has_computed() -> bool:
    """True once TensorFlow has started its threads: with its first operation, not when it is imported."""
    eager = sys.modules.get("tensorflow.python.eager.context")
    context = getattr(eager, "context_safe", lambda: None)()
    return bool(getattr(context, "_initialized", False))


def _threads() -> int | None:
    """Number of threads; None where it cannot be known."""
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/task"))
    return None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
    # The fork may have come before this import: then there are no threads at all.
    _lacks_threads = _has_computed() and _threads() == 1
