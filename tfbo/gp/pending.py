"""Pending points: what they may return, and what that would say of other points.

Letters: m pending points, s draws, c sets of q points, n data, d columns, D features. All have the leading
axes of the posterior, if it has any.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from tfbo import _linalg
from tfbo.gp.posterior import SMALLEST_VARIANCE, Posterior

# What is added to the diagonal of joint covariances, as a share of the prior variance: they are
# differences of matrices, of which rounding may leave one of two points next to each other indefinite.
_JITTER = 1e-10


class Pending(NamedTuple):
    """Points that are being tried."""

    features: tf.Tensor
    """`[m, D]`, of `Posterior.features`; there may be none."""
    normals: tf.Tensor
    """Draws of the standard normal behind what they may return, `[s, m]`, leading axes allowed."""
    mask: tf.Tensor | None = None
    """bool `[m]`: which of them are there; None for all."""


@dataclasses.dataclass(frozen=True)
class Fantasies:
    """A posterior, and joint draws of the noise-free function at pending points. `fantasise` makes one.

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
        draws: the draws at the pending points, `[s, m]`; minus infinity where there is none.
    """

    posterior: Posterior
    rows: tf.Tensor
    inverse: tf.Tensor
    drawn: tf.Tensor
    draws: tf.Tensor

    @property
    def best(self) -> tf.Tensor:
        """The largest of each draw, `[s]`; minus infinity where nothing is pending."""
        return tf.reduce_max(self.draws, axis=-1)

    def joint(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The function at sets of points `[c, q, d]`, q static, given each draw, in standardised units.

        Means `[..., c, q, s]`, and the lower Cholesky factor `[..., c, q, q]` of the covariance, of
        which the posterior may let a share count (`Posterior.share`).
        """
        # As one matrix: a batch of products with one factor each would not be one.
        q, posterior = x.shape[1], self.posterior
        rows = posterior.features(tf.reshape(x, [-1, x.shape[2]]))
        rows = posterior.kernel.scale(posterior.hyperparameters, rows)
        process = posterior.kernel.at(posterior.hyperparameters)
        cross = process.matrix(rows, self.rows)
        whitened = tf.matmul(cross, self.inverse, transpose_b=True)
        means = tf.matmul(whitened, self.drawn, transpose_b=True)
        prior = posterior.prior_variance[..., None]
        variance = prior - tf.reduce_sum(tf.square(whitened), axis=-1)
        variance = tf.maximum(variance, SMALLEST_VARIANCE * prior)

        def sets(values: tf.Tensor) -> tf.Tensor:
            return tf.reshape(values, [*values.shape[:-2], -1, q, tf.shape(values)[-1]])

        if q == 1:
            means, factor = tf.expand_dims(means, -2), tf.sqrt(variance)[..., None, None]
        else:
            means, rows, whitened = sets(means), sets(rows), sets(whitened)
            # Of sets, the amplitude and shape of a leading axis are those of all its sets.
            of_sets = posterior.hyperparameters._replace(
                amplitude=posterior.hyperparameters.amplitude[..., None],
                shape=posterior.hyperparameters.shape[..., None, :],
            )
            covariance = posterior.kernel.at(of_sets).matrix(rows, rows)
            covariance -= tf.matmul(whitened, whitened, transpose_b=True)
            variance = sets(variance[..., None])[..., 0] + _JITTER * prior[..., None]
            factor = tf.linalg.cholesky(_linalg.with_diagonal(covariance, variance))
        if posterior.share is not None:
            factor *= posterior.share(x)[..., None]
        return means, factor


def fantasise(posterior: Posterior, pending: Pending) -> Fantasies:
    """Draws of the noise-free function at points that are being tried."""
    hyperparameters = posterior.hyperparameters
    features, normals, mask = pending
    mean, rows, whitened = posterior.project(features)
    prior = posterior.prior_variance
    blurred = hyperparameters._replace(noise=_JITTER * prior)
    if mask is not None:
        whitened = tf.where(mask[:, None], whitened, tf.zeros_like(whitened))
    covariance = posterior.kernel.covariance(blurred, features, mask)
    covariance -= tf.matmul(whitened, whitened, transpose_b=True)
    factor, _ = _linalg.cholesky(covariance, prior)
    inverse = _linalg.inverse_lower(factor)
    draws = mean[..., None, :] + tf.matmul(normals, factor, transpose_b=True)
    if mask is not None:
        inverse = tf.where(mask[:, None], inverse, tf.zeros_like(inverse))
        draws = tf.where(mask, draws, tf.constant(-float("inf"), draws.dtype))
    data = posterior.factors
    below = -tf.matmul(inverse, tf.matmul(whitened, data.inverse))
    lead = data.inverse.shape[:-2]
    above = tf.pad(data.inverse, [*[[0, 0]] * len(lead), [0, 0], [0, tf.shape(features)[0]]])
    known = tf.linalg.matvec(data.inverse, data.z)[..., None, :]
    known = tf.tile(known, [*[1] * len(lead), tf.shape(normals)[-2], 1])
    if lead.rank:
        normals += tf.zeros([*lead, 1, 1], normals.dtype)
    return Fantasies(
        posterior,
        tf.concat([data.rows, rows], axis=-2),
        tf.concat([above, tf.concat([below, inverse], axis=-1)], axis=-2),
        tf.concat([known, normals], axis=-1),
        draws,
    )
