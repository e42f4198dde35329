"""The definition of a study: what it searches, for what, and where it is stored."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tfbo.space import Space
from tfbo.study import records
from tfbo.study.advisor import Advisor
from tfbo.study.reports import Reports
from tfbo.study.trials import Trials
from tfbo.trial import Fidelity

if TYPE_CHECKING:
    from tfbo.strategies import EarlyStopping, Strategy


class Definition:
    """Parts of a study, and what it was made with; see `Study`, which adds to it."""

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
            "predicates": self.space.predicates,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        record = records.find(state["storage"], state["name"])
        predicates = state.get("predicates", ())
        trials = Trials(record, state["storage"], state["retries"], predicates)
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
        """Direction of the search, "minimize" or "maximize"; with several objectives, of the first."""
        return self.stored_trials.record.direction

    @property
    def objectives(self) -> dict[str, str]:
        """Directions by the names of the objectives; one without a name is called "value"."""
        return self.stored_trials.aims.objectives

    @property
    def constraints(self) -> tuple[str, ...]:
        """Constraints on outcomes, as they were written."""
        return self.stored_trials.aims.texts

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
