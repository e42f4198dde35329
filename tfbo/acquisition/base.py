"""What an acquisition function is."""

from __future__ import annotations

from typing import ClassVar, Protocol

import tensorflow as tf


class Acquisition(Protocol):
    """The worth of evaluating a point, from the mean and deviation of what it may return.

    Implementations are frozen dataclasses. They are compared by value: a compiled program is kept for
    each different one. What several points are worth together, and a point while others are being
    tried, follows from this (`tfbo.acquisition.joint`).
    """

    logarithmic: ClassVar[bool]
    """Whether values are logarithms: then their exponentials are what is averaged and summed."""

    def evaluate(self, mean: tf.Tensor, deviation: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
        """Values; the arguments broadcast, and speak of standardised outcomes, larger is better.

        Args:
            mean: of the noise-free outcome.
            deviation: its standard deviation, > 0; `tfbo.strategies.Bayes` counts a tenth less of it
                for each number that is on a face of the space where the best trial is not.
            incumbent: the best that is known already: at first the best posterior mean among the points
                told, and where other points are tried as well, what a draw of those returns.
        """
        ...
