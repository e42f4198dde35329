"""`HyperParameters`, the argument of a `build_model(hp)`: a search space and the values of a trial."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tfbo._arguments import plain
from tfbo._messages import warn
from tfbo.errors import InvalidArgument
from tfbo.keras import definitions
from tfbo.keras.definitions import HyperParameter, Parent
from tfbo.keras.errors import FatalValueError
from tfbo.space import checks


class HyperParameters:
    """A search space that is written down by using it, and values for it.

    Each of `Int`, `Float`, `Choice`, `Boolean` and `Fixed` adds a hyperparameter where there is none
    of that name under the conditions that hold here, and returns its value; None where it is not
    active. One that is there already keeps its range: that is how `hyperparameters=` of a tuner
    overrides what `build_model` asks for.

    Example:
        >>> import tfbo.keras as kt
        >>> hp = kt.HyperParameters()
        >>> hp.Int("units", 32, 512, step=32), hp.Float("rate", 1e-4, 1e-1, sampling="log")
        (32, 0.0001)
        >>> hp.values["units"] = 64
        >>> hp.Int("units", 32, 512, step=32)
        64
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        """Of the hyperparameters that are active, by name."""
        self.active_scopes: list[list[Parent]] = []  # conditions of those that were opened and held
        self.inactive_scopes: list[list[Parent]] = []  # of those that were opened and did not hold
        self._space: dict[tuple[Any, ...], HyperParameter] = {}
        self._asked: dict[tuple[Any, ...], HyperParameter] = {}
        self.settled: set[tuple[Any, ...]] | None = None
        """Keys of those that may be asked for with another range unwarned; None outside of a search."""
        self._name_scopes: list[str] = []
        self._conditions: list[Parent] = []

    @property
    def space(self) -> list[HyperParameter]:
        """The definitions, in the order in which they came; parents come before children."""
        return list(self._space.values())

    @contextlib.contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Put `name/` before the names within."""
        self._name_scopes.append(str(plain(name)))
        try:
            yield
        finally:
            self._name_scopes.pop()

    @contextlib.contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        """Have hyperparameters within active only while the parent (known already) has such a value."""
        name = self._full_name(parent_name)
        names = {d.name for d in self.space}
        if name not in names:
            raise InvalidArgument(
                f"parent_name: the hyperparameter {name!r} is not defined yet. "
                f"{checks.suggestion(name, names)} Define the parent before what depends on it."
            )
        self._conditions.append(Parent(name, parent_values))
        holds = self._conditions[-1].is_active(self.values)
        (self.active_scopes if holds else self.inactive_scopes).append(list(self._conditions))
        try:
            yield
        finally:
            self._conditions.pop()

    def is_active(self, hyperparameter: Any) -> bool:
        """Tell if a definition, or any of that name, is active given the values."""
        if isinstance(hyperparameter, HyperParameter):
            return all(parent.is_active(self.values) for parent in hyperparameter.conditions)
        named = (d for d in self.space if d.name == str(hyperparameter))
        return any(self.is_active(definition) for definition in named)

    def get(self, name: str) -> Any:
        """The value of an active hyperparameter; ValueError where inactive, KeyError where unknown."""
        full, names = self._full_name(name), {d.name for d in self.space}
        if full in self.values:
            return self.values[full]
        if full in names:
            raise ValueError(f"{full} is currently inactive.")
        raise KeyError(f"{full} does not exist. {checks.suggestion(full, names)}")

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __contains__(self, name: object) -> bool:
        return self._full_name(name) in self.values

    def Choice(  # noqa: N802
        self,
        name: str,
        values: Any,
        ordered: bool | None = None,
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """One of several values: text, numbers, booleans or None, also mixed.

        Args:
            name: of the hyperparameter.
            values: to choose from; each keeps its type.
            ordered: whether their order means something; None for True where all are numbers.
            default: one of the values; None for None where that is one of them, else the first.
            parent_name: as of `Int`.
            parent_values: as of `Int`.
        """
        arguments = (values, ordered, default)
        return self._ask(definitions.Choice, name, arguments, parent_name, parent_values)

    def Int(  # noqa: N802
        self,
        name: str,
        min_value: Any,
        max_value: Any,
        step: Any = None,
        sampling: str = "linear",
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """A whole number, both ends included.

        Args:
            name: of the hyperparameter.
            min_value: the smallest.
            max_value: the largest; with a step that does not lead there, the last step before it is.
            step: the distance from one to the next; a factor unless `sampling` is "linear".
            sampling: "linear", "log", or "reverse_log" (fine near `max_value`).
            default: None for the smallest. One between two steps counts as the nearer of them.
            parent_name: as of `conditional_scope`, around this hyperparameter alone.
            parent_values: see there.
        """
        arguments = (min_value, max_value, step, sampling, default)
        return self._ask(definitions.Int, name, arguments, parent_name, parent_values)

    def Float(  # noqa: N802
        self,
        name: str,
        min_value: Any,
        max_value: Any,
        step: Any = None,
        sampling: str = "linear",
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """A real number, both ends included; arguments as of `Int`."""
        arguments = (min_value, max_value, step, sampling, default)
        return self._ask(definitions.Float, name, arguments, parent_name, parent_values)

    def Boolean(  # noqa: N802
        self,
        name: str,
        default: Any = False,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """True or False; other arguments as of `Int`."""
        return self._ask(definitions.Boolean, name, (default,), parent_name, parent_values)

    def Fixed(  # noqa: N802
        self, name: str, value: Any, parent_name: str | None = None, parent_values: Any = None
    ) -> Any:
        """A value that is not searched; other arguments as of `Int`."""
        return self._ask(definitions.Fixed, name, (value,), parent_name, parent_values)

    def get_config(self) -> dict[str, Any]:
        """Definitions and values, as JSON."""
        space = [definitions.serialize(definition) for definition in self.space]
        return {"space": space, "values": {name: plain(v) for name, v in self.values.items()}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HyperParameters:
        """The ones of which `get_config` wrote."""
        made = cls()
        made.restore(config)
        return made

    def restore(self, config: dict[str, Any]) -> None:
        """Put what `get_config` wrote before the definitions that are here, or in their place."""
        here = self.space
        listed = map(definitions.deserialize, config["space"])
        self._space = {definition.key: definition for definition in listed}
        self.values = dict(config["values"])
        self.merge(here, overwrite=False)

    def copy(self) -> HyperParameters:
        """Copy definitions and values."""
        made = HyperParameters.from_config(self.get_config())
        made.settled = self.settled  # the same one: what is told once holds for all copies
        return made

    def merge(
        self, hps: HyperParameters | Iterable[HyperParameter], overwrite: bool = True
    ) -> None:
        """Take in definitions; `overwrite` replaces those that are here, with their values."""
        for definition in hps.space if isinstance(hps, HyperParameters) else list(hps):
            if overwrite or definition.key not in self._space:
                self._register(definition, overwrite)

    def ensure_active_values(self) -> None:
        """Drop values of what is not active, and give defaults to what is active without one."""
        active = {d.name: d.default for d in reversed(self.space) if self.is_active(d)}
        self.values = {name: value for name, value in self.values.items() if name in active}
        for definition in self.space:  # parents first: a value may activate children
            if self.is_active(definition):
                self.values.setdefault(definition.name, definition.default)

    def _ask(
        self,
        kind: Callable[..., HyperParameter],
        name: str,
        arguments: tuple[Any, ...],
        parent_name: str | None,
        parent_values: Any,
    ) -> Any:
        """The value of a hyperparameter that is asked for; it is added where it is not there."""
        scoped, unscoped = self.conditional_scope, contextlib.nullcontext()
        with unscoped if parent_name is None else scoped(parent_name, parent_values):
            asked = kind(self._full_name(name), *arguments, conditions=self._conditions)
        earlier = self._asked.setdefault(asked.key, asked)
        if earlier.clashes(asked):
            raise FatalValueError(
                f"Two hyperparameters of the name {asked.name!r} differ:\n  {earlier!r}\n  {asked!r}\n"
                "Give one of them another name, or put it into a name_scope."
            )
        if asked.key not in self._space:
            return self._register(asked)
        kept = self._space[asked.key]
        if self.settled is not None and asked.key not in self.settled and kept.clashes(asked):
            self.settled.add(asked.key)
            _warn_of_change(kept, asked)
        if not self.is_active(asked):
            return None
        return self.values.setdefault(asked.name, kept.default)

    def _register(self, definition: HyperParameter, overwrite: bool = False) -> Any:
        self._space[definition.key] = definitions.deserialize(definitions.serialize(definition))
        if not self.is_active(definition):
            return None
        if overwrite or definition.name not in self.values:
            self.values[definition.name] = definition.default
        return self.values[definition.name]

    def _full_name(self, name: Any) -> str:
        return "/".join([*self._name_scopes, str(plain(name))])


def _warn_of_change(kept: HyperParameter, asked: HyperParameter) -> None:
    """Warn where an earlier build asked for another range: the earlier one is searched."""
    warn(
        f"The range of {asked.name!r} changed from one build to the next:\n"
        f"  {kept!r}, which is searched\n  {asked!r}, which is ignored\n"
        "Where a range depends on another hyperparameter, ask for the widest one, or for a Float "
        "from 0 to 1 and scale it. A range of another kind needs another name."
    )
