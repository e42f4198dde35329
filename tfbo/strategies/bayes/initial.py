"""The initial design of `Bayes`: the centre of the space, then a Sobol sequence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from tfbo.columns import snap
from tfbo.space import Params
from tfbo.strategies import sobol
from tfbo.strategies.base import Problem


def points(problem: Problem, number: int) -> Iterator[Params]:
    """The configuration to try as the trial of that number, then others should it be taken.

    Of categories the centre has the first one.
    """
    others = sobol.points(problem, number)
    if number:
        return others
    encoded = problem.encoding
    row = [0.0 if column.categorical else 0.5 for column in encoded.columns.columns]
    centre = encoded.decode(snap(encoded.columns, np.array([row])))
    return itertools.chain(centre, others)
