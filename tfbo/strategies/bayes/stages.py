"""Stages of training by the model: which paused trials go on, and which are not worth further steps.

The rungs of successive halving say how many trials go on. Which ones the model says: of all that are paused
at a rung, those of the best posterior mean at the last step. It knows the configurations around a trial and
the shape of all curves, where the rung knows one noisy value.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfbo.strategies import rungs
from tfbo.strategies.base import Problem, Suggestion
from tfbo.strategies.bayes import ask
from tfbo.strategies.bayes.data import History
from tfbo.strategies.bayes.outlook import Outlook, outlook
from tfbo.trial import COMPLETE, PAUSED, RUNNING, Fidelity, Trial

# A trial is hopeless where it becomes the best with a probability below 0.05, this many deviations away.
_HOPELESS = -1.6448536269514722
# Before so many trials are complete nothing is hopeless.
_LEAST_COMPLETE = 3


def going_on(
    settings: ask.Settings, problem: Problem, history: History, pending: Sequence[Trial]
) -> list[Suggestion]:
    """Paused trials that go on, in their order."""
    paused = [trial for trial in pending if trial.state == PAUSED]
    seen = outlook(settings, problem, history, paused, pending)
    found = promotions(problem, (*history.trials, *pending), seen)
    return [
        Suggestion(each.trial.params, {}, until=each.until, trial=each.trial.number)
        for each in found
    ]


def first(fidelity: Fidelity | None, suggestions: list[Suggestion]) -> list[Suggestion]:
    """Suggestions of new trials, until the first rung where there are any."""
    if fidelity is None:
        return suggestions
    return [suggestion._replace(until=fidelity.low) for suggestion in suggestions]


def promotions(
    problem: Problem, trials: Sequence[Trial], seen: Outlook | None
) -> list[rungs.Promotion]:
    """Paused trials that go on, the highest rung first; without an outlook by their values there."""
    fidelity, goal = problem.fidelity, problem.goal
    assert fidelity is not None
    steps, found = fidelity.rungs, []
    for index in reversed(range(len(steps) - 1)):
        standing = rungs.standings(goal, trials, steps[index])
        gone = [trial for trial in standing if _is_beyond(trial, steps, index)]
        here = [trial for trial in standing if rungs.waiting(trial, steps, index)]
        if seen is not None:
            here.sort(key=lambda trial: (-seen.mean[trial.number], trial.number))
        room = int(len(standing) // fidelity.factor) - len(gone)
        found += [rungs.Promotion(trial, steps[index + 1]) for trial in here[: max(0, room)]]
    return found + rungs.early(steps, trials)


def hopeless(
    settings: ask.Settings,
    problem: Problem,
    history: History,
    trials: Sequence[Trial],
    pending: Sequence[Trial],
) -> frozenset[int]:
    """Numbers of the trials that become the best one with a probability below 0.05, by the model.

    Nothing is hopeless before three trials are complete.
    """
    if sum(trial.state == COMPLETE for trial in history.trials) < _LEAST_COMPLETE:
        return frozenset()
    seen = outlook(settings, problem, history, trials, pending)
    if seen is None:
        return frozenset()
    return frozenset(
        trial.number
        for trial in trials
        if seen.mean[trial.number] - seen.best < _HOPELESS * seen.std[trial.number]
    )


def _is_beyond(trial: Trial, steps: Sequence[int], index: int) -> bool:
    """True where a trial has gone on from a rung, or runs beyond it."""
    if rungs.highest(trial, steps) > index or trial.state == COMPLETE:
        return True
    return trial.state == RUNNING and (trial.until or 0) > steps[index]
