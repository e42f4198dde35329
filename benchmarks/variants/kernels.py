"""Other priors of the hyperparameters, and other kernels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfbo.columns import Columns
from tfbo.gp import KERNELS, Hyperparameters, Kernel, LogNormal, Priors
from tfbo.gp.hyperprior import default_priors

psd_kernels = tfp.math.psd_kernels

# Kumaraswamy's warp has an infinite slope at the ends of its range.
_MARGIN = 1e-6


def priors(**parts: tuple[float, float]) -> Callable[[int], Priors]:
    """Other log-normal priors, as densities of the logarithm; lengthscales are times sqrt(d)."""

    def of(d: int) -> Priors:
        shifts = {"lengthscale": 0.5 * np.log(d)}
        changed = {
            name: LogNormal(loc + shifts.get(name, 0.0), scale)
            for name, (loc, scale) in parts.items()
        }
        return default_priors(d)._replace(**changed)

    return of


def lengthscales_of_any_dimension(d: int) -> Priors:
    """Lengthscales that do not grow with the dimension."""
    return default_priors(d)._replace(lengthscale=default_priors(6).lengthscale)


class Additive(Kernel):
    """Half of the variance is a sum of functions of one feature each (Duvenaud et al. 2011)."""

    @property
    def is_isotropic(self) -> bool:  # noqa: D102
        return False

    def at(self, hyperparameters: Hyperparameters) -> Any:  # noqa: D102
        def part(share: float) -> Any:
            amplitude = np.sqrt(share) * hyperparameters.amplitude
            return super(Additive, self).at(hyperparameters._replace(amplitude=amplitude))

        alone = part(0.5 / self.features)
        total = part(0.5)
        for i in range(self.features):
            total += psd_kernels.FeatureTransformed(alone, lambda x, *_, i=i: x[..., i : i + 1])
        return total


class Warped(Kernel):
    """Numbers pass through Kumaraswamy's distribution function, whose two powers are learned."""

    @property
    def shape_names(self) -> tuple[str, ...]:  # noqa: D102
        return tuple(f"{power}{i}" for power in "ab" for i in range(self.dimension))

    def scale(self, hyperparameters: Hyperparameters, features: tf.Tensor) -> tf.Tensor:  # noqa: D102
        powers = hyperparameters.shape[..., None, :]
        a = tf.gather(powers[..., : self.dimension], self.owners, axis=-1)
        b = tf.gather(powers[..., self.dimension :], self.owners, axis=-1)
        u = tf.clip_by_value(features, _MARGIN, 1.0 - _MARGIN)
        moved = 1.0 - tf.pow(1.0 - tf.pow(u, a), b)
        return super().scale(hyperparameters, tf.where(self.numbers, moved, features))


class Imputed(Kernel):
    """An inactive number is taken to be in the middle of its range."""

    def embed(self, x: tf.Tensor) -> tf.Tensor:  # noqa: D102
        assert self.columns is not None
        numbers = np.array([not column.categorical for column in self.columns.columns])
        return super().embed(tf.where(numbers & (x < 0.0), 0.5 * tf.ones_like(x), x))


def of_class(kind: type[Kernel]) -> Callable[[int, Columns | None], Kernel]:
    """A Matern-5/2 kernel of that class."""
    return lambda dimension, columns: kind(KERNELS["matern52"], dimension, columns)


def categories_as_numbers(dimension: int, columns: Columns | None) -> Kernel:
    """Categories are numbers in the order in which they were given."""
    return Kernel(KERNELS["matern52"], dimension, _changed(columns, categorical=False))


def inactive_in_the_middle(dimension: int, columns: Columns | None) -> Kernel:
    """Numbers that some rows lack are on no arc."""
    always = _changed(columns, conditions=(), optional=False)
    return Imputed(KERNELS["matern52"], dimension, always)


def _changed(columns: Columns | None, **parts: Any) -> Columns | None:
    """The columns, each of them with other parts."""
    if columns is None:
        return None
    return Columns(tuple(dataclasses.replace(column, **parts) for column in columns.columns))
