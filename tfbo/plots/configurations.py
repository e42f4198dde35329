"""Configurations around the best one, for pictures of the predictions there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfbo.plots.source import Source
from tfbo.space import Params, Space


@dataclasses.dataclass(frozen=True)
class Around:
    """Legal configurations that differ from the best one, `centre`, in the parameters of a picture.

    `spare` has a value of each searched parameter, for where `centre` has none: the best that was seen,
    or the middle of its range.
    """

    space: Space
    centre: Params
    spare: Params

    def at(self, values: Mapping[str, Any]) -> Params | None:
        """The configuration with these values; None where they cannot be active together.

        Parents of a parameter that is not active at the best configuration are moved to the first
        value at which it is.
        """
        chosen = {**self.spare, **self.centre, **values}
        for name in values:
            self._activate(name, chosen, fixed=values)
        active = self.space.active(chosen)
        if not all(name in active for name in values):
            return None
        values = {name: chosen[name] for name in active if name in chosen}
        return self.space.validate(values, constrained=False)

    def moved(self, values: Mapping[str, Any]) -> Params:
        """The parameters, other than those of `values`, that had to leave the best configuration."""
        found = self.at(values) or {}
        return {
            name: value
            for name, value in found.items()
            if name not in values and name in self.centre and self.centre[name] != value
        }

    def _activate(self, name: str, chosen: Params, fixed: Mapping[str, Any]) -> None:
        for parent, allowed in self.space[name].when or ():
            self._activate(parent, chosen, fixed)
            legal = [self.space[parent].legal("when", value) for value in allowed]
            same = any(type(v) is type(chosen[parent]) and v == chosen[parent] for v in legal)
            if not same and parent not in fixed:
                chosen[parent] = legal[0]


def around_best(source: Source) -> Around:
    """The configurations around the best trial; one trial or more has to be complete."""
    space = source.study.space
    spare = {name: parameter.from_code(0.5) for name, parameter in space.items()}
    # Worst first: what is better overwrites what is worse.
    for trial in sorted(source.complete, key=source.goal.rank, reverse=True):
        spare.update(trial.params)
    return Around(space, dict(source.study.best_trial.params), spare)
