"""Hyperparameters as the columns of a `tfbo.Space`: names, conditions, and values there and back.

A hyperparameter is known by its name and its conditions, a parameter of a space by its name alone:
where a name comes again under other conditions, those are added to it, as in `units [model=cnn]`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfbo.keras.conditions import Parent
from tfbo.keras.definitions import HyperParameter
from tfbo.keras.domains import Domain
from tfbo.keras.errors import FatalValueError
from tfbo.space import Params
from tfbo.space.parameters import Parameter


class Column(NamedTuple):
    """A hyperparameter in the space."""

    definition: HyperParameter
    domain: Domain
    when: dict[str, list[Any]] | None
    """Columns that have to be active, and their codes."""


Columns = dict[str, Column]


def of(space: Sequence[HyperParameter]) -> Columns:
    """The columns of hyperparameters, in their order; those that can never be active have none.

    The columns of the first ones do not depend on those that follow.

    Raises:
        FatalValueError: for a condition on a parent that is continuous.
    """
    columns: Columns = {}
    names: dict[tuple[Any, ...], str] = {}
    for definition in space:
        when = conditions(columns, names, definition.name, definition.conditions)
        if when is None:
            continue
        name = _free_name(definition, columns)
        columns[name] = Column(definition, definition.domain(), when or None)
        names[definition.key] = name
    return columns


def can_hold(space: Sequence[HyperParameter], parents: Sequence[Parent]) -> bool:
    """Whether conditions can hold together, given what the parents can be."""
    columns = of(space)
    names = {column.definition.key: name for name, column in columns.items()}
    return conditions(columns, names, "a scope", parents) is not None


def conditions(
    columns: Columns, names: Mapping[tuple[Any, ...], str], child: str, parents: Sequence[Parent]
) -> dict[str, list[Any]] | None:
    """Conditions in terms of columns; None where they can never hold together."""
    when: dict[str, list[Any]] = {}
    for i, parent in enumerate(parents):
        # A parent was defined under the conditions around the scope, or some of them.
        keys = ((parent.name, *(p.key for p in parents[:j])) for j in range(i, -1, -1))
        name = next((names[key] for key in keys if key in names), None)
        if name is None:
            return None
        column = columns[name]
        if column.domain.bare.count is None:
            raise FatalValueError(
                f"{child!r} depends on {parent.name!r}, which is continuous and so never equals "
                f"{parent.values} on purpose. Give {parent.name!r} a step, or make it a Choice."
            )
        codes = column.domain.matching(parent.values)
        when[name] = [code for code in codes if name not in when or code in when[name]]
        if not when[name]:
            return None
    return when


def parameters(columns: Columns) -> dict[str, Parameter]:
    """The parameters of the columns."""
    made: dict[str, Parameter] = {}
    for name, column in columns.items():
        bare: Any = column.domain.bare
        made[name] = dataclasses.replace(bare, when=column.when)
    return made


def to_values(columns: Columns, params: Mapping[str, Any]) -> dict[str, Any]:
    """Values by hyperparameter, from those by column."""
    return {
        column.definition.name: column.domain.decode(params[name])
        for name, column in columns.items()
        if name in params
    }


def to_params(columns: Columns, values: Mapping[str, Any]) -> Params:
    """Values by column, from those by hyperparameter; what is active without one has its default."""
    params: Params = {}
    for name, column in columns.items():
        if all(params.get(p) in codes and p in params for p, codes in (column.when or {}).items()):
            definition = column.definition
            value = values.get(definition.name, definition.default)
            params[name] = column.domain.encode(value)
    return params


def _free_name(definition: HyperParameter, taken: Columns) -> str:
    """The name of a hyperparameter, with its conditions where that name is taken."""
    if definition.name not in taken:
        return definition.name
    shown = (f"{p.name}={'|'.join(map(str, p.values))}" for p in definition.conditions)
    name = f"{definition.name} [{', '.join(shown)}]"
    while name in taken:
        name += "'"
    return name
