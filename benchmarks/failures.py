"""Trials that fail: what is found where a half to nineteen twentieths of a space cannot be evaluated.

    python benchmarks/failures.py --python PYTHON       # 6 problems, 10 seeds, 40 trials: half an hour
    python benchmarks/failures.py --quick               # tfbo alone: two problems, a seed, 20 trials

The problems are in suites/failing.py. tfbo is run as it is, and in three other forms: failed trials as
half a standard deviation worse than the worst (its default until 0.1); left out of the model of the
outcomes, beside the model of failing; and ignored altogether. Optuna's samplers, in an interpreter of their
own, are told of failed trials as such.

Compared are logarithms of regrets in the unit of a problem, which is the median regret of its box, from
paired runs; a run of which no trial succeeded counts as regret 10. Runs are appended to
benchmarks/results/failures.csv as they end, from which an interrupted run goes on; the table goes to
failures.md.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from adapters.base import settled
from adapters.tfbo import Tfbo
from peers import Worker
from regret_report import interval
from suites import failing
from suites.base import Problem, draw

import tfbo
from tfbo.strategies import Bayes, Failed

CELLS = (
    "ball-branin-80", "ball-hartmann-3-95", "slope-rosenbrock-4-80", "column-styblinski-tang-5-80",
    "conditional-80", "chance-hartmann-3-50",
)  # fmt: skip
OURS = {
    "tfbo": Failed(),
    "as bad outcomes": Failed(avoided=False, penalty=0.5, std=0.0),
    "learned, else left out": Failed(modelled=False),
    "ignored": Failed(avoided=False, modelled=False),
}
PEERS = {"Optuna GP": "optuna_gp", "Optuna TPE": "optuna_tpe"}
FIELDS = ("cell", "seed", "optimiser", "seconds", "trials", "succeeded", "regret")
NOTHING, LEAST = 10.0, 1e-6


def unit(problem: Problem, seed: int) -> float:
    """The median regret of the configurations of a space that succeed."""
    rng = np.random.default_rng([seed, 21])
    values = [problem.value(draw(problem.parameters, rng)) for _ in range(512)]
    return float(np.nanmedian(values)) - (problem.optimum or 0.0)


def run(optimiser: Any, problem: Problem, seed: int, trials: int) -> tuple[str, int, int, str]:
    """Seconds, trials, how many of them succeeded, and the least regret."""
    values: list[float] = []
    begin = time.perf_counter()
    for _ in range(trials):
        asked = optimiser.ask()
        params = asked[0] if isinstance(asked, tuple) else settled(problem.parameters, asked)
        values.append(problem.value(params))
        optimiser.tell(None if math.isnan(values[-1]) else values[-1])
    seconds = time.perf_counter() - begin
    known = [value for value in values if math.isfinite(value)]
    regret = (min(known, default=math.inf) - (problem.optimum or 0.0)) / unit(problem, seed)
    return f"{seconds:.1f}", trials, len(known), f"{min(regret, NOTHING):.6g}"


def start(name: str, problem: Problem, seed: int, worker: Worker | None) -> Any:
    """An optimiser of that name."""
    if name not in PEERS:
        return Tfbo(problem.parameters, seed, Bayes(failed=OURS[name]))
    assert worker is not None
    worker.start(PEERS[name], problem.parameters, seed)
    return worker


def report(rows: Sequence[dict[str, Any]], command: str) -> str:
    """The table."""
    logs = {
        (r["cell"], int(r["seed"]), r["optimiser"]): math.log10(max(float(r["regret"]), LEAST))
        for r in rows
    }
    of = {(r["cell"], int(r["seed"]), r["optimiser"]): r for r in rows}
    names = [name for name in (*OURS, *PEERS) if any(key[2] == name for key in logs)]
    cells, seeds = list(dict.fromkeys(k[0] for k in logs)), {k[1] for k in logs}
    lines = [
        "# Failed trials: what is found where most of a space fails",
        "",
        f"`{command}`, tfbo {tfbo.__version__}: {len(cells)} problems, {len(seeds)} seeds. "
        "Regrets are in the unit of a problem, the median regret of what succeeds in its box, as "
        "logarithms to the base of ten; lower is better. Differences are paired, tfbo minus the other, "
        "with 95 % bootstrap intervals over problems and seeds. The number in a problem's name is the "
        "percentage that fails.",
        "",
        "| optimiser | tfbo minus it | 95 % interval | runs | tfbo lower / equal / higher | s a run |",
        "|---|---|---|---|---|---|",
    ]
    for name in names:
        pairs = [k for k in logs if k[2] == name and (*k[:2], "tfbo") in logs]
        seconds = np.median([float(of[k]["seconds"]) for k in pairs])
        if name == "tfbo":
            lines.append(f"| tfbo | | | {len(pairs)} | | {seconds:.1f} |")
            continue
        gaps = np.array([logs[k[0], k[1], "tfbo"] - logs[k] for k in pairs])
        mean, low, high = interval(gaps, [k[0] for k in pairs])
        counts = " / ".join(str(int(np.sum(np.sign(gaps) == sign))) for sign in (-1, 0, 1))
        lines.append(
            f"| {name} | {mean:+.2f} | {low:+.2f} to {high:+.2f} | {len(pairs)} | {counts} "
            f"| {seconds:.1f} |"
        )
    lines += [
        "",
        "Medians of the logarithm of the regret; in brackets, the share of trials that failed.",
        "",
    ]
    lines += ["| problem | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for cell in cells:
        shown = []
        for name in names:
            keys = [k for k in logs if k[0] == cell and k[2] == name]
            if not keys:
                shown.append("")
                continue
            good = np.mean([int(of[k]["succeeded"]) / int(of[k]["trials"]) for k in keys])
            shown.append(f"{np.median([logs[k] for k in keys]):.2f} ({100 * (1 - good):.0f} %)")
        lines.append(f"| {cell} | " + " | ".join(shown) + " |")
    lost = [f"{cell} ({name})" for cell in cells for name in names if _loses(logs, cell, name)]
    lines += ["", f"Where tfbo has the higher median: {', '.join(lost) or 'nowhere'}."]
    lines += ["Seconds are medians, on a machine that did other things as well."]
    return "\n".join(lines) + "\n"


def _loses(logs: dict[tuple[str, int, str], float], cell: str, name: str) -> bool:
    """Whether tfbo's median is above the other's on a problem."""
    ours, theirs = (
        [log for key, log in logs.items() if key[0] == cell and key[2] == optimiser]
        for optimiser in ("tfbo", name)
    )
    return bool(ours and theirs) and float(np.median(ours)) > float(np.median(theirs))


def main() -> None:
    """Run what is not there yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cells", nargs="+", default=list(CELLS))
    parser.add_argument("--optimisers", nargs="+", default=[*OURS, *PEERS])
    parser.add_argument("--python", help="the interpreter of Optuna; without, tfbo alone is run")
    results = Path(__file__).parent / "results" / "failures.csv"
    parser.add_argument("--results", type=Path, default=results)
    parser.add_argument("--quick", action="store_true", help="two problems, one seed, 20 trials")
    parsed = parser.parse_args()
    if parsed.quick:
        parsed.trials, parsed.seeds, parsed.cells = 20, 1, ["ball-branin-80", "conditional-80"]
    problems = {cell.name: cell.problem for cell in failing.cells()}
    rows = list(csv.DictReader(parsed.results.open())) if parsed.results.exists() else []
    done = {(r["cell"], int(r["seed"]), r["optimiser"]) for r in rows}
    names = [name for name in parsed.optimisers if name in OURS or parsed.python]
    with contextlib.ExitStack() as stack:
        worker = stack.enter_context(Worker(parsed.python)) if parsed.python else None
        file = stack.enter_context(parsed.results.open("a", newline=""))
        writer = csv.DictWriter(file, FIELDS)
        if not rows:
            writer.writeheader()
        file.flush()
        for name, seed, cell in itertools.product(names, range(parsed.seeds), parsed.cells):
            if (cell, seed, name) not in done:
                optimiser = start(name, problems[cell](seed), seed, worker)
                found = run(optimiser, problems[cell](seed), seed, parsed.trials)
                rows.append(dict(zip(FIELDS, (cell, seed, name, *found), strict=True)))
                writer.writerow(rows[-1])
                file.flush()
                print(*rows[-1].values(), flush=True)
    command = f"python benchmarks/failures.py --trials {parsed.trials} --seeds {parsed.seeds}"
    text = report(rows, command)
    print(text)
    parsed.results.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
