"""Results of a trial, from a number, a dict, a Keras History, or a list of one of these."""

from __future__ import annotations

import difflib
import math
import statistics
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tfbo._arguments import as_float
from tfbo.keras.errors import FatalTypeError, FatalValueError
from tfbo.keras.objective import DefaultObjective, Objective

# A metric that is not computed in every epoch (`validation_freq=2`) has a shorter list in a History, which
# does not say of which epochs: that is noted while a model trains, and inferred where it was not.
_NAMES: weakref.WeakKeyDictionary[Any, dict[int, frozenset[str]]] = weakref.WeakKeyDictionary()


class Result(NamedTuple):
    """Result of one execution of a trial."""

    value: float
    """Of the objective."""
    metrics: dict[str, float]
    """Of the best epoch, with the objective."""
    step: int
    """The best epoch, as Keras counts them from 0; 0 where there are none."""


def read(returned: Any, objective: Objective, function: str) -> list[Result]:
    """One result for each execution; FatalError, with the name of the function, for what means nothing."""
    if isinstance(returned, (list, tuple)) and returned:
        return [result for entry in returned for result in read(entry, objective, function)]
    if returned is None:
        raise FatalTypeError(
            f"{function} returned None. Return what model.fit returned, a dict of metrics, or a number."
        )
    number = as_float(returned)
    if number is not None and len(objective.directions) > 1:
        listed = ", ".join(f"{name!r}: ..." for name in objective.names)
        raise FatalTypeError(
            f"{function} returned {_shown(returned)}, and there are several objectives. Return a dict of "
            f"metrics, {{{listed}}}, or what model.fit returned."
        )
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
        return [_of_history(returned, objective, function)]
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
    """Standard error of the mean value; None for one execution, or where a value is not finite."""
    return _error([result.value for result in results])


def standard_errors(results: list[Result]) -> dict[str, float]:
    """Standard errors of the means of metrics, where they are known."""
    names = dict.fromkeys(name for result in results for name in result.metrics)
    values = {name: [r.metrics.get(name, math.nan) for r in results] for name in names}
    errors = {name: _error(listed) for name, listed in values.items()}
    return {name: error for name, error in errors.items() if error is not None}


def _error(values: list[float]) -> float | None:
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    return statistics.stdev(values) / math.sqrt(len(values))


def _of_metrics(metrics: Mapping[str, Any], objective: Objective, function: str) -> Result:
    if not objective.is_in(metrics):
        raise _missing(objective, metrics, f"the dict that {function} returned")
    numbers = {name: as_float(value) for name, value in metrics.items()}
    plain = {name: number for name, number in numbers.items() if number is not None}
    if not objective.is_in(plain):
        raise _no_number(objective, f"the dict that {function} returned")
    value = plain[objective.name] if objective.name in plain else objective.get_value(plain)
    return Result(float(value), {**plain, objective.name: float(value)}, 0)


def _of_history(history: Any, objective: Objective, function: str) -> Result:
    """The best epoch; one whose objective is no finite number only where there is no other."""
    if not objective.has_value(history.history):
        raise _missing(objective, history.history, f"the History that {function} returned")
    by_epoch = metrics_by_epoch(history)
    if not by_epoch:
        raise FatalValueError(f"The History that {function} returned has no epoch. Train for one.")
    best: tuple[float, int] | None = None
    for epoch, metrics in by_epoch.items():
        if not objective.has_value(metrics):
            continue
        value = float(objective.get_value(metrics))
        if best is None or objective.better_than(value, best[0]):
            best = value, epoch
    if best is None:
        raise _no_number(objective, f"any epoch of the History that {function} returned")
    value, epoch = best
    return Result(value, {**by_epoch[epoch], objective.name: value}, epoch)


def note_epoch(history: Any, epoch: int, names: Iterable[str]) -> None:
    """Keep which metrics an epoch had, for as long as its History lives."""
    if history is not None:
        _NAMES.setdefault(history, {})[epoch] = frozenset(names)


def metrics_by_epoch(history: Any) -> dict[int, dict[str, float]]:
    """Metrics of a History that are numbers, by epoch as Keras counts them (from `initial_epoch`)."""
    logged: Mapping[str, Sequence[Any]] = history.history
    longest = max(map(len, logged.values()), default=0)
    epochs = list(getattr(history, "epoch", ()))
    if len(epochs) != longest:  # put together by hand
        epochs = list(range(longest))
    noted = _noted(history)
    by_epoch: dict[int, dict[str, float]] = {epoch: {} for epoch in epochs}
    for name, values in logged.items():
        for epoch, value in zip(_epochs_of(name, len(values), epochs, noted), values):
            number = as_float(value)
            if number is not None:
                by_epoch[epoch][name] = number
    return by_epoch


def _noted(history: Any) -> Mapping[int, frozenset[str]]:
    try:
        return _NAMES.get(history, {})
    except TypeError:  # it has no hash, so it is no History that Keras made
        return {}


def _epochs_of(
    name: str, count: int, epochs: list[int], noted: Mapping[int, frozenset[str]]
) -> list[int]:
    """The epochs of so many values of a metric."""
    if count == len(epochs):
        return epochs
    there = [epoch for epoch in epochs if name in noted.get(epoch, ())]
    if len(there) == count:
        return there
    for every in range(2, max(epochs, default=0) + 2):  # as Keras takes validation_freq
        due = [epoch for epoch in epochs if (epoch + 1) % every == 0]
        if len(due) == count:
            return due
    return epochs[:count]


def _missing(objective: Objective, there: Mapping[str, Any], where: str) -> FatalValueError:
    names = [name for name in objective.names if name not in there]
    listed = ", ".join(map(repr, there)) or "nothing"
    text = f"objective: {', '.join(map(repr, names))} is not in {where}. It has: {listed}. "
    near = [other for name in names for other in nearest(name, list(there))]
    if any(name.startswith("val_") for name in names) and not any(
        name.startswith("val_") for name in there
    ):
        return FatalValueError(
            f"{text}Choose one of these. Metrics val_... need validation_data or validation_split in "
            "search(), and an epoch that is validated, where there is a validation_freq."
        )
    if not near:
        return FatalValueError(f"{text}Choose one of these.")
    text += f"The nearest: {', '.join(map(repr, near))}. "
    if len(near) > 1:
        text += f"Choose one, or have their sum as objective={near!r}. "
    return FatalValueError(
        f"{text}Keras puts the name of an output before that of its metric where there are several "
        "outputs, and a number after a name that comes again."
    )


def _no_number(objective: Objective, where: str) -> FatalValueError:
    names = " and ".join(map(repr, objective.names))
    return FatalValueError(
        f"objective: {names} is not a number in {where}. Return one number: an F1Score with "
        'average=None, for example, is an array; give it average="macro".'
    )


def nearest(name: str, there: Sequence[str]) -> list[str]:
    """The metrics that a name may have meant: those of an output or a number, then similar ones.

    Example:
        >>> nearest("val_accuracy", ["loss", "val_loss", "val_age_accuracy", "val_sex_accuracy"])
        ['val_age_accuracy', 'val_sex_accuracy']
        >>> nearest("val_acc", ["loss", "accuracy", "val_loss", "val_accuracy"])
        ['val_accuracy']
    """
    part, prefix = name.removeprefix("val_"), "val_" if name.startswith("val_") else ""
    rest = [n.removeprefix("val_") for n in there if n.startswith("val_") == bool(prefix)]
    of_outputs = [n for n in rest if f"_{part}_" in f"_{n}_"]
    same_words = [n for n in rest if n.startswith(part) or part.startswith(n)]
    found = of_outputs or same_words or difflib.get_close_matches(part, rest, n=1)
    return [prefix + other for other in found]


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text[:80]}{'...' if len(text) > 80 else ''} of type {type(value).__name__}"
