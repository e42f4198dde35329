"""Every combination of evenly spaced values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfbo import _arguments
from tfbo.errors import SpaceExhausted
from tfbo.strategies.base import Problem, Strategy, Suggestion, Tried, key
from tfbo.trial import Trial


@dataclasses.dataclass(frozen=True)
class Grid(Strategy[Tried]):
    """Every combination once, in lexicographic order, but for those that break a constraint.

    Of an equality one parameter follows from the others, and is not on the grid.

    Args:
        resolution: how many values of each continuous parameter, >= 2, bounds included. Discrete
            parameters take all of theirs.

    Raises:
        InvalidArgument: for a resolution that is no whole number >= 2.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.Study(space, strategy=tfbo.strategies.Grid(resolution=3))
        >>> [trial.params["x"] for trial in study.ask(3)]
        [0.0, 0.5, 1.0]
    """

    resolution: int = 5

    def __post_init__(self) -> None:
        resolution = _arguments.count("resolution", self.resolution, "Five is usual.", least=2)
        object.__setattr__(self, "resolution", resolution)

    def suggest(
        self, problem: Problem, state: Tried, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        taken = {*state.keys, *(key(trial.params) for trial in pending)}
        region = problem.region
        every = (problem.space if region is None else region).grid(self.resolution)
        free = (p for p in every if key(p) not in taken)
        suggestions = [Suggestion(params, {}) for params, _ in zip(free, range(q), strict=False)]
        if len(suggestions) < q:
            raise SpaceExhausted(
                f"The grid of resolution {self.resolution} has only {len(suggestions)} untried points, "
                f"{q} were asked for. Stop here, or use a finer resolution."
            )
        return suggestions
