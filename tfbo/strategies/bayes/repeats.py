"""Configurations that are tried again, in a finite space of which all have been tried."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from tfbo import _random
from tfbo.space import Params
from tfbo.strategies.base import Key, Problem, key
from tfbo.strategies.bayes.surrogate import GaussianSurrogate
from tfbo.strategies.random import draws
from tfbo.strategies.surrogate import Surrogate
from tfbo.trial import COMPLETE, FAILED, Trial
from tfbo.trial.front import on_front

# Configurations of which a joint draw is made: its covariance takes 8 MB.
MOST = 1024
# So many repeats that return what was returned before say that there is no noise. One may do so by
# chance: of an accuracy on a thousand samples every eighteenth does.
_ENOUGH = 2
# Noise that may be there matters where the model predicts each outcome from the others no better than this,
# a squared residual in standardised outcomes. In spaces of twelve configurations smooth functions without
# noise had 0.001 and less, those with noise of a third of their spread 0.006 and more.
_UNPREDICTED = 3e-3


def are_worthwhile(
    noise: str | float,
    trials: Collection[Trial],
    surrogates: Callable[[], Sequence[GaussianSurrogate]],
) -> bool:
    """True where a configuration may return another value than before.

    Noise is known where it is given, where standard errors are told, or where a repeat has returned
    another value. Without any repeat nothing tells noise from a rugged function: then whatever the
    model fails to predict may be noise, which repeats find out.
    """
    if not any(trial.state == COMPLETE for trial in trials):
        return False
    if not isinstance(noise, str) or any(trial.std or any(trial.stds.values()) for trial in trials):
        return True
    if noise == "none":
        return False
    values: dict[Key, list[Any]] = {}
    for trial in trials:
        if trial.state == COMPLETE:
            told = trial.value, *sorted(trial.values.items())
            values.setdefault(key(trial.params), []).append(told)
    if any(len(set(same)) > 1 for same in values.values()):
        return True
    if sum(len(same) - 1 for same in values.values()) >= _ENOUGH:
        return False
    return any(fitted.unpredicted >= _UNPREDICTED for fitted in surrogates())


def suggest(
    surrogates: Sequence[Surrogate], problem: Problem, number: int, trials: Collection[Trial] = ()
) -> Params:
    """The best configuration by one draw of the function (Thompson 1933); without a model one at random.

    Of several objectives it is one of the front of a draw of each. Each number draws for itself, so that
    trials that run at once differ. A configuration of which all trials failed, or broke constraints, is not
    tried again; one that was stopped may be.
    """
    space, own = (
        problem.space,
        int(_random.generator(problem.seed, "repeats", number).integers(2**31)),
    )
    if not surrogates:
        return next(draws(problem, number))
    every = space.grid(2) if space.cardinality <= MOST else draws(problem, number)
    candidates = list(itertools.islice(every, MOST))
    for bad in (_failed, _infeasible):
        good = {key(trial.params) for trial in trials if not bad(trial)}
        never = {key(trial.params) for trial in trials} - good
        candidates = [params for params in candidates if key(params) not in never] or candidates
    rows = problem.encoding.encode(candidates)
    drawn = np.stack([each.draws(rows, 1, own + i)[0] for i, each in enumerate(surrogates)])
    if len(drawn) == 1:
        return candidates[int(np.argmax(drawn[0]))]
    front = np.flatnonzero(on_front(drawn.T))
    return candidates[int(front[own % len(front)])]


def _failed(trial: Trial) -> bool:
    return trial.state == FAILED


def _infeasible(trial: Trial) -> bool:
    return trial.is_feasible is False
