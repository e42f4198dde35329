"""Strategies and a chooser of tfbo that suggest nothing but rows of a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfbo.optim import mixed
from tfbo.space import Params, Space, encoding
from tfbo.strategies import Problem, Sobol, Strategy, Suggestion
from tfbo.strategies.base import key
from tfbo.strategies.bayes.chooser import Answer, Scene, Worth
from tfbo.strategies.bayes.greedy import Greedy
from tfbo.trial import Trial


class Rows:
    """A table's rows, and the ways to suggest them.

    Args:
        space: of the table.
        params: its rows.
    """

    def __init__(self, space: Space, params: Sequence[Params]) -> None:
        codes = encoding(space).encode(params)
        self.chooser = Among(rows=codes)
        self.drawn = Drawn(tuple(params))
        self.near = Near(tuple(params), codes)


@dataclasses.dataclass(frozen=True, eq=False)
class Among(Greedy):
    """The untried rows of the largest acquisition, one after the other.

    Args:
        rows: codes `[n, d]`.
    """

    can_pad = False
    _: dataclasses.KW_ONLY
    rows: np.ndarray

    def choose(self, scene: Scene) -> Answer:
        """See `Chooser`."""
        rows = tf.constant(self.rows, tf.float64)
        lowest = tf.constant(-np.inf, tf.float64)

        def best(worth: Worth, taken: mixed.Test) -> mixed.Maximum:
            value = worth(rows[:, None, :])
            value = tf.where(taken(rows) | tf.math.is_nan(value), lowest, value)
            i = tf.argmax(value)
            return mixed.Maximum(rows[i], value[i], value[i] > lowest)

        return scene.one_by_one(best, tf.math.ndtri(scene.question.numbers))


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn(Strategy[Any]):
    """Untried rows at random.

    Args:
        rows: of the table.
    """

    rows: tuple[Params, ...]

    def suggest(  # noqa: D102
        self, problem: Problem, state: Any, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        taken = {*state.keys, *(key(trial.params) for trial in pending)}
        order = np.random.default_rng([problem.seed, number]).permutation(len(self.rows))
        left = (self.rows[i] for i in order if key(self.rows[i]) not in taken)
        return [Suggestion(params, {}) for params, _ in zip(left, range(q), strict=False)]


@dataclasses.dataclass(frozen=True, eq=False)
class Near(Strategy[Any]):
    """The untried rows nearest to the centre and to points of a Sobol sequence.

    Args:
        rows: of the table.
        codes: of the rows, `[n, d]`.
    """

    rows: tuple[Params, ...]
    codes: np.ndarray
    design: Sobol = Sobol(centre=True)

    def suggest(  # noqa: D102
        self, problem: Problem, state: Any, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        taken = {*state.keys, *(key(trial.params) for trial in pending)}
        points = self.design.suggest(problem, state, pending=pending, number=number, q=q)
        suggestions = []
        for point in problem.encoding.encode([each.params for each in points]):
            order = np.argsort(np.sum((self.codes - point) ** 2, axis=1))
            params = next(self.rows[i] for i in order if key(self.rows[i]) not in taken)
            taken.add(key(params))
            suggestions.append(Suggestion(params, {}))
        return suggestions
