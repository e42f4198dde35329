"""Metrics of a study: the names of what its trials are told, and how a result is read."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from tfbo import _arguments
from tfbo.errors import invalid
from tfbo.trial.outcome import Failure, LastPoint, Measurement, Outcome, measure
from tfbo.trial.trial import COMPLETE, FAILED, KINDS, STOPPED, UNEXPLAINED, Trial

VALUE = "value"
"""Name of the only objective of a study that gives it none."""


@dataclasses.dataclass(frozen=True)
class Metrics:
    """Names of the objectives, and of the other outcomes that constraints are about.

    Args:
        objectives: one or more.
        others: names of constraints that are no objectives.
        limited: True where there are constraints, be they about the objectives alone.

    A dict may have more numbers than these: they are kept with the trial, and steer nothing.

    Example:
        >>> Metrics(("loss",), ("mb",)).read({"loss": 0.5, "mb": 12}).metrics
        {'loss': 0.5, 'mb': 12.0}
    """

    objectives: tuple[str, ...] = (VALUE,)
    others: tuple[str, ...] = ()
    limited: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, the objectives first."""
        return self.objectives + self.others

    @property
    def is_plain(self) -> bool:
        """True for one objective without a name or constraints: trials have a value only."""
        return self.names == (VALUE,) and not self.limited

    def shown(self, trials: Iterable[Trial]) -> tuple[str, ...]:
        """Names of columns in a table of trials: all of these, then whatever else trials have."""
        found = dict.fromkeys(name for trial in trials for name in trial.values)
        return tuple(dict.fromkeys((*self.names, *found)))

    def read(
        self, returned: Any, std: Any = None, *, argument: str = "value", whole: bool = False
    ) -> Outcome:
        """Outcome of what was returned or told: a number, a sequence of the objectives, or a dict.

        Args:
            returned: values by name; a number where there is one objective, a sequence of all objectives.
            std: standard errors by name, or that of the only objective.
            argument: what it is called in errors.
            whole: True where the other outcomes may not be left out, as of an objective: NaN says that one
                is not known.

        Raises:
            InvalidArgument: for a name that is missing, or anything else than numbers; for an unknown name
                where one is missing, of which it may be a misspelling.
        """
        if self.is_plain:
            return measure(returned, std)
        values = self._by_name(returned, argument, self.names)
        wanted = self.names if whole else self.objectives
        missing = [name for name in wanted if name not in values]
        if missing:
            expected = f"a number for {_listed(wanted)}"
            raise invalid(argument, expected, returned, self._missing(missing, argument))
        told, stds = self._known(values), self._stds(std)
        lost = [name for name in self.objectives if name not in told]
        if lost:
            which = "the value" if lost[0] == VALUE else f"the value of {lost[0]!r}"
            return Failure("nan", f"{which} was {values[lost[0]]}", None, told, stds)
        finite = tuple(told[name] for name in self.objectives)
        errors = tuple(stds.get(name) for name in self.objectives)
        return Measurement(finite, errors, metrics=told, errors=stds)

    def rescued(self, returned: Any) -> dict[str, float]:
        """The values by name in what is no legal result as a whole, to be kept with its failure."""
        if self.is_plain or not isinstance(returned, Mapping):
            return {}
        numbers = {
            name: _arguments.as_float(returned[name])
            for name in self._sorted(name for name in returned if isinstance(name, str))
        }
        return self._known({name: v for name, v in numbers.items() if v is not None})

    def failed(self, values: Any) -> dict[str, float]:
        """The values that are told of a failed trial: any of the names, but for the only objective."""
        if values is None:
            return {}
        if self.is_plain or not isinstance(values, Mapping):
            advice = "Leave out value or state."
            if not self.is_plain:
                advice = f"Of a failed trial, tell what is known by name: {self._example()}."
            raise invalid("value", "nothing for a failed trial", values, advice)
        return self._known(self._by_name(values, "value", self.others))

    def placed(self, trial: Trial) -> Trial:
        """A trial whose value is also among its values; with several objectives there only."""
        if self.is_plain or trial.value is None:
            return trial
        first, *more = self.objectives
        named = dataclasses.replace(trial, values={**trial.values, first: trial.value})
        return dataclasses.replace(named, value=None, std=None) if more else named

    def _by_name(self, returned: Any, argument: str, wanted: tuple[str, ...]) -> dict[str, float]:
        """Numbers by name, finite or not; unknown names only where nothing that is wanted is missing."""
        by_name = isinstance(returned, Mapping)
        named = dict(returned) if by_name else self._in_order(returned, argument)
        (first, *more), known = self.objectives, self.names
        if not more and first not in named and VALUE in named and VALUE not in known:
            named = {first: named.pop(VALUE), **named}
        unknown = [name for name in named if name not in self.names]
        missing = [name for name in wanted if name not in named]
        if unknown and (missing or not all(isinstance(name, str) for name in unknown)):
            expected = f"values of {_listed(self.names)}"
            advice = f"The study has no objective or constraint of {_listed(unknown)}"
            advice += f", and {self._missing(missing, argument)}" if missing else ": leave it out."
            raise invalid(argument, expected, returned, advice)
        numbers = {}
        for name in self._sorted(named):
            number = _arguments.as_float(named[name])
            if number is None:
                advice = "NaN says that it is not known."
                if name in unknown:
                    advice = "The study has no objective or constraint of that name: leave it out."
                raise invalid(f"{argument}[{name!r}]", "a number", named[name], advice)
            numbers[name] = number
        return numbers

    def _sorted(self, names: Iterable[str]) -> list[str]:
        """Names as they are told: those of the study, in its order, before others."""
        there = list(names)
        more = [name for name in there if name not in self.names]
        return [*(name for name in self.names if name in there), *more]

    def _in_order(self, returned: Any, argument: str) -> dict[str, Any]:
        """The objectives by name from a number or a sequence of them."""
        if len(self.objectives) == 1 and _arguments.as_float(returned) is not None:
            return {self.objectives[0]: returned}
        listed = list(returned) if _is_sequence(returned) else None
        if listed is None or len(listed) != len(self.objectives) or len(listed) == 1:
            advice = f"Write {self._example()}."
            raise invalid(argument, f"a dict of {_listed(self.names)}", returned, advice)
        return dict(zip(self.objectives, listed, strict=True))

    def _stds(self, std: Any) -> dict[str, float]:
        if std is None:
            return {}
        advice = "Leave it out where it is not known."
        if not isinstance(std, Mapping):
            if len(self.objectives) > 1:
                expected = f"a dict of {_listed(self.names)}"
                raise invalid("std", expected, std, "Give the standard error of each by its name.")
            return {self.objectives[0]: _arguments.number("std", std, advice, least=0.0)}
        unknown = [name for name in std if name not in self.names]
        if unknown:
            raise invalid("std", f"names of {_listed(self.names)}", std, "Leave out the others.")
        return {
            name: _arguments.number(f"std[{name!r}]", std[name], advice, least=0.0)
            for name in self.names
            if name in std
        }

    def _known(self, values: Mapping[str, float]) -> dict[str, float]:
        """Values that say something: objectives that are finite, other outcomes unless they are NaN."""
        return {
            name: value
            for name, value in values.items()
            if (math.isfinite(value) if name in self.objectives else not math.isnan(value))
        }

    def _missing(self, missing: list[str], argument: str) -> str:
        said = f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        verb = "Return" if argument == "objective" else "Tell"
        return f"{said}. {verb} {self._example()}; NaN for one that is not known."

    def _example(self) -> str:
        return "{" + ", ".join(f"{name!r}: ..." for name in self.names) + "}"


PLAIN = Metrics()
"""Of a study with one objective and no constraints."""


def outcome_of(
    value: Any,
    std: Any,
    state: Any,
    kind: Any,
    reason: Any,
    traceback: Any,
    *,
    metrics: Metrics = PLAIN,
) -> Outcome:
    """Outcome that the arguments of `Study.tell` describe; InvalidArgument for a contradiction."""
    if state not in (None, COMPLETE, STOPPED, FAILED):
        advice = "Leave it out where there is a value."
        raise invalid("state", '"complete", "stopped" or "failed"', state, advice)
    if kind is not None and kind not in KINDS:
        expected = f"one of {', '.join(map(repr, KINDS))}"
        raise invalid("kind", expected, kind, "Leave it out if in doubt.")
    if state == FAILED:
        if std is not None:
            raise invalid("std", "nothing for a failed trial", std, "Leave out std or state.")
        known = metrics.failed(value)
        return Failure(kind or "error", reason or UNEXPLAINED, traceback, known)
    if state == STOPPED and value is None and kind is None and reason is None:
        return LastPoint()
    if kind is not None or reason is not None:
        given = kind if kind is not None else reason
        raise invalid("state", '"failed" with a kind or reason', state, f"You gave {given!r}.")
    measured = metrics.read(value, std)
    return measured if isinstance(measured, Failure) else dataclasses.replace(measured, state=state)


def _is_sequence(returned: Any) -> bool:
    if isinstance(returned, (tuple, list)):
        return True
    return _arguments.axes(returned) == 1


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names))
