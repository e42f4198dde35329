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
from tfbo.gp import Posterior, paths
from tfbo.gp.likelihood import Observations
from tfbo.optim import mixed
from tfbo.optim.domain import Domain
from tfbo.strategies.bayes import feasibility, fit
from tfbo.strategies.bayes.greedy import ANSWER, Answer, Chooser

# Of an ascent; they are of functions of the order of one, and all points have to be near their tops, no
# more.
_EVALUATIONS = 50


class Draws(NamedTuple):
    """Input of the program."""

    posterior: Posterior
    """Of the outcomes."""
    observed: Observations
    """The data that it is of."""
    drawn: paths.Randomness
    """Of q draws."""
    everywhere: np.ndarray
    """Points to screen, all over the space, `[e, d]`."""
    around: np.ndarray
    """Points to screen, around the best known ones, `[a, d]`."""
    labels: Posterior | tuple[()] = ()
    """As in `greedy.Question`."""


def choose(chooser: Chooser, draws: Draws, device: str) -> Answer:
    """Run the program on a device; points may repeat each other, and what was tried."""
    # A draw is worth itself, whatever the acquisition.
    chooser = chooser._replace(acquisition=PosteriorMean(), padded=False, batch=1)
    rows = max(len(draws.observed.z), len(draws.drawn.weights))
    chosen: Answer = compiled(chooser)(draws, device, rows=rows)
    return chosen


def compiled(chooser: Chooser) -> Program:
    """The program: one graph for all draws."""
    rows = tf.TensorSpec([None, len(chooser.columns)], tf.float64)
    vector, matrix = tf.TensorSpec([None], tf.float64), tf.TensorSpec([None, None], tf.float64)
    directions = tf.TensorSpec([None, chooser.kernel.features], tf.float64)
    drawn = paths.Randomness(directions, vector, matrix, matrix)
    posterior, observed = fit.posterior_spec(chooser.kernel)
    labels = posterior if chooser.failing else ()
    signature = Draws(posterior, observed, drawn, rows, rows, labels)
    return Program(_choose, chooser, signature, ANSWER)


def _choose(chooser: Chooser, draws: Draws) -> Answer:
    worth = _worth(chooser, draws)
    drawn = paths.draw(draws.posterior, draws.observed, draws.drawn)
    screened = tf.concat([draws.everywhere, draws.around], axis=0)
    screened = snap(chooser.columns, screened, tnp)
    value = worth(screened, drawn.everywhere(screened))
    start = tf.gather(screened, tf.argmax(value, axis=1))

    def each(x: tf.Tensor) -> tf.Tensor:
        return worth(x, drawn.each(x))

    x = mixed.maximise_each(each, Domain(chooser.columns), start, max_evaluations=_EVALUATIONS)
    found = tf.ones(tf.shape(x)[:1], tf.bool)
    return Answer(_numerics.quantise(x), found, tf.reduce_max(each(x)))


def _worth(chooser: Chooser, draws: Draws) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """From rows `[c, d]` and drawn outcomes `[..., c]` to the worth of a trial that may fail."""
    if not isinstance(draws.labels, Posterior):
        return lambda x, drawn: drawn
    outcome, observed = chooser.acquisition, draws.observed
    feasible = feasibility.model(outcome, draws.labels, draws.posterior, observed)
    return lambda x, drawn: expected(outcome, drawn, feasible.success(x))
