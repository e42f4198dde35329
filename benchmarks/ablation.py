"""What each choice of the default strategy is worth: the same runs with that choice made otherwise.

    python benchmarks/ablation.py --yahpo DIR --jobs 2                   # all variants: hours on two cores
    python benchmarks/ablation.py --yahpo DIR --variant "no centre"      # one more
    python benchmarks/ablation.py --report

It runs on cells that are not in the core of `regret.py` (but for the classics and the failing problem, of
which it takes other instances), so that what is chosen here is judged there by problems that had no say
in it. Results go to ablation.csv and ablation.md in benchmarks/results; runs that
are in the file already are not repeated.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import regret
import regret_report
import suites
from adapters import Adapter, Random, Tfbo
from suites.base import Cell
from variants import BUDGET, DEFAULT, VARIANTS

RESULTS = Path(__file__).parent / "results" / "ablation.csv"
MARKS = (10, 25, 60)
SEEDS = 3


class Local:
    """An adapter in this process, with the methods of `peers.Worker` that a run calls."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter

    def ask(self) -> tuple[Any, float]:  # noqa: D102
        return self.adapter.ask(), 0.0

    def tell(self, y: float | None) -> float:  # noqa: D102
        self.adapter.tell(y)
        return 0.0

    def recommend(self) -> Any:  # noqa: D102
        return self.adapter.recommend()


def cells(yahpo: Path | None) -> list[Cell]:
    """The classics (with other shifts than in the core) and cells that the core leaves alone."""
    core = {cell.name for cell in suites.core(yahpo)}
    others = [cell for cell in suites.every(yahpo) if cell.name not in core]
    turn = {f"bbob-f{f}": (5, 20, 2, 10)[f % 4] for f in range(1, 25)}
    chosen = [c for c in suites.every(yahpo) if c.suite == "classics"]
    for cell in others:
        function, _, d = cell.name.rpartition("-d")
        if cell.suite in ("yahpo", "discrete", "live") or (
            function in turn and int(d) == turn[function]
        ):
            chosen.append(cell)
    noisy = [cell for cell in others if cell.suite == "noisy"]
    failing = [cell for cell in suites.every(yahpo) if cell.name == "hartmann-6-fails"]
    return [*chosen, *noisy[::2], *failing]


class Task(NamedTuple):
    """All cells with one variant and one seed."""

    variant: str
    seed: int
    yahpo: Path | None
    skip: frozenset[str]


def run(task: Task) -> list[regret.Outcome]:
    """Run them in this process."""
    outcomes = []
    for cell in cells(task.yahpo):
        if cell.name in task.skip:
            continue
        problem = cell.problem(task.seed)
        if task.variant == regret_report.BASELINE:
            adapter: Adapter = Random(problem.parameters, task.seed)
        else:
            adapter = Tfbo(problem.parameters, task.seed, VARIANTS[task.variant].strategy)
        path: list[tuple[int, float]] = []
        noise = regret.noise_of(cell.name, task.seed)
        regret.search(Local(adapter), problem, noise, BUDGET, path)
        name = (cell.suite, cell.name, task.seed, task.variant)
        outcomes.append(regret.outcome(name, BUDGET, problem, path))
    return outcomes


def report(results: Path) -> None:
    """The table: each variant against the default, over the runs that both have made."""
    rows = regret_report.read(results)
    head = ["variant", "what is otherwise", "runs"]
    head += [f"{t}: log10 regret, variant minus default" for t in MARKS]
    head += ["worse/same/better at the end"]
    lines = []
    for name in [n for n in VARIANTS if n != DEFAULT]:
        if not any(row.optimiser == name for row in rows):
            continue
        found = regret_report.group(rows, [DEFAULT, name])
        logs = np.log10(found.regret + 1e-6)
        difference = logs[1] - logs[0]
        texts = [
            regret_report.interval_text(difference[:, t - 1], found.cells, either=True)
            for t in MARKS
        ]
        last = difference[:, -1]
        won, lost = int(np.sum(last > 1e-9)), int(np.sum(last < -1e-9))
        counts = f"{won}/{len(last) - won - lost}/{lost}"
        lines.append([name, VARIANTS[name].why, str(len(last)), *texts, counts])
    text = f"# Ablation: what each choice of the default strategy is worth\n\n{READING}\n"
    results.with_suffix(".md").write_text(text + "\n" + regret_report.table(head, lines))


READING = """`python benchmarks/ablation.py`, 60 trials. Regret is normalised as in regret.md; differences
are means over cells of its logarithm with 95 % paired bootstrap intervals. Above zero the default is
better; bold where the interval is clear of zero. All rows share the default's runs, whose luck shifts
all of them together."""


def main() -> int:
    """Run what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--variant", action="append", choices=list(VARIANTS))
    parser.add_argument("--yahpo", type=Path)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true")
    parsed = parser.parse_args()
    if not parsed.report:
        names = [regret_report.BASELINE, DEFAULT]
        names += [n for n in parsed.variant or VARIANTS if n != DEFAULT]
        rows = regret_report.read(parsed.results)
        tasks = [
            Task(
                name,
                100 + seed,
                parsed.yahpo,
                frozenset(r.cell for r in rows if (r.optimiser, r.seed) == (name, 100 + seed)),
            )
            for seed in range(parsed.seeds)
            for name in names
        ]
        context = multiprocessing.get_context("spawn")
        with (
            regret.appending(parsed.results) as write,
            concurrent.futures.ProcessPoolExecutor(
                parsed.jobs, context, max_tasks_per_child=1
            ) as pool,
        ):
            for outcomes in pool.map(run, tasks):
                for outcome in outcomes:
                    write(outcome)
    report(parsed.results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
