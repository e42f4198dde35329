"""Cholesky factors that say when they failed, and the likelihood built on one."""

from __future__ import annotations

import math

import tensorflow as tf

# The jitter ladder, relative to the mean of the diagonal: no jitter first, so that a well-conditioned
# matrix is left alone, then 1e-10 and upwards. 1e-10 is a thousand times what rounding adds to an
# eigenvalue of a 1000 x 1000 Gram matrix.
_JITTER_FIRST = 1e-10
_JITTER_STEP = 100.0
_JITTER_RUNGS = 5
# How often triangular matrices are halved: a third time gains nothing at n = 1000.
_DEPTH = 2

LOG_TWO_PI = math.log(2.0 * math.pi)


def is_finite(factor: tf.Tensor) -> tf.Tensor:
    """Whether each matrix of a batch `[..., n, n]` is finite throughout: bool `[...]`.

    A failed factorisation is all NaN in one kernel and NaN from the failing pivot on in another, so
    the whole factor is looked at.
    """
    return tf.reduce_all(tf.math.is_finite(factor), axis=[-2, -1])


def cholesky(matrix: tf.Tensor, scale: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """Lower factor of a batch `[..., n, n]`, with jitter only where it is needed.

    Each failing member climbs its own ladder (0, 1e-10, 1e-8, ..., 1e-2 of its mean diagonal); the
    others are not touched.

    Args:
        matrix: `[..., n, n]`, symmetric.
        scale: what jitter is relative to, `[...]`; the mean diagonal if None. For a difference of
            covariances it is the size of what was subtracted from, whose rounding remains.

    Returns:
        The factor `[..., n, n]` and an ok flag, bool `[...]`; the factor is meaningless where not ok.
    """
    eye = tf.eye(tf.shape(matrix)[-1], dtype=matrix.dtype)
    if scale is None:
        scale = tf.reduce_mean(tf.linalg.diag_part(matrix), axis=-1)
    scale = scale + tf.zeros(tf.shape(matrix)[:-2], matrix.dtype)

    def climb(rung: tf.Tensor, factor: tf.Tensor, ok: tf.Tensor) -> tuple[tf.Tensor, ...]:
        height = tf.cast(_JITTER_FIRST, matrix.dtype) * tf.pow(
            tf.cast(_JITTER_STEP, matrix.dtype), tf.cast(rung, matrix.dtype)
        )
        jitter = tf.where(ok, tf.zeros_like(scale), height * scale)
        retried = tf.linalg.cholesky(matrix + jitter[..., None, None] * eye)
        factor = tf.where(ok[..., None, None], factor, retried)
        return rung + 1, factor, is_finite(factor)

    factor = tf.linalg.cholesky(matrix)
    _, factor, ok = tf.while_loop(
        lambda rung, _, ok: (rung < _JITTER_RUNGS) & ~tf.reduce_all(ok),
        climb,
        (tf.constant(0), factor, is_finite(factor)),
    )
    return factor, ok


def inverse_lower(factor: tf.Tensor, *, depth: int = _DEPTH) -> tf.Tensor:
    """Inverse of a lower-triangular batch `[..., n, n]`.

    By halves: with blocks `A`, `C`, `B` the inverse is `A^-1`, `-B^-1 C A^-1`, `B^-1`. Nearly all of
    the work is then matrix products, which run on all cores and do not multiply by the zeros above
    the diagonal. At n = 1000 that takes half the time of a triangular solve of the identity matrix.
    """
    if depth == 0:
        eye = tf.eye(tf.shape(factor)[-1], batch_shape=tf.shape(factor)[:-2], dtype=factor.dtype)
        return tf.linalg.triangular_solve(factor, eye)
    half = tf.shape(factor)[-1] // 2
    upper = inverse_lower(factor[..., :half, :half], depth=depth - 1)
    lower = inverse_lower(factor[..., half:, half:], depth=depth - 1)
    side = -tf.matmul(lower, tf.matmul(factor[..., half:, :half], upper))
    return _blocks(upper, tf.zeros_like(factor[..., :half, half:]), side, lower)


def gram_lower(factor: tf.Tensor, *, depth: int = _DEPTH) -> tf.Tensor:
    """The product `factor^T factor` of a lower-triangular batch `[..., n, n]`, by halves as above."""
    if depth == 0:
        return tf.matmul(factor, factor, transpose_a=True)
    half = tf.shape(factor)[-1] // 2
    side, lower = factor[..., half:, :half], factor[..., half:, half:]
    first = gram_lower(factor[..., :half, :half], depth=depth - 1)
    first += tf.matmul(side, side, transpose_a=True)
    cross = tf.matmul(side, lower, transpose_a=True)
    transposed = tf.linalg.matrix_transpose(cross)
    return _blocks(first, cross, transposed, gram_lower(lower, depth=depth - 1))


def _blocks(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    return tf.concat([tf.concat([a, b], axis=-1), tf.concat([c, d], axis=-1)], axis=-2)


@tf.custom_gradient
def normal_log_density(covariance: tf.Tensor, z: tf.Tensor) -> tuple[tf.Tensor, object]:
    """Log density of `z` `[n]` under `N(0, covariance)`, covariance `[..., n, n]`: `[...]`.

    The gradient is written out, because differentiating through a Cholesky factorisation costs
    several n^3: with `alpha = K^-1 z`, it is `(alpha alpha^T - K^-1) / 2` in K and `-alpha` in z
    (Rasmussen and Williams 2006, equation 5.9). NaN where the covariance is not positive definite.
    """
    factor = tf.linalg.cholesky(covariance)
    column = tf.zeros_like(factor[..., :1]) + z[:, None]
    whitened = tf.linalg.triangular_solve(factor, column)[..., 0]
    n = tf.cast(tf.shape(z)[-1], z.dtype)
    value = (
        -0.5 * tf.reduce_sum(tf.square(whitened), axis=-1)
        - tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), axis=-1)
        - 0.5 * n * LOG_TWO_PI
    )

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inverse = inverse_lower(factor)
        alpha = tf.linalg.matvec(inverse, whitened, transpose_a=True)
        outer = alpha[..., :, None] * alpha[..., None, :]
        d_covariance = (0.5 * upstream)[..., None, None] * (outer - gram_lower(inverse))
        d_z = tf.reshape(-upstream[..., None] * alpha, [-1, tf.shape(z)[-1]])
        return d_covariance, tf.reduce_sum(d_z, axis=0)

    return value, gradient
