"""Priors of the hyperparameters."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


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


def default(dimension: int) -> Priors:
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


def scouting(dimension: int) -> Priors:
    """Where to look for optima of the likelihood alone: rougher functions than the default priors.

    The default priors' medians lie in the smooth plain, from which the likelihood's climbs rarely
    find an optimum at short lengthscales; from short lengthscales they find the long ones.

    Args:
        dimension: number of columns, d.
    """
    return Priors(
        amplitude=LogNormal(0.0, 0.5),
        lengthscale=LogNormal(math.log(0.5) + 0.5 * math.log(dimension), 1.2),
        shape=LogNormal(0.0, 1.0),
        noise=LogNormal(-4.0, 3.0),
    )
