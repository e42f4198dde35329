"""A variant: a strategy that a user could pass, and why it is tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import regret_report

from tfbo.strategies import Bayes, Problem, Strategy, Suggestion, Surrogate
from tfbo.trial import Trial

DEFAULT = regret_report.OURS
BUDGET = 60
"""Trials of a run."""


class Variant(NamedTuple):
    """The default strategy but for one choice."""

    why: str
    strategy: Strategy[Any] = Bayes()


@dataclasses.dataclass(frozen=True)
class Switching(Strategy[Any]):
    """Another strategy from trial to trial; all of them have the state of `Bayes`.

    Args:
        choose: from the number of finished trials to the strategy.
    """

    choose: Callable[[int], Bayes]

    def fold(self, problem: Problem, state: Any, told: Sequence[Trial]) -> Any:  # noqa: D102
        return Bayes().fold(problem, state, told)

    def suggest(  # noqa: D102
        self, problem: Problem, state: Any, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        chosen = self.choose(len(state.trials))
        return chosen.suggest(problem, state, pending=pending, number=number, q=q)

    def best(self, problem: Problem, state: Any, *, pending: Any = ()) -> int | None:  # noqa: D102
        return self.choose(len(state.trials)).best(problem, state)

    def surrogate(self, problem: Problem, state: Any, *, pending: Any = ()) -> Surrogate:  # noqa: D102
        return self.choose(len(state.trials)).surrogate(problem, state)
