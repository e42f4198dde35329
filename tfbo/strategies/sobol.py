"""A scrambled Sobol sequence: random, but evenly spread."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from tfbo import _random
from tfbo.columns import snap
from tfbo.space import Params
from tfbo.strategies.base import Problem, Strategy, Suggestion, Tried, suggest_each
from tfbo.strategies.random import draws
from tfbo.trial import Trial


@dataclasses.dataclass(frozen=True)
class Sobol(Strategy[Tried]):
    """Trial i tries point i of a scrambled Sobol sequence; the seed decides the scrambling.

    Source: Joe and Kuo 2008; Owen 1995.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.Study(space, strategy=tfbo.strategies.Sobol(), seed=0)
        >>> sorted(int(trial.params["x"] * 4) for trial in study.ask(4))  # one in each quarter
        [0, 1, 2, 3]
    """

    def suggest(
        self, problem: Problem, state: Tried, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        return suggest_each(problem, state, pending, range(number, number + q), points)


def points(problem: Problem, number: int) -> Iterator[Params]:
    """The configuration at point `number` of the sequence, then (should it be taken) random ones."""
    encoded = problem.encoding
    row = _random.sobol(1, len(encoded.columns), problem.seed, start=number)
    first = encoded.decode(snap(encoded.columns, row))
    return itertools.chain(first, draws(problem, number))
