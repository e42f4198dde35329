"""A study of thousands of trials in one SQLite file: seconds to ask, to tell and to load, and memory.

    python benchmarks/soak.py                  # 5,000 trials: a quarter of an hour on two cores
    python benchmarks/soak.py --trials 500

Trials between the checkpoints are enqueued Sobol points, so that the file fills faster than by asking; at
each checkpoint ten trials are asked of `Bayes`, told, and the study is loaded by a fresh process. The table
goes to benchmarks/results/soak.md.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tfbo
from tfbo.strategies import Sobol

D, ASKS = 6, 10
SPACE = tfbo.Space({f"x{i}": tfbo.Float(0.0, 1.0) for i in range(D)})
LOAD = """
import sys, time
import tfbo
begin = time.perf_counter()
study = tfbo.Study.load(storage=sys.argv[1])
print(time.perf_counter() - begin, len(study.trials))
"""


class Point(NamedTuple):
    """What was measured at a checkpoint."""

    n: int
    ask: float
    slowest: float
    tell: float
    load: float
    megabytes: float
    file: float


def objective(params: tfbo.space.Params) -> float:
    """Waves on a bowl."""
    x = np.array(list(params.values()))
    return float(np.sum((x - 0.37) ** 2) + 0.1 * np.sum(1.0 - np.cos(12.0 * (x - 0.37))))


def resident() -> float:
    """Memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def measure(study: tfbo.Study, path: Path) -> Point:
    """Ask, tell and load at this size."""
    asks, tells = [], []
    for _ in range(ASKS):
        begin = time.perf_counter()
        trial = study.ask()
        asks.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        study.tell(trial, objective(trial.params))
        tells.append(time.perf_counter() - begin)
    command = [sys.executable, "-c", LOAD, str(path)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(loaded[1]) == len(study.trials)
    size = sum(p.stat().st_size for p in path.parent.glob(path.name + "*")) / 1e6
    return Point(
        len(study.trials), float(np.median(asks)), max(asks), float(np.median(tells)),
        float(loaded[0]), resident(), size,
    )  # fmt: skip


def main() -> None:
    """Fill, measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=5000)
    parsed = parser.parse_args()
    checkpoints = [n for n in (50, 200, 500, 1000, 2000, 3000, 4000) if n < parsed.trials]
    points = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "soak.db"
        study = tfbo.Study(SPACE, storage=path, seed=0)
        others = tfbo.Study(SPACE, seed=1, strategy=Sobol()).ask(parsed.trials)
        for n in [*checkpoints, parsed.trials]:
            for trial in others[len(study.trials) : n - ASKS]:
                study.tell(study.enqueue(trial.params), objective(trial.params))
            points.append(measure(study, path))
            print(points[-1], flush=True)
    head = [
        "trials",
        "ask, median s",
        "slowest s",
        "tell, median s",
        "load, s",
        "memory, MB",
        "file, MB",
    ]
    lines = [
        f"# Soak: {parsed.trials} trials of {D} parameters in one SQLite file",
        "",
        f"`python benchmarks/soak.py --trials {parsed.trials}`, tfbo {tfbo.__version__}, "
        f"Python {platform.python_version()}; ten asks at each size.",
        "",
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        *("| " + " | ".join(f"{v:.3g}" if i else str(v) for i, v in enumerate(p)) + " |" for p in points),
    ]  # fmt: skip
    text = "\n".join(lines) + "\n"
    print(text)
    (Path(__file__).parent / "results" / "soak.md").write_text(text)


if __name__ == "__main__":
    main()
