"""What two choices of the default strategy are worth, on functions with tame and with heavy tails.

    python benchmarks/ablation.py              # 40 trials, 10 seeds: about six minutes on two cores

The table goes to benchmarks/results/ablation.md. Seeds and shifts are shared, so that wins are paired.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from smoke import FUNCTIONS, Function, interval, regret

import tfbo
from tfbo.gp import outcomes
from tfbo.strategies import Bayes, bayes

TRIALS, SEEDS = 40, 10


def rosenbrock(x: np.ndarray) -> float:
    """Rosenbrock's valley."""
    return float(np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))


def goldstein_price(x: np.ndarray) -> float:
    """Goldstein and Price's function, from 3 to a million."""
    a, b = x
    one = 1.0 + (a + b + 1.0) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
    two = 30.0 + (2 * a - 3 * b) ** 2 * (18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2)
    return float(one * two)


def cliff(x: np.ndarray) -> float:
    """Like the accuracy of a network: a ridge of good settings, and one beyond which all diverge."""
    distance = 8 * (x[0] - 0.6) ** 2 + (x[1] - 0.3) ** 2 + 0.5 * (x[2] - 0.5) ** 2
    distance += 0.3 * (x[3] - 0.7) ** 2
    return -0.98 * math.exp(-distance) + (0.8 if x[0] > 0.85 else 0.0)


ALL = (
    *FUNCTIONS,
    Function("Rosenbrock-4", rosenbrock, np.full(4, -2.0), np.full(4, 2.0), 0.0),
    Function("Goldstein-Price", goldstein_price, np.full(2, -2.0), np.full(2, 2.0), 3.0),
    Function("Cliff-4", cliff, np.zeros(4), np.ones(4), -0.98),
)


@contextmanager
def without_tempering() -> Iterator[None]:
    """The default strategy on outcomes as they are."""
    kept = outcomes.temper
    outcomes.temper = lambda y: y
    bayes._program.cache_clear()
    yield
    outcomes.temper = kept
    bayes._program.cache_clear()


def run(function: Function, strategy: Bayes) -> np.ndarray:
    """Regrets of all seeds."""
    return np.array([regret(function, strategy, seed, TRIALS)[0] for seed in range(SEEDS)])


def main() -> int:
    """Run all, print and store the table."""
    rng = np.random.default_rng(0)
    lines = [
        f"# Ablation: simple regret after {TRIALS} trials, {SEEDS} seeds",
        "",
        f"`python benchmarks/ablation.py`, tfbo {tfbo.__version__}",
        "",
        "| function | variant | median regret | 95% interval | the default is better |",
        "|---|---|---|---|---|",
    ]
    for function in ALL:
        results = {
            "default": run(function, Bayes()),
            "n_initial=10": run(function, Bayes(n_initial=10)),
        }
        with without_tempering():
            results["no tempering"] = run(function, Bayes())
        for name, values in results.items():
            low, high = interval(values, rng)
            wins = int(np.sum(results["default"] < values))
            versus = "" if name == "default" else f"{wins} of {SEEDS}"
            median = f"{np.median(values):.3g} | {low:.3g} to {high:.3g}"
            line = f"| {function.name} | {name} | {median} | {versus} |"
            print(line, flush=True)
            lines.append(line)
    (Path(__file__).parent / "results" / "ablation.md").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
