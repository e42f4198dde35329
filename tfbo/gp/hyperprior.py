"""What is believed of the hyperparameters before the data are seen, and where climbs may start.

The logarithms of all hyperparameters are one vector `[p]`: amplitude, lengthscales, shape, noise. A
hyperparameter that is not to be learned has equal bounds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo.gp.kernels import Kernel
from tfbo.gp.priors import LogNormal, Priors, scouting

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


def log_prior(believed: Belief, theta: tf.Tensor) -> tf.Tensor:
    """Log density of the priors at log hyperparameters `[r, p]`, of those that are learned: `[r]`."""
    log_prob = LogNormal(believed.loc, believed.scale).log_prob(theta)
    learned = tf.cast(tf.not_equal(believed.lower, believed.upper), theta.dtype)
    return tf.linalg.matvec(log_prob, believed.weight * learned)


def hold_noise(believed: Belief, variance: tf.Tensor) -> Belief:
    """The same belief where the noise is known to have this variance `[]`, and is not learned."""
    held = tf.math.log(variance)[None]
    return believed._replace(
        lower=tf.concat([believed.lower[:-1], held], axis=0),
        upper=tf.concat([believed.upper[:-1], held], axis=0),
    )


def medians(believed: Belief) -> np.ndarray:
    """The medians of the priors, as far as they are within the bounds: `[p]`."""
    return np.clip(believed.loc, believed.lower, believed.upper)


def draws(believed: Belief, count: int, rng: np.random.Generator) -> np.ndarray:
    """Log hyperparameters `[count, p]` drawn from the priors, from which climbs may start.

    Half of the variance of a draw is common to all lengthscales: data are rough, or smooth, in all
    columns together more often than independent draws would be.
    """
    loc, scale = np.asarray(believed.loc), np.asarray(believed.scale)
    normals = rng.standard_normal([count, len(loc)])
    normals[:, 1:-1] = np.sqrt(0.5) * (normals[:, 1:-1] + rng.standard_normal([count, 1]))
    drawn = loc + scale * normals
    lower, upper = np.asarray(believed.lower), np.asarray(believed.upper)
    if not np.any(believed.weight):
        # Of the likelihood alone any corner of the box may be the best.
        anywhere = lower + (upper - lower) * rng.random(drawn.shape)
        drawn = np.where(
            rng.random(drawn.shape) < 0.3 * (np.arange(count) % 3)[:, None], anywhere, drawn
        )
    return np.clip(drawn, lower, upper)


def neighbours(believed: Belief, theta: tf.Tensor, rows: int | None = None) -> tf.Tensor:
    """Points that differ from `theta` `[p]` in one hyperparameter, `[4 p, p]`; see `padded` for `rows`.

    It is a tenth, ten times, the least or the most that it may be. The last two take a column out of
    the model, or make each of its values a world of its own: optima that climbs rarely find.
    """
    eye = np.eye(theta.shape[-1])
    steps = np.log(10.0) * np.concatenate([-eye, eye])
    ends = [tf.where(eye > 0.0, bound, theta) for bound in (believed.lower, believed.upper)]
    points = tf.concat([theta + steps, *ends], axis=0)
    return padded(tf.clip_by_value(points, believed.lower, believed.upper), rows)


def padded(theta: tf.Tensor, rows: int | tf.Tensor | None) -> tf.Tensor:
    """`theta` `[c, p]` with NaN below, of which nothing comes, to make it so many rows; None for c."""
    if rows is None:
        return theta
    nan = tf.constant(float("nan"), theta.dtype)
    return tf.pad(theta, [[0, rows - tf.shape(theta)[0]], [0, 0]], constant_values=nan)
