"""Problems of several outcomes: objectives, and constraints whose excess over the limit is told.

All objectives are minimised. A constraint holds where its excess is at most 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

from suites.base import Parameter, Params


class Outcome(NamedTuple):
    """All that a trial finds."""

    objectives: tuple[float, ...]
    excess: tuple[float, ...] = ()
    """Of each constraint over its limit."""

    @property
    def feasible(self) -> bool:
        """Say that every constraint holds."""
        return all(value <= 0.0 for value in self.excess)


@dataclasses.dataclass(frozen=True)
class Design:
    """A function of parameters with several outcomes.

    Args:
        parameters: what is searched.
        outcome: noise-free.
        objectives: number of objectives.
        constraints: number of constraints.
        reference: objectives that a front has to be better than to count; empty for one objective.
        best: largest hypervolume, or least feasible value of one objective; None where unknown.
    """

    parameters: tuple[Parameter, ...]
    outcome: Callable[[Params], Outcome]
    objectives: int
    constraints: int = 0
    reference: tuple[float, ...] = ()
    best: float | None = None


@dataclasses.dataclass(frozen=True)
class Case:
    """A row of the experiment.

    Args:
        name: unique, and fit for a file: "zdt2-shifted".
        design: the problem of a seed; seeds may share one, or differ by shift.
    """

    name: str
    design: Callable[[int], Design]
