"""Kernels: an isotropic correlation of `tfp.math.psd_kernels` on scaled, embedded columns.

A `Kernel` says how the columns of a design matrix become features (numbers as they are, categories
one-hot, conditional columns on an arc) and which TFP kernel acts on them. With hyperparameters it
becomes a TFP kernel, so all of TFP's kernel algebra applies to what it returns.

Adding one: give `KERNELS` a row (any isotropic TFP kernel class), or pass the class itself. One that is
more than that derives from `Kernel`, and a function of dimension and columns makes it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfbo import _linalg
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
    """`[..., k]`: further ones of the kernel (a rational quadratic's mixture rate); k is mostly 0."""
    noise: tf.Tensor
    """`[...]`: variance of the observation noise, in standardised outputs."""


class Positive(NamedTuple):
    """A hyperparameter of a kernel's own, with its log-normal prior and the range where it is searched."""

    name: str
    loc: float
    scale: float
    low: float
    high: float


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
        """Number of lengthscales: d, or 1 without automatic relevance determination."""
        return self.dimension if self.ard else 1

    @property
    def features(self) -> int:
        """Number of features of a row, D."""
        return self._tables.owner.shape[1] if self._is_embedded else self.dimension

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Names of those beside amplitude, lengthscales and noise; the correlation's come first."""
        return _SHAPES.get(self.correlation, ())

    @property
    def own(self) -> tuple[Positive, ...]:
        """The last of them, with priors of the kernel's own; those before have that of `Priors.shape`."""
        return ()

    @property
    def configurations(self) -> Kernel:
        """The kernel of configurations alone, where rows hold a step and a trial beside one."""
        return self

    @property
    def is_isotropic(self) -> bool:
        """True where a covariance is the amplitude squared times the correlation of scaled features."""
        return True

    @property
    def owners(self) -> np.ndarray:
        """The column `[D]` that each feature belongs to."""
        return np.argmax(self._tables.owner, axis=0)

    @property
    def numbers(self) -> np.ndarray:
        """Bool `[D]`: which of the features are numbers as they are."""
        return self._tables.number > 0.0

    def embed(self, x: tf.Tensor) -> tf.Tensor:
        """Features `[..., n, D]` of rows `[..., n, d]`; free of hyperparameters, so computed once.

        * A number is its own feature.
        * A category is one-hot over sqrt(2): two different ones are 1 apart (a Hamming distance).
        * A number v that some rows lack becomes (cos v, sin v), and the origin where it is inactive: an
          inactive column is 1 away from every active value, whatever that value is (the arc kernel
          of Swersky et al. 2013, arXiv 1409.4011, on an arc of one radian).
        """
        if not self._is_embedded:
            return x
        tables = self._tables
        u = tf.matmul(x, tables.owner)
        features = u * tables.number
        if tables.cosine.any():
            active = tf.cast(u > 0.5 * INACTIVE, u.dtype)
            features += active * (tf.cos(u) * tables.cosine + tf.sin(u) * tables.sine)
        if tables.level.any():
            mine = tf.equal(tf.floor(u * tables.levels) + 1.0, tables.level)
            features += math.sqrt(0.5) * tf.cast(mine, u.dtype)
        return features

    def scale(self, hyperparameters: Hyperparameters, features: tf.Tensor) -> tf.Tensor:
        """Features `[..., n, D]` divided by the lengthscale of the column that each belongs to."""
        shrink = tf.math.reciprocal(hyperparameters.lengthscales)
        if self.ard and self._is_embedded:
            shrink = tf.gather(shrink, self.owners, axis=-1)
        return features * tf.expand_dims(shrink, -2)

    def final(self, features: tf.Tensor) -> tf.Tensor | None:
        """Features of the same trials at the last step; None where there are no steps."""
        return None

    def at(self, hyperparameters: Hyperparameters) -> Any:
        """The TFP kernel of scaled features at these hyperparameters."""
        names = _SHAPES.get(self.correlation, ())
        shape = {name: hyperparameters.shape[..., i] for i, name in enumerate(names)}
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
        leaves out are rows of the identity matrix. Both may have the leading axes.
        """
        scaled = self.scale(hyperparameters, features)
        gram = self.at(hyperparameters).matrix(scaled, scaled)
        # The diagonal is known exactly; distances formed by a matmul are not.
        variance = tf.square(hyperparameters.amplitude) + hyperparameters.noise
        beyond = tf.zeros_like(scaled[..., 0]) if variances is None else variances
        variance = tf.expand_dims(variance, -1) + beyond
        if mask is not None:
            gram = tf.where(mask[..., :, None] & mask[..., None, :], gram, tf.zeros_like(gram))
            variance = tf.where(mask, variance, tf.ones_like(variance))
        return _linalg.with_diagonal(gram, variance)

    @property
    def _is_embedded(self) -> bool:
        """True where any column is more, or other, than its own feature."""
        columns = self.columns.columns if self.columns is not None else ()
        return any(column.categorical or _is_on_arc(column) for column in columns)

    @functools.cached_property
    def _tables(self) -> _Tables:
        return _tables(self.columns or Columns((Column(),) * self.dimension))


Factory = Callable[[int, Columns | None], Kernel]
"""From the number of columns, and what each of them is, to a kernel."""


def kernel(
    given: str | type | Factory, dimension: int, columns: Columns | None = None, *, ard: bool = True
) -> Kernel:
    """The kernel of that name (see `KERNELS`), TFP class or factory; InvalidArgument for anything else."""
    if isinstance(given, str) and given in KERNELS:
        return Kernel(KERNELS[given], dimension, columns, ard)
    if isinstance(given, type) and hasattr(given, "_apply_with_distance"):
        return Kernel(given, dimension, columns, ard)
    expected = (
        f"one of {', '.join(KERNELS)}, an isotropic kernel class of tfp.math.psd_kernels, "
        "or a function of dimension and columns that returns a tfbo.gp.Kernel"
    )
    if callable(given) and not isinstance(given, type):
        made = given(dimension, columns)
        if isinstance(made, Kernel) and made.dimension == dimension:
            return made
        expected = f"a function that returns a tfbo.gp.Kernel of {dimension} columns"
    raise invalid("kernel", expected, given, 'Pass kernel="matern52" if in doubt.')


Gradient = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""Gradients of both sets of rows, from that of the matrix `[..., n, m]` that is made of them."""


def _square_distance(x1: tf.Tensor, x2: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    assert x1.shape.rank == x2.shape.rank, "the gradient is that of rows with the same leading axes"
    norm1, norm2 = (tf.reduce_sum(tf.square(x), axis=-1, keepdims=True) for x in (x1, x2))
    product = tf.matmul(-2.0 * x1, x2, transpose_b=True)
    distance = tf.nn.relu(norm1 + tf.linalg.matrix_transpose(norm2) + product)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        slope = 2.0 * tf.where(distance > 0.0, upstream, tf.zeros_like(upstream))
        row = tf.reduce_sum(slope, axis=-1, keepdims=True)
        column = tf.linalg.matrix_transpose(tf.reduce_sum(slope, axis=-2, keepdims=True))
        d_x1 = row * x1 - tf.matmul(slope, x2)
        return d_x1, column * x2 - tf.matmul(slope, x1, transpose_a=True)

    return distance, gradient


@tf.custom_gradient
def square_distance(x1: tf.Tensor, x2: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Squared Euclidean distances `[..., n, m]` of rows `[..., n, D]` and `[..., m, D]` by one matmul.

    Rounding leaves an error of about 1e-16 times the squared norm, which may be negative: it is cut
    at zero. The gradient is written out: it is two products, of which broadcasting would make ninety
    operations.
    """
    return _square_distance(x1, x2)


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


def closed(correlation: type, r2: tf.Tensor) -> tf.Tensor:
    """Correlation of squared scaled distances, of one of the usual classes, smooth at zero."""

    @tf.custom_gradient
    def evaluate(r2: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        value, derivative = _CLOSED[correlation](r2)
        return value, lambda upstream: upstream * derivative()

    return evaluate(r2)


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
        def _matrix(self, x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
            @tf.custom_gradient
            def evaluate(x1: tf.Tensor, x2: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
                r2, gradient = _square_distance(x1, x2)
                value, derivative = _CLOSED[correlation](r2)
                return value, lambda upstream: gradient(upstream * derivative())

            variance = tf.square(self.amplitude)
            if variance.shape.rank:
                variance = variance[..., None, None]
            return variance * evaluate(x1, x2)

    chosen = Closed if correlation in _CLOSED else Fast
    chosen.__name__ = correlation.__name__
    return chosen


class _Tables(NamedTuple):
    """Tables from which embedded columns become features."""

    owner: np.ndarray
    """Column of each feature, one-hot `[d, D]`."""
    number: np.ndarray
    """One where the feature is the number itself, `[D]`; zero elsewhere, here and below."""
    cosine: np.ndarray
    """One where it is the cosine of a number that some rows lack, `[D]`."""
    sine: np.ndarray
    """One where it is the sine, `[D]`."""
    level: np.ndarray
    """Level of a category that it stands for, from one on, `[D]`."""
    levels: np.ndarray
    """Number of levels of that category, `[D]`."""


def _tables(columns: Columns) -> _Tables:
    owners: list[int] = []
    features: list[tuple[float, ...]] = []
    for i, column in enumerate(columns.columns):
        if column.categorical:
            assert column.count is not None
            count = float(column.count)
            rows = [(0.0, 0.0, 0.0, level + 1.0, count) for level in range(column.count)]
        elif _is_on_arc(column):
            rows = [(0.0, 1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0, 0.0)]
        else:
            rows = [(1.0, 0.0, 0.0, 0.0, 0.0)]
        owners += [i] * len(rows)
        features += rows
    return _Tables(np.eye(len(columns))[:, owners], *np.array(features, np.float64).T)


def _is_on_arc(column: Column) -> bool:
    """True of a number that some rows lack."""
    return not column.categorical and bool(column.conditions or column.optional)
