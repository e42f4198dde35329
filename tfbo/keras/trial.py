"""`Trial`, as a tuner sees it: hyperparameters, metrics, score and status."""

from __future__ import annotations

import logging
import math
import sys
import traceback
from collections.abc import Iterable
from typing import Any

from tfbo import _format
from tfbo._messages import say
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.metrics import MetricsTracker
from tfbo.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED, WAITING, Failure

_LOGGER = logging.getLogger("tfbo")


class TrialStatus:
    """Values of a trial's `status`."""

    RUNNING = "RUNNING"
    IDLE = "IDLE"
    INVALID = "INVALID"
    """It failed, and may be retried."""
    STOPPED = "STOPPED"
    """No trial: the search is over."""
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


OF_STATE = {
    WAITING: TrialStatus.RUNNING,
    RUNNING: TrialStatus.RUNNING,
    # As KerasTuner has it, a trial is completed whenever it has been trained for the epochs it was given.
    PAUSED: TrialStatus.COMPLETED,
    STOPPED: TrialStatus.COMPLETED,
    COMPLETE: TrialStatus.COMPLETED,
    FAILED: TrialStatus.FAILED,
}


class Trial:
    """One configuration (its values are in `hyperparameters`) and its outcome."""

    def __init__(
        self,
        hyperparameters: HyperParameters,
        trial_id: str | None = None,
        status: str = TrialStatus.RUNNING,
        message: str | None = None,
    ) -> None:
        self.hyperparameters = hyperparameters
        self.trial_id = trial_id
        self.status = status
        self.message = message
        self.metrics = MetricsTracker()
        self.score: float | None = None
        """The objective's value where completed."""
        self.std: float | None = None
        """The standard error of the score, where it is a mean over executions."""
        self.values: dict[str, float] = {}
        """With several objectives or with constraints on metrics: what was told of each."""
        self.stds: dict[str, float] = {}
        """Standard errors of metrics, where they are means over executions."""
        self.best_step: int | None = 0
        """The epoch of the score, counted from 0."""
        self.end: tuple[str, int] | None = None
        """State of the trial and its last epoch, where its training ended before it was to."""
        self.earlier = self.metrics.get_config()
        """The metrics of earlier stages of its training."""
        self.failure: Failure | None = None
        self.runs = 0
        """The number of its runs in this process."""

    def earlier_best(self, name: str) -> float | None:
        """The best value of a metric in earlier stages; None where there are none."""
        earlier = MetricsTracker.from_config(self.earlier)
        return earlier.get_best_value(name) if earlier.exists(name) else None

    def fail(self, error: BaseException, *, final: bool) -> None:
        """Have the trial failed by the exception that is handled, for good if `final`."""
        self.status = TrialStatus.FAILED if final else TrialStatus.INVALID
        self.message, self.failure = traceback.format_exc(), Failure.of(error)
        values = self.hyperparameters.values
        text = _format.failed(self.trial_id, self.failure.kind, self.failure.reason, values)
        _LOGGER.warning("%s", text)

    def check_score(self, name: str) -> None:
        """Have the trial failed if its score, the value of that metric, is not finite."""
        if self.score is None or not math.isfinite(self.score):
            self.status, self.message = TrialStatus.INVALID, f"{name} was {self.score}"
            self.failure = Failure("nan", self.message)
            self.score = None

    def check_values(self, names: Iterable[str]) -> None:
        """Have the trial failed if one of its values of that name is not finite; None counts as NaN."""
        for name in names:
            value = self.values.get(name, math.nan)
            if self.status == TrialStatus.COMPLETED and not math.isfinite(value):
                self.status, self.message = TrialStatus.INVALID, f"{name} was {value}"
                self.failure, self.score = Failure("nan", self.message), None

    def summary(self) -> None:
        """Print hyperparameters, score and message."""
        say(f"Trial {self.trial_id} summary", sys.stdout)
        say("Hyperparameters:", sys.stdout)
        self.display_hyperparameters()
        if self.score is not None:
            error = "" if self.std is None else f" (standard error {self.std:.3g})"
            say(f"Score: {self.score}{error}", sys.stdout)
        for name, value in self.values.items():
            say(f"{name} = {value}", sys.stdout)
        if self.message is not None:
            say(self.message, sys.stdout)

    def display_hyperparameters(self) -> None:
        """Print the hyperparameters, one a line."""
        for name, value in self.hyperparameters.values.items():
            say(f"{name}: {value}", sys.stdout)
        if not self.hyperparameters.values:
            say("default configuration", sys.stdout)

    def get_state(self) -> dict[str, Any]:
        """The trial as JSON."""
        named = {"values": self.values, "stds": self.stds} if self.values else {}
        return {
            **named,
            "trial_id": self.trial_id,
            "hyperparameters": self.hyperparameters.get_config(),
            "metrics": self.metrics.get_config(),
            "score": self.score,
            "std": self.std,
            "best_step": self.best_step,
            "status": self.status,
            "message": self.message,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Trial:
        """The trial of which `get_state` wrote."""
        hyperparameters = HyperParameters.from_config(state["hyperparameters"])
        made = cls(hyperparameters, state["trial_id"], state["status"], state["message"])
        made.metrics = MetricsTracker.from_config(state["metrics"])
        made.earlier = made.metrics.get_config()
        made.values, made.stds = state.get("values", {}), state.get("stds", {})
        made.score, made.std, made.best_step = state["score"], state["std"], state["best_step"]
        return made

    def __repr__(self) -> str:
        return f"<Trial {self.trial_id}: {self.status}, score={self.score}>"
