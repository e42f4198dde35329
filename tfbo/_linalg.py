"""Cholesky factors that say when they failed, and the likelihood built on one."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

# The jitter ladder, relative to the mean of the diagonal: no jitter first, so that a well-conditioned
# matrix is left alone, then 1e-10 and upwards. 1e-10 is a thousand times what rounding adds to an
# eigenvalue of a 1000 x 1000 Gram matrix.
_JITTER_FIRST = 1e-10
_JITTER_STEP = 100.0
_JITTER_RUNGS = 5

LOG_TWO_PI = math.log(2.0 * math.pi)


def cholesky(matrix: tf.Tensor, scale: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """Lower factor of a batch `[..., n, n]`, with jitter only where it is needed, and an ok flag `[...]`.

    Each failing member climbs its own ladder (0, 1e-10, 1e-8, ..., 1e-2 of its mean diagonal, or of
    `scale` `[...]`); the others are not touched. For a difference of covariances the scale is the size
    of what was subtracted from, whose rounding remains. The factor is meaningless where not ok.
    """
    diagonal = tf.linalg.diag_part(matrix)
    if scale is None:
        scale = tf.reduce_mean(diagonal, axis=-1)
    scale = tf.expand_dims(scale, -1)

    def climb(height: tf.Tensor, factor: tf.Tensor, ok: tf.Tensor) -> tuple[tf.Tensor, ...]:
        jitter = tf.where(ok, tf.zeros_like(scale), height * scale)
        retried = tf.linalg.cholesky(tf.linalg.set_diag(matrix, diagonal + jitter))
        factor = tf.where(tf.expand_dims(ok, -1), factor, retried)
        return _JITTER_STEP * height, factor, _is_finite(factor)

    factor = tf.linalg.cholesky(matrix)
    _, factor, ok = tf.while_loop(
        lambda height, _, ok: ~tf.reduce_all(ok),
        climb,
        (tf.constant(_JITTER_FIRST, matrix.dtype), factor, _is_finite(factor)),
        maximum_iterations=_JITTER_RUNGS,
    )
    return factor, tf.squeeze(ok, -1)


def _is_finite(factor: tf.Tensor) -> tf.Tensor:
    """True where a matrix of a batch `[..., n, n]` is finite throughout: bool `[..., 1]`.

    A failed factorisation is all NaN in one kernel and NaN from the failing pivot on in another, so
    the whole factor is looked at.
    """
    return tf.expand_dims(tf.reduce_all(tf.math.is_finite(factor), axis=[-2, -1]), -1)


def inverse_lower(factor: tf.Tensor) -> tf.Tensor:
    """Inverse of a lower-triangular batch `[..., n, n]`."""
    identity = tf.linalg.diag(tf.ones_like(tf.linalg.diag_part(factor)))
    return tf.linalg.triangular_solve(factor, identity)


@tf.custom_gradient
def with_diagonal(matrix: tf.Tensor, diagonal: tf.Tensor) -> tuple[tf.Tensor, object]:
    """Matrices `[..., n, n]` with another diagonal; the gradient of `set_diag` has sixty operations."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        beside = tf.linalg.set_diag(upstream, tf.zeros_like(diagonal))
        return beside, tf.linalg.diag_part(upstream)

    return tf.linalg.set_diag(matrix, diagonal), gradient


@tf.custom_gradient
def normal_log_density(covariance: tf.Tensor, z: tf.Tensor) -> tuple[tf.Tensor, object]:
    """Log density of `z` `[n]`, or `[..., n]`, under `N(0, covariance)`, covariance `[..., n, n]`: `[...]`.

    The gradient is written out, because differentiating through a Cholesky factorisation costs
    several n^3: with `alpha = K^-1 z`, it is `(alpha alpha^T - K^-1) / 2` in K and `-alpha` in z
    (Rasmussen and Williams 2006, equation 5.9). NaN where the covariance is not positive definite.
    """
    factor = tf.linalg.cholesky(covariance)
    whitened = tf.linalg.triangular_solve(factor, z[..., None])
    diagonal = tf.linalg.diag_part(factor)
    n = tf.cast(tf.shape(z)[-1], z.dtype)
    value = (
        -0.5 * tf.reduce_sum(tf.square(whitened), axis=[-2, -1])
        - tf.reduce_sum(tf.math.log(diagonal), axis=-1)
        - 0.5 * n * LOG_TWO_PI
    )

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        precision = tf.linalg.cholesky_solve(factor, tf.linalg.diag(tf.ones_like(diagonal)))
        alpha = tf.linalg.triangular_solve(factor, whitened, adjoint=True)
        upstream = upstream[..., None, None]
        d_covariance = 0.5 * upstream * (tf.matmul(alpha, alpha, transpose_b=True) - precision)
        shared = list(range(len(alpha.shape) - 1 - len(z.shape)))
        d_z = -tf.reduce_sum(upstream * alpha, axis=shared)
        return d_covariance, d_z[..., 0]

    return value, gradient


def in_batches(
    function: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor, size: int | tf.Tensor
) -> tf.Tensor:
    """Values `[c]` of rows `[c, p]`, `size` at once; the function may be given rows of zeros as well."""
    c = tf.shape(rows)[0]
    size = tf.maximum(tf.minimum(size, c), 1)
    batches = (c + size - 1) // size
    filled = tf.pad(rows, [[0, batches * size - c], [0, 0]])
    filled = tf.reshape(filled, [batches, size, rows.shape[1]])

    def evaluate(i: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return i + 1, tf.tensor_scatter_nd_update(values, [[i]], function(filled[i])[None])

    _, values = tf.while_loop(
        lambda i, _: i < batches,
        evaluate,
        (tf.constant(0), tf.zeros([batches, size], rows.dtype)),
        parallel_iterations=1,
    )
    return tf.reshape(values, [-1])[:c]
