"""Speed must not be bought with a bad optimum: how good are the fit and the acquisition's maximum?

    python benchmarks/quality.py --peer-python PYTHON    # an environment that has BoTorch

States of searches are made by the default strategy itself, on shifted test functions with and without
noise, in 2, 6 and 20 columns. At each state two questions are asked:

* the fit: the log posterior of the hyperparameters that the ask arrived at (warm-started through the
  whole search, as users meet it) beside the best of 50 restarts from draws of the priors;
* the maximum: log expected improvement at the point that tfbo found, less that at BoTorch's optimum of the
  same acquisition of the same posterior (20 restarts, 1,024 raw samples), both as tfbo evaluates it, with
  the uncertainty on faces counted in full.

The table goes to benchmarks/results/quality.md.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from peers import Worker, discover, processor

import tfbo
from tfbo._compile import devices
from tfbo.acquisition import LogEI, joint
from tfbo.gp import hyperprior, search
from tfbo.strategies import Bayes
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import ask, chooser, fit

# A fit may be this far below the best of the restarts, in nats, and a maximum this far below BoTorch's.
FIT, MAXIMUM = 0.1, 1e-4
SHARE = 0.95
RESTARTS = 50
CHECKPOINTS = (6, 10, 15, 20, 30, 45, 60, 80, 100)


def bowl(x: np.ndarray) -> float:
    """A skewed valley, steeper from column to column."""
    return float(np.sum((1.0 + np.arange(len(x))) * x**2) + np.sum(x[1:] * x[:-1]))


def waves(x: np.ndarray) -> float:
    """Ackley's function on a box of side four."""
    x = 4.0 * x
    ridges = np.exp(np.mean(np.cos(2.0 * np.pi * x)))
    return float(20.0 - 20.0 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) + np.e - ridges)


def pit(x: np.ndarray) -> float:
    """A plain with one deep pit."""
    return -float(np.exp(-4.0 * np.sum(x**2)))


FUNCTIONS = {"bowl": bowl, "waves": waves, "pit": pit}


class State(NamedTuple):
    """One moment of one search."""

    name: str
    asked: ask.Asked
    answer: chooser.Answer
    model: fit.Model


def states(function: str, d: int, noise: float, checkpoints: tuple[int, ...]) -> Iterator[State]:
    """A search by the default strategy, seen when so many trials have been told."""
    rng = np.random.default_rng([d, len(function), int(1e6 * noise)])
    optimum = rng.uniform(0.2, 0.8, d)
    names = [f"x{i}" for i in range(d)]
    space = tfbo.Space({name: tfbo.Float(0.0, 1.0) for name in names})
    strategy, problem = Bayes(boundary=0.0), Problem(space, "minimize", 0)
    settings = strategy.settings(problem)
    choice = settings.choosing(devices.CPU, 1, failing=False)
    study = tfbo.Study(space, seed=0, strategy=strategy)
    for n in range(1, max(checkpoints) + 1):
        trial = study.ask()
        x = np.array([trial.params[name] for name in names])
        study.tell(trial, FUNCTIONS[function](x - optimum) + noise * rng.standard_normal())
        if n in checkpoints:
            history = strategy.fold(problem, None, study.trials)
            asked = ask.pose(settings, problem, history, (), range(n, n + 1), devices.CPU)
            answer = chooser.choose(choice, asked.question, "CPU:0")
            name = f"{function}, d = {d}, noise {noise:g}, n = {n}"
            yield State(name, asked, answer, settings.model)


def best_of_restarts(state: State, rng: np.random.Generator) -> float:
    """The highest log posterior that restarts from so many draws of the priors reach."""
    prior = state.model.hyperprior
    draws = hyperprior.draws(prior, RESTARTS, rng)
    start = search.Start(hyperprior.medians(prior), np.eye(len(prior.loc)), False)
    given = state.asked.given._replace(start=start, candidates=draws)
    return float(_restarts(state.model, tf.nest.map_structure(tf.constant, given)))


def _restarts(model: fit.Model, given: fit.Given) -> tf.Tensor:
    @tf.function(autograph=False, reduce_retracing=True)
    def run(given: fit.Given) -> tf.Tensor:
        prior = hyperprior.Hyperprior(*map(tf.constant, model.hyperprior))
        observed, _ = fit.observe(model, given)
        found = search.multistart(
            model.kernel, prior, observed, given.start, given.candidates,
            search.Effort(RESTARTS, tolerance=1e-6, max_evaluations=300, compact=True),
        )  # fmt: skip
        return found.value

    return run(given)


def gain_over_botorch(state: State, worker: Worker) -> float:
    """LogEI at tfbo's maximum less that at BoTorch's, both of tfbo's posterior, in nats."""
    posterior, observed, _ = tf.nest.map_structure(tf.constant, state.asked.fitted)
    incumbent = joint.incumbent(posterior, observed)
    hyperparameters = posterior.hyperparameters
    theirs = worker.maximise_logei(
        state.asked.given.data.x,
        observed.z.numpy(),
        amplitude=float(hyperparameters.amplitude),
        lengthscales=hyperparameters.lengthscales.numpy(),
        noise=float(hyperparameters.noise),
        incumbent=float(incumbent),
    )
    points = tf.stack([state.answer.x[0], tf.constant(theirs.x, tf.float64)])
    mean, variance = posterior.moments(points)
    value = LogEI().evaluate(mean, tf.sqrt(variance), incumbent)
    return float(value[0] - value[1])


def verdict(values: list[float], least: float, what: str) -> str:
    """A row of the table."""
    share = float(np.mean(np.array(values) >= least))
    low, quarter, median = np.quantile(values, [0.0, 0.05, 0.5])
    met = "met" if share >= SHARE else "missed"
    return (
        f"| {what} | {len(values)} | {100 * share:.1f} % >= {least:g} | {low:.3g} | {quarter:.3g} "
        f"| {median:.3g} | {met} |"
    )


class Case(NamedTuple):
    """What was found at one state."""

    name: str
    fit: float
    maximum: float


def cases(
    worker: Worker | None, dimensions: list[int], checkpoints: tuple[int, ...]
) -> Iterator[Case]:
    """All states of all searches, judged."""
    rng = np.random.default_rng(0)
    for d, function, noise in itertools.product(dimensions, FUNCTIONS, (0.0, 0.05)):
        for state in states(function, d, noise, checkpoints):
            gap = float(state.asked.fitted.found.value) - best_of_restarts(state, rng)
            maximum = float("nan") if worker is None else gain_over_botorch(state, worker)
            yield Case(state.name, gap, maximum)


def report(found: list[Case]) -> list[str]:
    """The table, and the cases that fall below."""
    fits = [case.fit for case in found]
    maxima = [case.maximum for case in found if not np.isnan(case.maximum)]
    lines = [
        "# Quality of the fit and of the acquisition's maximum",
        "",
        f"`python benchmarks/quality.py`, tfbo {tfbo.__version__}, TensorFlow {tf.__version__}, "
        f"{processor()}, {datetime.date.today()}",
        "",
        "| what | cases | share | worst | 5 % | median | 95 % wanted |",
        "|---|---|---|---|---|---|---|",
        verdict(fits, -FIT, f"log posterior of the fit, less the best of {RESTARTS} restarts"),
    ]
    if maxima:
        lines.append(verdict(maxima, -MAXIMUM, "LogEI at the maximum, less that at BoTorch's"))
    below = [case for case in found if case.fit < -FIT or case.maximum < -MAXIMUM]
    lines += ["", "Cases below:", ""]
    return lines + [
        f"- {case.name}: fit {case.fit:+.4f}, maximum {case.maximum:+.2e}" for case in below
    ]


def main() -> int:
    """Run all, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer-python", action="append", default=[], metavar="PATH")
    parser.add_argument("--d", type=int, nargs="+", default=[2, 6, 20])
    parser.add_argument("--quick", action="store_true", help="short searches in two columns")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    parsed = parser.parse_args()
    checkpoints = CHECKPOINTS[:4] if parsed.quick else CHECKPOINTS
    dimensions = parsed.d[:1] if parsed.quick else parsed.d
    peers = discover(parsed.peer_python, ["botorch"])
    found = []
    with contextlib.ExitStack() as stack:
        worker = None
        if "botorch" in peers.found:
            worker = stack.enter_context(Worker(peers.found["botorch"]))
        else:
            print(
                f"BoTorch is left out: {peers.missing['botorch'] or 'no --peer-python was given'}"
            )
        for case in cases(worker, dimensions, checkpoints):
            print(f"{case.name}: fit {case.fit:+.4f}, maximum {case.maximum:+.2e}", flush=True)
            found.append(case)
    text = "\n".join(report(found)) + "\n"
    print(text)
    if not parsed.quick:
        (parsed.output / "quality.md").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
