"""Optimisers that run each in a process and an interpreter of its own: finding, starting and asking them.

A `Worker` is such a process (`peer_worker.py`); commands and replies are JSON lines on its standard
input and output. `discover` finds out which interpreter can import which optimiser.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import re
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from adapters import ADAPTERS
from suites.base import Parameter, Params, cube

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

SCRIPT = Path(__file__).with_name("peer_worker.py")
OPTIMISERS = tuple(ADAPTERS)
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
"""Variables of the environment that say how many threads libraries may start."""


class PeerError(Exception):
    """An optimiser could not be imported, raised an exception, or its process ended."""


class PeerTimeout(PeerError):
    """A command took too long; its process is gone."""


class Started(NamedTuple):
    """What a worker says of an optimiser that it has started."""

    versions: dict[str, str]
    gpus: list[str]


class Maximum(NamedTuple):
    """Where BoTorch found an acquisition to be largest."""

    x: list[float]
    value: float
    seconds: float


class Worker:
    """A process that holds one optimiser at a time; a context manager, at whose end it is gone.

    Args:
        python: the interpreter.
        timeout: seconds after which a command has failed and the process is killed.
        threads: how many each of its pools of threads may have; None for as many as they like.
        checkout: a folder in which it looks for tfbo first; None for what is installed.

    Every method raises PeerError where the optimiser fails; the process stays usable then, unless it
    ended or timed out.
    """

    def __init__(
        self,
        python: str,
        timeout: float = 300.0,
        threads: int | None = None,
        checkout: Path | None = None,
    ) -> None:
        self.python = python
        self.timeout = timeout
        self.threads = threads
        self.checkout = checkout

    def __enter__(self) -> Worker:
        # Its temporary files go where they are removed even if it has to be killed.
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._errors = open(Path(self._folder.name, "stderr"), "w+")
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        limits = {} if self.threads is None else dict.fromkeys(THREADS, str(self.threads))
        if self.checkout is not None:
            limits["PYTHONPATH"] = str(self.checkout)
        try:
            self._process = subprocess.Popen(
                [self.python, str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env={**os.environ, **limits, "TMPDIR": self._folder.name},
            )
        except OSError as error:
            self._errors.close()
            self._folder.cleanup()
            raise PeerError(f"failed to start: {error.strerror}") from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._reply("start-up")
        except PeerError:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; kill it where it does not end by itself within seconds."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(5.0)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._errors.close()
        self._folder.cleanup()

    def start(
        self,
        optimiser: str,
        parameters: Sequence[Parameter],
        seed: int,
        settings: dict[str, Any] | None = None,
    ) -> Started:
        """Import and build an optimiser; one that was there before is dropped.

        Args:
            optimiser: one of `OPTIMISERS`.
            parameters: what it searches, in the form of `suites.base`.
            seed: a whole number >= 0.
            settings: for tfbo only, arguments of `tfbo.strategies.Bayes` that are not its defaults.
        """
        message = {"optimiser": optimiser, "parameters": list(parameters), "seed": seed}
        reply = self._call({"command": "start", **message, "settings": settings or {}})
        return Started(reply["versions"], reply["gpus"])

    def preload(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        """Tell it trials that were run before; None is the value of one that failed."""
        told = [_number(value) for value in y]
        self._call({"command": "preload", "params": list(params), "y": told})

    def ask(self) -> tuple[Params, float]:
        """The next configuration, active parameters only, and the seconds that it took."""
        reply = self._call({"command": "ask"})
        return reply["params"], reply["seconds"]

    def tell(self, y: float | None) -> float:
        """Tell the value of the configuration asked for last, None where it failed.

        Returns:
            The seconds that the optimiser took.
        """
        return float(self._call({"command": "tell", "y": _number(y)})["seconds"])

    def recommend(self) -> Params | None:
        """What the optimiser would use from now on; None where it has no opinion of its own."""
        recommended: Params | None = self._call({"command": "recommend"})["params"]
        return recommended

    def coverage(self) -> list[float]:
        """Shares of the outcomes within the optimiser's own intervals; see `adapters.base.Adapter`."""
        return list(self._call({"command": "coverage"})["coverage"])

    def memory(self) -> float:
        """Peak resident memory so far, in MiB."""
        return float(self._call({"command": "memory"})["mib"])

    def maximise_logei(
        self,
        x: ArrayLike,
        z: ArrayLike,
        *,
        amplitude: float,
        lengthscales: ArrayLike,
        noise: float,
        incumbent: float,
        seed: int = 0,
    ) -> Maximum:
        """Have BoTorch maximise LogEI over the unit cube, with 20 restarts and 1,024 raw samples.

        Args:
            x: `[n, d]`.
            z: `[n]`, standardised outcomes to maximise.
            amplitude: standard deviation of the Gaussian process.
            lengthscales: `[d]`, of its Matern-5/2 kernel.
            noise: variance of the observation noise.
            incumbent: the value to improve on.
            seed: of the raw samples.
        """
        message = {
            "command": "maximise_logei",
            "x": np.asarray(x).tolist(),
            "z": np.asarray(z).tolist(),
            "amplitude": float(amplitude),
            "lengthscales": np.asarray(lengthscales).tolist(),
            "noise": float(noise),
            "incumbent": float(incumbent),
            "seed": seed,
        }
        return Maximum(**self._call(message))

    def maximise_constrained(
        self,
        posterior: dict[str, Any],
        *,
        linear: Sequence[tuple[list[float], float, bool]],
        balls: Sequence[tuple[list[float], float]],
        points: list[list[float]],
        seed: int = 0,
    ) -> tuple[Maximum, list[float]]:
        """Have BoTorch maximise LogEI under constraints, with 10 restarts and 512 raw samples.

        Args:
            posterior: the arguments of `maximise_logei`, but for the seed.
            linear: weights `[d]`, least value of the weighted sum, and True where it has to be equal.
            balls: centres `[d]` and radii of balls in which the point has to be.
            points: `[k, d]`, of which the values are asked for, too.
            seed: of the raw samples.

        Returns:
            The maximum, and the values `[k]`.
        """
        message = {"command": "maximise_constrained", **posterior, "seed": seed, "points": points}
        reply = self._call({**message, "linear": list(linear), "balls": list(balls)})
        return Maximum(**reply["maximum"]), reply["values"]

    def _call(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise PeerError(self._ended(message["command"])) from None
        return self._reply(message["command"])

    def _reply(self, command: str) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=self.timeout)
        except queue.Empty:
            self._process.kill()
            raise PeerTimeout(f"{command} took more than {self.timeout:g} s") from None
        if not line:
            raise PeerError(self._ended(command))
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise PeerError(reply["error"])
        return reply

    def _read(self) -> None:
        """Hand on each line; an empty one where there are no more."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _ended(self, command: str) -> str:
        """That the process is gone, with its exit status and the last line it wrote."""
        status = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return (
            f"its process ended in {command} (status {status}){': ' + lines[-1] if lines else ''}"
        )


def _number(value: float | None) -> float | None:
    """A value as JSON can hold it; NaN and infinity, which it cannot, stand for a failure."""
    return float(value) if value is not None and math.isfinite(value) else None


def points(x: ArrayLike) -> list[Params]:
    """Points `[n, d]` as configurations of `suites.base.cube(d)`."""
    rows = np.asarray(x)
    names = [parameter["name"] for parameter in cube(rows.shape[1])]
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]


class Discovery(NamedTuple):
    """Which optimisers can be run."""

    found: dict[str, str]
    """The interpreter of each."""
    started: dict[str, Started]
    """What each said of itself there."""
    missing: dict[str, str]
    """Those that no interpreter could import, and why."""


def discover(pythons: Iterable[str], optimisers: Iterable[str] = OPTIMISERS) -> Discovery:
    """Find an interpreter for each optimiser, by importing it there; the first that can is taken.

    Args:
        pythons: paths of interpreters.
        optimisers: names of `OPTIMISERS`.
    """
    found: dict[str, str] = {}
    started: dict[str, Started] = {}
    reasons: dict[str, list[str]] = {name: [] for name in optimisers}
    for python in pythons:
        for name in [name for name in reasons if name not in found]:
            try:
                # One process each, for a library may bring down the one that imports it.
                with Worker(python) as worker:
                    started[name] = worker.start(name, cube(2), 0)
                found[name] = python
            except PeerError as error:
                reasons[name].append(str(error))
    missing = {name: "; ".join(dict.fromkeys(reasons[name])) for name in reasons}
    return Discovery(found, started, {n: why for n, why in missing.items() if n not in found})


def processor() -> str:
    """The machine's processor and how many of its cores there are to use."""
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
        if found:
            return f"{found[1]}, {len(os.sched_getaffinity(0))} cores"
    return f"{os.cpu_count()} cores"


@contextlib.contextmanager
def watched(elsewhere: list[float]) -> Iterator[None]:
    """Append how many cores, on average, programs other than this and its workers used meanwhile.

    Threads of OpenMP and OpenBLAS wait for each other in a loop: with one of two cores taken, BoTorch,
    scikit-optimize and KerasTuner become ten and more times slower, and tfbo hardly slower.
    """
    begin, before = time.perf_counter(), _used_elsewhere()
    yield
    elsewhere.append((_used_elsewhere() - before) / (time.perf_counter() - begin))


def _used_elsewhere() -> float:
    """Processor seconds of the machine, without those of this process and of children that ended."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, _, _, irq, soft, steal = map(int, line.split()[1:9])
    used = (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
    ours = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return used - sum(usage.ru_utime + usage.ru_stime for usage in ours)


def without_paths(text: str) -> str:
    """A message without the paths of this machine, fit to be published."""
    return re.sub(r"(?<![\w./])(/[^\s/:;,'\")]+){2,}", "PATH", text)
