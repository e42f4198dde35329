"""One run: a policy says what to train next, a pool knows the outcome, steps are paid for.

With several workers a simulated clock advances all of them by a step at a time: who is idle asks before
anybody reports, so that nobody knows what has not happened yet.
"""

from __future__ import annotations

import abc
import json
import time
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from curves.tasks import Pool, Task


class Job(NamedTuple):
    """A piece of training."""

    key: int
    """Of the configuration in the pool."""
    start: int
    """Steps that it has behind it."""
    until: int
    """The step to train to."""


class Policy(abc.ABC):
    """A way to spend steps; it minimises the loss.

    Args:
        task: that it searches.
        pool: of configurations.
        seed: a whole number >= 0.
    """

    imports: ClassVar[tuple[str, ...]] = ()
    """Packages that it needs beside NumPy; the first is the one whose version is of interest."""

    def __init__(self, task: Task, pool: Pool, seed: int) -> None:
        self.task, self.pool, self.seed = task, pool, seed

    @abc.abstractmethod
    def next(self) -> Job | None:
        """What an idle worker trains; None while there is nothing to do."""

    def report(self, job: Job, step: int, loss: float) -> bool:
        """Take in the loss after a step; False to stop there."""
        return True

    @abc.abstractmethod
    def finish(self, job: Job, step: int, loss: float) -> None:
        """Take in that a job ended after a step, with this loss."""


class Trace(NamedTuple):
    """What a run found."""

    path: list[tuple[int, float]]
    """Steps paid for, and what the least loss is worth, wherever it falls."""
    trials: int
    """Configurations that were begun."""
    full: int
    """Configurations that were trained to the end."""
    seconds: float
    """Of the policy, without what it is told."""
    budget: int
    version: str = ""
    """Of the policy's library."""

    def at(self, steps: int) -> float:
        """What the least loss after so many steps is worth."""
        return next(loss for cost, loss in reversed(self.path) if cost <= steps)


def run(policy: Policy, pool: Pool, budget: int, workers: int = 1) -> Trace:
    """Spend the budget, in steps of all workers together."""
    begin, spent, full, best = time.perf_counter(), 0, 0, float("inf")
    path: list[tuple[int, float]] = []
    keys: set[int] = set()
    busy: list[Job | None] = [None] * workers
    steps = [0] * workers
    while spent < budget:
        for i, job in enumerate(busy):
            if job is None and (given := policy.next()) is not None:
                busy[i], steps[i] = given, given.start
                keys.add(given.key)
        if not any(busy):
            break
        for i, job in enumerate(busy):
            if job is None or spent == budget:
                continue
            spent, steps[i] = spent + 1, steps[i] + 1
            loss = pool.loss(job.key, steps[i])
            if loss < best:
                best = loss
                path.append((spent, pool.judged(job.key, steps[i])))
            if not policy.report(job, steps[i], loss) or steps[i] == job.until:
                policy.finish(job, steps[i], loss)
                full += steps[i] == policy.task.steps
                busy[i] = None
    return Trace(path, len(keys), full, time.perf_counter() - begin, budget)


def place(cache: Path, suite: str, policy: str, task: str, seed: int) -> Path:
    """The file of a run's trace."""
    return cache / suite / policy / f"{task}-{seed}.json"


def save(path: Path, trace: Trace) -> None:
    """Write a trace, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(trace._asdict()))
    part.replace(path)


def load(path: Path) -> Trace:
    """Read a trace."""
    found: dict[str, Any] = json.loads(path.read_text())
    return Trace(**{**found, "path": [(int(cost), loss) for cost, loss in found["path"]]})
