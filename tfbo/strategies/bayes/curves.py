"""Learning curves as training data: a row for each point, of a configuration, a step and a trial."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfbo.gp.data import TrainingData, canonical
from tfbo.gp.outcomes import SAME
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import data as trials_data
from tfbo.strategies.bayes.data import Failed, Modelled, deviation, rows
from tfbo.trial import COMPLETE, FAILED, Fidelity, Trial

NEW = -1.0
"""Number of a trial that has no curve yet."""


def time(fidelity: Fidelity, step: float) -> float:
    """Step on a logarithmic scale, from 0 for the first to 1 for the last."""
    return math.log(step) / math.log(fidelity.high)


def points(fidelity: Fidelity, trial: Trial) -> dict[int, float]:
    """The points of a curve that are modelled: the last number up to each rung, and the last of all.

    The outcome of a complete trial stands at the last step, wherever its training ended.
    """
    known = {step: value for step, value in trial.curve.items() if math.isfinite(value)}
    until = [[step for step in known if step <= rung] for rung in (*fidelity.rungs, math.inf)]
    chosen = {max(steps): known[max(steps)] for steps in until if steps}
    if trial.state == COMPLETE and trial.value is not None:
        chosen[fidelity.high] = trial.value
    return chosen


def modelled(
    problem: Problem, trials: Sequence[Trial], most: int, failed: Failed | None
) -> Modelled:
    """The points of trials to maximise, at most so many, in an order of their own."""
    fidelity, sign = problem.fidelity, problem.goal.sign
    assert fidelity is not None
    codes = rows(problem, trials)
    listed: list[tuple[int, float, float]] = []
    """Of each point the place of its trial, the time and the value."""
    bad = []
    for i, trial in enumerate(trials):
        for step, value in points(fidelity, trial).items():
            listed.append((i, time(fidelity, step), sign * value))
        if trial.state == FAILED and failed is not None and failed.modelled:
            bad.append(i)
    owners, times, values = (np.array(part) for part in zip(*listed, strict=True))
    std = np.array([_error(fidelity, trials[i], t) for i, t, _ in listed], np.float64)
    if bad and failed is not None:
        unit = deviation(values)
        worst = values.min() - failed.penalty * unit
        owners, times = np.append(owners, bad), np.append(times, np.ones(len(bad)))
        values = np.append(values, np.full(len(bad), worst))
        std = np.append(std, np.full(len(bad), failed.std * unit))
    owners = owners.astype(int)
    numbers = np.array([float(trials[i].number) for i in owners])
    x = np.concatenate([codes[owners], times[:, None], numbers[:, None]], axis=1)
    kept = subset(x, values, most)
    data, order = canonical(TrainingData(x[kept], values[kept], std[kept]))
    whose = tuple(trials[i] for i in owners[kept][order])
    return Modelled(data, whose, _ends(data), len(values))


def last_rows(problem: Problem, trials: Sequence[Trial]) -> np.ndarray:
    """Rows `[n, d + 2]` of trials at the last step."""
    return np.concatenate([rows(problem, trials), ahead(trials, 0)], axis=1)


def ahead(running: Sequence[Trial], q: int) -> np.ndarray:
    """The last step and the number of running trials, then of new ones, `[m + q, 2]`."""
    numbers = [float(trial.number) for trial in running] + [NEW] * q
    return np.stack([np.ones(len(numbers)), np.array(numbers)], axis=1)


def _ends(data: TrainingData) -> TrainingData:
    """The last point of each trial, with codes alone."""
    last = {data.x[i, -1]: i for i in np.argsort(data.x[:, -2], kind="stable")}
    kept = sorted(last.values())
    return TrainingData(data.x[kept, :-2], data.y[kept], data.std[kept])


def _error(fidelity: Fidelity, trial: Trial, at: float) -> float:
    """Standard error of a point: that of the value where it is of the step that was told."""
    told = trial.until if trial.until is not None else fidelity.high
    return (trial.std or 0.0) if at >= time(fidelity, told) - SAME else 0.0


def subset(x: np.ndarray, y: np.ndarray, most: int) -> np.ndarray:
    """Indices of at most `most` points, those of whole trials, of one at least.

    They are of the trials that went furthest; of those that stand where room ends, as `data.subset` has it.
    """
    if len(y) <= most:
        return np.arange(len(y))
    trials, first, owner, count = np.unique(
        x[:, -1], return_index=True, return_inverse=True, return_counts=True
    )
    furthest = np.full(len(trials), -np.inf)
    np.maximum.at(furthest, owner, x[:, -2])
    last = np.zeros(len(trials))
    order = np.argsort(x[:, -2], kind="stable")
    last[owner[order]] = y[order]
    # Trials that stand at the step where room ends compete for it.
    ranked = np.argsort(-furthest, kind="stable")
    within = int(np.searchsorted(np.cumsum(count[ranked]), most))
    end = furthest[ranked[within]]
    rivals = np.flatnonzero(furthest == end)
    room = most - int(count[furthest > end].sum())
    places = room // int(count[rivals].max())
    if not places and (furthest > end).any():
        return np.flatnonzero((furthest > end)[owner])
    places = max(1, places)
    chosen = rivals[trials_data.subset(x[first[rivals], :-2], last[rivals], places)]
    return np.flatnonzero((furthest > end)[owner] | np.isin(owner, chosen))
