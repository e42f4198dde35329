"""Searches whose trials fail, or that have nothing left to try: said while they run and at the end."""

from __future__ import annotations

from collections.abc import Collection

from tfbo import _format
from tfbo._messages import warn
from tfbo.keras.trial import Trial, TrialStatus
from tfbo.trial import Failure


def warn_of(trial: Trial) -> None:
    """Warn of the cause of a failure, once for each cause."""
    failure = trial.failure or Failure("error", trial.message or "")
    advice = "Tracebacks are in tuner.oracle.trials[...].message."
    warn(_format.cause(failure.kind, failure.reason, advice))


class Streak:
    """Trials that failed in a row."""

    def __init__(self) -> None:
        self._length = 0

    def note(self, trial: Trial, most: int | None) -> None:
        """Take in a trial that has ended; RuntimeError for the last of `most` failures in a row."""
        self._length = self._length + 1 if trial.status == TrialStatus.FAILED else 0
        if self._length == most:
            self._length = 0
            raise RuntimeError(
                f"The last {most} trials failed in a row, so the search ends; "
                "max_consecutive_failed_trials= allows more. The last failure:\n"
                f"{trial.message or ''}"
            )


def check_any_completed(trials: Collection[Trial], most: int | None) -> None:
    """Raise a RuntimeError with the first failure where every trial of a search failed.

    Where no number of failures in a row ends a search (`most` is None), it is a warning.
    """
    if not trials or any(trial.status != TrialStatus.FAILED for trial in trials):
        return
    first = next(iter(trials)).message
    text = f"All {len(trials)} trials of the search failed. The first failure:\n{first}"
    if most is not None:
        raise RuntimeError(text)
    warn(text)


def exhausted(done: int) -> str:
    """The reason why a search ends before `max_trials`."""
    return f"every configuration of the space has been tried: the search ends after {done} trials"
