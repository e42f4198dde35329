"""How good the best trial is after so many trials: tfbo and its peers on the same problems and seeds.

    python benchmarks/regret.py --suite core --yahpo DIR --peer-python PYTHON --peer-python PYTHON --jobs 2
    python benchmarks/regret.py --suite thirds --optimiser botorch --optimiser kerastuner ...
    python benchmarks/regret.py --quick            # tfbo beside random and Sobol points, a minute
    python benchmarks/regret.py --report           # tables and pictures of what has been run so far

A run is one optimiser on one problem with one seed. Its row is appended to benchmarks/results/regret.csv
when it ends; runs that are there already are not repeated, so an interrupted experiment goes on where it
was, and a further optimiser joins it later. Optimisers run each in the first PYTHON that can import them;
the problems need ioh, onnxruntime (with --yahpo) and scikit-learn here. The processes of an optimiser use
one core each. The report goes to regret.md and PNG files beside it; see `regret_report.py`.
"""

from __future__ import annotations

import argparse
import atexit
import concurrent.futures
import contextlib
import csv
import itertools
import multiprocessing
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peers
import regret_report
import suites
from suites.base import Cell, Problem

RESULTS = Path(__file__).parent / "results" / "regret.csv"
USUAL = ("tfbo", "optuna_gp", "optuna_tpe", "skopt", "random")
QUICK = ("tfbo", "random", "sobol")
QUICK_CELLS, QUICK_SEEDS, QUICK_BUDGET = 6, 2, 25


class Task(NamedTuple):
    """One run."""

    suite: str
    cell: str
    seed: int
    optimiser: str
    python: str
    budget: int
    yahpo: Path | None


class Outcome(NamedTuple):
    """A row of the results."""

    suite: str
    cell: str
    seed: int
    optimiser: str
    budget: int
    seconds: float
    """Of the optimiser, without the objective."""
    optimum: str
    """The least value there is; empty where nobody knows."""
    path: str
    """`trial:value` where the recommended point changes: its true value, trials counted from 1."""
    coverage: str
    """Shares of the outcomes within the surrogate's leave-one-out intervals of 50, 80 and 95 %."""
    error: str


_workers: dict[str, peers.Worker] = {}
_cells: dict[str, Cell] = {}


def run(task: Task) -> Outcome:
    """Run it in this process, whose workers stay for the next task."""
    if not _cells:
        _cells.update((cell.name, cell) for cell in suites.every(task.yahpo))
    problem = _cells[task.cell].problem(task.seed)
    noise = noise_of(task.cell, task.seed)
    path: list[tuple[int, float]] = []
    seconds, coverage, error = 0.0, "", ""
    try:
        worker = _worker(task)
        worker.start(task.optimiser, problem.parameters, task.seed)
        seconds = search(worker, problem, noise, task.budget, path)
        coverage = " ".join(f"{share:.3f}" for share in worker.coverage())
    except peers.PeerError as failure:
        error = peers.without_paths(str(failure))[:300]
        _workers.pop(task.optimiser).close()
    name = (task.suite, task.cell, task.seed, task.optimiser)
    found = outcome(name, task.budget, problem, path)
    return found._replace(seconds=round(seconds, 2), coverage=coverage, error=error)


def outcome(
    name: tuple[str, str, int, str], budget: int, problem: Problem, path: list[tuple[int, float]]
) -> Outcome:
    """The row of a run, named by suite, cell, seed and optimiser."""
    return Outcome(
        *name,
        budget=budget,
        seconds=0.0,
        optimum="" if problem.optimum is None else f"{problem.optimum:.17g}",
        path=" ".join(f"{trial}:{value:.12g}" for trial, value in path),
        coverage="",
        error="",
    )


def noise_of(cell: str, seed: int) -> np.random.Generator:
    """Of what is added to the values of a noisy cell: the same for all optimisers."""
    return np.random.default_rng([seed, zlib.crc32(cell.encode())])


def _worker(task: Task) -> peers.Worker:
    if task.optimiser not in _workers:
        worker = peers.Worker(task.python, threads=1)
        _workers[task.optimiser] = worker.__enter__()
        atexit.register(worker.close)
    return _workers[task.optimiser]


def search(
    worker: peers.Worker,
    problem: Problem,
    noise: np.random.Generator,
    budget: int,
    path: list[tuple[int, float]],
) -> float:
    """Ask and tell so often, and write down what would be recommended; seconds of asks and tells.

    Without noise that is the best trial so far; with noise what the optimiser itself recommends or,
    where it has no opinion, the trial of the best observation. Either is judged by its true value.
    """
    seconds, observed = 0.0, np.inf
    best = None
    for i in range(1, budget + 1):
        params, asking = worker.ask()
        value = problem.value(params)
        failed = not np.isfinite(value)
        told = None if failed else value + problem.noise * noise.standard_normal()
        seconds += asking + worker.tell(told)
        if told is not None and told < observed:
            observed, best = told, value
        if problem.noise and best is not None:
            recommended = worker.recommend()
            current = best if recommended is None else problem.value(recommended)
        else:
            current = best
        if current is not None and (not path or path[-1][1] != current):
            path.append((i, current))
    return seconds


def tasks(
    cells: Sequence[Cell],
    optimisers: Sequence[str],
    pythons: dict[str, str],
    seeds: Iterable[int],
    budget: int,
    yahpo: Path | None,
) -> list[Task]:
    """All runs, seed by seed, so that what is there after an interruption is balanced."""
    return [
        Task(cell.suite, cell.name, seed, name, pythons[name], budget, yahpo)
        for seed, cell, name in itertools.product(seeds, cells, optimisers)
    ]


@contextlib.contextmanager
def appending(results: Path) -> Iterator[Callable[[Outcome], None]]:
    """A function that appends a row to a results file, which is made where there is none."""
    new = not results.exists()
    with results.open("a", newline="") as file:
        writer = csv.writer(file)

        def write(row: Sequence[Any]) -> None:
            writer.writerow(row)
            file.flush()

        if new:
            write(Outcome._fields)
        elif not results.read_bytes().endswith(b"\n"):
            file.write("\n")  # whoever wrote the last row was killed meanwhile
        yield write


def run_all(wanted: Sequence[Task], results: Path, jobs: int) -> None:
    """Run what is not in the results yet, and append each row as it comes."""
    done = {(r.cell, r.seed, r.optimiser) for r in regret_report.read(results)}
    todo = [task for task in wanted if (task.cell, task.seed, task.optimiser) not in done]
    print(f"{len(wanted) - len(todo)} runs are there, {len(todo)} to do", flush=True)
    begin = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with (
        appending(results) as write,
        concurrent.futures.ProcessPoolExecutor(jobs, context) as pool,
    ):
        futures = [pool.submit(run, task) for task in todo]
        try:
            for i, future in enumerate(concurrent.futures.as_completed(futures), start=1):
                row = future.result()
                if row.error:
                    print(f"{row.optimiser} on {row.cell}: {row.error}", flush=True)
                else:
                    write(row)
                if i % 50 == 0:
                    print(f"{i} of {len(todo)}, {time.monotonic() - begin:.0f} s", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            print("Interrupted; the same command goes on from here.")


def chosen(suite: str, yahpo: Path | None) -> list[Cell]:
    """The cells of a suite: of that name, or "core", its every third, or all."""
    if suite in ("core", "thirds"):
        return suites.core(yahpo)[:: 3 if suite == "thirds" else 1]
    found = [cell for cell in suites.every(yahpo) if suite in ("all", cell.suite, cell.name)]
    if not found:
        names = sorted({cell.suite for cell in suites.every(yahpo)})
        raise SystemExit(f"--suite: {suite!r} is none of core, thirds, all, {', '.join(names)}")
    return found


def main() -> int:
    """Run what is asked for, then report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", action="append", help="core (default), thirds, all, or a name")
    parser.add_argument("--optimiser", action="append", choices=peers.OPTIMISERS)
    parser.add_argument("--peer-python", action="append", default=[], metavar="PYTHON")
    parser.add_argument("--yahpo", type=Path, help="folder of the YAHPO surrogates")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, a core each")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="a few cells, into a temporary folder")
    parser.add_argument("--report", action="store_true", help="report only")
    parsed = parser.parse_args()
    if parsed.report:
        regret_report.write(parsed.results)
        return 0
    wanted = parsed.optimiser or list(QUICK if parsed.quick else USUAL)
    found = peers.discover([sys.executable, *parsed.peer_python], wanted)
    for name, reason in found.missing.items():
        print(f"{name} is left out: {peers.without_paths(reason)}")
    cells = [cell for name in parsed.suite or ["core"] for cell in chosen(name, parsed.yahpo)]
    seeds, budget, results = parsed.seeds, parsed.budget, parsed.results
    if parsed.quick:
        cells = [cell for cell in cells if cell.suite == "classics"][:QUICK_CELLS]
        seeds, budget = QUICK_SEEDS, QUICK_BUDGET
        results = Path(tempfile.mkdtemp(prefix="regret-")) / "regret.csv"
        print(f"Results go to {results.parent}.")
    able = [name for name in wanted if name in found.found]
    run_all(
        tasks(cells, able, found.found, range(seeds), budget, parsed.yahpo), results, parsed.jobs
    )
    regret_report.write(results, {name: found.started[name].versions for name in able})
    return 0


if __name__ == "__main__":
    sys.exit(main())
