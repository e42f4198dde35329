"""The hyperprior: priors and bounds of the hyperparameters as vectors, and where restarts may start.

The logarithms of all hyperparameters are one vector `[p]`: amplitude, lengthscales, shape, noise. A
hyperparameter that is not to be learned has equal bounds.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo.errors import invalid
from tfbo.gp.kernels import Kernel

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
# An observation noise of exactly zero would make duplicated rows singular.
_SMALLEST_NOISE = 1e-12


class LogNormal(NamedTuple):
    """A positive number whose logarithm is normal with mean `loc` and standard deviation `scale`."""

    loc: float | tf.Tensor
    scale: float | tf.Tensor

    def log_prob(self, log_value: tf.Tensor) -> tf.Tensor:
        """Log density of the logarithm `[...]`, which is what a fit maximises over: normal."""
        z = (log_value - self.loc) / self.scale
        return -0.5 * tf.square(z) - tf.math.log(tf.cast(self.scale, z.dtype)) - _HALF_LOG_TWO_PI


class Priors(NamedTuple):
    """One prior for each kind of hyperparameter of `tfbo.gp.Hyperparameters`."""

    amplitude: LogNormal
    lengthscale: LogNormal
    shape: LogNormal
    noise: LogNormal


class Ranges(NamedTuple):
    """The range in which each kind of hyperparameter is searched, as `(low, high)`.

    The defaults are scikit-learn's 1e-5 to 1e5 (for the amplitude, that range of its square), but
    for the noise, which may be smaller.
    """

    amplitude: tuple[float, float] = (10.0**-2.5, 10.0**2.5)
    lengthscale: tuple[float, float] = (1e-5, 1e5)
    shape: tuple[float, float] = (1e-5, 1e5)
    noise: tuple[float, float] = (1e-8, 1e5)


class Hyperprior(NamedTuple):
    """Priors and bounds of the log hyperparameters `[p]`."""

    loc: np.ndarray | tf.Tensor
    """Means of the log-normal priors, `[p]`."""
    scale: np.ndarray | tf.Tensor
    """Their standard deviations, `[p]`."""
    weight: np.ndarray | tf.Tensor
    """One, or zero for a maximum of the likelihood alone: `[p]`."""
    lower: np.ndarray | tf.Tensor
    """Bounds, `[p]`."""
    upper: np.ndarray | tf.Tensor


def default_priors(dimension: int) -> Priors:
    """The default priors, for inputs in [0, 1] and standardised outputs.

    Lengthscales grow with the square root of the dimension, as distances in a cube do (Hvarfner et
    al. 2024, arXiv 2402.02229). Theirs is a density of the lengthscale, log-normal of location
    `sqrt(2) + log(d) / 2`; as one of its logarithm it has the same mode where the location is less by
    the square of the scale, 3. The noise prior is so wide that data without noise are fitted to their
    last digits, and that twenty noisy trials are not taken for a rugged function (both measured in
    benchmarks/results/ablation.md).

    Args:
        dimension: number of columns, d.
    """
    return Priors(
        amplitude=LogNormal(-0.25, 0.5),
        lengthscale=LogNormal(math.sqrt(2.0) - 3.0 + 0.5 * math.log(dimension), math.sqrt(3.0)),
        shape=LogNormal(-1.0, 1.0),
        noise=LogNormal(-10.0, 4.0),
    )


def rough_priors(dimension: int) -> Priors:
    """Priors of rougher functions than the default ones, to look for optima of the likelihood alone.

    The default priors' medians lie in the smooth plain, from which restarts on the likelihood rarely
    find an optimum at short lengthscales; from short lengthscales they find the long ones.
    """
    return Priors(
        amplitude=LogNormal(0.0, 0.5),
        lengthscale=LogNormal(math.log(0.5) + 0.5 * math.log(dimension), 1.2),
        shape=LogNormal(0.0, 1.0),
        noise=LogNormal(-4.0, 3.0),
    )


def resolved(given: Any, dimension: int) -> Priors:
    """The priors for so many columns, as plain numbers."""
    priors = given(dimension) if callable(given) else given
    if not isinstance(priors, Priors):
        advice = (
            "For example tfbo.gp.default_priors(d)._replace(noise=tfbo.gp.LogNormal(-5.0, 1.0))."
        )
        raise invalid(
            "priors", "a tfbo.gp.Priors, or a function of d that makes one", given, advice
        )
    return Priors(*(LogNormal(float(part.loc), float(part.scale)) for part in priors))


def stack(
    kernel: Kernel,
    priors: Priors | None,
    *,
    ranges: Ranges = Ranges(),
    noise: float | None = None,
    extent: np.ndarray | float = 1.0,
) -> Hyperprior:
    """Stack priors, ranges and a known noise variance, in standardised units, into vectors.

    Without priors the likelihood counts alone (`rough_priors` then say where to start). The prior on a
    lengthscale scales with the extent of its column, `[d]`.
    """
    d = kernel.configurations.dimension
    extents = np.broadcast_to(extent, [d])
    if not kernel.ard:
        extents = np.array([np.exp(np.mean(np.log(extents)))])
    given = priors or rough_priors(d)
    shapes = len(kernel.shape_names) - len(kernel.own)

    def spread(
        part: LogNormal, low_high: tuple[float, float], shift: np.ndarray
    ) -> list[np.ndarray]:
        low, high = low_high
        ones = np.ones_like(shift)
        return [part.loc + shift, part.scale * ones, np.log(low) * ones, np.log(high) * ones]

    noise_range = (noise, noise) if noise is not None else ranges.noise
    noise_range = (max(noise_range[0], _SMALLEST_NOISE), max(noise_range[1], _SMALLEST_NOISE))
    parts = [
        spread(given.amplitude, ranges.amplitude, np.zeros(1)),
        spread(given.lengthscale, ranges.lengthscale, np.log(extents)),
        spread(given.shape, ranges.shape, np.zeros(shapes)),
        *(
            spread(LogNormal(each.loc, each.scale), (each.low, each.high), np.zeros(1))
            for each in kernel.own
        ),
        spread(given.noise, noise_range, np.zeros(1)),
    ]
    loc, scale, lower, upper = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Hyperprior(loc, scale, np.full_like(loc, float(priors is not None)), lower, upper)


def log_prior(hyperprior: Hyperprior, theta: tf.Tensor) -> tf.Tensor:
    """Log density of the priors at log hyperparameters `[r, p]`, of those that are learned: `[r]`."""
    log_prob = LogNormal(hyperprior.loc, hyperprior.scale).log_prob(theta)
    learned = tf.cast(tf.not_equal(hyperprior.lower, hyperprior.upper), theta.dtype)
    return tf.linalg.matvec(log_prob, hyperprior.weight * learned)


def hold_noise(hyperprior: Hyperprior, variance: tf.Tensor) -> Hyperprior:
    """The same hyperprior with the noise held at this variance `[]`."""
    held = tf.math.log(variance)[None]
    return hyperprior._replace(
        lower=tf.concat([hyperprior.lower[:-1], held], axis=0),
        upper=tf.concat([hyperprior.upper[:-1], held], axis=0),
    )


def medians(hyperprior: Hyperprior) -> np.ndarray:
    """The medians of the priors, as far as they are within the bounds: `[p]`."""
    return np.clip(hyperprior.loc, hyperprior.lower, hyperprior.upper)


def draws(hyperprior: Hyperprior, count: int, rng: np.random.Generator) -> np.ndarray:
    """Log hyperparameters `[count, p]` drawn from the priors: candidates for restarts.

    Half of the variance of a draw is common to all lengthscales: data are rough, or smooth, in all
    columns together more often than independent draws would be.
    """
    loc, scale = np.asarray(hyperprior.loc), np.asarray(hyperprior.scale)
    normals = rng.standard_normal([count, len(loc)])
    normals[:, 1:-1] = np.sqrt(0.5) * (normals[:, 1:-1] + rng.standard_normal([count, 1]))
    drawn = loc + scale * normals
    lower, upper = np.asarray(hyperprior.lower), np.asarray(hyperprior.upper)
    if not np.any(hyperprior.weight):
        # Of the likelihood alone any corner of the box may be the best.
        anywhere = lower + (upper - lower) * rng.random(drawn.shape)
        drawn = np.where(
            rng.random(drawn.shape) < 0.3 * (np.arange(count) % 3)[:, None], anywhere, drawn
        )
    return np.clip(drawn, lower, upper)


def neighbours(hyperprior: Hyperprior, theta: tf.Tensor, rows: int | None = None) -> tf.Tensor:
    """Points that differ from `theta` `[p]` in one hyperparameter, `[4 p, p]`; see `padded` for `rows`.

    It is a tenth, ten times, the least or the most that it may be. The last two take a column out of
    the model, or make each of its values a world of its own: optima that restarts rarely find.
    """
    eye = np.eye(theta.shape[-1])
    steps = np.log(10.0) * np.concatenate([-eye, eye])
    ends = [tf.where(eye > 0.0, bound, theta) for bound in (hyperprior.lower, hyperprior.upper)]
    points = tf.concat([theta + steps, *ends], axis=0)
    return padded(tf.clip_by_value(points, hyperprior.lower, hyperprior.upper), rows)


def padded(theta: tf.Tensor, rows: int | tf.Tensor | None) -> tf.Tensor:
    """`theta` `[c, p]` with NaN below, of which nothing comes, to make it so many rows; None for c."""
    if rows is None:
        return theta
    nan = tf.constant(float("nan"), theta.dtype)
    return tf.pad(theta, [[0, rows - tf.shape(theta)[0]], [0, 0]], constant_values=nan)
