"""Search space: an ordered, immutable set of named parameters, some active only under conditions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import ItemsView, Iterator, Mapping
from typing import Any

from tfbo._arguments import plain
from tfbo.errors import invalid
from tfbo.space import checks, conditions
from tfbo.space.choices import Boolean, Categorical, Constant, Ordinal
from tfbo.space.conditions import Params
from tfbo.space.numbers import Float, Int
from tfbo.space.parameters import Parameter

KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (Float, Int, Categorical, Ordinal, Boolean, Constant)
}


class Space:
    """The parameters of a search, by name and in order.

    Args:
        parameters: a mapping from names to parameters.

    Raises:
        InvalidArgument: for an empty space, a name that is no text, something that is no parameter,
            a condition on an unknown or continuous parameter or on a value that the parent cannot
            have, or conditions that go in a circle.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({
        ...     "use_dropout": tfbo.Boolean(),
        ...     "dropout": tfbo.Float(0.0, 0.6, when={"use_dropout": True}),
        ... })
        >>> space.validate({"use_dropout": False})
        {'use_dropout': False}
        >>> space == tfbo.Space.from_json(space.to_json())
        True
    """

    __slots__ = ("_later", "_ordered", "_parameters")
    _later: frozenset[str]
    _ordered: dict[str, Parameter]
    """Parents before their children."""
    _parameters: dict[str, Parameter]

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        if not isinstance(parameters, Mapping) or not parameters:
            raise invalid(
                "parameters", "a dict of one parameter or more", parameters,
                'For example Space({"x": Float(0.0, 1.0)}).',
            )  # fmt: skip
        named = {plain(name): parameter for name, parameter in parameters.items()}
        for name, parameter in named.items():
            if not isinstance(name, str) or not name:
                raise invalid("parameters", "names that are text, not empty", name, "Rename it.")
            checks.text("parameters", name)
            if not isinstance(parameter, tuple(KINDS.values())):
                kinds = ", ".join(KINDS)
                raise invalid(
                    f"parameters[{name!r}]", f"one of {kinds}", parameter, "Wrap it in one."
                )
        conditions.check(named)
        ordered = conditions.parents_first(named)
        checks.freeze(self, _parameters=named, _later=frozenset(), _ordered=ordered)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a Space is immutable: make a new one")

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def items(self) -> ItemsView[str, Parameter]:
        """Names and parameters, in order."""
        return self._parameters.items()

    @property
    def later(self) -> frozenset[str]:
        """Names of the parameters that joined by `extended`: configurations from before lack them."""
        return self._later

    def extended(self, parameters: Mapping[str, Parameter]) -> Space:
        """The space with further parameters at its end; another one of a name that it has is refused."""
        if not isinstance(parameters, Mapping):
            advice = 'For example {"x": Float(0.0, 1.0)}.'
            raise invalid("parameters", "a dict of parameters", parameters, advice)
        for name, parameter in parameters.items():
            if name in self and self[name] != parameter:
                advice = "Give the new one another name, or begin another study."
                raise invalid(
                    f"parameters[{name!r}]", f"what is there, {self[name]!r}", parameter, advice
                )
        added = {plain(name): p for name, p in parameters.items() if name not in self}
        return self._make({**self._parameters, **added}, self._later | frozenset(added))

    def is_extension_of(self, other: Space) -> bool:
        """True where it is the other one, or what `extended` made of it."""
        older = [
            entry for entry in self.items() if entry[0] in other or entry[0] not in self._later
        ]
        return older == list(other.items())

    @staticmethod
    def _make(parameters: Mapping[str, Parameter], later: frozenset[str]) -> Space:
        space = Space(parameters)
        checks.freeze(space, _later=later)
        return space

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Space) and self._later == other._later
        return same and list(self.items()) == list(other.items())  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(tuple(self.items()))

    def __repr__(self) -> str:
        lines = "".join(f"    {name!r}: {parameter!r},\n" for name, parameter in self.items())
        return f"Space({{\n{lines}}})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Space._make, (self._parameters, self._later)

    def active(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the parameters that are active given the values in `params`, in order."""
        on = conditions.active(self._ordered, params)
        return tuple(name for name in self if name in on)

    def validate(self, params: Mapping[str, Any], argument: str = "params") -> Params:
        """The exact legal values that `params` stands for, in the order of the space.

        There is a value for each active parameter and no other; a Constant may be left out. Otherwise
        an InvalidArgument calls them `argument`.
        """
        if not isinstance(params, Mapping):
            raise invalid(argument, "a dict from parameter names to values", params, "Pass a dict.")
        for name in params:
            if name not in self:
                advice = checks.suggestion(name, self)
                raise invalid(f"{argument}[{name!r}]", "a parameter of the space", name, advice)
        legal: Params = {}
        for name, parameter in self._ordered.items():
            label = f"{argument}[{name!r}]"
            if not conditions.is_active(self._ordered, name, legal):
                if name in params:
                    advice = f"It is active only when {dict(parameter.when)}: leave it out."
                    raise invalid(label, "no value, because it is not active", params[name], advice)
            elif name in params:
                legal[name] = parameter.legal(label, params[name])
            elif parameter.column() is None:
                legal[name] = parameter.from_code(0.5)
            else:
                raise invalid(label, "a value", "nothing", f"Give one, as for {parameter!r}.")
        return {name: legal[name] for name in self if name in legal}

    @property
    def cardinality(self) -> int | float:
        """Number of distinct configurations; infinite where a reachable parameter is continuous."""
        return conditions.count(self._ordered)

    def grid(self, resolution: int) -> Iterator[Params]:
        """Every configuration once, with `resolution` evenly spaced values of each continuous parameter."""
        for chosen in conditions.grid(self._ordered, resolution):
            yield {name: chosen[name] for name in self if name in chosen}

    def difference(self, other: Space) -> list[str]:
        """Differences of another space, a line for each parameter; empty where they are equal."""
        lines = []
        for name in [*self, *(name for name in other if name not in self)]:
            here = repr(self[name]) if name in self else "nothing"
            there = repr(other[name]) if name in other else "nothing"
            if here != there:
                lines.append(f"{name}: {here} here, {there} there")
        if not lines and list(self) != list(other):
            lines.append(f"order: {', '.join(self)} here, {', '.join(other)} there")
        return lines

    def to_json(self) -> str:
        """The space as JSON text."""
        listed = [_parameter_to_json(name, parameter) for name, parameter in self.items()]
        later = [name for name in self if name in self._later]
        return json.dumps({"parameters": listed, **({"later": later} if later else {})})

    @staticmethod
    def from_json(text: str) -> Space:
        """The space that `to_json` wrote; InvalidArgument for another text."""
        try:
            stored = json.loads(text)
            later = frozenset(stored.get("later", ()))
            parameters = {
                str(entry["name"]): _parameter_from_json(entry) for entry in stored["parameters"]
            }
            if len(parameters) < len(stored["parameters"]):
                raise ValueError("a name is there twice")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            advice = f"Pass what Space.to_json returned ({type(error).__name__}: {error})."
            raise invalid("text", "the JSON of a space", text, advice) from None
        return Space._make(parameters, later)


def _parameter_to_json(name: str, parameter: Any) -> dict[str, Any]:
    fields = {field.name: getattr(parameter, field.name) for field in dataclasses.fields(parameter)}
    return {"name": name, "kind": type(parameter).__name__, **fields}


def _parameter_from_json(entry: dict[str, Any]) -> Any:
    fields = {field: value for field, value in entry.items() if field not in ("name", "kind")}
    if fields.get("when") is not None:
        fields["when"] = {parent: list(allowed) for parent, allowed in fields["when"]}
    return KINDS[entry["kind"]](**fields)
