"""Constraints of a space: expressions over its parameters, and predicates of its configurations."""

from __future__ import annotations

import dataclasses
import inspect
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Union

from tfbo._arguments import plain
from tfbo.errors import invalid
from tfbo.space import arithmetic, checks, syntax
from tfbo.space.conditions import Parameters, Params
from tfbo.space.expressions import Expression
from tfbo.space.intervals import Interval
from tfbo.space.parameters import Parameter


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Predicate:
    """A constraint that is a Python function of a configuration; it is not stored.

    Two are equal where their functions are.
    """

    function: Callable[[Params], Any]
    names: tuple[str, ...] = ()
    """None that it could tell: it may look at all."""

    @property
    def text(self) -> str:
        """Name of the function and place of its definition."""
        name = getattr(self.function, "__qualname__", type(self.function).__qualname__)
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        name = name.rsplit(".", 1)[-1]
        return (
            f"{name}, {os.path.basename(code.co_filename)}:{code.co_firstlineno}" if code else name
        )

    def broken_by(self, params: Mapping[str, Any]) -> str | None:
        """Description of the constraint, where a configuration breaks it; None where it holds.

        Raises:
            InvalidArgument: where the function raises an exception, or returns anything but a bool.
        """
        expected = "a predicate that returns True or False"
        label = f"the predicate {self.text}"
        try:
            answer = plain(self.function(dict(params)))
        except Exception as error:
            advice = "An inactive parameter has no value: use params.get(name)."
            raise invalid(label, expected, error, advice) from error
        if not isinstance(answer, bool):
            raise invalid(label, expected, answer, "Write a comparison, or bool(...).")
        return None if answer else label

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Predicate) and self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __repr__(self) -> str:
        return f"<predicate {self.text}>"


Constraint = Union[Expression, Predicate]

# A few configurations are tried sooner than it is seen by intervals that all of them break a constraint.
_TRIED_RATHER = 10
# Values that a continuous parameter has on a grid, at least.
_FEW = 2


def listed(given: Any, parameters: Parameters) -> tuple[Constraint, ...]:
    """Constraints that an argument of that name stands for, expressions first.

    Raises:
        InvalidArgument: for what is no text of the language or function, an unknown name, or the name of
            a parameter that is no number.
    """
    if isinstance(given, (str, Mapping)) or callable(given) or not isinstance(given, Iterable):
        advice = 'For example constraints=["layers * units <= 1024"].'
        raise invalid("constraints", "a list of texts and functions", given, advice)
    expressions, predicates = [], []
    for i, one in enumerate(given):
        argument = f"constraints[{i}]"
        if callable(one) or isinstance(one, Predicate):
            predicates.append(predicate(argument, one))
            continue
        parsed = one if isinstance(one, Expression) else _parsed(one, argument)
        _check_names(parsed, parameters, argument)
        expressions.append(parsed)
    return (*expressions, *predicates)


def _parsed(text: Any, argument: str) -> Expression:
    if not isinstance(plain(text), str):
        advice = 'For example "layers * units <= 1024", or lambda params: params["units"] % 2 == 0.'
        raise invalid(argument, "a text, or a function of the parameters", text, advice)
    return Expression.parse(text, argument)


def predicate(argument: str, given: Any) -> Predicate:
    """The predicate that a function is; InvalidArgument for anything else."""
    if isinstance(given, Predicate):
        return given
    if not callable(given) or isinstance(given, type):
        advice = 'For example lambda params: params["units"] % 2 == 0.'
        raise invalid(argument, "a function of the parameters", given, advice)
    return Predicate(given)


def _check_names(expression: Expression, parameters: Parameters, argument: str) -> None:
    for name in expression.names:
        if name not in parameters:
            advice = checks.suggestion(name, parameters)
            odd = [known for known in parameters if syntax.written(known) != known]
            if odd:
                advice += f" A name that is no word stands in backticks: {syntax.written(odd[0])}."
            place = f"names of parameters in {expression.text[:80]!r}"
            raise invalid(argument, place, name, advice)
        if parameters[name].reach is None:
            place = f"parameters that are numbers in {expression.text[:80]!r}"
            shown = f"{name}: {parameters[name]!r}"
            advice = "Use a predicate: lambda params: ..."
            raise invalid(argument, place, shown, advice)


def functions(constraints: Sequence[Constraint]) -> tuple[Callable[[Params], Any], ...]:
    """The functions of those that are predicates."""
    return tuple(one.function for one in constraints if isinstance(one, Predicate))


def broken(constraints: Sequence[Constraint], params: Mapping[str, Any]) -> str | None:
    """Description of the first constraint that a configuration breaks; None where there is none."""
    for constraint in constraints:
        found = constraint.broken_by(params)
        if found is not None:
            return found
    return None


class Pruned:
    """Test of configurations that grow name by name: by the constraints whose names are all decided.

    And, where much would be tried in vain, by those that are broken whatever the other names will be.

    Args:
        constraints: some of a space.
        ordered: the parameters in the order in which they are decided.
        following: names of parameters whose values are decided by others at the end.
    """

    def __init__(
        self,
        constraints: Sequence[Constraint],
        ordered: Parameters,
        following: Set[str] = frozenset(),
    ) -> None:
        self._ranges = {name: _range(parameter) for name, parameter in ordered.items()}
        self._decided: dict[str, list[Constraint]] = {}
        self._begun: dict[str, list[tuple[Expression, frozenset[str]]]] = {}
        decided = [name for name in ordered if name not in following]
        for one in constraints:
            names = [name for name in decided if name in one.names] if one.names else decided
            rest = frozenset(following).intersection(one.names or following)
            if not rest:
                self._decided.setdefault(names[-1], []).append(one)
            if isinstance(one, Expression):
                for i, name in enumerate(names if rest else names[:-1], start=1):
                    self._begun.setdefault(name, []).append((one, rest.union(names[i:])))
        room = 1
        for name in reversed(decided):
            if _TRIED_RATHER * len(self._begun.get(name, ())) > room:
                del self._begun[name]
            room *= ordered[name].count or _FEW

    def __call__(self, name: str, chosen: Params) -> bool:
        """True where nothing is broken that the value of a name, or its inactivity, decides."""
        if broken(self._decided.get(name, ()), chosen) is not None:
            return False
        return not any(
            self._is_beyond(expression, undecided, chosen)
            for expression, undecided in self._begun.get(name, ())
        )

    def _is_beyond(self, expression: Expression, undecided: frozenset[str], chosen: Params) -> bool:
        ranges, inactive = {}, []
        for name in expression.names:
            if name in undecided:
                ranges[name] = self._ranges[name]
            elif name in chosen:
                value = float(arithmetic.exact(chosen[name]))
                ranges[name] = Interval(value, value)
            else:
                inactive.append(name)
        return expression.beyond(ranges, frozenset(inactive)) is not None


def _range(parameter: Parameter) -> Interval:
    reach = parameter.reach or (-math.inf, math.inf)
    return Interval(float(reach[0]), float(reach[1]), bool(parameter.when))
