"""A scrambled Sobol sequence: random, but evenly spread."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from tfbo import _random
from tfbo.columns import snap
from tfbo.space import Params
from tfbo.strategies.base import Problem, Strategy, Suggestion, Tried, suggest_each
from tfbo.strategies.random import draws
from tfbo.trial import Trial


@dataclasses.dataclass(frozen=True)
class Sobol(Strategy[Tried]):
    """Trial i tries point i of a scrambled Sobol sequence; the seed decides the scrambling.

    Where there are constraints, the legal points of the sequence count, or where these are few, images of
    all points that are spread as evenly over what is legal.

    Args:
        centre: whether the first trial is the centre of the space instead, around which a range is mostly
            chosen because it is known to work; of categories the centre has the first one. Where it
            breaks a constraint, the first trial is a legal configuration near it.

    Source: Joe and Kuo 2008; Owen 1995.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.Study(space, strategy=tfbo.strategies.Sobol(), seed=0)
        >>> sorted(int(trial.params["x"] * 4) for trial in study.ask(4))  # one in each quarter
        [0, 1, 2, 3]
    """

    centre: bool = False

    def suggest(
        self, problem: Problem, state: Tried, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        points = functools.partial(_points, centre=self.centre)
        return suggest_each(problem, state, pending, range(number, number + q), points)


def _points(problem: Problem, number: int, *, centre: bool) -> Iterator[Params]:
    """The configuration at point `number` of the sequence, then (should it be taken) random ones."""
    encoded, region = problem.encoding, problem.region
    d = len(encoded.columns)

    def sequence(start: int, count: int) -> np.ndarray:
        return _random.sobol(count, d, problem.seed, start=start)

    if region is None:
        rows = snap(encoded.columns, sequence(number, 1))
    else:
        rows = region.cover(1, sequence, number)
    if centre and number == 0:
        middle = [0.0 if column.categorical else 0.5 for column in encoded.columns.columns]
        rows = np.concatenate([snap(encoded.columns, np.array([middle])), rows])
    if region is not None:
        rows = region.repair(rows)
    return itertools.chain(encoded.decode(rows), draws(problem, number))
