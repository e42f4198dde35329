"""The incumbent of a study; the reasons and the advice where there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfbo._messages import warn
from tfbo.errors import NoCompletedTrial, invalid
from tfbo.study.aims import Aims
from tfbo.trial import COMPLETE, FAILED, RUNNING, VALUED, Goal, Trial


def incumbent(study: str, trials: Sequence[Trial], goal: Goal) -> Trial:
    """The feasible complete trial of the best value, the earliest of equals; NoCompletedTrial without."""
    best = goal.front(trials)
    if best:
        return best[0]
    if any(trial.state == COMPLETE for trial in trials):
        raise NoCompletedTrial(_none_feasible(study, trials))
    raise NoCompletedTrial(f"{_none_complete(study, trials)} {advice(trials)}")


def check_single(aims: Aims, asked: str) -> None:
    """Raise InvalidArgument where a study has several objectives, between which there is no best trial."""
    if aims.goals is not None:
        listed = ", ".join(map(repr, aims.objectives))
        raise invalid(
            asked, "a study of one objective", aims.objectives,
            f"With {listed} there are compromises: study.best_trials has those that none dominates.",
        )  # fmt: skip


def furthest(trials: Sequence[Trial], goal: Goal) -> Trial | None:
    """Trial of the best value among those trained furthest, where none is complete, with a warning.

    None where one is complete, or none that is feasible has a value.
    """
    if any(trial.state == COMPLETE for trial in trials):
        return None
    valued = [trial for trial in trials if trial.state in VALUED and trial.is_feasible]
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


def _none_feasible(study: str, trials: Sequence[Trial]) -> str:
    """The reason why no complete trial is feasible, with the one that is closest to it."""
    complete = [trial for trial in trials if trial.state == COMPLETE]
    broken = [trial for trial in complete if trial.is_feasible is False]
    said = f"No trial of the study {study!r} is feasible ({len(complete)} complete, {len(broken)} of them"
    if not broken:
        return f"{said} infeasible). Tell the values that its constraints are about."
    nearest = closest(broken)
    how = "; ".join(f"{text!r} by {v:.4g}" for text, v in nearest.violations.items() if v > 0.0)
    return (
        f"{said} infeasible). Closest is trial {nearest.number}, which breaks {how}. Run some more."
    )


def closest(trials: Sequence[Trial]) -> Trial:
    """The trial that breaks fewest constraints, of equals the one that breaks them least."""

    def broken(trial: Trial) -> int:
        return sum(v > 0.0 for v in trial.violations.values())

    return min(trials, key=lambda trial: (broken(trial), _distance(trial), trial.number))


def _distance(trial: Trial) -> float:
    """Distance by which a trial breaks constraints, each in its own unit."""
    return sum(v for v in trial.violations.values() if v > 0.0)


def described(aims: Aims, trials: Sequence[Trial]) -> str:
    """The best of trials, as the end of what a study says of itself; nothing where none is complete."""
    if not any(trial.state == COMPLETE for trial in trials):
        return ""
    best = aims.goal.front(trials)
    if aims.goals is None and best:
        return f", best_observed={best[0].value!r}"
    return f", {aims.goal.summary(best)}"


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
