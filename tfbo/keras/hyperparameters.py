"""`HyperParameters`: what a `build_model(hp)` is given, the search space and the values of a trial."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from tfbo._arguments import plain
from tfbo._messages import warn
from tfbo.errors import InvalidArgument
from tfbo.keras import definitions
from tfbo.keras.conditions import Parent
from tfbo.keras.definitions import HyperParameter
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
        self.active_scopes: list[list[Parent]] = []
        """Conditions of the scopes that were opened and held."""
        self.inactive_scopes: list[list[Parent]] = []
        """Conditions of the scopes that were opened and did not hold."""
        self._space: dict[tuple[Any, ...], HyperParameter] = {}
        self._asked: dict[tuple[Any, ...], HyperParameter] = {}
        self._settled: set[tuple[Any, ...]] | None = None
        """In a search, those that may have another range without a word: given before, or told."""
        self._name_scopes: list[str] = []
        self._conditions: list[Parent] = []

    @property
    def space(self) -> list[HyperParameter]:
        """The definitions, in the order in which they came; parents come before children."""
        return list(self._space.values())

    @contextlib.contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Names within begin with `name/`."""
        self._name_scopes.append(str(plain(name)))
        try:
            yield
        finally:
            self._name_scopes.pop()

    @contextlib.contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        """Hyperparameters within are active only while the parent has one of the values.

        Args:
            parent_name: of a hyperparameter that is there already.
            parent_values: one value, or a list of them.

        Raises:
            InvalidArgument: for a parent that is not there.
        """
        name = self._full_name(parent_name)
        if all(definition.name != name for definition in self.space):
            there = checks.suggestion(name, {definition.name for definition in self.space})
            raise InvalidArgument(
                f"parent_name: the hyperparameter {name!r} is not defined yet. {there} "
                "Define the parent before what depends on it."
            )
        self._conditions.append(Parent(name, parent_values))
        holds = self._conditions[-1].is_active(self.values)
        (self.active_scopes if holds else self.inactive_scopes).append(list(self._conditions))
        try:
            yield
        finally:
            self._conditions.pop()

    def is_active(self, hyperparameter: Any) -> bool:
        """Whether a definition, or any of a name, is active given the values."""
        if isinstance(hyperparameter, HyperParameter):
            return all(parent.is_active(self.values) for parent in hyperparameter.conditions)
        named = (d for d in self.space if d.name == str(hyperparameter))
        return any(self.is_active(definition) for definition in named)

    def get(self, name: str) -> Any:
        """The value of an active hyperparameter.

        Raises:
            ValueError: for one that is not active.
            KeyError: for a name that there is not.
        """
        full = self._full_name(name)
        if full in self.values:
            return self.values[full]
        names = {definition.name for definition in self.space}
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
            parent_name: as of `conditional_scope`, around this hyperparameter alone.
            parent_values: see there.
        """
        with self._scope(parent_name, parent_values):
            given = definitions.Choice(
                self._full_name(name), values, ordered, default, conditions=self._conditions
            )
            return self._retrieve(given)

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
        with self._scope(parent_name, parent_values):
            given = definitions.Int(
                self._full_name(name), min_value, max_value, step, sampling, default,
                conditions=self._conditions,
            )  # fmt: skip
            return self._retrieve(given)

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
        with self._scope(parent_name, parent_values):
            given = definitions.Float(
                self._full_name(name), min_value, max_value, step, sampling, default,
                conditions=self._conditions,
            )  # fmt: skip
            return self._retrieve(given)

    def Boolean(  # noqa: N802
        self,
        name: str,
        default: Any = False,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """True or False; other arguments as of `Int`."""
        with self._scope(parent_name, parent_values):
            given = definitions.Boolean(self._full_name(name), default, conditions=self._conditions)
            return self._retrieve(given)

    def Fixed(  # noqa: N802
        self, name: str, value: Any, parent_name: str | None = None, parent_values: Any = None
    ) -> Any:
        """A value that is not searched; other arguments as of `Int`."""
        with self._scope(parent_name, parent_values):
            given = definitions.Fixed(self._full_name(name), value, conditions=self._conditions)
            return self._retrieve(given)

    def get_config(self) -> dict[str, Any]:
        """Definitions and values, as JSON."""
        space = [definitions.serialize(definition) for definition in self.space]
        return {"space": space, "values": {name: plain(v) for name, v in self.values.items()}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HyperParameters:
        """What `get_config` wrote."""
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
        """Another one with the same definitions and values."""
        made = HyperParameters()
        made.restore(self.get_config())
        made._settled = self._settled  # the same one: what is told once holds for all copies
        return made

    def fix_ranges(self) -> None:
        """Have the ranges that are here override others, and others that change warned of."""
        self._settled = set(self._space)

    def merge(
        self, hps: HyperParameters | Iterable[HyperParameter], overwrite: bool = True
    ) -> None:
        """Take in definitions.

        Args:
            hps: where from.
            overwrite: whether to replace those that are here already, with their values.
        """
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

    def _retrieve(self, definition: HyperParameter) -> Any:
        """The value of a hyperparameter that is asked for; it is added where it is not there."""
        earlier = self._asked.setdefault(definition.key, definition)
        if earlier.clashes(definition):
            raise FatalValueError(
                f"Two hyperparameters of the name {definition.name!r} differ:\n"
                f"  {earlier!r}\n  {definition!r}\n"
                "Give one of them another name, or put it into a name_scope."
            )
        if definition.key not in self._space:
            return self._register(definition)
        self._compare(self._space[definition.key], definition)
        if not self.is_active(definition):
            return None
        return self.values.setdefault(definition.name, self._space[definition.key].default)

    def _compare(self, kept: HyperParameter, asked: HyperParameter) -> None:
        """Warn where an earlier build asked for another range: the earlier one is searched."""
        if self._settled is None or asked.key in self._settled or not kept.clashes(asked):
            return
        self._settled.add(asked.key)
        warn(
            f"The range of {asked.name!r} changed from one build to the next:\n"
            f"  {kept!r}, which is searched\n  {asked!r}, which is ignored\n"
            "Where a range depends on another hyperparameter, ask for the widest one, or for a Float "
            "from 0 to 1 and scale it. A range of another kind needs another name."
        )

    def _register(self, definition: HyperParameter, overwrite: bool = False) -> Any:
        if any(parent.name == definition.name for parent in definition.conditions):
            raise InvalidArgument(
                f"name: {definition.name!r} is the name of the parent, too. Give the "
                "hyperparameter that depends on it another name."
            )
        self._space[definition.key] = definitions.deserialize(definitions.serialize(definition))
        if not self.is_active(definition):
            return None
        if overwrite or definition.name not in self.values:
            self.values[definition.name] = definition.default
        return self.values[definition.name]

    def _scope(self, parent_name: str | None, parent_values: Any) -> Any:
        if parent_name is None:
            return contextlib.nullcontext()
        return self.conditional_scope(parent_name, parent_values)

    def _full_name(self, name: Any) -> str:
        return "/".join([*self._name_scopes, str(plain(name))])
