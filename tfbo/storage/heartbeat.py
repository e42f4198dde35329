"""Signs of life of a process, for as long as it runs trials of a storage."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Set
from typing import Any

_LOGGER = logging.getLogger("tfbo")

# Beats that may be missed before a process counts as gone: a disk may be busy for a while.
MISSED = 8


class Heartbeat:
    """Signs of life from a daemon thread, from the first trial that is started to the last told.

    A beat that fails, because the file is locked or the disk is full, is tried again at the next one.
    An objective that sleeps or computes outside of Python does not hinder it; one that holds Python's
    global lock all the time does. The lock of the storage is held while `start` is called, and while it
    beats.
    """

    def __init__(self, seconds: float, lock: Any) -> None:
        self.seconds = seconds
        self._lock = lock
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._owners: frozenset[str] = frozenset()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    @property
    def runs(self) -> bool:
        """True while a thread beats."""
        return self._thread is not None

    def start(self, owner: str, beat: Callable[[Set[str]], Set[str]]) -> None:
        """Beat for a further owner; `beat` writes that owners live, and returns those still running."""
        if self._pid != os.getpid():  # after a fork, the thread and its owners are the parent's
            self._begin()
        self._owners |= {owner}
        if self._thread is None:
            # The thread holds the storage by `beat`, and nothing else does that would keep it alive.
            thread = threading.Thread(
                target=self._run, args=(beat,), name="tfbo heartbeat", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # no more threads, or the interpreter is going down
                _LOGGER.debug("no thread for signs of life", exc_info=True)
            else:
                self._thread = thread

    def look(self) -> None:
        """Beat now, which ends the thread where nothing runs any more."""
        if self._pid == os.getpid():
            self._wake.set()

    def stop(self) -> None:
        """End, whatever runs."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self._owners = frozenset()
        self._wake.set()

    def _run(self, beat: Callable[[Set[str]], Set[str]]) -> None:
        while True:
            self._wake.wait(self.seconds)
            self._wake.clear()
            # Under the lock, lest a trial is started between the last look and the end.
            with self._lock:
                try:
                    self._owners = frozenset(beat(self._owners)) if self._owners else self._owners
                except Exception:
                    _LOGGER.debug("no sign of life this time", exc_info=True)
                if not self._owners:
                    self._thread = None
                    return
