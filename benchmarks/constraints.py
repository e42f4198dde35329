"""Constraints on inputs: what they cost an ask, and how good the maximum under them is.

    python benchmarks/constraints.py                  # what an ask costs
    python benchmarks/constraints.py --peers PYTHON   # and the maximum; an environment that has BoTorch

* The time: an ask of `Bayes` of a space with constraints beside that of the same space without, after the
  same trials, which all meet them. Both are asked and told by turns in one process; the ratio is the
  median of those of the turns.
* The maximum: log expected improvement at tfbo's point less that at the point of BoTorch's `optimize_acqf`
  under the same constraints (10 restarts, 512 raw samples), both as tfbo evaluates the posterior. First
  they have to agree on the values at random points.

The tables go to benchmarks/results/constraints.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from peers import PeerError, Worker, processor

import tfbo
from tfbo._compile import devices
from tfbo.acquisition import LogEI, joint
from tfbo.space.region import region
from tfbo.strategies import Bayes
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import ask, chooser, constraints
from tfbo.trial import COMPLETE, Trial

RESULTS = Path(__file__).with_name("results") / "constraints.md"
# The most that an ask may take, as a multiple; how far below BoTorch's a maximum counts as equal, in nats;
# the share of cases that has to be; and how far the values at a point may differ.
RATIO, MAXIMUM, SHARE, AGREE = 1.5, 1e-6, 0.95, 1e-6
SIZES = ((5, 50), (5, 200), (10, 50), (10, 200))


class Constraints(NamedTuple):
    """Constraints on the unit cube, as BoTorch takes them; see `peers.Worker.maximise_constrained`."""

    linear: tuple[tuple[list[float], float, bool], ...] = ()
    balls: tuple[tuple[list[float], float], ...] = ()

    def texts(self) -> list[str]:
        """The same as tfbo takes them."""
        texts = []
        for weights, least, equal in self.linear:
            terms = " + ".join(f"{weight!r} * x{i}" for i, weight in enumerate(weights))
            texts.append(f"{terms} {'==' if equal else '>='} {least!r}")
        for centre, radius in self.balls:
            terms = " + ".join(f"(x{i} - {c!r}) ** 2" for i, c in enumerate(centre))
            texts.append(f"{terms} <= {radius**2!r}")
        return texts


def cube(d: int, texts: list[str]) -> tfbo.Space:
    """The unit cube under constraints."""
    return tfbo.Space({f"x{i}": tfbo.Float(0.0, 1.0) for i in range(d)}, constraints=texts)


def drawn(kind: str, d: int, rng: np.random.Generator) -> Constraints:
    """Constraints of a kind, through a random point of the cube or near it."""
    through = rng.uniform(0.3, 0.7, d)
    if kind == "nonlinear":
        radius = 0.35 * d**0.5
        away = rng.standard_normal([2, d])
        away *= 0.7 * radius / np.linalg.norm(away, axis=1, keepdims=True)
        return Constraints(balls=tuple((list(map(float, through + a)), radius) for a in away))
    weights = [list(map(float, w)) for w in rng.uniform(-1.0, 1.0, [2, d])]
    equal = kind == "equality"
    leasts = [float(np.dot(w, through)) - 0.1 * (i > 0) for i, w in enumerate(weights)]
    return Constraints(
        tuple(
            (w, b, equal and i == 0) for i, (w, b) in enumerate(zip(weights, leasts, strict=True))
        )
    )


def objective(x: np.ndarray, wave: np.ndarray) -> np.ndarray:
    """A bowl with ripples, `[..., d] -> [...]`, whose lowest point is anywhere."""
    z = x - wave
    return np.mean(z**2 + 0.05 * (1.0 - np.cos(4.0 * np.pi * z)), axis=-1)


def told(space: tfbo.Space, n: int, wave: np.ndarray, rng: np.random.Generator) -> list[Trial]:
    """Trials at legal points."""
    rows = region(space).draw(n, rng)
    params = region(space).encoding.decode(rows)
    y = objective(rows, wave)
    return [
        Trial(i, each, COMPLETE, float(value))
        for i, (each, value) in enumerate(zip(params, y, strict=True))
    ]


def ratio(kind: str, d: int, n: int, repeats: int) -> tuple[float, float, float]:
    """Milliseconds of an ask without and with constraints, medians, and the median of their ratios."""
    rng = np.random.default_rng([d, n])
    space = cube(d, drawn(kind, d, rng).texts())
    wave = rng.uniform(0.1, 0.9, d)
    trials = told(space, n, wave, rng)
    studies = [tfbo.Study(cube(d, []), seed=0), tfbo.Study(space, seed=0)]
    for study in studies:
        for trial in trials:
            study.enqueue(trial.params)
            study.tell(study.ask(), trial.value)
    seconds: list[list[float]] = [[], []]
    for _ in range(repeats + 3):
        for study, mine in zip(studies, seconds, strict=True):
            begin = time.perf_counter()
            trial = study.ask()
            mine.append(time.perf_counter() - begin)
            x = np.array(list(trial.params.values()))
            study.tell(trial, float(objective(x, wave)))
    without, beneath = 1e3 * np.array(seconds)[:, 3:]
    ratios = beneath / without
    return float(np.median(without)), float(np.median(beneath)), float(np.median(ratios))


class Case(NamedTuple):
    """A posterior, and what both made of it."""

    kind: str
    d: int
    n: int
    gain: float
    """The acquisition at tfbo's point less that at BoTorch's, in nats; infinite where it found none."""
    differ: float
    """Largest difference of the values at random points, as a share of them where they are above one."""


def case(kind: str, found: Constraints, d: int, n: int, seed: int, worker: Worker) -> Case:
    """One comparison."""
    rng, space = np.random.default_rng([d, n, seed]), cube(d, found.texts())
    strategy, problem = Bayes(boundary=0.0), Problem(space, "minimize", seed)
    settings = strategy.settings(problem)
    history = strategy.fold(problem, None, told(space, n, rng.uniform(0.1, 0.9, d), rng))
    asked = ask.pose(settings, problem, history, (), range(n, n + 1), devices.CPU)
    choice = settings.choosing(devices.CPU, 1, failing=False)
    answer = chooser.choose(choice, asked.question, "CPU:0")
    ours = constraints.legal(problem, answer, asked.question.tried)
    assert region(space).legal(ours).all()

    posterior, observed, _ = tf.nest.map_structure(tf.constant, asked.fitted)
    incumbent = joint.incumbent(posterior, observed)
    given = posterior.hyperparameters
    points = rng.random([16, d])
    data = settings.modelled(problem, history, (), settings.failed).data
    message = {
        "x": data.x.tolist(),
        "z": np.asarray(observed.z).tolist(),
        "amplitude": float(given.amplitude),
        "lengthscales": np.asarray(given.lengthscales).tolist(),
        "noise": float(given.noise),
        "incumbent": float(incumbent),
    }
    try:
        theirs, values = worker.maximise_constrained(
            message, linear=found.linear, balls=found.balls, points=points.tolist(), seed=seed
        )
    except PeerError as error:
        if "infeasible" not in str(error):
            raise
        return Case(kind, d, n, np.inf, 0.0)
    every = tf.constant(np.concatenate([ours, [theirs.x], points]))
    mean, variance = posterior.moments(every)
    value = LogEI().evaluate(mean, tf.sqrt(variance), incumbent).numpy()
    differ = np.abs(value[2:] - values) / np.maximum(1.0, np.abs(value[2:]))
    return Case(kind, d, n, float(value[0] - value[1]), float(np.max(differ)))


def maxima(python: str, cases: int) -> list[Case]:
    """So many comparisons, of which each ten share their constraints."""
    kinds, done = ("linear", "equality", "nonlinear"), []
    with Worker(python, timeout=600.0, threads=2) as worker:
        for i in range(cases):
            block = i // 10
            kind, d = kinds[block % 3], (2, 4, 6, 10)[block % 4]
            found = drawn(kind, d, np.random.default_rng(block))
            done.append(case(kind, found, d, (10, 20, 40)[i % 3], i, worker))
            print(done[-1], flush=True)
    return done


def reported(times: list[str], found: list[Case]) -> str:
    """The page of results."""
    lines = [
        "# Constraints on inputs",
        "",
        f"`benchmarks/constraints.py`, {datetime.date.today()}, {processor()}.",
        "",
        f"An ask beside one without constraints; at most {RATIO} times as long is the aim.",
        "",
        "| constraints | d | n | without [ms] | with [ms] | ratio | |",
        "|---|---|---|---|---|---|---|",
        *times,
    ]
    if found:
        lines += [
            "",
            "LogEI at tfbo's point less that at BoTorch's under the same constraints, of the same "
            f"posterior, in nats; {100 * SHARE:g} % no lower than -{MAXIMUM:g} is the aim. The gain is "
            "infinite where BoTorch's candidates were all illegal.",
            "",
            "| constraints | cases | no lower | lowest | median | highest | values differ |",
            "|---|---|---|---|---|---|---|",
        ]
        for kind in [*dict.fromkeys(one.kind for one in found), "all"]:
            some = [one for one in found if kind in (one.kind, "all")]
            gains = [one.gain for one in some]
            share = 100.0 * float(np.mean(np.array(gains) >= -MAXIMUM))
            lines.append(
                f"| {kind} | {len(some)} | {share:.0f} % | {min(gains):.2g} "
                f"| {statistics.median(gains):.2g} | {max(gains):.2g} "
                f"| {max(one.differ for one in some):.1g} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has BoTorch")
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=30)
    arguments = parser.parse_args()
    times = []
    for kind in ("linear", "nonlinear") if arguments.repeats else ():
        for d, n in SIZES:
            without, beneath, share = ratio(kind, d, n, arguments.repeats)
            met = "met" if share <= RATIO else "missed"
            row = f"| {kind} | {d} | {n} | {without:.1f} | {beneath:.1f} | {share:.2f} | {met} |"
            times.append(row)
            print(row, flush=True)
    found = maxima(arguments.peers, arguments.cases) if arguments.peers else []
    RESULTS.write_text(reported(times, found))
    differ = [one for one in found if one.differ > AGREE]
    if differ:
        raise SystemExit(f"{len(differ)} posteriors differ from BoTorch's by more than {AGREE:g}.")


if __name__ == "__main__":
    main()
