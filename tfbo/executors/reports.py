"""Reports across processes: the desk where they are answered, and the line to it.

The desk opens a socket when a run is first pickled. What crosses it is JSON, after each side has proved
to the other that it has the key that went with the run; nothing that is read there is executed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError, connection
from multiprocessing.connection import Connection
from typing import Any

from tfbo import errors
from tfbo.errors import ExecutorError, TFBOError
from tfbo.executors.run import OVER
from tfbo.storage import is_gone, new_owner

_LONGEST = 10_000  # bytes of a message
# Between two looks whether the process that is to answer is still there.
_LOOK_SECONDS = 2.0

_LOST = (OSError, EOFError, AuthenticationError)
_CALLERS = 64  # that wait until they are heard

Answer = Callable[[str, str, int, float], str]
"""From run, attempt, step and value to an answer; see `Report`."""


class Desk:
    """The place where reports are answered: at once in this process, over a socket from others.

    Args:
        answered: how a report is answered, from any thread.
        host: the address of this machine for workers on others; None where all are on this one.
    """

    def __init__(self, answered: Answer, host: str | None = None) -> None:
        self._answered = answered
        self._host = host
        self._lock = threading.Lock()
        self._listener: connection.Listener | None = None
        self._key = secrets.token_bytes(32)
        self._open = True
        self._connections: set[Connection] = set()

    def answer(self, run: str, attempt: str, step: int, value: float) -> str:
        """See `Report`."""
        return self._answered(run, attempt, step, value)

    def close(self) -> None:
        """See `Report`: of one run, after which others go on."""

    def __reduce__(self) -> tuple[Any, ...]:
        """A line to this desk, which is open from then on."""
        return Line, (self._address(), self._key, new_owner())

    def shut(self) -> None:
        """Close the socket: reports that come later find nobody."""
        with self._lock:
            listener, connections = self._listener, list(self._connections)
            self._listener, self._open = None, False
        if listener is not None:
            with contextlib.suppress(OSError, EOFError):
                connection.Client(listener.address).close()  # it waits for one
        for each in connections:
            _shut(each)

    def _address(self) -> Any:
        with self._lock:
            if not self._open:
                raise ExecutorError("The search of this run has ended.")
            if self._listener is None:
                self._listener = _listener(self._host)
                accepts = threading.Thread(
                    target=self._accept, args=(self._listener,), name="tfbo-reports", daemon=True
                )
                accepts.start()
            return self._listener.address

    def _accept(self, listener: connection.Listener) -> None:
        with listener:
            while True:
                try:
                    accepted = listener.accept()
                except OSError:
                    return
                with self._lock:
                    if not self._open:
                        accepted.close()
                        return
                    self._connections.add(accepted)
                threading.Thread(target=self._attend, args=(accepted,), daemon=True).start()

    def _attend(self, accepted: Connection) -> None:
        """One worker, until it hangs up or does not know the key."""
        # An assertion of multiprocessing fails where something else than a worker calls.
        with accepted, contextlib.suppress(*_LOST, AssertionError):
            try:
                connection.deliver_challenge(accepted, self._key)
                connection.answer_challenge(accepted, self._key)
                while True:
                    accepted.send_bytes(self._reply(accepted.recv_bytes(_LONGEST)))
            finally:
                with self._lock:
                    self._connections.discard(accepted)

    def _reply(self, message: bytes) -> bytes:
        try:
            answer: Any = self._answered(*json.loads(message))
        except Exception as error:
            answer = [type(error).__name__, str(error)[: _LONGEST // 10]]
        return json.dumps(answer).encode()


class Line:
    """The line of one run from its worker to the desk, which it calls with its first report."""

    def __init__(self, address: Any, key: bytes, owner: str) -> None:
        self._address, self._key, self._owner = address, key, owner
        self._connection: Connection | None = None
        self._pid = os.getpid()
        self._lost: Exception | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Line, (self._address, self._key, self._owner)

    def answer(self, run: str, attempt: str, step: int, value: float) -> str:
        """See `Report`; OVER where nobody answers any more."""
        if self._lost is not None:
            return OVER
        try:
            opened = self._opened()
            opened.send_bytes(json.dumps([run, attempt, step, value]).encode())
            self._wait(opened)
            answer = json.loads(opened.recv_bytes(_LONGEST))
        except _LOST as error:
            self._lost = error
            return OVER
        if isinstance(answer, str):
            return answer
        raise _error(*answer)

    def close(self) -> None:
        """See `Report`; ExecutorError where the desk was not reached, so that reports are missing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lost is not None:
            cause = f"{type(self._lost).__name__}: {self._lost}"
            raise ExecutorError(
                f"A report of a trial did not reach the process that searches, at {self._address!r} "
                f"({cause}). Its worker must be able to connect to it there."
            )

    def _opened(self) -> Connection:
        if self._connection is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._connection = connection.Client(self._address)
            self._wait(self._connection)
            connection.answer_challenge(self._connection, self._key)
            connection.deliver_challenge(self._connection, self._key)
        return self._connection

    def _wait(self, opened: Connection) -> None:
        """Until there is something to read; a socket outlives its process in children of that."""
        while not opened.poll(_LOOK_SECONDS):
            if is_gone(self._owner):
                raise EOFError("the process that searches has ended")


def _listener(host: str | None) -> connection.Listener:
    if host is not None:
        return connection.Listener((host, 0), backlog=_CALLERS)
    try:
        return connection.Listener(backlog=_CALLERS)
    except OSError:  # the path of a temporary file is too long for a socket
        return connection.Listener(("127.0.0.1", 0), backlog=_CALLERS)


def _error(name: str, text: str) -> Exception:
    """An error of the desk as one of the worker, of the same class where that is ours."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, TFBOError):
        return kind(text)
    return ExecutorError(f"A report could not be stored: {name}: {text}")


def _shut(opened: Connection) -> None:
    """End what both sides wait for, even where another process has inherited it."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(opened.fileno())) as shared:
        shared.shutdown(socket.SHUT_RDWR)
