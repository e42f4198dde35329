"""The exact Gaussian process: maximum a posteriori hyperparameters, and the factors at them.

What is believed of the hyperparameters (`Belief`) and where the climbs start are data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _linalg
from tfbo.errors import invalid
from tfbo.gp.belief import Belief, log_prior, neighbours
from tfbo.gp.kernels import Hyperparameters, Kernel
from tfbo.optim import Curvature, Minimum, Objective, adam, bfgs, unknown_curvature

# No hyperparameter changes by more than a factor of twenty in a step: the quadratic model that a step
# relies on does not reach further.
_LONGEST_STEP = 3.0
# Where a climb from the last optimum gains more than this, in nats, the new data have changed the
# picture, and another optimum may be the highest now.
_SURPRISE = 0.5
# So many covariance matrices are held at once where values alone are wanted.
_AT_ONCE = 8


class Observations(NamedTuple):
    """What the hyperparameters are fitted to."""

    features: tf.Tensor
    """Embedded rows, `[n, D]`."""
    z: tf.Tensor
    """Standardised outcomes, `[n]`."""
    mask: tf.Tensor | None = None
    """bool `[n]`: which rows are there; the others are padding, and their outcomes zero."""
    variances: tf.Tensor | None = None
    """Known variances of the outcomes, `[n]`, zero where unknown; the noise is what is left beyond."""


class Start(NamedTuple):
    """Where the first climb starts: the end of an earlier fit, or the medians of the priors."""

    theta: np.ndarray | tf.Tensor
    """Log hyperparameters, `[p]`."""
    inverse: np.ndarray | tf.Tensor
    """Inverse Hessian of the negative log posterior there, `[p, p]`."""
    known: bool | tf.Tensor
    """Whether the inverse Hessian comes from an earlier fit."""


class Fitted(NamedTuple):
    """The outcome of a search for hyperparameters."""

    theta: tf.Tensor
    """Log hyperparameters, `[p]`."""
    value: tf.Tensor
    """Log posterior (up to a constant), or log likelihood where the priors have no weight."""
    inverse: tf.Tensor
    """Inverse Hessian of the negative log posterior at `theta`, as learned on the way, `[p, p]`."""
    known: tf.Tensor
    """Whether it was learned in all directions."""
    ok: tf.Tensor
    """Whether any start led to a finite value; otherwise `theta` is the best draw of the priors."""


class Factors(NamedTuple):
    """What prediction needs of the data, computed once."""

    hyperparameters: Hyperparameters
    rows: tf.Tensor
    """Scaled features, `[n, D]`."""
    z: tf.Tensor
    """Standardised outcomes, `[n]`."""
    inverse: tf.Tensor
    """Inverse of the lower Cholesky factor of the covariance of the observations, `[n, n]`."""
    alpha: tf.Tensor
    """Covariance^-1 z, `[n]`."""
    ok: tf.Tensor


FITTED = Fitted(*Fitted._fields)
FACTORS = Factors(Hyperparameters(*Hyperparameters._fields), *Factors._fields[1:])
"""The structures of what compiled programs return."""


def unpack(kernel: Kernel, theta: tf.Tensor) -> Hyperparameters:
    """Hyperparameters from their logarithms `[..., p]`."""
    sizes = [1, kernel.lengthscale_count, len(kernel.shape_names), 1]
    amplitude, lengthscales, shape, noise = tf.split(tf.exp(theta), sizes, axis=-1)
    return Hyperparameters(tf.squeeze(amplitude, -1), lengthscales, shape, tf.squeeze(noise, -1))


def log_posterior(
    kernel: Kernel, believed: Belief, observed: Observations, theta: tf.Tensor
) -> tf.Tensor:
    """Log marginal likelihood plus log priors at `theta` `[r, p]`: `[r]`; NaN where singular."""
    covariance = _covariance(kernel, unpack(kernel, theta), observed)
    log_likelihood = _linalg.normal_log_density(covariance, observed.z)
    if observed.mask is not None:
        padding = tf.math.count_nonzero(~observed.mask, dtype=log_likelihood.dtype)
        log_likelihood += 0.5 * padding * _linalg.LOG_TWO_PI
    return log_likelihood + log_prior(believed, theta)


def fit(
    kernel: Kernel,
    believed: Belief,
    observed: Observations,
    start: Start,
    candidates: tf.Tensor,
    *,
    climbs: int,
    rounds: int = 1,
    nearby: int = 4,
    optimizer: str = "bfgs",
    tolerance: float = 1e-3,
    max_evaluations: int = 100,
    compact: bool = False,
) -> Fitted:
    """Climb the log posterior from the start and the best candidates as one batch; the best optimum.

    A climb that fails is dropped. If all fail, the answer is the start or candidate of the highest log
    posterior with jitter on the diagonal, and `ok` is False.

    Args:
        kernel: the kernel.
        believed: priors and bounds.
        observed: the data.
        start: where the first climb starts.
        candidates: log hyperparameters `[c, p]`; with none, the start is all there is. A single one is
            where an earlier search has ended.
        climbs: from how many of the candidates to climb, at the most.
        rounds: climb again from the best neighbours of the optimum, as long as that gains anything, if
            there were several candidates or the start was surprisingly far from its optimum; no more rounds
            than these in all.
        nearby: from how many of the neighbours, at the most; where shapes are fixed, `climbs + 1`.
        optimizer: a key of `OPTIMIZERS`.
        tolerance: end a climb where less than this, in nats, is to be gained.
        max_evaluations: evaluations of the batch in a round, at the most.
        compact: as in `bfgs.minimise`.
    """

    def screen(theta: tf.Tensor, count: int) -> tf.Tensor:
        value = _log_posteriors(kernel, believed, observed, theta)
        return tf.gather(theta, tf.math.top_k(value, tf.minimum(count, tf.size(value))).indices)

    def climb(starts: tf.Tensor, curvature: Curvature, best: Fitted) -> tuple[Fitted, tf.Tensor]:
        minimum = OPTIMIZERS[optimizer](
            lambda theta: -log_posterior(kernel, believed, observed, theta),
            starts,
            believed,
            curvature,
            tolerance=tolerance,
            max_evaluations=max_evaluations,
            rival=-best.value,
            compact=compact,
        )
        i = tf.argmin(minimum.value)
        better = -minimum.value[i] > best.value
        found = Fitted(
            tf.where(better, minimum.x[i], best.theta),
            tf.where(better, -minimum.value[i], best.value),
            tf.where(better, minimum.curvature.inverse[i], best.inverse),
            tf.where(better, minimum.curvature.known[i], best.known),
            best.ok | better,
        )
        return found, minimum.start_value[0] - minimum.value[0]

    def surroundings(theta: tf.Tensor) -> tuple[tf.Tensor, Curvature]:
        starts = screen(neighbours(believed, theta), nearby)
        return starts, unknown_curvature(starts)

    def climb_again(i: tf.Tensor, more: tf.Tensor, *flat: tf.Tensor) -> tuple[tf.Tensor, ...]:
        best = Fitted(*flat)
        starts, known = tf.cond(
            tf.equal(i, 0), lambda: (first, curvature), lambda: surroundings(best.theta)
        )
        better, moved = climb(starts, known, best)
        gained = tf.where(
            tf.equal(i, 0), searching | (moved > _SURPRISE), better.value > best.value + tolerance
        )
        return i + 1, gained, *better

    first = start.theta[None]
    if climbs:
        first = tf.concat([first, screen(candidates, climbs)], axis=0)
    fresh = unknown_curvature(first)
    curvature = Curvature(
        tf.concat([start.inverse[None], fresh.inverse[1:]], axis=0),
        tf.concat([tf.reshape(start.known, [1]), fresh.known[1:]], axis=0),
    )
    searching = tf.shape(candidates)[0] > 1
    nothing = Fitted(
        start.theta,
        tf.constant(-float("inf"), observed.z.dtype),
        start.inverse,
        tf.constant(False),
        tf.constant(False),
    )
    _, _, *flat = tf.while_loop(
        lambda i, more, *_: (i < rounds) & more,
        climb_again,
        (tf.constant(0), tf.constant(True), *nothing),
    )
    best = Fitted(*flat)
    return tf.cond(
        best.ok, lambda: best, lambda: _best_draw(kernel, believed, observed, start, candidates)
    )


def _climb_by_bfgs(
    objective: Objective,
    starts: tf.Tensor,
    believed: Belief,
    curvature: Curvature,
    *,
    tolerance: float,
    max_evaluations: int,
    rival: tf.Tensor,
    compact: bool,
) -> Minimum:
    # Where the gradient is below the root of the tolerance, a curvature of 1/2 leaves no more than the
    # tolerance to be gained; that of the priors alone is 1/3 for a lengthscale.
    return bfgs.minimise(
        objective,
        starts,
        believed.lower,
        believed.upper,
        curvature=curvature,
        max_evaluations=max_evaluations,
        gradient_tolerance=tolerance**0.5,
        value_tolerance=tolerance,
        longest_step=_LONGEST_STEP,
        rival=rival,
        compact=compact,
    )


def _climb_by_adam(
    objective: Objective,
    starts: tf.Tensor,
    believed: Belief,
    curvature: Curvature,
    *,
    tolerance: float,
    max_evaluations: int,
    rival: tf.Tensor,
    compact: bool,
) -> Minimum:
    return adam.minimise(
        objective,
        starts,
        believed.lower,
        believed.upper,
        curvature=curvature,
        max_evaluations=3 * max_evaluations,
        gradient_tolerance=tolerance**0.5,
    )


OPTIMIZERS: dict[str, Callable[..., Minimum]] = {"bfgs": _climb_by_bfgs, "adam": _climb_by_adam}


def _log_posteriors(
    kernel: Kernel, believed: Belief, observed: Observations, theta: tf.Tensor
) -> tf.Tensor:
    """As `log_posterior` of any number of `theta` `[c, p]`, a few at a time; singular is -infinity."""
    count, p = tf.shape(theta)[0], theta.shape[-1]
    padding = tf.math.floormod(-count, _AT_ONCE)
    padded = tf.concat([theta, tf.tile(theta[:1], [tf.minimum(count, 1) * padding, 1])], axis=0)
    value = tf.map_fn(
        lambda some: log_posterior(kernel, believed, observed, some),
        tf.reshape(padded, [-1, _AT_ONCE, p]),
        parallel_iterations=1,
        fn_output_signature=tf.TensorSpec([_AT_ONCE], theta.dtype),
    )
    value = tf.reshape(value, [-1])[:count]
    return tf.where(tf.math.is_finite(value), value, tf.constant(-float("inf"), value.dtype))


def _best_draw(
    kernel: Kernel, believed: Belief, observed: Observations, start: Start, candidates: tf.Tensor
) -> Fitted:
    """The start or candidate of the highest log posterior, factored by the jitter ladder."""
    theta = tf.concat([start.theta[None], candidates], axis=0)
    covariance = _covariance(kernel, unpack(kernel, theta), observed)
    factor, factored = _linalg.cholesky(covariance)
    column = tf.zeros_like(factor[..., :1]) + observed.z[:, None]
    whitened = tf.linalg.triangular_solve(factor, column)
    log_det = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), axis=-1)
    value = -0.5 * tf.reduce_sum(tf.square(whitened), axis=[-2, -1]) - log_det
    value += log_prior(believed, theta)
    lowest = tf.constant(-float("inf"), value.dtype)
    value = tf.where(factored & tf.math.is_finite(value), value, lowest)
    best = tf.argmax(value)
    return Fitted(theta[best], value[best], start.inverse, *2 * [tf.constant(False)])


def factorise(kernel: Kernel, theta: tf.Tensor, observed: Observations) -> Factors:
    """Factors at log hyperparameters `theta` `[p]`; a row that is padding predicts nothing."""
    hyperparameters = unpack(kernel, theta)
    z = observed.z
    factor, ok = _linalg.cholesky(_covariance(kernel, hyperparameters, observed))
    inverse = _linalg.inverse_lower(factor)
    if observed.mask is not None:
        inverse = tf.where(observed.mask[:, None], inverse, tf.zeros_like(inverse))
    alpha = tf.linalg.matvec(inverse, tf.linalg.matvec(inverse, z), transpose_a=True)
    rows = kernel.scale(hyperparameters, observed.features)
    return Factors(hyperparameters, rows, z, inverse, alpha, ok)


def _covariance(
    kernel: Kernel, hyperparameters: Hyperparameters, observed: Observations
) -> tf.Tensor:
    features, _, mask, variances = observed
    return kernel.covariance(hyperparameters, features, mask, variances)


def check_optimizer(optimizer: str) -> None:
    """Refuse the name of an optimiser that there is not."""
    if optimizer not in OPTIMIZERS:
        raise invalid(
            "optimizer", f"one of {', '.join(OPTIMIZERS)}", optimizer, "Leave it out for bfgs."
        )
