"""The posterior of a Gaussian process: predictions, samples and checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbo import _arguments, _linalg, _random
from tfbo.gp import data as gp_data
from tfbo.gp.kernels import Hyperparameters, Kernel
from tfbo.gp.likelihood import Factors, Observations

# A variance below this share of the prior's is rounding: v = k - |L^-1 k|^2 cancels to 1e-16 of k.
SMALLEST_VARIANCE = 1e-14


class Moments(NamedTuple):
    """Mean and variance."""

    mean: tf.Tensor
    variance: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Posterior:
    """A Gaussian process conditioned on data, at fixed hyperparameters.

    `tfbo.gp.fit` makes one. Methods take and return the user's units; `moments` and what follows it until
    `mean_var` speak the standardised units in which acquisitions are computed. There factors, and all that
    follows from them, may have leading axes: of outputs, or of sets of hyperparameters.

    Args:
        kernel: the kernel.
        factors: what prediction needs of the data.
        shift: what was subtracted from the outcomes.
        scale: what they were then divided by.
        origin: what is subtracted from inputs, `[d]`; None for nothing.
        ok: False where the search for hyperparameters failed and its start stands in.
        share: of the deviation that counts where acquisitions are computed, from rows `[..., d]` to
            `[...]` in (0, 1]; None for all of it.
    """

    kernel: Kernel
    factors: Factors
    shift: tf.Tensor
    scale: tf.Tensor
    origin: tf.Tensor | None = None
    ok: bool | tf.Tensor = True
    share: Callable[[tf.Tensor], tf.Tensor] | None = None

    # The protocol of `tf.nest`: compiled programs take and return a posterior as they do its tensors.
    def __tf_flatten__(self) -> tuple[Any, Any]:
        static = self.kernel, self.origin, self.share
        return static, (self.factors, self.shift, self.scale, self.ok)

    @classmethod
    def __tf_unflatten__(cls, static: Any, tensors: Any) -> Posterior:
        (kernel, origin, share), (factors, shift, scale, ok) = static, tensors
        return cls(kernel, factors, shift, scale, origin, ok, share)

    @property
    def hyperparameters(self) -> Hyperparameters:
        """Amplitude and noise in standardised outputs, lengthscales in the units of x."""
        return self.factors.hyperparameters

    @property
    def prior_variance(self) -> tf.Tensor:
        """Variance of the function far from all data `[...]`, standardised."""
        return tf.square(self.hyperparameters.amplitude)

    def moments(self, x: tf.Tensor) -> Moments:
        """Mean and variance `[..., m]` of the function at rows `[m, d]`, standardised."""
        mean, _, whitened = self.project(self.features(x))
        prior = tf.expand_dims(self.prior_variance, -1)
        variance = prior - tf.reduce_sum(tf.square(whitened), axis=-1)
        return Moments(mean, tf.maximum(variance, SMALLEST_VARIANCE * prior))

    def features(self, x: tf.Tensor) -> tf.Tensor:
        """Features `[m, D]` of rows `[m, d]`, not yet scaled."""
        return self.kernel.embed(x if self.origin is None else x - self.origin)

    def project(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Projection of points of features `[m, D]` on the data: from it every prediction follows.

        Returns:
            The standardised mean `[..., m]`, the scaled features `[..., m, D]`, and `W = K(x, X) L^-T`
            `[..., m, n]`, of which `K(x, x) - W W^T` is the posterior covariance.
        """
        rows = self.kernel.scale(self.hyperparameters, features)
        cross = self.kernel.at(self.hyperparameters).matrix(rows, self.factors.rows)
        mean = tf.linalg.matvec(cross, self.factors.alpha)
        return mean, rows, tf.matmul(cross, self.factors.inverse, transpose_b=True)

    def noise_free(self, observed: Observations) -> tf.Tensor:
        """Mean `[..., n]` of the function at the data, standardised: less than they say themselves.

        Where data are of steps, it is that of their trials at the last step.
        """
        final = self.kernel.final(observed.features)
        if final is not None:
            return self.project(final)[0]
        noise = tf.expand_dims(self.hyperparameters.noise, -1)
        if observed.variances is not None:
            noise += observed.variances
        return observed.z - noise * self.factors.alpha

    def mean_var(self, x: Any, *, noise: bool = False) -> Moments:
        """Mean and variance of the function at new inputs.

        Args:
            x: `[m, d]`.
            noise: whether to add the observation noise, for the variance of a new observation (one of
                no standard error beside it).

        Returns:
            Mean `[m]` in the units of y, variance `[m]` in their square.

        Raises:
            InvalidArgument: where x is no finite `[m, d]` matrix.
        """
        mean, variance = self.moments(self._inputs(x))
        if noise:
            variance += self.hyperparameters.noise
        return Moments(self.shift + self.scale * mean, tf.square(self.scale) * variance)

    def joint(self, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean `[m]` and covariance `[m, m]` of the function at new inputs `[m, d]`."""
        mean, covariance = self._joint(self._inputs(x))
        return self.shift + self.scale * mean, tf.square(self.scale) * covariance

    def sample(self, x: Any, n_samples: int = 1, *, seed: int = 0) -> tf.Tensor:
        """Draws of the function at new inputs, jointly.

        Args:
            x: `[m, d]`.
            n_samples: how many, s >= 1.
            seed: the same seed gives the same draws.

        Returns:
            `[s, m]`, in the units of y.

        Raises:
            InvalidArgument: for a bad x or a number of samples below one.
        """
        n_samples = _arguments.count("n_samples", n_samples, "Ask for one draw or more.")
        seed = _arguments.seed(seed)
        mean, covariance = self._joint(self._inputs(x))
        factor, ok = _linalg.cholesky(covariance, self.prior_variance)
        assert bool(ok), "the jitter ladder did not factor a posterior covariance"
        normals = _random.generator(seed, "posterior sample").standard_normal(
            [n_samples, len(mean)]
        )
        draws = mean + tf.matmul(tf.constant(normals), factor, transpose_b=True)
        return self.shift + self.scale * draws

    def log_marginal_likelihood(self) -> tf.Tensor:
        """Log density of the standardised outcomes under the fitted process, in nats.

        It is the figure that scikit-learn reports with `normalize_y=True`. For the density of the
        outcomes in their own units, subtract `n log(scale)`.
        """
        z, inverse = self.factors.z, self.factors.inverse
        n = tf.cast(tf.size(z), z.dtype)
        quadratic = tf.reduce_sum(z * self.factors.alpha)
        log_det = -2.0 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(inverse)))
        return -0.5 * (quadratic + log_det + n * _linalg.LOG_TWO_PI)

    def loo(self) -> Moments:
        """Predictions `[n]` of each observation, noise included, from all the others, in closed form.

        With `P` the inverse covariance of the observations: mean `y_i - alpha_i / P_ii`, variance
        `1 / P_ii` (Rasmussen and Williams 2006, equation 5.12). The standardisation is kept, as the
        hyperparameters are.
        """
        precision = tf.reduce_sum(tf.square(self.factors.inverse), axis=0)
        mean = self.factors.z - self.factors.alpha / precision
        return Moments(self.shift + self.scale * mean, tf.square(self.scale) / precision)

    def _inputs(self, x: Any) -> tf.Tensor:
        return tf.constant(gp_data.as_matrix("x", x, self.kernel.dimension))

    def _joint(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mean, rows, whitened = self.project(self.features(x))
        prior = self.kernel.at(self.hyperparameters).matrix(rows, rows)
        prior = tf.linalg.set_diag(prior, self.prior_variance + tf.zeros_like(prior[..., 0]))
        return mean, prior - tf.matmul(whitened, whitened, transpose_b=True)
