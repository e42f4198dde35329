"""The compiled fit: from training data to the posterior of the surrogate.

Everything that varies enters it as data (`Given`), so that it is traced once for a space and a model,
whatever acquisition or strategy asks for it. Letters: n data, d columns, D features, p log
hyperparameters, c candidates.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _numerics
from tfbo._compile import devices
from tfbo._compile.programs import Program
from tfbo.gp import Hyperparameters, Posterior, kernels, likelihood, outcomes, search
from tfbo.gp.data import TrainingData
from tfbo.gp.hyperprior import Hyperprior, Priors, hold_noise, rough_priors, stack

# Below this gain, in nats, hyperparameters are as good as their optimum.
_TOLERANCE = 1e-3
# A search restarts twice: from draws of the priors, and from the neighbours of the best optimum so far.
_ROUNDS, _NEARBY = 2, 4
# Fits that are kept of the same trials: of outcomes (with failed trials and without) and of labels.
_MOST_KEPT = 4
# The noise of an objective without any: the first rung of the jitter ladder of `_linalg`, which keeps
# the covariances of a thousand trials positive definite. It blurs outcomes by a hundred-thousandth of
# their standard deviation; learned noise may be ten times that and no less.
EXACT = 1e-10


class Model(NamedTuple):
    """Choices that distinguish one program from another."""

    kernel: kernels.Kernel
    priors: Priors
    transform: outcomes.TransformOf
    """Of the outcomes, before they are standardised."""
    restarts: int
    """Restarts of the search for hyperparameters, beside the one from the last fit."""
    optimizer: str
    padded: bool
    """See `devices.Plan`."""
    learned: bool = True
    """True where the observation noise is learned; else it is held where it is known to be."""

    @property
    def hyperprior(self) -> Hyperprior:
        """Priors and bounds of the hyperparameters."""
        return _stacked(self.kernel, self.priors)


class Given(NamedTuple):
    """Data and start of a fit; arrays of float64 but where it says otherwise."""

    data: TrainingData
    """Larger outcomes are better."""
    mask: np.ndarray
    """bool `[n]`: which of the data are not padding."""
    noise: np.ndarray
    """Standard deviation of the noise beyond known standard errors, `[]`, where it is not learned."""
    start: search.Start
    """End of the last fit."""
    candidates: np.ndarray
    """Log hyperparameters `[c, p]` from the best of which to restart as well; there may be none."""

    def among(self, indices: np.ndarray) -> Given:
        """Some of the data; what is known of the curvature of all is not known of theirs."""
        return self._replace(
            data=TrainingData(*(part[indices] for part in self.data)),
            mask=self.mask[indices],
            start=search.Start(self.start.theta, np.eye(len(self.start.theta)), False),
        )


class Fit(NamedTuple):
    """The outcome of a fit."""

    posterior: Posterior
    """Of tempered outcomes; its `ok` is False where it stands at the start of the search."""
    observed: likelihood.Observations
    """The data as they entered it, all of them there."""
    found: search.Fitted
    """The end of the search."""


class Fits:
    """Fits to the same trials: none is made twice."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[Model, Given, Fit], ...] = ()

    def newest(self, model: Model, given: Given) -> Fit | None:
        """The newest fit of a model to the same data, from whatever start; None where there is none."""
        same = [kept for kept in self._kept if _is_same(kept, model, given)]
        return same[-1][2] if same else None

    def fitted(
        self, model: Model, given: Given, make: Callable[[], Fit], *, follows: bool = False
    ) -> Fit:
        """The fit from this start to these data, or ending there if it `follows`; else made now."""
        for kept in self._kept:
            _, before, found = kept
            starts = before.start, before.candidates
            ended = follows and np.array_equal(given.start.theta, found.found.theta)
            if _is_same(kept, model, given) and (
                ended or _are_equal(starts, (given.start, given.candidates))
            ):
                return found
        found = make()
        self._kept = (*self._kept[1 - _MOST_KEPT :], (model, given, found))
        return found


def _is_same(kept: tuple[Model, Given, Fit], model: Model, given: Given) -> bool:
    before = kept[1]
    return kept[0] == model and _are_equal((before.data, before.noise), (given.data, given.noise))


def _are_equal(one: Any, other: Any) -> bool:
    pairs = zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@functools.lru_cache(maxsize=64)
def _stacked(kernel: kernels.Kernel, priors: Priors) -> Hyperprior:
    return stack(kernel, priors)


@functools.lru_cache(maxsize=64)
def rough_hyperprior(kernel: kernels.Kernel) -> Hyperprior:
    """Hyperprior that candidates are drawn from: rough functions, whose optima restarts rarely find."""
    return stack(kernel, rough_priors(kernel.configurations.dimension))


def fit(model: Model, given: Given, device: str, some: np.ndarray | None = None) -> Fit:
    """Fit on a device, as `tf.device` takes it; the data are without padding.

    Hyperparameters are searched for among `some` of the data first, by index; that optimum is then
    followed to that of all. None for a search among all.
    """
    if some is not None:
        found = _run(model, given.among(some), device).found
        theta = np.asarray(found.theta)[None]
        if model.padded:  # the program has one shape, that of a search
            more = len(given.candidates) - 1
            theta = np.pad(theta, [(0, more), (0, 0)], constant_values=np.nan)
        given = given._replace(candidates=theta)
    return _run(model, given, device)


def fit_some(model: Model, given: Given, device: str, some: np.ndarray | None) -> Fit:
    """Fit to `some` of the data, by index, and condition on all; None to stay where the fit starts."""
    found = None
    if some is not None:
        found = _run(model, given.among(some), device).found
        given = given._replace(start=search.Start(found.theta, found.inverse, found.known))
    fitted = _run(model, given._replace(candidates=given.candidates[:0]), device, searches=False)
    return fitted if found is None else fitted._replace(found=found)


def _run(model: Model, given: Given, device: str, *, searches: bool = True) -> Fit:
    n, program = len(given.mask), compiled(model, searches=searches)
    fitted: Fit = program(pad(given) if model.padded else given, device, rows=n)
    if not model.padded:
        return fitted
    return fitted._replace(
        posterior=resized(fitted.posterior, n),
        observed=likelihood.Observations(*(with_rows(part, n) for part in fitted.observed)),
    )


@functools.lru_cache(maxsize=64)
def compiled(model: Model, *, searches: bool = True) -> Program:
    """The program behind `fit`: one graph for all data, or under XLA one for each padded size.

    Without a search it conditions the model at the start.
    """
    kernel, p = model.kernel, len(model.hyperprior.loc)
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    data = TrainingData(spec([None, kernel.dimension]), spec([None]), spec([None]))
    start = search.Start(spec([p]), spec([p, p]), tf.TensorSpec([], tf.bool))
    signature = Given(data, tf.TensorSpec([None], tf.bool), spec([]), start, spec([None, p]))
    answer = Fit(*posterior_spec(kernel), search.FITTED)
    return Program(_fit if searches else _stay, model, signature, answer, xla=model.padded)


@functools.lru_cache(maxsize=64)
def posterior_spec(kernel: kernels.Kernel) -> tuple[Posterior, likelihood.Observations]:
    """The signature of a posterior, and of the data that it is of."""
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    number, vector, flag = spec([]), spec([None]), tf.TensorSpec([], tf.bool)
    shape = spec([len(kernel.shape_names)])
    hyperparameters = Hyperparameters(number, spec([kernel.lengthscale_count]), shape, number)
    features = spec([None, kernel.features])
    factors = likelihood.Factors(
        hyperparameters, features, vector, spec([None, None]), vector, flag
    )
    mask = tf.TensorSpec([None], tf.bool)
    observed = likelihood.Observations(features, vector, mask, vector)
    return Posterior(kernel, factors, number, number, ok=flag), observed


def _fit(model: Model, given: Given) -> Fit:
    observed, standardised = observe(model, given)
    found = _search(model, given, observed, standardised.scale)
    posterior = condition(model, observed, standardised, found.theta)
    posterior = dataclasses.replace(posterior, ok=found.ok & posterior.factors.ok)
    return Fit(posterior, observed._replace(mask=given.mask), found)


def _stay(model: Model, given: Given) -> Fit:
    observed, standardised = observe(model, given)
    theta = given.start.theta
    if not model.learned:
        noise = tf.maximum(_variance(given.noise, standardised.scale), EXACT)
        theta = tf.concat([theta[:-1], tf.math.log(noise)[None]], axis=0)
    posterior = condition(model, observed, standardised, theta)
    nothing = tf.constant(0.0, theta.dtype)
    found = search.Fitted(theta, nothing, given.start.inverse, given.start.known, posterior.ok)
    return Fit(posterior, observed._replace(mask=given.mask), found)


def _search(
    model: Model, given: Given, observed: likelihood.Observations, scale: tf.Tensor
) -> search.Fitted:
    """The search for hyperparameters."""
    hyperprior = Hyperprior(*map(tf.constant, model.hyperprior))
    start, candidates = given.start, given.candidates
    if not model.learned:
        noise = tf.maximum(_variance(given.noise, scale), EXACT)
        hyperprior = hold_noise(hyperprior, noise)
        # They come from fits, and from priors, of a noise that may be another.
        theta = tf.clip_by_value(start.theta, hyperprior.lower, hyperprior.upper)
        start = start._replace(theta=theta)
        inside = tf.clip_by_value(candidates, hyperprior.lower, hyperprior.upper)
        candidates = tf.where(tf.math.is_finite(candidates), inside, candidates)
    return search.multistart(
        model.kernel,
        hyperprior,
        observed,
        start,
        candidates,
        effort(model),
    )


def effort(model: Model) -> search.Effort:
    """The extent of a search for the hyperparameters of a model."""
    return search.Effort(
        model.restarts,
        rounds=_ROUNDS if model.restarts else 1,
        nearby=model.restarts if model.padded else _NEARBY,
        optimizer=model.optimizer,
        tolerance=_TOLERANCE,
        compact=not model.padded,
    )


def observe(model: Model, given: Given) -> tuple[likelihood.Observations, outcomes.Standardised]:
    """The data as the surrogate sees them: features, outcomes transformed and standardised, variances."""
    mask = given.mask if model.padded else None
    transformed = model.transform(given.data.y, mask).apply(given.data.y)
    y = outcomes.standardise(transformed, mask)
    features, z = model.kernel.embed(given.data.x), _numerics.quantise(y.z)
    variances = _variance(given.data.std, y.scale)
    return likelihood.Observations(features, z, mask, variances), y


def condition(
    model: Model,
    observed: likelihood.Observations,
    standardised: outcomes.Standardised,
    theta: tf.Tensor,
) -> Posterior:
    """The posterior at log hyperparameters `[p]`."""
    factors = likelihood.factorise(model.kernel, theta, observed)
    return Posterior(model.kernel, factors, standardised.shift, standardised.scale, ok=factors.ok)


def _variance(std: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    return tf.square(_numerics.quantise(outcomes.standardise_errors(std, scale)))


def pad(given: Given) -> Given:
    """The same with rows of data added up to the next size for which there is a program."""
    n = devices.bucket(len(given.mask))
    data = TrainingData(*(with_rows(part, n) for part in given.data))
    return given._replace(data=data, mask=with_rows(given.mask, n))


def resized(posterior: Posterior, n: int) -> Posterior:
    """The same of n rows of data, of which those that are added predict nothing."""
    factors = posterior.factors
    factors = factors._replace(
        rows=with_rows(factors.rows, n),
        z=with_rows(factors.z, n),
        inverse=with_rows(with_rows(factors.inverse, n).T, n).T,
        alpha=with_rows(factors.alpha, n),
    )
    return dataclasses.replace(posterior, factors=factors)


def with_rows(part: Any, n: int) -> np.ndarray:
    """The first n rows of an array; those that it does not have are zero."""
    more = max(n - len(part), 0)
    return np.pad(part[:n], [(0, more), *[(0, 0)] * (part.ndim - 1)])
