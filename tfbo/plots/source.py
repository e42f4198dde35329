"""Source of a picture: trials of a study by state, and names of parameters that it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tfbo.errors import TooFewTrials, invalid
from tfbo.study import Study
from tfbo.study.incumbent import advice
from tfbo.trial import COMPLETE, DIRECTIONS, FAILED, PAUSED, STOPPED, Goal, Trial

_AIMS = dict(zip(DIRECTIONS, ("minimise", "maximise"), strict=True))


class Source(NamedTuple):
    """The trials of a study at one moment."""

    study: Study
    trials: tuple[Trial, ...]
    complete: list[Trial]
    failed: list[Trial]
    earlier: list[Trial]
    """Those paused or stopped, whose values are of an earlier step than the last."""

    @property
    def goal(self) -> Goal:
        """The goal of the study."""
        return Goal(self.study.direction)

    @property
    def aim(self) -> str:
        """The direction of the study in the words of a label."""
        return _AIMS[self.study.direction]

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


def of(study: Any, *, valued: bool = True) -> Source:
    """The trials of a study by state; InvalidArgument for what is no study.

    Where the picture is of a value (`valued`), also for a study of several objectives.
    """
    if not isinstance(study, Study):
        raise invalid("study", "a Study", study, "Open one with tfbo.Study.load(storage=...).")
    if valued and study.stored_trials.aims.goals is not None:
        advice = "Of several, study.best_trials is the front."
        raise invalid("study", "a study of one objective", study.objectives, advice)
    trials = study.trials
    complete = [trial for trial in trials if trial.state == COMPLETE]
    earlier = [trial for trial in trials if trial.state in (PAUSED, STOPPED)]
    return Source(study, trials, complete, [t for t in trials if t.state == FAILED], earlier)


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
