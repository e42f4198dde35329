"""Configurations around the best one, for pictures of the predictions there."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from tfbo.plots.source import Source
from tfbo.space import Expression, Float, Int, Params, Space


@dataclasses.dataclass(frozen=True)
class Around:
    """Configurations that differ from the best one, `centre`, in the parameters of a picture.

    `spare` has a value of each searched parameter, for where `centre` has none: the best that was seen,
    or the middle of its range.
    """

    space: Space
    centre: Params
    spare: Params

    def at(self, values: Mapping[str, Any]) -> Params | None:
        """The configuration with these values; None where they cannot be active together.

        Parents of a parameter that is not active at the best configuration are moved to the first
        value at which it is. Of an equality among the constraints, another number follows where that is
        possible. The configuration may still break constraints; see `allows`.
        """
        chosen = {**self.spare, **self.centre, **values}
        for name in values:
            self._activate(name, chosen, fixed=values)
        active = self.space.active(chosen)
        if not all(name in active for name in values):
            return None
        found = {name: chosen[name] for name in active if name in chosen}
        return self._balanced(self.space.validate(found, constrained=False), fixed=values)

    def allows(self, params: Params | None) -> bool:
        """True for a configuration that breaks no constraint of the space."""
        return params is not None and self.space.breaks(params) is None

    def moved(self, configurations: Iterable[Params], names: Collection[str]) -> list[str]:
        """Remarks on the parameters beside `names` that had to leave the best configuration."""
        values: dict[str, list[Any]] = {}
        for params in configurations:
            for name, value in params.items():
                if name not in names and name in self.centre:
                    values.setdefault(name, []).append(value)
        left = {
            name: seen for name, seen in values.items() if any(v != self.centre[name] for v in seen)
        }
        remarks = [
            f"with {name} = {seen[0]}"
            for name, seen in left.items()
            if all(value == seen[0] for value in seen)
        ]
        following = [name for name, seen in left.items() if any(v != seen[0] for v in seen)]
        if following:
            remarks.append(f"{', '.join(following)} follow{'s' if len(following) == 1 else ''}")
        return remarks

    def _balanced(self, params: Params, fixed: Mapping[str, Any]) -> Params:
        """The configuration with numbers that are not fixed moved so that equalities hold, if they can.

        One number moves, as far as its range lets it, and then the next one.
        """
        moved = set(fixed)
        for expression in self.space.constraints:
            if not isinstance(expression, Expression) or not expression.is_equality:
                continue
            found = params
            for name in expression.names:
                if expression.broken_by(found) is None:
                    break
                if name not in moved:
                    found = self._towards(expression, name, found)
            if expression.broken_by(found) is None:
                moved |= {name for name in found if found[name] != params.get(name)}
                params = found
        return params

    def _towards(self, expression: Expression, name: str, params: Params) -> Params:
        """The configuration in which the number of a parameter is the legal one next to an equality."""
        parameter = self.space[name]
        if name not in params or not isinstance(parameter, (Float, Int)):
            return params
        active = {other: np.array(other in params) for other in expression.names}
        values = {other: float(params.get(other, 1.0)) for other in expression.names}
        zero, one = (float(expression.margin({**values, name: x}, active, np)) for x in (0.0, 1.0))
        if one == zero or not expression.affine_in(name):
            return params
        number = float(np.clip(-zero / (one - zero), parameter.low, parameter.high))
        if parameter.count is None:
            return {**params, name: number}
        levels = [parameter.level(i) for i in range(parameter.count)]
        return {**params, name: min(levels, key=lambda level: abs(level - number))}

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
    return Around(space, dict(source.centre().params), spare)
