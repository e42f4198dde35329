"""Epochs of the values in a Keras History.

A History has a list of values for each metric and one of epochs. A metric that is not computed in every
epoch (`validation_freq=2`) has a shorter list, and the History does not say of which epochs it is: that
is noted while a model trains, and inferred where nobody took notes.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfbo._arguments import as_float

_NAMES: weakref.WeakKeyDictionary[Any, dict[int, frozenset[str]]] = weakref.WeakKeyDictionary()


def note(history: Any, epoch: int, names: Iterable[str]) -> None:
    """Keep which metrics an epoch had, for as long as its History lives."""
    if history is not None:
        _NAMES.setdefault(history, {})[epoch] = frozenset(names)


def of(history: Any) -> dict[int, dict[str, float]]:
    """The metrics of each epoch that are numbers, by epoch as Keras counts them (from `initial_epoch`).

    Args:
        history: a Keras History, or what has such a `history`.
    """
    logged: Mapping[str, Sequence[Any]] = history.history
    longest = max(map(len, logged.values()), default=0)
    epochs = list(getattr(history, "epoch", ()))
    if len(epochs) != longest:  # put together by hand
        epochs = list(range(longest))
    noted = _noted(history)
    by_epoch: dict[int, dict[str, float]] = {epoch: {} for epoch in epochs}
    for name, values in logged.items():
        for epoch, value in zip(_epochs(name, len(values), epochs, noted), values):
            number = as_float(value)
            if number is not None:
                by_epoch[epoch][name] = number
    return by_epoch


def _noted(history: Any) -> Mapping[int, frozenset[str]]:
    try:
        return _NAMES.get(history, {})
    except TypeError:  # it has no hash, so it is no History that Keras made
        return {}


def _epochs(
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
