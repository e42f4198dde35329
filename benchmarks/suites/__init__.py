"""The problems of the regret experiment, a suite a file; `suites.base` says what a problem is."""

from __future__ import annotations

from pathlib import Path

from suites import bbob, classics, discrete, live
from suites import yahpo as surrogates
from suites.base import Cell

# What `core` takes of each suite but BBOB, of which it takes all functions, each in one dimension.
# Four functions with little noise, and four others with much.
NOISY = (
    "branin-little-noise",
    "hartmann-6-little-noise",
    "levy-8-little-noise",
    "styblinski-tang-5-little-noise",
    "hartmann-3-much-noise",
    "ackley-5-much-noise",
    "rosenbrock-4-much-noise",
    "griewank-5-much-noise",
)
# The first five data sets of either list: their order has nothing to do with how hard they are.
TASKS = 5
LIVE = ("svm-digits", "boosting-diabetes", "mlp-breast-cancer", "forest-wine")
DISCRETE = ("pest-control", "pipeline", "lattice-8", "hartmann-6-fails")


def every(yahpo: Path | None) -> list[Cell]:
    """All cells of all suites; YAHPO's only where the folder of its data is given."""
    tuning = surrogates.cells(yahpo) if yahpo is not None else []
    return [*bbob.cells(), *classics.cells(), *tuning, *live.cells(), *discrete.cells()]


def core(yahpo: Path | None) -> list[Cell]:
    """A fixed choice of 60 cells, 50 without YAHPO's data, with a share for each kind of problem."""
    # Dimensions go round, so that within each of BBOB's five groups (f1-5, 6-9, 10-14, 15-19, 20-24)
    # they vary. It starts at 10: the sphere and the slope (f1, f5) tell little in two dimensions, and
    # nobody gets anywhere on f23 and f24 in twenty.
    turns = {f: bbob.DIMENSIONS[(f + 1) % len(bbob.DIMENSIONS)] for f in bbob.FUNCTIONS}
    names = [bbob.name(f, d) for f, d in turns.items()] + [*classics.CLASSICS, *NOISY]
    if yahpo is not None:
        names += [
            surrogates.name(s, task) for s in surrogates.SCENARIOS for task in s.tasks[:TASKS]
        ]
    names += [*LIVE, *DISCRETE]
    available = {cell.name: cell for cell in every(yahpo)}
    return [available[name] for name in names]
