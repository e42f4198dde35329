"""Asynchronous successive halving: a third of the trials go on at each rung."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfbo.strategies import rungs
from tfbo.strategies.base import Problem
from tfbo.strategies.staged import Due, Staged
from tfbo.trial import PAUSED, Fidelity, Trial


@dataclasses.dataclass(frozen=True)
class SuccessiveHalving(Staged):
    """Asynchronous successive halving (ASHA), by promotion: no worker ever waits for others.

    Whenever a worker is free, the best paused trial goes on that is among the best `1 / factor` of all
    that have got to its rung so far, the highest rung first; where there is none, a new configuration
    begins. The rungs are those of the study's `Fidelity`.

    Args:
        configurations: the strategy that new configurations come from: `Random()`, or `Bayes()` to have
            the model choose them.

    Raises:
        InvalidArgument: for what is no such strategy, and from `ask` in a study without a fidelity.

    Source: Li et al. 2020 (arXiv 1810.05934).

    Example:
        >>> import tfbo
        >>> study = tfbo.Study(
        ...     tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), fidelity=tfbo.Fidelity(1, 9), seed=0,
        ...     strategy=tfbo.strategies.SuccessiveHalving())
        >>> for _ in range(8):
        ...     trial = study.ask()
        ...     study.tell(trial, trial.params["x"] / trial.until)
        >>> [trial.until for trial in study.trials]
        [1, 3, 3, 1, 1, 1]
    """

    def first_stage(self, problem: Problem) -> int | None:
        """See `Strategy`."""
        return None if problem.fidelity is None else problem.fidelity.low

    def due(
        self, problem: Problem, fidelity: Fidelity, trials: Sequence[Trial], *, q: int, new: int
    ) -> list[Due]:
        """See `Staged`."""
        steps, factor = fidelity.rungs, fidelity.factor
        going_on = rungs.promotable(problem.goal, steps, trials, factor)
        if not (new or going_on) and all(t.is_finished or t.state == PAUSED for t in trials):
            # There will be no more trials: the best of the highest rung goes on, however few they are.
            going_on = rungs.promotable(problem.goal, steps, trials, factor, least=1)[:1]
        due = [Due(each.until, each.trial) for each in going_on[:q]]
        return due + [Due(steps[0])] * min(new, q - len(due))
