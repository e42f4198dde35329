"""The trials of one study, as this process starts, runs and tells them."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfbo import _format
from tfbo._messages import warn
from tfbo.errors import TrialStateError, invalid
from tfbo.space.parameters import Parameter
from tfbo.storage import Record, Storage, new_owner, release_at_end
from tfbo.study import stages
from tfbo.study.checkpoints import Checkpoints
from tfbo.study.mirror import Mirror, Predicates, does_not_run, unfinished
from tfbo.trial import PAUSED, PRESUMED, RUNNING, WAITING, Outcome, Trial

if TYPE_CHECKING:
    from tfbo.strategies import Suggestion

_LOGGER = logging.getLogger("tfbo")


class Trials(Mirror):
    """Trials of a study, and what this process does with them.

    Trials that a search starts here run under the name of this process, so that others can tell when it
    has died. Those that are asked for by hand run under no name: nobody can know how long they take.
    """

    def __init__(
        self, record: Record, storage: Storage, retries: int = 3, predicates: Predicates = ()
    ) -> None:
        super().__init__(record, storage, predicates)
        self.retries = retries
        self.checkpoints = Checkpoints(storage, record.name)
        self._owned: set[int] = set()
        """Numbers of the trials that this process runs."""
        self._reached: dict[int, int] = {}
        """The last steps that runs which began here have reported, by trial."""
        self._owner, self._pid = new_owner(), os.getpid()
        weakref.finalize(self, release_at_end, storage, self._owner, self._pid)

    def recover(self) -> None:
        """Have trials whose process is gone tried again; after a fork, run trials under another name."""
        if os.getpid() != self._pid:
            self._owner, self._pid, self._owned = new_owner(), os.getpid(), set()
        for trial in self.storage.recover(self.name, self.retries):
            if trial.is_finished:
                text = _format.failed(trial.number, trial.kind, trial.reason, trial.params)
                _LOGGER.warning("%s", text)
                warn(_format.cause(trial.kind, trial.reason))
            else:
                _LOGGER.info("Trial %d lost its process; it is tried again.", trial.number)

    def claim(
        self,
        count: int,
        first: Callable[[], int | None] = stages.last_step,
        *,
        new: int | None = None,
        steps: int | None = None,
        owned: bool = True,
    ) -> list[Trial]:
        """Start up to `count` waiting trials, lowest numbers first, unless others do.

        At most `new` of them have never begun, and their stages take `steps` in all. One that
        has no stage yet is trained until the step that `first` says.
        """
        claimed: list[Trial] = []
        for trial in [trial for trial in self.ordered() if trial.state == WAITING]:
            if len(claimed) == count:
                break
            if new is not None and sum(map(self.is_new, [*claimed, trial])) > new:
                continue
            running = dataclasses.replace(trial, state=RUNNING, started=time.time())
            running = stages.first(running, self.fidelity, trial.until or first(), steps)
            if steps is not None and stages.length(running) <= 0:
                break
            if self._run(running, WAITING, owned):
                claimed.append(running)
                steps = None if steps is None else steps - stages.length(running)
        return claimed

    def start(
        self, number: int, suggestions: Sequence[Suggestion], *, owned: bool = True
    ) -> list[Trial]:
        """Start what was suggested, new trials from `number` on; fewer where others were faster."""
        now = time.time()
        new = [suggestion for suggestion in suggestions if suggestion.trial is None]
        trials = []
        for i, each in enumerate(new, start=number):
            trial = Trial(i, self.space.validate(each.params), started=now, notes=each.notes)
            trials.append(stages.first(trial, self.fidelity, each.until))
        if trials and not self.storage.append(self.name, trials, self._owner if owned else None):
            trials = []
        for trial in trials:
            self._own(trial, owned)
        return trials + self._go_on([s for s in suggestions if s.trial is not None], owned)

    def _go_on(self, suggestions: Sequence[Suggestion], owned: bool) -> list[Trial]:
        """Start paused trials again, further on; those that still are paused."""
        started = []
        for suggestion in suggestions:
            assert suggestion.trial is not None and self.fidelity is not None
            paused = self.by_number[suggestion.trial]
            running = stages.next_one(paused, self.fidelity, suggestion, time.time())
            if self._run(running, PAUSED, owned):
                started.append(running)
        return started

    def _run(self, running: Trial, state: str, owned: bool) -> bool:
        """Have a trial in that state run, as it is given; False where others have changed it."""
        owner = self._owner if owned else None
        if not self.storage.replace(self.name, running, (state,), owner):
            return False
        self._own(running, owned)
        return True

    def _own(self, trial: Trial, owned: bool) -> None:
        (self._owned.add if owned else self._owned.discard)(trial.number)
        self._reached[trial.number] = trial.start or 0

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Add a waiting trial of a legal configuration."""
        legal = self.space.validate(params)
        while True:
            self.sync()
            trial = Trial(len(self.by_number), legal, WAITING)
            if self.storage.append(self.name, [trial], None):
                return trial

    def tell(self, trial: Trial | int, outcome: Outcome) -> None:
        """Store the outcome of a trial; TrialStateError where it cannot be told."""
        self.sync()
        found = unfinished(self.name, self.by_number, trial, outcome)
        told = self.aims.judged(outcome.finish(found, time.time(), self.last))
        if found.state == PAUSED and told.state == PAUSED:
            raise _is_paused(found)
        replaced = (WAITING, RUNNING, PAUSED, *(() if outcome.is_presumed else PRESUMED))
        if not self.storage.replace(self.name, told, replaced, None):
            self.sync()
            unfinished(self.name, self.by_number, found.number, outcome)
        self.sync()
        self.checkpoints.clean(self.ordered(), self.aims.goal)

    def begin_again(self, number: int) -> None:
        """Have reports of a running trial begin after its start, as a worker has begun it again."""
        self._reached[number] = self.by_number[number].start or 0

    def report(self, found: Trial, step: int, value: float) -> Trial:
        """Store a point of the curve of a `running` trial; the trial as it is then."""
        _check_step(found, self._reached.get(found.number, found.reached or found.start or 0), step)
        if not self.storage.report(self.name, found.number, {step: value}):
            raise does_not_run(self.known(found))
        self._reached[found.number] = step
        self.sync()
        return self.by_number[found.number]

    def put_back(self, trial: Trial) -> None:
        """Have a trial wait again, if it still runs: for the same stage, and with its curve."""
        self.sync()
        known = self.by_number.get(trial.number, trial)
        waiting = dataclasses.replace(known, state=WAITING, started=None)
        self.storage.replace(self.name, waiting, (RUNNING,), None)

    def amend(self, trial: Trial | int, params: Mapping[str, Any]) -> Trial:
        """Give a running trial other parameters; TrialStateError where it does not run."""
        legal = self.space.validate(params, constrained=False)
        self.sync()
        found = unfinished(self.name, self.by_number, trial)
        amended = dataclasses.replace(found, params=legal)
        owner = self._owner if found.number in self._owned else None
        if not self.storage.replace(self.name, amended, (RUNNING,), owner):
            raise does_not_run(self.known(found.number))
        self.sync()
        return amended

    def extend(self, parameters: Mapping[str, Parameter]) -> None:
        """Add parameters to the space, whatever other processes add meanwhile."""
        while True:
            self.sync()
            grown = self.space.extended(parameters)
            if grown == self.space:
                return
            self.aims.check_added(name for name in grown if name not in self.space)
            if self.storage.extend(self.name, self.record.space, grown.to_json()):
                self.sync()
                return


def _is_paused(trial: Trial) -> TrialStateError:
    return TrialStateError(
        f"trial: trial {trial.number} has been told its value at step {trial.until} and is paused. "
        'Ask for it again, or end it by state="stopped".'
    )


def _check_step(trial: Trial, known: int, step: int) -> None:
    """Raise InvalidArgument for a step that is not after the last `known` one."""
    if step <= known:
        advice = "Report each step once, in order; the first is 1."
        if trial.start:
            advice = f"It goes on after step {trial.start}: train from run.start, or trial.start."
        raise invalid("step", f"a step after {known}, the last of this trial", step, advice)
