"""Early stopping by a rule on learning curves, whatever the strategy."""

from __future__ import annotations

import abc
import dataclasses
import math
import statistics
from collections.abc import Sequence

from tfbo import _arguments
from tfbo.trial import FAILED, Goal, Trial


class EarlyStopping(abc.ABC):
    """A rule by which a running trial is given up, at each step that it reports.

    Example:
        >>> import tfbo
        >>> class Worse(tfbo.strategies.EarlyStopping):
        ...     def hopeless(self, goal, trial, others):
        ...         return any(goal.better(t.value, than=trial.curve[trial.reached]) for t in others)
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.Study(space, seed=0, early_stopping=Worse())
        >>> study.tell(study.ask(), 0.5)
        >>> study.report(study.ask(), 1, 0.7)
        False
    """

    @abc.abstractmethod
    def hopeless(self, goal: Goal, trial: Trial, others: Sequence[Trial]) -> bool:
        """True where further steps are wasted.

        Args:
            goal: the direction, which compares values.
            trial: the one that has just reported, with its curve.
            others: all other trials of the study, finished or not, with theirs.
        """


@dataclasses.dataclass(frozen=True)
class Median(EarlyStopping):
    """Gives a trial up whose best value so far is worse than the median of the others' running averages.

    At step s, an average is that of the values that another trial has reported until s; only trials
    that have got to s, and have not failed, count.

    Args:
        warm_up: how many other trials must have got to a step before any is given up there, >= 1.
        from_step: the first step at which one may be given up, >= 1.

    Raises:
        InvalidArgument: for a number out of range.

    Source: the median stopping rule of Golovin et al. 2017, section 3.2.2.

    Example:
        >>> from tfbo.trial import Goal, Trial
        >>> others = [Trial(i, {}, curve={1: 1.0, 2: 0.8 - i / 10}) for i in range(5)]
        >>> rule, goal = Median(warm_up=5), Goal("minimize")
        >>> [rule.hopeless(goal, Trial(5, {}, curve={1: 1.2, 2: best}), others) for best in (0.79, 0.81)]
        [False, True]
    """

    warm_up: int = 5
    from_step: int = 1

    def __post_init__(self) -> None:
        advice = "Five is usual."
        object.__setattr__(self, "warm_up", _arguments.count("warm_up", self.warm_up, advice))
        advice = "With 1, a trial may be given up at once."
        object.__setattr__(self, "from_step", _arguments.count("from_step", self.from_step, advice))

    def hopeless(self, goal: Goal, trial: Trial, others: Sequence[Trial]) -> bool:
        """See `EarlyStopping`."""
        step = trial.reached or 0
        if step < self.from_step:
            return False
        there = [other for other in others if (other.reached or 0) >= step]
        averages = [_average(other, step) for other in there if other.state != FAILED]
        known = [average for average in averages if average is not None]
        if len(known) < self.warm_up:
            return False
        return goal.better(statistics.median(known), than=_best(goal, trial))


def _average(trial: Trial, step: int) -> float | None:
    """Running average at a step, of the values that are numbers; None where there are none."""
    values = [v for at, v in trial.curve.items() if at <= step and math.isfinite(v)]
    return statistics.fmean(values) if values else None


def _best(goal: Goal, trial: Trial) -> float:
    """The best value of a curve; NaN where it has none."""
    best = math.nan
    for value in trial.curve.values():
        best = value if goal.better(value, than=best) else best
    return best
