"""Everything that is to be known of tfbo on a machine with a GPU, in one command of under eight minutes.

    python benchmarks/gpu.py --peer-python PYTHON     # an environment with BoTorch; may be left out
    python benchmarks/gpu.py --quick                  # a minute; without a GPU, XLA on the CPU stands in

It reports the environment; from how many trials the GPU is faster than the CPU; an ask beside one of
BoTorch on the same device; the arithmetic of a fit as a share of what a plain Cholesky factorisation
reaches; the peak memory; and the tests marked `gpu`. The report goes to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # or TensorFlow leaves BoTorch no memory

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from peers import PeerError, Worker, discover, points, processor, without_paths
from suites.base import cube

import tfbo
from tfbo._compile import devices
from tfbo.gp import hyperprior, likelihood
from tfbo.optim.base import value_and_gradient
from tfbo.strategies import Bayes, Problem
from tfbo.strategies.bayes import ask, chooser, warm_start
from tfbo.trial import COMPLETE, Trial

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 20
BUDGET = 450.0
CANDIDATES = 1024


class Sizes(NamedTuple):
    """How many trials each part looks at."""

    crossover: tuple[int, ...] = (28, 60, 120, 250, 500, 1000)
    peer: tuple[int, ...] = (100, 300, 1000, 3000, 10000)
    cholesky: tuple[int, ...] = (1024, 2048, 4096, 8192)
    asks: int = 3


QUICK = Sizes((28,), (100,), (256, 512), 1)


class Clock:
    """What is left of the time that the whole may take."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def over(self) -> bool:
        """Whether nothing new should be started."""
        return time.monotonic() > self.end


def accelerator() -> devices.Plan:
    """The plan of the first GPU, or of XLA on the CPU where there is none."""
    device = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"
    return devices.Plan(device, padded=True)


def device_name() -> str:
    """The name of the first GPU, or of the processor."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return processor()
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))


def environment() -> Iterator[str]:
    """Versions, devices, and what TensorFlow was built with."""
    build = tf.sysconfig.get_build_info()
    yield f"- device: {device_name()}; host: {processor()}; {datetime.date.today()}"
    yield (
        f"- tfbo {tfbo.__version__}, TensorFlow {tf.__version__}, TensorFlow Probability "
        f"{tfp.__version__}, NumPy {np.__version__}, Python {sys.version.split()[0]}"
    )
    yield f"- CUDA {build.get('cuda_version', 'none')}, cuDNN {build.get('cudnn_version', 'none')}"
    yield f"- TensorFlow sees {[d.name for d in tf.config.list_logical_devices()]}"
    try:
        query = [
            "nvidia-smi",
            "--query-gpu=name,driver_version,memory.total",
            "--format=csv,noheader",
        ]
        shown = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
        yield f"- nvidia-smi: {shown.stdout.strip()}"
    except (OSError, subprocess.SubprocessError) as error:
        yield f"- nvidia-smi: {type(error).__name__}"


def trials(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Points `[n, d]` and outcomes `[n]` to minimise."""
    rng = np.random.default_rng(n)
    x = rng.random([n, COLUMNS])
    weights = 0.5 ** np.arange(COLUMNS)
    return x, ((x - 0.37) ** 2) @ weights + 0.2 * np.sin(6.0 * x[:, :3]).sum(axis=1)


class Asker:
    """A strategy asked again and again on one device, with a new trial told each time."""

    def __init__(self, n: int, plan: devices.Plan) -> None:
        self.plan = plan
        # All trials are modelled, whatever their number: that is what is measured.
        self.strategy = Bayes(n_candidates=CANDIDATES, n_modelled=1_000_000)
        space = tfbo.Space({f"x{i}": tfbo.Float(0.0, 1.0) for i in range(COLUMNS)})
        self.problem = Problem(space, "minimize", 0)
        told = [self._trial(i, row, y) for i, (row, y) in enumerate(zip(*trials(n), strict=True))]
        self.state = self.strategy.fold(self.problem, None, told)

    def _trial(self, number: int, row: np.ndarray, y: float, notes: Any = None) -> Trial:
        params = {f"x{i}": float(v) for i, v in enumerate(row)}
        return Trial(number, params, COMPLETE, float(y), notes=notes or {})

    def ask(self) -> float:
        """Seconds of an ask."""
        begin = time.perf_counter()
        n = len(self.state.trials)
        settings, numbers = self.strategy.settings(self.problem), range(n, n + 1)
        asked = ask.pose(settings, self.problem, self.state, (), numbers, self.plan)
        choice = settings.choosing(self.plan, 1, failing=False)
        x = chooser.choose(choice, asked.question, self.plan.device).x[0]
        seconds = time.perf_counter() - begin
        notes = warm_start.notes(asked.fitted.found, asked.searched)
        y = float(np.min([t.value for t in self.state.trials])) + 0.1
        told = [self._trial(n, x, y, notes)]
        self.state = self.strategy.fold(self.problem, self.state, told)
        return seconds


def asks(n: int, plan: devices.Plan, count: int) -> tuple[float, float]:
    """Seconds of the first ask (with all compiling), and the median of some that follow."""
    asker = Asker(n, plan)
    first = asker.ask()
    return first, float(np.median([asker.ask() for _ in range(count)]))


def attempt(what: Callable[[], Any], clock: Clock) -> Any:
    """A result, or in words why there is none: one part that fails must not take the rest along."""
    if clock.over():
        return "skipped: time is up"
    try:
        return what()
    except (tf.errors.OpError, PeerError, MemoryError) as error:
        return f"failed: {without_paths(str(error)).splitlines()[0][:120]}"


def crossover(sizes: Sizes, clock: Clock) -> Iterator[str]:
    """CPU against accelerator."""
    yield "| trials | CPU, s | accelerator, s | first ask there, s | CPU / accelerator |"
    yield "|---|---|---|---|---|"
    for n in sizes.crossover:
        ours = attempt(lambda n=n: asks(n, devices.CPU, sizes.asks), clock)
        theirs = attempt(lambda n=n: asks(n, accelerator(), sizes.asks), clock)
        if isinstance(ours, str) or isinstance(theirs, str):
            yield f"| {n} | {ours} | {theirs} | | |"
        else:
            ratio = ours[1] / theirs[1]
            yield f"| {n} | {ours[1]:.3f} | {theirs[1]:.3f} | {theirs[0]:.1f} | {ratio:.2f} |"


def beside_botorch(python: str | None, sizes: Sizes, clock: Clock) -> Iterator[str]:
    """An ask of tfbo beside one of BoTorch."""
    yield f"d = {COLUMNS}, q = 1, {CANDIDATES} candidates; BoTorch: 20 restarts, 1,024 raw samples."
    yield ""
    yield "| trials | tfbo, s | tfbo's first, s | BoTorch, s | tfbo / BoTorch | peak memory, MiB |"
    yield "|---|---|---|---|---|---|"
    for n in sizes.peer:
        plan = accelerator() if n >= devices.CROSSOVER else devices.CPU
        ours = attempt(lambda n=n, plan=plan: asks(n, plan, sizes.asks), clock)
        peak = peak_memory()
        theirs: Any = "not installed"
        if python is not None:
            theirs = attempt(lambda n=n: botorch_ask(python, n, sizes.asks), clock)
        numbers = not isinstance(ours, str) and not isinstance(theirs, str)
        ratio = f"{ours[1] / theirs:.3f}" if numbers else ""
        first, later = (ours, "") if isinstance(ours, str) else (f"{ours[0]:.1f}", f"{ours[1]:.3f}")
        shown = theirs if isinstance(theirs, str) else f"{theirs:.3f}"
        yield f"| {n} | {later or first} | {first if later else ''} | {shown} | {ratio} | {peak:.0f} |"


def botorch_ask(python: str, n: int, count: int) -> float:
    """Median seconds of BoTorch's asks after the first."""
    x, y = trials(n)
    with Worker(python, timeout=120.0) as worker:
        worker.start("botorch", cube(COLUMNS), 0)
        worker.preload(points(x), y.tolist())
        seconds = []
        for _ in range(count + 1):
            seconds.append(worker.ask()[1])
            worker.tell(float(np.min(y)) + 0.1)
    return float(np.median(seconds[1:]))


def peak_memory() -> float:
    """Of the GPU since the last call; of this process, in all, where there is none. MiB."""
    if tf.config.list_logical_devices("GPU"):
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        tf.config.experimental.reset_memory_stats("GPU:0")
        return float(peak) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def rate(run: Callable[[], tf.Tensor], flops: float, repeats: int = 5) -> float:
    """GFLOP a second, the median of some runs after the first."""
    seconds = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        run().numpy()
        seconds.append(time.perf_counter() - begin)
    return flops / float(np.median(seconds[1:])) / 1e9


def share_of_cholesky(sizes: Sizes, clock: Clock) -> Iterator[str]:
    """An evaluation of the log posterior with its gradient, beside a factorisation alone.

    A factorisation takes n^3 / 3 operations; so do the inverse of a triangle and the product of one
    with itself, and an evaluation with its gradient needs one of each.
    """
    yield "| n | Cholesky, GFLOP/s | an evaluation of the fit, GFLOP/s | share |"
    yield "|---|---|---|---|"
    plan = accelerator()
    for n in sizes.cholesky:
        found = attempt(lambda n=n: _rates(n, plan.device), clock)
        if isinstance(found, str):
            yield f"| {n} | {found} | | |"
        else:
            yield f"| {n} | {found[0]:.0f} | {found[1]:.0f} | {100 * found[1] / found[0]:.0f} % |"


def _rates(n: int, device: str) -> tuple[float, float]:
    space = tfbo.Space({f"x{i}": tfbo.Float(0.0, 1.0) for i in range(COLUMNS)})
    model = Bayes().settings(Problem(space, "minimize", 0)).model
    kernel, prior = model.kernel, hyperprior.Hyperprior(*map(tf.constant, model.hyperprior))
    x, y = trials(n)
    with tf.device(device):
        observed = likelihood.Observations(tf.constant(x), tf.constant((y - y.mean()) / y.std()))
        theta = tf.constant(hyperprior.medians(prior)[None])
        covariance = kernel.covariance(likelihood.unpack(kernel, theta[0]), observed.features)
        plain = tf.function(lambda k: tf.linalg.cholesky(k)[-1, -1], autograph=False)
        log_posterior = lambda t: likelihood.log_posterior(kernel, prior, observed, t)  # noqa: E731
        evaluation = tf.function(
            lambda t: tf.reduce_sum(value_and_gradient(log_posterior, t)[1]),
            autograph=False,
            jit_compile=device.startswith("GPU"),
        )
        return (
            rate(lambda: plain(covariance), n**3 / 3.0),
            rate(lambda: evaluation(theta), float(n) ** 3),
        )


def marked_tests() -> str:
    """What pytest says of the tests that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        return "the tests took more than four minutes"
    lines = (done.stdout.strip() or done.stderr.strip() or "no output").splitlines()
    return without_paths(lines[-1])


def report(python: str | None, sizes: Sizes, clock: Clock) -> Iterator[str]:
    """All parts in turn, a line at a time."""
    yield f"# tfbo on {device_name()}"
    yield ""
    yield from environment()
    parts = {
        "CPU against accelerator": crossover(sizes, clock),
        "Beside BoTorch on the same device": beside_botorch(python, sizes, clock),
        "Share of a plain Cholesky factorisation's rate": share_of_cholesky(sizes, clock),
    }
    for title, lines in parts.items():
        yield from ("", f"## {title}", "")
        yield from lines
    yield from ("", "## Tests marked `gpu`", "", marked_tests())


def main() -> int:
    """Run all, print and store the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer-python", action="append", default=[], metavar="PATH")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes; nothing is stored by default"
    )
    parser.add_argument("--output", type=Path, help="a folder; benchmarks/results by default")
    parsed = parser.parse_args()
    clock = Clock(BUDGET)
    found = discover([*parsed.peer_python, sys.executable], ["botorch"])
    if not found.found:
        print(f"BoTorch is left out: {found.missing['botorch']}")
    lines = []
    for line in report(found.found.get("botorch"), QUICK if parsed.quick else Sizes(), clock):
        print(line, flush=True)
        lines.append(line)
    if parsed.quick and parsed.output is None:
        return 0
    folder = parsed.output or ROOT / "benchmarks" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", device_name().lower()).strip("-")
    (folder / f"gpu-{name}.md").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
