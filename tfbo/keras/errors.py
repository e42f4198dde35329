"""Exceptions that a script raises to fail a trial, or that end a search at once."""

from __future__ import annotations


class FailedTrialError(Exception):
    """Raised in a trial to mark it failed; it is not retried.

    Example:
        >>> import tfbo.keras as kt
        >>> def build_model(hp):
        ...     if hp.Int("layers", 1, 50) > 30:
        ...         raise kt.errors.FailedTrialError("too slow to train")
    """


class FatalError(Exception):
    """Ends the search, because every trial would meet it; the trial is tried again afterwards."""


class FatalValueError(FatalError, ValueError):
    """A `FatalError` about a value."""


class FatalTypeError(FatalError, TypeError):
    """A `FatalError` about a type."""


class FatalRuntimeError(FatalError, RuntimeError):
    """A `FatalError` about anything else."""
