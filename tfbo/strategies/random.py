"""Independent uniform draws: the baseline that anything has to beat."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from tfbo import _random
from tfbo.columns import snap
from tfbo.space import Params
from tfbo.strategies.base import Problem, Strategy, Suggestion, Tried, suggest_each
from tfbo.trial import Trial

# Configurations of a constrained space that are drawn at once where the first one was taken.
_MORE = 16


@dataclasses.dataclass(frozen=True)
class Random(Strategy[Tried]):
    """Independent draws, each parameter uniform on its scale, of those that meet the constraints.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.Study(space, strategy=tfbo.strategies.Random(), seed=0)
        >>> 0.0 <= study.ask().params["x"] <= 1.0
        True
    """

    def suggest(
        self, problem: Problem, state: Tried, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        return suggest_each(problem, state, pending, range(number, number + q), draws)


def draws(problem: Problem, number: int) -> Iterator[Params]:
    """Configurations drawn for the trial of that number, without end."""
    encoded = problem.encoding
    rng = _random.generator(problem.seed, "random", number)
    if problem.region is not None:
        yield from encoded.decode(problem.region.draw(1, rng))
        while True:
            yield from encoded.decode(problem.region.draw(_MORE, rng))
    while True:
        row = rng.random([1, len(encoded.columns)])
        yield encoded.decode(snap(encoded.columns, row))[0]
