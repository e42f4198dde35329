"""The compiled fit: from the trials of a study to its surrogate.

Everything that varies enters it as data (`Evidence`), so that it is traced once for a space and a set of
choices. Letters: n trials, d columns, p log hyperparameters, c draws of them.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _numerics
from tfbo._compile import devices
from tfbo._compile.programs import Program
from tfbo.acquisition import Acquisition
from tfbo.columns import Columns
from tfbo.gp import Posterior, kernels, likelihood, outcomes, search
from tfbo.gp.hyperprior import Hyperprior, default_priors, hold_noise, rough_priors, stack

# Below this gain, in nats, hyperparameters are as good as their optimum.
_TOLERANCE = 1e-3
# A search has two rounds: from draws of the priors, and from the neighbours of the best optimum so far.
_ROUNDS, _NEARBY = 2, 4
# The noise of an objective without any: the first rung of the jitter ladder of `_linalg`, which keeps
# the covariances of a thousand trials positive definite. It blurs outcomes by a hundred-thousandth of
# their standard deviation; learned noise may be ten times that and no less.
_EXACT = 1e-10


class Choices(NamedTuple):
    """What distinguishes one program from another."""

    columns: Columns
    kernel: kernels.Kernel
    acquisition: Acquisition
    restarts: int
    """Of the log posterior, beside the one from the last fit."""
    optimizer: str
    padded: bool
    """See `_device.Plan`."""
    learned: bool = True
    """Whether the observation noise is learned, or held where it is known to be."""
    batch: int = 1
    """How many points are climbed together, after they have been chosen one by one."""
    failing: bool = False
    """Whether trials have failed, so that the probability of success counts."""


class Evidence(NamedTuple):
    """What a fit is made from; arrays of float64 but where it says otherwise."""

    x: np.ndarray
    """Rows of the trials that are finished, `[n, d]`."""
    y: np.ndarray
    """Their outcomes, larger is better, `[n]`."""
    std: np.ndarray
    """Known standard errors of the outcomes, in their units, zero where unknown, `[n]`."""
    noise: np.ndarray
    """Standard deviation of the noise beyond those, `[]`, where it is known and not learned."""
    told: np.ndarray
    """bool `[n]`: which of them are not padding."""
    start: search.Start
    """Where the last fit ended."""
    draws: np.ndarray
    """Log hyperparameters `[c, p]` from the best of which to climb as well; there may be none."""

    @property
    def n(self) -> int:
        """How many trials are finished."""
        return len(self.y)

    def among(self, indices: np.ndarray) -> Evidence:
        """Some of the trials; what is known of the curvature of all is not known of theirs."""
        return self._replace(
            x=self.x[indices],
            y=self.y[indices],
            std=self.std[indices],
            told=self.told[indices],
            start=search.Start(self.start.theta, np.eye(len(self.start.theta)), False),
        )

    def from_one_start(self) -> Evidence:
        """The same, to be fitted from where the last fit ended and from nowhere else."""
        return self._replace(draws=self.draws[:0])


@functools.lru_cache(maxsize=64)
def default_hyperprior(kernel: kernels.Kernel) -> Hyperprior:
    """Hyperprior of the surrogate."""
    return stack(kernel, default_priors(kernel.dimension))


@functools.lru_cache(maxsize=64)
def rough_hyperprior(kernel: kernels.Kernel) -> Hyperprior:
    """Hyperprior that candidates are drawn from: rough functions, whose optima restarts rarely find."""
    return stack(kernel, rough_priors(kernel.dimension))


def fit(choices: Choices, evidence: Evidence, device: str) -> search.Fitted:
    """Run the program on a device."""
    if choices.padded:
        evidence = pad(evidence)
    found: search.Fitted = compiled_fit(choices)(evidence, device, rows=evidence.n)
    return found


def compiled_fit(choices: Choices) -> Program:
    """The program behind `fit`."""
    return Program(_fit, choices, evidence_spec(choices), search.FITTED, xla=choices.padded)


def _fit(choices: Choices, evidence: Evidence) -> search.Fitted:
    return fitted(choices, evidence, observe(choices, evidence))


def rows_spec(choices: Choices) -> tf.TensorSpec:
    """The signature of rows."""
    return tf.TensorSpec([None, choices.kernel.dimension], tf.float64)


def evidence_spec(choices: Choices) -> Evidence:
    """The signature of evidence."""
    p = len(default_hyperprior(choices.kernel).loc)
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    numbers, flags = spec([None]), tf.TensorSpec([None], tf.bool)
    start = search.Start(spec([p]), spec([p, p]), tf.TensorSpec([], tf.bool))
    return Evidence(rows_spec(choices), numbers, numbers, spec([]), flags, start, spec([None, p]))


def fitted(
    choices: Choices, evidence: Evidence, observed: likelihood.Observations
) -> search.Fitted:
    """The search for hyperparameters."""
    hyperprior = Hyperprior(*map(tf.constant, default_hyperprior(choices.kernel)))
    start, draws = evidence.start, evidence.draws
    if not choices.learned:
        scale = standardised(choices, evidence).scale
        noise = tf.maximum(_variance(evidence.noise, scale), _EXACT)
        hyperprior = hold_noise(hyperprior, noise)
        # They come from fits, and from priors, of a noise that may be another.
        theta = tf.clip_by_value(start.theta, hyperprior.lower, hyperprior.upper)
        start, draws = (
            start._replace(theta=theta),
            tf.clip_by_value(draws, hyperprior.lower, hyperprior.upper),
        )
    return search.multistart(
        choices.kernel,
        hyperprior,
        observed,
        start,
        draws,
        search.Effort(
            choices.restarts,
            rounds=_ROUNDS if choices.restarts else 1,
            nearby=choices.restarts if choices.padded else _NEARBY,
            optimizer=choices.optimizer,
            tolerance=_TOLERANCE,
            compact=not choices.padded,
        ),
    )


def observe(choices: Choices, evidence: Evidence) -> likelihood.Observations:
    """The trials as the surrogate sees them: features, outcomes tempered and standardised, variances."""
    y = standardised(choices, evidence)
    return likelihood.Observations(
        choices.kernel.embed(evidence.x),
        _numerics.quantise(y.z),
        _masked(evidence.told, choices.padded),
        _variance(evidence.std, y.scale),
    )


def standardised(choices: Choices, evidence: Evidence) -> outcomes.Standardised:
    """The outcomes of the evidence, tempered and standardised."""
    mask = _masked(evidence.told, choices.padded)
    return outcomes.standardise(outcomes.temper(evidence.y, mask), mask)


def _variance(std: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    return tf.square(_numerics.quantise(outcomes.standardise_errors(std, scale)))


def posterior(choices: Choices, observed: likelihood.Observations, theta: tf.Tensor) -> Posterior:
    """The posterior at log hyperparameters `[p]`."""
    factors = likelihood.factorise(choices.kernel, theta, observed)
    return Posterior(choices.kernel, factors, tf.zeros([], theta.dtype), tf.ones([], theta.dtype))


def best_row(evidence: Evidence) -> tf.Tensor:
    """The row `[d]` of the best trial."""
    lowest = tf.constant(-float("inf"), tf.float64)
    return evidence.x[tf.argmax(tf.where(evidence.told, evidence.y, lowest))]


def _masked(mask: tf.Tensor, padded: bool) -> tf.Tensor | None:
    return mask if padded else None


def pad(evidence: Evidence) -> Evidence:
    """The evidence with rows added up to the next size for which there is a program."""
    rows = devices.bucket(len(evidence.x)) - len(evidence.x)
    return evidence._replace(
        x=np.pad(evidence.x, [(0, rows), (0, 0)]),
        y=np.pad(evidence.y, (0, rows)),
        std=np.pad(evidence.std, (0, rows)),
        told=np.pad(evidence.told, (0, rows)),
    )
