"""Ctrl-C where it does no harm: in an objective, in a suggestion, in a wait, and not between two stores."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Interrupts:
    """While it is entered, Ctrl-C raises KeyboardInterrupt in `allowed` only, and is kept until then.

    A trial that had been started, but of which the loop did not know yet, would run for ever. Programs
    with a handler of their own, and other threads than the main one, go on as they are.
    """

    def __init__(self) -> None:
        self._arrived = False
        self._allowed = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self._arrived = True
        if self._allowed:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """Where it may be raised."""
        self._allowed = True
        try:
            if self._arrived:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = False
