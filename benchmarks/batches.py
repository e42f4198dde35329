"""What batches cost: evaluations until a target is reached, q at a time against one at a time.

    python benchmarks/batches.py               # 10 problems, 10 seeds, 64 trials: an hour on two cores
    python benchmarks/batches.py --quick

All start from the same eight Sobol points and are told of them. Then q trials are asked for and told,
and so on: chosen jointly by `study.ask(q)`, or drawn at random among the top twentieth of 1,024
candidates by expected improvement. Targets of a problem are the regrets that one at a time has reached, in
the median of the seeds, after a half, two thirds and five sixths of its trials (of its own seed's path it
would be unfair: that is reached when it is by definition); who does not reach one counts with one trial
more than there are. Runs are appended to benchmarks/results/batches.csv as they end, from which an
interrupted run goes on; the table goes to batches.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from adapters.tfbo import Tfbo
from suites import every
from suites.base import Params, Problem

import tfbo
from tfbo.strategies import Sobol

CELLS = (
    "branin", "hartmann-3", "hartmann-6", "ackley-5", "rosenbrock-4", "styblinski-tang-5", "levy-8",
    "hartmann-3-much-noise", "lattice-8", "pipeline",
)  # fmt: skip
INITIAL, CANDIDATES, TOP = 8, 1024, 20
MODES = (("joint", 1), ("joint", 4), ("joint", 8), ("top", 4), ("top", 8))
SHARES = (1 / 2, 2 / 3, 5 / 6)
FIELDS = ("cell", "seed", "mode", "q", "seconds", "path")

Chooser = Callable[[tfbo.Study, int, np.random.Generator], Sequence[Params]]


def jointly(study: tfbo.Study, q: int, rng: np.random.Generator) -> Sequence[Params]:
    """What tfbo chooses."""
    return [trial.params for trial in study.ask(q)]


def among_the_top(study: tfbo.Study, q: int, rng: np.random.Generator) -> Sequence[Params]:
    """Random ones among the best twentieth by expected improvement, each by itself."""
    other = tfbo.Study(study.space, seed=int(rng.integers(2**31)), strategy=Sobol())
    count = int(min(CANDIDATES, study.space.cardinality))
    candidates = [trial.params for trial in other.ask(count)]
    order = np.argsort(-study.advisor.surrogate().expected_improvement(candidates))
    picks = rng.choice(order[: max(q, count // TOP)], q, replace=False)
    for i in picks:
        study.enqueue(candidates[i])
    return [trial.params for trial in study.ask(q)]


CHOOSERS: dict[str, Chooser] = {"joint": jointly, "top": among_the_top}


def run(problem: Problem, seed: int, mode: str, q: int, trials: int) -> list[float]:
    """The least true value of all trials told so far, after each of them."""
    noise = np.random.default_rng([seed, 11])
    rng = np.random.default_rng([seed, 12])
    study = Tfbo(problem.parameters, seed).study
    first = tfbo.Study(study.space, seed=seed, strategy=Sobol()).ask(INITIAL)
    for trial in first:
        study.enqueue(trial.params)
    path: list[float] = []

    def tell(number: int) -> None:
        value = problem.value(study.trials[number].params)
        study.tell(number, value + problem.noise * noise.standard_normal())
        path.append(min([*path[-1:], value]))

    for trial in study.ask(INITIAL):
        tell(trial.number)
    while len(path) < trials:
        CHOOSERS[mode](study, min(q, trials - len(path)), rng)
        for trial in [trial for trial in study.trials if trial.state == "running"]:
            tell(trial.number)
    return path


def evaluations(path: Sequence[float], target: float) -> int:
    """How many trials it took to reach the target; one more than there are where it was not."""
    return next((i for i, value in enumerate(path, 1) if value <= target), len(path) + 1)


Paths = dict[tuple[str, int, str, int], list[float]]
"""Of a problem, seed, mode and q: least regrets."""


def ratios(paths: Paths, mode: str, q: int) -> np.ndarray:
    """Evaluations to the targets, over those of one at a time: mean logarithms of each problem and seed."""
    logs = []
    for (cell, seed, m, batch), path in paths.items():
        single = paths.get((cell, seed, "joint", 1))
        if (m, batch) != (mode, q) or single is None:
            continue
        singles = [p for (c, _, *how), p in paths.items() if c == cell and how == ["joint", 1]]
        typical = np.median([p[: len(path)] for p in singles], axis=0)
        targets = [typical[round(share * len(path)) - 1] for share in SHARES]
        each = [np.log(evaluations(path, t) / evaluations(single, t)) for t in targets]
        logs.append(np.mean(each))
    return np.array(logs)


def report(rows: list[dict[str, Any]], command: str) -> str:
    """The table."""
    optima = {cell.name: cell.problem for cell in every(None)}
    paths: Paths = {}
    for r in rows:
        least = optima[r["cell"]](int(r["seed"])).optimum or 0.0
        regrets = [value - least for value in json.loads(r["path"])]
        paths[r["cell"], int(r["seed"]), r["mode"], int(r["q"])] = regrets
    rng = np.random.default_rng(0)
    lines = [
        "# Batches: evaluations to a target, as multiples of those of one trial at a time",
        "",
        f"`{command}`, tfbo {tfbo.__version__}. Geometric means over {len({k[0] for k in paths})} "
        f"problems, {len({k[1] for k in paths})} seeds and three targets; 95 % bootstrap intervals "
        "over problems and seeds.",
        "",
        "| chosen | q | evaluations | 95 % interval | runs | best true value lower / equal / higher |",
        "|---|---|---|---|---|---|",
    ]
    for mode, q in MODES[1:]:
        logs = ratios(paths, mode, q)
        if not len(logs):
            continue
        means = rng.choice(logs, [2000, len(logs)]).mean(axis=1)
        low, high = np.exp(np.quantile(means, [0.025, 0.975]))
        ends = [
            np.sign(path[-1] - paths[cell, seed, "joint", 1][-1])
            for (cell, seed, m, b), path in paths.items()
            if (m, b) == (mode, q) and (cell, seed, "joint", 1) in paths
        ]
        counts = " / ".join(str(int(np.sum(np.array(ends) == sign))) for sign in (-1, 0, 1))
        lines.append(
            f"| {mode} | {q} | {np.exp(logs.mean()):.2f} | {low:.2f} to {high:.2f} | {len(logs)} "
            f"| {counts} |"
        )
    lines += ["", "| problem | " + " | ".join(f"{m} {q}" for m, q in MODES[1:]) + " |"]
    lines.append("|---" * len(MODES) + "|")
    for cell in dict.fromkeys(k[0] for k in paths):
        own = {k: v for k, v in paths.items() if k[0] == cell}
        each = [ratios(own, mode, q) for mode, q in MODES[1:]]
        shown = [f"{np.exp(logs.mean()):.2f}" if len(logs) else "" for logs in each]
        lines.append(f"| {cell} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is not there yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cells", nargs="+", default=list(CELLS))
    results = Path(__file__).parent / "results" / "batches.csv"
    parser.add_argument("--results", type=Path, default=results)
    parser.add_argument("--quick", action="store_true", help="two problems, one seed, 24 trials")
    parsed = parser.parse_args()
    if parsed.quick:
        parsed.trials, parsed.seeds, parsed.cells = 24, 1, ["branin", "lattice-8"]
    problems = {cell.name: cell.problem for cell in every(None)}
    rows = list(csv.DictReader(parsed.results.open())) if parsed.results.exists() else []
    done = {(r["cell"], int(r["seed"]), r["mode"], int(r["q"])) for r in rows}
    with parsed.results.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not rows:
            writer.writeheader()
        for seed in range(parsed.seeds):
            for cell in parsed.cells:
                for mode, q in MODES:
                    if (cell, seed, mode, q) in done:
                        continue
                    begin = time.perf_counter()
                    path = run(problems[cell](seed), seed, mode, q, parsed.trials)
                    seconds = f"{time.perf_counter() - begin:.1f}"
                    values = json.dumps([float(f"{value:.8g}") for value in path])
                    row = dict(zip(FIELDS, (cell, seed, mode, q, seconds, values), strict=True))
                    writer.writerow(row)
                    file.flush()
                    rows.append(row)
                    print(f"{cell} {seed} {mode} {q}: {path[-1]:.6g} in {seconds} s", flush=True)
    text = report(
        rows, f"python benchmarks/batches.py --trials {parsed.trials} --seeds {parsed.seeds}"
    )
    print(text)
    parsed.results.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
