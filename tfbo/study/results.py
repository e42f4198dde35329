"""Results of a study: its trials, the best of them, and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfbo import _arguments
from tfbo.errors import invalid
from tfbo.space import Params
from tfbo.study import records
from tfbo.study.dataframe import data_frame
from tfbo.study.definition import Definition
from tfbo.study.incumbent import check_single, described, furthest, incumbent, last_value
from tfbo.trial import COMPLETE, PAUSED, STOPPED, Goal, Trial

if TYPE_CHECKING:
    import numpy as np
    import pandas

    from tfbo.importance import Importance
    from tfbo.strategies import LeaveOneOut, Prediction


class Results(Definition):
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

    def predict(
        self, configurations: Sequence[Mapping[str, Any]], *, outcome: str | None = None
    ) -> Prediction:
        """Predict the objective at n configurations, without noise, by `tfbo.strategies.Surrogate`.

        Args:
            configurations: n of them; they may break constraints of the space.
            outcome: name of an objective, or of an outcome under constraints, to predict that; None for the
                objective of a study that has one.

        Returns:
            `mean` and `std`, NumPy arrays `[n]` in the units of the objective.

        Raises:
            InvalidArgument: for a configuration that is not legal, or an unknown outcome; without one, of
                a study with several objectives.
            TooFewTrials: where fewer than two trials are complete.

        Example:
            >>> import tfbo
            >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
            >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=8, seed=0)
            >>> mean, std = study.predict([{"x": 0.5}])
            >>> abs(float(mean[0]) - 0.25) < 0.1
            True
        """
        legal = records.configurations(self.space, configurations)
        return self.advisor.surrogate(outcome).predict(legal)

    def feasibility(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Predict at n configurations the probability that the constraints on outcomes hold.

        It is that of the noise-free outcomes, each with a model of its own, as if they were independent of
        each other; of failing trials it knows nothing.

        Args:
            configurations: n of them.

        Returns:
            NumPy array `[n]`; all 1 without constraints on outcomes.

        Raises:
            InvalidArgument: for a configuration that is not legal.
            TooFewTrials: where an outcome under constraints was told of fewer than two trials.

        Example:
            >>> import tfbo
            >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
            >>> study = tfbo.Study(space, constraints=["mb <= 6"], seed=0)
            >>> for x in (0.0, 0.25, 0.5, 0.75, 1.0):
            ...     study.tell(study.enqueue({"x": x}), {"value": 1.0 - x, "mb": 10.0 * x})
            >>> study.feasibility([{"x": 0.4}, {"x": 0.8}]).round(2).tolist()
            [1.0, 0.0]
        """
        return self.advisor.feasibility(records.configurations(self.space, configurations))

    def sample(
        self,
        configurations: Sequence[Mapping[str, Any]],
        count: int = 1,
        *,
        outcome: str | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Draw the objective from its model at n configurations, without noise: all of them jointly.

        Args:
            configurations: n of them.
            count: of draws.
            outcome: as of `predict`.
            seed: of the draws.

        Returns:
            NumPy array `[count, n]` in the units of the objective; raises as `predict`.

        Example:
            >>> import tfbo
            >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
            >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=8, seed=0)
            >>> study.sample([{"x": 0.5}, {"x": 2.0}], 3).shape
            (3, 2)
        """
        legal = records.configurations(self.space, configurations)
        count = _arguments.count("count", count, "Draws are counted from 1.")
        return self.advisor.surrogate(outcome).sample(legal, count, _arguments.seed(seed))

    def forecast(self, trial: Trial | int, steps: Sequence[int] | None = None) -> Prediction:
        """Forecast the learning curve of a trial, without noise, from all curves so far.

        Args:
            trial: the trial, or its number.
            steps: n of them, from 1 on; None for all from the first to the last.

        Returns:
            `mean` and `std`, NumPy arrays `[n]` in the units of the objective.

        Raises:
            InvalidArgument: for a step that is no count, or a study or surrogate without learning curves.
            TrialStateError: for an unknown trial.
            TooFewTrials: where fewer than two trials have a value.
        """
        if self.fidelity is None:
            advice = "For example Study(..., fidelity=tfbo.Fidelity(1, 50))."
            raise invalid("fidelity", "the steps of the study", None, advice)
        wanted, known = records.steps(self.fidelity, steps), self.stored_trials.known(trial)
        surrogate = self.advisor.surrogate()
        if not hasattr(surrogate, "forecast"):
            expected = "one whose surrogate has learning curves"
            raise invalid("strategy", expected, self.advisor.strategy, "Bayes() has.")
        return surrogate.forecast(known, wanted)

    def expected_improvement(self, params: Mapping[str, Any]) -> float:
        """Expected improvement of `params` on the best posterior mean; raises as `predict`.

        It is that of the objective alone: constraints on outcomes do not count.
        """
        legal = records.configurations(self.space, [params])
        return float(self.advisor.surrogate().expected_improvement(legal)[0])

    def importance(self, *, seed: int = 0, outcome: str | None = None) -> dict[str, Importance]:
        """Each parameter's share of the objective's variance, the largest first; raises as `predict`.

        Args:
            seed: of the points and draws on which it is computed.
            outcome: as of `predict`.

        Returns:
            By name, first-order and total Sobol indices with 95 % intervals; see `tfbo.importance`.
        """
        return self.advisor.importance(_arguments.seed(seed), outcome)

    def leave_one_out(self, *, outcome: str | None = None) -> LeaveOneOut:
        """Each complete trial beside its prediction from all the others; takes and raises as `predict`."""
        return self.advisor.surrogate(outcome).leave_one_out()

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each trial, its parameters in columns `params_...`; needs the extra `pandas`.

        With several objectives or constraints also `values_...`, `stds_...` and `feasible`; with learning
        curves `start`, `until`, `step` (the last of the curve), `spent` and `curve`.
        """
        staged = self.fidelity is not None
        metrics = self.stored_trials.aims.metrics
        return data_frame(self.trials, self.space, metrics, staged=staged)

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
