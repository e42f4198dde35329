"""Ctrl-C: heard at once, and raised where it does no harm.

Python runs a signal handler between two bytecodes of the main thread: while that is inside a compiled
call, which may be for seconds, it does not run. To `signal.set_wakeup_fd` the signal is written as it
comes, and a thread that reads from there says so, and ends the process if that is asked for again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from tfbo import _messages

_HEARD = "Ctrl-C: stopping as soon as what runs lets go; press it again to end at once."
_AGAIN = "Ctrl-C again: ended at once."
# Two signals within this time are one: processes that were forked report the same keystroke.
_BOUNCE = 0.1
# If the main thread has not come to its handler after this time, it is inside a compiled call.
_GRACE = 0.5
# The exit status of programs that Ctrl-C ended.
STATUS = 130


class Interrupts:
    """While it is entered, Ctrl-C raises KeyboardInterrupt in `allowed` only, and is kept until then.

    A trial that had been started, but of which the loop did not know yet, would run for ever. A second
    Ctrl-C raises wherever it comes but in `held`, and ends the process where that is a script whose
    main thread does not answer. One search may run inside of another: both end.

    Programs with a handler of their own, and other threads than the main one, go on as they are.
    """

    def __init__(self) -> None:
        self.arrived = False
        """True after a Ctrl-C, even one that somebody else caught."""
        self._allowed = self._held = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        handler = signal.getsignal(signal.SIGINT)
        ours = bool(_entered) and handler == _entered[-1].handle
        main = threading.current_thread() is threading.main_thread()
        if main and (ours or handler is signal.default_int_handler):
            _entered.append(self)
            self._before = signal.signal(signal.SIGINT, self.handle)
            if len(_entered) == 1:
                _listeners.append(_Listener())
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            if self.arrived:
                _listeners[0].hear()
            if len(_entered) == 1:
                _listeners.pop().close()
            self.restore()

    def restore(self) -> None:
        """Put the handler back that was there, unless another one is there by now."""
        _entered.remove(self)
        if signal.getsignal(signal.SIGINT) == self.handle:
            signal.signal(signal.SIGINT, self._before)

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """Take note of a Ctrl-C, and raise it where that is allowed."""
        for listener in _listeners:
            listener.handled = time.monotonic()
        again = self.arrived
        for interrupts in _entered:
            interrupts.arrived = True
        if not self._held and (again or self._allowed):
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """Let it be raised here."""
        self._allowed = True
        try:
            if self.arrived:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold it back in any case, while a few stores that belong together are made."""
        self._held = True
        try:
            yield
        finally:
            self._held = False


class _Listener:
    """A thread that hears of Ctrl-C when it comes, whatever the main thread is at."""

    def __init__(self) -> None:
        self.handled = -1.0
        """Time at which the main thread last came to its handler."""
        self._reads, self._written = socket.socketpair()
        self._written.setblocking(False)
        self._before = signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        self._closed = threading.Event()
        self._said, self._lock = False, threading.Lock()
        threading.Thread(target=self._listen, name="tfbo-ctrl-c", daemon=True).start()

    def close(self) -> None:
        """Put back what was there before, and end the thread."""
        self._closed.set()
        self.restore()
        with contextlib.suppress(OSError):
            self._written.shutdown(socket.SHUT_RDWR)
        self._written.close()

    def hear(self) -> None:
        """Say, once, that it was heard."""
        with self._lock:
            if not self._said:
                say(_HEARD)
            self._said = True

    def restore(self) -> None:
        """Have signals written where they were before, unless somebody else has them by now."""
        there = signal.set_wakeup_fd(-1)
        wanted = self._before if there == self._written.fileno() else there
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            signal.set_wakeup_fd(wanted)

    def _listen(self) -> None:
        pressed: float | None = None
        with self._reads, contextlib.suppress(OSError):
            while signals := self._reads.recv(64):
                if self._before != -1:
                    with contextlib.suppress(OSError):
                        os.write(self._before, signals)
                if signal.SIGINT not in signals:
                    continue
                last, pressed = pressed, time.monotonic()
                if last is None:
                    self.hear()
                elif pressed - last > _BOUNCE and not _is_interactive():
                    self._end_if_stuck((last + pressed) / 2)

    def _end_if_stuck(self, since: float) -> None:
        if not self._closed.wait(_GRACE) and self.handled < since:
            say(_AGAIN)
            with contextlib.suppress(Exception):
                sys.stdout.flush()
            os._exit(STATUS)


_entered: list[Interrupts] = []
"""Those that are entered, the innermost last."""
_listeners: list[_Listener] = []
"""The one of the outermost."""


def conclude(study: Any, keeping: str = "storage='runs.db'") -> KeyboardInterrupt:
    """Say in a line what is kept of an interrupted search, and how to go on; the exception to raise."""
    kept = sum(trial.is_finished and not trial.is_interrupted for trial in study.trials)
    count = f"{kept} trial{'' if kept == 1 else 's'}"
    where = f"in {study.location!r}, study {study.name!r}"
    advice = "run the same again"
    if study.location == ":memory:":
        where = "in memory, with this process"
        advice += f"; {keeping} keeps them for another process, too"
    say(f"Stopped by Ctrl-C: {count} kept {where}. To go on: {advice}.")
    interruption = KeyboardInterrupt()
    interruption.study = study  # type: ignore[attr-defined]
    return interruption


def say(text: str) -> None:
    """Write a line to standard error, below what a terminal has in its last line by now."""
    begin = "\n" if _messages.is_terminal(sys.stderr) else ""
    _messages.say(f"{begin}{text}", sys.stderr)


def _is_interactive() -> bool:
    """True where somebody would lose a session with this process, and not only a script."""
    python = sys.modules.get("IPython")
    shell = python is not None and python.get_ipython() is not None
    return shell or hasattr(sys, "ps1") or bool(sys.flags.interactive)


def _forget() -> None:
    """Leave the signals of a forked child to the child."""
    with contextlib.suppress(ValueError):  # not in its main thread
        for listener in _listeners:
            listener.restore()
        for interrupts in reversed(_entered[:]):
            interrupts.restore()
    _listeners.clear()
    _entered.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
