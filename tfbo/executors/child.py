"""A process for one task: as its parent starts, hears and ends it, and what runs in it.

One socket joins the two. The parent sends what the process needs to be like its own, and the task; the
process sends one reply. Whichever ends first, the other sees the end of the stream.
"""

from __future__ import annotations

import importlib
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from multiprocessing import spawn
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from tfbo.executors import pickling
from tfbo.executors.pickling import Raised

# Between two looks whether a process ended without closing its socket, which a process that it
# forked may hold open; otherwise the end of the stream says so at once.
_LOOK_SECONDS = 1.0
# What threads, exit handlers and libraries of a task may take to end after it.
_EXIT_SECONDS = 10.0

RESULT, RAISED = "result", "raised"
NO_GUARD, NO_MAIN, NO_TASK = "no guard", "no main", "no task"


class Reply(NamedTuple):
    """Reply of a process to its task."""

    what: str
    """RESULT; RAISED; or that it could not import the main script (NO_MAIN), which searches again where
    it is imported (NO_GUARD), or the task (NO_TASK)."""
    content: Any
    """The result, `Raised`, or a text."""


class MissingGuard(SystemExit):
    """The end, told to the parent, of a process whose main script starts a search when imported."""


def check_main() -> None:
    """End a process that is still importing the script that started it, by `MissingGuard`."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise MissingGuard(
            "tfbo: a process of a search imports the script that started it, and the script starts the "
            "search again. Put what the script does under `if __name__ == '__main__':`."
        )


class Child:
    """A process for one task, which sees that GPU, in a session of its own: what it starts ends with it."""

    def __init__(self, gpu: int | str | None) -> None:
        check_main()
        self._preparation = spawn.get_preparation_data("tfbo")
        # It can be pickled only by multiprocessing itself while that starts a process.
        self._preparation["authkey"] = bytes(self._preparation["authkey"])
        self._lock = threading.Lock()
        self._over = False
        self._pipe, theirs = multiprocessing.Pipe()
        program = (
            f"import sys; sys.path = {self._preparation['sys_path']!r}; "
            f"from tfbo.executors.child import main; main({theirs.fileno()})"
        )
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": str(gpu)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, *subprocess._args_from_interpreter_flags(), "-c", program],  # type: ignore[attr-defined]  # noqa: SLF001
                env=None if gpu is None else environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            self._pipe.close()
            raise
        finally:
            theirs.close()

    def ask(self, task: bytes) -> Reply | None:
        """Have a pickled task done; None where the process ends before it is."""
        try:
            self._pipe.send_bytes(pickling.dumps(self._preparation, "preparation"))
            self._pipe.send_bytes(task)
            self._wait(math.inf)
            # Without anything to read it ended, and a process that it forked holds the socket open.
            reply = self._pipe.recv_bytes() if self._pipe.poll() else None
        except (EOFError, OSError):
            reply = None
        return None if reply is None else Reply(*pickling.loads(reply))

    def kill(self) -> None:
        """End it, and all that it has started, at once; nothing where it has ended."""
        with self._lock:
            if not self._over:
                self._kill()

    def end(self) -> int:
        """Wait until it ends, but not for long; its exit code, or minus the number of a signal."""
        self._wait(_EXIT_SECONDS)
        with self._lock:
            # Before it is waited for: until then nobody else can be given its number.
            self._over = True
            code = self._peek()
            self._kill()
        self._pipe.close()
        returned = self._process.wait()
        return returned if code is None else code

    def _wait(self, seconds: float) -> None:
        """Until there is something to read, which may be the end of the stream, or it has ended."""
        end = time.monotonic() + seconds
        while self._peek() is None and time.monotonic() < end:
            if self._pipe.poll(min(_LOOK_SECONDS, end - time.monotonic())):
                return

    def _peek(self) -> int | None:
        """Its exit code where it has ended; it keeps its number in the system."""
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13
            return self._process.poll()
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            found = os.waitid(os.P_PID, self._process.pid, flags)
        except ChildProcessError:  # the user's program waits for whatever ends
            return self._process.poll()
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def _kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except OSError:
            self._process.kill()


def died(code: int) -> str:
    """End of a process in words."""
    if code >= 0:
        return f"its process ended with exit code {code} before there was a result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ", perhaps by the system, for want of memory" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{hint}"


def main(descriptor: int) -> None:
    """Run one task, in the process that was started for it."""
    pipe = Connection(descriptor)
    os.set_inheritable(descriptor, False)
    preparation, task = pipe.recv_bytes(), pipe.recv_bytes()
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    pipe.send_bytes(_reply(pickling.loads(preparation), task))


def _end_with_parent(pipe: Connection) -> None:
    """A process without a parent would hold its GPU until somebody finds it."""
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        os.killpg(os.getpid(), signal.SIGKILL)


def _reply(preparation: dict[str, Any], task: bytes) -> bytes:
    try:
        _import_main(preparation)
    except MissingGuard:
        return _say(NO_GUARD, "")
    except BaseException:
        return _say(NO_MAIN, traceback.format_exc())
    try:
        function, arguments, options = pickling.loads(task)
    except BaseException:
        return _say(NO_TASK, traceback.format_exc())
    try:
        return _say(RESULT, function(*arguments, **options))
    except BaseException as error:
        return _say(RAISED, Raised(error))


def _say(what: str, content: Any) -> bytes:
    return pickling.dumps((what, content), "result")


def _import_main(preparation: dict[str, Any]) -> None:
    """Be what a process spawned by multiprocessing is: paths, arguments, the main script's names."""
    process = multiprocessing.current_process()
    process._inheriting = True  # type: ignore[attr-defined]  # by which multiprocessing, too, finds a missing guard  # noqa: SLF001
    try:
        spawn.prepare(preparation)
    finally:
        del process._inheriting  # type: ignore[attr-defined]  # noqa: SLF001
    importlib.invalidate_caches()
