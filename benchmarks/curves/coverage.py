"""Is a forecast honest? Intervals of the value at the last step, from a fifth of the curve.

The default strategy searches with its first rung at a fifth of the steps. Whenever a trial gets there its
value at the last step is forecast, before anybody decides whether it goes on, and compared with the table.
"""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from regret_report import interval, table

from curves import ours, runs
from curves.tasks import Pool, Task

BUDGET = 400
QUANTILE = 1.6448536269514722
"""Half-width of the central normal interval of 90 %, in standard deviations."""
# Full trainings before a forecast is asked for.
_COMPLETE = 1


class Forecast(NamedTuple):
    """A forecast of a value at the last step, and what it was."""

    task: str
    mean: float
    std: float
    reached: float
    """The value at a fifth."""
    truth: float


class Forecasting(ours.Tfbo):
    """The default strategy, asked for forecasts."""

    def __init__(self, task: Task, pool: Pool, seed: int) -> None:
        super().__init__(task, pool, seed)
        self.complete = 0
        self.forecasts: list[Forecast] = []

    @property
    def low(self) -> int:
        return self.task.steps // 5

    def finish(self, job: runs.Job, step: int, loss: float) -> None:
        trial = self.trials[job.key]
        super().finish(job, step, loss)
        last = self.task.steps
        self.complete += step == last
        if step == self.low and self.complete >= _COMPLETE:
            found: Any = self.study.forecast(trial.number, [last])
            mean, std = float(np.ravel(found.mean)[0]), float(np.ravel(found.std)[0])
            truth = self.pool.loss(job.key, last)
            self.forecasts.append(Forecast(self.task.name, mean, std, loss, truth))


def forecasts(tasks: Sequence[Task], seeds: int, budget: int = BUDGET) -> list[Forecast]:
    """All forecasts of searches on tables."""
    found = []
    for task in tasks:
        for seed in range(seeds):
            pool = task.pool(seed)
            policy = Forecasting(task, pool, seed)
            runs.run(policy, pool, budget)
            found += policy.forecasts
    return found


def section(found: Sequence[Forecast]) -> str:
    """The share within 90 % intervals, and the error beside that of the value reached."""
    if not found:
        return "No forecasts yet: too few trainings were complete.\n"
    cells = [each.task for each in found]
    mean, std, reached, truth = (np.array(part) for part in list(zip(*found, strict=True))[1:])
    inside = (np.abs(truth - mean) <= QUANTILE * std).astype(float)
    lines = []
    for cell in [*sorted(set(cells)), "all"]:
        mine = np.array([cell in ("all", each) for each in cells])
        share = f"{100 * np.mean(inside[mine]):.0f} %"
        if cell == "all":
            middle, low, high = interval(100 * inside, cells)
            share = f"{middle:.0f} % ({low:.0f} to {high:.0f})"
        error = np.mean(np.abs(truth - mean)[mine]) / np.mean(np.abs(truth - reached)[mine])
        lines.append([cell, str(mine.sum()), share, f"{error:.2f}"])
    head = ["task", "forecasts", "within 90 % intervals", "error / that of the value reached"]
    return table(head, lines)
