"""The oracles: one for each strategy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tfbo import _arguments, strategies
from tfbo.acquisition import UCB, LogEI
from tfbo.errors import invalid
from tfbo.keras.objective import Objective
from tfbo.keras.oracle import Oracle
from tfbo.keras.schedule import Schedule, brackets
from tfbo.trial import Fidelity

_ALPHA, _BETA, _FACTOR = 1e-4, 2.6, 3  # KerasTuner's defaults


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
        *,
        max_epochs: int | None = None,
        factor: float = _FACTOR,
        constraints: Sequence[str] = (),
    ) -> None:
        super().__init__(
            objective, max_trials, hyperparameters, allow_new_entries, tune_new_entries, seed,
            max_retries_per_trial, max_consecutive_failed_trials, constraints=constraints,
        )  # fmt: skip
        self.num_initial_points, self.alpha, self.beta = num_initial_points, alpha, beta
        self.max_epochs, self.factor = max_epochs, factor
        self.strategy = _bayes(num_initial_points, alpha, beta)
        if max_epochs is None and factor != _FACTOR:
            advice = "For example max_epochs=50."
            raise invalid("max_epochs", "the last epoch, where a factor is given", None, advice)
        if max_epochs is not None:
            _check_single(self.objective, "max_epochs")
        self.fidelity = None if max_epochs is None else _epochs(max_epochs, factor)


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
        *,
        constraints: Sequence[str] = (),
    ) -> None:
        super().__init__(
            objective, max_trials, hyperparameters, allow_new_entries, tune_new_entries, seed,
            max_retries_per_trial, max_consecutive_failed_trials, constraints=constraints,
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
        *,
        constraints: Sequence[str] = (),
    ) -> None:
        super().__init__(
            objective, max_trials, seed, hyperparameters, allow_new_entries, tune_new_entries,
            max_retries_per_trial, max_consecutive_failed_trials, constraints=constraints,
        )  # fmt: skip


class HyperbandOracle(Oracle):
    """Hyperband with KerasTuner's schedule; arguments as of `Hyperband`."""

    def __init__(
        self,
        objective: Any = None,
        max_epochs: int = 100,
        factor: float = _FACTOR,
        hyperband_iterations: int | None = 1,
        seed: int | None = None,
        hyperparameters: Any = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        sampler: str = "model",
    ) -> None:
        super().__init__(
            objective, None, hyperparameters, allow_new_entries, tune_new_entries, seed,
            max_retries_per_trial, max_consecutive_failed_trials,
        )  # fmt: skip
        _check_single(self.objective, "objective")
        self.fidelity: Fidelity = _epochs(max_epochs, factor, least=2)
        self.max_epochs, self.factor, self.sampler = max_epochs, factor, sampler
        if hyperband_iterations:
            advice = "None for no end."
            _arguments.count("hyperband_iterations", hyperband_iterations, advice)
        self.hyperband_iterations = hyperband_iterations or math.inf
        configurations: Any = strategies.Random()
        if sampler == "model":
            (first, *_), *_ = (bracket.sizes for bracket in brackets(self.fidelity))
            # Of stages, `Bayes` has four trials at first for each of these.
            initial = math.ceil(first / 4)
            configurations = strategies.Bayes(initial=configurations, n_initial=initial)
        elif sampler != "random":
            advice = '"random" is what KerasTuner does.'
            raise invalid("sampler", '"model" or "random"', sampler, advice)
        self._schedule = Schedule(configurations, iterations=hyperband_iterations or None)
        self.strategy = self._schedule

    def stage_values(self, trial_id: str, found: Any) -> dict[str, Any]:
        """See `Oracle`; with the bracket and the round."""
        values = super().stage_values(trial_id, found)
        return {**values, **self._schedule.place(self.fidelity, found)}


def _check_single(objective: Objective, argument: str) -> None:
    """Raise InvalidArgument for a front, whose trials are not trained in stages."""
    if len(objective.directions) > 1:
        advice = (
            "Trials in stages are compared by one metric: leave out max_epochs, or name one metric."
        )
        expected = "one objective where trials are trained in stages"
        raise invalid(argument, expected, objective.directions, advice)


def _epochs(max_epochs: Any, factor: Any, least: float = 1.5) -> Fidelity:
    """The epochs of a search; InvalidArgument where there is nothing to compare before the last."""
    last = _arguments.count("max_epochs", max_epochs, "For example max_epochs=50.", least=2)
    advice = "Three is usual: a third of the trials go on."
    factor = _arguments.number("factor", factor, advice, least=least)
    return Fidelity(1, last, name="epoch", factor=factor)


def _bayes(num_initial_points: int | None, alpha: Any, beta: Any) -> strategies.Bayes:
    alpha = _arguments.number("alpha", alpha, "Leave it out: noise is learned.", least=0.0)
    settings: dict[str, Any] = {"noise": "auto" if alpha else "none"}
    if num_initial_points is not None:
        settings["n_initial"] = num_initial_points
    acquisition = LogEI() if beta == _BETA else UCB(beta)
    return strategies.Bayes(acquisition, **settings)
