"""The choice of many points at once: each is the maximiser of a draw of the function.

Thompson sampling (Thompson 1933): points are as different as what the data leave open, whatever their
number, and none has to know of the others.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from tfbo import _numerics
from tfbo.acquisition import Acquisition, PosteriorMean
from tfbo.acquisition.feasibility import expected
from tfbo.gp import Kernel, paths
from tfbo.optim import mixed
from tfbo.strategies.bayes.chooser import Answer, Chooser, Scene

# Of an ascent; they are of functions of the order of one, and all points have to be near their tops, no
# more.
_EVALUATIONS = 50


@dataclasses.dataclass(frozen=True)
class Thompson(Chooser):
    """Maximisers of draws of the function; they may repeat each other, and what was tried."""

    can_pad: ClassVar[bool] = False

    def numbers(
        self, kernel: Kernel, n: int, count: int, q: int, rng: np.random.Generator
    ) -> paths.Randomness:
        """The randomness of q draws."""
        return paths.randomness(kernel, n, q, rng)

    def spec(self, kernel: Kernel) -> paths.Randomness:
        """See `Chooser`."""
        vector, matrix = tf.TensorSpec([None], tf.float64), tf.TensorSpec([None, None], tf.float64)
        directions = tf.TensorSpec([None, kernel.features], tf.float64)
        return paths.Randomness(directions, vector, matrix, matrix)

    def valued(self, acquisition: Acquisition) -> Acquisition:
        """A draw is worth itself, whatever the acquisition."""
        return PosteriorMean()

    def choose(self, scene: Scene) -> Answer:
        """See `Chooser`."""
        question, outcome = scene.question, scene.choice.acquisition
        drawn = paths.draw(question.posterior, question.observed, question.numbers)

        def worth(x: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
            """Worth of trials at rows `[c, d]` that may fail, of drawn outcomes `[..., c]`."""
            if scene.feasibility is None:
                return values
            return expected(outcome, values, scene.feasibility.success(x))

        def each(x: tf.Tensor) -> tf.Tensor:
            return worth(x, drawn.each(x))

        screened = scene.domain.snap(scene.screened, tnp)
        value = worth(screened, drawn.everywhere(screened))
        start = tf.gather(screened, tf.argmax(value, axis=1))
        x = mixed.maximise_each(each, scene.domain, start, max_evaluations=_EVALUATIONS)
        before = question.pending[: -tf.shape(x)[0]]
        rows = tf.concat([before, _numerics.quantise(x)], axis=0)
        constrained = scene.domain.feasible is not None
        begun = tf.concat([before, start], axis=0) if constrained else ()
        return Answer(rows, tf.ones_like(question.running), tf.reduce_max(each(x)), begun)
