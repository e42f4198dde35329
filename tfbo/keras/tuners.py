"""The tuners: `BayesianOptimization`, `RandomSearch`, `GridSearch`, `Hyperband`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfbo.keras.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    HyperbandOracle,
    RandomSearchOracle,
)
from tfbo.keras.tuner import Tuner


class BayesianOptimization(Tuner):
    """Tunes with a Gaussian process: `tfbo.strategies.Bayes`.

    Args:
        hypermodel: a function `build_model(hp)` or a `HyperModel`; see `Tuner`.
        objective: a metric's name, an `Objective`, a list of these (their sum is minimised, those to
            maximise subtracted), or None for the number that a trial returns. Or a dict such as
            {"val_accuracy": "max", "size_mb": "min"}, for the best compromises: `get_best_trials`,
            `get_best_hyperparameters` and `get_best_models` then have those on the Pareto front, in the
            order of the first metric, which is the score and says which epoch is best.
        max_trials: how many trials there are in all; None for no limit.
        num_initial_points: how many trials come before the model takes over; None for those of
            `tfbo.strategies.Bayes`.
        alpha: 0 says that training twice gives the same value. With any other number the noise is
            learned, so it need not be guessed.
        beta: how much a standard deviation is worth, in an upper confidence bound. Left at 2.6, the
            expected improvement is used, which finds better models and has nothing to set.
        seed: on which every suggestion depends, 0 included; None to draw one, which is stored.
        hyperparameters: `HyperParameters` that come before those of `build_model`, and override them.
        tune_new_entries: whether others are searched; without, they keep their defaults.
        allow_new_entries: whether `build_model` may ask for others than those.
        max_retries_per_trial: how often a trial that failed is run again.
        max_consecutive_failed_trials: so many in a row end the search with a RuntimeError; None for
            no limit.
        max_epochs: the last epoch. Trials are then trained in stages, and only good ones to the end: the
            model decides which trial goes on, and until which epoch, in place of `search(epochs=)`.
            Training goes on where it stopped, with its optimiser and its callbacks. None for trials that
            are each trained as `search` says.
        factor: of the epochs from one stage to the next, with `max_epochs`.
        constraints: texts such as ["size_mb <= 10", "layers * units <= 1024"], in the language of
            `tfbo.space.Expression`. One on hyperparameters that `build_model` or `hyperparameters` asks
            for is met by all trials; any other is on metrics that a trial returns or logs, and learned.
            A trial that breaks one is never the best.
        **kwargs: those of `Tuner`, such as `directory`, `project_name`, `overwrite` and
            `executions_per_trial`.

    Example:
        >>> import tfbo.keras as kt
        >>> class Parabola(kt.BayesianOptimization):
        ...     def run_trial(self, trial, *args, **kwargs):
        ...         return (trial.hyperparameters.Float("x", -1.0, 1.0) - 0.3) ** 2
        >>> tuner = Parabola(max_trials=12, seed=0)
        >>> tuner.search(verbose=0)
        >>> abs(tuner.get_best_hyperparameters()[0].get("x") - 0.3) < 0.05
        True
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = 10,
        num_initial_points: int | None = None,
        alpha: float = 1e-4,
        beta: float = 2.6,
        seed: int | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        max_epochs: int | None = None,
        factor: float = 3,
        constraints: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        oracle = BayesianOptimizationOracle(
            num_initial_points=num_initial_points, alpha=alpha, beta=beta,
            max_epochs=max_epochs, factor=factor, constraints=constraints,
            objective=objective, max_trials=max_trials, seed=seed, hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries, allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )  # fmt: skip
        super().__init__(oracle, hypermodel, **kwargs)


class RandomSearch(Tuner):
    """Tries independent random configurations, none twice; arguments as of `BayesianOptimization`."""

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = 10,
        seed: int | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        constraints: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self.seed = seed
        oracle = RandomSearchOracle(
            objective=objective, max_trials=max_trials, seed=seed, hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries, allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials, constraints=constraints,
        )  # fmt: skip
        super().__init__(oracle, hypermodel, **kwargs)


class GridSearch(Tuner):
    """Tries the defaults, then every combination once; ten values of a `Float` without a step.

    Arguments as of `BayesianOptimization`; `max_trials=None` tries the whole grid.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = None,
        seed: int | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        constraints: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self.seed = seed
        oracle = GridSearchOracle(
            objective=objective, max_trials=max_trials, seed=seed, hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries, allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials, constraints=constraints,
        )  # fmt: skip
        super().__init__(oracle, hypermodel, **kwargs)


class Hyperband(Tuner):
    """Trains many trials for a few epochs and few to the end, in KerasTuner's brackets.

    A trial that goes on keeps its number, and goes on where it stopped, with its optimiser and its
    callbacks. Of its epochs the values say, as in KerasTuner: `tuner/epochs`, `tuner/initial_epoch`,
    `tuner/bracket`, `tuner/round`, and, where it goes on, `tuner/trial_id`. They take the place of
    `search(epochs=)`. A trial that a callback ends early, such as `EarlyStopping`, is complete: it counts
    with its score in later rounds, and is not trained again.

    Args:
        hypermodel: as of `BayesianOptimization`.
        objective: as of `BayesianOptimization`.
        max_epochs: the last epoch, >= 2.
        factor: of the epochs from one round to the next; its reciprocal is the share of trials that go on.
        hyperband_iterations: how often all brackets are gone through; None for no end.
        seed: as of `BayesianOptimization`.
        hyperparameters: as of `BayesianOptimization`.
        tune_new_entries: as of `BayesianOptimization`.
        allow_new_entries: as of `BayesianOptimization`.
        max_retries_per_trial: as of `BayesianOptimization`.
        max_consecutive_failed_trials: as of `BayesianOptimization`.
        sampler: "model": after the first bracket, configurations come from `tfbo.strategies.Bayes`;
            "random": all are drawn, as KerasTuner does.
        **kwargs: those of `Tuner`.

    Source: Li et al. 2018 (JMLR 18), with KerasTuner's numbers of trials and epochs.

    Example:
        >>> import tfbo.keras as kt
        >>> class Parabola(kt.Hyperband):
        ...     def run_trial(self, trial, *args, **kwargs):
        ...         hp = trial.hyperparameters
        ...         return hp.Float("x", -1.0, 1.0) ** 2 + 1.0 / hp["tuner/epochs"]
        >>> tuner = Parabola(max_epochs=9, sampler="random", seed=0)
        >>> tuner.search(verbose=0)
        >>> len(tuner.oracle.trials), tuner.get_best_hyperparameters()[0]["tuner/epochs"]
        (17, 9)
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_epochs: int = 100,
        factor: float = 3,
        hyperband_iterations: int | None = 1,
        seed: int | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        sampler: str = "model",
        **kwargs: Any,
    ) -> None:
        oracle = HyperbandOracle(
            objective=objective, max_epochs=max_epochs, factor=factor,
            hyperband_iterations=hyperband_iterations, seed=seed, hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries, allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials, sampler=sampler,
        )  # fmt: skip
        super().__init__(oracle, hypermodel, **kwargs)
