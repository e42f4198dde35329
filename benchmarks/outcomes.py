"""Transforms of constrained outcomes: an ablation on designs, paired.

    python benchmarks/outcomes.py --coco PYTHON      # an interpreter that has package coco-experiment
    python benchmarks/outcomes.py --report

Each variant replaces how constrained outcomes, and the objective beside them, are transformed before they
are modelled; all else is the default strategy. A run's trace is a file in the folder of --cache. The table
goes to benchmarks/results/outcomes.md.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
import tempfile
import unittest.mock
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import peers
import tensorflow as tf
from goals import ours, report, runs
from suites import coco, engineering
from suites.design import Case

from tfbo.gp import outcomes
from tfbo.strategies.bayes.outputs.aims import Outputs
from tfbo.strategies.bayes.outputs.data import Bilog

RESULTS = Path(__file__).with_name("results") / "outcomes.md"
CACHE = Path(tempfile.gettempdir()) / "tfbo-outcomes"
PLACE = "tfbo.strategies.bayes.outputs.data._transform"
TRIALS, SEEDS = 50, 3
FUNCTIONS = ("f8", "f20", "f38")

Bend = Callable[[float, np.ndarray], Any]
"""From a threshold and the known outcomes to a transform of them."""


class Tempered:
    """Both tails tempered about a threshold, as objectives have it of the lower one.

    Args:
        threshold: whose side each outcome keeps.
        known: outcomes.
    """

    def __init__(self, threshold: float, known: np.ndarray) -> None:
        distance = np.abs(known - threshold)
        size = float(distance.max()) or 1.0
        spread = float(np.median(distance)) / size or 1.0
        self.threshold = threshold
        self.tail = outcomes.Tempering(*(tf.constant(v, tf.float64) for v in (size, 0.0, spread)))

    def apply(self, y: tf.Tensor) -> tf.Tensor:
        """See `tfbo.gp.outcomes.Transform`."""
        t = y - self.threshold
        return tf.where(t > 0.0, -self.tail.apply(-t), self.tail.apply(t))

    def invert(self, transformed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `tfbo.gp.outcomes.Transform`."""
        (up, rising), (down, falling) = (self.tail.invert(t) for t in (-transformed, transformed))
        above = transformed > 0.0
        return self.threshold + tf.where(above, -up, down), tf.where(above, rising, falling)


def raw(threshold: float, known: np.ndarray) -> Any:
    """Outcomes as they are."""
    return outcomes.unchanged(tf.constant(known))


def by_median(threshold: float, known: np.ndarray) -> Bilog:
    """A bilog whose size is the median distance from the threshold."""
    return Bilog(threshold, float(np.median(np.abs(known - threshold))) or 1.0)


def by_nearer_median(threshold: float, known: np.ndarray) -> Bilog:
    """A bilog whose size is the median distance on the side where that is less."""
    t = known - threshold
    sides = [float(np.median(np.abs(side))) for side in (t[t > 0.0], t[t < 0.0]) if len(side)]
    return Bilog(threshold, min(sides, default=1.0))


VARIANTS: dict[str, tuple[Bend, Bend | None] | None] = {
    "tfbo": None,
    "objective tempered": (Bilog.about, None),
    "bilog by median": (by_median, by_median),
    "bilog by median, objective tempered": (by_median, None),
    "bilog by nearer median": (by_nearer_median, by_median),
    "tempered": (Tempered, None),
    "raw, objective tempered": (raw, None),
}
"""Transforms of constrained outcomes and of the objective, which is tempered without one; None as it is."""


READING = f"""Paired, on the runs that both have made. The gap is that of the best feasible trial to the
    optimum in shares of it, at least {report.LEAST:g}; in brackets 95 % paired bootstrap intervals, bold
    where tfbo is better clear of 1. tfbo bends constrained outcomes by a bilog about the threshold, and the
    objective about its best feasible outcome; the size of a bilog is the distance of the farthest
    outcome on the side that ends first, or within which a quarter of all are. The others take the median
    distance, or the less of the medians of both sides, temper both tails or change nothing; or temper the
    lower tail of the objective, feasible or not, as without constraints."""


def transforms(constrained: Bend, objective: Bend | None) -> Callable[..., Any]:
    """What stands for the function that is replaced."""

    def transform(
        outputs: Outputs, output: int, values: np.ndarray, default: Any, feasible: np.ndarray
    ) -> Any:
        is_known = np.isfinite(values)
        known, some = values[is_known], values[is_known & feasible]
        if output >= outputs.objectives:
            threshold = outputs.threshold(output)
            assert threshold is not None, "designs have a limit for each outcome"
            return constrained(threshold, known)
        if objective is None or not len(some):
            return default(tf.constant(known), None)
        return objective(float(some.max()), known)

    return transform


def cases(python: str | None) -> list[Case]:
    """Engineering designs, and some of COCO's in five dimensions."""
    found = [case for case in engineering.cases() if case.name != "speed-reducer"]
    if python is None:
        return found
    theirs = coco.cases("bbob-constrained", coco.Oracle(python))
    names = {f"bbob-constrained-{function}-d5" for function in FUNCTIONS}
    return found + [case for case in theirs if case.name in names]


def place(cache: Path, variant: str, case: Case, seed: int) -> Path:
    """The file of a run."""
    return runs.place(cache, variant.replace(", ", "-").replace(" ", "-"), case.name, seed)


def make(cache: Path, problems: list[Case], seeds: int) -> None:
    """Make the runs that are not there, seed by seed."""
    for seed, case, (name, bends) in itertools.product(range(seeds), problems, VARIANTS.items()):
        path = place(cache, name, case, seed)
        if path.exists():
            continue
        policy = ours.Tfbo(case.design(seed), seed)
        if bends is None:
            runs.save(path, runs.run(policy, TRIALS))
            continue
        with unittest.mock.patch(PLACE, transforms(*bends)):
            runs.save(path, runs.run(policy, TRIALS))


def gather(cache: Path, problems: list[Case], seeds: int) -> report.Found:
    """All runs in the cache."""
    traces: dict[str, dict[report.Key, runs.Trace]] = {}
    designs = {}
    for name, case, seed in itertools.product(VARIANTS, problems, range(seeds)):
        path = place(cache, name, case, seed)
        if path.exists():
            traces.setdefault(name, {})[case.name, seed] = runs.load(path)
            designs[case.name, seed] = case.design(seed)
    return report.Found(traces, designs)


def main() -> None:
    """Run what is missing, and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--coco", metavar="PYTHON", help="without it, engineering designs alone")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the traces")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--report", action="store_true", help="report only")
    parsed = parser.parse_args()
    problems = cases(parsed.coco)
    if not parsed.report:
        make(parsed.cache, problems, parsed.seeds)
    found = gather(parsed.cache, problems, parsed.seeds)
    values = report.gaps(found)
    text = "\n".join(
        [
            "# Transforms of constrained outcomes\n",
            f"`python benchmarks/outcomes.py --coco PYTHON`, {peers.processor()}, "
            f"{datetime.date.today()}, {TRIALS} trials. {' '.join(READING.split())}\n",
            report.soonest(found),
            report.beside_each(values),
            report.each_design(values, found),
        ]
    )
    print(text)
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()
