"""Predictions of a study: what the models of its outcomes say of any configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfbo import _arguments
from tfbo.errors import invalid
from tfbo.study import records
from tfbo.study.definition import Definition
from tfbo.trial import Trial

if TYPE_CHECKING:
    import numpy as np

    from tfbo.importance import Importance
    from tfbo.strategies import LeaveOneOut, Prediction


class Predictions(Definition):
    """Answers of the models behind a study; see `Study`, which adds to it."""

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

        It is that of the objective alone: constraints on outcomes do not count. With several objectives
        there is none, for a front has no best value to improve on: InvalidArgument.
        """
        aims = self.stored_trials.aims
        if aims.goals is not None:
            raise invalid(
                "expected_improvement", "a study of one objective", aims.objectives,
                "A front has no best value to improve on: study.predict([params], outcome=...) has each "
                "objective, and study.feasibility([params]) the probability that constraints hold.",
            )  # fmt: skip
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
