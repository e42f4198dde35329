"""Learning curves of a Ray experiment: how far its scheduler let trials go, in the study behind a search.

Ray alone knows why a trial ended. Where it stops any, one that ended before the last step was stopped, and
the last step is the largest that any trial has reached, unless it is given: as trials go further, it is
another one. Where all trials end by themselves, each is complete wherever it ends.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any

from tfbo import _arguments
from tfbo.errors import invalid
from tfbo.study import Study
from tfbo.trial import COMPLETE, FAILED, RUNNING, STOPPED, WAITING, Fidelity, Outcome, Trial

# Trials that report once have no steps.
_FEWEST = 2


@dataclasses.dataclass(frozen=True)
class ExperimentSteps:
    """The steps of an experiment, as far as they are known."""

    name: str
    """Of what is reported as the step."""
    most: int | None
    """The last step where it is given."""
    longest: int = 0
    """The largest that a trial has reached."""
    stops: bool = False
    """True once the experiment has stopped a trial before that."""

    @property
    def fidelity(self) -> Fidelity | None:
        """From the first to the last step; None where trials end by themselves, or have one step."""
        last = self.most or (self.longest if self.stops else 0)
        return Fidelity(1, last, name=self.name) if last >= _FEWEST else None

    def of(self, result: Mapping[str, Any]) -> int | None:
        """The step of a report, a whole number up to the last one; None where it has none."""
        spent = _arguments.as_float(result.get(self.name))
        if spent is None or not math.isfinite(spent) or spent <= 0.0:
            return None
        return min(math.ceil(spent), self.most or math.ceil(spent))

    def after(self, step: int, *, stopped: bool = False) -> ExperimentSteps:
        """The steps after a report, or after those of a trial that was stopped."""
        return dataclasses.replace(
            self, longest=max(self.longest, step), stops=self.stops or stopped
        )

    def ended(self, trial: Trial, step: int | None) -> ExperimentSteps:
        """The steps after the end of a trial with a last report of that step; with none of a paused one.

        Ray hands a search each report but the one at which a trial is stopped: a trainable that returns
        ends at a step that is known.
        """
        stopped = step is None if trial.curve else False
        stopped |= step is not None and (trial.reached or 0) < step < self.longest
        return dataclasses.replace(self, stops=self.stops or stopped)

    def restored(self, study: Study | None) -> ExperimentSteps:
        """The steps of a study that goes on."""
        if study is None:
            return ExperimentSteps(self.name, self.most)
        longest = max((trial.reached or 0 for trial in study.trials), default=0)
        return ExperimentSteps(self.name, self.most, longest, study.fidelity is not None)


def steps(time_attr: Any, max_t: Any) -> ExperimentSteps:
    """The steps that arguments of a search name; InvalidArgument for other arguments."""
    if not isinstance(time_attr, str) or not time_attr:
        advice = 'For example time_attr="training_iteration".'
        raise invalid("time_attr", "the name of what is reported", time_attr, advice)
    if max_t is not None:
        max_t = _arguments.count("max_t", max_t, "Give that of the scheduler.", least=_FEWEST)
    return ExperimentSteps(time_attr, max_t)


def stage(trial: Trial, fidelity: Fidelity | None) -> Trial:
    """The trial in a study of this fidelity: complete if it reached the last one, else stopped.

    A value of which no step is known, such as one from elsewhere, is final: it stands at the last step.
    """
    if fidelity is None or trial.state == WAITING:
        return trial
    staged = dataclasses.replace(trial, start=0, until=fidelity.high)
    if trial.value is None:
        spent = trial.reached or 0 if trial.state == FAILED else None
        return dataclasses.replace(staged, spent=spent)
    if not trial.curve or (trial.until is not None and trial.spent is None):
        return dataclasses.replace(staged, state=COMPLETE, curve={fidelity.high: trial.value})
    reached = max(trial.curve)
    state = COMPLETE if reached >= fidelity.high else STOPPED
    return dataclasses.replace(staged, state=state, spent=reached)


def report(study: Study, number: int, step: int, value: float) -> int:
    """Add a point to the curve of a trial; one that failed goes on as a new one, whose number is returned.

    A trial that goes on from a checkpoint comes to some steps again: what it reports then counts.
    """
    trials = study.stored_trials
    if not trials.storage.report(trials.name, number, {step: value}):
        trial = study.trials[number]
        if trial.state == FAILED:
            number = again(study, trial).number
            trials.storage.report(trials.name, number, {step: value})
    return number


def begin(study: Study, trial: Trial) -> None:
    """Have a trial run to the last step, as far as the study is concerned: Ray's scheduler ends it."""
    trials, staged = study.stored_trials, stage(trial, study.fidelity)
    if staged != trial:
        trials.storage.replace(trials.name, staged, (RUNNING,), None)


def again(study: Study, trial: Trial) -> Trial:
    """A new trial that runs with the parameters and the curve of a failed one."""
    return _append(study, Trial(0, trial.params, started=time.time(), curve=trial.curve))


def add(study: Study, params: dict[str, Any], outcome: Outcome, curve: dict[int, float]) -> None:
    """A trial from elsewhere, with its outcome."""
    now = time.time()
    legal = study.space.validate(params, constrained=False)
    trial = outcome.finish(Trial(0, legal, started=now, curve=curve), now)
    _append(study, study.stored_trials.aims.judged(trial))


def _append(study: Study, trial: Trial) -> Trial:
    """The trial, stored under the next number."""
    trials = study.stored_trials
    numbered = dataclasses.replace(stage(trial, study.fidelity), number=len(trials.synced()))
    appended = trials.storage.append(trials.name, [numbered], None)
    assert appended, "a study in memory has no other writer"
    return numbered


def finish(study: Study, trial: Trial, outcome: Outcome) -> None:
    """Store the outcome of an unfinished trial, which has reported its last value; see `stage`."""
    trials, plain = study.stored_trials, dataclasses.replace(trial, start=None, until=None)
    told = stage(trials.aims.judged(outcome.finish(plain, time.time())), study.fidelity)
    trials.storage.replace(trials.name, told, (trial.state,), None)
    trials.sync()
