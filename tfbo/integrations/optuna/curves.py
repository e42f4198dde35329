"""Learning curves of an Optuna study: what its trials report on their way, by the steps of a fidelity."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from tfbo.trial import COMPLETE, STOPPED, Fidelity, Trial

# Between two steps there is something to learn; a trial that reports once goes on to its final value.
_FEWEST = 2


@dataclasses.dataclass(frozen=True)
class StudySteps:
    """StudySteps of a study. `steps` finds them in its trials."""

    shift: int
    """From a step of Optuna, where 0 may be the first, to one that is counted from 1."""
    fidelity: Fidelity

    def stage(self, trial: Trial, frozen: FrozenTrial) -> Trial:
        """The trial, running, failed or complete so far, with what `frozen` has reported.

        A pruned one is stopped, with the value of its last step; without a finite one it stays failed.
        The value of a complete one is that at the last step of all, wherever its reports end.
        """
        high, curve = self.fidelity.high, self._curve(frozen)
        reached = max(curve, default=None)
        staged = dataclasses.replace(trial, start=0, until=high, spent=reached, curve=curve)
        if trial.state == COMPLETE and trial.value is not None:
            curve = {**curve, high: trial.value}
            return dataclasses.replace(staged, spent=reached or high, curve=curve)
        if frozen.state != TrialState.PRUNED or reached is None or math.isnan(curve[reached]):
            return staged
        return dataclasses.replace(staged, state=STOPPED, value=curve[reached])

    def _curve(self, frozen: FrozenTrial) -> dict[int, float]:
        reported = sorted(frozen.intermediate_values.items())
        return {
            step + self.shift: value if math.isfinite(value) else math.nan
            for step, value in reported
        }


def steps(trials: Sequence[FrozenTrial]) -> StudySteps | None:
    """The steps of all trials that report any, up to the largest of them; None without such a trial."""
    reported = [trial.intermediate_values for trial in trials if trial.intermediate_values]
    if not reported:
        return None
    first, last = min(map(min, reported)), max(map(max, reported))
    shift = 1 if first == 0 else 0
    high = max(last + shift, _FEWEST)
    return StudySteps(shift, Fidelity(min(first + shift, high - 1), high))
