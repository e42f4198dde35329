"""`Oracle`: the search space, the study and the trials of a tuner."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from tfbo import _format
from tfbo._messages import say, warn
from tfbo.errors import InvalidArgument
from tfbo.keras import extensions, limits, stages
from tfbo.keras.definitions import HyperParameter
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.objective import create_objective
from tfbo.keras.project import Project
from tfbo.keras.search import Search, open_search
from tfbo.keras.trial import Trial, TrialStatus
from tfbo.study import Study
from tfbo.trial import PAUSED, Failure, Fidelity
from tfbo.trial import Trial as StudyTrial

_EXHAUSTED = "every configuration of the space has been tried: the search ends after {} trials"


class Oracle:
    """Source of a tuner's trials: a `tfbo.Study` under the names that KerasTuner uses.

    A subclass may decide in `populate_space` on the next trial, and in `score_trial` on a score.
    Arguments as of `tfbo.keras.BayesianOptimization`.
    """

    strategy: Any = None  # of the study; None for `tfbo.strategies.Bayes()`
    tries_defaults_first = False  # before what the strategy suggests
    fidelity: Fidelity | None = None  # epochs in which trials are trained; None where `search` says

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = None,
        hyperparameters: HyperParameters | None = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        seed: int | None = None,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        constraints: Sequence[str] = (),
    ) -> None:
        extensions.check_hyperparameters(
            hyperparameters, allow=allow_new_entries, tune=tune_new_entries
        )
        self.objective, self.constraints = create_objective(objective), limits.texts(constraints)
        self.max_trials = max_trials
        self.hyperparameters = hyperparameters.copy() if hyperparameters else HyperParameters()
        self.hyperparameters.settled = {d.key for d in self.hyperparameters.space}
        self.allow_new_entries, self.tune_new_entries = allow_new_entries, tune_new_entries
        self.seed = seed
        self.max_retries_per_trial = max_retries_per_trial
        self.max_consecutive_failed_trials = max_consecutive_failed_trials
        self.verbose: Any = 1
        self.trials: dict[str, Trial] = {}
        """By id, in the order in which they started; without those that wait to be run again."""
        self.ongoing_trials: dict[str, Trial] = {}
        """By the id of the tuner that runs them."""
        self._ended: dict[str, float | None] = {}
        """Times at which trials ended, by id, in that order; without those that go on."""
        self._retries: list[Trial] = []
        self._failed_in_a_row = 0
        self._opened: Search | None = None

    @property
    def start_order(self) -> list[str]:
        """The ids of the trials, in the order in which they started."""
        return list(self.trials)

    @property
    def end_order(self) -> list[str]:
        """The ids of those that ended, in the order in which they did."""
        return list(self._ended)

    @property
    def study(self) -> Study:
        """The `tfbo.Study`: its trials, its best one, and what plots are drawn of."""
        return self._search.study

    @property
    def _search(self) -> Search:
        if self._opened is None:
            raise InvalidArgument("study: there is none yet. Give the oracle to a tuner first.")
        return self._opened

    def open(self, project: Project) -> None:
        """Begin or go on with the search of the space that is known by now; see `open_search`."""
        extensions.check_oracle(self, Oracle)
        state = project.read_state("oracle") if project.is_begun else None
        self._opened = open_search(
            project, self.objective, self.hyperparameters,
            seed=self.seed, strategy=self.strategy, digits=len(str(self.max_trials)),
            fidelity=self.fidelity, constraints=self.constraints,
        )  # fmt: skip
        self.seed = self.study.seed
        decides = extensions.is_overridden(self, Oracle, "populate_space")
        if self.tries_defaults_first and not decides and not self.study.trials:
            self._search.enqueue_defaults()
        self.reload()
        if state is not None:
            self.set_state(state)

    def save(self) -> None:
        """Store the definitions, and what `get_state` returns; all else is stored when it happens."""
        self._search.save()
        self._search.project.write_state("oracle", self.get_state())

    def get_state(self) -> dict[str, Any]:
        """State that a subclass wants back when the search goes on, as JSON; here none."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Called with what `get_state` returned, when a search that is stored goes on."""

    def reload(self) -> None:
        """Take in the trials that are stored; those that run here are left alone."""
        skipped = {trial.trial_id for trial in (*self.ongoing_trials.values(), *self._retries)}
        for trial_id, found in self._search.started().items():
            has_ended = found.is_finished or found.state == PAUSED
            known = trial_id in skipped or self._ended.get(trial_id, math.nan) == found.finished
            if not known and (has_ended or trial_id not in self.trials):
                self.trials[trial_id] = self._view(trial_id, found)
                if has_ended:
                    self._ended[trial_id] = found.finished

    def _view(self, trial_id: str, found: StudyTrial) -> Trial:
        trial = self._search.view(trial_id, found)
        trial.hyperparameters.values.update(self.stage_values(trial_id, found))
        return trial

    def stage_values(self, trial_id: str, found: StudyTrial) -> dict[str, Any]:
        """Epochs of the last stage of a trial, as KerasTuner names them."""
        return stages.values(trial_id, found)

    def create_trial(self, tuner_id: str) -> Trial:
        """The next trial, or that which the tuner runs already; with the status STOPPED at the end."""
        if tuner_id in self.ongoing_trials:
            return self.ongoing_trials[tuner_id]
        if self._retries:
            trial = self._retries.pop()
            trial.status, trial.message, trial.failure = TrialStatus.RUNNING, None, None
        else:
            self.reload()
            origin = f"{type(self).__name__}.populate_space()"
            asked = self._search.ask(self.populate_space, self.max_trials, origin=origin)
            if self._search.is_exhausted and asked == TrialStatus.STOPPED:
                self.say(_EXHAUSTED.format(len(self.trials)))
            if isinstance(asked, str):
                return Trial(self.get_space(), None, asked)
            trial_id = self._search.trial_id(asked.number)
            trial = self.trials[trial_id] = self._view(trial_id, asked)
            self._ended.pop(trial_id, None)  # it goes on
        self.ongoing_trials[tuner_id] = trial
        self._search.project.write_trial(trial.trial_id, trial.get_state())
        return trial

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Values of the next trial: here, those that the strategy of the study suggests.

        A subclass may decide that itself. It is called for every trial but those that are run again, with
        the id that the trial will have.

        Returns:
            A dict with a "status", and "values" by the names of hyperparameters, where those that are
            left out have their defaults. The status is "RUNNING", "IDLE" (ask again later) or
            "STOPPED" (the search is over).
        """
        values = self._search.suggest(self.max_trials)
        status = self._search.over() if values is None else TrialStatus.RUNNING
        return {"status": status, "values": values}

    def _random_values(self) -> dict[str, Any] | None:
        """Values at random that no trial has had, for a `populate_space`; None where there are none."""
        tried = [trial.hyperparameters.values for trial in self.trials.values()]
        seed = [self.seed or 0, len(tried)]
        return extensions.random_values(
            self._search.dimensions, tried, seed, self.study.space.breaks
        )

    def update_trial(self, trial_id: str, metrics: dict[str, Any], step: int = 0) -> Trial:
        """Report metrics of a trial at a step such as an epoch; ValueError without the objective's."""
        trial = self.trials[trial_id]
        step = stages.step_of(self.study_trial(trial), step)
        for name, number in self.objective.completed(metrics).items():
            trial.metrics.update(name, number, step, self.objective.directions.get(name))
        return trial

    def score_trial(self, trial: Trial) -> None:
        """Give a completed trial its score: the best value of the objective."""
        trial.score = trial.metrics.get_best_value(self.objective.name)
        trial.best_step = trial.metrics.get_best_step(self.objective.name)

    def end_trial(self, trial: Trial) -> None:
        """Store what came of a trial, or queue an INVALID one for a retry; RuntimeError after too many."""
        if trial.status == TrialStatus.COMPLETED:
            self.score_trial(trial)
            trial.check_score(self.objective.name)
        self._search.note_values(trial)
        self.update_space(trial.hyperparameters)
        self._search.amend(trial)
        trial.runs += 1
        self.ongoing_trials = {k: t for k, t in self.ongoing_trials.items() if t is not trial}
        crashed = trial.status == TrialStatus.INVALID
        if crashed:
            left = self.max_retries_per_trial + 1 - trial.runs
            if left > 0:
                self.say(f"trial {trial.trial_id} failed {trial.runs} times, {left} retries left")
                self._retries.append(trial)
                return
            trial.status = TrialStatus.FAILED
        self._search.tell(trial)
        self._ended[str(trial.trial_id)] = self.study_trial(trial).finished
        self.say(_format.line(self.study_trial(trial), "epoch"))
        if crashed:
            _warn_of(trial)
        self._failed_in_a_row += 1 if trial.status == TrialStatus.FAILED else -self._failed_in_a_row
        most = self.max_consecutive_failed_trials
        if self._failed_in_a_row == most:
            self._failed_in_a_row = 0
            raise _too_many(most, trial)

    def report(self, trial: Trial, step: int, value: float) -> bool:
        """Report the score that a trial has by an epoch, counted from 1; False where it is hopeless."""
        return self._search.report(trial, step, value)

    def study_trial(self, trial: Trial) -> StudyTrial:
        """The trial of the study behind a trial."""
        return self._search.stored(trial.trial_id)

    def put_back(self) -> None:
        """Have the trials that run here run again later, with the same hyperparameters."""
        for trial in (*self.ongoing_trials.values(), *self._retries):
            self._search.put_back(trial)
        self.ongoing_trials, self._retries = {}, []

    def get_space(self) -> HyperParameters:
        """A copy of the search space."""
        return self.hyperparameters.copy()

    def update_space(self, hyperparameters: HyperParameters) -> None:
        """Add definitions that are new; RuntimeError where `allow_new_entries=False`."""
        new = _new(hyperparameters, self.hyperparameters, allowed=self.allow_new_entries)
        if not new or not self.tune_new_entries:
            return
        if self._opened is None:
            self.hyperparameters.merge(new, overwrite=False)
        else:
            self._opened.extend(new)

    def get_trial(self, trial_id: str) -> Trial:
        """The trial of that id."""
        return self.trials[trial_id]

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Completed feasible trials (of several objectives, the front), best first; or fewer."""
        complete = [t for t in self.trials.values() if t.status == TrialStatus.COMPLETED]
        complete = complete if self._opened is None else self._opened.eligible(complete)
        complete.sort(key=lambda trial: -self.objective.goal.score(trial.score))
        return complete[:num_trials]

    def remaining_trials(self) -> int | None:
        """The number of trials that are left; None without a limit."""
        return self.max_trials - len(self.trials) if self.max_trials else None

    def say(self, text: str | None) -> None:
        """Print a line to standard error, unless the search is not verbose."""
        if self.verbose and text:
            say(text, sys.stderr)


def _warn_of(trial: Trial) -> None:
    failure = trial.failure or Failure("error", trial.message or "")
    advice = "Tracebacks are in tuner.oracle.trials[...].message."
    warn(_format.cause(failure.kind, failure.reason, advice))


def _too_many(most: int | None, trial: Trial) -> RuntimeError:
    return RuntimeError(
        f"The last {most} trials failed in a row, so the search ends; "
        f"max_consecutive_failed_trials= allows more. The last failure:\n{trial.message or ''}"
    )


def _new(asked: HyperParameters, known: HyperParameters, *, allowed: bool) -> list[HyperParameter]:
    """The definitions that are not known yet; RuntimeError where they are not allowed."""
    keys = {definition.key for definition in known.space}
    new = [definition for definition in asked.space if definition.key not in keys]
    if new and not allowed:
        raise RuntimeError(
            f"allow_new_entries=False, but build_model asked for {new}. Add them to "
            "hyperparameters=, or allow new entries."
        )
    return new
