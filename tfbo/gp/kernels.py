"""Kernels: an isotropic correlation of `tfp.math.psd_kernels` on scaled, embedded columns.

A `Kernel` says how the columns of a design matrix become features (numbers as they are, categories
one-hot, conditional columns on an arc) and which TFP kernel acts on them. With hyperparameters it
becomes a TFP kernel, so all of TFP's kernel algebra applies to what it returns.

Adding one: give `KERNELS` a row (any isotropic TFP kernel class), or pass the class itself.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from tfbo.columns import INACTIVE, Column, Columns
from tfbo.errors import invalid

psd_kernels = tfp.math.psd_kernels

KERNELS: dict[str, type] = {
    "matern52": psd_kernels.MaternFiveHalves,
    "matern32": psd_kernels.MaternThreeHalves,
    "matern12": psd_kernels.MaternOneHalf,
    "rbf": psd_kernels.ExponentiatedQuadratic,
    "rational_quadratic": psd_kernels.RationalQuadratic,
}

# Positive hyperparameters that a TFP class has beside amplitude and lengthscale.
_SHAPES: dict[type, tuple[str, ...]] = {
    psd_kernels.RationalQuadratic: ("scale_mixture_rate",),
    psd_kernels.GammaExponential: ("power",),
}


class Hyperparameters(NamedTuple):
    """The positive numbers of a Gaussian process, each with leading batch axes `[...]`."""

    amplitude: tf.Tensor
    """`[...]`: prior standard deviation of the function, in standardised outputs."""
    lengthscales: tf.Tensor
    """`[..., d]`, or `[..., 1]` where all columns share one."""
    shape: tf.Tensor
    """`[..., k]`: what the kernel has beside (a rational quadratic's mixture rate); k is mostly 0."""
    noise: tf.Tensor
    """`[...]`: variance of the observation noise, in standardised outputs."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A family of covariance functions over the columns of a design matrix.

    Args:
        correlation: an isotropic kernel class of `tfp.math.psd_kernels`.
        dimension: number of columns, d.
        columns: what each column is; None where all are numbers on any scale.
        ard: one lengthscale a column (automatic relevance determination) or one for all.

    Example:
        >>> import tensorflow as tf
        >>> from tfbo.gp import kernels
        >>> kernel = kernels.kernel("rbf", dimension=1)
        >>> hyperparameters = kernels.Hyperparameters(
        ...     *(tf.constant(v, tf.float64) for v in (1.0, [1.0], [], 0.0))
        ... )
        >>> x = tf.constant([[0.0], [1.0]], tf.float64)
        >>> print(kernel.covariance(hyperparameters, kernel.embed(x)).numpy().round(4))
        [[1.     0.6065]
         [0.6065 1.    ]]
    """

    correlation: type
    dimension: int
    columns: Columns | None = None
    ard: bool = True

    @property
    def lengthscale_count(self) -> int:
        """How many lengthscales there are: d, or 1 without automatic relevance determination."""
        return self.dimension if self.ard else 1

    @property
    def features(self) -> int:
        """How many features a row has, D."""
        if self.columns is None:
            return self.dimension
        return sum(_width(column) for column in self.columns.columns)

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Names of the hyperparameters beside amplitude, lengthscales and noise."""
        return _SHAPES.get(self.correlation, ())

    def embed(self, x: tf.Tensor) -> tf.Tensor:
        """Features `[..., n, D]` of rows `[..., n, d]`; free of hyperparameters, so computed once.

        * A number is its own feature.
        * A category is one-hot over sqrt(2): two different ones are 1 apart (a Hamming distance).
        * A number v that some rows lack becomes (cos v, sin v), and the origin where it is inactive: an
          inactive column is 1 away from every active value, whatever that value is (the arc kernel
          of Swersky et al. 2013, arXiv 1409.4011, on an arc of one radian).
        """
        if self.columns is None or not any(_is_embedded(c) for c in self.columns.columns):
            return x
        return tf.concat(
            [_embed_column(c, x[..., i]) for i, c in enumerate(self.columns.columns)], -1
        )

    def scale(self, hyperparameters: Hyperparameters, features: tf.Tensor) -> tf.Tensor:
        """Features `[..., n, D]` divided by the lengthscale of the column that each belongs to."""
        lengthscales = hyperparameters.lengthscales
        if self.ard and self.columns is not None:
            lengthscales = tf.gather(lengthscales, self._owners, axis=-1)
        return features / lengthscales[..., None, :]

    def at(self, hyperparameters: Hyperparameters) -> Any:
        """The TFP kernel of scaled features at these hyperparameters."""
        shape = {name: hyperparameters.shape[..., i] for i, name in enumerate(self.shape_names)}
        return _fast(self.correlation)(amplitude=hyperparameters.amplitude, **shape)

    def covariance(
        self,
        hyperparameters: Hyperparameters,
        features: tf.Tensor,
        mask: tf.Tensor | None = None,
        variances: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Covariance matrix `[..., n, n]` of the observations at embedded rows: kernel and noise.

        Known `variances` `[n]` of the observations add to the noise. Rows that the bool `mask` `[n]`
        leaves out are rows of the identity matrix.
        """
        scaled = self.scale(hyperparameters, features)
        gram = self.at(hyperparameters).matrix(scaled, scaled)
        # The diagonal is known exactly; distances formed by a matmul are not.
        variance = tf.square(hyperparameters.amplitude) + hyperparameters.noise
        variance = variance[..., None] + tf.zeros(tf.shape(gram)[:-1], gram.dtype)
        if variances is not None:
            variance += variances
        if mask is not None:
            gram = tf.where(mask[:, None] & mask, gram, tf.zeros_like(gram))
            variance = tf.where(mask, variance, tf.ones_like(variance))
        return tf.linalg.set_diag(gram, variance)

    @functools.cached_property
    def _owners(self) -> list[int]:
        assert self.columns is not None
        widths = [_width(column) for column in self.columns.columns]
        return [i for i, width in enumerate(widths) for _ in range(width)]


def kernel(
    name: str | type, dimension: int, columns: Columns | None = None, *, ard: bool = True
) -> Kernel:
    """The kernel of that name (see `KERNELS`), or on a TFP kernel class of the caller's.

    Raises:
        InvalidArgument: for a name that is not known or a class that is no TFP kernel.
    """
    if isinstance(name, str) and name in KERNELS:
        return Kernel(KERNELS[name], dimension, columns, ard)
    if isinstance(name, type) and hasattr(name, "_apply_with_distance"):
        return Kernel(name, dimension, columns, ard)
    raise invalid(
        "kernel",
        f"one of {', '.join(KERNELS)}, or an isotropic kernel class of tfp.math.psd_kernels",
        name,
        'Pass kernel="matern52" if in doubt.',
    )


def square_distance(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean distances `[..., n, m]` of rows `[..., n, D]` and `[..., m, D]` by one matmul.

    Rounding leaves an error of about 1e-16 times the squared norm, which may be negative: it is cut
    at zero.
    """
    norm1 = tf.reduce_sum(tf.square(x1), axis=-1)[..., :, None]
    norm2 = tf.reduce_sum(tf.square(x2), axis=-1)[..., None, :]
    return tf.nn.relu(norm1 + norm2 + tf.matmul(-2.0 * x1, x2, transpose_b=True))


def _rbf(r2: tf.Tensor) -> tuple[tf.Tensor, Callable[[], tf.Tensor]]:
    value = tf.exp(-0.5 * r2)
    return value, lambda: -0.5 * value


def _matern52(r2: tf.Tensor) -> tuple[tf.Tensor, Callable[[], tf.Tensor]]:
    s = tf.sqrt(5.0 * r2)
    decay = tf.exp(-s)
    slope = (1.0 + s) * decay
    return slope + (5.0 / 3.0) * r2 * decay, lambda: (-5.0 / 6.0) * slope


def _matern32(r2: tf.Tensor) -> tuple[tf.Tensor, Callable[[], tf.Tensor]]:
    s = tf.sqrt(3.0 * r2)
    decay = tf.exp(-s)
    return (1.0 + s) * decay, lambda: -1.5 * decay


# Correlations of the squared distance, and (when called for) their derivatives in it. Both are smooth
# at zero, where the chain rule through the distance itself divides zero by zero. Rasmussen and Williams
# 2006, equations 4.9 and 4.17.
_CLOSED: dict[type, Callable[[tf.Tensor], tuple[tf.Tensor, Callable[[], tf.Tensor]]]] = {
    psd_kernels.ExponentiatedQuadratic: _rbf,
    psd_kernels.MaternFiveHalves: _matern52,
    psd_kernels.MaternThreeHalves: _matern32,
}


@functools.cache
def _fast(correlation: type) -> type:
    """The TFP kernel class with the two things rewritten that a fit spends its time on.

    Distances are formed by one matmul, not by broadcasting to `[n, m, D]`; and the usual kernels are
    closed forms of the squared distance with their derivatives written out, which takes a third of the
    passes over the matrix. `benchmarks/latency.py` shows what the two are worth.
    """

    class Fast(correlation):
        def _matrix(self, x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
            return self._apply_with_distance(x1, x2, square_distance(x1, x2), example_ndims=2)

    class Closed(Fast):
        def _apply_with_distance(
            self, x1: tf.Tensor, x2: tf.Tensor, r2: tf.Tensor, example_ndims: int = 0
        ) -> tf.Tensor:
            @tf.custom_gradient
            def evaluate(r2: tf.Tensor) -> tuple[tf.Tensor, object]:
                value, derivative = _CLOSED[correlation](r2)
                return value, lambda upstream: upstream * derivative()

            variance = tf.square(self.amplitude)
            variance = tf.reshape(variance, tf.concat([tf.shape(variance), [1] * example_ndims], 0))
            return variance * evaluate(r2)

    chosen = Closed if correlation in _CLOSED else Fast
    chosen.__name__ = correlation.__name__
    return chosen


def _is_embedded(column: Column) -> bool:
    return bool(column.categorical or _is_on_arc(column))


def _is_on_arc(column: Column) -> bool:
    """Whether it is a number that some rows lack."""
    return not column.categorical and bool(column.conditions or column.optional)


def _width(column: Column) -> int:
    if column.categorical:
        assert column.count is not None
        return column.count
    return 2 if _is_on_arc(column) else 1


def _embed_column(column: Column, u: tf.Tensor) -> tf.Tensor:
    """One column `[..., n]` as features `[..., n, width]`."""
    if column.categorical:
        assert column.count is not None
        levels = tf.range(column.count, dtype=u.dtype)
        mine = tf.floor(u * float(column.count))
        return tf.where(
            tf.equal(mine[..., None], levels),
            tf.cast(math.sqrt(0.5), u.dtype),
            tf.cast(0.0, u.dtype),
        )
    if _is_on_arc(column):
        arc = tf.stack([tf.cos(u), tf.sin(u)], axis=-1)
        return tf.where((u > 0.5 * INACTIVE)[..., None], arc, tf.zeros_like(arc))
    return u[..., None]
