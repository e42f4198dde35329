"""Other priors of the hyperparameters, and other kernels."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tfbo.columns import Column, Columns
from variants.base import Patches

# Kumaraswamy's warp has an infinite slope at the ends of its range.
_MARGIN = 1e-6


def prior(**parts: tuple[float, float]) -> Patches:
    """Other log-normal priors, as densities of the logarithm; lengthscales are times sqrt(d)."""
    from tfbo.gp import hyperprior
    from tfbo.strategies.bayes import fit

    def default(d: int) -> hyperprior.Priors:
        shifts = {"lengthscale": 0.5 * np.log(d)}
        changed = {
            name: hyperprior.LogNormal(loc + shifts.get(name, 0.0), scale)
            for name, (loc, scale) in parts.items()
        }
        return hyperprior.default_priors(d)._replace(**changed)

    return {(fit, "default_priors"): default}


def lengthscales_of_any_dimension() -> Patches:
    """Lengthscales that do not grow with the dimension."""
    from tfbo.gp import hyperprior
    from tfbo.strategies.bayes import fit

    def default(d: int) -> hyperprior.Priors:
        return hyperprior.default_priors(d)._replace(
            lengthscale=hyperprior.default_priors(6).lengthscale
        )

    return {(fit, "default_priors"): default}


def additive() -> Patches:
    """Half of the variance is a sum of functions of one column each (Duvenaud et al. 2011)."""
    import tensorflow as tf

    from tfbo.gp import kernels

    joint = kernels._fast

    @functools.cache
    def half_and_half(correlation: type) -> type:
        class Additive(joint(correlation)):  # type: ignore[misc]
            def _matrix(self, x1: Any, x2: Any) -> Any:
                r2 = tf.square(x1[..., :, None, :] - x2[..., None, :, :])
                alone = self._apply_with_distance(x1, x2, r2, example_ndims=3)
                return 0.5 * super()._matrix(x1, x2) + 0.5 * tf.reduce_mean(alone, axis=-1)

        return Additive

    return {(kernels, "_fast"): half_and_half}


def warped() -> Patches:
    """Numbers pass through Kumaraswamy's distribution function, whose two powers are learned."""
    import tensorflow as tf

    from tfbo.gp import hyperprior, kernels
    from tfbo.strategies.bayes import fit

    class Warped(kernels.Kernel):
        @property
        def shape_names(self) -> tuple[str, ...]:
            return tuple(f"{power}{i}" for power in "ab" for i in range(self.dimension))

        def at(self, hyperparameters: kernels.Hyperparameters) -> Any:
            return kernels._fast(self.correlation)(amplitude=hyperparameters.amplitude)

        def scale(self, hyperparameters: kernels.Hyperparameters, features: tf.Tensor) -> tf.Tensor:
            owners = np.argmax(self._tables.owner, axis=0)
            powers = hyperparameters.shape[..., None, :]
            a = tf.gather(powers[..., : self.dimension], owners, axis=-1)
            b = tf.gather(powers[..., self.dimension :], owners, axis=-1)
            u = tf.clip_by_value(features, _MARGIN, 1.0 - _MARGIN)
            moved = 1.0 - tf.pow(1.0 - tf.pow(u, a), b)
            plain = self._tables.number > 0.0
            return super().scale(hyperparameters, tf.where(plain, moved, features))

    plain = kernels.kernel

    def kernel(name: str, dimension: int, columns: Any = None) -> Warped:
        made = plain(name, dimension, columns)
        return Warped(made.correlation, made.dimension, made.columns, made.ard)

    def default(d: int) -> hyperprior.Priors:
        return hyperprior.default_priors(d)._replace(shape=hyperprior.LogNormal(0.0, 0.5))

    def scouting(d: int) -> hyperprior.Priors:
        return hyperprior.rough_priors(d)._replace(shape=hyperprior.LogNormal(0.0, 0.5))

    places = {(fit, "default_priors"): default, (fit, "rough_priors"): scouting}
    return {(kernels, "kernel"): kernel, **places}


def categories_as_numbers() -> Patches:
    """Categories are numbers in the order in which they were given."""
    from tfbo.gp import kernels

    return {(kernels, "_tables"): _as_numbers(lambda column: column.categorical)}


def inactive_in_the_middle() -> Patches:
    """An inactive number is taken to be in the middle of its range."""
    import tensorflow as tf

    from tfbo.gp import kernels

    embed, is_on_arc = kernels.Kernel.embed, kernels._is_on_arc

    def embedded(self: kernels.Kernel, x: Any) -> Any:
        assert self.columns is not None
        imputed = np.array([is_on_arc(column) for column in self.columns.columns])
        return embed(self, tf.where(imputed & (x < 0.0), 0.5 * tf.ones_like(x), x))

    return {
        (kernels, "_tables"): _as_numbers(is_on_arc),
        (kernels.Kernel, "embed"): embedded,
    }


def _as_numbers(which: Callable[[Column], bool]) -> Callable[[Columns], Any]:
    """The features of columns of which some are plain numbers."""
    from tfbo.gp import kernels

    tables = kernels._tables

    def changed(columns: Columns) -> Any:
        plain = (
            dataclasses.replace(c, categorical=False, conditions=(), optional=False)
            if which(c)
            else c
            for c in columns.columns
        )
        return tables(Columns(tuple(plain)))

    return changed
