"""The Gaussian process of the trials, asked of any configuration in the units of the objective."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfbo._compile import devices
from tfbo._compile.eager import computing
from tfbo.acquisition import EI
from tfbo.errors import invalid
from tfbo.gp import Posterior, likelihood, outcomes
from tfbo.gp.data import TrainingData
from tfbo.space import Params, Space, encoding
from tfbo.strategies.base import Problem, key
from tfbo.strategies.bayes import curves, fit
from tfbo.strategies.surrogate import LeaveOneOut, Prediction
from tfbo.trial import COMPLETE, Fidelity, Goal, Trial

_LARGEST = np.finfo(np.float64).max


@dataclasses.dataclass(frozen=True)
class GaussianSurrogate:
    """The Gaussian process of a strategy, fitted to the trials that were told. `Bayes.surrogate` makes it.

    The process models tempered outcomes of which larger is better (`tfbo.gp.outcomes.tempering`), of
    complete trials alone, whose codes are the rows `[n, d]`: what it predicts for a configuration is
    what a trial would return that does not fail. Predictions are bent back, their standard deviations
    to first order. Where the fit did not succeed (`ok`), it stands where that began.
    """

    space: Space
    sign: float
    trials: tuple[Trial, ...]
    rows: np.ndarray
    posterior: Posterior
    observed: likelihood.Observations
    transform: outcomes.Transform
    ok: bool
    fidelity: Fidelity | None = None
    name: str | None = None
    """Of the output that it is of; None for the value of a trial."""

    @property
    def noise(self) -> float:
        """Variance of the noise beyond standard errors that were told, in standardised outcomes."""
        return float(self.posterior.hyperparameters.noise)

    @property
    def is_flat(self) -> bool:
        """See `tfbo.strategies.Surrogate`."""
        return not self.observed.z.numpy().any()

    @property
    @computing()
    def means(self) -> np.ndarray:
        """Posterior mean of the noise-free outcome of each trial, standardised, larger is better `[n]`."""
        return self.posterior.noise_free(self.observed).numpy()

    def best(self, goal: Goal) -> Trial:
        """The trial of the best posterior mean: of those that repeat its configuration, the best value.

        Complete ones come before others, which have curves only.
        """
        complete = any(trial.state == COMPLETE for trial in self.trials)
        ranked = [
            (-mean, *goal.rank(trial), trial)
            for mean, trial in zip(self.means, self.trials, strict=True)
            if trial.state == COMPLETE or not complete
        ]
        best = min(ranked)[-1]
        same = [entry[1:] for entry in ranked if key(entry[-1].params) == key(best.params)]
        return min(same)[-1]

    @property
    @computing()
    def unpredicted(self) -> float:
        """Median squared error of predicting a trial from the others, in standardised outcomes."""
        return float(np.median(np.square(self._left_out[1])))

    @computing()
    def predict(self, configurations: Sequence[Params]) -> Prediction:
        """Prediction of legal configurations, without noise; see `Study.predict`."""
        mean, variance = self.posterior.moments(self._encode(configurations))
        shift, scale = self.posterior.shift, self.posterior.scale
        return Prediction(*self._in_units(shift + scale * mean, scale * tf.sqrt(variance)))

    @computing()
    def forecast(self, trial: Trial, steps: Sequence[int]) -> Prediction:
        """Prediction of the curve of a trial at steps, without noise; see `Study.forecast`."""
        if self.fidelity is None:
            advice = "With several objectives or constraints trials are modelled at their ends."
            raise invalid("trial", "one whose learning curve is modelled", trial.number, advice)
        codes = np.repeat(self._encode([trial.params]).numpy(), len(steps), axis=0)
        times = [curves.time(self.fidelity, step) for step in steps]
        numbers = np.full(len(steps), float(trial.number))
        rows = np.concatenate([codes, np.stack([times, numbers], axis=1)], axis=1)
        mean, variance = self.posterior.moments(tf.constant(rows))
        shift, scale = self.posterior.shift, self.posterior.scale
        return Prediction(*self._in_units(shift + scale * mean, scale * tf.sqrt(variance)))

    @computing()
    def expected_improvement(self, configurations: Sequence[Params]) -> np.ndarray:
        """`E[max(f - f*, 0)]` `[n]` in the objective's units, f* the best posterior mean at a trial.

        Source: Jones, Schonlau and Welch 1998, equation 15.
        """
        mean, variance = self.posterior.moments(self._encode(configurations))
        best = tf.constant(np.max(self.means))
        gain = self.posterior.scale * EI().evaluate(mean, tf.sqrt(variance), best)
        return np.minimum(gain, _LARGEST)

    @computing()
    def leave_one_out(self) -> LeaveOneOut:
        """Complete trials beside their predictions from all the others; see `Study.leave_one_out`."""
        shift, scale = self.posterior.shift, self.posterior.scale
        rows, errors, deviations = self._left_out
        mean, std = self._in_units(
            shift + scale * (self.observed.z.numpy()[rows] - errors), scale * deviations
        )
        residual = self.sign * (errors / deviations)
        order = sorted(range(len(rows)), key=lambda i: self.trials[rows[i]].number)
        trials = [self.trials[rows[i]] for i in order]
        return LeaveOneOut(
            np.array([trial.number for trial in trials], int),
            np.array([self._told(trial) for trial in trials], np.float64),
            mean[order],
            std[order],
            residual[order],
        )

    @computing()
    def draws(self, rows: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Joint draws `[count, m]` at legal rows `[m, d]`, tempered and standardised, larger is better."""
        units = {"shift": tf.zeros([], tf.float64), "scale": tf.ones([], tf.float64)}
        standardised = dataclasses.replace(self.posterior, **units)
        if self.fidelity is not None:
            rows = np.pad(rows, [(0, 0), (0, 1)], constant_values=1.0)  # at the last step
            rows = np.pad(rows, [(0, 0), (0, 1)], constant_values=curves.NEW)
        return standardised.sample(rows, count, seed=seed).numpy()

    @computing()
    def sample(self, configurations: Sequence[Params], count: int, seed: int) -> np.ndarray:
        """Joint draws `[count, n]` without noise, in the objective's units; see `Study.sample`."""
        rows = encoding(self.space).encode(configurations)
        z = tf.constant(self.draws(rows, count, seed))
        return self._in_units(self.posterior.shift + self.posterior.scale * z, tf.zeros_like(z))[0]

    @property
    def _left_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Last rows of complete trials `[m]`, their residuals and deviations with all of a trial left out.

        Standardised, for users' units may overflow. With `P` the inverse covariance of the data, those of
        rows B are `P_BB^-1 alpha_B` and the roots of the diagonal of `P_BB^-1` (Rasmussen and Williams
        2006, equation 5.12, of blocks).
        """
        factors = self.posterior.factors
        inverse, alpha = factors.inverse.numpy(), factors.alpha.numpy()
        if self.fidelity is None:
            precision = np.sum(np.square(inverse), axis=0)
            return np.arange(len(alpha)), alpha / precision, 1.0 / np.sqrt(precision)
        blocks: dict[int, list[int]] = {}
        for i in np.argsort(self.rows[:, -2], kind="stable"):
            if self.trials[i].state == COMPLETE:
                blocks.setdefault(self.trials[i].number, []).append(int(i))
        last, residuals, variances = [], [], []
        for block in blocks.values():
            covariance = np.linalg.inv(inverse[:, block].T @ inverse[:, block])
            last.append(block[-1])
            residuals.append((covariance @ alpha[block])[-1])
            variances.append(covariance[-1, -1])
        return np.array(last, int), np.array(residuals), np.sqrt(variances)

    def _told(self, trial: Trial) -> float | None:
        return trial.value if self.name is None else trial.values[self.name]

    def _encode(self, configurations: Sequence[Params]) -> tf.Tensor:
        return tf.constant(encoding(self.space).encode(configurations))

    def _in_units(self, mean: tf.Tensor, std: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Tempered outcomes, larger is better, as values of the objective; none overflows."""
        value, stretch = self.transform.invert(mean)
        bounded = np.clip(value, -_LARGEST, _LARGEST)
        return self.sign * bounded + 0.0, np.minimum(stretch * std, _LARGEST)


@computing()
def of(
    problem: Problem,
    trials: tuple[Trial, ...],
    data: TrainingData,
    transform: outcomes.TransformOf,
    fitted: fit.Fit,
) -> GaussianSurrogate:
    """The surrogate of a fit to data of the trials, in that order; it computes on the CPU."""
    with tf.device(devices.CPU.device):
        posterior, observed, _ = tf.nest.map_structure(tf.constant, fitted)
        fitted_transform = transform(tf.constant(data.y), None)
    return GaussianSurrogate(
        problem.space,
        problem.goal.sign,
        trials,
        data.x,
        posterior,
        observed,
        fitted_transform,
        bool(posterior.ok),
        problem.fidelity,
    )
