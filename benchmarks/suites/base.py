"""What is optimised: a problem, and a cell of the experiment, which is a problem for each seed.

A parameter is a plain dict, so that it can be sent to any optimiser's interpreter as JSON:

    {"name": "rate", "kind": "float", "low": 1e-4, "high": 1.0, "log": True}
    {"name": "units", "kind": "int", "low": 1, "high": 30, "log": False}            # both included
    {"name": "kernel", "kind": "categorical", "choices": ["rbf", "poly"]}
    {"name": "degree", "kind": "int", "low": 2, "high": 5, "log": False, "when": {"kernel": ["poly"]}}

`when` names the parents that a parameter depends on, before it in the list, with the values for which it
is active: all have to be active and to hold one of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Params = dict[str, Any]
Parameter = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Problem:
    """A function of parameters to be minimised.

    Args:
        parameters: what is searched.
        value: noise-free, of the active parameters; NaN where the trial fails.
        optimum: the least value there is; None where nobody knows.
        noise: standard deviation of the normal noise that is added to what an optimiser is told.
    """

    parameters: tuple[Parameter, ...]
    value: Callable[[Params], float]
    optimum: float | None = None
    noise: float = 0.0


@dataclasses.dataclass(frozen=True)
class Cell:
    """A row of the experiment.

    Args:
        suite: to which it belongs.
        name: unique, and fit for a file: "rosenbrock-4".
        problem: the problem of a seed; seeds may share one, or differ by shift and rotation.
    """

    suite: str
    name: str
    problem: Callable[[int], Problem]


def real(name: str, low: float, high: float, log: bool = False, **more: Any) -> Parameter:
    """A parameter of kind "float"; `more` may hold `when`."""
    return {"name": name, "kind": "float", "low": low, "high": high, "log": log, **more}


def whole(name: str, low: int, high: int, log: bool = False, **more: Any) -> Parameter:
    """A parameter of kind "int"; `more` may hold `when`."""
    return {"name": name, "kind": "int", "low": low, "high": high, "log": log, **more}


def choice(name: str, choices: list[Any], **more: Any) -> Parameter:
    """A parameter of kind "categorical"; `more` may hold `when`."""
    return {"name": name, "kind": "categorical", "choices": choices, **more}


def cube(d: int) -> tuple[Parameter, ...]:
    """The parameters `x00, x01, ...`, each from 0 to 1."""
    return tuple(real(f"x{i:02d}", 0.0, 1.0) for i in range(d))


def vector(params: Params) -> np.ndarray:
    """The values of numeric parameters in order, `[d]`."""
    return np.array([params[name] for name in sorted(params)], np.float64)


def active(parameters: Sequence[Parameter], params: Params) -> Params:
    """What of a full configuration is active, in the order of the parameters."""
    kept: Params = {}
    for parameter in parameters:
        conditions = parameter.get("when", {}).items()
        if all(parent in kept and kept[parent] in allowed for parent, allowed in conditions):
            kept[parameter["name"]] = params[parameter["name"]]
    return kept


def draw(parameters: Sequence[Parameter], rng: np.random.Generator) -> Params:
    """A configuration drawn at random, each parameter uniform on its scale."""
    return active(parameters, {p["name"]: _draw(p, rng) for p in parameters})


def _draw(parameter: Parameter, rng: np.random.Generator) -> Any:
    if parameter["kind"] == "categorical":
        return parameter["choices"][rng.integers(len(parameter["choices"]))]
    low, high = parameter["low"], parameter["high"]
    if parameter["kind"] == "int" and not parameter["log"]:
        return int(rng.integers(low, high + 1))
    if parameter["kind"] == "int":
        edges = np.log(low - 0.5), np.log(high + 0.5)
        return int(np.clip(np.round(np.exp(rng.uniform(*edges))), low, high))
    if parameter["log"]:
        return float(np.clip(np.exp(rng.uniform(np.log(low), np.log(high))), low, high))
    return float(rng.uniform(low, high))
