"""KerasTuner's Hyperband: its oracle, called as its tuner calls it; trainings resume where they paused."""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

import os
import tempfile
from typing import Any

from curves.runs import Job, Policy
from curves.tasks import Pool, Task


class KerasTuner(Policy):
    """The oracle, over and over; a trial's score is its least loss, as the tuner has it."""

    imports = ("keras_tuner", "tensorflow")

    def __init__(self, task: Task, pool: Pool, seed: int) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import keras_tuner

        super().__init__(task, pool, seed)
        space = keras_tuner.HyperParameters()
        for p in task.parameters:
            add = space.Int if p["kind"] == "int" else space.Float
            add(p["name"], p["low"], p["high"], sampling="log" if p["log"] else "linear")
        self.oracle = keras_tuner.oracles.HyperbandOracle(
            objective=keras_tuner.Objective("loss", "min"),
            max_epochs=task.steps,
            factor=3,
            hyperband_iterations=10**6,
            seed=seed + 1,  # it takes 0 for none
            hyperparameters=space,
        )
        self.oracle.verbose = 0
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.oracle._set_project_dir(self.folder.name, "trials")  # noqa: SLF001
        self.keys: dict[str, int] = {}
        self.trials: dict[int, Any] = {}

    def next(self) -> Job | None:
        trial = self.oracle.create_trial(f"worker-{len(self.trials)}")
        if trial.status != "RUNNING":
            return None
        values = trial.hyperparameters.values
        past = values.get("tuner/trial_id")
        if past is None:
            # At its upper end the scale of an Int leads to the whole number beyond.
            params = {p["name"]: min(values[p["name"]], p["high"]) for p in self.task.parameters}
            key = self.pool.take(params)
        else:
            key = self.keys[past]
        self.keys[trial.trial_id] = key
        self.trials[key] = trial
        return Job(key, values["tuner/initial_epoch"], values["tuner/epochs"])

    def report(self, job: Job, step: int, loss: float) -> bool:
        self.oracle.update_trial(self.trials[job.key].trial_id, {"loss": loss}, step=step)
        return True

    def finish(self, job: Job, step: int, loss: float) -> None:
        trial = self.trials.pop(job.key)
        trial.status = "COMPLETED"
        self.oracle.end_trial(trial)
