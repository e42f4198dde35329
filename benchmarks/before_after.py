"""Whether a change costs time: ask and tell of this checkout beside those of another one.

    git worktree add ../before COMMIT
    python benchmarks/before_after.py ../before

Both are told the same trials and then take turns, one ask and tell each a round, in processes of their own;
the ratio of a round is one measurement, so that the machine's noise hits both alike. The table goes to
before_after.md in benchmarks/results.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import peers
from latency import OURS, WARM_UP, grid, objective, preloaded
from suites.base import vector

HERE = Path(__file__).resolve().parents[1]
RESULTS = HERE / "benchmarks" / "results" / "before_after.md"


class Paired(NamedTuple):
    """Seconds of each round after the warm-up."""

    n: int
    before: list[float]
    after: list[float]

    @property
    def ratios(self) -> list[float]:
        """This checkout's time over the other's, for each round."""
        return [after / before for before, after in zip(self.before, self.after, strict=True)]

    def interval(self) -> tuple[float, float]:
        """The 95 % bootstrap interval of the median ratio."""
        rng = np.random.default_rng(0)
        drawn = rng.choice(self.ratios, size=[2000, len(self.ratios)])
        low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
        return float(low), float(high)


def measure(before: Path, n: int, d: int, rounds: int) -> Paired:
    """Take turns, each first in every second round."""
    seconds: dict[Path, list[float]] = {before: [], HERE: []}
    with contextlib.ExitStack() as stack:
        workers = {
            checkout: stack.enter_context(peers.Worker(sys.executable, checkout=checkout))
            for checkout in seconds
        }
        for worker in workers.values():
            preloaded(worker, OURS, n, d)
        for i in range(WARM_UP + rounds):
            for checkout, worker in list(workers.items())[:: 1 if i % 2 else -1]:
                params, asking = worker.ask()
                telling = worker.tell(float(objective(vector(params))))
                seconds[checkout].append(asking + telling)
    return Paired(n, seconds[before][WARM_UP:], seconds[HERE][WARM_UP:])


def commit(checkout: Path) -> str:
    """The commit of a checkout, in short."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before", type=Path, help="another checkout of tfbo")
    parser.add_argument("--n", type=int, nargs="+", default=[30, 100, 300, 1000])
    parser.add_argument("--d", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parsed = parser.parse_args()
    before, elsewhere, rows = parsed.before.resolve(), [], []
    with peers.watched(elsewhere):
        for n in parsed.n:
            found = measure(before, n, parsed.d, parsed.rounds)
            medians = [1e3 * statistics.median(times) for times in (found.before, found.after)]
            low, high = found.interval()
            ratio = f"{statistics.median(found.ratios):.3f} ({low:.3f} to {high:.3f})"
            rows.append([f"{n:,}", *(f"{value:.1f}" for value in medians), ratio])
            print(*rows[-1], flush=True)
    head = ["trials told", commit(before), f"{commit(HERE)} (this)", "ratio, 95 % interval"]
    lines = [
        *("# Before and after: milliseconds of one ask and tell", ""),
        f"`python benchmarks/before_after.py CHECKOUT --d {parsed.d} --rounds {parsed.rounds}`, "
        f"{datetime.date.today()}, {peers.processor()}, {max(elsewhere):.2f} cores busy elsewhere; "
        "the ratio is the median of the rounds' ratios.",
        *("", *grid(head, rows)),
    ]
    parsed.output.write_text("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
