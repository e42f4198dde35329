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

    All of it follows from the joint factor of the data and the pending rows: of its inverse `E`, the
    whitened covariances of a point `w = k(x, X) E^T` give a draw's mean `w v` and the variance
    `k(x, x) - w w^T`, where `v` are the outcomes, the drawn ones among them, in the same terms.

    Args:
        posterior: of the data.
        rows: scaled features of the data and of the pending rows, `[n + m, D]`.
        inverse: `E`, inverse of the lower factor of their covariance, `[n + m, n + m]`; rows of what is
            padding are zero.
        drawn: `v` of each draw, `[s, n + m]`; what is pending is standard normal.
        best: the largest of each draw, `[s]`; minus infinity where nothing is pending.
    """

    posterior: Posterior
    rows: tf.Tensor
    inverse: tf.Tensor
    drawn: tf.Tensor
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
        posterior = self.posterior
        rows = posterior.features(tf.reshape(x, [-1, x.shape[2]]))
        rows = posterior.kernel.scale(posterior.hyperparameters, rows)
        process = posterior.kernel.at(posterior.hyperparameters)
        cross = process.matrix(rows, self.rows)
        whitened = tf.matmul(cross, self.inverse, transpose_b=True)
        means = tf.matmul(whitened, self.drawn, transpose_b=True)
        prior = tf.square(posterior.hyperparameters.amplitude)
        known = tf.reduce_sum(tf.square(whitened), axis=-1, keepdims=True)
        variance = tf.maximum(prior - known, SMALLEST_VARIANCE * prior)
        if q == 1:
            return tf.expand_dims(means, 1), tf.expand_dims(tf.sqrt(variance), 1)

        def sets(values: tf.Tensor) -> tf.Tensor:
            return tf.reshape(values, [-1, q, tf.shape(values)[1]])

        rows, whitened = sets(rows), sets(whitened)
        covariance = process.matrix(rows, rows) - tf.matmul(whitened, whitened, transpose_b=True)
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
    data = posterior.factors
    below = -tf.matmul(inverse, tf.matmul(whitened, data.inverse))
    above = tf.pad(data.inverse, [[0, 0], [0, tf.shape(pending)[0]]])
    told = tf.tile(tf.linalg.matvec(data.inverse, data.z)[None], [tf.shape(normals)[0], 1])
    return Fantasies(
        posterior,
        tf.concat([data.rows, rows], axis=0),
        tf.concat([above, tf.concat([below, inverse], axis=1)], axis=0),
        tf.concat([told, normals], axis=1),
        tf.reduce_max(draws, axis=-1),
    )
