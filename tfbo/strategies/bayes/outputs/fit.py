"""The compiled fit of several outputs: one program for their posteriors, whose axis comes first."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _numerics
from tfbo._compile import devices
from tfbo._compile.programs import Program
from tfbo.gp import Hyperparameters, Posterior, likelihood, outcomes, search
from tfbo.gp import outputs as gp_outputs
from tfbo.gp.data import TrainingData
from tfbo.gp.hyperprior import Hyperprior
from tfbo.gp.kernels import Kernel
from tfbo.strategies.bayes import fit
from tfbo.strategies.bayes.fit import Fit, Given, with_rows


class Models(NamedTuple):
    """Choices that distinguish one program from another."""

    each: fit.Model
    """Of every output; its outcomes are transformed already."""
    outputs: int


def run(models: Models, given: Given, device: str, *, searches: bool = True) -> Fit:
    """Fit on a device; outcomes, errors and mask are `[m, n]`, noise `[m]` with NaN where it is learned."""
    n = given.mask.shape[1]
    padded = models.each.padded
    found: Fit = compiled(models, searches)(_pad(given) if padded else given, device, rows=n)
    if not padded:
        return found
    features, *others = found.observed
    return found._replace(
        posterior=resized(found.posterior, n),
        observed=likelihood.Observations(with_rows(features, n), *(part[:, :n] for part in others)),
    )


@functools.lru_cache(maxsize=64)
def compiled(models: Models, searches: bool) -> Program:
    """The program behind `run`; without a search it conditions the models at the start."""
    (kernel, *_), m = models.each, models.outputs
    p = len(models.each.hyperprior.loc)
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    data = TrainingData(spec([None, kernel.dimension]), spec([m, None]), spec([m, None]))
    start = search.Start(spec([m, p]), spec([m, p, p]), tf.TensorSpec([m], tf.bool))
    mask = tf.TensorSpec([m, None], tf.bool)
    signature = Given(data, mask, spec([m]), start, spec([None, p]))
    answer = Fit(*posterior_spec(kernel, m), search.FITTED)
    settings = models, searches
    return Program(_fit, settings, signature, answer, xla=models.each.padded)


@functools.lru_cache(maxsize=64)
def posterior_spec(kernel: Kernel, m: int) -> tuple[Posterior, likelihood.Observations]:
    """The signature of m posteriors, and of the data that they are of."""
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    number, vector, flag = spec([m]), spec([m, None]), tf.TensorSpec([m], tf.bool)
    shape = spec([m, len(kernel.shape_names)])
    hyperparameters = Hyperparameters(number, spec([m, kernel.lengthscale_count]), shape, number)
    rows, square = spec([m, None, kernel.features]), spec([m, None, None])
    factors = likelihood.Factors(hyperparameters, rows, vector, square, vector, flag)
    features, mask = spec([None, kernel.features]), tf.TensorSpec([m, None], tf.bool)
    observed = likelihood.Observations(features, vector, mask, vector)
    return Posterior(kernel, factors, number, number, ok=flag), observed


def _fit(settings: tuple[Models, bool], given: Given) -> Fit:
    models, searches = settings
    model = models.each
    each = [outcomes.standardise(given.data.y[i], given.mask[i]) for i in range(models.outputs)]
    standardised = outcomes.Standardised(*(tf.stack(part) for part in zip(*each, strict=True)))
    scale = standardised.scale[:, None]
    errors = _numerics.quantise(outcomes.standardise_errors(given.data.std, scale))
    observed = likelihood.Observations(
        model.kernel.embed(given.data.x),
        _numerics.quantise(standardised.z),
        given.mask,
        tf.square(errors),
    )
    hyperprior = _hyperprior(model, given.noise / standardised.scale)
    theta = tf.clip_by_value(given.start.theta, hyperprior.lower, hyperprior.upper)
    start = given.start._replace(theta=theta)
    if searches:
        effort = fit.effort(model)
        found = gp_outputs.multistart(
            model.kernel, hyperprior, observed, start, given.candidates, effort
        )
    else:
        nothing = tf.zeros_like(standardised.scale)
        found = search.Fitted(*start[:1], nothing, *start[1:], tf.ones_like(nothing, tf.bool))
    factors = likelihood.factorise(model.kernel, found.theta, observed)
    posterior = Posterior(
        model.kernel, factors, standardised.shift, standardised.scale, ok=found.ok & factors.ok
    )
    return Fit(posterior, observed, found)


def _hyperprior(model: fit.Model, noise: tf.Tensor) -> Hyperprior:
    """Priors, and bounds of each output `[m, p]`: its standardised noise `[m]` is held, but for NaN."""
    prior = Hyperprior(*map(tf.constant, model.hyperprior))
    held = tf.math.is_finite(noise)
    variance = tf.square(tf.where(held, noise, tf.ones_like(noise)))
    log_noise = tf.math.log(tf.maximum(variance, fit.EXACT))[:, None]

    def bounds(bound: tf.Tensor) -> tf.Tensor:
        every = bound + tf.zeros_like(log_noise)
        last = tf.where(held[:, None], log_noise, every[:, -1:])
        return tf.concat([every[:, :-1], last], axis=1)

    return prior._replace(lower=bounds(prior.lower), upper=bounds(prior.upper))


def _pad(given: Given) -> Given:
    more = devices.bucket(given.mask.shape[1]) - given.mask.shape[1]
    x, y, std = given.data
    data = TrainingData(np.pad(x, [(0, more), (0, 0)]), *(_wider(part, more) for part in (y, std)))
    return given._replace(data=data, mask=_wider(given.mask, more))


def _wider(part: np.ndarray, more: int) -> np.ndarray:
    return np.pad(part, [(0, 0), (0, more)])


def resized(posterior: Posterior, n: int) -> Posterior:
    """The same of n rows of data, of which those that are added predict nothing."""
    factors = posterior.factors
    more = max(n - factors.z.shape[1], 0)

    def sized(part: np.ndarray, axes: int) -> np.ndarray:
        index = (slice(None), *[slice(n)] * axes)
        kept = part[index]
        return np.pad(kept, [(0, 0), *[(0, more)] * axes, *[(0, 0)] * (part.ndim - 1 - axes)])

    factors = factors._replace(
        rows=sized(factors.rows, 1),
        z=sized(factors.z, 1),
        inverse=sized(factors.inverse, 2),
        alpha=sized(factors.alpha, 1),
    )
    return dataclasses.replace(posterior, factors=factors)
