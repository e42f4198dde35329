"""Syne Tune's schedulers, driven as its tuner drives them, without a backend.

As of 0.16 all of them stop trials and resume none. A scheduler learns which configuration of a table was
trained in place of its suggestion.
"""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

import datetime
import logging
from typing import Any

import numpy as np

from curves.runs import Job, Policy
from curves.tasks import Pool, Task


class SyneTune(Policy):
    """Asynchronous successive halving of the stopping type, with a searcher."""

    imports = ("syne_tune",)
    scheduler = "ASHA"
    """Name of the class."""

    def __init__(self, task: Task, pool: Pool, seed: int) -> None:
        logging.disable(logging.WARNING)
        from syne_tune.backend import trial_status
        from syne_tune.optimizer import baselines

        super().__init__(task, pool, seed)
        np.random.seed(seed)  # its brackets draw from the global generator
        self.trial_class = trial_status.Trial
        self.running = getattr(baselines, self.scheduler)(
            config_space={p["name"]: _domain(p) for p in task.parameters},
            metric="loss",
            time_attr="step",
            max_t=task.steps,
            grace_period=1,
            reduction_factor=3,
            random_seed=seed,
        )
        self.trials: dict[int, Any] = {}

    def next(self) -> Job | None:
        suggestion = self.running.suggest()
        if suggestion is None:
            return None
        key = self.pool.take(suggestion.config)
        now = datetime.datetime.now()
        trial = self.trial_class(len(self.trials), self.pool.params(key), now)
        self.trials[key] = trial
        self.running.on_trial_add(trial)
        return Job(key, 0, self.task.steps)

    def report(self, job: Job, step: int, loss: float) -> bool:
        result = {"loss": loss, "step": step}
        return self.running.on_trial_result(self.trials[job.key], result) == "CONTINUE"

    def finish(self, job: Job, step: int, loss: float) -> None:
        pass  # the decision to stop was its own, at the last step too


def _domain(p: dict[str, Any]) -> Any:
    from syne_tune import config_space

    if p["kind"] == "int":
        return (config_space.lograndint if p["log"] else config_space.randint)(p["low"], p["high"])
    return (config_space.loguniform if p["log"] else config_space.uniform)(p["low"], p["high"])


class Bohb(SyneTune):
    """With the kernel density estimators of BOHB."""

    imports = ("syne_tune", "statsmodels")
    scheduler = "BOHB"


class AshaBore(SyneTune):
    """With a classifier of good and bad trials."""

    imports = ("syne_tune", "xgboost")
    scheduler = "ASHABORE"


class AshaCqr(SyneTune):
    """With conformal quantile regression."""

    imports = ("syne_tune", "xgboost")
    scheduler = "ASHACQR"
