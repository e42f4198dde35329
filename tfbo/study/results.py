"""Results of a study: its trials, and the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfbo.errors import invalid
from tfbo.space import Params
from tfbo.study.dataframe import data_frame
from tfbo.study.incumbent import check_single, described, furthest, incumbent, last_value
from tfbo.study.predictions import Predictions
from tfbo.trial import COMPLETE, PAUSED, STOPPED, Goal, Trial

if TYPE_CHECKING:
    import pandas


class Results(Predictions):
    """All that is known of a study; see `Study`, which adds to it."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order of their numbers."""
        return tuple(self.stored_trials.synced())

    @property
    def best_observed(self) -> Trial:
        """The complete trial of the best value, the earliest of equals; NoCompletedTrial without any.

        With constraints it is the best feasible one. Where none is complete, but some are paused or
        stopped: of those that were trained furthest, the one of the best value, and a warning says so.
        With several objectives there is no best one: see `best_trials`.
        """
        check_single(self.stored_trials.aims, "best_observed")
        trials = self.trials
        best = furthest(trials, Goal(self.direction))
        return incumbent(self.name, trials, Goal(self.direction)) if best is None else best

    @property
    def best_trial(self) -> Trial:
        """The complete trial that the strategy believes to be the best.

        Where outcomes are noisy, `Bayes` takes the one of the best posterior mean (of equals, of the
        best value), so that a lucky outcome does not win; a rugged objective may look noisy, unless
        `Bayes(noise="none")` says that it is not. Otherwise it is `best_observed`. Where none is complete
        yet, it is the one of the best posterior mean at the last step, and a warning says so. With
        constraints it is one of the feasible trials.

        Raises:
            NoCompletedTrial: where no trial has a value, or none that has is feasible.
            InvalidArgument: of a study with several objectives, which has `best_trials`.
        """
        check_single(self.stored_trials.aims, "best_trial")
        observed = self.best_observed
        best = self.advisor.best()
        believed = observed if best is None else self.stored_trials.by_number[best]
        return believed if believed.is_feasible else observed

    @property
    def best_trials(self) -> list[Trial]:
        """The feasible complete trials that no other one dominates, by number: the Pareto front.

        With one objective that is the trial of the best value. It is empty where none is feasible yet.
        """
        return self.stored_trials.aims.goal.front(self.trials)

    def hypervolume(self, reference: Mapping[str, float] | None = None) -> float:
        """Hypervolume of the front: of all that one of its trials is at least as good as; exact.

        Args:
            reference: by objective, the value at which it begins; that of the study if None, and where
                that has none, one that is inferred from the front: its worst less a tenth of its range.
                It moves as the front grows: give one to compare studies.

        Returns:
            The volume, in the product of the units of the objectives; 0 without a feasible trial.

        Raises:
            InvalidArgument: for a study of one objective, or a reference that lacks one.

        Example:
            >>> import tfbo
            >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
            >>> study = tfbo.Study(space, objectives={"gain": "maximize", "cost": "minimize"}, seed=0)
            >>> for gain, cost in ((1.0, 1.0), (3.0, 2.0)):
            ...     study.tell(study.enqueue({"x": cost / 4.0}), {"gain": gain, "cost": cost})
            >>> study.hypervolume({"gain": 0.0, "cost": 4.0})
            7.0
        """
        goals = self.stored_trials.aims.goals
        if goals is None:
            advice = (
                'Give Study(..., objectives={"accuracy": "maximize", "latency_ms": "minimize"}).'
            )
            raise invalid("objectives", "two or more", self.objectives, advice)
        return goals.hypervolume(self.best_trials, reference)

    @property
    def best_params(self) -> Params:
        """Parameters of `best_trial`."""
        return dict(self.best_trial.params)

    @property
    def best_value(self) -> float:
        """The value that was told of `best_trial`; where outcomes are noisy, not the best of all.

        Where no trial is complete it is the value at the step that was reached.
        """
        best = self.best_trial
        return last_value(best)

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each trial, its parameters in columns `params_...`; needs the extra `pandas`.

        With several objectives or constraints also `values_...`, `stds_...`, `violations_...` (how far
        each constraint is broken: 0 where it holds, NaN where that is not known) and `feasible`; with
        learning curves `start`, `until`, `step` (the last of the curve), `spent` and `curve`.
        """
        staged = self.fidelity is not None
        aims = self.stored_trials.aims
        return data_frame(
            self.trials, self.space, aims.metrics, constraints=aims.texts, staged=staged
        )

    def __len__(self) -> int:
        return len(self.trials)

    def __repr__(self) -> str:
        trials = self.trials
        complete = sum(trial.state == COMPLETE for trial in trials)
        best = described(self.stored_trials.aims, trials)
        counts = f"{len(trials)} trials, {complete} complete"
        for state in (PAUSED, STOPPED):
            count = sum(trial.state == state for trial in trials)
            counts += f", {count} {state}" if count else ""
        if self.fidelity is not None:
            spent = sum(trial.spent or 0 for trial in trials)
            counts += f", {spent} {self.fidelity.name}s"
        aims = self.stored_trials.aims
        what = self.direction if aims.named is None else str(aims.objectives)
        what += f", constraints {list(aims.texts)}" if aims.texts else ""
        return f"<Study {self.name!r} in {self.location!r}: {what}, {counts}{best}>"
