"""The promises of a place where studies live, and what it holds of one.

A study has a `revision` that grows with each change of it, and each trial holds the revision of its last
change, so that a reader fetches only what it does not know yet. A trial that a search runs has an
`owner`, whose process gives signs of life meanwhile; a trial whose owner is gone is tried again. One
without an owner was asked for by hand: it is pending until it is told.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfbo.errors import StorageError, StudyNotFound
from tfbo.trial import Trial

_SHOWN = 100


class Record(NamedTuple):
    """A study without its trials."""

    name: str
    space: str
    """JSON, as `Space.to_json` writes it."""
    direction: str
    seed: int
    created: float
    """Seconds since 1970."""
    fidelity: str | None = None
    """JSON, as `Fidelity.to_json` writes it; None where trials have no steps."""
    goals: str | None = None
    """JSON, as `Goals.to_json` writes it; None where the only objective has no name."""
    constraints: str | None = None
    """JSON, as `OutcomeConstraints.to_json` writes it; None without constraints on outcomes."""


class Changes(NamedTuple):
    """News of a study since some revision."""

    revision: int
    space: str
    """As in `Record`; it may have grown."""
    trials: list[Trial]
    """Those that changed, by number."""


class Storage(abc.ABC):
    """A place where studies live: a subclass of this is all that another kind of place takes.

    Every method is one transaction: it is done as a whole or not at all, whatever other threads and
    processes do meanwhile. Trials of a study are numbered from 0, without gaps.
    """

    location: str
    """Its name in errors."""
    path: str | None = None
    """Path of its file, beside which trials keep checkpoints; None for a temporary folder."""

    @abc.abstractmethod
    def create(self, record: Record) -> Record:
        """Store a new study, or return the record of the one that has its name."""

    @abc.abstractmethod
    def find(self, name: str) -> Record:
        """Return the record of a study; raise StudyNotFound with the names that are there."""

    @abc.abstractmethod
    def studies(self) -> list[Record]:
        """List all studies, oldest first."""

    @abc.abstractmethod
    def changes(self, name: str, since: int) -> Changes:
        """Return the state of a study, with the trials that changed after revision `since`."""

    @abc.abstractmethod
    def extend(self, name: str, before: str, after: str) -> bool:
        """Put the space `after` in the place of `before`; False where another one is there."""

    @abc.abstractmethod
    def append(self, name: str, trials: Sequence[Trial], owner: str | None) -> bool:
        """Add new trials; False, and nothing done, where their numbers are not the next ones.

        With the owner None they belong to nobody's process: `recover` leaves them alone.
        """

    @abc.abstractmethod
    def replace(self, name: str, trial: Trial, states: Sequence[str], owner: str | None) -> bool:
        """Put `trial` in the place of its number; False where that is not in one of `states`.

        A failed trial is also in the state that its kind names, such as "killed". A paused one that goes
        on is replaced only where it is still as `trial` says how many steps it has spent: else another
        process has had it go on meanwhile. The points of the trial's curve are stored with it; where it
        has a value, those beyond the last of them are dropped.
        """

    @abc.abstractmethod
    def report(self, name: str, number: int, points: Mapping[int, float]) -> bool:
        """Add points to the curve of a trial, values by step; False where it does not run."""

    def release(self, owner: str) -> None:  # noqa: B027
        """Forget that `owner` runs anything: it ends in an orderly way, others may tell its trials."""

    def recover(self, name: str, retries: int) -> list[Trial]:
        """Have running trials of owners that are gone wait again; return the trials that changed.

        One that has lost its owner more than `retries` times is marked failed instead. A storage that
        no other process sees loses none.
        """
        return []


def shown(value: Any) -> str:
    """A value from a file as Python would write it, within a line."""
    text = repr(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}..."


def damaged(study: Any, why: str, *, part: str = "") -> StorageError:
    """The error for a row that tfbo did not write, of the study or of a `part` such as "trial 3 of "."""
    return StorageError(
        f"storage: {part}the study {shown(study)} is damaged: {why}. Take the file from a backup, or "
        "repair or delete that row with sqlite3."
    )


def no_study(location: str) -> StudyNotFound:
    """The error for a file in which there is nothing to look at, with what may have happened."""
    return StudyNotFound(
        f"storage: {location!r} holds no study. Is it the file that the search writes, or has that not "
        f"begun yet? If it is a copy: an older tfbo kept what is newest in {location + '-wal'!r} beside "
        "the file that was copied. Copy both, or open the study there once with this tfbo."
    )
