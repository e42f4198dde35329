"""The grid of a space with constraints: of the parameters that are free, from which the others follow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tfbo.errors import invalid
from tfbo.space import conditions
from tfbo.space.choices import Constant
from tfbo.space.conditions import Params
from tfbo.space.constraints import Pruned
from tfbo.space.encoding import Encoding
from tfbo.space.equalities import Equalities
from tfbo.space.parameters import Parameter
from tfbo.space.space import Space

# Configurations that are completed at once.
_AT_ONCE = 256
# Beginnings of configurations that are tried in vain, one after the other; a predicate may take long.
_MOST_TRIED, _MOST_ASKED = 2**18, 2**16


def grid(space: Space, encoding: Encoding, resolution: int) -> Iterator[Params]:
    """Each legal configuration of the grid once, in lexicographic order of the free parameters.

    Raises:
        InvalidArgument: where so many in turn are illegal that looking on may take forever.
    """
    equalities = encoding.equalities
    dependent = set() if equalities is None else _dependent(space, encoding, equalities)
    seen: set[tuple[tuple[str, object], ...]] = set()
    keep = _Patient(space, dependent)
    free = conditions.grid(_held(space, dependent), resolution, keep)
    while held := list(itertools.islice(free, _AT_ONCE if dependent else 1)):
        for both in zip(*_completed(space, held, dependent, equalities)):
            for params in both:
                ordered = {name: params[name] for name in space if name in params}
                key = tuple(ordered.items()) if dependent else ()
                if not dependent or (key not in seen and space.breaks(ordered) is None):
                    seen.add(key)
                    keep.found += 1
                    keep.tried = 0
                    yield ordered


def _completed(
    space: Space, held: list[Params], dependent: set[str], equalities: Equalities | None
) -> list[list[Params]]:
    """The configurations with what follows, from one end of the ranges and from the other."""
    if equalities is None or not dependent:
        return [held]
    return [equalities.exact(held), equalities.exact(_turned(space, held, dependent))]


class _Patient:
    """The test of beginnings, until too many have been tried since the last legal configuration."""

    def __init__(self, space: Space, dependent: set[str]) -> None:
        self.found, self.tried = 0, 0
        self._texts = [one.text for one in space.constraints]
        slow = any(not one.names for one in space.constraints)
        self._most = _MOST_ASKED if slow else _MOST_TRIED
        ordered = conditions.parents_first(dict(space.items()))
        self._keep = Pruned(space.constraints, ordered, dependent)

    def __call__(self, name: str, chosen: Params) -> bool:
        """True where something may come of the values so far."""
        self.tried += 1
        if self.tried > self._most:
            texts = " and ".join(self._texts)
            found = f"after {self.found} legal ones none of {self._most:,} that were tried"
            expected = f"a grid on which configurations that meet {texts} are found"
            advice = "Take another resolution, or Sobol or Random, which search for legal configurations."
            raise invalid("constraints", expected, found, advice)
        return self._keep(name, chosen)


def _dependent(space: Space, encoding: Encoding, equalities: Equalities) -> set[str]:
    """Names of the parameters that always follow from others, and decide of no other one."""
    parents = {parent for _, p in space.items() for parent, _ in p.when or ()}
    named = zip(encoding.names, equalities.dependent, strict=True)
    return {name for name, follows in named if follows and name not in parents}


def _held(space: Space, names: set[str]) -> dict[str, Parameter]:
    """The parameters, parents first, of which some have one value each."""
    parameters: dict[str, Parameter] = {}
    for name, parameter in conditions.parents_first(dict(space.items())).items():
        when = {parent: list(allowed) for parent, allowed in parameter.when or ()} or None
        held = Constant(parameter.from_code(0.0), when=when)
        parameters[name] = held if name in names else parameter
    return parameters


def _turned(space: Space, held: list[Params], names: set[str]) -> list[Params]:
    """The configurations with other values of parameters, near which an equality may have another root."""
    others = {name: space[name].from_code(1.0) for name in names}
    return [{**params, **{n: v for n, v in others.items() if n in params}} for params in held]
