"""What to try in a finite space where a configuration may be tried again."""

from __future__ import annotations

from typing import Any

from tfbo.space import Space
from tfbo.strategies import Problem, Strategy, Suggestion
from tfbo.strategies.bayes import repeats

# Before so many trials are complete there is no model of them: as `Bayes` has it.
_FEWEST = 5


def can_weigh(space: Space, complete: int) -> bool:
    """Whether a space is small enough, and enough trials are complete, to weigh up all of it."""
    return space.cardinality <= repeats.MOST and complete >= _FEWEST


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
    model = strategy.surrogate(problem, state) if complete >= _FEWEST else None
    return Suggestion(repeats.suggest(model, problem, number), {})
