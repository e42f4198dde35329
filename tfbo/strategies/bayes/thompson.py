"""The compiled ask for many points at once: each is the maximiser of a draw of the function.

Thompson sampling (Thompson 1933): points are as different as what the data leave open, whatever their
number, and none has to know of the others. Letters: n trials, q points and draws, d columns, e and a
candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from tfbo import _numerics
from tfbo._compile.programs import Program
from tfbo.acquisition import PosteriorMean
from tfbo.acquisition.feasibility import expected
from tfbo.columns import snap
from tfbo.gp import Posterior, likelihood, paths
from tfbo.optim import mixed
from tfbo.optim.domain import Domain
from tfbo.strategies.bayes import feasibility, fit
from tfbo.strategies.bayes.fit import Choices, Evidence
from tfbo.strategies.bayes.greedy import ANSWER, Answer

# Of an ascent; they are of functions of the order of one, and all points have to be near their tops, no
# more.
_EVALUATIONS = 50


class Question(NamedTuple):
    """What one ask hands over."""

    evidence: Evidence
    drawn: paths.Randomness
    """Of q draws."""
    everywhere: np.ndarray
    """Points to screen, all over the space, `[e, d]`."""
    around: np.ndarray
    """Points to screen, around the best known ones, `[a, d]`."""
    labels: Evidence | tuple[()] = ()
    """As in `program.Question`."""


def answer(choices: Choices, question: Question, device: str) -> Answer:
    """Run the program on a device; points may repeat each other, and what was tried."""
    choices = choices._replace(padded=False, failing=bool(question.labels))
    rows = max(question.evidence.n, len(question.drawn.weights))
    found: Answer = compiled(choices)(question, device, rows=rows)
    return found


def compiled(choices: Choices) -> Program:
    """The program: one graph for all questions."""
    rows, vector = fit.rows_spec(choices), tf.TensorSpec([None], tf.float64)
    matrix = tf.TensorSpec([None, None], tf.float64)
    directions = tf.TensorSpec([None, choices.kernel.features], tf.float64)
    drawn = paths.Randomness(directions, vector, matrix, matrix)
    evidence = fit.evidence_spec(choices)
    signature = Question(evidence, drawn, rows, rows, evidence if choices.failing else ())
    return Program(_ask, choices, signature, ANSWER)


def _ask(choices: Choices, question: Question) -> Answer:
    observed = fit.observe(choices, question.evidence)
    fitted = fit.fitted(choices, question.evidence, observed)
    posterior = fit.posterior(choices, observed, fitted.theta)
    worth = _worth(choices, question, observed, posterior)
    drawn = paths.draw(posterior, observed, question.drawn)
    screened = tf.concat([question.everywhere, question.around], axis=0)
    screened = snap(choices.columns, screened, tnp)
    value = worth(screened, drawn.everywhere(screened))
    start = tf.gather(screened, tf.argmax(value, axis=1))

    def each(x: tf.Tensor) -> tf.Tensor:
        return worth(x, drawn.each(x))

    x = mixed.maximise_each(each, Domain(choices.columns), start, max_evaluations=_EVALUATIONS)
    found = tf.ones(tf.shape(x)[:1], tf.bool)
    best = tf.reduce_max(each(x))
    return Answer(_numerics.quantise(x), found, best, fitted, fitted.ok & posterior.factors.ok)


def _worth(
    choices: Choices, question: Question, observed: likelihood.Observations, posterior: Posterior
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """From rows `[k, d]` and drawn outcomes `[..., k]` to what a trial is worth that may fail."""
    labels, outcome = question.labels, PosteriorMean()
    if not isinstance(labels, Evidence):
        return lambda x, drawn: drawn
    valued = choices._replace(acquisition=outcome)
    feasible = feasibility.model(valued, labels, observed, posterior)
    return lambda x, drawn: expected(outcome, drawn, feasible.success(x))
