"""The interface of an acquisition function."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorflow as tf

from tfbo.acquisition import joint
from tfbo.errors import invalid
from tfbo.gp.likelihood import Observations
from tfbo.gp.pending import Pending
from tfbo.gp.posterior import Posterior


class Acquisition:
    """The worth of evaluating points, given what the data say and what is being tried.

    Subclasses are frozen dataclasses. They are compared by value: a compiled program is kept for each
    different one. Where the worth of a point depends on the mean and deviation of its outcome alone,
    `evaluate` is that function; the worth of several points, and of one while others are being tried,
    follows from it (`tfbo.acquisition.joint`). Any other has a `prepare` and a `worth` of its own.
    """

    logarithmic: ClassVar[bool]
    """True where values are logarithms: then their exponentials are what is averaged and summed."""

    def evaluate(self, mean: tf.Tensor, deviation: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
        """Values; the arguments broadcast, and speak of standardised outcomes, larger is better.

        Args:
            mean: of the noise-free outcome.
            deviation: its standard deviation, > 0; `tfbo.strategies.Bayes` counts a tenth less of it
                for each number that is on a face of the space where the best trial is not.
            incumbent: the best that is known already: at first the best posterior mean among the
                training data, and where other points are tried as well, what a draw of those returns.
        """
        raise NotImplementedError

    def prepare(self, posterior: Posterior, observed: Observations, pending: Pending) -> Any:
        """Whatever does not depend on the points; made once for each point that is chosen.

        Args:
            posterior: of the data, which may have leading axes, such as one of hyperparameter sets.
            observed: the data.
            pending: points that are being tried.
        """
        return joint.prepare(posterior, observed, pending)

    def of_several(self) -> Acquisition:
        """The acquisition that stands for it where there are several objectives, with a `beyond`."""
        expected = "one for several objectives"
        raise invalid(
            "acquisition", expected, self, "Leave it out for tfbo.acquisition.LogNEHVI()."
        )

    def beyond(self, mean: tf.Tensor, deviation: tf.Tensor, front: Any) -> tf.Tensor:
        """Values `[c, s]` of several objectives beside fronts, one for each of s draws.

        Args:
            mean: of each objective of c candidates, given each draw, `[m, c, s]`.
            deviation: of the objectives, `[m, c, 1]`.
            front: a `tfbo.acquisition.hypervolume.Front`.
        """
        raise NotImplementedError

    def worth(self, state: Any, x: tf.Tensor, normals: tf.Tensor | None = None) -> tf.Tensor:
        """Worth `[c, q]` of each point of c sets, beyond that of the points before it in its set.

        Args:
            state: from `prepare`.
            x: `[c, q, d]`, legal rows; q is static.
            normals: `[s, q - 1]`, draws of the standard normal behind all points but the last; None for
                one point.
        """
        return joint.worth(self.evaluate, self.logarithmic, state, x, normals)
