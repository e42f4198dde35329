"""Spaces as JSON: parameters field by field, constraints as texts, of predicates their number."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, NamedTuple

from tfbo.errors import invalid
from tfbo.space.choices import Boolean, Categorical, Constant, Ordinal
from tfbo.space.conditions import Parameters
from tfbo.space.numbers import Float, Int

KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (Float, Int, Categorical, Ordinal, Boolean, Constant)
}


class Parts(NamedTuple):
    """The parts of a space that are stored."""

    parameters: Parameters
    later: frozenset[str]
    texts: list[str]
    """Of constraints."""
    predicates: int
    """Number of constraints that are predicates, which are not stored."""


def write(parts: Parts) -> str:
    """The JSON of a space."""
    listed = [_parameter_to_json(name, parameter) for name, parameter in parts.parameters.items()]
    optional = {
        "later": [name for name in parts.parameters if name in parts.later],
        "constraints": parts.texts,
        "predicates": parts.predicates,
    }
    return json.dumps({"parameters": listed, **{k: v for k, v in optional.items() if v}})


def read(text: str) -> Parts:
    """The parts that `write` has written; InvalidArgument for another text."""
    try:
        stored = json.loads(text)
        parameters = {
            str(entry["name"]): _parameter_from_json(entry) for entry in stored["parameters"]
        }
        if len(parameters) < len(stored["parameters"]):
            raise ValueError("a name is there twice")
        texts, predicates = stored.get("constraints", []), stored.get("predicates", 0)
        if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
            raise ValueError("constraints are no list of texts")
        if type(predicates) is not int or predicates < 0:
            raise ValueError("the number of predicates is none")
        return Parts(parameters, frozenset(stored.get("later", ())), texts, predicates)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        advice = f"Pass what Space.to_json returned ({type(error).__name__}: {error})."
        raise invalid("text", "the JSON of a space", text, advice) from None


def differences(one: Parts, other: Parts) -> list[str]:
    """Differences of two spaces but for what joined later, a line for each."""
    here, there = one.parameters, other.parameters
    lines = []
    for name in [*here, *(name for name in there if name not in here)]:
        ours = repr(here[name]) if name in here else "nothing"
        theirs = repr(there[name]) if name in there else "nothing"
        if ours != theirs:
            lines.append(f"{name}: {ours} here, {theirs} there")
    if not lines and list(here) != list(there):
        lines.append(f"order: {', '.join(here)} here, {', '.join(there)} there")
    for part in ("texts", "predicates"):
        ours, theirs = getattr(one, part), getattr(other, part)
        if ours != theirs:
            what = "constraints" if part == "texts" else part
            lines.append(f"{what}: {ours} here, {theirs} there")
    return lines


def _parameter_to_json(name: str, parameter: Any) -> dict[str, Any]:
    fields = {field.name: getattr(parameter, field.name) for field in dataclasses.fields(parameter)}
    return {"name": name, "kind": type(parameter).__name__, **fields}


def _parameter_from_json(entry: dict[str, Any]) -> Any:
    fields = {field: value for field, value in entry.items() if field not in ("name", "kind")}
    if fields.get("when") is not None:
        fields["when"] = {parent: list(allowed) for parent, allowed in fields["when"]}
    return KINDS[entry["kind"]](**fields)
