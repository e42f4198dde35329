"""Stages of training by the model: which paused trials go on, and which are not worth further steps.

The rungs of successive halving say how many trials go on. Which ones the model says: of all that are paused
at a rung, those of the best posterior mean at the last step. It knows the configurations around a trial and
the shape of all curves, where the rung knows one noisy value. And up to half of all steps go to the trial
that is predicted best of all, whatever its rung: so a good one is trained to the end early.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfbo import _random
from tfbo.strategies import rungs
from tfbo.strategies.base import Problem, Suggestion
from tfbo.strategies.bayes import ask, warm_start
from tfbo.strategies.bayes.data import History, fold
from tfbo.strategies.bayes.outlook import outlook
from tfbo.trial import COMPLETE, PAUSED, RUNNING, WAITING, Fidelity, Trial

# A trial is hopeless where it becomes the best with a probability below 0.05, this many deviations away.
# They count twice, for forecasts from first steps are surer than they are right: counted once, 170 of 500
# trainings of recurrent networks were ended, the one that would have been the best among them, and so six.
_HOPELESS = -1.6448536269514722
_UNSURE = 2.0
# Before so many trials are complete nothing is hopeless.
_LEAST_COMPLETE = 3
# Half of the steps go to trials that are predicted best. A tenth of the new ones, or more at first, come
# from the initial design. What that is worth: benchmarks/results/curves-taskset.md.
_LEAD, _EXPLORED = 0.5, 0.1
LEAD = "lead"
"""Note of a trial: steps that it was given as the one that was predicted best."""


def going_on(
    settings: ask.Settings,
    problem: Problem,
    history: History,
    pending: Sequence[Trial],
    number: int | None,
) -> list[Suggestion]:
    """Paused trials that go on, in their order.

    Args:
        settings: of the strategy.
        problem: with a fidelity.
        history: of finished trials.
        pending: unfinished ones.
        number: of the next new trial; None before the model takes over.
    """
    paused = [trial for trial in pending if trial.state == PAUSED]
    every = (*history.trials, *pending)
    if not paused or number is None:
        return []
    fitted = ask.fitted(settings, problem, history, pending, number)
    seen = outlook(settings.model.kernel, problem, history, paused, fitted.fit)
    paused.sort(
        key=lambda trial: (-np.nan_to_num(seen.mean[trial.number], nan=-np.inf), trial.number)
    )
    notes = warm_start.notes(fitted.fit.found, fitted.searched)
    ahead = lead(problem, every, paused)
    found = [
        Suggestion(t.params, {**notes, LEAD: spent}, until, t.number) for t, until, spent in ahead
    ]
    led = {suggestion.trial for suggestion in found}
    for trial, until in promotions(problem, every, paused):
        if trial.number not in led:
            found.append(Suggestion(trial.params, notes, until, trial.number))
    unfinished = not any(trial.state == COMPLETE or _ahead(trial) for trial in every)
    if problem.closed and not found and unfinished and problem.fidelity is not None:
        # Too few for a rule to let one go on: a search ends with one that is complete.
        best, until = paused[0], problem.fidelity.after(paused[0].until or 0)
        found = [Suggestion(best.params, notes, until, best.number)]
    return found


def lead(
    problem: Problem, every: Sequence[Trial], paused: Sequence[Trial]
) -> list[tuple[Trial, int, int]]:
    """The trial that is predicted best of all that are paused, where its share of all steps is not used up.

    With it the step until which it goes on, and the steps that it has been given as the leader.
    """
    fidelity = problem.fidelity
    assert fidelity is not None
    trial = paused[0]
    start = (trial.until or 0) if fidelity.resume else 0
    until = fidelity.after(trial.until or 0)
    given = sum(int(each.notes.get(LEAD, 0)) for each in every)
    spent = sum((each.spent or 0) + _ahead(each) for each in every)
    if given + until - start > _LEAD * spent:
        return []
    return [(trial, until, int(trial.notes.get(LEAD, 0)) + until - start)]


def _ahead(trial: Trial) -> int:
    """Steps that a trial is going to be trained for, where it runs."""
    return (trial.until or 0) - (trial.start or 0) if trial.state in (RUNNING, WAITING) else 0


def explores(problem: Problem, numbers: Sequence[int], few: int) -> bool:
    """True for single new trials that go on with the initial design of `few`.

    A model knows little of regions like none that it has seen. The share of such trials falls with
    the number of trials, as `few` to that number, but to a tenth.
    """
    if problem.fidelity is None or len(numbers) > 1:
        return False
    share = max(_EXPLORED, few / max(1, numbers[0]))
    return bool(_random.generator(problem.seed, "stages", numbers[0]).random() < share)


def first(fidelity: Fidelity | None, suggestions: list[Suggestion]) -> list[Suggestion]:
    """Suggestions of new trials, until the first rung where there are any."""
    if fidelity is None:
        return suggestions
    return [suggestion._replace(until=fidelity.low) for suggestion in suggestions]


def promotions(
    problem: Problem, every: Sequence[Trial], ranked: Sequence[Trial]
) -> list[rungs.Promotion]:
    """Paused trials that go on, ranked best first; the highest rung comes first.

    As many go on from a rung as by the rule of asynchronous successive halving.
    """
    fidelity = problem.fidelity
    assert fidelity is not None
    steps, found = fidelity.rungs, []
    level = {trial.number: rungs.highest(trial, steps) for trial in every}
    for index in reversed(range(len(steps) - 1)):
        standing = [trial for trial in every if level[trial.number] >= index]
        gone = sum(_is_beyond(trial, level[trial.number], index, steps) for trial in standing)
        here = [trial for trial in ranked if level[trial.number] == index]
        room = max(0, int(len(standing) // fidelity.factor) - gone)
        found += [rungs.Promotion(trial, steps[index + 1]) for trial in here[:room]]
    return found + rungs.early(steps, every)


def hopeless(
    settings: ask.Settings,
    problem: Problem,
    history: History,
    trials: Sequence[Trial],
    pending: Sequence[Trial],
) -> frozenset[int]:
    """Numbers of the trials that become the best one with a probability below 0.05, by the model.

    The deviations of its forecasts count twice. Nothing is hopeless before three trials are complete.
    """
    if sum(trial.state == COMPLETE for trial in history.trials) < _LEAST_COMPLETE:
        return frozenset()
    found = ask.stay(settings, problem, history, pending)
    if found is None:
        return frozenset()
    seen = outlook(settings.model.kernel, problem, history, trials, found)
    return frozenset(
        trial.number
        for trial in trials
        if seen.mean[trial.number] - seen.best < _HOPELESS * _UNSURE * seen.std[trial.number]
    )


def prepare(
    settings: ask.Settings, problem: Problem, fidelity: Fidelity, points: Sequence[Suggestion]
) -> None:
    """Have the programs compiled, by asking them of made-up trials that are paused at these points."""
    low = fidelity.low
    trials = [
        Trial(
            i, each.params, PAUSED, float(i), start=0, until=low, spent=low, curve={low: float(i)}
        )
        for i, each in enumerate(points)
    ]
    history, numbers = fold(problem, None, ()), range(len(trials), len(trials) + 1)
    _, notes = ask.suggest(settings, problem, history, trials, numbers)
    trials[0] = dataclasses.replace(trials[0], notes=notes)  # from where the next fit begins
    going_on(settings, problem, history, trials, numbers[0])


def _is_beyond(trial: Trial, level: int, index: int, steps: Sequence[int]) -> bool:
    """True where a trial has gone on from a rung, or runs beyond it, or waits to do so again."""
    if level > index or trial.state == COMPLETE:
        return True
    return trial.state in (RUNNING, WAITING) and (trial.until or 0) > steps[index]
