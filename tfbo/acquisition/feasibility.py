"""The worth of a trial that may fail."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfbo.acquisition.base import Acquisition

# The deviation of an outcome that is certain.
_CERTAIN = 1e-6


class Success(NamedTuple):
    """Probability that trials return an outcome, and their worth if they do not."""

    log_probability: tf.Tensor
    """`[...]`, in nats."""
    failed: tf.Tensor
    """`[]`; see `failed`."""


def failed(acquisition: Acquisition, worst: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
    """Value `[]` of a trial that is certain to return the worst outcome: nothing, of an improvement."""
    return acquisition.evaluate(worst, _CERTAIN * tf.ones_like(worst), incumbent)


def expected(acquisition: Acquisition, values: tf.Tensor, success: Success) -> tf.Tensor:
    """Expected values `[...]` of trials that succeed with probability p: `p a + (1 - p) a_failed`.

    Of a logarithm, `log p + a`: its failure is worth nothing. Shapes broadcast.

    Source: Schonlau, Welch and Jones 1998; Gelbart, Snoek and Adams 2014 (arXiv 1403.5607).
    """
    if acquisition.logarithmic:
        return values + success.log_probability
    p = tf.exp(success.log_probability)
    return p * values + (1.0 - p) * success.failed
