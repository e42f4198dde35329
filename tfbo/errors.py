"""The exceptions that a user of tfbo can meet, and the one way in which bad arguments are described."""

from __future__ import annotations

from typing import Any


class TFBOError(Exception):
    """Base of everything that tfbo raises on purpose."""


class InvalidArgument(TFBOError, ValueError):
    """An argument is not what it has to be; the message says what to do."""


class SpaceExhausted(TFBOError):
    """Every configuration of a finite space has been tried or is being tried."""


class StudyNotFound(TFBOError, KeyError):
    """There is no study of that name in the storage."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class StudyMismatch(TFBOError, ValueError):
    """A stored study was opened with another space, direction or seed."""


class StorageError(TFBOError):
    """The storage cannot be read or written; the message says why and what to do."""


class TrialStateError(TFBOError, ValueError):
    """A trial is unknown, or in a state in which it cannot be told."""


class NoCompletedTrial(TFBOError, ValueError):
    """A result was asked for before any trial completed."""


class ObjectiveError(TFBOError, RuntimeError):
    """The first trials of a search all failed: the objective is broken; its first error is the cause."""


class ExecutorError(TFBOError, RuntimeError):
    """Trials cannot be run where they should be; the message says why and what to do."""


class WorkerDied(ExecutorError):
    """The process of a task ended before its result was there."""


class RemoteError(ExecutorError):
    """Substitute for an exception of another process that cannot be pickled; its traceback is the text."""


class ComputeError(TFBOError, RuntimeError):
    """TensorFlow cannot compute in this process or mode; the message says why and what to do."""


class TooFewTrials(TFBOError, ValueError):
    """A model was asked of fewer complete trials than one can be made of."""


class TFBOWarning(UserWarning):
    """Warning of a cause that does not end the search; shown once for each cause."""


_DESCRIPTIONS = ("shape [", "nan at index", "inf at index", "-inf at index", "nothing")


def _shown(got: Any) -> str:
    """A value as Python writes it; its type, where that raises, as of a whole number of many digits."""
    try:
        return repr(got)
    except Exception:
        return f"a value of type {type(got).__name__}, which Python cannot show"


def invalid(argument: str, expected: str, got: Any, advice: str) -> InvalidArgument:
    """The error for an argument: its name, what was expected, what came, and what to do next."""
    # What has no value to show is described: "shape [3]", "nan at index [0]", "nothing".
    described = isinstance(got, str) and got.startswith(_DESCRIPTIONS)
    shown = str(got) if described else _shown(got)
    if len(shown) > 200:
        shown = shown[:200] + "..."
    return InvalidArgument(f"{argument}: expected {expected}, got {shown}. {advice}")
