"""Searches whose trials fail: said while they run, and when they end."""

from __future__ import annotations

from collections.abc import Collection

from tfbo._messages import warn
from tfbo.keras.trial import Trial, TrialStatus


def warn_of(trial: Trial) -> None:
    """Warn of the cause of a failure, once for each cause."""
    reason = (trial.failure or {}).get("reason") or trial.message
    warn(f"Trials fail: {reason}. Tracebacks are in tuner.oracle.trials[...].message.")


def too_many(count: int, last: Trial) -> RuntimeError:
    """The error that ends a search of which so many trials failed in a row."""
    return RuntimeError(
        f"The last {count} trials failed in a row, so the search ends; max_consecutive_failed_trials= "
        f"allows more. The last failure:\n{last.message or ''}"
    )


def check_any_completed(trials: Collection[Trial], most: int | None) -> None:
    """Say at the end of a search that every trial of it failed.

    Args:
        trials: of the search.
        most: so many failures in a row end a search; None for any number.

    Raises:
        RuntimeError: with the first failure; without a limit it is a warning.
    """
    if not trials or any(trial.status != TrialStatus.FAILED for trial in trials):
        return
    first = next(iter(trials)).message
    text = f"All {len(trials)} trials of the search failed. The first failure:\n{first}"
    if most is not None:
        raise RuntimeError(text)
    warn(text)
