"""`Search`: the study behind a tuner and what is stored beside it, in terms of hyperparameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tfbo.errors import SpaceExhausted, StudyMismatch
from tfbo.keras import dimensions, extensions, limits
from tfbo.keras.definitions import HyperParameter
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.objective import DIRECTIONS, Objective
from tfbo.keras.project import Project
from tfbo.keras.trial import OF_STATE, Trial, TrialStatus
from tfbo.space import Constant, Space
from tfbo.space.parameters import Parameter
from tfbo.storage import SQLiteStorage
from tfbo.strategies import Suggestion
from tfbo.study import Study
from tfbo.study.ask import ask
from tfbo.trial import (
    FAILED,
    PAUSED,
    RUNNING,
    STOPPED,
    UNEXPLAINED,
    WAITING,
    Failure,
    Fidelity,
    Measurement,
    Metrics,
    Outcome,
    measure,
)
from tfbo.trial import Trial as StudyTrial

# The space of a study without hyperparameters, or without any yet.
_NOTHING = {"define-by-run": Constant(True)}


class Search:
    """Trials of a study by the values of their hyperparameters, to which later ones are added."""

    def __init__(
        self,
        study: Study,
        project: Project,
        objective: Objective,
        hyperparameters: HyperParameters,
        digits: int,
        constraints: tuple[str, ...] = (),
    ) -> None:
        self.study = study
        self.project = project
        self.hyperparameters = hyperparameters
        self.dimensions = dimensions.of(hyperparameters.space)
        self._objective = objective
        self._constraints = constraints
        self._digits = digits
        self._held: StudyTrial | None = None
        """Suggested, and not yet handed out."""
        self.is_exhausted = False
        """True once every configuration of the space has been suggested."""

    def extend(self, new: Iterable[HyperParameter]) -> None:
        """Add definitions to the space; those that are there already stay."""
        self._learn()
        new = list(new)
        limits.check_new(self.study, new)
        self.hyperparameters.merge(new, overwrite=False)
        self.dimensions = dimensions.of(self.hyperparameters.space)
        self.save()  # before the space grows: definitions that it lacks do no harm
        self.study.extend(dimensions.parameters(self.dimensions))

    def save(self) -> None:
        """Store the definitions."""
        _save(self.project, self._objective, self.hyperparameters, self._constraints)

    def _learn(self) -> None:
        """Take in definitions that another process found meanwhile."""
        _restore(self.project, self._objective, self.hyperparameters, self._constraints)
        self.dimensions = dimensions.of(self.hyperparameters.space)

    def trial_id(self, number: int) -> str:
        """The id of the trial of that number: the name of its folder, where it has one."""
        return self.project.trial_ids().get(number) or f"{number:0{self._digits}d}"

    def started(self) -> dict[str, StudyTrial]:
        """Trials that run or have run, without those that were interrupted, by id."""
        ids = self.project.trial_ids()
        return {
            ids.get(t.number) or f"{t.number:0{self._digits}d}": t
            for t in self.study.trials
            if t.state != WAITING and not t.is_interrupted
        }

    def stored(self, trial_id: Any) -> StudyTrial:
        """The trial of the study behind a trial of a tuner."""
        return self.study.trials[int(trial_id)]

    def view(self, trial_id: str, found: StudyTrial) -> Trial:
        """A trial of the study as a tuner sees it."""
        state = self.project.read_trial(trial_id)
        if state is not None and (found.is_finished or found.state == PAUSED or found.start):
            made = Trial.from_state(state)
        else:
            hyperparameters = self.hyperparameters.copy()
            hyperparameters.values = dimensions.to_values(self.dimensions, found.params)
            made = Trial(hyperparameters, trial_id)
        made.status = OF_STATE[found.state]
        name = self._objective.name
        made.score, made.std = found.values.get(name, found.value), found.stds.get(name, found.std)
        made.values, made.stds = dict(found.values), dict(found.stds)
        if found.state == FAILED and made.message is None:
            made.message = found.traceback or found.reason
        return made

    def enqueue_defaults(self) -> None:
        """Have the defaults tried first, if there is anything to try, and they meet the constraints."""
        defaults = dimensions.to_params(self.dimensions, {})
        if self.dimensions and self.study.space.breaks(defaults) is None:
            self.study.enqueue(defaults)

    def ask(
        self, populate: Callable[[str], Any], most: int | None, *, origin: str
    ) -> StudyTrial | str:
        """The next trial, enqueued ones first, others as `populate` says; or the status in place of it."""
        self.is_exhausted = False
        if most and len(self.started()) >= most:  # but paused ones may go on
            is_over = self.study.fidelity is None or self.suggest(most) is None
            return self.over() if is_over else self._take()
        if any(trial.state == WAITING for trial in self.study.trials):
            return TrialStatus.STOPPED if self.suggest(most) is None else self._take()
        answer = populate(self.trial_id(len(self.study.trials)))
        status, values = extensions.response(origin, answer)
        if status == TrialStatus.RUNNING:
            return self._start(values, origin)
        if self._held is not None:
            self.study.stored_trials.put_back(self._take())
        return status

    def suggest(self, most: int | None) -> dict[str, Any] | None:
        """Start what waits, or what the study suggests; its values, None where there is nothing."""
        if len(self.study.trials):  # the first trial may be what sets up TensorFlow
            self.study.advisor.prepare(most)
        try:
            total = most if self.study.fidelity else None
            trials, advisor = self.study.stored_trials, self.study.advisor
            asked = ask(trials, advisor.suggest, 1, total, first=advisor.first_stage)
        except SpaceExhausted:
            asked = []
            size = self.study.space.cardinality
            self.is_exhausted = not self.study.fidelity or len(self.study) >= size
        self._held = asked[0] if asked else None
        if self._held is None:
            return None
        if not set(self._held.params) <= {*self.dimensions, *_NOTHING}:
            self._learn()
        return dimensions.to_values(self.dimensions, self._held.params)

    def over(self) -> str:
        """Status where there is nothing to begin: idle while trials run after which another may go on."""
        trials = self.study.trials
        waits = self.study.fidelity and any(trial.state == RUNNING for trial in trials)
        return TrialStatus.IDLE if waits else TrialStatus.STOPPED

    def _take(self) -> StudyTrial:
        held, self._held = self._held, None
        assert held is not None
        return held

    def _start(self, values: Mapping[str, Any], origin: str) -> StudyTrial:
        """A running trial of these values: the suggested one, or one in its place, or another one."""
        if self._held and values == dimensions.to_values(self.dimensions, self._held.params):
            return self._take()
        params = extensions.params(origin, self.dimensions, values)
        if self._held is not None:
            return self.study.amend(self._take(), params)
        trials = self.study.stored_trials
        while True:
            trials.sync()
            started = trials.start(len(trials.by_number), [Suggestion(params, {})])
            if started:
                return started[0]

    def put_back(self, trial: Trial) -> None:
        """Have a trial that runs here run again later, with the same hyperparameters."""
        self.study.stored_trials.put_back(self.stored(trial.trial_id))

    def tell(self, trial: Trial) -> None:
        """Store the outcome of a trial."""
        assert trial.trial_id is not None
        self.project.write_trial(trial.trial_id, trial.get_state())
        if trial.status == TrialStatus.COMPLETED:
            measured = self._measured(trial)
            if trial.end is not None and isinstance(measured, Measurement):
                state, step = trial.end
                measured = dataclasses.replace(measured, state=state, step=step)
            self.study.stored_trials.tell(int(trial.trial_id), measured)
            self._give_up()
        else:
            failure = trial.failure or Failure("error", trial.message or UNEXPLAINED)
            values = self._metrics.rescued(trial.values)
            failure = dataclasses.replace(failure, values=values)
            self.study.stored_trials.tell(int(trial.trial_id), failure)

    def _measured(self, trial: Trial) -> Outcome:
        if self._metrics.is_plain:
            return measure(trial.score, trial.std)
        stds = limits.named(self.study, trial.stds)
        return self._metrics.read(limits.named(self.study, trial.values), stds)

    @property
    def _metrics(self) -> Metrics:
        return self.study.stored_trials.aims.metrics

    def note_values(self, trial: Trial) -> None:
        """Give a trial its values by name, of its best step, where the study has names for them."""
        trial.values = {}
        if self._metrics.is_plain:
            return
        for name in filter(trial.metrics.exists, self._metrics.names):
            history = trial.metrics.get_history(name)
            found = next((o for o in history if o.step == trial.best_step), history[-1])
            trial.values[name] = found.mean()
        if trial.score is not None:
            trial.values[self._objective.name] = trial.score
        trial.check_values(self._objective.directions)

    def eligible(self, complete: list[Trial]) -> list[Trial]:
        """Those of completed trials that are feasible, and of several objectives on the front."""
        if self._metrics.is_plain:
            return complete
        stored, aims = self.study.trials, self.study.stored_trials.aims
        counted = [trial for trial in stored if trial.is_feasible]
        if aims.goals is not None:
            counted = aims.goals.front(counted)
        numbers = {trial.number for trial in counted}
        return [trial for trial in complete if int(trial.trial_id or -1) in numbers]

    def _give_up(self) -> None:
        """End the paused trials that are hopeless by now."""
        if self.study.fidelity is None:
            return
        paused = [trial for trial in self.study.trials if trial.state == PAUSED]
        hopeless = self.study.advisor.hopeless(paused)
        for trial in paused:
            if trial.number in hopeless:
                self.study.tell(trial.number, trial.value, std=trial.std, state=STOPPED)

    def report(self, trial: Trial, step: int, value: float) -> bool:
        """Report the score that a trial has by an epoch; False where it is hopeless."""
        found = self.stored(trial.trial_id)
        reported = (found.reached or 0) if trial.runs else (found.start or 0)
        # A run that failed has reported its steps.
        return step <= reported or self.study.report(found.number, step, value)

    def amend(self, trial: Trial) -> None:
        """Give the trial of the study the values that a trial has asked for since it began."""
        found, values = self.stored(trial.trial_id), trial.hyperparameters.values
        known = dimensions.to_values(self.dimensions, found.params)
        if any(name not in known or known[name] != value for name, value in values.items()):
            params = dimensions.to_params(self.dimensions, values)
            if params != {k: v for k, v in found.params.items() if k not in _NOTHING}:
                self.study.amend(found, params)


def open_search(
    project: Project,
    objective: Objective,
    hyperparameters: HyperParameters,
    *,
    seed: int | None,
    strategy: Any,
    digits: int,
    fidelity: Fidelity | None = None,
    constraints: tuple[str, ...] = (),
) -> Search:
    """Begin the search of the space that is known by now, or go on with it where it is stored."""
    if project.is_begun:
        _restore(project, objective, hyperparameters, constraints)
    known = dimensions.of(hyperparameters.space)
    inputs, outcomes = limits.split(constraints, known)
    limits.check_fidelity(fidelity, outcomes)
    _save(project, objective, hyperparameters, constraints)
    parameters = dimensions.parameters(known) or _NOTHING
    study = _stored(project, parameters, seed, strategy)
    if study is not None and study.fidelity != fidelity:
        raise _mismatch(project, f"epochs: {fidelity} here, {study.fidelity} there")
    if study is None:
        objectives = {name: DIRECTIONS[each] for name, each in objective.directions.items()}
        plain = len(objectives) == 1 and not outcomes
        study = Study(
            Space(parameters, inputs), direction=objective.goal.direction if plain else None,
            objectives=None if plain else objectives, constraints=outcomes, storage=project.study,
            name=project.name, seed=seed, strategy=strategy, fidelity=fidelity,
        )  # fmt: skip
    return Search(study, project, objective, hyperparameters, digits, constraints)


def _stored(
    project: Project, parameters: Mapping[str, Parameter], seed: int | None, strategy: Any
) -> Study | None:
    """The stored study, with the parameters that were found now; None where there is none."""
    if project.study is None or not project.is_begun:
        return None
    storage = SQLiteStorage(project.study)
    names = [record.name for record in storage.studies()]
    if not names:  # its process was killed while it made the file
        return None
    # The folder may have been renamed since.
    name = project.name if project.name in names else names[0]
    found = Study.load(storage=storage, name=name, strategy=strategy)
    if seed is not None and seed != found.seed:
        raise _mismatch(project, f"seed: {seed} here, {found.seed} there")
    found.extend(parameters)
    return found


def _save(
    project: Project,
    objective: Objective,
    hyperparameters: HyperParameters,
    constraints: tuple[str, ...],
) -> None:
    limited = {"constraints": list(constraints)} if constraints else {}
    content = {"objective": str(objective), **limited, **hyperparameters.get_config()}
    project.write_definitions(content)


def _restore(
    project: Project, objective: Objective, found: HyperParameters, constraints: tuple[str, ...]
) -> None:
    """Put the stored definitions before those found now: the study's parameters are named in that order."""
    content = project.read_definitions()
    if content is None:
        return
    if content["objective"] != str(objective):
        raise _mismatch(project, f"objective: {objective} here, {content['objective']} there")
    stored = content.get("constraints", [])
    if stored != list(constraints):
        raise _mismatch(project, f"constraints: {list(constraints)} here, {stored} there")
    there = {d.key: d for d in HyperParameters.from_config(content).space}
    differing = [
        f"{ours!r} here, {there[ours.key]!r} there"
        for ours in found.space
        if ours.key in there and ours.range() != there[ours.key].range()
    ]
    if differing:
        raise _mismatch(project, "\n  ".join(differing))
    found.restore(content)


def _mismatch(project: Project, text: str) -> StudyMismatch:
    return StudyMismatch(
        f"The search in {str(project.path)!r} differs from what was asked for:\n  {text}\n"
        "Give this one another project_name, or overwrite=True to start anew."
    )
