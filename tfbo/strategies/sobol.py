"""A scrambled Sobol sequence: random, but evenly spread."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from tfbo import _random
from tfbo.columns import snap
from tfbo.space import Params, Space, encoding
from tfbo.strategies.base import Problem, Suggestion, Tried, fold_tried, suggest_each
from tfbo.strategies.random import draws
from tfbo.trial import Trial


@dataclasses.dataclass(frozen=True)
class Sobol:
    """Trial i tries point i of a scrambled Sobol sequence; the seed decides the scrambling.

    Source: Joe and Kuo 2008; Owen 1995.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.Study(space, strategy=tfbo.strategies.Sobol(), seed=0)
        >>> sorted(int(trial.params["x"] * 4) for trial in study.ask(4))  # one in each quarter
        [0, 1, 2, 3]
    """

    def fold(self, problem: Problem, state: Tried | None, told: Sequence[Trial]) -> Tried:
        """See `Strategy`."""
        return fold_tried(state, told)

    def suggest(
        self, problem: Problem, state: Tried, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        return suggest_each(problem, state, pending, range(number, number + q), points)

    def prepare(self, problem: Problem, most: int | None) -> None:
        """See `Strategy`: nothing takes long."""

    def best(self, problem: Problem, state: Tried) -> None:
        """See `Strategy`: the best value is the best."""

    def surrogate(self, problem: Problem, state: Tried) -> None:
        """See `Strategy`: it has none."""


def points(space: Space, seed: int, number: int) -> Iterator[Params]:
    """The configuration at point `number` of the sequence, then (should it be taken) random ones."""
    encoded = encoding(space)
    row = _random.sobol(1, len(encoded.columns), seed, start=number)
    first = encoded.decode(snap(encoded.columns, row))
    return itertools.chain(first, draws(space, seed, number))
