"""The compiled choice of points from a posterior: what all choosers are given, and the program around them.

A chooser is a frozen dataclass with a `choose`, from a `Scene` to the points. Letters: n data, m pending
trials, q points asked for, d columns, e and a candidates, s draws.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

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
from tfbo.optim.domain import Domain, Feasible
from tfbo.strategies.bayes import boundary, feasibility, fit
from tfbo.strategies.bayes.feasibility import Feasibility

# Pending trials that fit the smallest padded program.
_PENDING = 8

Worth = Callable[..., tf.Tensor]
"""From sets of points `[c, q, d]`, and normals `[s, q - 1]` for more than one, to their worth `[c]`."""
Best = Callable[[Worth, mixed.Test], mixed.Maximum]
"""From the worth of a point beside those that run, and the test of those that were tried, to the best."""


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
    numbers: Any
    """Random ones; see `Chooser.numbers`."""
    everywhere: np.ndarray
    """Points to screen, all over the space, `[e, d]`."""
    around: np.ndarray
    """Points to screen, around the best known ones, `[a, d]`."""
    labels: Posterior | tuple[()] = ()
    """Of the trials' success; see `feasibility.fitted`. Nothing where all succeeded."""
    bounds: np.ndarray | tuple[()] = ()
    """Box `[d, 2]` of the points; nothing for the unit cube."""
    curves: np.ndarray | tuple[()] = ()
    """Steps and numbers of the pending trials, then of new ones, `[m + q, 2]`; nothing without curves."""


class Answer(NamedTuple):
    """Output of the program."""

    x: tf.Tensor
    """Legal rows of the points that were chosen, `[q, d]`."""
    found: tf.Tensor
    """bool `[q]`: which of them there are; all of the screened rows may have been tried."""
    value: tf.Tensor
    """The acquisition at the last point, or that of all together where they were climbed together."""
    screened: tf.Tensor | tuple[()] = ()
    """Legal rows of the best screened candidate for each point, `[q, d]`; nothing without constraints."""


class Chooser(abc.ABC):
    """The way in which points are chosen. A program is kept for each different one."""

    can_pad: ClassVar[bool] = True
    """True where XLA can compile it."""

    def numbers(self, kernel: Kernel, n: int, count: int, q: int, rng: np.random.Generator) -> Any:
        """Random numbers behind the choice of q points from n data: arrays of the shapes of `spec`.

        There are `count` pending trials and points to choose, m + q.
        """
        return ()

    def spec(self, kernel: Kernel) -> Any:
        """The signature of `numbers`."""
        return ()

    def padded(self, numbers: Any, more: int) -> Any:
        """The numbers where there is room for `more` pending trials."""
        return numbers

    def valued(self, acquisition: Acquisition) -> Acquisition:
        """The acquisition that counts."""
        return acquisition

    @abc.abstractmethod
    def choose(self, scene: Scene) -> Answer:
        """The points, in the room that `Question.pending` has for them."""


class Choice(NamedTuple):
    """Choices that distinguish one program from another."""

    chooser: Chooser
    columns: Columns
    kernel: Kernel
    acquisition: Acquisition
    padded: bool
    """See `devices.Plan`."""
    failing: bool = False
    """True where trials have failed, so that the probability of success counts."""
    boundary: float = 0.0
    """See `boundary.deflation`."""
    bounded: bool = False
    """True where the points are sought in a box."""
    curves: bool = False
    """True where data are of steps; points are then valued at the last."""
    feasible: Feasible | None = None
    """Constraints on the points; None where there are none."""


class Scene(NamedTuple):
    """The posterior, and everything else that points are chosen by."""

    choice: Choice
    question: Question
    posterior: Posterior
    """Of the outcomes, of whose deviations a share counts at the boundary."""
    observed: Observations
    domain: Domain
    """Rows among which the points are sought."""
    feasibility: Feasibility | None

    @property
    def screened(self) -> tf.Tensor:
        """All candidates, `[e + a, d]`."""
        return tf.concat([self.question.everywhere, self.question.around], axis=0)

    def beside(self, rows: tf.Tensor, running: tf.Tensor, normals: tf.Tensor) -> Worth:
        """Worth of sets of points beside those that run, of which `normals` `[s, m + q]` draw outcomes."""
        acquisition = self.choice.acquisition
        if self.choice.curves:
            rows = tf.concat([rows, self.question.curves], axis=-1)
        pending = Pending(self.posterior.features(rows), normals, running)
        state = acquisition.prepare(self.posterior, self.observed, pending)

        def worth(x: tf.Tensor, normals: tf.Tensor | None = None) -> tf.Tensor:
            values = acquisition.worth(state, x, normals)
            if self.feasibility is not None:
                values = expected(acquisition, values, self.feasibility.success(x))
            return joint.total(acquisition.logarithmic, values)

        return worth

    def taken(self, rows: tf.Tensor, running: tf.Tensor) -> mixed.Test:
        """Test of legal rows: true where they have been tried, or run."""
        tried = tf.concat([self.question.tried, rows], axis=0)
        finished = tf.ones(tf.shape(self.question.tried)[:1], tf.bool)
        counts = tf.concat([finished, running], axis=0)
        return lambda x: mixed.among(x, tried, counts)

    def one_by_one(self, best: Best, normals: tf.Tensor | None = None) -> Answer:
        """The points, each the best beside those that run and those before it.

        Args:
            best: how a point is found.
            normals: `[s, m + q]`, from which outcomes of those are drawn; None for their means.
        """
        question = self.question
        if normals is None:
            normals = tf.zeros_like(question.pending[None, :, 0])

        def one_more(i: tf.Tensor, so_far: Answer) -> Any:
            rows, running, screened = so_far.x, so_far.found, so_far.screened
            found = best(self.beside(rows, running, normals), self.taken(rows, running))
            place = tf.argmin(tf.cast(running, tf.int32), output_type=tf.int32)
            here = tf.equal(tf.range(tf.size(running)), place)
            rows = tf.where(here[:, None], _numerics.quantise(found.x), rows)
            if self.domain.feasible is not None:
                end = found.x if found.screened is None else found.screened
                screened = tf.where(here[:, None], end, screened)
            return i + 1, Answer(rows, running | (here & found.ok), found.value, screened)

        lowest = tf.constant(-float("inf"), tf.float64)
        screened = () if self.domain.feasible is None else question.pending
        first = Answer(question.pending, question.running, lowest, screened)
        _, answer = tf.while_loop(lambda i, _: i < question.q, one_more, (tf.constant(0), first))
        return answer


def choose(choice: Choice, question: Question, device: str) -> Answer:
    """Run the program on a device."""
    asked = pad(choice.chooser, question) if choice.padded else question
    rows = max(len(question.observed.z), int(question.q))
    chosen: Answer = compiled(choice)(asked, device, rows=rows)
    first, end = int(np.sum(question.running)), len(question.running)
    mine = slice(first, end)
    return Answer(chosen.x[mine], chosen.found[mine], chosen.value, chosen.screened[mine])


@functools.lru_cache(maxsize=64)
def compiled(choice: Choice) -> Program:
    """The program: one graph for all questions, or under XLA one for each size of the padded data."""
    d = len(choice.columns)
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    rows, flags = spec([None, d]), tf.TensorSpec([None], tf.bool)
    posterior, observed = fit.posterior_spec(choice.kernel)
    signature = Question(
        posterior,
        observed,
        best=spec([d]),
        tried=rows,
        pending=rows,
        running=flags,
        q=tf.TensorSpec([], tf.int32),
        numbers=choice.chooser.spec(choice.kernel),
        everywhere=rows,
        around=rows,
        labels=fit.posterior_spec(choice.kernel.configurations)[0] if choice.failing else (),
        bounds=spec([d, 2]) if choice.bounded else (),
        curves=spec([None, 2]) if choice.curves else (),
    )
    screened = () if choice.feasible is None else "screened"
    answer = Answer("x", "found", "value", screened)
    return Program(_choose, choice, signature, answer, xla=choice.padded)


def _choose(choice: Choice, question: Question) -> Answer:
    observed, labels, feasible = question.observed, question.labels, None
    if not choice.padded:
        observed = observed._replace(mask=None)
    if isinstance(labels, Posterior):
        feasible = feasibility.model(choice.acquisition, labels, question.posterior, observed)
    posterior = boundary.deflated(
        question.posterior, choice.columns, question.best, choice.boundary
    )
    bounds = question.bounds if choice.bounded else None
    domain = Domain(choice.columns, bounds, choice.feasible)
    return choice.chooser.choose(Scene(choice, question, posterior, observed, domain, feasible))


def pad(chooser: Chooser, question: Question) -> Question:
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
        numbers=chooser.padded(question.numbers, more),
        labels=labels,
        curves=fit.with_rows(question.curves, m + more) if len(question.curves) else (),
    )
