"""Configurations of a space: the legal one that values stand for, and their number."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tfbo.errors import invalid
from tfbo.space import checks, conditions
from tfbo.space.conditions import Parameters, Params
from tfbo.space.constraints import Constraint, Pruned
from tfbo.space.parameters import Parameter

# As many are counted one by one; it takes about a second.
_MOST_COUNTED = 2**16


def legal(parameters: Parameters, ordered: Parameters, params: Any, argument: str) -> Params:
    """The legal values that `params` stands for, in order; InvalidArgument, which calls them `argument`."""
    if not isinstance(params, Mapping):
        raise invalid(argument, "a dict from parameter names to values", params, "Pass a dict.")
    for name in params:
        if name not in parameters:
            advice = checks.suggestion(name, parameters)
            raise invalid(f"{argument}[{name!r}]", "a parameter of the space", name, advice)
    found: Params = {}
    for name, parameter in ordered.items():
        label = f"{argument}[{name!r}]"
        if not conditions.is_active(ordered, name, found):
            if name in params:
                advice = f"It is active only when {dict(parameter.when)}: leave it out."
                raise invalid(label, "no value, because it is not active", params[name], advice)
        elif name in params:
            found[name] = parameter.legal(label, params[name])
        elif parameter.column() is None:
            found[name] = parameter.from_code(0.5)
        else:
            raise invalid(label, "a value", "nothing", f"Give one, as for {parameter!r}.")
    return {name: found[name] for name in parameters if name in found}


def count(ordered: Parameters, constraints: Sequence[Constraint]) -> int | float:
    """Number of configurations that meet constraints; an upper bound where they are too many to count."""
    if not constraints:
        return conditions.count(ordered)
    return _count(tuple(ordered.items()), tuple(constraints))


@functools.lru_cache(maxsize=128)
def _count(
    items: tuple[tuple[str, Parameter], ...], constraints: tuple[Constraint, ...]
) -> int | float:
    ordered = dict(items)
    links = [constraint.names or tuple(ordered) for constraint in constraints]
    total: int | float = 1
    for group in conditions.groups(ordered, links):
        members = {name: ordered[name] for name in group}
        own = [one for one, names in zip(constraints, links, strict=True) if names[0] in members]
        size = conditions.count(members)
        if own and size <= _MOST_COUNTED:
            size = sum(1 for _ in conditions.grid(members, 2, Pruned(own, members)))
        total = math.inf if math.isinf(total) or math.isinf(size) else total * size
    return total
