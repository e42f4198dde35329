"""The outputs that a problem has, and its constraints as conditions on them."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tfbo._messages import warn
from tfbo.space import Params
from tfbo.space.expressions import Expression
from tfbo.strategies.base import Problem
from tfbo.trial import COMPLETE, FAILED, Goals, OutcomeConstraints, Trial
from tfbo.trial.constraints import EQUAL, tolerance

# Values among which the threshold of a constraint is looked for, twenty a decade, and the steps from there.
_MAGNITUDES = 10.0 ** np.arange(-12.0, 12.0, 0.05)
_SCANNED = np.concatenate([-_MAGNITUDES[::-1], [0.0], _MAGNITUDES])
_BISECTIONS = 60


class Condition(NamedTuple):
    """A constraint as a condition on outputs."""

    expression: Expression
    outputs: tuple[int, ...]
    """The outputs of its names."""
    rising: bool | None
    """True where it holds above a threshold of its single output, False where below; else None."""
    edge: float = 0.0
    """That threshold, in the user's units."""


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Outputs of a problem: objectives first, then the constrained outcomes that are no objectives."""

    names: tuple[str | None, ...]
    """Of the outputs; None stands for the value of a single objective."""
    signs: tuple[float, ...]
    """Factors of values, of which larger is better for objectives."""
    objectives: int
    conditions: tuple[Condition, ...]

    def values(self, trials: Sequence[Trial]) -> np.ndarray:
        """Outcomes `[m, n]`, turned so that larger is better of objectives; NaN where missing."""
        rows = [[_value(name, trial) for trial in trials] for name in self.names]
        values = np.array(rows, np.float64).reshape(len(self.names), len(trials))
        return np.where(np.isfinite(values), values, np.nan) * np.array(self.signs)[:, None]

    def errors(self, trials: Sequence[Trial]) -> np.ndarray:
        """Standard errors `[m, n]` of these, zero where unknown."""
        rows = [[_error(name, trial) for trial in trials] for name in self.names]
        return np.array(rows, np.float64).reshape(len(self.names), len(trials))

    def threshold(self, output: int) -> float | None:
        """The single value, turned, at which a constraint of this output alone begins to hold.

        None where constraints are more than that: then it is modelled as it is.
        """
        mine = [each for each in self.conditions if output in each.outputs]
        edges = {each.edge for each in mine}
        if len(edges) != 1 or any(each.rising is None for each in mine):
            return None
        return self.signs[output] * edges.pop()

    def is_bent(self, output: int) -> bool:
        """True for an output whose outcomes may be transformed: no expression mixes it with others."""
        mine = [each for each in self.conditions if output in each.outputs]
        return all(each.rising is not None for each in mine)

    def margins(self, values: np.ndarray) -> np.ndarray:
        """Margins `[c, ...]` of turned outcomes `[m, ...]`, >= 0 where a constraint holds.

        Of an equality it is what its two sides' distance is below the tolerance.
        """
        found = [np.zeros([0, *values.shape[1:]])]
        with np.errstate(all="ignore"):
            for each in self.conditions:
                named = self._named(each, values)
                margin = np.asarray(each.expression.margin(named, None, np), np.float64)
                if each.expression.is_equality:
                    margin = _tolerances(each.expression, named) - np.abs(margin)
                found.append(margin[None])
        return np.concatenate(found)

    def tolerances(self, values: np.ndarray) -> np.ndarray:
        """Tolerances `[c]` of equalities, at the outcomes `[m, n]` that are the closest to meet each.

        They are 0 for other constraints.
        """
        found = np.zeros(len(self.conditions))
        margins = self.margins(values)
        margins = np.where(np.isnan(margins), -np.inf, margins)
        for j, each in enumerate(self.conditions):
            if each.expression.is_equality:
                closest = values[:, margins[j].argmax(keepdims=True)]
                found[j] = _tolerances(each.expression, self._named(each, closest))[0]
        return np.where(np.isfinite(found), found, EQUAL)

    def _named(self, condition: Condition, values: np.ndarray) -> dict[str, np.ndarray]:
        """Outcomes in the user's units, by the names in a condition."""
        names = condition.expression.names
        return {
            name: self.signs[i] * values[i]
            for name, i in zip(names, condition.outputs, strict=True)
        }


def _tolerances(expression: Expression, named: Mapping[str, np.ndarray]) -> np.ndarray:
    """Tolerances of an equality at arrays of outcomes; NaN where one is missing."""
    arrays = list(named.values())
    points = zip(*(array.ravel().tolist() for array in arrays), strict=True)
    found = [
        tolerance(expression, dict(zip(named, point, strict=True)))
        if not any(map(math.isnan, point))
        else math.nan
        for point in points
    ]
    return np.array(found, np.float64).reshape(arrays[0].shape)


def _value(name: str | None, trial: Trial) -> float:
    if trial.state not in (COMPLETE, FAILED):
        return np.nan
    value = trial.value if name is None else trial.values.get(name)
    return np.nan if value is None else value


def _error(name: str | None, trial: Trial) -> float:
    return (trial.std if name is None else trial.stds.get(name)) or 0.0


def of(problem: Problem) -> Outputs | None:
    """The outputs of a problem; None for a single objective without constraints."""
    if problem.goals is None and problem.constraints is None:
        return None
    return _of(problem.goals, problem.constraints, problem.goal.sign, problem.objective)


def those_of(problem: Problem) -> Outputs:
    """The outputs of a problem that has several."""
    outputs = of(problem)
    assert outputs is not None, "a problem of one objective without constraints has one output"
    return outputs


def modelled(problem: Problem) -> Problem:
    """The problem as it is modelled: several outputs at the ends of trials, without learning curves."""
    return problem if of(problem) is None else problem._replace(fidelity=None)


def untold(problem: Problem, trials: Sequence[Trial]) -> list[str]:
    """The outputs of which nothing has been told, by name."""
    outputs = of(problem)
    if outputs is None:
        return []
    nothing = np.isnan(outputs.values(trials)).all(axis=1)
    names = [problem.objective if name is None else name for name in outputs.names]
    return list(itertools.compress(names, nothing))


def waits(problem: Problem, trials: Sequence[Trial]) -> bool:
    """True where the model has to wait for an output of which nothing has been told; that is warned of."""
    names = untold(problem, trials)
    if names:
        warn(
            f"No trial has been told a value of {', '.join(map(repr, names))}: until then suggestions are "
            "those of the initial strategy. Return it, or leave out what constrains it."
        )
    return bool(names)


def examples(problem: Problem, configurations: Sequence[Params]) -> list[Trial]:
    """Made-up complete trials, with all outcomes that the problem has."""
    outputs = of(problem)
    names = [] if outputs is None else [name for name in outputs.names if name is not None]
    return [
        Trial(i, params, COMPLETE, float(i), values={n: float(i + j) for j, n in enumerate(names)})
        for i, params in enumerate(configurations)
    ]


@functools.lru_cache(maxsize=64)
def _of(
    goals: Goals | None, constraints: OutcomeConstraints | None, sign: float, objective: str
) -> Outputs:
    names = [objective] if goals is None else list(goals.names)
    signs = [sign] if goals is None else goals.signs.tolist()
    objectives = len(names)
    expressions = () if constraints is None else constraints.expressions
    for name in () if constraints is None else constraints.names:
        if name not in names:
            names.append(name)
            signs.append(1.0)
    conditions = tuple(_condition(expression, names) for expression in expressions)
    told: list[str | None] = [None, *names[1:]] if goals is None else [*names]
    return Outputs(tuple(told), tuple(signs), objectives, conditions)


def _condition(expression: Expression, names: Sequence[str]) -> Condition:
    outputs = tuple(names.index(name) for name in expression.names)
    plain = Condition(expression, outputs, None)
    if len(outputs) != 1 or expression.is_equality:
        return plain
    if not expression.is_linear():
        return _at_edge(plain)
    (name,) = expression.names
    base, slope = (float(expression.margin({name: np.float64(v)}, None, np)) for v in (0.0, 1.0))
    slope -= base
    if not slope or not np.isfinite([base, slope]).all():
        return plain
    return Condition(expression, outputs, slope > 0.0, -base / slope)


def _at_edge(plain: Condition) -> Condition:
    """The condition by its threshold where it has one, as `log(a) <= 3` has: found by bisection.

    The end of where a side has a value is none: an outcome whose logarithm is taken is positive, though its
    process may not be.
    """
    (name,) = plain.expression.names

    def margin(values: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            found = plain.expression.margin({name: values}, None, np)
        return np.broadcast_to(np.asarray(found, np.float64), values.shape)

    margins = margin(_SCANNED)
    defined = np.flatnonzero(np.isfinite(margins))
    changes = np.flatnonzero(np.diff(margins[defined] >= 0.0))
    if len(changes) != 1 or np.diff(defined)[changes[0]] > 1:
        return plain
    i = defined[changes[0]]
    low, high, rising = _SCANNED[i], _SCANNED[i + 1], bool(margins[i + 1] >= 0.0)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        above = bool(margin(np.array([middle]))[0] >= 0.0) == rising
        low, high = (low, middle) if above else (middle, high)
    return plain._replace(rising=rising, edge=float(high if rising else low))
