"""The oracles: one for each strategy."""

from __future__ import annotations

from typing import Any

from tfbo import _arguments, strategies
from tfbo.acquisition import UCB, LogEI
from tfbo.keras.oracle import Oracle

_ALPHA, _BETA = 1e-4, 2.6  # KerasTuner's defaults


class BayesianOptimizationOracle(Oracle):
    """Suggestions of `tfbo.strategies.Bayes`; arguments as of `BayesianOptimization`."""

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = 10,
        num_initial_points: int | None = None,
        alpha: float = _ALPHA,
        beta: float = _BETA,
        seed: int | None = None,
        hyperparameters: Any = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
    ) -> None:
        super().__init__(
            objective, max_trials, hyperparameters, allow_new_entries, tune_new_entries, seed,
            max_retries_per_trial, max_consecutive_failed_trials,
        )  # fmt: skip
        self.num_initial_points, self.alpha, self.beta = num_initial_points, alpha, beta
        self.strategy = _bayes(num_initial_points, alpha, beta)


class RandomSearchOracle(Oracle):
    """Suggestions of `tfbo.strategies.Random`; arguments as of `RandomSearch`."""

    strategy: Any = strategies.Random()

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = 10,
        seed: int | None = None,
        hyperparameters: Any = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
    ) -> None:
        super().__init__(
            objective, max_trials, hyperparameters, allow_new_entries, tune_new_entries, seed,
            max_retries_per_trial, max_consecutive_failed_trials,
        )  # fmt: skip


class GridSearchOracle(RandomSearchOracle):
    """The defaults, then suggestions of `tfbo.strategies.Grid`; arguments as of `GridSearch`."""

    # KerasTuner takes ten values of a continuous hyperparameter.
    strategy = strategies.Grid(resolution=10)
    tries_defaults_first = True

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = None,
        seed: int | None = None,
        hyperparameters: Any = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
    ) -> None:
        super().__init__(
            objective, max_trials, seed, hyperparameters, allow_new_entries, tune_new_entries,
            max_retries_per_trial, max_consecutive_failed_trials,
        )  # fmt: skip


def _bayes(num_initial_points: int | None, alpha: Any, beta: Any) -> strategies.Bayes:
    alpha = _arguments.number("alpha", alpha, "Leave it out: noise is learned.", least=0.0)
    settings: dict[str, Any] = {"noise": "auto" if alpha else "none"}
    if num_initial_points is not None:
        settings["n_initial"] = num_initial_points
    acquisition = LogEI() if beta == _BETA else UCB(beta)
    return strategies.Bayes(acquisition, **settings)
