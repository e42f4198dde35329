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


class Evidence(NamedTuple):
    """What a fit is made from; arrays of float64 but where it says otherwise."""

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
    start: exact.Start
    """Where the last fit ended."""
    draws: np.ndarray
    """Log hyperparameters `[c, p]` from the best of which to climb as well; there may be none."""

    @property
    def n(self) -> int:
        """How many trials are finished."""
        return len(self.y)

    def from_one_start(self) -> Evidence:
        """The same, to be fitted from where the last fit ended and from nowhere else."""
        return self._replace(draws=self.draws[:0])


class Question(NamedTuple):
    """What one ask hands over; arrays of float64 but where it says otherwise."""

    evidence: Evidence
    pending: np.ndarray
    """Rows of the trials that are still running, `[m, d]`."""
    running: np.ndarray
    """bool `[m]`: which of them are not padding."""
    everywhere: np.ndarray
    """Points to screen, all over the space, `[e, d]`."""
    around: np.ndarray
    """Points to screen, around the best known ones, `[a, d]`."""

    @property
    def n(self) -> int:
        """How many trials are finished."""
        return self.evidence.n

    def from_one_start(self) -> Question:
        """The same, with evidence that is to be fitted from one start."""
        return self._replace(evidence=self.evidence.from_one_start())


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
        question = _pad_question(question)
    return _run(compiled(choices), question, device)


def fit(choices: Choices, evidence: Evidence, device: str) -> exact.Fitted:
    """The first half of it, the fit."""
    if choices.padded:
        evidence = _pad(evidence)
    return _run(compiled_fit(choices), evidence, device)


def _run(program: Any, asked: Question | Evidence, device: str) -> Any:
    with tf.device(device):
        return program(tf.nest.map_structure(tf.constant, asked))


@functools.lru_cache(maxsize=64)
def compiled(choices: Choices) -> Any:
    """The program: one trace in all, or (compiled by XLA) one for each size of the padded data."""
    rows, flags = _rows(choices), tf.TensorSpec([None], tf.bool)
    return _compile(choices, _ask, Question(_evidence(choices), rows, flags, rows, rows))


@functools.lru_cache(maxsize=64)
def compiled_fit(choices: Choices) -> Any:
    """The program behind `fit`, with as few traces."""

    def body(choices: Choices, evidence: Evidence) -> exact.Fitted:
        return _fit(choices, evidence, observe(choices, evidence))

    return _compile(choices, body, _evidence(choices))


def _compile(choices: Choices, body: Callable[[Choices, Any], Any], signature: Any) -> Any:
    bound = functools.partial(body, choices)
    if choices.padded:
        return tf.function(bound, autograph=False, jit_compile=True)
    return tf.function(bound, autograph=False, input_signature=[signature])


def _rows(choices: Choices) -> tf.TensorSpec:
    return tf.TensorSpec([None, choices.kernel.dimension], tf.float64)


def _evidence(choices: Choices) -> Evidence:
    """The signature of evidence."""
    p = len(believed(choices.kernel).loc)
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    numbers, flags = spec([None]), tf.TensorSpec([None], tf.bool)
    start = exact.Start(spec([p]), spec([p, p]), tf.TensorSpec([], tf.bool))
    return Evidence(_rows(choices), numbers, numbers, spec([]), flags, start, spec([None, p]))


def _ask(choices: Choices, question: Question) -> Answer:
    evidence = question.evidence
    observed = observe(choices, evidence)
    fitted = _fit(choices, evidence, observed)
    posterior, incumbent = surrogate(choices, observed, fitted.theta)
    running = _masked(question.running, choices.padded)
    expected = posterior.moments(question.pending)[0]
    posterior = posterior.condition(question.pending, expected, running)
    best = mixed.maximise(
        lambda rows: choices.acquisition.evaluate(posterior, incumbent, rows[:, None, :]),
        choices.columns,
        (question.everywhere, question.around),
        tf.concat([evidence.x, question.pending], axis=0),
        tf.concat([evidence.told, question.running], axis=0),
        compact=not choices.padded,
    )
    ok = fitted.ok & posterior.factors.ok
    return Answer(_numerics.quantise(best.x), best.ok, best.value, fitted, ok)


def _fit(choices: Choices, evidence: Evidence, observed: exact.Observations) -> exact.Fitted:
    known = belief.Belief(*map(tf.constant, believed(choices.kernel)))
    start, draws = evidence.start, evidence.draws
    if not choices.learned:
        scale = standardised(choices, evidence).scale
        noise = tf.maximum(_variance(evidence.noise, scale), _EXACT)
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


def observe(choices: Choices, evidence: Evidence) -> exact.Observations:
    """The trials as the surrogate sees them: features, outcomes tempered and standardised, variances."""
    y = standardised(choices, evidence)
    return exact.Observations(
        choices.kernel.embed(evidence.x),
        _numerics.quantise(y.z),
        _masked(evidence.told, choices.padded),
        _variance(evidence.std, y.scale),
    )


def standardised(choices: Choices, evidence: Evidence) -> outcomes.Standardised:
    """The outcomes of the evidence, tempered and standardised."""
    mask = _masked(evidence.told, choices.padded)
    return outcomes.standardise(outcomes.temper(evidence.y, mask), mask)


def _variance(std: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    return tf.square(_numerics.quantise(outcomes.standardise_errors(std, scale)))


def surrogate(
    choices: Choices, observed: exact.Observations, theta: tf.Tensor
) -> tuple[Posterior, tf.Tensor]:
    """The posterior at log hyperparameters `[p]`, and its largest mean at a trial, the incumbent."""
    factors = exact.factorise(choices.kernel, theta, observed)
    zero, one = tf.zeros([], theta.dtype), tf.ones([], theta.dtype)
    mean = noise_free(observed, factors)
    if observed.mask is not None:
        mean = tf.where(observed.mask, mean, tf.reduce_min(mean))
    return Posterior(choices.kernel, factors, zero, one), tf.reduce_max(mean)


def noise_free(observed: exact.Observations, factors: exact.Factors) -> tf.Tensor:
    """What the observations say of the noise-free function `[n]`: less than they say themselves."""
    noise = factors.hyperparameters.noise
    if observed.variances is not None:
        noise = noise + observed.variances
    return observed.z - noise * factors.alpha


def _masked(mask: tf.Tensor, padded: bool) -> tf.Tensor | None:
    return mask if padded else None


def _pad_question(question: Question) -> Question:
    """The question with rows added up to the next sizes for which there is a program."""
    m = len(question.pending)
    runs = _device.bucket(m, _PENDING) - m
    return question._replace(
        evidence=_pad(question.evidence),
        pending=np.pad(question.pending, [(0, runs), (0, 0)]),
        running=np.pad(question.running, (0, runs)),
    )


def _pad(evidence: Evidence) -> Evidence:
    rows = _device.bucket(len(evidence.x)) - len(evidence.x)
    return evidence._replace(
        x=np.pad(evidence.x, [(0, rows), (0, 0)]),
        y=np.pad(evidence.y, (0, rows)),
        std=np.pad(evidence.std, (0, rows)),
        told=np.pad(evidence.told, (0, rows)),
    )
