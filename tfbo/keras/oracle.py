"""`Oracle`: the search space, the study and the trials of a tuner."""

from __future__ import annotations

import logging
import math
import sys
from typing import Any

from tfbo import progress
from tfbo._text import say
from tfbo.asking import ask
from tfbo.errors import InvalidArgument, SpaceExhausted
from tfbo.keras import columns, stored
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.objective import DIRECTIONS, create_objective
from tfbo.keras.project import Project
from tfbo.keras.trial import OF_STATE, Trial, TrialStatus
from tfbo.space import Constant, Space
from tfbo.study import Study
from tfbo.trial import FAILED, WAITING
from tfbo.trial import Trial as StudyTrial

_LOGGER = logging.getLogger("tfbo")

# What a space holds that has no hyperparameters, or none yet.
_NOTHING = {"define-by-run": Constant(True)}


class Oracle:
    """What to try next, and what came of it: a `tfbo.Study` under the names that tuners use.

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
        self.objective = create_objective(objective)
        self.max_trials = max_trials
        self.hyperparameters = hyperparameters.copy() if hyperparameters else HyperParameters()
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
        self._numbers: dict[str | None, int] = {}
        self._columns: columns.Columns = {}
        self._project: Project | None = None
        self._study: Study | None = None

    @property
    def study(self) -> Study:
        """The `tfbo.Study`: its trials, its best one, and what plots are drawn of."""
        if self._study is None:
            raise InvalidArgument("study: there is none yet. Give the oracle to a tuner first.")
        return self._study

    @property
    def project(self) -> Project:
        """Where the search lives."""
        assert self._project is not None
        return self._project

    def open(self, project: Project) -> None:
        """Begin the search of the space that is known by now, or go on with the one that is stored.

        Raises:
            StudyMismatch: where the stored one has another objective, seed or hyperparameters.
        """
        self._project = project
        if project.is_begun:
            self.hyperparameters = stored.definitions(project, self.objective, self.hyperparameters)
        self.save()
        self._columns = columns.of(self.hyperparameters.space)
        parameters = columns.parameters(self._columns) or _NOTHING
        self._study = stored.study(project, parameters, self.seed, self.strategy)
        if self._study is None:
            self._study = Study(
                Space(parameters),
                direction=DIRECTIONS[self.objective.direction],
                storage=project.study,
                name=project.name,
                seed=self.seed,
                strategy=self.strategy,
            )
            self.begin(self._study)
        self.seed = self._study.seed
        self.reload()

    def begin(self, study: Study) -> None:
        """Called with a new study, before its first trial."""

    def save(self) -> None:
        """Store the definitions; all else is stored when it happens."""
        content = {"objective": str(self.objective), **self.hyperparameters.get_config()}
        self.project.write_definitions(content)

    def reload(self) -> None:
        """Take in the trials that are stored; those that run here are left alone."""
        ids = self.project.trial_ids()
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
        state = self.project.read_trial(trial_id)
        if found.is_finished and state is not None:
            trial = Trial.from_state(state)
        else:
            hyperparameters = self.hyperparameters.copy()
            hyperparameters.values = columns.to_values(self._columns, found.params)
            trial = Trial(hyperparameters, trial_id)
        trial.status = OF_STATE[found.state]
        trial.score, trial.std = found.value, found.std
        if found.state == FAILED and trial.message is None:
            trial.message = found.traceback or found.reason
        return trial

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
            if asked is None:
                return Trial(self.get_space(), None, TrialStatus.STOPPED)
            trial = self._view(
                self.project.trial_ids().get(asked.number) or self._id(asked.number), asked
            )
            self._enter(trial, asked.number)
        self.ongoing_trials[tuner_id] = trial
        self.project.write_trial(trial.trial_id, trial.get_state())
        return trial

    def _ask(self) -> StudyTrial | None:
        started = [t for t in self.study.trials if t.state != WAITING and t.kind != "interrupted"]
        if self.max_trials and len(started) >= self.max_trials:
            return None
        if started:  # the first trial may be what sets up TensorFlow
            self.study._advisor.prepare(self.max_trials)
        try:
            (asked,) = ask(self.study._ledger, self.study._advisor.suggest, 1)
        except SpaceExhausted as exhausted:
            _LOGGER.info("%s", exhausted)
            return None
        if not set(asked.params) <= {*self._columns, *_NOTHING}:
            self._learn()
        return asked

    def _learn(self) -> None:
        """Take in definitions that another process found meanwhile."""
        self.hyperparameters = stored.definitions(
            self.project, self.objective, self.hyperparameters
        )
        self._columns = columns.of(self.hyperparameters.space)

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
        if not self.objective.has_value(metrics) and self.objective.name not in metrics:
            expected, found = ", ".join(self.objective.names), ", ".join(metrics)
            raise ValueError(f"metrics: expected {expected} among them, found: {found}.")
        value = metrics.get(self.objective.name)
        if value is None:
            value = self.objective.get_value(metrics)
        for name, number in {**metrics, self.objective.name: value}.items():
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
        if trial.status == TrialStatus.INVALID:
            left = self.max_retries_per_trial + 1 - trial.runs
            if left > 0:
                self._say(f"trial {trial.trial_id} failed {trial.runs} times, {left} retries left")
                self._retries.append(trial)
                return
            trial.status = TrialStatus.FAILED
        self._tell(trial)
        self._check_failures(trial)

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
        self.project.write_trial(trial.trial_id, trial.get_state())
        if trial.status == TrialStatus.COMPLETED:
            self.study.tell(number, trial.score, std=trial.std)
        else:
            told = trial.failure or {"state": FAILED, "reason": trial.message}
            self.study.tell(number, **told)
        assert trial.trial_id is not None
        self.end_order.append(trial.trial_id)
        self._say(progress.line(self.study_trial(trial)))

    def study_trial(self, trial: Trial) -> StudyTrial:
        """The trial of the study behind a trial."""
        return self.study.trials[self._numbers[trial.trial_id]]

    def _check_failures(self, trial: Trial) -> None:
        self._failures = self._failures + 1 if trial.status == TrialStatus.FAILED else 0
        if self._failures == self.max_consecutive_failed_trials:
            self._failures = 0
            raise RuntimeError(
                f"The last {self.max_consecutive_failed_trials} trials failed in a row, so the search "
                "ends; max_consecutive_failed_trials= allows more. The last failure:\n"
                f"{trial.message or ''}"
            )

    def _take_in(self, trial: Trial) -> None:
        """Add what a trial asked for to the space, and its values to the trial of the study."""
        self.update_space(trial.hyperparameters)
        found = self.study_trial(trial)
        values = trial.hyperparameters.values
        known = columns.to_values(self._columns, found.params)
        if any(name not in known or known[name] != value for name, value in values.items()):
            params = columns.to_params(self._columns, values)
            if params != {k: v for k, v in found.params.items() if k not in _NOTHING}:
                self.study.amend(found, params)

    def put_back(self) -> None:
        """Have the trials that run here run again later, with the same hyperparameters."""
        for trial in (*self.ongoing_trials.values(), *self._retries):
            self.study._ledger.put_back(self.study_trial(trial))
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
        self._columns = columns.of(self.hyperparameters.space)
        if self._study is not None:
            self.save()  # before the space grows: definitions that it lacks do no harm
            self.study.extend(columns.parameters(self._columns))

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

    def _say(self, text: str) -> None:
        if self.verbose:
            say(text, sys.stderr)
