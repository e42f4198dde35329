"""Conditions of a hyperparameter: it is active while others have one of some values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfbo._arguments import plain
from tfbo.errors import invalid
from tfbo.space import checks


class Parent:
    """A condition, which holds while the hyperparameter of that name has one of the values.

    Args:
        name: of the parent, with its name scopes.
        values: one value, or a list of them.

    Raises:
        InvalidArgument: for no value, or one that is no JSON scalar.
    """

    def __init__(self, name: str, values: Any) -> None:
        listed = checks.one_or_more("parent_values", values)
        if not listed:
            advice = f"List the values of {name!r} for which the hyperparameters are active."
            raise invalid("parent_values", "one value or more", values, advice)
        self.name = str(plain(name))
        self.values = list(listed)

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Tell if it holds, given the values of the active hyperparameters."""
        return self.name in values and plain(values[self.name]) in self.values

    @property
    def key(self) -> tuple[Any, ...]:
        """The identity: conditions of equal keys are the same."""
        return (self.name, *((type(value).__name__, value) for value in self.values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parent) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Parent({self.name!r}, {self.values!r})"

    def get_config(self) -> dict[str, Any]:
        """The arguments, as JSON."""
        return {"name": self.name, "values": self.values}


def serialize(conditions: list[Parent]) -> list[dict[str, Any]]:
    """Conditions as JSON."""
    return [{"class_name": "Parent", "config": parent.get_config()} for parent in conditions]


def deserialize(listed: list[dict[str, Any]]) -> list[Parent]:
    """The conditions that `serialize` wrote."""
    return [Parent(**entry["config"]) for entry in listed]
