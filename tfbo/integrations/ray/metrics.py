"""Metrics of a Ray experiment: those that are to be best, those that are limited, and outcomes by them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune.result import AUTO_RESULT_KEYS, DEFAULT_METRIC

from tfbo import _arguments
from tfbo._messages import warn
from tfbo.errors import InvalidArgument, invalid
from tfbo.trial import INTERRUPTED, PLAIN, Failure, Metrics, Outcome, OutcomeConstraints

_DIRECTIONS = {"min": "minimize", "max": "maximize"}
_MODES = '"min" or "max"'


@dataclasses.dataclass(frozen=True)
class ExperimentMetrics:
    """Names of what trials report, with modes, and constraints on them.

    Example:
        >>> metrics = ExperimentMetrics(["acc", "ms"], ["max", "min"], ("mb <= 10",))
        >>> metrics.objectives, metrics.values({"acc": 0.9, "mb": 8, "done": True})
        ({'acc': 'maximize', 'ms': 'minimize'}, {'acc': 0.9, 'mb': 8})
    """

    metric: str | list[str] | None
    mode: str | list[str] | None
    constraints: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that are to be best; a trainable that returns a number reports one without a name."""
        if isinstance(self.metric, list):
            return tuple(self.metric)
        return (self.metric or DEFAULT_METRIC,)

    @property
    def is_plain(self) -> bool:
        """True for one metric without constraints."""
        return not isinstance(self.metric, list) and not self.constraints

    @property
    def direction(self) -> str | None:
        """Direction of the only metric; None where there are `objectives`."""
        return next(iter(self._directions().values())) if self.is_plain else None

    @property
    def objectives(self) -> dict[str, str] | None:
        """Directions by name; None where there is one metric without constraints."""
        return None if self.is_plain else self._directions()

    @property
    def outcomes(self) -> Metrics:
        """The names as a study has them."""
        if self.is_plain:
            return PLAIN
        limited = OutcomeConstraints.of(self.constraints, "outcome_constraints").names
        others = tuple(name for name in limited if name not in self.names)
        return Metrics(self.names, others, limited=bool(self.constraints))

    def values(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Values in a result of the metrics and of the outcomes that constraints are about."""
        named = (*self.names, *self.outcomes.others)
        return {name: result[name] for name in named if name in result}

    def read(self, value: Any) -> Outcome:
        """Outcome of a result from elsewhere; InvalidArgument for what is none."""
        return self.outcomes.read(value)

    def outcome(
        self, result: Mapping[str, Any], latest: Mapping[str, float], error: bool
    ) -> Outcome:
        """Outcome of a trial that reported `result`, and `latest` before it."""
        outcomes = self.outcomes
        values = {**latest, **self.values(result)}
        numbers = {name: _arguments.as_float(value) for name, value in values.items()}
        limited = {name: numbers[name] for name in outcomes.others if name in numbers}
        known = outcomes.rescued({n: v for n, v in limited.items() if v is not None})
        if error:
            reason = "Ray reports an error; the trial's folder has its traceback"
            return Failure("error", reason, None, known)
        missing = [name for name in self.names if name not in values]
        if missing and not result:
            return Failure(INTERRUPTED, "it was stopped before it reported anything", None, known)
        if missing:
            there = [n for n in result if n not in AUTO_RESULT_KEYS and not n.startswith("config/")]
            reported = ", ".join(map(repr, there[:10])) or "nothing"
            names = ", ".join(map(repr, missing))
            known = outcomes.rescued({n: v for n, v in numbers.items() if v is not None})
            return Failure("error", f"it did not report {names}, but {reported}", None, known)
        unknown = [name for name in outcomes.others if numbers.get(name) is None]
        if unknown:
            listed = ", ".join(map(repr, unknown))
            warn(f"outcome_constraints: {listed} was not reported as a number; it is not known.")
        told = {name: v for name, v in values.items() if name not in unknown}
        try:
            return self.read(told[self.names[0]] if self.is_plain else told)
        except InvalidArgument as refused:
            bad = next(name for name in self.names if numbers[name] is None)
            reason = f"{bad!r} was no number ({refused})"
            return Failure("error", reason, None, outcomes.rescued(told))

    def _directions(self) -> dict[str, str]:
        if self.mode is None:
            raise invalid(
                "mode", _MODES, None,
                "Give it to TFBOSearch, with the metric; TuneConfig's comes only with a param_space.",
            )  # fmt: skip
        modes = self.mode if isinstance(self.mode, list) else [self.mode]
        return {n: _DIRECTIONS[mode] for n, mode in zip(self.names, modes, strict=True)}


def check(metric: Any, mode: Any, constraints: Any) -> ExperimentMetrics:
    """The metrics that arguments of a search name; InvalidArgument for other arguments."""
    if _is_list(metric) or _is_list(mode):
        metric, mode = _several(metric, mode)
    elif metric is not None and not isinstance(metric, str):
        advice = 'Several are a list: metric=["acc", "ms"], mode=["max", "min"].'
        raise invalid("metric", "a name, or a list of names", metric, advice)
    elif mode is not None and mode not in _DIRECTIONS:
        raise invalid("mode", _MODES, mode, "Pick one of the two.")
    limits = OutcomeConstraints.of(constraints, "outcome_constraints")
    return ExperimentMetrics(metric, mode, limits.texts)


def _several(metric: Any, mode: Any) -> tuple[list[str], list[str]]:
    """Names and modes of a list each."""
    example = 'For example metric=["acc", "ms"], mode=["max", "min"].'
    if not _is_list(metric) or not metric or not all(isinstance(n, str) for n in metric):
        raise invalid("metric", "a list of names, as mode is a list", metric, example)
    if len(set(metric)) < len(metric):
        raise invalid("metric", "names that differ", metric, "Name each once.")
    if not _is_list(mode) or len(mode) != len(metric):
        raise invalid("mode", f'a list of {len(metric)}, "min" or "max" each', mode, example)
    for i, each in enumerate(mode):
        if each not in _DIRECTIONS:
            advice = "What is only observed may be left out of both lists."
            raise invalid(f"mode[{i}]", _MODES, each, advice)
    return list(metric), list(mode)


def _is_list(given: Any) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str)
