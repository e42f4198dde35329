"""The kernel of learning curves: parts on the columns of the configuration, of the step and of the trial.

    k = a^2 (w0 kx + w1 kx kt + w2 1[same trial] ks)

Of a kernel kx over configurations, kt and ks are correlations of steps: w0 is what configurations have in
common at all steps, w1 what changes with the step, and w2 what one training has for itself, its curve. The
shares w0 + w1 + w2 = 1, so that a^2 is the variance of any value. Early steps have a noise beside the one
of all observations, e (1 - t)^4 for a time t from 0 to 1.

Source: the sum and product of Swersky, Snoek and Adams 2014 (arXiv 1406.3896), with correlations of
log steps in place of their exponential decay.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from tfbo.gp.hyperprior import LogNormal, Priors, default_priors
from tfbo.gp.kernels import Hyperparameters, Kernel, Positive, closed

# Columns, and features, of the step and of the trial, after those of the configuration.
_EXTRA = 2
_STEPS = tfp.math.psd_kernels.MaternFiveHalves
# The shares w1 / w0 and w2 / w0, lengthscales of steps from 0 to 1, and the noise of early ones. What the
# priors are worth: benchmarks/results/curves-taskset.md.
_OWN = (
    Positive("changing", 0.0, math.sqrt(2.0), 1e-3, 1e3),
    Positive("trial", -1.0, math.sqrt(2.0), 1e-4, 1e3),
    Positive("step_lengthscale", 0.0, 1.0, 0.1, 30.0),
    Positive("trial_lengthscale", 0.0, 1.0, 0.1, 30.0),
    Positive("early_noise", -3.0, 1.5, 1e-6, 3.0),
)
_EARLY = 4


@dataclasses.dataclass(frozen=True)
class CurveKernel(Kernel):
    """A covariance of values along learning curves. `curve_kernel` makes one of a kernel of configurations.

    A row has the columns of the configuration, then the step (from 0 for the first to 1 for the last) and
    the number of the trial; with a number below zero it is a trial like no other. A row without these two
    is one of a new trial at the last step.
    """

    base: Kernel | None = None

    @property
    def configurations(self) -> Kernel:
        """See `Kernel`."""
        assert self.base is not None
        return self.base

    @property
    def lengthscale_count(self) -> int:
        """See `Kernel`."""
        return self.configurations.lengthscale_count

    @property
    def features(self) -> int:
        """See `Kernel`."""
        return self.configurations.features + _EXTRA

    @property
    def own(self) -> tuple[Positive, ...]:
        """See `Kernel`."""
        return (*self.configurations.own, *_OWN)

    @property
    def shape_names(self) -> tuple[str, ...]:
        """See `Kernel`."""
        return (*self.configurations.shape_names, *(part.name for part in _OWN))

    @property
    def is_isotropic(self) -> bool:
        """See `Kernel`."""
        return False

    def embed(self, x: tf.Tensor) -> tf.Tensor:
        """Features `[..., n, D]`, or `[..., n, D - 2]` of new trials at the last step; see `Kernel`."""
        configurations, rest = self._split(x, self.configurations.dimension)
        return tf.concat([self.configurations.embed(configurations), rest], axis=-1)

    def scale(self, hyperparameters: Hyperparameters, features: tf.Tensor) -> tf.Tensor:
        """See `Kernel`; steps and trials as they are."""
        own, rest = self._split(features, self.configurations.features)
        base = self._base(hyperparameters)
        scaled = self.configurations.scale(base, own)
        rest = tf.broadcast_to(rest, tf.concat([tf.shape(scaled)[:-1], tf.shape(rest)[-1:]], 0))
        return tf.concat([scaled, rest], axis=-1)

    def final(self, features: tf.Tensor) -> tf.Tensor:
        """See `Kernel`."""
        if features.shape[-1] == self.configurations.features:
            return features
        return tf.concat(
            [features[..., :-2], tf.ones_like(features[..., -2:-1]), features[..., -1:]], axis=-1
        )

    def at(self, hyperparameters: Hyperparameters) -> _Parts:
        """The kernel of scaled features at these hyperparameters."""
        changing, trial, step_lengthscale, trial_lengthscale, _ = self._own(hyperparameters)
        variance = tf.square(hyperparameters.amplitude)
        unit = variance / (1.0 + changing + trial)
        of_configurations = self.configurations.at(self._base(hyperparameters))
        return _Parts(
            of_configurations,
            self.configurations.features,
            unit,
            unit * changing,
            unit * trial,
            step_lengthscale,
            trial_lengthscale,
        )

    def covariance(
        self,
        hyperparameters: Hyperparameters,
        features: tf.Tensor,
        mask: tf.Tensor | None = None,
        variances: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See `Kernel`; with the noise of early steps."""
        if features.shape[-1] == self.configurations.features:
            return super().covariance(hyperparameters, features, mask, variances)
        *_, early = self._own(hyperparameters)
        beyond = tf.expand_dims(early, -1) * (1.0 - features[..., -2]) ** _EARLY
        if variances is not None:
            beyond += variances
        return super().covariance(hyperparameters, features, mask, beyond)

    def _own(self, hyperparameters: Hyperparameters) -> list[tf.Tensor]:
        """The values of `_OWN`, each `[...]`."""
        return [hyperparameters.shape[..., i - len(_OWN)] for i in range(len(_OWN))]

    def _base(self, hyperparameters: Hyperparameters) -> Hyperparameters:
        """Those of the kernel of configurations, of amplitude one."""
        return hyperparameters._replace(
            amplitude=tf.ones_like(hyperparameters.amplitude),
            shape=hyperparameters.shape[..., : -len(_OWN)],
        )

    def _split(self, x: tf.Tensor, width: int) -> tuple[tf.Tensor, tf.Tensor]:
        return x[..., :width], x[..., width:]


class _Parts(NamedTuple):
    """Parts of the kernel, their variances `[...]` and lengthscales of steps `[...]`."""

    configurations: Any
    width: int
    common: tf.Tensor
    changing: tf.Tensor
    trial: tf.Tensor
    step_lengthscale: tf.Tensor
    trial_lengthscale: tf.Tensor

    def matrix(self, rows1: tf.Tensor, rows2: tf.Tensor) -> tf.Tensor:
        """Covariances `[..., n, m]` of scaled features `[..., n, D]` and `[..., m, D]`."""
        alike = self.configurations.matrix(rows1[..., : self.width], rows2[..., : self.width])
        steps1, steps2 = (_steps(rows, self.width) for rows in (rows1, rows2))
        slow = _of_steps(steps1, steps2, self.step_lengthscale)
        covariance = (_matrix(self.common) + _matrix(self.changing) * slow) * alike
        if rows1.shape[-1] == self.width or rows2.shape[-1] == self.width:
            return covariance  # a new trial is like no other
        trials1, trials2 = rows1[..., -1:], tf.linalg.matrix_transpose(rows2[..., -1:])
        same = tf.equal(trials1, trials2) & (trials1 >= 0.0)
        own = _matrix(self.trial) * _of_steps(steps1, steps2, self.trial_lengthscale)
        return covariance + own * tf.cast(same, own.dtype)


def _steps(rows: tf.Tensor, width: int) -> tf.Tensor:
    """Steps `[..., n, 1]`; the last one, `[1, 1]`, for rows that have none."""
    if rows.shape[-1] == width:
        return tf.ones([1, 1], rows.dtype)
    return rows[..., -2:-1]


def _of_steps(steps1: tf.Tensor, steps2: tf.Tensor, lengthscale: tf.Tensor) -> tf.Tensor:
    distance = steps1 - tf.linalg.matrix_transpose(steps2)
    return closed(_STEPS, tf.square(distance / _matrix(lengthscale)))


def _matrix(number: tf.Tensor) -> tf.Tensor:
    """A number `[...]` beside matrices `[..., n, m]`."""
    return number[..., None, None]


def curve_priors(dimension: int) -> Priors:
    """The default priors of learning curves: smoother than those of `default_priors`, and noisy.

    Early values of many configurations are cheap, so that there are enough of them to see structure; with
    wide priors the first fits explain them by short lengthscales and the search stays at random.

    Args:
        dimension: number of columns of a configuration, d.
    """
    return default_priors(dimension)._replace(
        lengthscale=LogNormal(0.5 * math.log(dimension) - 0.11, 1.0), noise=LogNormal(-4.0, 1.0)
    )


def curve_kernel(base: Kernel) -> CurveKernel:
    """The kernel of learning curves whose configurations are alike by `base`.

    Example:
        >>> from tfbo.gp import kernels
        >>> from tfbo.gp.curves import curve_kernel
        >>> curve_kernel(kernels.kernel("matern52", dimension=3)).dimension
        5
    """
    return CurveKernel(base.correlation, base.dimension + _EXTRA, base.columns, base.ard, base)
