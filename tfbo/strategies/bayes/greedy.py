"""The compiled ask: from data to the next points, as one TensorFlow program.

The surrogate is fitted (`model.py`), then points are chosen one after the other, each beside those that
are pending and those chosen before; a few are then climbed together. Letters: n trials, m pending trials,
q points asked for, d columns, e and a candidates, s draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _numerics
from tfbo._compile import devices
from tfbo._compile.programs import Program
from tfbo.acquisition import joint
from tfbo.acquisition.feasibility import expected
from tfbo.gp import Posterior, likelihood, search
from tfbo.gp.pending import Pending
from tfbo.optim import mixed
from tfbo.optim.domain import Domain
from tfbo.strategies.bayes import boundary, feasibility, fit
from tfbo.strategies.bayes.feasibility import Feasibility
from tfbo.strategies.bayes.fit import Choices, Evidence

# Pending trials that fit the smallest padded program.
_PENDING = 8
# Sets of points that are climbed from: the one chosen point by point, and the best of others.
_SETS = 4
# Numbers of the covariances of screened points with trials; a few times as many are held, 160 MB.
_SCREENED_NUMBERS, _LEAST_SCREENED = 5 * 10**6, 64
# Points of a set that are nearer than this, in every column, are the same.
_SAME = 1e-7


class Question(NamedTuple):
    """What one ask hands over; arrays of float64 but where it says otherwise."""

    evidence: Evidence
    left_out: np.ndarray
    """Rows of finished trials that are not among the evidence, `[o, d]`."""
    pending: np.ndarray
    """Rows of the trials that are still running, then room for the points to choose, `[m + q, d]`."""
    running: np.ndarray
    """bool `[m + q]`: which of them are trials."""
    q: np.ndarray
    """int32: how many points to choose."""
    uniforms: np.ndarray
    """Points of a Sobol sequence in (0, 1), from which pending outcomes are drawn, `[s, m + q]`."""
    everywhere: np.ndarray
    """Points to screen, all over the space, `[e, d]`."""
    around: np.ndarray
    """Points to screen, around the best known ones, `[a, d]`."""
    labels: Evidence | tuple[()] = ()
    """Which trials succeeded; see `feasibility.evidence`. Nothing where all did."""


class Answer(NamedTuple):
    """What the program returns."""

    x: tf.Tensor
    """Legal rows of the points that were chosen, `[q, d]`."""
    found: tf.Tensor
    """bool `[q]`: which of them there are; all of the screened rows may have been tried."""
    value: tf.Tensor
    """The acquisition at the last point, or that of all together where they were climbed together."""
    fitted: search.Fitted
    ok: tf.Tensor
    """Whether the fit succeeded."""


ANSWER = Answer("x", "found", "value", search.FITTED, "ok")
"""The structure of an answer."""


class _Given(NamedTuple):
    """What stays the same from one point to the next."""

    choices: Choices
    question: Question
    posterior: Posterior
    observed: likelihood.Observations
    normals: tf.Tensor
    feasibility: Feasibility | None

    def beside(self, rows: tf.Tensor, running: tf.Tensor) -> Callable[..., tf.Tensor]:
        """Worth `[c]`, beside those that run, of sets of points `[c, q, d]` and their normals."""
        acquisition = self.choices.acquisition
        pending = Pending(self.posterior.features(rows), self.normals, running)
        state = acquisition.prepare(self.posterior, self.observed, pending)

        def worth(x: tf.Tensor, normals: tf.Tensor | None = None) -> tf.Tensor:
            values = acquisition.worth(state, x, normals)
            if self.feasibility is not None:
                values = expected(acquisition, values, self.feasibility.success(x))
            return joint.total(acquisition.logarithmic, values)

        return worth

    @property
    def at_once(self) -> tf.Tensor:
        """Points that are screened at once: their covariances with the trials are held."""
        return tf.maximum(
            _SCREENED_NUMBERS // tf.shape(self.question.evidence.x)[0], _LEAST_SCREENED
        )

    def taken(self, rows: tf.Tensor, running: tf.Tensor) -> mixed.Test:
        """Whether legal rows have been told, or run."""
        evidence, left_out = self.question.evidence, self.question.left_out
        tried = tf.concat([evidence.x, left_out, rows], axis=0)
        others = tf.ones(tf.shape(left_out)[:1], tf.bool)
        counts = tf.concat([evidence.told, others, running], axis=0)
        return lambda x: mixed.among(x, tried, counts)


def answer(choices: Choices, question: Question, device: str) -> Answer:
    """Run the program on a device."""
    choices = choices._replace(failing=bool(question.labels))
    asked = _pad(question) if choices.padded else question
    given: Answer = compiled(choices)(asked, device, rows=question.evidence.n)
    first, end = int(np.sum(question.running)), len(question.running)
    return given._replace(x=given.x[first:end], found=given.found[first:end])


def fit_alone(choices: Choices, evidence: Evidence, device: str) -> search.Fitted:
    """The fit by itself, by `fit.fit` or, where there is one, by the compiled ask for no point.

    Both come to the same; a study that has been asked does not wait for another program.
    """
    if choices.padded or not compiled(choices).is_ready:
        return fit.fit(choices, evidence, device)
    nowhere, nothing = evidence.x[:0], np.zeros([1, 0])
    question = Question(
        evidence, nowhere, nowhere, evidence.told[:0], np.int32(0), nothing, nowhere, nowhere
    )
    return answer(choices, question, device).fitted


def compiled(choices: Choices) -> Program:
    """The program: one graph for all questions, or under XLA one for each size of the padded data."""
    rows, flags = fit.rows_spec(choices), tf.TensorSpec([None], tf.bool)
    draws, q = tf.TensorSpec([None, None], tf.float64), tf.TensorSpec([], tf.int32)
    evidence = fit.evidence_spec(choices)
    labels = evidence if choices.failing else ()
    signature = Question(evidence, rows, rows, flags, q, draws, rows, rows, labels)
    return Program(_ask, choices, signature, ANSWER, xla=choices.padded)


def _ask(choices: Choices, question: Question) -> Answer:
    observed = fit.observe(choices, question.evidence)
    fitted = fit.fitted(choices, question.evidence, observed)
    posterior = fit.posterior(choices, observed, fitted.theta)
    labels, feasible = question.labels, None
    if isinstance(labels, Evidence):
        feasible = feasibility.model(choices, labels, observed, posterior)
    posterior = boundary.deflated(posterior, choices.columns, fit.best_row(question.evidence))
    normals = tf.math.ndtri(question.uniforms)
    given = _Given(choices, question, posterior, observed, normals, feasible)
    lowest = tf.constant(-float("inf"), normals.dtype)
    _, rows, running, value = tf.while_loop(
        lambda i, *_: i < question.q,
        lambda i, rows, running, _: (i + 1, *_one_more(given, rows, running)),
        (tf.constant(0), question.pending, question.running, lowest),
    )
    if choices.batch > 1:
        rows, value = _together(given, rows, running, value)
    return Answer(rows, running, value, fitted, fitted.ok & posterior.factors.ok)


def _one_more(
    given: _Given, rows: tf.Tensor, running: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The best point beside those that run joins them; rows, running, its value."""
    choices, question = given.choices, given.question
    worth = given.beside(rows, running)
    best = mixed.maximise(
        lambda x: worth(x[:, None, :]),
        Domain(choices.columns),
        (question.everywhere, question.around),
        given.taken(rows, running),
        at_once=given.at_once,
        compact=not choices.padded,
    )
    place = tf.argmin(tf.cast(running, tf.int32), output_type=tf.int32)
    here = tf.equal(tf.range(tf.size(running)), place)
    rows = tf.where(here[:, None], _numerics.quantise(best.x), rows)
    return rows, running | (here & best.ok), best.value


def _together(
    given: _Given, rows: tf.Tensor, running: tf.Tensor, value: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The points that were chosen one by one, climbed as a set; rows, and the value of the set."""
    choices, question, q = given.choices, given.question, given.choices.batch
    d = len(choices.columns)
    first = tf.math.count_nonzero(question.running, dtype=tf.int32)
    chosen = tf.gather(rows, first + tf.range(q))
    normals = tf.gather(given.normals, first + tf.range(q - 1), axis=1)
    worth = given.beside(question.pending, question.running)
    taken = given.taken(question.pending, question.running)

    def is_taken(sets: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(sets, [-1, q, d])
        far = tf.reduce_max(tf.abs(x[:, :, None] - x[:, None]), axis=-1) > _SAME
        repeats = tf.math.count_nonzero(~far, axis=[1, 2]) > q
        tried = tf.reshape(taken(tf.reshape(x, [-1, d])), [-1, q])
        return repeats | tf.reduce_any(tried, axis=-1)

    sets = tf.shape(question.everywhere)[0] // q
    best = mixed.maximise(
        lambda sets: worth(tf.reshape(sets, [-1, q, d]), normals),
        Domain(choices.columns.repeated(q)),
        (
            tf.reshape(chosen, [1, q * d]),
            tf.reshape(question.everywhere[: sets * q], [sets, q * d]),
        ),
        is_taken,
        climbs=_SETS,
        at_once=given.at_once // q,
        compact=not choices.padded,
    )
    whole = best.ok & tf.reduce_all(tf.gather(running, first + tf.range(q)))
    better = _numerics.quantise(tf.reshape(best.x, [q, d]))
    i = tf.range(tf.size(running)) - first
    placed = tf.gather(better, tf.clip_by_value(i, 0, q - 1))
    mine = (i >= 0) & (i < q) & whole
    return tf.where(mine[:, None], placed, rows), tf.where(whole, best.value, value)


def _pad(question: Question) -> Question:
    """The question with rows added up to the next sizes for which there is a program."""
    m, o = len(question.pending), len(question.left_out)
    more = devices.bucket(m, _PENDING) - m
    others = devices.bucket(o) - o if o else 0
    return question._replace(
        evidence=fit.pad(question.evidence),
        left_out=np.pad(question.left_out, [(0, others), (0, 0)], constant_values=np.nan),
        pending=np.pad(question.pending, [(0, more), (0, 0)]),
        running=np.pad(question.running, (0, more)),
        uniforms=np.pad(question.uniforms, [(0, 0), (0, more)], constant_values=0.5),
        labels=fit.pad(question.labels) if isinstance(question.labels, Evidence) else (),
    )
