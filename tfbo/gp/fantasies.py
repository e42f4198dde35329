"""What trials that are still running may return, and what that would say of other points.

Letters: m pending rows, s draws, q points, n data, d columns, D features.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from tfbo import _linalg
from tfbo.gp.posterior import SMALLEST_VARIANCE, Posterior

# What is added to the diagonal of joint covariances, as a share of the prior variance: they are
# differences of matrices, of which rounding may leave one of two points next to each other indefinite.
_JITTER = 1e-10


@dataclasses.dataclass(frozen=True)
class Fantasies:
    """A posterior, and joint draws of the noise-free function at pending rows. `fantasise` makes one.

    The draws stand for what is not known of the pending outcomes. At other points the function, given
    one of the draws, has a mean of its own and the same covariance for all of them.

    Args:
        posterior: of the data.
        rows: scaled features of the pending rows, `[m, D]`.
        whitened: their covariances with the data, times the transposed inverse factor, `[m, n]`.
        inverse: inverse of the lower factor of their posterior covariance, `[m, m]`; rows of what is
            padding are zero.
        normals: the draws, `[s, m]`, in terms of independent standard normals.
        best: the largest of each draw, `[s]`; minus infinity where nothing is pending.
    """

    posterior: Posterior
    rows: tf.Tensor
    whitened: tf.Tensor
    inverse: tf.Tensor
    normals: tf.Tensor
    best: tf.Tensor

    def joint(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The function at sets of points, given each draw, in standardised units.

        Args:
            x: `[k, q, d]`; q is static.

        Returns:
            Means `[k, q, s]`, and the lower Cholesky factor `[k, q, q]` of the covariance.
        """
        # As one matrix: a batch of products with one factor each would not be one.
        q = x.shape[1]
        mean, rows, whitened = self.posterior.project(tf.reshape(x, [-1, x.shape[2]]))
        process = self.posterior.kernel.at(self.posterior.hyperparameters)
        cross = process.matrix(rows, self.rows)
        cross -= tf.matmul(whitened, self.whitened, transpose_b=True)
        further = tf.matmul(cross, self.inverse, transpose_b=True)
        means = tf.expand_dims(mean, 1) + tf.matmul(further, self.normals, transpose_b=True)
        prior = tf.square(self.posterior.hyperparameters.amplitude)
        known = tf.reduce_sum(tf.square(whitened), axis=-1, keepdims=True)
        known += tf.reduce_sum(tf.square(further), axis=-1, keepdims=True)
        variance = tf.maximum(prior - known, SMALLEST_VARIANCE * prior)
        if q == 1:
            return tf.expand_dims(means, 1), tf.expand_dims(tf.sqrt(variance), 1)

        def sets(values: tf.Tensor) -> tf.Tensor:
            return tf.reshape(values, [-1, q, tf.shape(values)[1]])

        rows, both = sets(rows), sets(tf.concat([whitened, further], axis=-1))
        covariance = process.matrix(rows, rows) - tf.matmul(both, both, transpose_b=True)
        variance = tf.reshape(variance, [-1, q]) + _JITTER * prior
        return sets(means), tf.linalg.cholesky(_linalg.with_diagonal(covariance, variance))


def fantasise(
    posterior: Posterior, pending: tf.Tensor, normals: tf.Tensor, mask: tf.Tensor | None = None
) -> Fantasies:
    """Draws of the noise-free function at rows that are being tried.

    Args:
        posterior: of the data.
        pending: legal rows `[m, d]`; there may be none.
        normals: draws of the standard normal, `[s, m]`.
        mask: bool `[m]`, which of the rows are there; None for all.
    """
    hyperparameters = posterior.hyperparameters
    mean, rows, whitened = posterior.project(pending)
    prior = tf.square(hyperparameters.amplitude)
    blurred = hyperparameters._replace(noise=_JITTER * prior)
    features = posterior.features(pending)
    if mask is not None:
        whitened = tf.where(mask[:, None], whitened, tf.zeros_like(whitened))
    covariance = posterior.kernel.covariance(blurred, features, mask)
    covariance -= tf.matmul(whitened, whitened, transpose_b=True)
    factor, _ = _linalg.cholesky(covariance, prior)
    inverse = _linalg.inverse_lower(factor)
    draws = mean + tf.matmul(normals, factor, transpose_b=True)
    if mask is not None:
        inverse = tf.where(mask[:, None], inverse, tf.zeros_like(inverse))
        draws = tf.where(mask, draws, tf.constant(-float("inf"), draws.dtype))
    return Fantasies(posterior, rows, whitened, inverse, normals, tf.reduce_max(draws, axis=-1))
