"""What an acquisition function is."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf

from tfbo.gp import Posterior


class Acquisition(Protocol):
    """The worth of evaluating a set of points; implementations are frozen dataclasses.

    They are compared by value: a compiled program is kept for each different one.
    """

    def evaluate(self, posterior: Posterior, incumbent: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Values `[...]` of sets of points `x` `[..., q, d]`.

        Args:
            posterior: its `moments` are of standardised outcomes, larger is better.
            incumbent: scalar, the best posterior mean among the points told so far.
            x: legal rows of the design matrix.
        """
        ...
