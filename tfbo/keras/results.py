"""What a trial returned, read: a number, a dict, a Keras History, or a list of one of these."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from tfbo.keras.errors import FatalTypeError, FatalValueError
from tfbo.keras.objective import DefaultObjective, Objective


class Result(NamedTuple):
    """What one execution of a trial came to."""

    value: float
    """Of the objective."""
    metrics: dict[str, float]
    """Of the best epoch, with the objective."""
    step: int
    """The best epoch, counted from 0; 0 where there are none."""


def read(returned: Any, objective: Objective, function: str) -> list[Result]:
    """One result for each execution.

    Args:
        returned: by the function.
        objective: of the search.
        function: what returned it, for the errors.

    Raises:
        FatalTypeError: for a type that means nothing here.
        FatalValueError: where the objective is not among the metrics; the error lists those.
    """
    if isinstance(returned, (list, tuple)) and returned:
        return [result for entry in returned for result in read(entry, objective, function)]
    if returned is None:
        raise FatalTypeError(
            f"{function} returned None. Return what model.fit returned, a dict of metrics, or a number."
        )
    number = _as_float(returned)
    if number is not None:
        return [Result(number, {objective.name: number}, 0)]
    history = getattr(returned, "history", None)
    unnamed = isinstance(objective, DefaultObjective)
    if unnamed and not (isinstance(returned, Mapping) and objective.has_value(returned)):
        raise FatalTypeError(
            f"{function} returned {_shown(returned)}, and no objective was given. Return a number, or "
            'give the tuner an objective, such as objective="val_loss".'
        )
    if isinstance(returned, Mapping):
        return [_of_metrics(returned, objective, function)]
    if isinstance(history, Mapping):
        return [_of_history(history, objective, function)]
    raise FatalTypeError(
        f"{function} returned {_shown(returned)}. Return what model.fit returned, a dict of metrics, "
        "a number, or a list of one of these."
    )


def mean(results: list[Result]) -> tuple[dict[str, float], int]:
    """The mean of each metric over executions, and of the best epochs."""
    names = dict.fromkeys(name for result in results for name in result.metrics)
    metrics = {
        name: statistics.fmean(r.metrics[name] for r in results if name in r.metrics)
        for name in names
    }
    return metrics, int(statistics.fmean(result.step for result in results))


def standard_error(results: list[Result]) -> float | None:
    """Of the mean value over executions; None where there is only one, or a value is no number."""
    values = [result.value for result in results]
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    return statistics.stdev(values) / math.sqrt(len(values))


def _of_metrics(metrics: Mapping[str, Any], objective: Objective, function: str) -> Result:
    if not objective.has_value(metrics) and objective.name not in metrics:
        raise _missing(objective, metrics, f"the dict that {function} returned")
    numbers = {name: _as_float(value) for name, value in metrics.items()}
    plain = {name: number for name, number in numbers.items() if number is not None}
    value = plain[objective.name] if objective.name in plain else objective.get_value(plain)
    return Result(float(value), {**plain, objective.name: float(value)}, 0)


def _of_history(history: Mapping[str, Any], objective: Objective, function: str) -> Result:
    """The best epoch; one whose objective is no finite number only where there is no other."""
    if not objective.has_value(history):
        raise _missing(objective, history, f"the History that {function} returned")
    epochs = range(min(len(history[name]) for name in objective.names))
    if not epochs:
        raise FatalValueError(f"The History that {function} returned has no epoch. Train for one.")
    by_epoch = [
        {name: float(values[i]) for name, values in history.items() if i < len(values)}
        for i in epochs
    ]
    best = 0
    for epoch in epochs:
        value, incumbent = (float(objective.get_value(by_epoch[i])) for i in (epoch, best))
        finite, was_finite = math.isfinite(value), math.isfinite(incumbent)
        if finite and (not was_finite or objective.better_than(value, incumbent)):
            best = epoch
    value = float(objective.get_value(by_epoch[best]))
    return Result(value, {**by_epoch[best], objective.name: value}, best)


def _missing(objective: Objective, there: Mapping[str, Any], where: str) -> FatalValueError:
    names = [name for name in objective.names if name not in there]
    listed = ", ".join(map(repr, there)) or "nothing"
    hint = ""
    if any(name.startswith("val_") for name in names):
        hint = " Metrics val_... need validation_data or validation_split in search()."
    return FatalValueError(
        f"objective: {', '.join(map(repr, names))} is not in {where}. It has: {listed}. "
        f"Choose one of these.{hint}"
    )


def _as_float(value: Any) -> float | None:
    """A float from any number: Python's, NumPy's, a tensor of one element; None from the rest."""
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text[:80]}{'...' if len(text) > 80 else ''} of type {type(value).__name__}"
