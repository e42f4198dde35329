"""Source of a picture: trials of a study by state, and names of parameters that it has."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tfbo.errors import TooFewTrials, invalid
from tfbo.space import Params
from tfbo.study import Study
from tfbo.study.incumbent import advice, closest
from tfbo.trial import COMPLETE, DIRECTIONS, FAILED, PAUSED, STOPPED, Goal, Goals, Trial

AIMS = dict(zip(DIRECTIONS, ("minimise", "maximise"), strict=True))
"""Directions in the words of a label."""


class Source(NamedTuple):
    """The trials of a study at one moment; of several objectives, with the value of the one drawn."""

    study: Study
    trials: tuple[Trial, ...]
    complete: list[Trial]
    failed: list[Trial]
    earlier: list[Trial]
    """Those paused or stopped, whose values are of an earlier step than the last."""
    objective: str | None = None
    """Name of the objective that is drawn; None where the study has one only."""

    @property
    def goal(self) -> Goal:
        """The goal of what is drawn."""
        return Goal(self._direction)

    @property
    def aim(self) -> str:
        """The direction of what is drawn in the words of a label."""
        return AIMS[self._direction]

    @property
    def label(self) -> str:
        """The name of what is drawn, and its direction: "value (minimise)"."""
        return f"{self.name} ({self.aim})"

    @property
    def name(self) -> str:
        """The name of the objective that is drawn, "value" where it has none."""
        return next(iter(self.study.objectives)) if self.objective is None else self.objective

    @property
    def values(self) -> np.ndarray:
        """Values `[n]` of the complete trials."""
        return np.array([trial.value for trial in self.complete], float)

    @property
    def counted(self) -> np.ndarray:
        """Values `[n]` of the complete trials, NaN for those that are not known to be feasible."""
        return np.array([t.value if t.is_feasible else np.nan for t in self.complete], float)

    @property
    def numbers(self) -> np.ndarray:
        """Numbers `[n]` of the complete trials."""
        return np.array([trial.number for trial in self.complete], int)

    def best(self) -> Trial | None:
        """The feasible complete trial of the best value; None without one."""
        return next(iter(self.goal.front(self.complete)), None)

    def centre(self) -> Trial:
        """The trial around which predictions are drawn, of complete ones: the best.

        Of one objective it is the one that is believed to be the best, of several that of the best value.
        Where none is feasible, it is the one that is closest to it.
        """
        best = self.best()
        if best is None:
            return closest(self.complete)
        return self.study.best_trial if self.objective is None else best

    def centre_label(self) -> str:
        """The words for `centre`."""
        what = "best" if self.objective is None else f"best {self.objective}"
        return f"{what if self.best() else 'closest to feasible'}: trial {self.centre().number}"

    def feasibility(self, configurations: Sequence[Params]) -> np.ndarray | None:
        """Probability `[n]` that constraints on outcomes hold; None without any, or a model of them."""
        if not self.study.constraints:
            return None
        try:
            return self.study.feasibility(configurations)
        except TooFewTrials:
            return None

    @property
    def _direction(self) -> str:
        return (
            self.study.direction
            if self.objective is None
            else self.study.objectives[self.objective]
        )


def of(study: Any, *, objective: str | None = None, valued: bool = True) -> Source:
    """The trials of a study by state; InvalidArgument for what is no study, or an unknown objective.

    Where the picture is of a value (`valued`), a study of several objectives needs the name of one.
    """
    if not isinstance(study, Study):
        raise invalid("study", "a Study", study, "Open one with tfbo.Study.load(storage=...).")
    names, several = list(study.objectives), len(study.objectives) > 1
    if (objective is not None and objective not in names) or (several and valued and not objective):
        what = "the name of an objective" if several else "the name of the objective, or None"
        together = "; plots.pareto(study) shows them together" if several else ""
        there = f"There are: {', '.join(map(repr, names))}{together}."
        raise invalid("objective", what, objective, there)
    trials = study.trials
    if several and objective is not None:
        trials = tuple(_valued(trial, objective) for trial in trials)
    complete = [trial for trial in trials if trial.state == COMPLETE]
    earlier = [
        t for t in trials if t.state in (PAUSED, STOPPED) and (t.value is not None or not valued)
    ]
    failed = [trial for trial in trials if trial.state == FAILED]
    return Source(study, trials, complete, failed, earlier, objective if several else None)


def of_reports(study: Any) -> Source:
    """The same, of several objectives with the first one, of which values are reported step by step."""
    return of(study, objective=next(iter(study.objectives)) if isinstance(study, Study) else None)


def _valued(trial: Trial, objective: str) -> Trial:
    """A trial with the value of an objective; a failed one has none."""
    if trial.state == FAILED:
        return trial
    value, std = trial.values.get(objective), trial.stds.get(objective)
    return dataclasses.replace(trial, value=value, std=std)


def goals(source: Source, what: str) -> Goals:
    """The objectives of a study with several; InvalidArgument for one, of which `what` cannot be drawn."""
    found = source.study.stored_trials.aims.goals
    if found is None:
        there = "plots.history(study) and plots.convergence(study) show one."
        expected = f"a study of several objectives for {what}"
        raise invalid("study", expected, source.study.objectives, there)
    return found


def labels(goals: Goals) -> list[str]:
    """The name and the direction of each objective."""
    named = zip(goals.names, goals.directions, strict=True)
    return [f"{name} ({AIMS[direction]})" for name, direction in named]


def require(source: Source, least: int, what: str) -> None:
    """Raise TooFewTrials where fewer than `least` trials are complete; `what` cannot be drawn then."""
    if len(source.complete) < least:
        needed = "a complete trial" if least == 1 else f"{least} complete trials"
        raise TooFewTrials(
            f"{what} needs {needed}, and the study {source.study.name!r} has {len(source.complete)} "
            f"({len(source.trials)} trials in all, {len(source.failed)} failed). Run some more."
        )


def names(source: Source, argument: str, wanted: Sequence[str] | None) -> list[str]:
    """The parameters wanted; all that are searched, where that is None.

    Any other name, or none at all, is an InvalidArgument that lists those that there are.
    """
    space = source.study.space
    searched = [name for name in space if space[name].column() is not None]
    there = f"There are: {', '.join(map(repr, searched)) or 'none'}."
    if wanted is None:
        if not searched:
            raise invalid("study", "a hyperparameter that is searched", "nothing", there)
        return searched
    if isinstance(wanted, str) or not isinstance(wanted, Sequence) or not wanted:
        raise invalid(argument, "a list of names of hyperparameters", wanted, there)
    for name in wanted:
        if name not in searched:
            constant = isinstance(name, str) and name in space
            expected = "a hyperparameter that is searched" if constant else "a hyperparameter"
            raise invalid(argument, expected, name, there)
    return list(wanted)


def require_finished(source: Source, what: str) -> None:
    """Raise TooFewTrials where no trial has an outcome, paused ones included; `what` cannot be drawn."""
    if not source.complete and not source.failed and not source.earlier:
        raise TooFewTrials(
            f"{what} needs a finished trial, and the study {source.study.name!r} has none "
            f"({len(source.trials)} trials in all). {advice(source.trials)}"
        )
