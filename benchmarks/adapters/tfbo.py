"""tfbo itself."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from suites.base import Parameter, Params

from adapters.base import Adapter

FAILURE = "the objective failed"
QUANTILES = (0.6744897501960817, 1.2815515655446004, 1.959963984540054)
"""Half-widths of the central normal intervals of 50, 80 and 95 %, in standard deviations."""


class Tfbo(Adapter):
    """A study in memory; earlier trials are enqueued, asked and told.

    Args:
        parameters: as in `Adapter`.
        seed: as in `Adapter`.
        strategy: another than the default one.
    """

    packages = ("tfbo", "tensorflow", "tensorflow-probability")

    def __init__(self, parameters: Sequence[Parameter], seed: int, strategy: Any = None) -> None:
        import tfbo

        super().__init__(parameters, seed)

        def converted(parameter: Parameter) -> Any:
            when = parameter.get("when") or None
            if parameter["kind"] == "categorical":
                return tfbo.Categorical(parameter["choices"], when=when)
            kind = tfbo.Int if parameter["kind"] == "int" else tfbo.Float
            return kind(parameter["low"], parameter["high"], log=parameter["log"], when=when)

        space = tfbo.Space({p["name"]: converted(p) for p in self.parameters})
        self.strategy = strategy or tfbo.strategies.Bayes()
        self.study = tfbo.Study(space, seed=seed, strategy=self.strategy)
        self.trial: Any = None

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        for row, value in zip(params, y, strict=True):
            self.study.enqueue(row)
            self.trial = self.study.ask()
            self.tell(value)

    def ask(self) -> Params:
        self.trial = self.study.ask()
        return dict(self.trial.params)

    def tell(self, y: float | None) -> None:
        if y is None:
            self.study.tell(self.trial, state="failed", reason=FAILURE)
        else:
            self.study.tell(self.trial, y)

    def recommend(self) -> Params | None:
        # Without `best_observed` the best trial is the best observed.
        complete = any(trial.state == "complete" for trial in self.study.trials)
        if not complete or not hasattr(type(self.study), "best_observed"):
            return None
        return dict(self.study.best_params)

    def coverage(self) -> list[float]:
        from tfbo.strategies import Problem

        finished = [trial for trial in self.study.trials if trial.is_finished]
        if len(finished) < 2 or all(trial.value is None for trial in finished):
            return []
        strategy, problem = self.strategy, Problem(self.study.space, "minimize", 0)
        surrogate = strategy.surrogate(problem, strategy.fold(problem, None, finished))
        distance = np.abs(surrogate.leave_one_out().residual)
        return [float(np.mean(distance <= quantile)) for quantile in QUANTILES]


class TfboAdam(Tfbo):
    """The same, with hyperparameters found by gradient descent."""

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        super().__init__(parameters, seed, {"optimizer": "adam"})
