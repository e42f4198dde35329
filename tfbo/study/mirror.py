"""The trials of one study as its storage has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfbo import _forks
from tfbo._arguments import plain
from tfbo.errors import TrialStateError, invalid
from tfbo.space import Params
from tfbo.storage import Record, Storage, check_params, damaged, read_space
from tfbo.study import aims, records
from tfbo.trial import FAILED, RUNNING, Outcome, Trial

Predicates = Sequence[Callable[[Params], bool]]
"""Constraints of a space that are functions, which are not stored."""


class Mirror:
    """Copy of the space and the trials of a study in this process; `sync` takes in what changed."""

    _lock: Any

    def __init__(self, record: Record, storage: Storage, predicates: Predicates = ()) -> None:
        self.storage = storage
        self.record = record
        self.space = read_space(record.name, record.space).with_predicates(predicates)
        self.fidelity = records.fidelity(record)
        self.aims = aims.of(record)
        self.by_number: dict[int, Trial] = {}
        self.told: list[Trial] = []
        """Finished trials that say something, in the order in which they became known.

        It grows; where the outcome of one of them has become another, it is another list.
        """
        self.revision = 0
        _forks.renew_lock(self, "_lock")

    @property
    def name(self) -> str:
        """Of the study."""
        return self.record.name

    @property
    def last(self) -> int | None:
        """The last step; None without a fidelity."""
        return None if self.fidelity is None else self.fidelity.high

    def ordered(self) -> list[Trial]:
        """The trials that are known, by number."""
        with self._lock:
            return [self.by_number[number] for number in sorted(self.by_number)]

    def synced(self) -> list[Trial]:
        """The trials as they are in the storage, by number."""
        self.sync()
        return self.ordered()

    def sync(self) -> None:
        """Take what changed in the storage; of finished trials, only a presumed failure may change."""
        with self._lock:
            changes = self.storage.changes(self.name, self.revision)
            if changes.space != self.record.space:
                grown = read_space(self.name, changes.space)
                self.space = grown.with_predicates(self.space.predicates)
                self.record = self.record._replace(space=changes.space)
            check_params(self.name, self.space, changes.trials)
            self.aims.check(self.name, changes.trials)
            again = {t.number for t in changes.trials if self._says_something(t.number)}
            if again:
                self.told = [trial for trial in self.told if trial.number not in again]
            self.by_number.update((trial.number, trial) for trial in changes.trials)
            if changes.trials and changes.trials[-1].number >= len(self.by_number):
                raise damaged(self.name, "some of its trials are gone")
            self.told += (t for t in changes.trials if self._says_something(t.number))
            self.revision = changes.revision

    def _says_something(self, number: int) -> bool:
        """True where a trial, as it is known, has an outcome of its configuration."""
        known = self.by_number.get(number)
        # An interruption says nothing about the configuration, which has been enqueued again.
        return known is not None and known.is_finished and not known.is_interrupted

    def counted(self) -> int:
        """Number of trials that count towards a total of the study: all known ones but the interrupted.

        Those that wait count, too, for they will be tried: claim them first. An interrupted one has been
        enqueued again, with another number, and would count twice.

        A process that finds `counted() < total` and then starts one trial by `start(len(trials), ...)`
        never makes them more than `total`: `start` does nothing where anybody has added a trial since
        the `sync` before the count, and without a new trial the count does not grow.
        """
        with self._lock:
            return sum(not trial.is_interrupted for trial in self.by_number.values())

    def is_new(self, started: Trial) -> bool:
        """True for a trial that has just been started, for the first time."""
        known = self.by_number.get(started.number)
        return known is None or known.start is None

    def known(self, trial: Trial | int) -> Trial:
        """The trial as it is stored; TrialStateError for one of another study."""
        self.sync()
        return _known(self.name, self.by_number, trial)

    def running(self, trial: Trial | int) -> Trial:
        """The trial as it is stored; TrialStateError where it does not run."""
        self.sync()
        found = unfinished(self.name, self.by_number, trial)
        if found.state != RUNNING:
            raise does_not_run(found)
        return found


def does_not_run(trial: Trial) -> TrialStateError:
    """The error for a trial that would have to run."""
    return TrialStateError(
        f"trial: trial {trial.number} does not run, it is {trial.state}. Ask for it first."
    )


def _known(study: str, trials: Mapping[int, Trial], trial: Trial | int) -> Trial:
    """The trial as it stands; TrialStateError where the study has none of its number and parameters."""
    number = trial.number if isinstance(trial, Trial) else plain(trial)
    if isinstance(number, bool) or not isinstance(number, int):
        raise invalid("trial", "a trial or its number", trial, "Pass what ask() returned.")
    if number not in trials:
        there = f"it has trials 0 to {len(trials) - 1}" if trials else "it has none"
        raise TrialStateError(
            f"trial: the study {study!r} has no trial {number}; {there}. Ask for trials first."
        )
    found = trials[number]
    if isinstance(trial, Trial) and trial.params != found.params:
        raise TrialStateError(
            f"trial: trial {number} of the study {study!r} has other parameters: it is a trial "
            "of another study. Tell it to the study that was asked."
        )
    return found


def unfinished(
    study: str, trials: Mapping[int, Trial], trial: Trial | int, outcome: Outcome | None = None
) -> Trial:
    """The trial as it stands, about to be told; TrialStateError unless unfinished or presumed failed."""
    found = _known(study, trials, trial)
    number = found.number
    beaten = found.is_presumed and not (outcome is not None and outcome.is_presumed)
    if found.is_finished and not beaten:
        known = found.values or f"value {found.value}"
        what = f"failure: {found.reason}" if found.state == FAILED else known
        raise TrialStateError(
            f"trial: trial {number} has been told already ({what}). To try its parameters again, "
            "enqueue them."
        )
    return found
