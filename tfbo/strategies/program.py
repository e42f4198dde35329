"""The compiled ask: from data to the next point, as one TensorFlow program.

Everything that varies enters it as data (`Question`), so that it is traced once for a space and a set of
choices. Letters: n trials, m pending trials, d columns, e and a candidates, p log hyperparameters, c
draws of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _device, _numerics
from tfbo.acquisition import Acquisition
from tfbo.columns import Columns
from tfbo.gp import Posterior, belief, exact, kernels, outcomes
from tfbo.gp.priors import default, scouting
from tfbo.optim import mixed

# Pending trials that fit the smallest padded program.
_PENDING = 8
# Below this gain, in nats, hyperparameters are as good as their optimum.
_TOLERANCE = 1e-3
# A search climbs twice: from draws of the priors, and from the neighbours of the best optimum so far.
_ROUNDS, _NEARBY = 2, 4
# The noise of an objective without any: the first rung of the jitter ladder of `_linalg`, which keeps
# the covariances of a thousand trials positive definite. It blurs outcomes by a hundred-thousandth of
# their standard deviation; learned noise may be ten times that and no less.
_EXACT = 1e-10


class Choices(NamedTuple):
    """What distinguishes one program from another."""

    columns: Columns
    kernel: kernels.Kernel
    acquisition: Acquisition
    climbs: int
    """Of the log posterior, beside the one from the last fit."""
    optimizer: str
    padded: bool
    """See `_device.Plan`."""
    learned: bool = True
    """Whether the observation noise is learned, or held where it is known to be."""


class Question(NamedTuple):
    """What one ask hands over; arrays of float64 but where it says otherwise."""

    x: np.ndarray
    """Rows of the trials that are finished, `[n, d]`."""
    y: np.ndarray
    """Their outcomes, larger is better, `[n]`."""
    std: np.ndarray
    """Known standard errors of the outcomes, in their units, zero where unknown, `[n]`."""
    noise: np.ndarray
    """Standard deviation of the noise beyond those, `[]`, where it is known and not learned."""
    told: np.ndarray
    """bool `[n]`: which of them are not padding."""
    pending: np.ndarray
    """Rows of the trials that are still running, `[m, d]`."""
    running: np.ndarray
    """bool `[m]`: which of them are not padding."""
    start: exact.Start
    """Where the last fit ended."""
    draws: np.ndarray
    """Log hyperparameters `[c, p]` from the best of which to climb as well; there may be none."""
    everywhere: np.ndarray
    """Points to screen, all over the space, `[e, d]`."""
    around: np.ndarray
    """Points to screen, around the best known ones, `[a, d]`."""


class Answer(NamedTuple):
    """What the program returns."""

    x: tf.Tensor
    """`[d]`, a legal row."""
    found: tf.Tensor
    """Whether there is such a row among those screened that is neither told nor pending."""
    value: tf.Tensor
    """The acquisition there."""
    fitted: exact.Fitted
    ok: tf.Tensor
    """Whether the fit succeeded."""


class Beliefs(NamedTuple):
    """What the surrogate thinks of the trials that it is fitted to; outcomes are standardised."""

    mean: tf.Tensor
    """Posterior mean of the noise-free outcome of each trial, `[n]`."""
    z: tf.Tensor
    """The outcomes that it sees, `[n]`: tempered, larger is better."""
    noise: tf.Tensor
    """Variance of the observation noise beyond standard errors that were told, `[]`."""
    loo_mean: tf.Tensor
    """Prediction of each outcome from all the others, `[n]`."""
    loo_variance: tf.Tensor
    """Its variance, noise included, `[n]`."""
    ok: tf.Tensor
    """Whether the fit succeeded."""


@functools.lru_cache(maxsize=64)
def believed(kernel: kernels.Kernel) -> belief.Belief:
    """What is believed of the hyperparameters of the surrogate."""
    return belief.belief(kernel, default(kernel.dimension))


@functools.lru_cache(maxsize=64)
def scouted(kernel: kernels.Kernel) -> belief.Belief:
    """Where they are searched for: the rough functions, whose narrow optima climbs rarely find."""
    return belief.belief(kernel, scouting(kernel.dimension))


def answer(choices: Choices, question: Question, device: str) -> Answer:
    """Run the program on a device. One copy goes there, none comes back before the answer."""
    return _run(compiled(choices), choices, question, device)


def believe(choices: Choices, question: Question, device: str) -> Beliefs:
    """What the surrogate of that question thinks of its trials (and of padding, at their end)."""
    return _run(compiled_beliefs(choices), choices, question, device)


def _run(program: Any, choices: Choices, question: Question, device: str) -> Any:
    if choices.padded:
        question = _pad(question)
    with tf.device(device):
        return program(tf.nest.map_structure(tf.constant, question))


@functools.lru_cache(maxsize=64)
def compiled(choices: Choices) -> Any:
    """The program: one trace in all, or (compiled by XLA) one for each size of the padded data."""
    return _compile(choices, _ask)


@functools.lru_cache(maxsize=64)
def compiled_beliefs(choices: Choices) -> Any:
    """The program behind `believe`, with as few traces."""
    return _compile(choices, _believe)


def _compile(choices: Choices, body: Callable[[Choices, Question], Any]) -> Any:
    if choices.padded:
        return tf.function(functools.partial(body, choices), autograph=False, jit_compile=True)
    d = choices.kernel.dimension
    p = len(believed(choices.kernel).loc)
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    rows, flags = spec([None, d]), tf.TensorSpec([None], tf.bool)
    start = exact.Start(spec([p]), spec([p, p]), tf.TensorSpec([], tf.bool))
    numbers = spec([None])
    signature = Question(
        rows, numbers, numbers, spec([]), flags, rows, flags, start, spec([None, p]), rows, rows
    )
    return tf.function(
        functools.partial(body, choices), autograph=False, input_signature=[signature]
    )


def _ask(choices: Choices, question: Question) -> Answer:
    observed = observe(choices, question)
    fitted = _fit(choices, question, observed)
    posterior, incumbent = surrogate(choices, observed, fitted.theta)
    running = _masked(question.running, choices.padded)
    expected = posterior.moments(question.pending)[0]
    posterior = posterior.condition(question.pending, expected, running)
    best = mixed.maximise(
        lambda rows: choices.acquisition.evaluate(posterior, incumbent, rows[:, None, :]),
        choices.columns,
        (question.everywhere, question.around),
        tf.concat([question.x, question.pending], axis=0),
        tf.concat([question.told, question.running], axis=0),
        compact=not choices.padded,
    )
    ok = fitted.ok & posterior.factors.ok
    return Answer(_numerics.quantise(best.x), best.ok, best.value, fitted, ok)


def _believe(choices: Choices, question: Question) -> Beliefs:
    observed = observe(choices, question)
    fitted = _fit(choices, question, observed)
    posterior, _ = surrogate(choices, observed, fitted.theta)
    loo = posterior.loo()
    return Beliefs(
        _noise_free(observed, posterior.factors),
        observed.z,
        posterior.hyperparameters.noise,
        loo.mean,
        loo.variance,
        fitted.ok & posterior.factors.ok,
    )


def _fit(choices: Choices, question: Question, observed: exact.Observations) -> exact.Fitted:
    known = belief.Belief(*map(tf.constant, believed(choices.kernel)))
    start, draws = question.start, question.draws
    if not choices.learned:
        scale = _standardised(choices, question).scale
        noise = tf.maximum(_variance(question.noise, scale), _EXACT)
        known = belief.hold_noise(known, noise)
        # They come from fits, and from priors, of a noise that may be another.
        theta = tf.clip_by_value(start.theta, known.lower, known.upper)
        start, draws = (
            start._replace(theta=theta),
            tf.clip_by_value(draws, known.lower, known.upper),
        )
    return exact.fit(
        choices.kernel,
        known,
        observed,
        start,
        draws,
        climbs=choices.climbs,
        rounds=_ROUNDS if choices.climbs else 1,
        nearby=choices.climbs + 1 if choices.padded else _NEARBY,
        optimizer=choices.optimizer,
        tolerance=_TOLERANCE,
        compact=not choices.padded,
    )


def observe(choices: Choices, question: Question) -> exact.Observations:
    """The trials as the surrogate sees them: features, outcomes tempered and standardised, variances."""
    y = _standardised(choices, question)
    return exact.Observations(
        choices.kernel.embed(question.x),
        _numerics.quantise(y.z),
        _masked(question.told, choices.padded),
        _variance(question.std, y.scale),
    )


def _standardised(choices: Choices, question: Question) -> outcomes.Standardised:
    mask = _masked(question.told, choices.padded)
    return outcomes.standardise(outcomes.temper(question.y, mask), mask)


def _variance(std: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    return tf.square(_numerics.quantise(outcomes.standardise_errors(std, scale)))


def surrogate(
    choices: Choices, observed: exact.Observations, theta: tf.Tensor
) -> tuple[Posterior, tf.Tensor]:
    """The posterior at log hyperparameters `[p]`, and its largest mean at a trial, the incumbent."""
    factors = exact.factorise(choices.kernel, theta, observed)
    zero, one = tf.zeros([], theta.dtype), tf.ones([], theta.dtype)
    mean = _noise_free(observed, factors)
    if observed.mask is not None:
        mean = tf.where(observed.mask, mean, tf.reduce_min(mean))
    return Posterior(choices.kernel, factors, zero, one), tf.reduce_max(mean)


def _noise_free(observed: exact.Observations, factors: exact.Factors) -> tf.Tensor:
    """What the observations say of the noise-free function `[n]`: less than they say themselves."""
    noise = factors.hyperparameters.noise
    if observed.variances is not None:
        noise = noise + observed.variances
    return observed.z - noise * factors.alpha


def _masked(mask: tf.Tensor, padded: bool) -> tf.Tensor | None:
    return mask if padded else None


def _pad(question: Question) -> Question:
    """The question with rows added up to the next sizes for which there is a program."""
    n, m = len(question.x), len(question.pending)
    rows, runs = _device.bucket(n) - n, _device.bucket(m, _PENDING) - m
    return question._replace(
        x=np.pad(question.x, [(0, rows), (0, 0)]),
        y=np.pad(question.y, (0, rows)),
        std=np.pad(question.std, (0, rows)),
        told=np.pad(question.told, (0, rows)),
        pending=np.pad(question.pending, [(0, runs), (0, 0)]),
        running=np.pad(question.running, (0, runs)),
    )
