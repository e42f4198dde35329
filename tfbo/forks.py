"""Locks that a fork waits for, so that its child finds none taken by a thread that it lacks."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

_LOCKS: weakref.WeakSet[Any] = weakref.WeakSet()
_ONE_FORK = threading.RLock()
_HELD: list[Any] = []


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


def _before() -> None:
    _ONE_FORK.acquire()
    _HELD.extend(_LOCKS)
    for held in _HELD:
        held.acquire()


def _after() -> None:
    while _HELD:
        _HELD.pop().release()
    _ONE_FORK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
