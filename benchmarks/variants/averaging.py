"""An acquisition that is averaged over draws of the hyperparameters, instead of one at their optimum."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfbo.acquisition import LogEI
from tfbo.gp import hyperprior, likelihood

CHAINS, STEPS, SHRINKS = 8, 8, 40
# Location and scale of the prior of a lengthscale over sqrt(d). The one that the optimum is sought with
# is so wide that eight draws of what few data leave open would have little in common.
_LENGTHSCALE = (-0.8, 1.0)


def drawn(kernel: Any, prior: Any, observed: Any, theta: Any) -> Any:
    """Log hyperparameters `[CHAINS, p]` by elliptical slice sampling from `theta` `[p]`.

    The priors are normal in the logarithms, so there is nothing to tune (Murray, Adams and MacKay 2010).
    """
    rng, p = np.random.default_rng(0), theta.shape[-1]
    normals = tf.constant(rng.standard_normal([STEPS, CHAINS, p]))
    heights = tf.constant(np.log(rng.random([STEPS, CHAINS])))
    shares = tf.constant(rng.random([STEPS, CHAINS, SHRINKS + 1]))
    unweighted = prior._replace(weight=tf.zeros_like(prior.weight))
    full = tf.constant(2.0 * np.pi, tf.float64)

    def log_likelihood(theta: Any) -> Any:
        value = likelihood.log_posterior(kernel, unweighted, observed, theta)
        inside = tf.reduce_all((theta >= prior.lower) & (theta <= prior.upper), axis=-1)
        return tf.where(tf.math.is_finite(value) & inside, value, -np.inf)

    def step(i: Any, theta: Any, value: Any) -> tuple[Any, ...]:
        away, other, level = theta - prior.loc, normals[i] * prior.scale, value + heights[i]

        def shrink(j: Any, low: Any, high: Any, found: Any, theta: Any, value: Any) -> Any:
            angle = low + (high - low) * shares[i, :, j]
            turned = away * tf.cos(angle)[:, None] + other * tf.sin(angle)[:, None]
            reached = log_likelihood(prior.loc + turned)
            new = (reached > level) & ~found
            theta = tf.where(new[:, None], prior.loc + turned, theta)
            low = tf.where(angle < 0.0, angle, low)
            high = tf.where(angle >= 0.0, angle, high)
            return j + 1, low, high, found | new, theta, tf.where(new, reached, value)

        first = full * shares[i, :, SHRINKS]
        none = tf.zeros([CHAINS], tf.bool)
        *_, theta, value = tf.while_loop(
            lambda j, low, high, found, *_: (j < SHRINKS) & ~tf.reduce_all(found),
            shrink,
            (tf.constant(0), first - full, first, none, theta, value),
        )
        return i + 1, theta, value

    start = tf.tile(theta[None], [CHAINS, 1])
    _, theta, _ = tf.while_loop(
        lambda i, *_: i < STEPS, step, (tf.constant(0), start, log_likelihood(start))
    )
    return theta


@dataclasses.dataclass(frozen=True)
class Averaged(LogEI):
    """The logarithm of the mean improvement over the draws."""

    def prepare(self, posterior: Any, observed: Any, pending: Any) -> Any:  # noqa: D102
        kernel, at = posterior.kernel, posterior.hyperparameters
        loc, scale = _LENGTHSCALE
        lengthscale = hyperprior.LogNormal(loc + 0.5 * np.log(kernel.dimension), scale)
        prior = hyperprior.default_priors(kernel.dimension)._replace(lengthscale=lengthscale)
        known = hyperprior.Hyperprior(*map(tf.constant, hyperprior.stack(kernel, prior)))
        parts = (at.amplitude[None], at.lengthscales, at.shape, at.noise[None])
        theta = drawn(kernel, known, observed, tf.math.log(tf.concat(parts, axis=0)))
        factors = likelihood.factorise(kernel, theta, observed)
        several = dataclasses.replace(posterior, factors=factors)
        return super().prepare(several, observed, pending)
