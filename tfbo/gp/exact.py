"""The exact Gaussian process: maximum a posteriori hyperparameters, and the factors at them.

Inside, the logarithms of all hyperparameters are one vector `[p]`: amplitude, lengthscales, shape,
noise. What is believed about it (`Belief`) and where the climbs start are data; a hyperparameter that
is not to be learned has equal bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _linalg
from tfbo.errors import invalid
from tfbo.gp.kernels import Hyperparameters, Kernel
from tfbo.gp.priors import LogNormal, Priors, scouting
from tfbo.optim import Minimum, adam, bfgs

OPTIMIZERS: dict[str, Callable[..., Minimum]] = {"bfgs": bfgs.minimise, "adam": adam.minimise}

# An observation noise of exactly zero would make duplicated rows singular.
_SMALLEST_NOISE = 1e-12


class Ranges(NamedTuple):
    """The range in which each kind of hyperparameter is searched, as `(low, high)`.

    The defaults are scikit-learn's 1e-5 to 1e5 (for the amplitude, that range of its square), but
    for the noise, which may be smaller.
    """

    amplitude: tuple[float, float] = (10.0**-2.5, 10.0**2.5)
    lengthscale: tuple[float, float] = (1e-5, 1e5)
    shape: tuple[float, float] = (1e-5, 1e5)
    noise: tuple[float, float] = (1e-8, 1e5)


class Belief(NamedTuple):
    """What is believed of the log hyperparameters `[p]` before the data are seen."""

    loc: np.ndarray | tf.Tensor
    """Means of the log-normal priors, `[p]`."""
    scale: np.ndarray | tf.Tensor
    """Their standard deviations, `[p]`."""
    weight: np.ndarray | tf.Tensor
    """One, or zero for a maximum of the likelihood alone: `[p]`."""
    lower: np.ndarray | tf.Tensor
    """Bounds, `[p]`."""
    upper: np.ndarray | tf.Tensor


class Fitted(NamedTuple):
    """The outcome of a search for hyperparameters."""

    theta: tf.Tensor
    """Log hyperparameters, `[p]`."""
    value: tf.Tensor
    """Log posterior (up to a constant), or log likelihood where the priors have no weight."""
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


def belief(
    kernel: Kernel,
    priors: Priors | None,
    *,
    ranges: Ranges = Ranges(),
    noise: float | None = None,
    extent: np.ndarray | float = 1.0,
) -> Belief:
    """The vectors that stand for priors, ranges and a noise that is known.

    Args:
        kernel: whose hyperparameters they are.
        priors: None for the likelihood alone (`priors.scouting` then says where to start).
        ranges: bounds of the search.
        noise: a known variance in standardised units; None to learn it.
        extent: by how much each column varies, `[d]`; the prior on its lengthscale scales with it.
    """
    extents = np.broadcast_to(extent, [kernel.dimension])
    if not kernel.ard:
        extents = np.array([np.exp(np.mean(np.log(extents)))])
    known = priors or scouting(kernel.dimension)
    shapes = len(kernel.shape_names)

    def spread(
        part: LogNormal, low_high: tuple[float, float], shift: np.ndarray
    ) -> list[np.ndarray]:
        low, high = low_high
        ones = np.ones_like(shift)
        return [part.loc + shift, part.scale * ones, np.log(low) * ones, np.log(high) * ones]

    noise_range = (noise, noise) if noise is not None else ranges.noise
    noise_range = (max(noise_range[0], _SMALLEST_NOISE), max(noise_range[1], _SMALLEST_NOISE))
    parts = [
        spread(known.amplitude, ranges.amplitude, np.zeros(1)),
        spread(known.lengthscale, ranges.lengthscale, np.log(extents)),
        spread(known.shape, ranges.shape, np.zeros(shapes)),
        spread(known.noise, noise_range, np.zeros(1)),
    ]
    loc, scale, lower, upper = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Belief(loc, scale, np.full_like(loc, float(priors is not None)), lower, upper)


def candidates(
    believed: Belief, count: int, rng: np.random.Generator, previous: np.ndarray | None = None
) -> np.ndarray:
    """Where climbs may start, `[c, p]`: the previous optimum, the medians, then draws.

    Half of the variance of a draw is common to all lengthscales: data are rough, or smooth, in all
    columns together more often than independent draws would be.
    """
    loc, scale = np.asarray(believed.loc), np.asarray(believed.scale)
    normals = rng.standard_normal([count, len(loc)])
    normals[:, 1:-1] = np.sqrt(0.5) * (normals[:, 1:-1] + rng.standard_normal([count, 1]))
    draws = loc + scale * normals
    lower, upper = np.asarray(believed.lower), np.asarray(believed.upper)
    if not np.any(believed.weight):
        # Of the likelihood alone any corner of the box may be the best.
        anywhere = lower + (upper - lower) * rng.random(draws.shape)
        draws = np.where(
            rng.random(draws.shape) < 0.3 * (np.arange(count) % 3)[:, None], anywhere, draws
        )
    certain = [loc] if previous is None else [previous, loc]
    return np.clip(np.concatenate([np.stack(certain), draws])[:count], lower, upper)


def unpack(kernel: Kernel, theta: tf.Tensor) -> Hyperparameters:
    """Hyperparameters from their logarithms `[..., p]`."""
    k = kernel.lengthscale_count
    positive = tf.exp(theta)
    return Hyperparameters(
        positive[..., 0], positive[..., 1 : 1 + k], positive[..., 1 + k : -1], positive[..., -1]
    )


def log_posterior(
    kernel: Kernel, believed: Belief, features: tf.Tensor, z: tf.Tensor, theta: tf.Tensor
) -> tf.Tensor:
    """Log marginal likelihood plus log priors at `theta` `[r, p]`: `[r]`; NaN where singular."""
    covariance = kernel.covariance(unpack(kernel, theta), features)
    log_likelihood = _linalg.normal_log_density(covariance, z)
    return log_likelihood + _log_prior(believed, theta)


def fit(
    kernel: Kernel,
    believed: Belief,
    features: tf.Tensor,
    z: tf.Tensor,
    candidates: tf.Tensor,
    *,
    climbs: int,
    rounds: int = 1,
    optimizer: str = "bfgs",
    tolerance: float = 1e-5,
    max_evaluations: int = 100,
) -> Fitted:
    """Climb the log posterior from the best candidates as one batch, and take the best optimum.

    A climb that fails is dropped. If all fail, the answer is the candidate of the highest log
    posterior with jitter on the diagonal, and `ok` is False.

    Args:
        kernel: the kernel.
        believed: priors and bounds.
        features: embedded rows, `[n, D]`.
        z: standardised outcomes, `[n]`.
        candidates: log hyperparameters `[c, p]`; the first is climbed from in any case.
        climbs: from how many to climb, r <= c.
        rounds: after the first round, climb from the best neighbours of the optimum, as long as that
            gains anything; no more rounds than these.
        optimizer: a key of `OPTIMIZERS`.
        tolerance: stop where the gradient, for one observation, is below it.
        max_evaluations: evaluations of the batch in a round, at the most.
    """
    n = tf.cast(tf.shape(z)[0], z.dtype)

    def climb(
        i: tf.Tensor, starts: tf.Tensor, theta: tf.Tensor, value: tf.Tensor, gain: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        minimum = OPTIMIZERS[optimizer](
            lambda theta: -log_posterior(kernel, believed, features, z, theta) / n,
            starts,
            believed.lower,
            believed.upper,
            max_evaluations=max_evaluations,
            gradient_tolerance=tolerance,
        )
        best = tf.argmin(minimum.value)
        gain = value - minimum.value[best]
        theta = tf.where(gain > 0.0, minimum.x[best], theta)
        value = tf.minimum(value, minimum.value[best])
        if rounds > 1:
            near = _neighbours(believed, theta)
            screened = _log_posterior_or_worst(kernel, believed, features, z, near)
            starts = tf.gather(near, tf.math.top_k(screened, min(climbs, near.shape[0])).indices)
        return i + 1, starts, theta, value, gain

    infinite = tf.constant(float("inf"), z.dtype)
    value = _log_posterior_or_worst(kernel, believed, features, z, candidates)
    value = tf.concat([infinite[None], value[1:]], axis=0)
    starts = tf.gather(candidates, tf.math.top_k(value, climbs).indices)
    state = climb(tf.constant(0), starts, candidates[0], infinite, infinite)
    if rounds > 1:
        p = candidates.shape[-1]
        state = tf.while_loop(
            lambda i, starts, theta, value, gain: (i < rounds) & (gain > tolerance**2),
            climb,
            state,
            shape_invariants=tuple(
                tf.TensorShape([None, p]) if part.shape.rank == 2 else part.shape for part in state
            ),
        )
    _, _, theta, value, _ = state
    ok = tf.math.is_finite(value)

    def best_draw() -> tuple[tf.Tensor, tf.Tensor]:
        value = _log_posterior_with_jitter(kernel, believed, features, z, candidates)
        draw = tf.argmax(value)
        return candidates[draw], value[draw]

    theta, value = tf.cond(ok, lambda: (theta, -n * value), best_draw)
    return Fitted(theta, value, ok)


def _neighbours(believed: Belief, theta: tf.Tensor) -> tf.Tensor:
    """Points that differ from `theta` `[p]` in one hyperparameter, `[4 p, p]`.

    It is a tenth, ten times, the least or the most that it may be. The last two take a column out of
    the model, or make each of its values a world of its own: optima that climbs rarely find.
    """
    p = theta.shape[-1]
    eye = tf.eye(p, dtype=theta.dtype)
    ten = tf.math.log(tf.constant(10.0, theta.dtype))
    steps = [-ten * eye, ten * eye, eye * (believed.lower - theta), eye * (believed.upper - theta)]
    return tf.clip_by_value(theta + tf.concat(steps, axis=0), believed.lower, believed.upper)


def _log_posterior_or_worst(
    kernel: Kernel, believed: Belief, features: tf.Tensor, z: tf.Tensor, theta: tf.Tensor
) -> tf.Tensor:
    """As `log_posterior`; minus infinity where singular."""
    value = log_posterior(kernel, believed, features, z, theta)
    return tf.where(tf.math.is_finite(value), value, tf.constant(-float("inf"), value.dtype))


def _log_posterior_with_jitter(
    kernel: Kernel, believed: Belief, features: tf.Tensor, z: tf.Tensor, theta: tf.Tensor
) -> tf.Tensor:
    """As `log_posterior` up to a constant, by the jitter ladder; minus infinity where even that fails."""
    factor, factored = _linalg.cholesky(kernel.covariance(unpack(kernel, theta), features))
    whitened = tf.linalg.triangular_solve(factor, tf.ones_like(factor[..., :1]) * z[:, None])
    log_det = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), axis=-1)
    value = -0.5 * tf.reduce_sum(tf.square(whitened), axis=[-2, -1]) - log_det
    value += _log_prior(believed, theta)
    lowest = tf.constant(-float("inf"), value.dtype)
    return tf.where(factored & tf.math.is_finite(value), value, lowest)


def factorise(kernel: Kernel, theta: tf.Tensor, features: tf.Tensor, z: tf.Tensor) -> Factors:
    """Factors at log hyperparameters `theta` `[p]`, for standardised outcomes `z` `[n]`."""
    hyperparameters = unpack(kernel, theta)
    factor, ok = _linalg.cholesky(kernel.covariance(hyperparameters, features))
    inverse = _linalg.inverse_lower(factor)
    alpha = tf.linalg.matvec(inverse, tf.linalg.matvec(inverse, z), transpose_a=True)
    return Factors(hyperparameters, kernel.scale(hyperparameters, features), z, inverse, alpha, ok)


def check_optimizer(optimizer: str) -> None:
    """Refuse the name of an optimiser that there is not."""
    if optimizer not in OPTIMIZERS:
        raise invalid(
            "optimizer", f"one of {', '.join(OPTIMIZERS)}", optimizer, "Leave it out for bfgs."
        )


def _log_prior(believed: Belief, theta: tf.Tensor) -> tf.Tensor:
    log_prob = LogNormal(believed.loc, believed.scale).log_prob(theta)
    learned = tf.cast(tf.not_equal(believed.lower, believed.upper), theta.dtype)
    return tf.reduce_sum(believed.weight * learned * log_prob, axis=-1)
