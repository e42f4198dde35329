"""What a model of the trials says of any configuration, in the units of the objective."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _device
from tfbo._eager import computing
from tfbo.acquisition import EI
from tfbo.gp import Posterior, exact, outcomes
from tfbo.space import Params, Space, encoding
from tfbo.strategies import model
from tfbo.strategies.base import Problem
from tfbo.trial import COMPLETE, Trial


class Prediction(NamedTuple):
    """What is expected of the noise-free objective, in its units."""

    mean: np.ndarray
    """`[n]`."""
    std: np.ndarray
    """`[n]`, standard deviation of what is not known."""


class LeaveOneOut(NamedTuple):
    """Complete trials beside their predictions from all the other trials, in the objective's units."""

    numbers: np.ndarray
    """Of the trials, int `[n]`, ascending."""
    value: np.ndarray
    """What was told, `[n]`."""
    mean: np.ndarray
    """What the others let expect, `[n]`."""
    std: np.ndarray
    """Standard deviation of that, noise included, `[n]`."""
    residual: np.ndarray
    """Standardised, `[n]`: of a calibrated model they are draws of a standard normal."""


@dataclasses.dataclass(frozen=True)
class Surrogate:
    """The Gaussian process of a strategy, fitted to the trials that were told. `Bayes.surrogate` makes it.

    The process models tempered outcomes of which larger is better (`tfbo.gp.outcomes.temper`); failed
    trials are among them as somewhat worse than the worst. Predictions are bent back, their standard
    deviations to first order.

    Args:
        space: whose configurations it is asked of.
        sign: 1 where the objective is to be maximised, else -1.
        trials: told ones, in the order of the rows.
        rows: their codes `[n, d]`.
        posterior: of the tempered outcomes.
        observed: what it was fitted to.
        tempering: how the outcomes were tempered.
        ok: whether the fit succeeded; otherwise it stands where the fit began.
    """

    space: Space
    sign: float
    trials: tuple[Trial, ...]
    rows: np.ndarray
    posterior: Posterior
    observed: exact.Observations
    tempering: outcomes.Tempering
    ok: bool

    @property
    def noise(self) -> float:
        """Variance of the noise beyond standard errors that were told, in standardised outcomes."""
        return float(self.posterior.hyperparameters.noise)

    @property
    @computing()
    def means(self) -> np.ndarray:
        """Posterior mean of the noise-free outcome of each trial, standardised, larger is better `[n]`."""
        return model.noise_free(self.observed, self.posterior.factors).numpy()

    @computing()
    def predict(self, configurations: Sequence[Params]) -> Prediction:
        """What is expected of legal configurations, without noise; see `Study.predict`."""
        mean, variance = self.posterior.moments(self._encode(configurations))
        shift, scale = self.posterior.shift, self.posterior.scale
        return Prediction(*self._in_units(shift + scale * mean, scale * tf.sqrt(variance)))

    @computing()
    def expected_improvement(self, configurations: Sequence[Params]) -> np.ndarray:
        """`E[max(f - f*, 0)]` `[n]` in the objective's units, f* the best posterior mean at a trial.

        Source: Jones, Schonlau and Welch 1998, equation 15.
        """
        mean, variance = self.posterior.moments(self._encode(configurations))
        best = tf.constant(np.max(self.means))
        return (self.posterior.scale * EI().evaluate(mean, tf.sqrt(variance), best)).numpy()

    @computing()
    def leave_one_out(self) -> LeaveOneOut:
        """Complete trials beside their predictions from all the others; see `Study.leave_one_out`."""
        loo = self.posterior.loo()
        mean, std = self._in_units(loo.mean, tf.sqrt(loo.variance))
        seen = self.posterior.shift + self.posterior.scale * self.observed.z
        residual = self.sign * ((seen - loo.mean) / tf.sqrt(loo.variance)).numpy()
        complete = [i for i, trial in enumerate(self.trials) if trial.state == COMPLETE]
        order = sorted(complete, key=lambda i: self.trials[i].number)
        return LeaveOneOut(
            np.array([self.trials[i].number for i in order], int),
            np.array([self.trials[i].value for i in order], np.float64),
            mean[order],
            std[order],
            residual[order],
        )

    @computing()
    def draws(self, rows: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Joint draws `[count, m]` of the function at legal rows `[m, d]`, tempered, larger is better."""
        return self.posterior.sample(rows, count, seed=seed).numpy()

    def _encode(self, configurations: Sequence[Params]) -> tf.Tensor:
        return tf.constant(encoding(self.space).encode(configurations))

    def _in_units(self, mean: tf.Tensor, std: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Tempered outcomes, larger is better, as values of the objective."""
        value, stretch = self.tempering.invert(mean)
        return self.sign * value.numpy(), (stretch * std).numpy()


@computing()
def of(
    problem: Problem,
    trials: tuple[Trial, ...],
    choices: model.Choices,
    evidence: model.Evidence,
    fitted: exact.Fitted,
) -> Surrogate:
    """The surrogate of evidence, at the hyperparameters of a fit; it computes on the CPU.

    Args:
        problem: of the study.
        trials: in the order of the evidence.
        choices: those of the fit, but without padding.
        evidence: without padding.
        fitted: to it.
    """
    with tf.device(_device.CPU.device):
        given = tf.nest.map_structure(tf.constant, evidence)
        observed = model.observe(choices, given)
        y = model.standardised(choices, given)
        factors = exact.factorise(choices.kernel, tf.constant(fitted.theta), observed)
        tempering = outcomes.tempering(given.y)
    return Surrogate(
        problem.space,
        1.0 if problem.direction == "maximize" else -1.0,
        trials,
        evidence.x,
        Posterior(choices.kernel, factors, y.shift, y.scale),
        observed,
        tempering,
        bool(fitted.ok) and bool(factors.ok),
    )
