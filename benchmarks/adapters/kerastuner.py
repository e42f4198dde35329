"""KerasTuner."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from typing import Any

from suites.base import Parameter, Params

from adapters.base import Adapter, coded, codes, conditions, uncoded


class KerasTuner(Adapter):
    """The oracle of KerasTuner's BayesianOptimization, called as its tuner calls it.

    Like the tuner it writes every trial into a folder. Earlier trials are inserted as it would have
    left them, because the oracle has no call for them. Conditional parameters are its own. Choices are
    coded, because its own must be of one type and take True for 1.

    A failed trial is INVALID, as the tuner has it. That many of them in a row end no search, which by
    default three do.
    """

    packages = ("keras-tuner", "tensorflow", "scikit-learn", "scipy")

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        import keras_tuner
        from keras_tuner.src.engine.trial import Trial

        super().__init__(parameters, seed)
        self.trial_class = Trial
        space = keras_tuner.HyperParameters()
        for p in self.parameters:
            self._add(space, p)
        self.oracle = keras_tuner.oracles.BayesianOptimizationOracle(
            objective=keras_tuner.Objective("value", "min"),
            max_trials=10**6,
            seed=seed + 1,  # it takes 0 for none
            hyperparameters=space,
            max_consecutive_failed_trials=10**6,
        )
        self.oracle.verbose = 0
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.oracle._set_project_dir(self.folder.name, "trials")  # noqa: SLF001
        self.trial: Any = None

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        # By default it would still draw at random at n = 10 where d > 3.
        complete = sum(value is not None for value in y)
        self.oracle.num_initial_points = min(max(3 * len(self.parameters), 3), complete)
        for i, (row, value) in enumerate(zip(params, y, strict=True)):
            space = self.oracle.get_space()
            space.values = coded(self.parameters, row)
            status = "FAILED" if value is None else "COMPLETED"
            trial = self.trial_class(space, trial_id=f"{i:07d}", status=status)
            trial.score = value
            self.oracle.trials[trial.trial_id] = trial
            self.oracle.start_order.append(trial.trial_id)
            self.oracle.end_order.append(trial.trial_id)
            self.oracle._record_values(trial)  # noqa: SLF001

    def ask(self) -> Params:
        self.trial = self.oracle.create_trial("tuner")
        if self.trial.status == "STOPPED":
            raise RuntimeError("the oracle found no configuration that it had not drawn before")
        values = self.trial.hyperparameters.values
        for p in self.parameters:
            # At its upper end the scale of an Int leads to the whole number beyond.
            if p["kind"] == "int" and p["name"] in values:
                values[p["name"]] = min(values[p["name"]], p["high"])
        return uncoded(self.parameters, values)

    def tell(self, y: float | None) -> None:
        if y is None:
            self.trial.status = "INVALID"
        else:
            self.oracle.update_trial(self.trial.trial_id, {"value": y})
            self.trial.status = "COMPLETED"
        self.oracle.end_trial(self.trial)

    def _add(self, space: Any, p: Parameter) -> None:
        """Register a parameter under the conditions it has."""
        with contextlib.ExitStack() as stack:
            for parent, allowed in conditions(self.parameters, p).items():
                stack.enter_context(space.conditional_scope(parent, allowed))
            if p["kind"] == "categorical":
                space.Choice(p["name"], codes(p))
            else:
                add = space.Int if p["kind"] == "int" else space.Float
                scale = "log" if p["log"] else "linear"
                add(p["name"], p["low"], p["high"], sampling=scale)
