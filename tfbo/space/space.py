"""Search space: an ordered, immutable set of named parameters, some active only under conditions."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from typing import Any

from tfbo._arguments import plain
from tfbo.errors import invalid
from tfbo.space import checks, conditions, configurations, contradictions, stored
from tfbo.space.conditions import Params
from tfbo.space.constraints import Constraint, Pruned, broken, functions, listed, predicate
from tfbo.space.parameters import Parameter


class Space:
    """The parameters of a search, by name and in order.

    Args:
        parameters: a mapping from names to parameters.
        constraints: what every configuration that is tried has to meet: texts such as
            `"layers * units <= 1024"`, in the language of `tfbo.space.Expression`, over names of
            parameters that are numbers (booleans are 0 and 1); and functions that take a
            configuration, a dict, and return True or False. Functions are slower to search with and
            are not stored: `Study.load` takes them again.

    Raises:
        InvalidArgument: for an empty space, a name that is no text, something that is no parameter,
            a condition on an unknown or continuous parameter or on a value that the parent cannot
            have, or conditions that go in a circle; for a constraint that is outside of the language
            (the error shows the column), or on unknown names or on texts; and for constraints that no
            configuration meets, as far as ranges, steps and small enumerations show it.

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
        >>> network = tfbo.Space(
        ...     {"layers": tfbo.Int(1, 8), "units": tfbo.Int(16, 512, log=True)},
        ...     constraints=["layers * units <= 1024"],
        ... )
        >>> network.breaks({"layers": 4, "units": 512})
        'layers * units <= 1024 (2048 <= 1024 is false)'
        >>> network.breaks({"layers": 2, "units": 512}) is None
        True
    """

    __slots__ = ("_constraints", "_later", "_missing", "_ordered", "_parameters")
    _constraints: tuple[Constraint, ...]
    """Expressions first, then predicates."""
    _later: frozenset[str]
    _missing: int
    _ordered: dict[str, Parameter]
    """Parents before their children."""
    _parameters: dict[str, Parameter]

    def __init__(
        self,
        parameters: Mapping[str, Parameter],
        constraints: Sequence[str | Callable[[Params], bool]] = (),
    ) -> None:
        named = _named(parameters)
        conditions.check(named)
        ordered = conditions.parents_first(named)
        checked = listed(constraints, named)
        contradictions.check(ordered, checked)
        checks.freeze(
            self, _parameters=named, _ordered=ordered, _constraints=checked,
            _later=frozenset(), _missing=0,
        )  # fmt: skip

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
        later = self._later | frozenset(added)
        return self._make({**self._parameters, **added}, later, self._constraints, self._missing)

    def is_extension_of(self, other: Space) -> bool:
        """True where it is the other one, or what `extended` made of it.

        Of predicates only the number counts.
        """
        older = [
            entry for entry in self.items() if entry[0] in other or entry[0] not in self._later
        ]
        return older == list(other.items()) and self._stored()[2:] == other._stored()[2:]

    def with_predicates(
        self, predicates: Sequence[Callable[[Params], bool]], argument: str = "predicates"
    ) -> Space:
        """The space with the predicates that JSON does not keep; InvalidArgument unless as many."""
        given = tuple(predicates)
        if len(given) != self._missing:
            count = f"{self._missing} function{'' if self._missing == 1 else 's'}"
            expected = f"{count} of the parameters, as the space was made with"
            advice = (
                "A study does not store them: Study.load(..., predicates=[...]) takes them again."
            )
            raise invalid(argument, expected, list(given), advice)
        added = (predicate(f"{argument}[{i}]", one) for i, one in enumerate(given))
        return self._make(self._parameters, self._later, (*self._constraints, *added), 0)

    def without_missing(self) -> Space:
        """The space without the predicates that JSON did not keep: to look at what was tried."""
        return self._make(self._parameters, self._later, self._constraints)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The constraints: those that are texts as `Expression`, then the predicates."""
        return self._constraints

    @property
    def predicates(self) -> tuple[Callable[[Params], Any], ...]:
        """The functions that are constraints."""
        return functions(self._constraints)

    @property
    def missing(self) -> int:
        """Number of predicates that are not there since the space was read from JSON."""
        return self._missing

    def breaks(self, params: Mapping[str, Any]) -> str | None:
        """The first constraint that legal values break, with both its sides; None where all hold.

        Parameters without a value are inactive, as of a configuration from before `extended`.
        """
        return broken(self._constraints, params)

    def _stored(self) -> stored.Parts:
        texts = [one.text for one in self._constraints if one.names]
        predicates = len(self._constraints) - len(texts) + self._missing
        return stored.Parts(self._parameters, self._later, texts, predicates)

    @staticmethod
    def _make(
        parameters: Mapping[str, Parameter],
        later: frozenset[str],
        constraints: Sequence[Any] = (),
        missing: int = 0,
    ) -> Space:
        space = Space(parameters, constraints)
        checks.freeze(space, _later=later, _missing=missing)
        return space

    def _parts(self) -> tuple[Any, ...]:
        return tuple(self.items()), self._later, self._constraints, self._missing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        lines = "".join(f"    {name!r}: {parameter!r},\n" for name, parameter in self.items())
        held = f", constraints={list(self._constraints)!r}" if self._constraints else ""
        return f"Space({{\n{lines}}}{held})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Space._make, (self._parameters, self._later, self._constraints, self._missing)

    def active(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the parameters that are active given the values in `params`, in order."""
        on = conditions.active(self._ordered, params)
        return tuple(name for name in self if name in on)

    def validate(
        self, params: Mapping[str, Any], argument: str = "params", *, constrained: bool = True
    ) -> Params:
        """The exact legal values that `params` stands for, in the order of the space.

        There is a value for each active parameter and no other; a Constant may be left out. Otherwise,
        and where it breaks a constraint, an InvalidArgument calls them `argument`. With
        `constrained=False` constraints do not count: what has been tried all the same says something.
        """
        legal = configurations.legal(self._parameters, self._ordered, params, argument)
        found = self.breaks(legal) if constrained else None
        if found is not None:
            advice = "Change one of its parameters."
            raise invalid(argument, f"what meets the constraint {found}", legal, advice)
        return legal

    @property
    def cardinality(self) -> int | float:
        """Number of distinct configurations; infinite where a reachable parameter is continuous.

        Where a constraint connects parameters that have more than 65,536 configurations, those that
        break it are counted as well: then it is an upper bound.
        """
        return configurations.count(self._ordered, self._constraints)

    def grid(self, resolution: int) -> Iterator[Params]:
        """Every configuration once, with `resolution` evenly spaced values of each continuous parameter.

        Those that break a constraint are left out.
        """
        keep = Pruned(self._constraints, self._ordered) if self._constraints else None
        for chosen in conditions.grid(self._ordered, resolution, keep):
            yield {name: chosen[name] for name in self if name in chosen}

    def difference(self, other: Space) -> list[str]:
        """Differences of another space, a line for each; empty where they are equal.

        Of predicates only the number counts.
        """
        return stored.differences(self._stored(), other._stored())

    def to_json(self) -> str:
        """The space as JSON text, without its predicates."""
        return stored.write(self._stored())

    @staticmethod
    def from_json(text: str) -> Space:
        """The space that `to_json` wrote, `missing` its predicates; InvalidArgument for another text."""
        return Space._make(*stored.read(text))


def _named(parameters: Any) -> dict[str, Parameter]:
    """Parameters by name; InvalidArgument for anything else."""
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
        if not isinstance(parameter, tuple(stored.KINDS.values())):
            kinds = ", ".join(stored.KINDS)
            raise invalid(f"parameters[{name!r}]", f"one of {kinds}", parameter, "Wrap it in one.")
    return named
