"""What to try in a finite space where a configuration may be tried again."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tfbo import _random
from tfbo.space import Space, encoding
from tfbo.strategies import Problem, Strategy, Suggestion
from tfbo.strategies.random import draws

# Before so many trials are complete there is no model of them: as `Bayes` has it.
_FEWEST = 5
# Configurations of which a joint draw is made: its covariance takes 8 MB.
_MOST = 1024
_SEEDS = 2**31


def can_weigh(space: Space, complete: int) -> bool:
    """Whether a space is small enough, and enough trials are complete, to weigh up all of it."""
    return space.cardinality <= _MOST and complete >= _FEWEST


def suggest(
    strategy: Strategy[Any], problem: Problem, state: Any, *, number: int, complete: int
) -> Suggestion:
    """The best configuration by one draw from the strategy's model (Thompson 1933).

    Where the strategy has no model, or too few trials are complete for one, it is one at random.

    Args:
        strategy: with the model.
        problem: of a finite space.
        state: of the strategy.
        number: of the trial; each draws for itself, so that trials that run at once differ.
        complete: how many trials are complete.
    """
    space, seed = problem.space, problem.seed
    surrogate = getattr(strategy, "surrogate", lambda problem, state: None)
    model = surrogate(problem, state) if complete >= _FEWEST else None
    if model is None:
        return Suggestion(next(draws(space, seed, number)), {})
    whole = space.cardinality <= _MOST
    candidates = list(
        itertools.islice(space.grid(2) if whole else draws(space, seed, number), _MOST)
    )
    own = int(_random.generator(seed, "repeats", number).integers(_SEEDS))
    drawn = model.draws(encoding(space).encode(candidates), 1, own)
    return Suggestion(candidates[int(np.argmax(drawn[0]))], {})
