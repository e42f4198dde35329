"""Is the optimiser in order? Branin and Hartmann-6, each shifted within its box, against Sobol and random.

    python benchmarks/smoke.py                 # 60 trials, 10 seeds: about five minutes on two cores
    python benchmarks/smoke.py --seeds 2 --trials 20

The table goes to benchmarks/results/smoke.md. The shift differs with the seed and is the same for all
strategies, so that comparisons are paired. Exit status 1 where the median regret of Bayes is not ten
times lower than that of both others.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from suites.classics import A6, P6, branin, hartmann

import tfbo
from tfbo.strategies import Bayes, Random, Sobol


class Function(NamedTuple):
    """A test function to minimise over a box."""

    name: str
    value: Callable[[np.ndarray], float]
    low: np.ndarray
    high: np.ndarray
    optimum: float


FUNCTIONS = (
    Function(
        "Branin", branin, np.array([-5.0, 0.0]), np.array([10.0, 15.0]), 5.0 / (4.0 * math.pi)
    ),
    Function("Hartmann-6", hartmann(A6, P6), np.zeros(6), np.ones(6), -3.3223680114155147),
)
STRATEGIES = {"Bayes": Bayes(), "Sobol": Sobol(), "Random": Random()}


def regret(function: Function, strategy: object, seed: int, trials: int) -> tuple[float, float]:
    """Simple regret after so many trials, and seconds a trial."""
    width = function.high - function.low
    shift = np.random.default_rng([seed, 7]).uniform(-0.1, 0.1, len(width)) * width
    names = [f"x{i}" for i in range(len(width))]
    bounds = zip(names, function.low, function.high, strict=True)
    space = tfbo.Space({name: tfbo.Float(low, high) for name, low, high in bounds})

    def objective(params: dict[str, float]) -> float:
        return function.value(np.array([params[name] for name in names]) - shift)

    begin = time.perf_counter()
    study = tfbo.minimize(objective, space, n_trials=trials, seed=seed, strategy=strategy)
    return study.best_observed.value - function.optimum, (time.perf_counter() - begin) / trials


def interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """95% bootstrap interval of the median."""
    medians = np.median(rng.choice(values, [2000, len(values)]), axis=1)
    return float(np.quantile(medians, 0.025)), float(np.quantile(medians, 0.975))


def main() -> int:
    """Run all, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--output", default=Path(__file__).parent / "results" / "smoke.md", type=Path
    )
    parsed = parser.parse_args()
    rng = np.random.default_rng(0)
    lines = [
        f"# Smoke: simple regret after {parsed.trials} trials, {parsed.seeds} seeds",
        "",
        f"`python benchmarks/smoke.py --trials {parsed.trials} --seeds {parsed.seeds}`, "
        f"tfbo {tfbo.__version__}",
        "",
        "| function | strategy | median regret | 95% interval | worst | times Bayes | wins of Bayes |",
        "|---|---|---|---|---|---|---|",
    ]
    passed = True
    for function in FUNCTIONS:
        results: dict[str, np.ndarray] = {}
        for name, strategy in STRATEGIES.items():
            runs = [regret(function, strategy, seed, parsed.trials) for seed in range(parsed.seeds)]
            results[name] = np.array([value for value, _ in runs])
            print(
                f"{function.name} {name}: {np.median([s for _, s in runs]):.3f} s a trial",
                flush=True,
            )
        ours = np.median(results["Bayes"])
        for name, values in results.items():
            low, high = interval(values, rng)
            ratio = np.median(values) / ours
            wins = int(np.sum(results["Bayes"] < values))
            versus = "" if name == "Bayes" else f"{wins} of {len(values)}"
            lines.append(
                f"| {function.name} | {name} | {np.median(values):.3g} | {low:.3g} to {high:.3g} "
                f"| {values.max():.3g} | {ratio:.3g} | {versus} |"
            )
            passed &= name == "Bayes" or ratio >= 10.0
    text = "\n".join(lines) + "\n"
    print(text)
    parsed.output.write_text(text)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
