"""Ray Tune's domains as parameters of a space, and values from there to here and back.

A parameter has the values that Ray draws: the upper end of `randint`, `lograndint` and of a `q` of 1 is
exclusive, that of any other `q` inclusive, and quantised numbers are multiples of `q`, the bounds
rounded inwards.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, NoReturn

import numpy as np
from ray.tune.search import sample

from tfbo.errors import InvalidArgument, invalid
from tfbo.integrations import MOST_LEVELS
from tfbo.space import Categorical, Constant, Float, Int, Parameter, Params, Space, checks, decimals
from tfbo.space.expressions import Expression

Path = tuple[Any, ...]

_INSTEAD = {
    "Function": "Compute it in the trainable; for what depends on another parameter give TFBOSearch a "
    'tfbo.Space, with Float(..., when={"other": value}).',
    "Normal": "Give its range: tune.uniform(mean - 3 * sd, mean + 3 * sd).",
    "Grid": "Use tune.choice([...]): no configuration is tried twice.",
}


@dataclasses.dataclass(frozen=True)
class Axis:
    """A parameter, and the place of its values in a configuration of Ray."""

    path: Path
    parameter: Parameter
    choices: tuple[Any, ...] | None = None
    """Any objects, where the values of the parameter are indices of these."""
    lattice: tuple[float, float] | None = None
    """Legal numbers are multiples of the first, the type of which they have, not above the second."""

    @property
    def name(self) -> str:
        """The name that Ray gives it, such as "optimizer/lr"."""
        return "/".join(map(str, self.path))

    def read(self, argument: str, value: Any) -> Any:
        """The value of the parameter for one of Ray; the space checks if it is legal."""
        if self.choices is None:
            return value
        for i, choice in enumerate(self.choices):
            if choice is value or _equal(choice, value):
                return i
        raise invalid(argument, f"one of {list(self.choices)}", value, "Pick one of them.")

    def write(self, legal: Any) -> Any:
        """The value of Ray that a legal value of the parameter stands for."""
        if self.choices is not None:
            return self.choices[legal]
        if self.lattice is not None:
            step, high = self.lattice
            return min(_multiple(step, round(legal / step)), high)
        return legal


class Axes(NamedTuple):
    """A space, and the places of its parameters in a configuration of Ray."""

    space: Space
    axes: dict[str, Axis]

    def read(self, argument: str, config: Mapping[str, Any]) -> Params:
        """The values that a configuration, which may hold constants as well, has of the parameters."""
        if not isinstance(config, Mapping):
            raise invalid(argument, "a configuration", config, 'For example {"lr": 0.01}.')
        params = {}
        for name, axis in self.axes.items():
            at: Any = config
            for key in axis.path:
                at = at.get(key, _MISSING) if isinstance(at, Mapping) else _MISSING
            if at is not _MISSING:
                params[name] = axis.read(f"{argument}[{name!r}]", at)
        return params

    def write(self, params: Params) -> dict[str, Any]:
        """The configuration of Ray, nested as there, that a configuration of the space stands for."""
        config: dict[str, Any] = {}
        for name, legal in params.items():
            *folders, last = self.axes[name].path
            at = config
            for key in folders:
                at = at.setdefault(key, {})
            at[last] = self.axes[name].write(legal)
        return config

    def dump(self) -> list[Any] | None:
        """Paths, choices and lattices as JSON; None where there are choices that JSON cannot hold."""
        listed = [[axis.path, axis.choices, axis.lattice] for axis in self.axes.values()]
        try:
            exact = all(
                axis.choices is None or all(map(_is_exact, axis.choices))
                for axis in self.axes.values()
            )
        except (TypeError, ValueError):
            return None
        return listed if exact else None

    @staticmethod
    def load(space: Space, dumped: list[Any]) -> Axes:
        """The axes of a space, of which `dump` wrote."""
        axes = {
            name: Axis(
                tuple(path), space[name], choices and tuple(choices), lattice and tuple(lattice)
            )
            for name, (path, choices, lattice) in zip(space, dumped, strict=True)
        }
        return Axes(space, axes)


_MISSING = object()


def of_space(space: Space) -> Axes:
    """A space as it is; in names, a slash leads into a nested configuration, as everywhere in Ray."""
    return Axes(space, {name: Axis(tuple(name.split("/")), space[name]) for name in space})


def of_config(config: Mapping[str, Any], constraints: Sequence[str] = ()) -> Axes:
    """The axes of the domains in a configuration, which must have some; all else is constant.

    Constraints are on their numbers, by names of the top level.
    """
    axes: dict[str, Axis] = {}
    for path, domain in _domains(config):
        axis = _axis(path, domain)
        if axis.name in axes:
            raise invalid("param_space", "names that differ", axis.name, "Rename one of the two.")
        axes[axis.name] = axis
    if not axes:
        advice = 'For example {"lr": tune.loguniform(1e-5, 1e-1)}.'
        raise invalid("param_space", "something to search", dict(config), advice)
    for i, text in enumerate(constraints):
        place = f"parameter_constraints[{i}]"
        for name in Expression.parse(text, place).names:
            if name in axes and axes[name].choices is not None:
                expected, advice = "names of numbers", f"The choices of {name!r} are objects."
                raise invalid(place, expected, text, advice)
    parameters = {name: axis.parameter for name, axis in axes.items()}
    return Axes(Space(parameters, constraints=constraints), axes)


def has_domains(config: Any) -> bool:
    """Tell if anything in it, to any depth, is to be searched."""
    if isinstance(config, Mapping):
        return "grid_search" in config or any(map(has_domains, config.values()))
    if isinstance(config, (list, tuple)):
        return any(map(has_domains, config))
    return isinstance(config, sample.Domain)


def _domains(config: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, sample.Domain]]:
    """Each domain and where it is."""
    for key, value in config.items():
        path = (*above, key)
        if isinstance(value, sample.Domain):
            yield path, value
        elif isinstance(value, Mapping) and "grid_search" in value:
            _refuse(path, "Grid", value)
        elif isinstance(value, Mapping):
            yield from _domains(value, path)
        elif has_domains(value):
            expected = "domains in dicts, not in lists"
            raise invalid(_label(path), expected, value, 'Write {"0": tune.uniform(...), ...}.')


def _axis(path: Path, domain: Any) -> Axis:
    step, sampler = None, domain.get_sampler()
    if isinstance(sampler, sample.Quantized):
        step, sampler = sampler.q, sampler.sampler
    if isinstance(domain, sample.Categorical) and isinstance(sampler, sample.Uniform):
        return _choice(path, domain.categories)
    if not isinstance(domain, (sample.Float, sample.Integer)) or not isinstance(
        sampler, (sample.Uniform, sample.LogUniform)
    ):
        kinds = [cls.__name__ for cls in (*type(sampler).__mro__, type(domain))]
        _refuse(path, next((kind for kind in kinds if kind in _INSTEAD), ""), domain)
    return _number(path, domain, step, isinstance(sampler, sample.LogUniform))


def _choice(path: Path, categories: list[Any]) -> Axis:
    if not categories or any(map(has_domains, categories)):
        advice = "Give TFBOSearch a tfbo.Space for parameters that belong to one choice."
        raise invalid(_label(path), "one choice or more, none of them a domain", categories, advice)
    scalars = list(map(_scalar, categories))
    if _MISSING not in scalars:
        distinct = list({(type(value), value): value for value in scalars}.values())
        return Axis(path, _levels(distinct))
    objects = tuple({id(value): value for value in categories}.values())
    return Axis(path, _levels(list(range(len(objects)))), choices=objects)


def _levels(values: list[Any]) -> Parameter:
    return Categorical(values) if len(values) > 1 else Constant(values[0])


def _number(path: Path, domain: Any, step: Any, log: bool) -> Axis:
    """The axis of a range of numbers, whole or not."""
    low: Any
    high: Any
    whole = isinstance(domain, sample.Integer)
    if whole and step in (None, 1):
        step, low, high = 1, int(domain.lower), int(domain.upper) - 1
    elif step is not None:
        step = int(step) if whole else float(step)
        low = _multiple(step, _index(domain.lower / step, math.ceil))
        high = _multiple(step, _index(domain.upper / step, math.floor))
    else:
        low, high = float(domain.lower), float(domain.upper)
    if low == high:
        return Axis(path, Constant(low))
    if low > high:
        expected, got = "a range with a number in it", (domain.lower, domain.upper)
        advice = "Whole numbers end below the upper bound, multiples of q at it."
        raise invalid(_label(path), expected, got, advice)
    if step is None:
        return Axis(path, Float(low, high, log=log))
    if decimals.steps(low, high, step) >= MOST_LEVELS:
        return Axis(path, Float(low, high, log=log), lattice=(step, high))
    return Axis(path, (Int if whole else Float)(low, high, log=log, step=step))


def _index(quotient: float, inwards: Any) -> int:
    """The multiple at a bound, or next to it within the range; a bound is close to one as in Ray."""
    nearest = round(quotient)
    return nearest if math.isclose(quotient, nearest) else inwards(quotient)


def _multiple(step: Any, i: int) -> Any:
    return decimals.value(type(step)(0), step, i)


def _scalar(value: Any) -> Any:
    """The JSON scalar that a choice is; a member of an Enum is an object, which Ray hands back."""
    if isinstance(value, Enum) or not isinstance(value, (str, int, float, np.generic, type(None))):
        return _MISSING
    try:
        return checks.scalar("choice", value)
    except InvalidArgument:
        return _MISSING


def _equal(one: Any, other: Any) -> bool:
    try:
        return type(one) is type(other) and bool(one == other)
    except Exception:  # arrays, for example, have no one answer
        return False


def _is_exact(value: Any) -> bool:
    """Tell if JSON gives it back as it is, with the types of its parts."""
    read = json.loads(json.dumps(value))
    return _equal(read, value) and repr(read) == repr(value)


def _label(path: Path) -> str:
    return f"param_space[{'/'.join(map(str, path))!r}]"


def _refuse(path: Path, kind: str, domain: Any) -> NoReturn:
    expected = "tune.uniform, randint, choice or one of their kind (log..., q...)"
    got = {"Function": "sample_from", "Normal": "randn", "Grid": "grid_search"}.get(kind, domain)
    raise invalid(_label(path), expected, got, _INSTEAD.get(kind, "Use one of these."))
