"""The incumbent of a study; the reasons and the advice where there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfbo._messages import warn
from tfbo.errors import NoCompletedTrial
from tfbo.trial import COMPLETE, FAILED, RUNNING, VALUED, Goal, Trial


def incumbent(study: str, trials: Sequence[Trial], goal: Goal) -> Trial:
    """The complete trial of the best value, the earliest of equals; NoCompletedTrial without one."""
    complete = [trial for trial in trials if trial.state == COMPLETE]
    if complete:
        return min(complete, key=goal.rank)
    raise NoCompletedTrial(f"{_none_complete(study, trials)} {advice(trials)}")


def furthest(trials: Sequence[Trial], goal: Goal) -> Trial | None:
    """Trial of the best value among those trained furthest, where none is complete, with a warning.

    None where one is complete, or none has a value.
    """
    if any(trial.state == COMPLETE for trial in trials):
        return None
    valued = [trial for trial in trials if trial.state in VALUED]
    if not valued:
        return None
    warn(
        "No trial is complete yet: the best one is judged by learning curves that are not at their end. "
        "Go on with the search, or take the value for what it is, that of an earlier step."
    )
    return min(
        valued, key=lambda trial: (-(trial.reached or 0), -goal.score(trial.value), trial.number)
    )


def last_value(trial: Trial) -> float:
    """The value of a trial; of one that runs, the last finite one of its curve."""
    if trial.value is not None:
        return trial.value
    return next(filter(math.isfinite, reversed(trial.curve.values())), math.nan)


def _none_complete(study: str, trials: Sequence[Trial]) -> str:
    """The reason why no trial is complete: there are none, all failed, or some are not told yet."""
    failed = [t for t in trials if t.state == FAILED and not t.is_interrupted]
    if not trials:
        return f"The study {study!r} has no trials yet."
    said = (
        f"No trial of the study {study!r} is complete ({len(trials)} in all, {len(failed)} failed)."
    )
    if len(failed) == len(trials):
        said = f"All {len(trials)} trials of the study {study!r} failed."
    first = f" The first failure: {failed[0].kind}: {failed[0].reason}." if failed else ""
    return said + first


def advice(trials: Sequence[Trial]) -> str:
    """Advice to a user whose study needs more complete trials."""
    running = sum(trial.state == RUNNING for trial in trials)
    if running:
        return f"Run some, or tell those that are running ({running})."
    if any(trial.kind == "error" for trial in trials):
        return "Mend what fails, and run some."
    return "Run some." if trials else "Run some, by study.optimize(objective, n_trials=20)."
