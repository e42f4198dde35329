"""Optuna: a sampler suggests, a pruner stops.

Suggestions go to the nearest configuration of a table, which the study does not learn of, and a trial that
was pruned cannot go on. Both are as Optuna has it.
"""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

from typing import Any

from curves.runs import Job, Policy
from curves.tasks import Pool, Task


class Optuna(Policy):
    """A study in memory."""

    sampler, pruner = "TPESampler", "MedianPruner"

    def __init__(self, task: Task, pool: Pool, seed: int) -> None:
        import optuna

        super().__init__(task, pool, seed)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.pruned = optuna.trial.TrialState.PRUNED
        self.study = optuna.create_study(
            study_name="curves",  # brackets of Hyperband depend on it
            sampler=getattr(optuna.samplers, self.sampler)(seed=seed),
            pruner=self._pruner(optuna.pruners),
        )
        self.trials: dict[int, Any] = {}

    def _pruner(self, pruners: Any) -> Any:
        if self.pruner == "HyperbandPruner":
            steps = self.task.steps
            return pruners.HyperbandPruner(min_resource=1, max_resource=steps, reduction_factor=3)
        return getattr(pruners, self.pruner)()

    def next(self) -> Job:
        trial = self.study.ask()
        params = {}
        for p in self.task.parameters:
            suggest = trial.suggest_int if p["kind"] == "int" else trial.suggest_float
            params[p["name"]] = suggest(p["name"], p["low"], p["high"], log=p["log"])
        key = self.pool.take(params)
        self.trials[key] = trial
        return Job(key, 0, self.task.steps)

    def report(self, job: Job, step: int, loss: float) -> bool:
        trial = self.trials[job.key]
        trial.report(loss, step)
        return step == job.until or not trial.should_prune()

    def finish(self, job: Job, step: int, loss: float) -> None:
        trial = self.trials.pop(job.key)
        if step < job.until:
            self.study.tell(trial, state=self.pruned)
        else:
            self.study.tell(trial, loss)


class TPEMedian(Optuna):
    """Its default sampler and its default pruner."""

    imports = ("optuna",)


class TPEHyperband(Optuna):
    """Its default sampler under Hyperband."""

    imports = ("optuna",)
    pruner = "HyperbandPruner"


class GPMedian(Optuna):
    """Its Gaussian process, of complete trials, and its default pruner."""

    imports = ("optuna", "torch", "scipy")
    sampler = "GPSampler"


class GPHyperband(GPMedian):
    """Its Gaussian process under Hyperband."""

    pruner = "HyperbandPruner"
