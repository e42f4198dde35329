"""The loop behind `Study.optimize`: limits, and what becomes of whatever an objective does."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tfbo import outcome
from tfbo import progress as progress_bars
from tfbo.errors import SpaceExhausted, StorageError, invalid
from tfbo.trial import FAILED, Trial

if TYPE_CHECKING:
    from tfbo.study import Study

_LOGGER = logging.getLogger("tfbo")


class Limits(NamedTuple):
    """When to end; see `Study.optimize`."""

    n_trials: int | None
    timeout: float | None
    target: float | None
    patience: int | None

    def check(self) -> None:
        """Raise InvalidArgument for a limit that is not what it has to be, or none at all."""
        if all(limit is None for limit in self):
            advice = "For example n_trials=50 or timeout=3600."
            raise invalid(
                "n_trials", "a limit: n_trials, timeout, target or patience", None, advice
            )
        for name in ("n_trials", "patience"):
            if getattr(self, name) is not None:
                outcome.check_count(name, getattr(self, name))
        advice = "Leave it out for no limit."
        if self.timeout is not None and outcome.as_number("timeout", self.timeout) <= 0.0:
            raise invalid("timeout", "seconds above zero", self.timeout, advice)
        for name in ("timeout", "target"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(outcome.as_number(name, number)):
                raise invalid(name, "a finite number", number, advice)


def run(
    study: Study,
    objective: Any,
    limits: Limits,
    *,
    catch: type[BaseException] | tuple[type[BaseException], ...],
    callbacks: Sequence[Any],
    progress: bool,
) -> None:
    """See `Study.optimize`."""
    limits.check()
    _check_callables(objective, catch, callbacks)
    study._stopping = False
    sign = 1.0 if study.direction == "minimize" else -1.0
    best = min((sign * t.value for t in study.trials if t.value is not None), default=math.inf)
    begin, done, stale = time.monotonic(), 0, 0
    with progress_bars.bar(study, limits.n_trials, progress) as show:
        while not _ended(study, limits, time.monotonic() - begin, done, stale, best):
            watch = progress_bars.Stopwatch()
            trial = _one(study, objective, catch, watch)
            if trial is None:
                return
            done += 1
            value = math.inf if trial.value is None else sign * trial.value
            stale = 0 if value < best else stale + 1
            best = min(best, value)
            show(trial, watch)
            for callback in callbacks:
                callback(study, trial)


def _ended(
    study: Study, limits: Limits, seconds: float, done: int, stale: int, best: float
) -> bool:
    """Whether a limit has been reached; of `best`, less is better in either direction."""
    sign = 1.0 if study.direction == "minimize" else -1.0
    return (
        study._stopping
        or (limits.n_trials is not None and done >= limits.n_trials)
        or (limits.timeout is not None and seconds >= limits.timeout)
        or (limits.patience is not None and stale >= limits.patience)
        or (limits.target is not None and best <= sign * limits.target)
    )


def _one(study: Study, objective: Any, catch: Any, watch: progress_bars.Stopwatch) -> Trial | None:
    """One trial from ask to tell; None where the search is to end."""
    trial, told = None, None
    try:
        try:
            trial = watch.time("tfbo", study.ask)
        except SpaceExhausted as exhausted:
            _LOGGER.info("%s", exhausted)
            return None
        try:
            told = outcome.of(watch.time("objective", objective, dict(trial.params)))
        except Exception as error:
            told = outcome.of_exception(error)
            if not isinstance(error, catch):
                _store(study, trial, told)
                raise
        watch.time("tfbo", _store, study, trial, told)
        _LOGGER.info("Trial %d: %s (%s).", trial.number, told["value"], watch)
    except KeyboardInterrupt:
        _interrupt(study, trial, told)
        return None
    except BaseException as error:
        if trial is not None and not isinstance(error, Exception):
            _store(study, trial, {**outcome.of_exception(error), "kind": "killed"})
        raise
    return study._ledger.trials[trial.number]


def _store(study: Study, trial: Trial, told: dict[str, Any]) -> None:
    """Tell; where that cannot be stored, the error says what was not."""
    if told["state"] == FAILED:
        text = "Trial %d failed (%s): %s. Its parameters: %s"
        _LOGGER.warning(text, trial.number, told["kind"], told["reason"], trial.params)
    try:
        study.tell(trial, **told)
    except StorageError as error:
        call = f"study.tell({trial.number}, {told['value']!r})"
        if told["state"] == FAILED:
            call = f"study.tell({trial.number}, state='failed', reason={told['reason']!r})"
        raise StorageError(f"{error} Not stored yet: {call}.") from error


def _interrupt(study: Study, trial: Trial | None, told: dict[str, Any] | None) -> None:
    """After Ctrl-C: keep an outcome that is known; otherwise mark the trial and queue it again."""
    if trial is not None and not study.trials[trial.number].is_finished:
        if told is not None:
            study.tell(trial, **told)
        else:
            study.tell(trial, state=FAILED, kind="interrupted", reason="Ctrl-C")
            study.enqueue(trial.params)
    _LOGGER.warning("Interrupted: everything that was told is stored, and the search can go on.")


def _check_callables(objective: Any, catch: Any, callbacks: Any) -> None:
    if not callable(objective):
        raise invalid("objective", "a function of a dict", objective, "Pass it without calling it.")
    kinds = catch if isinstance(catch, tuple) else (catch,)
    if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        raise invalid(
            "catch", "exception classes", catch, "For example catch=(ValueError,), or ()."
        )
    if callable(callbacks) or not all(callable(callback) for callback in callbacks):
        raise invalid(
            "callbacks", "a list of functions of (study, trial)", callbacks, "Put it in a list."
        )
