"""The kinds of hyperparameter, each by its definition: `Int`, `Float`, `Choice`, `Boolean`, `Fixed`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tfbo._arguments import plain
from tfbo.errors import InvalidArgument, invalid
from tfbo.keras import domains
from tfbo.space import Boolean as BooleanParameter
from tfbo.space import checks

_SAMPLINGS = ("linear", "log", "reverse_log")


class Parent:
    """A condition: the hyperparameter of that full name has one of the values, which are JSON scalars."""

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


class HyperParameter:
    """A hyperparameter, known by its full name and by the conditions that hold while it is active."""

    def __init__(self, name: str, default: Any = None, conditions: Any = None) -> None:
        self.name = str(plain(name))
        self._default = default
        self.conditions: list[Parent] = list(conditions or [])
        if any(parent.name == self.name for parent in self.conditions):
            raise InvalidArgument(
                f"name: {self.name!r} is the name of the parent, too. Give the hyperparameter that "
                "depends on it another name."
            )

    @property
    def default(self) -> Any:
        """The value before anything is known."""
        return self._default

    @property
    def values(self) -> Iterable[Any]:
        """Possible values; ten of them where it is continuous."""
        raise NotImplementedError

    @property
    def key(self) -> tuple[Any, ...]:
        """The identity: name and conditions."""
        return (self.name, *(parent.key for parent in self.conditions))

    def domain(self) -> domains.SearchDomain:
        """The domain that is searched for it."""
        raise NotImplementedError

    def range(self) -> tuple[Any, ...]:
        """All that makes up its range, to compare: not name, conditions and default."""
        skipped = ("name", "conditions", "default")
        fields = {k: repr(v) for k, v in self.get_config().items() if k not in skipped}
        return (type(self).__name__, *sorted(fields.items()))

    def clashes(self, later: HyperParameter) -> bool:
        """Tell if a later definition of the same hyperparameter has another range."""
        return self.range() != later.range()

    def get_config(self) -> dict[str, Any]:
        """The arguments, as JSON."""
        listed = [{"class_name": "Parent", "config": p.get_config()} for p in self.conditions]
        return {"name": self.name, "default": self.default, "conditions": listed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HyperParameter:
        """The hyperparameter of that configuration."""
        conditions = [Parent(**entry["config"]) for entry in config.get("conditions") or []]
        return cls(**{**config, "conditions": conditions})

    def __repr__(self) -> str:
        fields = {k: v for k, v in self.get_config().items() if k not in ("name", "conditions")}
        shown = ", ".join(f"{field}: {value!r}" for field, value in fields.items())
        return f"{type(self).__name__}(name: {self.name!r}, {shown})"


class _Numerical(HyperParameter):
    """A number, whole or not."""

    _kind: type
    _only_step: Any = None
    """The step of a linear one without any."""

    def __init__(
        self,
        name: str,
        min_value: Any,
        max_value: Any,
        step: Any = None,
        sampling: str | None = "linear",
        default: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, default=default, **kwargs)
        self.min_value = self._number("min_value", min_value)
        self.max_value = self._number("max_value", max_value)
        self.sampling = str(sampling or "linear").lower()
        if step is None and self.sampling == "linear":
            step = self._only_step
        self.step = None if step is None else self._number("step", step)
        if default is not None:
            number = checks.real(f"{type(self).__name__}({self.name!r}): default", default)
            self._default = round(number) if self._kind is int else number
        self._check()

    def _number(self, argument: str, value: Any) -> Any:
        raise NotImplementedError

    def _check(self) -> None:
        call = f"{type(self).__name__}({self.name!r})"
        if self.sampling not in _SAMPLINGS:
            listed = ", ".join(map(repr, _SAMPLINGS))
            raise invalid(f"{call}: sampling", f"one of {listed}", self.sampling, "Pick one.")
        if self.min_value > self.max_value:
            advice = "Exchange them."
            expected = f"at most max_value ({self.max_value})"
            raise invalid(f"{call}: min_value", expected, self.min_value, advice)
        factor = self.sampling != "linear"
        if factor and self.min_value <= 0:
            expected = f"a number above zero, because sampling={self.sampling!r}"
            raise invalid(f"{call}: min_value", expected, self.min_value, "Use a small number.")
        if self.step is not None and self.step <= (1 if factor else 0):
            expected = "a factor above one" if factor else "a number above zero"
            raise invalid(f"{call}: step", expected, self.step, "Leave it out for every value.")

    @property
    def default(self) -> Any:
        """The value before anything is known: the smallest, unless one was given."""
        return self.min_value if self._default is None else self._default

    @property
    def values(self) -> Iterable[Any]:
        """Possible values; ten of them where there is no step."""
        if self.step is not None:
            ends = self.min_value, self.max_value
            return tuple(domains.stepped(self._kind, *ends, self.step, self.sampling))
        domain = self.domain()
        codes = (domain.parameter.from_code(0.05 + 0.1 * i) for i in range(10))
        return tuple(dict.fromkeys(domain.write(code) for code in codes))

    def domain(self) -> domains.SearchDomain:
        """See `HyperParameter`."""
        return domains.numbers(self._kind, self.min_value, self.max_value, self.step, self.sampling)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as JSON."""
        fields = ("min_value", "max_value", "step", "sampling")
        return {
            **super().get_config(),
            "default": self._default,
            **{field: getattr(self, field) for field in fields},
        }


class Int(_Numerical):
    """A whole number; see `HyperParameters.Int`."""

    _kind = int
    _only_step = 1

    def _number(self, argument: str, value: Any) -> int:
        number = checks.real(f"Int({self.name!r}): {argument}", value)
        if number != int(number):
            raise invalid(
                f"Int({self.name!r}): {argument}", "a whole number", value, "Use Float instead."
            )
        return int(plain(value))


class Float(_Numerical):
    """A real number; see `HyperParameters.Float`."""

    _kind = float

    def _number(self, argument: str, value: Any) -> float:
        return checks.real(f"Float({self.name!r}): {argument}", value)


class Choice(HyperParameter):
    """One of several values; see `HyperParameters.Choice`."""

    def __init__(
        self,
        name: str,
        values: Any,
        ordered: bool | None = None,
        default: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        call = f"Choice({self.name!r})"
        self._values = list(checks.scalars(f"{call}: values", values))
        if not self._values:
            advice = "Write them as [a, b, c]."
            raise invalid(f"{call}: values", "a list of one value or more", values, advice)
        numeric = all(type(value) in (int, float) for value in self._values)
        if ordered and not numeric:
            text = "`ordered` must be `False` for non-numeric types. Leave ordered out."
            raise InvalidArgument(f"{call}: {text}")
        self.ordered = numeric if ordered is None else bool(ordered)
        if default is not None:
            given = checks.scalar(f"{call}: default", default)
            same = [value for value in self._values if value == given]
            if not same:
                listed = ", ".join(map(repr, self._values))
                raise invalid(f"{call}: default", f"one of {listed}", default, "Pick one of them.")
            self._default = next((v for v in same if type(v) is type(given)), same[0])

    @property
    def default(self) -> Any:
        """Unless one was given, None where that is a choice, and the first one otherwise."""
        given = self._default is not None or None in self._values
        return self._default if given else self._values[0]

    @property
    def values(self) -> list[Any]:
        """Possible values."""
        return self._values

    def domain(self) -> domains.SearchDomain:
        """See `HyperParameter`."""
        return domains.listed(self._values, ordered=self.ordered)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as JSON."""
        return {**super().get_config(), "values": self._values, "ordered": self.ordered}


class Boolean(HyperParameter):
    """True or False; see `HyperParameters.Boolean`."""

    def __init__(self, name: str, default: Any = False, **kwargs: Any) -> None:
        super().__init__(name=name, default=plain(default), **kwargs)
        if self._default not in (True, False):
            raise invalid(f"Boolean({name!r}): default", "True or False", default, "Pick one.")
        self._default = bool(self._default)

    @property
    def values(self) -> tuple[bool, bool]:
        """Possible values."""
        return (True, False)

    def domain(self) -> domains.SearchDomain:
        """See `HyperParameter`."""
        return domains.Listed(BooleanParameter(), (False, True))


class Fixed(HyperParameter):
    """A value that is not searched; see `HyperParameters.Fixed`."""

    def __init__(self, name: str, value: Any, **kwargs: Any) -> None:
        self.value = checks.scalar(f"Fixed({name!r}): value", value)
        super().__init__(name=name, default=self.value, **kwargs)

    @property
    def values(self) -> tuple[Any]:
        """Possible values."""
        return (self.value,)

    def domain(self) -> domains.SearchDomain:
        """See `HyperParameter`."""
        return domains.listed([self.value], ordered=False)

    def clashes(self, later: HyperParameter) -> bool:
        """Never: to fix a value beforehand overrides what is asked for later."""
        return False

    def get_config(self) -> dict[str, Any]:
        """The arguments, as JSON."""
        config = super().get_config()
        return {"name": self.name, "conditions": config["conditions"], "value": self.value}


KINDS: dict[str, type[HyperParameter]] = {
    kind.__name__: kind for kind in (Int, Float, Choice, Boolean, Fixed)
}


def serialize(definition: HyperParameter) -> dict[str, Any]:
    """A definition as JSON."""
    return {"class_name": type(definition).__name__, "config": definition.get_config()}


def deserialize(config: dict[str, Any]) -> HyperParameter:
    """The definition that `serialize` wrote."""
    return KINDS[config["class_name"]].from_config(config["config"])
