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
        """Log density of the value itself (not of its logarithm), given its logarithm `[...]`."""
        z = (log_value - self.loc) / self.scale
        return (
            -0.5 * tf.square(z)
            - tf.math.log(tf.cast(self.scale, z.dtype))
            - _HALF_LOG_TWO_PI
            - log_value
        )


class Priors(NamedTuple):
    """One prior for each kind of hyperparameter of `tfbo.gp.Hyperparameters`."""

    amplitude: LogNormal
    lengthscale: LogNormal
    shape: LogNormal
    noise: LogNormal


def default(dimension: int) -> Priors:
    """The default priors, for inputs in [0, 1] and standardised outputs.

    Lengthscales grow with the square root of the dimension, as distances in a cube do (Hvarfner et
    al. 2024, arXiv 2402.02229). The noise prior is wide and has its mode near zero: data without
    noise are then fitted to their last digits, and noise that is there is still found.

    Args:
        dimension: number of columns, d.
    """
    return Priors(
        amplitude=LogNormal(0.0, 0.5),
        lengthscale=LogNormal(math.sqrt(2.0) + 0.5 * math.log(dimension), math.sqrt(3.0)),
        shape=LogNormal(0.0, 1.0),
        noise=LogNormal(-6.0, 3.0),
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
