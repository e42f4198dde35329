"""Plain implementations of the policies that everybody compares with, on configurations drawn at random.

`Random` trains to the end; `Halving` and `Hyperband` are synchronous (Jamieson and Talwalkar 2016; Li et
al. 2018, arXiv 1603.06560), `Asha` is of the promotion type (Li et al. 2020, arXiv 1810.05934). All resume
trainings where they paused, at rungs 1, 3, 9, 27 and the last step.
"""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from curves.runs import Job, Policy
from curves.tasks import Pool, Task

FACTOR = 3


def rungs(steps: int) -> list[int]:
    """1, 3, 9, ... and the last step."""
    powers = itertools.takewhile(lambda r: r < steps, (FACTOR**k for k in itertools.count()))
    return [*powers, steps]


class Random(Policy):
    """Full trainings of random configurations."""

    def next(self) -> Job:
        return Job(self.pool.draw(), 0, self.task.steps)

    def finish(self, job: Job, step: int, loss: float) -> None:
        pass


class Asha(Policy):
    """Asynchronous successive halving: promote whatever is among the best third of its rung."""

    def __init__(self, task: Task, pool: Pool, seed: int) -> None:
        super().__init__(task, pool, seed)
        self.rungs = rungs(task.steps)
        self.reached: list[dict[int, float]] = [{} for _ in self.rungs]
        self.promoted: list[set[int]] = [set() for _ in self.rungs]

    def next(self) -> Job:
        for k in reversed(range(len(self.rungs) - 1)):
            known = self.reached[k]
            best = sorted(known, key=known.__getitem__)[: len(known) // FACTOR]
            for key in best:
                if key not in self.promoted[k]:
                    self.promoted[k].add(key)
                    return Job(key, self.rungs[k], self.rungs[k + 1])
        return Job(self.new(), 0, self.rungs[0])

    def new(self) -> int:
        """A configuration that has not been tried."""
        return self.pool.draw()

    def finish(self, job: Job, step: int, loss: float) -> None:
        self.reached[self.rungs.index(step)][job.key] = loss


class Halving(Policy):
    """Successive halving, bracket after bracket: 81 for a step, their best 27 for three, and so on."""

    def __init__(self, task: Task, pool: Pool, seed: int) -> None:
        super().__init__(task, pool, seed)
        self.rungs = rungs(task.steps)
        self.brackets = self.sizes()
        self.queue: list[Job] = []
        self.running = 0
        self.losses: dict[int, float] = {}
        self.rung = len(self.rungs) - 1

    def sizes(self) -> Iterator[tuple[int, int]]:
        """The first rung and the number of configurations of each bracket, without end."""
        return itertools.repeat((0, FACTOR ** (len(self.rungs) - 1)))

    def next(self) -> Job | None:
        if not self.queue and not self.running:
            self._refill()
        if not self.queue:
            return None
        self.running += 1
        return self.queue.pop(0)

    def _refill(self) -> None:
        """The best third go on to the next rung; a new bracket where nobody does."""
        best = sorted(self.losses, key=self.losses.__getitem__)[: len(self.losses) // FACTOR]
        last = self.rung == len(self.rungs) - 1
        self.losses = {}
        if last or not best:
            self.rung, size = next(self.brackets)
            self.queue = [Job(self.pool.draw(), 0, self.rungs[self.rung]) for _ in range(size)]
            return
        start, until = self.rungs[self.rung : self.rung + 2]
        self.rung += 1
        self.queue = [Job(key, start, until) for key in best]

    def finish(self, job: Job, step: int, loss: float) -> None:
        self.running -= 1
        self.losses[job.key] = loss


class HalvingFew(Halving):
    """Successive halving of 27 at a time: a third of the brackets' cost before a training is long."""

    def sizes(self) -> Iterator[tuple[int, int]]:
        return itertools.repeat((0, FACTOR ** (len(self.rungs) - 2)))


class Hyperband(Halving):
    """Successive halving that begins ever later, with ever fewer configurations, and then anew."""

    def sizes(self) -> Iterator[tuple[int, int]]:
        most = len(self.rungs) - 1
        later = range(most, -1, -1)
        return itertools.cycle(
            [(most - s, math.ceil((most + 1) / (s + 1) * FACTOR**s)) for s in later]
        )
