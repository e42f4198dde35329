"""`Oracle`: the search space, the study and the trials of a tuner."""

from __future__ import annotations

import math
import sys
from typing import Any

from tfbo._messages import say
from tfbo.errors import InvalidArgument
from tfbo.keras import dimensions, extensions, failures, notices, stored
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.objective import create_objective
from tfbo.keras.project import Project
from tfbo.keras.trial import Trial, TrialStatus
from tfbo.keras.trial_source import TrialSource
from tfbo.space import Constant
from tfbo.study import Study, progress
from tfbo.trial import FAILED, WAITING
from tfbo.trial import Trial as StudyTrial

# What a space holds that has no hyperparameters, or none yet.
_NOTHING = {"define-by-run": Constant(True)}


class Oracle:
    """What to try next, and what came of it: a `tfbo.Study` under the names that tuners use.

    A subclass may say in `populate_space` what is tried next, and in `score_trial` what a trial is worth.

    Args:
        objective: a metric's name, an `Objective`, a list of these (their sum is minimised, those to
            maximise subtracted), or None for the number that a trial returns.
        max_trials: how many trials there are in all; None for no limit.
        hyperparameters: `HyperParameters` that come before those of `build_model`, and override them.
        allow_new_entries: whether `build_model` may ask for others than those.
        tune_new_entries: whether others are searched; without, they keep their defaults.
        seed: on which every suggestion depends; None to draw one.
        max_retries_per_trial: how often a trial that failed is run again.
        max_consecutive_failed_trials: so many in a row end the search with a RuntimeError; None for
            no limit.

    Raises:
        InvalidArgument: for an objective that means nothing, or entries that are neither allowed nor
            given.
    """

    strategy: Any = None
    """Of the study; None for `tfbo.strategies.Bayes()`."""

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
    ) -> None:
        for name, wanted in (("tune", tune_new_entries), ("allow", allow_new_entries)):
            if not wanted and not hyperparameters:
                raise InvalidArgument(
                    f"{name}_new_entries=False leaves nothing to search. Give the search space as "
                    "hyperparameters=."
                )
        if hyperparameters is not None:
            extensions.check_hyperparameters(hyperparameters)
        self.objective = create_objective(objective)
        self.max_trials = max_trials
        self.hyperparameters = hyperparameters.copy() if hyperparameters else HyperParameters()
        self.hyperparameters.fix_ranges()
        self.allow_new_entries = allow_new_entries
        self.tune_new_entries = tune_new_entries
        self.seed = seed
        self.max_retries_per_trial = max_retries_per_trial
        self.max_consecutive_failed_trials = max_consecutive_failed_trials
        self.verbose: Any = 1
        self.trials: dict[str, Trial] = {}
        """By id, in the order in which they started; without those that wait to be run again."""
        self.ongoing_trials: dict[str, Trial] = {}
        """By the id of the tuner that runs them."""
        self.start_order: list[str] = []
        self.end_order: list[str] = []
        self._retries: list[Trial] = []
        self._failures = 0
        self._offered: dict[str, Any] | None = None
        self._numbers: dict[str | None, int] = {}
        self._dimensions: dimensions.Dimensions = {}
        self._project: Any = None
        self._source: Any = None
        self._study: Study | None = None

    @property
    def study(self) -> Study:
        """The `tfbo.Study`: its trials, its best one, and what plots are drawn of."""
        if self._study is None:
            raise InvalidArgument("study: there is none yet. Give the oracle to a tuner first.")
        return self._study

    def open(self, project: Project) -> None:
        """Begin the search of the space that is known by now, or go on with the one that is stored.

        Raises:
            StudyMismatch: where the stored one has another objective, seed or hyperparameters.
        """
        extensions.check_oracle(self, Oracle)
        self._project = project
        state = project.read_state("oracle") if project.is_begun else None
        if project.is_begun:
            self.hyperparameters = stored.definitions(project, self.objective, self.hyperparameters)
        self._save_definitions()
        self._dimensions = dimensions.of(self.hyperparameters.space)
        parameters = dimensions.parameters(self._dimensions) or _NOTHING
        self._study = stored.study(project, parameters, self.seed, self.strategy)
        if self._study is None:
            self._study = stored.begun(
                project, parameters, self.objective, self.seed, self.strategy
            )
            if not extensions.is_overridden(self, Oracle, "populate_space"):
                self.begin(self._study)
        self.seed, self._source = self._study.seed, TrialSource(self._study)
        self.reload()
        if state is not None:
            self.set_state(state)

    def begin(self, study: Study) -> None:
        """Called with a new study, before its first trial; not where there is a `populate_space`."""

    def save(self) -> None:
        """Store the definitions, and what `get_state` returns; all else is stored when it happens."""
        self._save_definitions()
        self._project.write_state("oracle", self.get_state())

    def get_state(self) -> dict[str, Any]:
        """State that a subclass wants back when the search goes on, as JSON; here none."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Called with what `get_state` returned, when a search that is stored goes on."""

    def _save_definitions(self) -> None:
        content = {"objective": str(self.objective), **self.hyperparameters.get_config()}
        self._project.write_definitions(content)

    def reload(self) -> None:
        """Take in the trials that are stored; those that run here are left alone."""
        ids = self._project.trial_ids()
        running = {trial.trial_id for trial in (*self.ongoing_trials.values(), *self._retries)}
        for found in self.study.trials:
            if found.state == WAITING or found.kind == "interrupted":
                continue
            trial_id = ids.get(found.number) or self._id(found.number)
            if trial_id not in running and self._is_news(trial_id, found):
                self._enter(self._view(trial_id, found), found.number)
                if found.is_finished:
                    self.end_order.append(trial_id)

    def _is_news(self, trial_id: str, found: StudyTrial) -> bool:
        known = self.trials.get(trial_id)
        return known is None or (
            found.is_finished and known.status not in (TrialStatus.COMPLETED, TrialStatus.FAILED)
        )

    def _id(self, number: int) -> str:
        return f"{number:0{len(str(self.max_trials))}d}"

    def _enter(self, trial: Trial, number: int) -> None:
        assert trial.trial_id is not None
        if trial.trial_id not in self.trials:
            self.start_order.append(trial.trial_id)
        self.trials[trial.trial_id] = trial
        self._numbers[trial.trial_id] = number

    def _view(self, trial_id: str, found: StudyTrial) -> Trial:
        """A trial of the study as a tuner sees it."""
        values = dimensions.to_values(self._dimensions, found.params)
        return stored.trial(self._project, self.hyperparameters, values, trial_id, found)

    def create_trial(self, tuner_id: str) -> Trial:
        """The next trial; one with the status STOPPED where the search is over.

        Args:
            tuner_id: of the tuner that runs it. One that runs a trial already gets that one again.
        """
        if tuner_id in self.ongoing_trials:
            return self.ongoing_trials[tuner_id]
        if self._retries:
            trial = self._retries.pop()
            trial.status, trial.message, trial.failure = TrialStatus.RUNNING, None, None
        else:
            self.reload()
            asked = self._ask()
            if isinstance(asked, str):
                return Trial(self.get_space(), None, asked)
            trial_id = self._project.trial_ids().get(asked.number) or self._id(asked.number)
            trial = self._view(trial_id, asked)
            self._enter(trial, asked.number)
        self.ongoing_trials[tuner_id] = trial
        self._project.write_trial(trial.trial_id, trial.get_state())
        return trial

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Values of the next trial: here, those that the strategy of the study suggests.

        A subclass may decide that itself. It is called for every trial but those that are run again.

        Args:
            trial_id: the id that the trial will have.

        Returns:
            A dict with a "status", and "values" by the names of hyperparameters, where those that are
            left out have their defaults. The status is "RUNNING", "IDLE" (ask again later) or
            "STOPPED" (the search is over).
        """
        suggested = self._suggested()
        if suggested is None:
            return {"status": TrialStatus.STOPPED}
        self._offered = dimensions.to_values(self._dimensions, suggested.params)
        return {"status": TrialStatus.RUNNING, "values": dict(self._offered)}

    def _random_values(self) -> dict[str, Any] | None:
        """Values at random that no trial has had, for a `populate_space`; None where there are none."""
        tried = [trial.hyperparameters.values for trial in self.trials.values()]
        return extensions.random_values(self._dimensions, tried, [self.seed or 0, len(tried)])

    def _ask(self) -> StudyTrial | str:
        """The next trial of the study, or the status that is in place of one."""
        trials = self.study.trials
        started = [t for t in trials if t.state != WAITING and t.kind != "interrupted"]
        if self.max_trials and len(started) >= self.max_trials:
            return TrialStatus.STOPPED
        if self._source.has_waiting():
            return self._source.take() if self._suggested() else TrialStatus.STOPPED
        self._offered = None
        status, values = extensions.response(self, self.populate_space(self._id(len(trials))))
        if status != TrialStatus.RUNNING:
            self._source.give_back()
            return status
        if values == self._offered:
            return self._source.take()
        return self._source.start(extensions.params(self, self._dimensions, values))

    def _suggested(self) -> StudyTrial | None:
        suggested = self._source.suggest(self.max_trials)
        if suggested is None:
            self.say(notices.exhausted(self))
        elif not set(suggested.params) <= {*self._dimensions, *_NOTHING}:
            self._learn()
        return suggested

    def _learn(self) -> None:
        """Take in definitions that another process found meanwhile."""
        self.hyperparameters = stored.definitions(
            self._project, self.objective, self.hyperparameters
        )
        self._dimensions = dimensions.of(self.hyperparameters.space)

    def update_trial(self, trial_id: str, metrics: dict[str, Any], step: int = 0) -> Trial:
        """Report metrics of a trial that runs.

        Args:
            trial_id: of the trial.
            metrics: values by name; the objective's have to be among them.
            step: the epoch, for example.

        Raises:
            ValueError: where the objective is not among them.
        """
        trial = self.trials[trial_id]
        for name, number in self.objective.completed(metrics).items():
            if not trial.metrics.exists(name):
                known = name == self.objective.name
                trial.metrics.register(name, self.objective.direction if known else None)
            trial.metrics.update(name, number, step)
        return trial

    def score_trial(self, trial: Trial) -> None:
        """Give a completed trial its score: the best value of the objective."""
        trial.score = trial.metrics.get_best_value(self.objective.name)
        trial.best_step = trial.metrics.get_best_step(self.objective.name)

    def end_trial(self, trial: Trial) -> None:
        """Store what came of a trial, or queue it for a retry.

        Args:
            trial: with the status COMPLETED, INVALID (may be retried) or FAILED.

        Raises:
            RuntimeError: after too many failures in a row.
        """
        self._check_score(trial)
        self._take_in(trial)
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
        self._tell(trial)
        if crashed:
            failures.warn_of(trial)
        self._failures = self._failures + 1 if trial.status == TrialStatus.FAILED else 0
        if self._failures == self.max_consecutive_failed_trials:
            self._failures = 0
            raise failures.too_many(self.max_consecutive_failed_trials, trial)

    def _check_score(self, trial: Trial) -> None:
        if trial.status != TrialStatus.COMPLETED:
            return
        self.score_trial(trial)
        if trial.score is None or not math.isfinite(trial.score):
            reason = f"{self.objective.name} was {trial.score}"
            trial.status, trial.message, trial.score = TrialStatus.INVALID, reason, None
            trial.failure = {"state": FAILED, "kind": "nan", "reason": reason}

    def _tell(self, trial: Trial) -> None:
        number = self._numbers[trial.trial_id]
        self._project.write_trial(trial.trial_id, trial.get_state())
        if trial.status == TrialStatus.COMPLETED:
            self.study.tell(number, trial.score, std=trial.std)
        else:
            told = trial.failure or {"state": FAILED, "reason": trial.message}
            self.study.tell(number, **told)
        assert trial.trial_id is not None
        self.end_order.append(trial.trial_id)
        self.say(progress.line(self.study_trial(trial)))

    def study_trial(self, trial: Trial) -> StudyTrial:
        """The trial of the study behind a trial."""
        return self.study.trials[self._numbers[trial.trial_id]]

    def _take_in(self, trial: Trial) -> None:
        """Add what a trial asked for to the space, and its values to the trial of the study."""
        self.update_space(trial.hyperparameters)
        found = self.study_trial(trial)
        values = trial.hyperparameters.values
        known = dimensions.to_values(self._dimensions, found.params)
        if any(name not in known or known[name] != value for name, value in values.items()):
            params = dimensions.to_params(self._dimensions, values)
            if params != {k: v for k, v in found.params.items() if k not in _NOTHING}:
                self.study.amend(found, params)

    def put_back(self) -> None:
        """Have the trials that run here run again later, with the same hyperparameters."""
        for trial in (*self.ongoing_trials.values(), *self._retries):
            self.study.stored_trials.put_back(self.study_trial(trial))
        self.ongoing_trials, self._retries = {}, []

    def get_space(self) -> HyperParameters:
        """A copy of the search space."""
        return self.hyperparameters.copy()

    def update_space(self, hyperparameters: HyperParameters) -> None:
        """Add definitions that are new.

        Raises:
            RuntimeError: where there are some and `allow_new_entries=False`.
        """
        known = {definition.key for definition in self.hyperparameters.space}
        new = [definition for definition in hyperparameters.space if definition.key not in known]
        if new and not self.allow_new_entries:
            raise RuntimeError(
                f"allow_new_entries=False, but build_model asked for {new}. Add them to "
                "hyperparameters=, or allow new entries."
            )
        if not new or not self.tune_new_entries:
            return
        if self._study is not None:
            self._learn()
        self.hyperparameters.merge(new, overwrite=False)
        self._dimensions = dimensions.of(self.hyperparameters.space)
        if self._study is not None:
            self._save_definitions()  # before the space grows: definitions that it lacks do no harm
            self.study.extend(dimensions.parameters(self._dimensions))

    def get_trial(self, trial_id: str) -> Trial:
        """The trial of that id."""
        return self.trials[trial_id]

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Completed trials, best first; fewer than `num_trials` where there are not so many."""
        complete = [t for t in self.trials.values() if t.status == TrialStatus.COMPLETED]
        sign = 1.0 if self.objective.direction == "min" else -1.0
        return sorted(complete, key=lambda trial: sign * (trial.score or 0.0))[:num_trials]

    def remaining_trials(self) -> int | None:
        """How many trials are left; None where there is no limit."""
        return self.max_trials - len(self.trials) if self.max_trials else None

    def say(self, text: str | None) -> None:
        """Print a line to standard error, unless the search is not verbose."""
        if self.verbose and text:
            say(text, sys.stderr)
