"""Optuna's distributions as parameters of a space, and values from there to here and back.

Both ways go through what Optuna calls the internal representation: a number for a number, the index of
a choice for a choice. That makes any object a choice that Optuna takes for one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tfbo.errors import invalid
from tfbo.integrations import MOST_LEVELS
from tfbo.space import Categorical, Float, Int, Parameter, Params, Space, decimals


@dataclasses.dataclass(frozen=True)
class Counterpart:
    """A distribution, and the parameter that stands for it. `counterpart(name, distribution)` makes one."""

    distribution: BaseDistribution
    parameter: Parameter
    origin: float = 0
    """The number of level 0; an int where numbers are whole."""
    step: float | None = 1
    """From the number of one level to the next; None where all numbers are legal."""

    def read(self, number: float) -> float | None:
        """The legal value of the parameter; None out of range: Optuna only warns of enqueued ones."""
        low, high = self._range
        if not low <= number <= high:
            return None
        if self.step is None or self.parameter.count is None:
            return float(number)
        return round((number - self.origin) / self.step)

    def write(self, legal: Any) -> float:
        """The number for a legal value of the parameter."""
        if self.step is None:
            return legal
        level = legal
        if self.parameter.count is None:
            level = round((legal - self.origin) / self.step)
        return min(decimals.value(self.origin, self.step, level), self._range[1])

    @property
    def _range(self) -> tuple[float, float]:
        if isinstance(self.distribution, CategoricalDistribution):
            return 0, len(self.distribution.choices) - 1
        return self.distribution.low, self.distribution.high  # type: ignore[attr-defined]


def counterpart(name: str, distribution: BaseDistribution) -> Counterpart:
    """The counterpart of a distribution of more than one value; InvalidArgument for an unknown kind."""
    if isinstance(distribution, CategoricalDistribution):
        return Counterpart(distribution, Categorical(range(len(distribution.choices))))
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        advice = "Leave it to the independent sampler, or use suggest_float, _int or _categorical."
        raise invalid(f"search_space[{name!r}]", "a distribution of Optuna", distribution, advice)
    low, high, step = distribution.low, distribution.high, distribution.step
    levels = None if step is None else decimals.steps(low, high, step) + 1
    if levels is None or levels > MOST_LEVELS:
        return Counterpart(distribution, Float(low, high, log=distribution.log), low, step)
    if distribution.log:
        return Counterpart(distribution, Int(int(low), int(high), log=True))
    return Counterpart(distribution, Int(0, levels - 1), low, step)


@dataclasses.dataclass(frozen=True)
class Counterparts:
    """The counterparts of a search space by name."""

    by_name: Mapping[str, Counterpart]

    @staticmethod
    def of(distributions: Mapping[str, BaseDistribution]) -> Counterparts:
        """The counterparts of distributions of more than one value each."""
        return Counterparts(
            {name: counterpart(name, found) for name, found in distributions.items()}
        )

    @property
    def space(self) -> Space:
        """The space of their parameters."""
        return Space({name: found.parameter for name, found in self.by_name.items()})

    def read(self, numbers: Mapping[str, float]) -> Params | None:
        """The configuration that numbers stand for; None where one is missing or out of range."""
        legal = {
            name: found.read(numbers[name])
            for name, found in self.by_name.items()
            if name in numbers
        }
        if len(legal) < len(self.by_name) or None in legal.values():
            return None
        return dict(legal)

    def write(self, params: Params) -> dict[str, float]:
        """The numbers that a configuration stands for."""
        return {name: self.by_name[name].write(value) for name, value in params.items()}
