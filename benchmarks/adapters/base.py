"""What a benchmark asks of an optimiser, and the ways from parameters to numbers that adapters share.

Libraries without conditional parameters search the flat space of all of them: `filled` gives inactive
parameters a value where trials come from elsewhere, `settled` drops them from what a library suggests.
To libraries that are particular about the types of choices these are known by their numbers, as text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from suites.base import Parameter, Params, active


class Adapter:
    """An optimiser that minimises; by default it learns nothing from the trials.

    Args:
        parameters: what it searches, in the form of `suites.base`.
        seed: a whole number >= 0.
    """

    packages: tuple[str, ...] = ()
    """Distributions whose versions a reader of the results wants to know."""

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        self.parameters = tuple(parameters)

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        """Take in trials that were run before; None stands for a failed one."""

    def ask(self) -> Params:
        """The next configuration; inactive parameters may be among it."""
        raise NotImplementedError

    def tell(self, y: float | None) -> None:
        """The value of the configuration that was asked for last; None where it failed."""

    def recommend(self) -> Params | None:
        """The configuration that it would use from now on; None where it has no opinion of its own."""
        return None

    def coverage(self) -> list[float]:
        """Shares of the outcomes within its leave-one-out intervals of 50, 80 and 95 %, if it has any."""
        return []


def settled(parameters: Sequence[Parameter], params: Params) -> Params:
    """The active part of a suggestion as plain Python values, each checked to be legal.

    Raises:
        ValueError: for a value that is missing, of another kind or out of range.
    """
    kept = active(parameters, {p["name"]: params.get(p["name"]) for p in parameters})
    return {p["name"]: _legal(p, kept[p["name"]]) for p in parameters if p["name"] in kept}


def _legal(parameter: Parameter, value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    name, kind = parameter["name"], parameter["kind"]
    if kind == "categorical":
        # By type as well: 1, 1.0 and True are different choices, but equal.
        if any(type(value) is type(choice) and value == choice for choice in parameter["choices"]):
            return value
        raise ValueError(f"{name}: expected one of {parameter['choices']}, got {value!r}")
    low, high = parameter["low"], parameter["high"]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name}: expected a number from {low} to {high}, got {value!r}")
    if kind == "int" and value == round(value) and low <= value <= high:
        return int(value)
    # Libraries that work on a logarithmic scale may miss a bound by a rounding error.
    slack = 1e-9 * max(abs(low), abs(high))
    if kind == "float" and low - slack <= value <= high + slack:
        return float(min(max(value, low), high))
    raise ValueError(f"{name}: expected {kind} from {low} to {high}, got {value!r}")


def middle(parameter: Parameter) -> Any:
    """The value that stands for a parameter where it is inactive."""
    return decoded(parameter, 0.5 if parameter["kind"] != "categorical" else 0.0)


def filled(parameters: Sequence[Parameter], params: Params) -> Params:
    """A configuration with a value for the inactive parameters too."""
    return {p["name"]: params[p["name"]] if p["name"] in params else middle(p) for p in parameters}


def decoded(parameter: Parameter, u: float) -> Any:
    """The value at `u` in [0, 1], such that a uniform u makes it uniform on its scale."""
    if parameter["kind"] == "categorical":
        choices = parameter["choices"]
        return choices[min(int(u * len(choices)), len(choices) - 1)]
    low, high = _ends(parameter)
    value = math.exp(low + u * (high - low)) if parameter["log"] else low + u * (high - low)
    if parameter["kind"] == "int":
        value = round(value)
    return min(max(value, parameter["low"]), parameter["high"])


def encoded(parameter: Parameter, value: Any) -> float:
    """Where in [0, 1] a value is, the middle of its share; the inverse of `decoded`."""
    if parameter["kind"] == "categorical":
        return (parameter["choices"].index(value) + 0.5) / len(parameter["choices"])
    low, high = _ends(parameter)
    return ((math.log(value) if parameter["log"] else value) - low) / (high - low)


def _ends(parameter: Parameter) -> tuple[float, float]:
    """Where the scale begins and ends; every whole number has its share of it."""
    half = 0.5 if parameter["kind"] == "int" else 0.0
    low, high = parameter["low"] - half, parameter["high"] + half
    return (math.log(low), math.log(high)) if parameter["log"] else (float(low), float(high))


def coded(parameters: Sequence[Parameter], params: Params) -> Params:
    """A configuration with the number of each choice, as text, in its place."""
    return {p["name"]: _code(p, params[p["name"]]) for p in parameters if p["name"] in params}


def uncoded(parameters: Sequence[Parameter], params: Params) -> Params:
    """The inverse of `coded`."""

    def value(p: Parameter) -> Any:
        found = params[p["name"]]
        return p["choices"][int(found)] if p["kind"] == "categorical" else found

    return {p["name"]: value(p) for p in parameters if p["name"] in params}


def codes(parameter: Parameter) -> list[str]:
    """Of all choices of a categorical parameter."""
    return [str(i) for i in range(len(parameter["choices"]))]


def conditions(parameters: Sequence[Parameter], parameter: Parameter) -> dict[str, list[Any]]:
    """The parents of a parameter, and the values that each must hold, coded."""
    known = {p["name"]: p for p in parameters}
    return {
        parent: [_code(known[parent], value) for value in allowed]
        for parent, allowed in parameter.get("when", {}).items()
    }


def _code(parameter: Parameter, value: Any) -> Any:
    return str(parameter["choices"].index(value)) if parameter["kind"] == "categorical" else value
