"""Rungs: the steps at which trials are compared, how trials stand there, and which of them go on.

Pure functions of trials. The steps are those of `Fidelity.rungs`, or of a bracket of Hyperband's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tfbo.trial import COMPLETE, FAILED, PAUSED, STOPPED, Goal, Trial


class Promotion(NamedTuple):
    """A paused trial that may go on, and the step until which."""

    trial: Trial
    until: int


def value(trial: Trial, step: int) -> float | None:
    """Value that counts of a trial at a step; None before it got there, NaN where it failed on its way.

    It is that of the last finite point of the curve until there, else of the first one after. A trial
    that is complete before the step counts with its final value, for nothing more is to be trained.

    Example:
        >>> trial = Trial(0, {}, PAUSED, 0.4, until=9, curve={1: 0.9, 6: 0.5, 9: 0.4})
        >>> [value(trial, step) for step in (1, 3, 9, 27)]
        [0.9, 0.9, 0.4, None]
    """
    if (trial.reached or 0) >= step:
        finite = [(at, point) for at, point in sorted(trial.curve.items()) if math.isfinite(point)]
        until = [point for at, point in finite if at <= step]
        return until[-1] if until else finite[0][1] if finite else math.nan
    if trial.state == COMPLETE:
        return trial.value
    if trial.state in (STOPPED, FAILED) and (trial.until is None or trial.until >= step):
        return math.nan
    return None


def standings(goal: Goal, trials: Iterable[Trial], step: int) -> list[Trial]:
    """Trials that count at a step, best first: equal ones by number, last those failed or infeasible."""
    there = [(_feasible(trial, value(trial, step)), trial) for trial in trials]
    counted = [(goal.score(at), trial) for at, trial in there if at is not None]
    counted.sort(key=lambda pair: (-pair[0], pair[1].number))
    return [trial for _, trial in counted]


def _feasible(trial: Trial, value: float | None) -> float | None:
    """A value; NaN for that of a trial that is known to break a constraint."""
    return value if value is None or trial.is_feasible is not False else math.nan


def highest(trial: Trial, steps: Sequence[int]) -> int:
    """Index of the last of the steps at which a trial counts; -1 before the first."""
    return sum(value(trial, step) is not None for step in steps) - 1


def waiting(trial: Trial, steps: Sequence[int], index: int) -> bool:
    """True where a trial is paused, and this is the last rung at which it counts."""
    return trial.state == PAUSED and highest(trial, steps) == index


def promotable(
    goal: Goal, steps: Sequence[int], trials: Sequence[Trial], factor: float, least: int = 0
) -> list[Promotion]:
    """Paused trials that may go on by the rule of asynchronous successive halving, in their order.

    At each rung, the best `1 / factor` of the trials that have got there so far, rounded down but to
    `least` at least, go on to the next. The highest rung comes first, at a rung the best trial. A trial
    that is paused before the first rung comes last.

    Source: Li et al. 2020 (arXiv 1810.05934), algorithm 2.

    Example:
        >>> trials = [Trial(i, {}, PAUSED, v, until=1, curve={1: v}) for i, v in enumerate([3.0, 1.0, 2.0])]
        >>> [(each.trial.number, each.until) for each in promotable(Goal("minimize"), (1, 3, 9), trials, 3)]
        [(1, 3)]
    """
    found = []
    for index in reversed(range(len(steps) - 1)):
        standing = standings(goal, trials, steps[index])
        best = standing[: max(int(len(standing) // factor), least)]
        found += [
            Promotion(trial, steps[index + 1]) for trial in best if waiting(trial, steps, index)
        ]
    return found + early(steps, trials)


def early(steps: Sequence[int], trials: Iterable[Trial]) -> list[Promotion]:
    """Trials that are paused before the first rung, which they have yet to reach."""
    return [Promotion(trial, steps[0]) for trial in trials if waiting(trial, steps, -1)]


class Bracket(NamedTuple):
    """Rounds of synchronous successive halving."""

    steps: tuple[int, ...]
    """Steps until which its trials are trained, round by round."""
    sizes: tuple[int, ...]
    """Numbers of trials of its rounds."""

    def of(self, started: int) -> Bracket:
        """The bracket with so few trials in its first round, where there are not as many to try."""
        sizes = [max(1, size * started // self.sizes[0]) for size in self.sizes]
        return self._replace(sizes=tuple(sizes))

    def survivors(self, goal: Goal, trials: Sequence[Trial]) -> list[Promotion]:
        """Paused trials of this bracket that go on whatever the others are going to return.

        The best of a round is sure to be among those that go on once more trials are through with the round
        than will be left behind: so no worker waits for the last of a round, and yet the trials that go on
        are those that would if all had been waited for. Failed trials are left behind.

        Example:
            >>> curves = enumerate([0.5, 0.1, 0.3, 0.2])
            >>> trials = [Trial(i, {}, PAUSED, v, until=1, curve={1: v}) for i, v in curves]
            >>> bracket = Bracket(steps=(1, 3), sizes=(5, 2))
            >>> [each.trial.number for each in bracket.survivors(Goal("minimize"), trials)]  # one runs
            [1]
        """
        found = early(self.steps, trials)
        for index, until in enumerate(self.steps[1:]):
            standing = standings(goal, trials, self.steps[index])
            behind = self.sizes[index] - self.sizes[index + 1]
            sure = standing[: max(0, min(len(standing) - behind, self.sizes[index + 1]))]
            found += [
                Promotion(trial, until) for trial in sure if waiting(trial, self.steps, index)
            ]
        return found

    def are_out(self, goal: Goal, trials: Sequence[Trial]) -> frozenset[int]:
        """Numbers of the paused trials of this bracket that cannot go on any more."""
        out: set[int] = set()
        for index, size in enumerate(self.sizes[1:]):
            standing = standings(goal, trials, self.steps[index])
            out.update(t.number for t in standing[size:] if waiting(t, self.steps, index))
        return frozenset(out)
