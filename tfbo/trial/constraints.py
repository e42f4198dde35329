"""Constraints on the outcomes of trials: which hold, and how far others are broken."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfbo.errors import InvalidArgument, invalid
from tfbo.space.expressions import Expression
from tfbo.trial.trial import Trial

EQUAL = 1e-4
"""Tolerance of equalities of outcomes; see `tolerance`.

Source: Liang et al. 2006 (CEC 2006), who count an equality as met within 1e-4.
"""


@dataclasses.dataclass(frozen=True)
class OutcomeConstraints:
    """Constraints of a study on what its trials are told.

    Outcomes are measured, so that an equality holds to 1e-4: of the sum of the sizes of its terms, or
    absolutely where that is less than one. For another tolerance write it: `"abs(a - b) <= 0.5"`.

    Example:
        >>> constraints = OutcomeConstraints.of(["size_mb <= 10", "log(steps) <= 3"])
        >>> constraints.names
        ('size_mb', 'steps')
        >>> constraints.violations({"size_mb": 12.5})
        {'size_mb <= 10': 2.5, 'log(steps) <= 3': nan}
    """

    expressions: tuple[Expression, ...]

    @classmethod
    def of(cls, given: Any, argument: str = "constraints") -> OutcomeConstraints:
        """The constraints of a list of texts; InvalidArgument where they are none, or contradict."""
        example = 'For example constraints=["size_mb <= 10"].'
        if isinstance(given, (str, Mapping)) or not isinstance(given, Iterable):
            raise invalid(argument, "a list of texts", given, example)
        expressions: list[Expression] = []
        for i, text in enumerate(given):
            place = f"{argument}[{i}]"
            if not isinstance(text, str):
                raise invalid(place, "a text", text, f"{example} Outcomes take no predicates.")
            found = Expression.parse(text, place)
            if not found.names:
                raise invalid(place, "a constraint on outcomes", text, f"It names none. {example}")
            if found.text in (other.text for other in expressions):
                raise invalid(
                    place, "another constraint", text, "It is there twice: leave one out."
                )
            expressions.append(found)
        _check_bounds(expressions, argument)
        return cls(tuple(expressions))

    @property
    def texts(self) -> tuple[str, ...]:
        """The constraints as they were written."""
        return tuple(expression.text for expression in self.expressions)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of outcomes in them, in the order in which they first appear."""
        return tuple(dict.fromkeys(name for e in self.expressions for name in e.names))

    def outcomes(self, trials: Sequence[Trial]) -> np.ndarray:
        """Values `[n, k]` of the `names`, float64; NaN for what is missing or infinite."""
        rows = [[trial.values.get(name, np.nan) for name in self.names] for trial in trials]
        values = np.array(rows, np.float64).reshape(len(trials), len(self.names))
        return np.where(np.isfinite(values), values, np.nan)

    def values(self, trials: Sequence[Trial]) -> np.ndarray:
        """Margins `[n, c]`, >= 0 where a constraint holds, of an equality its two sides' difference.

        float64; NaN where they are not known, or not finite.
        """
        rows = [
            [_margin(expression, trial.values) for expression in self.expressions]
            for trial in trials
        ]
        margins = np.array(rows, np.float64).reshape(len(trials), len(self.expressions))
        return np.where(np.isfinite(margins), margins, np.nan)

    def violations(self, values: Mapping[str, float]) -> dict[str, float]:
        """By constraint, how far it is broken: 0 where it holds, NaN where a value is missing."""
        return {each.text: _violation(each, values) for each in self.expressions}

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        return json.dumps(self.texts)

    @classmethod
    def from_json(cls, text: str) -> OutcomeConstraints:
        """The constraints of a text that `to_json` wrote; InvalidArgument for any other."""
        try:
            return cls.of(json.loads(text))
        except InvalidArgument:
            raise
        except (ValueError, TypeError, RecursionError) as error:
            expected = "what OutcomeConstraints.to_json wrote"
            raise invalid("constraints", expected, text, str(error)) from None


def _margin(expression: Expression, values: Mapping[str, float]) -> float:
    """The margin of a constraint; NaN where a value is missing, or a side is no number."""
    if not all(name in values for name in expression.names):
        return math.nan
    with np.errstate(all="ignore"):
        named = {name: np.float64(values[name]) for name in expression.names}
        return float(expression.margin(named, None, np))


def tolerance(expression: Expression, values: Mapping[str, float]) -> float:
    """Largest difference between the sides at which a constraint still holds: 0 but for equalities.

    Example:
        >>> from tfbo.space import Expression
        >>> tolerance(Expression.parse("a + b == 1"), {"a": 30.0, "b": -29.0})
        0.006
    """
    if not expression.is_equality:
        return 0.0
    return EQUAL * max(
        1.0, expression.size({name: float(values[name]) for name in expression.names})
    )


def _violation(expression: Expression, values: Mapping[str, float]) -> float:
    if not all(name in values for name in expression.names):
        return math.nan
    margin = _margin(expression, values)
    met = math.isfinite(margin) and abs(margin) <= tolerance(expression, values)
    if met or expression.holds(dict(values)):
        return 0.0
    # A side that is no number, such as log(-1), breaks it by no distance that could be told.
    return math.inf if math.isnan(margin) else max(abs(margin), np.finfo(float).tiny)


def _check_bounds(expressions: Sequence[Expression], argument: str) -> None:
    """Raise InvalidArgument where two constraints of the same outcome alone contradict each other."""
    bounds: dict[str, list[tuple[float, float, str]]] = {}
    for expression in expressions:
        if len(expression.names) != 1:
            continue
        (name,) = expression.names
        if not expression.affine_in(name):
            continue
        at_zero, at_one = (_margin(expression, {name: x}) for x in (0.0, 1.0))
        slope = at_one - at_zero
        if not slope or not math.isfinite(slope):
            continue
        edge = -at_zero / slope
        low = edge if expression.is_equality or slope > 0.0 else -math.inf
        high = edge if expression.is_equality or slope < 0.0 else math.inf
        for other_low, other_high, text in bounds.get(name, []):
            gap = max(low, other_low) - min(high, other_high)
            if gap > 1e-9 * max(abs(low if math.isfinite(low) else high), 1.0):
                advice = f"No value of {name!r} meets both: leave one out."
                expected = f"what can hold together with {text!r}"
                raise invalid(argument, expected, expression.text, advice)
        bounds.setdefault(name, []).append((low, high, expression.text))
