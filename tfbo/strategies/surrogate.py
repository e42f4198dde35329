"""The answers of a model of the trials, in the units of the objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tfbo.space import Params, Space
from tfbo.trial import Trial


class Prediction(NamedTuple):
    """Expected values of the noise-free objective, in its units."""

    mean: np.ndarray
    """`[n]`."""
    std: np.ndarray
    """`[n]`, standard deviation of what is not known."""


class LeaveOneOut(NamedTuple):
    """Complete trials beside their predictions from all the other trials, in the objective's units."""

    numbers: np.ndarray
    """Of the trials, int `[n]`, ascending."""
    value: np.ndarray
    """Observed values, `[n]`."""
    mean: np.ndarray
    """Predictions from the others, `[n]`."""
    std: np.ndarray
    """Standard deviations of those, noise included, `[n]`."""
    residual: np.ndarray
    """Standardised, `[n]`: of a calibrated model they are draws of a standard normal."""


class Surrogate(Protocol):
    """A model of the objective, fitted to complete trials; that of `Bayes` is a Gaussian process.

    It is of the value that a trial returns if it does not fail, without noise.
    """

    @property
    def space(self) -> Space:
        """The space of its configurations."""
        ...

    @property
    def is_flat(self) -> bool:
        """True where all trials have the same outcome, so that there is nothing to explain."""
        ...

    def predict(self, configurations: Sequence[Params]) -> Prediction:
        """Expected values of legal configurations; see `Study.predict`."""
        ...

    def forecast(self, trial: Trial, steps: Sequence[int]) -> Prediction:
        """Expected values of a trial at steps, where trials have steps; see `Study.forecast`."""
        ...

    def expected_improvement(self, configurations: Sequence[Params]) -> np.ndarray:
        """Expected improvements `[n]` over the best posterior mean at a trial, in the objective's units."""
        ...

    def leave_one_out(self) -> LeaveOneOut:
        """Trials beside their predictions from all the others; see `Study.leave_one_out`."""
        ...

    def draws(self, rows: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Joint draws `[count, m]` of the function at legal rows `[m, d]`, larger is better."""
        ...

    def sample(self, configurations: Sequence[Params], count: int, seed: int) -> np.ndarray:
        """Joint draws `[count, n]` at legal configurations, in its units; see `Study.sample`."""
        ...


class OutcomeModels(Protocol):
    """The models of all outcomes of a study with several objectives, or with constraints on outcomes."""

    def __getitem__(self, name: str) -> Surrogate:
        """The model of an objective or of a constrained outcome."""
        ...

    def feasibility(self, configurations: Sequence[Params]) -> np.ndarray:
        """The probability `[n]` that all constraints hold; see `Study.feasibility`."""
        ...
