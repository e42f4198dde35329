"""The compiled choice of points: greedily one after the other, each beside those that are being tried.

From a posterior (`fit.py`) to the next points, as one TensorFlow program; a few points are climbed together
after they have been chosen. Letters: n data, t tried points, m pending points, q points asked for,
d columns, e and a candidates, s draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _numerics
from tfbo._compile import devices
from tfbo._compile.programs import Program
from tfbo.acquisition import Acquisition, joint
from tfbo.acquisition.feasibility import expected
from tfbo.columns import Columns
from tfbo.gp import Kernel, Posterior
from tfbo.gp.likelihood import Observations
from tfbo.gp.pending import Pending
from tfbo.optim import mixed
from tfbo.optim.domain import Domain
from tfbo.strategies.bayes import boundary, feasibility, fit
from tfbo.strategies.bayes.feasibility import Feasibility

# Pending trials that fit the smallest padded program.
_PENDING = 8
# Sets of points that are climbed from: the one chosen point by point, and the best of others.
_SETS = 4
# Numbers of the covariances of screened points with trials; a few times as many are held, 160 MB.
_SCREENED_NUMBERS, _LEAST_SCREENED = 5 * 10**6, 64
# Points of a set that are nearer than this, in every column, are the same.
_SAME = 1e-7


class Chooser(NamedTuple):
    """What distinguishes one program from another."""

    columns: Columns
    kernel: Kernel
    acquisition: Acquisition
    padded: bool
    """See `devices.Plan`."""
    batch: int = 1
    """Number of points that are climbed together, after they have been chosen one by one."""
    failing: bool = False
    """Whether trials have failed, so that the probability of success counts."""


class Question(NamedTuple):
    """Input of the program; arrays of float64 but where it says otherwise."""

    posterior: Posterior
    """Of the outcomes."""
    observed: Observations
    """The data that it is of."""
    best: np.ndarray
    """Row of the best of them, `[d]`."""
    tried: np.ndarray
    """Rows of all finished trials, `[t, d]`."""
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
    labels: Posterior | tuple[()] = ()
    """Of the trials' success; see `feasibility.fitted`. Nothing where all succeeded."""


class Answer(NamedTuple):
    """Output of the program."""

    x: tf.Tensor
    """Legal rows of the points that were chosen, `[q, d]`."""
    found: tf.Tensor
    """bool `[q]`: which of them there are; all of the screened rows may have been tried."""
    value: tf.Tensor
    """The acquisition at the last point, or that of all together where they were climbed together."""


ANSWER = Answer(*Answer._fields)
"""The structure of an answer."""


class _Scene(NamedTuple):
    """What stays the same from one point to the next."""

    chooser: Chooser
    question: Question
    posterior: Posterior
    observed: Observations
    normals: tf.Tensor
    feasibility: Feasibility | None

    def beside(self, rows: tf.Tensor, running: tf.Tensor) -> Callable[..., tf.Tensor]:
        """Worth `[c]`, beside those that run, of sets of points `[c, q, d]` and their normals."""
        acquisition = self.chooser.acquisition
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
        return tf.maximum(_SCREENED_NUMBERS // tf.shape(self.observed.z)[0], _LEAST_SCREENED)

    def taken(self, rows: tf.Tensor, running: tf.Tensor) -> mixed.Test:
        """Test of legal rows: true where they have been tried, or run."""
        tried = tf.concat([self.question.tried, rows], axis=0)
        finished = tf.ones(tf.shape(self.question.tried)[:1], tf.bool)
        counts = tf.concat([finished, running], axis=0)
        return lambda x: mixed.among(x, tried, counts)


def choose(chooser: Chooser, question: Question, device: str) -> Answer:
    """Run the program on a device."""
    asked = _pad(question) if chooser.padded else question
    chosen: Answer = compiled(chooser)(asked, device, rows=len(question.observed.z))
    first, end = int(np.sum(question.running)), len(question.running)
    return chosen._replace(x=chosen.x[first:end], found=chosen.found[first:end])


def compiled(chooser: Chooser) -> Program:
    """The program: one graph for all questions, or under XLA one for each size of the padded data."""
    rows = tf.TensorSpec([None, len(chooser.columns)], tf.float64)
    flags, q = tf.TensorSpec([None], tf.bool), tf.TensorSpec([], tf.int32)
    draws = tf.TensorSpec([None, None], tf.float64)
    posterior, observed = fit.posterior_spec(chooser.kernel)
    signature = Question(
        posterior,
        observed,
        tf.TensorSpec(rows.shape[1:], tf.float64),
        rows,
        rows,
        flags,
        q,
        draws,
        rows,
        rows,
        posterior if chooser.failing else (),
    )
    return Program(_choose, chooser, signature, ANSWER, xla=chooser.padded)


def _choose(chooser: Chooser, question: Question) -> Answer:
    observed, labels, feasible = question.observed, question.labels, None
    if not chooser.padded:
        observed = observed._replace(mask=None)
    if isinstance(labels, Posterior):
        feasible = feasibility.model(chooser.acquisition, labels, question.posterior, observed)
    posterior = boundary.deflated(question.posterior, chooser.columns, question.best)
    normals = tf.math.ndtri(question.uniforms)
    scene = _Scene(chooser, question, posterior, observed, normals, feasible)
    lowest = tf.constant(-float("inf"), normals.dtype)
    _, rows, running, value = tf.while_loop(
        lambda i, *_: i < question.q,
        lambda i, rows, running, _: (i + 1, *_one_more(scene, rows, running)),
        (tf.constant(0), question.pending, question.running, lowest),
    )
    if chooser.batch > 1:
        rows, value = _together(scene, rows, running, value)
    return Answer(rows, running, value)


def _one_more(
    scene: _Scene, rows: tf.Tensor, running: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The best point beside those that run joins them; rows, running, its value."""
    chooser, question = scene.chooser, scene.question
    worth = scene.beside(rows, running)
    best = mixed.maximise(
        lambda x: worth(x[:, None, :]),
        Domain(chooser.columns),
        (question.everywhere, question.around),
        scene.taken(rows, running),
        at_once=scene.at_once,
        compact=not chooser.padded,
    )
    place = tf.argmin(tf.cast(running, tf.int32), output_type=tf.int32)
    here = tf.equal(tf.range(tf.size(running)), place)
    rows = tf.where(here[:, None], _numerics.quantise(best.x), rows)
    return rows, running | (here & best.ok), best.value


def _together(
    scene: _Scene, rows: tf.Tensor, running: tf.Tensor, value: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The points that were chosen one by one, climbed as a set; rows, and the value of the set."""
    chooser, question, q = scene.chooser, scene.question, scene.chooser.batch
    d = len(chooser.columns)
    first = tf.math.count_nonzero(question.running, dtype=tf.int32)
    chosen = tf.gather(rows, first + tf.range(q))
    normals = tf.gather(scene.normals, first + tf.range(q - 1), axis=1)
    worth = scene.beside(question.pending, question.running)
    taken = scene.taken(question.pending, question.running)

    def is_taken(sets: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(sets, [-1, q, d])
        far = tf.reduce_max(tf.abs(x[:, :, None] - x[:, None]), axis=-1) > _SAME
        repeats = tf.math.count_nonzero(~far, axis=[1, 2]) > q
        tried = tf.reshape(taken(tf.reshape(x, [-1, d])), [-1, q])
        return repeats | tf.reduce_any(tried, axis=-1)

    sets = tf.shape(question.everywhere)[0] // q
    best = mixed.maximise(
        lambda sets: worth(tf.reshape(sets, [-1, q, d]), normals),
        Domain(chooser.columns.repeated(q)),
        (
            tf.reshape(chosen, [1, q * d]),
            tf.reshape(question.everywhere[: sets * q], [sets, q * d]),
        ),
        is_taken,
        climbs=_SETS,
        at_once=scene.at_once // q,
        compact=not chooser.padded,
    )
    whole = best.ok & tf.reduce_all(tf.gather(running, first + tf.range(q)))
    better = _numerics.quantise(tf.reshape(best.x, [q, d]))
    i = tf.range(tf.size(running)) - first
    placed = tf.gather(better, tf.clip_by_value(i, 0, q - 1))
    mine = (i >= 0) & (i < q) & whole
    return tf.where(mine[:, None], placed, rows), tf.where(whole, best.value, value)


def _pad(question: Question) -> Question:
    """The question with rows added up to the next sizes for which there is a program."""
    n, t, m = (len(part) for part in (question.observed.z, question.tried, question.pending))
    bucket, more = devices.bucket(n), devices.bucket(m, _PENDING) - m
    labels, others = question.labels, devices.bucket(t) - t
    if isinstance(labels, Posterior):
        labels = fit.resized(labels, devices.bucket(len(labels.factors.z)))
    return question._replace(
        posterior=fit.resized(question.posterior, bucket),
        observed=Observations(*(fit.with_rows(part, bucket) for part in question.observed)),
        tried=np.pad(question.tried, [(0, others), (0, 0)], constant_values=np.nan),
        pending=np.pad(question.pending, [(0, more), (0, 0)]),
        running=np.pad(question.running, (0, more)),
        uniforms=np.pad(question.uniforms, [(0, 0), (0, more)], constant_values=0.5),
        labels=labels,
    )
