"""The grid of a space with equalities: of the parameters that are free, from which the others follow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tfbo.space.choices import Constant
from tfbo.space.conditions import Params
from tfbo.space.encoding import Encoding
from tfbo.space.equalities import Equalities
from tfbo.space.parameters import Parameter
from tfbo.space.space import Space

# Configurations that are completed at once.
_AT_ONCE = 256


def grid(space: Space, encoding: Encoding, resolution: int) -> Iterator[Params]:
    """Each legal configuration of the grid once, in lexicographic order of the free parameters."""
    equalities = encoding.equalities
    dependent = set() if equalities is None else _dependent(space, encoding, equalities)
    if equalities is None or not dependent:
        yield from space.grid(resolution)
        return
    seen: set[tuple[tuple[str, object], ...]] = set()
    free = _held(space, dependent, 0.0).grid(resolution)
    while held := list(itertools.islice(free, _AT_ONCE)):
        for both in zip(equalities.exact(held), equalities.exact(_turned(space, held, dependent))):
            for params in both:
                ordered = {name: params[name] for name in space if name in params}
                key = tuple(ordered.items())
                if key not in seen and space.breaks(ordered) is None:
                    seen.add(key)
                    yield ordered


def _dependent(space: Space, encoding: Encoding, equalities: Equalities) -> set[str]:
    """Names of the parameters that always follow from others, and decide of no other one."""
    parents = {parent for _, p in space.items() for parent, _ in p.when or ()}
    named = zip(encoding.names, equalities.dependent, strict=True)
    return {name for name, follows in named if follows and name not in parents}


def _held(space: Space, names: set[str], code: float) -> Space:
    """The space in which parameters have one value each, without constraints."""
    parameters: dict[str, Parameter] = {}
    for name, parameter in space.items():
        when = {parent: list(allowed) for parent, allowed in parameter.when or ()} or None
        held = Constant(parameter.from_code(code), when=when)
        parameters[name] = held if name in names else parameter
    return Space(parameters)


def _turned(space: Space, held: list[Params], names: set[str]) -> list[Params]:
    """The configurations with other values of parameters, near which an equality may have another root."""
    others = {name: space[name].from_code(1.0) for name in names}
    return [{**params, **{n: v for n, v in others.items() if n in params}} for params in held]
