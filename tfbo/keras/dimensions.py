"""Hyperparameters as the dimensions of a `tfbo.Space`: names, conditions, and values there and back.

A hyperparameter is known by its name and its conditions, a parameter of a space by its name alone:
where a name comes again under other conditions, those are added to it, as in `units [model=cnn]`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfbo.keras.definitions import HyperParameter, Parent
from tfbo.keras.domains import SearchDomain
from tfbo.keras.errors import FatalValueError
from tfbo.space import Params
from tfbo.space.parameters import Parameter


class Dimension(NamedTuple):
    """A hyperparameter in the space."""

    definition: HyperParameter
    domain: SearchDomain
    when: dict[str, list[Any]]
    """The values of other dimensions, by name, under which it is active."""

    def is_active(self, params: Params) -> bool:
        """Tell if its conditions hold, given the values by dimension before it."""
        return all(name in params and params[name] in listed for name, listed in self.when.items())


Dimensions = dict[str, Dimension]


def of(space: Sequence[HyperParameter]) -> Dimensions:
    """The dimensions of hyperparameters, in their order; those that can never be active have none."""
    dimensions: Dimensions = {}
    names: dict[tuple[Any, ...], str] = {}
    for definition in space:
        when = conditions(dimensions, names, definition.name, definition.conditions)
        if when is None:
            continue
        name = _free_name(definition, dimensions)
        dimensions[name] = Dimension(definition, definition.domain(), when)
        names[definition.key] = name
    return dimensions


def can_hold(space: Sequence[HyperParameter], parents: Sequence[Parent]) -> bool:
    """Tell if conditions can hold together, given the values that the parents can have."""
    dimensions = of(space)
    names = {dimension.definition.key: name for name, dimension in dimensions.items()}
    return conditions(dimensions, names, "a scope", parents) is not None


def conditions(
    dimensions: Dimensions,
    names: Mapping[tuple[Any, ...], str],
    child: str,
    parents: Sequence[Parent],
) -> dict[str, list[Any]] | None:
    """Conditions in terms of dimensions; None where they can never hold together."""
    when: dict[str, list[Any]] = {}
    for i, parent in enumerate(parents):
        # A parent was defined under the conditions around the scope, or some of them.
        keys = ((parent.name, *(p.key for p in parents[:j])) for j in range(i, -1, -1))
        name = next((names[key] for key in keys if key in names), None)
        if name is None:
            return None
        dimension = dimensions[name]
        if dimension.domain.parameter.count is None:
            raise FatalValueError(
                f"{child!r} depends on {parent.name!r}, which is continuous and so never equals "
                f"{parent.values} on purpose. Give {parent.name!r} a step, or make it a Choice."
            )
        matching = dimension.domain.matching(parent.values)
        when[name] = [legal for legal in matching if name not in when or legal in when[name]]
        if not when[name]:
            return None
    return when


def parameters(dimensions: Dimensions) -> dict[str, Parameter]:
    """The parameters of the dimensions."""
    made: dict[str, Parameter] = {}
    for name, dimension in dimensions.items():
        parameter: Any = dimension.domain.parameter
        made[name] = dataclasses.replace(parameter, when=dimension.when or None)
    return made


def to_values(dimensions: Dimensions, params: Mapping[str, Any]) -> dict[str, Any]:
    """Values by hyperparameter, from those by dimension."""
    return {
        dimension.definition.name: dimension.domain.write(params[name])
        for name, dimension in dimensions.items()
        if name in params
    }


def to_params(dimensions: Dimensions, values: Mapping[str, Any]) -> Params:
    """Values by dimension, from those by hyperparameter; what is active without one has its default."""
    params: Params = {}
    for name, dimension in dimensions.items():
        if dimension.is_active(params):
            definition = dimension.definition
            value = values.get(definition.name, definition.default)
            params[name] = dimension.domain.read(value)
    return params


def _free_name(definition: HyperParameter, taken: Dimensions) -> str:
    """The name of a hyperparameter, with its conditions where that name is taken."""
    if definition.name not in taken:
        return definition.name
    shown = (f"{p.name}={'|'.join(map(str, p.values))}" for p in definition.conditions)
    name = f"{definition.name} [{', '.join(shown)}]"
    while name in taken:
        name += "'"
    return name
