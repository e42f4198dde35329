"""Results of a study: its trials, the best of them, and predictions."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tfbo import _arguments
from tfbo.space import Params, Space
from tfbo.study import records
from tfbo.study.advisor import Advisor
from tfbo.study.incumbent import incumbent
from tfbo.study.reports import Reports
from tfbo.study.trials import Trials
from tfbo.trial import COMPLETE, Fidelity, Goal, Trial

if TYPE_CHECKING:
    import pandas

    from tfbo.importance import Importance
    from tfbo.strategies import EarlyStopping, LeaveOneOut, Prediction, Strategy


class Results:
    """All that is known of a study; see `Study`, which adds to it."""

    def _set_up(
        self,
        trials: Trials,
        strategy: Strategy[Any] | None,
        device: str | None,
        early_stopping: EarlyStopping | str | None = None,
    ) -> None:
        records.check_means(strategy, device, trials.retries)
        rule = records.early_stopping(early_stopping)
        self.stored_trials = trials
        """The trials as the storage has them and as this process runs them."""
        self.advisor = Advisor(trials, strategy, device, rule)
        """The strategy, with its state after these trials."""
        self.runs = Reports(trials, self.advisor)
        """The runs of trials that were asked for by hand."""
        self._stop = threading.Event()
        self.ended: str | None = None
        """Reason for which the last `optimize` ended before its limits: nothing was left to try."""
        trials.recover()
        trials.sync()

    def __getstate__(self) -> dict[str, Any]:
        advisor = self.advisor
        return {
            "storage": self.stored_trials.storage,
            "name": self.name,
            "retries": self.stored_trials.retries,
            "strategy": advisor.strategy,
            "device": advisor.device,
            "early_stopping": advisor.early_stopping,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        record = records.find(state["storage"], state["name"])
        trials = Trials(record, state["storage"], state["retries"])
        self._set_up(trials, state["strategy"], state["device"], state.get("early_stopping"))

    @property
    def space(self) -> Space:
        """The space that is searched; `extend` makes it grow."""
        return self.stored_trials.space

    @property
    def name(self) -> str:
        """Name in the storage."""
        return self.stored_trials.name

    @property
    def direction(self) -> str:
        """Direction of the search: "minimize" or "maximize"."""
        return self.stored_trials.record.direction

    @property
    def fidelity(self) -> Fidelity | None:
        """Steps in which trials are trained; None where they have none."""
        return self.stored_trials.fidelity

    @property
    def seed(self) -> int:
        """Seed on which every suggestion depends."""
        return self.stored_trials.record.seed

    @property
    def location(self) -> str:
        """Path of the storage; ":memory:" for a study in memory."""
        return self.stored_trials.storage.location

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order of their numbers."""
        return tuple(self.stored_trials.synced())

    @property
    def best_observed(self) -> Trial:
        """The complete trial of the best value, the earliest of equals; NoCompletedTrial without any."""
        return incumbent(self.name, self.trials, Goal(self.direction))

    @property
    def best_trial(self) -> Trial:
        """The complete trial that the strategy believes to be the best.

        Where outcomes are noisy, `Bayes` takes the one of the best posterior mean (of equals, of the
        best value), so that a lucky outcome does not win; a rugged objective may look noisy, unless
        `Bayes(noise="none")` says that it is not. Otherwise it is `best_observed`.

        Raises:
            NoCompletedTrial: where there is none.
        """
        observed = self.best_observed
        best = self.advisor.best()
        return observed if best is None else self.stored_trials.by_number[best]

    @property
    def best_params(self) -> Params:
        """Parameters of `best_trial`."""
        return dict(self.best_trial.params)

    @property
    def best_value(self) -> float:
        """The value that was told of `best_trial`; where outcomes are noisy, not the best of all."""
        value = self.best_trial.value
        assert value is not None
        return value

    def predict(self, configurations: Sequence[Mapping[str, Any]]) -> Prediction:
        """Predict the objective at n configurations, without noise, by `tfbo.strategies.Surrogate`.

        Returns:
            `mean` and `std`, NumPy arrays `[n]` in the units of the objective.

        Raises:
            InvalidArgument: for a configuration that is not legal.
            TooFewTrials: where fewer than two trials are complete.

        Example:
            >>> import tfbo
            >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
            >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=8, seed=0)
            >>> mean, std = study.predict([{"x": 0.5}])
            >>> abs(float(mean[0]) - 0.25) < 0.1
            True
        """
        return self.advisor.surrogate().predict(records.configurations(self.space, configurations))

    def expected_improvement(self, params: Mapping[str, Any]) -> float:
        """Expected improvement of `params` on the best posterior mean; raises as `predict`."""
        legal = records.configurations(self.space, [params])
        return float(self.advisor.surrogate().expected_improvement(legal)[0])

    def importance(self, *, seed: int = 0) -> dict[str, Importance]:
        """Each parameter's share of the objective's variance, the largest first; raises as `predict`.

        Args:
            seed: of the points and draws on which it is computed.

        Returns:
            By name, first-order and total Sobol indices with 95 % intervals; see `tfbo.importance`.
        """
        return self.advisor.importance(_arguments.seed(seed))

    def leave_one_out(self) -> LeaveOneOut:
        """Each complete trial beside its prediction from all the others; raises as `predict`."""
        return self.advisor.surrogate().leave_one_out()

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each trial, its parameters in columns `params_...`; needs the extra `pandas`."""
        return _data_frame(self.trials, self.space)

    def __len__(self) -> int:
        return len(self.trials)

    def __repr__(self) -> str:
        trials = self.trials
        complete = sum(trial.state == COMPLETE for trial in trials)
        best = f", best_observed={self.best_observed.value!r}" if complete else ""
        return (
            f"<Study {self.name!r} in {self.location!r}: {self.direction}, "
            f"{len(trials)} trials, {complete} complete{best}>"
        )


def _data_frame(trials: Sequence[Trial], names: Iterable[str]) -> pandas.DataFrame:
    """A row for each trial: `started` in UTC, NaT for one that was not, and `duration` in seconds.

    Where trials have curves, `step` is the last step of each, and `trained` how many it cost.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError('to_dataframe needs pandas: pip install "tfbo[pandas]"') from None
    started = [
        None if trial.started is None else datetime.fromtimestamp(trial.started, timezone.utc)
        for trial in trials
    ]
    steps = {}
    if any(trial.curve for trial in trials):
        steps["step"] = pandas.Series([trial.reached for trial in trials], dtype="Int64")
        steps["trained"] = pandas.Series([trial.trained for trial in trials], dtype="Int64")
    columns = {
        "number": [trial.number for trial in trials],
        "state": [trial.state for trial in trials],
        "value": pandas.Series([trial.value for trial in trials], dtype=float),
        "std": pandas.Series([trial.std for trial in trials], dtype=float),
        **steps,
        **{f"params_{name}": [trial.params.get(name) for trial in trials] for name in names},
        "kind": [trial.kind for trial in trials],
        "reason": [trial.reason for trial in trials],
        "started": pandas.Series(started, dtype="datetime64[us, UTC]"),
        "duration": pandas.Series([trial.duration for trial in trials], dtype=float),
    }
    return pandas.DataFrame(columns)
