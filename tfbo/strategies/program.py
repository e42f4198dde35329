"""The compiled ask: from data to the next point, as one TensorFlow program.

Everything that varies enters it as data (`Question`), so that it is traced once for a space and a set of
choices. Letters: n trials, m pending trials, d columns, e and a candidates, p log hyperparameters, c
draws of them.
"""

from __future__ import annotations

import functools
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


class Question(NamedTuple):
    """What one ask hands over; arrays of float64 but where it says otherwise."""

    x: np.ndarray
    """Rows of the trials that are finished, `[n, d]`."""
    y: np.ndarray
    """Their outcomes, larger is better, `[n]`."""
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
    if choices.padded:
        question = _pad(question)
    with tf.device(device):
        return compiled(choices)(tf.nest.map_structure(tf.constant, question))


@functools.lru_cache(maxsize=64)
def compiled(choices: Choices) -> Any:
    """The program: one trace in all, or (compiled by XLA) one for each size of the padded data."""
    if choices.padded:
        return tf.function(functools.partial(_ask, choices), autograph=False, jit_compile=True)
    d = choices.kernel.dimension
    p = len(believed(choices.kernel).loc)
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    rows, flags = spec([None, d]), tf.TensorSpec([None], tf.bool)
    start = exact.Start(spec([p]), spec([p, p]), tf.TensorSpec([], tf.bool))
    signature = Question(rows, spec([None]), flags, rows, flags, start, spec([None, p]), rows, rows)
    return tf.function(
        functools.partial(_ask, choices), autograph=False, input_signature=[signature]
    )


def _ask(choices: Choices, question: Question) -> Answer:
    observed = observe(choices, question)
    fitted = exact.fit(
        choices.kernel,
        belief.Belief(*map(tf.constant, believed(choices.kernel))),
        observed,
        question.start,
        question.draws,
        climbs=choices.climbs,
        rounds=_ROUNDS if choices.climbs else 1,
        nearby=choices.climbs + 1 if choices.padded else _NEARBY,
        optimizer=choices.optimizer,
        tolerance=_TOLERANCE,
        compact=not choices.padded,
    )
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


def observe(choices: Choices, question: Question) -> exact.Observations:
    """The trials as the surrogate sees them: features, and outcomes tempered and standardised."""
    mask = _masked(question.told, choices.padded)
    y = outcomes.temper(question.y, mask)
    z = _numerics.quantise(outcomes.standardise(y, mask).z)
    return exact.Observations(choices.kernel.embed(question.x), z, mask)


def surrogate(
    choices: Choices, observed: exact.Observations, theta: tf.Tensor
) -> tuple[Posterior, tf.Tensor]:
    """The posterior at log hyperparameters `[p]`, and its largest mean at a trial, the incumbent."""
    factors = exact.factorise(choices.kernel, theta, observed)
    zero, one = tf.zeros([], theta.dtype), tf.ones([], theta.dtype)
    # What the observations say of the noise-free function: less than they say themselves.
    mean = observed.z - factors.hyperparameters.noise * factors.alpha
    if observed.mask is not None:
        mean = tf.where(observed.mask, mean, tf.reduce_min(mean))
    return Posterior(choices.kernel, factors, zero, one), tf.reduce_max(mean)


def _masked(mask: tf.Tensor, padded: bool) -> tf.Tensor | None:
    return mask if padded else None


def _pad(question: Question) -> Question:
    """The question with rows added up to the next sizes for which there is a program."""
    n, m = len(question.x), len(question.pending)
    rows, runs = _device.bucket(n) - n, _device.bucket(m, _PENDING) - m
    return question._replace(
        x=np.pad(question.x, [(0, rows), (0, 0)]),
        y=np.pad(question.y, (0, rows)),
        told=np.pad(question.told, (0, rows)),
        pending=np.pad(question.pending, [(0, runs), (0, 0)]),
        running=np.pad(question.running, (0, runs)),
    )
