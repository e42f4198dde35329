"""Acquisitions in closed form of the mean m and the standard deviation s of an outcome.

Throughout, `z = (m - incumbent) / s`. Adding one: a frozen dataclass with an `evaluate`; see `Acquisition`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import tensorflow as tf
import tensorflow_probability as tfp

from tfbo import _arguments, _numerics
from tfbo.acquisition.base import Acquisition
from tfbo.acquisition.hypervolume import LogNEHVI


@dataclasses.dataclass(frozen=True)
class LogEI(Acquisition):
    """Logarithm of the expected improvement, `log s + log(phi(z) + z Phi(z))`.

    It has the maximiser of `EI`, and a value and a gradient where EI is zero in floating point.
    Source: Ament et al. 2023 (arXiv 2310.20708), equation 9.

    Example:
        >>> import tfbo
        >>> strategy = tfbo.strategies.Bayes(acquisition=tfbo.acquisition.LogEI())
    """

    logarithmic: ClassVar[bool] = True

    def evaluate(self, mean: tf.Tensor, deviation: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
        """See `Acquisition`; in nats."""
        return tf.math.log(deviation) + _numerics.log_h((mean - incumbent) / deviation)

    def of_several(self) -> Acquisition:
        """See `Acquisition`: the improvement of several objectives is that of their hypervolume."""
        return LogNEHVI()


@dataclasses.dataclass(frozen=True)
class EI(Acquisition):
    """Expected improvement, `s (phi(z) + z Phi(z))`, in standardised outcomes.

    Source: Jones, Schonlau and Welch 1998, equation 15.
    """

    logarithmic: ClassVar[bool] = False

    def evaluate(self, mean: tf.Tensor, deviation: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
        """See `Acquisition`."""
        return tf.exp(LogEI().evaluate(mean, deviation, incumbent))


@dataclasses.dataclass(frozen=True)
class LogPI(Acquisition):
    """Logarithm of the probability of improvement, `log Phi(z)`.

    Source: Kushner 1964, in logarithms.
    """

    logarithmic: ClassVar[bool] = True

    def evaluate(self, mean: tf.Tensor, deviation: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
        """See `Acquisition`; in nats."""
        z = (mean - incumbent) / deviation
        return tfp.distributions.Normal(tf.zeros_like(z), tf.ones_like(z)).log_cdf(z)


@dataclasses.dataclass(frozen=True)
class UCB(Acquisition):
    """Upper confidence bound, `m + beta s`, in standardised outcomes.

    Args:
        beta: how much a standard deviation is worth, >= 0.

    Raises:
        InvalidArgument: for a beta that is no finite number >= 0.

    Source: Srinivas et al. 2010 (arXiv 0912.3995), whose beta_t is the square of this one.
    """

    logarithmic: ClassVar[bool] = False
    beta: float = 2.0

    def __post_init__(self) -> None:
        beta = _arguments.number("beta", self.beta, "Two is usual.", least=0.0)
        object.__setattr__(self, "beta", beta)

    def evaluate(self, mean: tf.Tensor, deviation: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
        """See `Acquisition`."""
        return mean + self.beta * deviation


@dataclasses.dataclass(frozen=True)
class PosteriorMean(Acquisition):
    """The mean `m`: pure exploitation, in standardised outcomes."""

    logarithmic: ClassVar[bool] = False

    def evaluate(self, mean: tf.Tensor, deviation: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
        """See `Acquisition`."""
        return mean + tf.zeros_like(deviation)


@dataclasses.dataclass(frozen=True)
class PosteriorStd(Acquisition):
    """The standard deviation `s`: pure exploration, in standardised outcomes."""

    logarithmic: ClassVar[bool] = False

    def evaluate(self, mean: tf.Tensor, deviation: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
        """See `Acquisition`."""
        return deviation + tf.zeros_like(mean)
