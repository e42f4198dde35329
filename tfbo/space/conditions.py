"""Conditions between parameters: the active ones, and the number and list of configurations.

`ordered` are parameters by name, parents before their children, as `parents_first` puts them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tfbo.errors import invalid
from tfbo.space import checks
from tfbo.space.parameters import Parameter

Params = dict[str, Any]
Parameters = Mapping[str, Parameter]
Keep = Callable[[str, Params], bool]
"""True for a name that has been decided and the values so far where something may come of them."""


def check(parameters: Parameters) -> None:
    """Refuse conditions on what is unknown or continuous, or on a value that the parent cannot have."""
    for name, parameter in parameters.items():
        for parent, allowed in parameter.when or ():
            label = f"parameters[{name!r}].when"
            if parent not in parameters or parent == name:
                advice = checks.suggestion(parent, (other for other in parameters if other != name))
                raise invalid(label, "another parameter of the space", parent, advice)
            if parameters[parent].count is None:
                advice = "Give the parent a step, or use a Boolean or Categorical parent."
                shown = f"{parent}: {parameters[parent]!r}"
                raise invalid(label, "a parent with levels", shown, advice)
            for value in allowed:
                parameters[parent].legal(f"{label}[{parent!r}]", value)


def parents_first(parameters: Parameters) -> dict[str, Parameter]:
    """The parameters with parents before their children; InvalidArgument for a circle."""
    done: dict[str, Parameter] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            expected = "conditions that do not go in a circle"
            raise invalid("when", expected, circle, "Drop one of them.")
        if name not in done:
            for parent, _ in parameters[name].when or ():
                visit(parent, (*path, name))
            done[name] = parameters[name]

    for name in parameters:
        visit(name, ())
    return done


def is_active(parameters: Parameters, name: str, chosen: Params) -> bool:
    """True where the conditions of a parameter hold, given values of the active ones before it."""
    return all(
        parent in chosen and _is_one_of(parameters[parent], parent, chosen[parent], allowed)
        for parent, allowed in parameters[name].when or ()
    )


def _is_one_of(parent: Parameter, name: str, value: Any, allowed: tuple[Any, ...]) -> bool:
    found = parent.legal(name, value)
    return any(checks.same(parent.legal("when", candidate), found) for candidate in allowed)


def active(ordered: Parameters, params: Mapping[str, Any]) -> set[str]:
    """Names of the parameters that are active given the values in `params`."""
    names: set[str] = set()
    chosen: Params = {}
    for name in ordered:
        if is_active(ordered, name, chosen):
            names.add(name)
            if name in params:
                chosen[name] = params[name]
    return names


def count(ordered: Parameters) -> int | float:
    """Number of distinct configurations; infinite where a reachable parameter is continuous."""
    return math.prod(_count(ordered, group, {}) for group in groups(ordered))


def groups(ordered: Parameters, links: Iterable[Iterable[str]] = ()) -> list[list[str]]:
    """Parameters that conditions, or further links of names, connect, parents first."""
    found: list[list[str]] = []
    linked = [{name, *(parent for parent, _ in p.when or ())} for name, p in ordered.items()]
    for names in [*linked, *map(set, links)]:
        joined = [group for group in found if not names.isdisjoint(group)]
        found = [group for group in found if group not in joined]
        found.append([*{*names, *(member for group in joined for member in group)}])
    return [[name for name in ordered if name in group] for group in found]


def _count(ordered: Parameters, names: list[str], chosen: Params) -> int | float:
    """Configurations of `names` given the values chosen; only parents are told apart by value."""
    if not names:
        return 1
    name, rest = names[0], names[1:]
    if not is_active(ordered, name, chosen):
        return _count(ordered, rest, chosen)
    parameter = ordered[name]
    if parameter.count is None:
        return math.inf
    decisive = [
        parameter.legal("when", value)
        for other in rest
        for parent, allowed in ordered[other].when or ()
        if parent == name
        for value in allowed
    ]
    legal = {repr(value): value for value in decisive}
    total = sum(_count(ordered, rest, {**chosen, name: value}) for value in legal.values())
    others = parameter.count - len(legal)
    return total + (others * _count(ordered, rest, chosen) if others else 0)


def grid(ordered: Parameters, resolution: int, keep: Keep | None = None) -> Iterator[Params]:
    """Every configuration once, with `resolution` values of each continuous parameter.

    Of those whose beginnings are all kept.
    """
    return _extended(ordered, tuple(ordered), {}, resolution, keep or (lambda name, chosen: True))


def _extended(
    ordered: Parameters, names: tuple[str, ...], chosen: Params, resolution: int, keep: Keep
) -> Iterator[Params]:
    if not names:
        yield chosen
        return
    name, rest = names[0], names[1:]
    if not is_active(ordered, name, chosen):
        if keep(name, chosen):
            yield from _extended(ordered, rest, chosen, resolution, keep)
        return
    for value in _levels(ordered[name], resolution):
        extended = {**chosen, name: value}
        if keep(name, extended):
            yield from _extended(ordered, rest, extended, resolution, keep)


def _levels(parameter: Parameter, resolution: int) -> Iterator[Any]:
    if parameter.count is None:
        for i in range(resolution):
            yield parameter.from_code(i / (resolution - 1) if resolution > 1 else 0.5)
    elif parameter.column() is None:
        yield parameter.from_code(0.5)
    else:
        yield from map(parameter.level, range(parameter.count))
