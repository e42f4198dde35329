"""Expected hypervolume improvement: how much a trial of several objectives moves the front, on average.

The part of an outcome y in a box `[l, u]` beyond the front (`pareto.beyond`) is a product over objectives,

    prod_i max(min(y_i, u_i) - l_i, 0)  =  prod_i (max(y_i - l_i, 0) - max(y_i - u_i, 0)),

and the objectives of a candidate are independent, given what is drawn of other trials. So the mean is a
product too, of differences of expected improvements `s h(z)`; see `_numerics.log_h`. Drawn are the outcomes
of told trials, where they are noisy, of those that run, and of points chosen before. Each draw has
a front of its own, and the mean over the draws is that of the logarithms' exponentials. Of the candidate
itself nothing is drawn: its value is exact where nothing else is uncertain, has less variance than one that
draws it too (Rao and Blackwell), and has a gradient far below the front without any smoothing.

Of five objectives and more there are too many boxes. Hypervolume is then a mean of scalarisations over
directions, and each draw has a direction and an outcome of its own.

Letters: m objectives, c candidates, s draws, b boxes.

Source: Emmerich, Giannakoglou and Naujoks 2006; Daulton, Balandat and Bakshy 2021 (arXiv 2105.08195);
Ament et al. 2023 (arXiv 2310.20708); Golovin and Zhang 2020 (arXiv 2006.04655).
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _numerics
from tfbo.acquisition.base import Acquisition

MOST_BOXED = 4
"""Objectives at the most of which boxes are made."""
# What is below the best scalarisation counts as if the threshold were this wide, in standardised outcomes.
_SMOOTH = 1e-2


class Front(NamedTuple):
    """The front of each draw: boxes beyond it, or of many objectives the best in a direction.

    Arrays of float64; those that the number of objectives has no use for are empty.
    """

    lower: np.ndarray | tf.Tensor
    """Lower corners of the boxes, `[s, b, m]`."""
    upper: np.ndarray | tf.Tensor
    """Upper ones; see `pareto.Boxes`."""
    best: np.ndarray | tf.Tensor
    """The best outcome of one objective, or the best scalarisation, `[s]`."""
    directions: np.ndarray | tf.Tensor
    """Of unit length and positive, `[s, m]`."""
    normals: np.ndarray | tf.Tensor
    """Draws of the standard normal behind a candidate's outcomes, `[s, m]`."""
    reference: np.ndarray | tf.Tensor
    """The reference point, `[m]`."""


@dataclasses.dataclass(frozen=True)
class LogNEHVI(Acquisition):
    """Logarithm of the noisy expected hypervolume improvement; of one objective, `LogEI`.

    Example:
        >>> import tfbo
        >>> strategy = tfbo.strategies.Bayes(acquisition=tfbo.acquisition.LogNEHVI())
    """

    logarithmic: ClassVar[bool] = True

    def evaluate(self, mean: tf.Tensor, deviation: tf.Tensor, incumbent: tf.Tensor) -> tf.Tensor:
        """See `Acquisition`; in nats."""
        return tf.math.log(deviation) + _numerics.log_h((mean - incumbent) / deviation)

    def of_several(self) -> Acquisition:
        """See `Acquisition`."""
        return self

    def beyond(self, mean: tf.Tensor, deviation: tf.Tensor, front: Front) -> tf.Tensor:
        """See `Acquisition`; in nats."""
        if mean.shape[0] <= MOST_BOXED:
            return log_improvement(mean, deviation, front)
        return log_scalarised(mean, deviation, front)


def log_improvement(mean: tf.Tensor, deviation: tf.Tensor, front: Front) -> tf.Tensor:
    """Log of the expected hypervolume improvement `[c, s]` over the front of each draw.

    Args:
        mean: of the objectives given each draw, `[m, c, s]`.
        deviation: their standard deviations, `[m, c, 1]`.
        front: with boxes.
    """
    lower, upper = (
        tf.transpose(corner, [2, 0, 1])[:, None] for corner in (front.lower, front.upper)
    )
    filled = tf.reduce_all(upper > lower, axis=0)
    ended = tf.math.is_finite(upper)
    deviation = tf.expand_dims(deviation, -1)
    corners = tf.stack([lower, tf.where(ended, upper, lower)])
    log_h = _numerics.log_h((tf.expand_dims(mean, -1) - corners) / deviation)
    above, beyond = tf.unstack(log_h)
    cut = above - beyond
    cuts = ended & (cut > 0.0)
    share = _numerics.log_1m_exp(tf.where(cuts, cut, tf.ones_like(cut)))
    # Where a box is too thin for its ends to differ it adds nothing.
    filled &= tf.reduce_all(cuts | ~ended, axis=0)
    logs = tf.math.log(deviation) + above + tf.where(ended, share, tf.zeros_like(share))
    logs = tf.reduce_sum(logs, axis=0)
    return _numerics.log_sum_exp(
        tf.where(filled, logs, tf.constant(-math.inf, logs.dtype)), [logs.shape.rank - 1]
    )


def log_scalarised(mean: tf.Tensor, deviation: tf.Tensor, front: Front) -> tf.Tensor:
    """Log of the hypervolume improvement `[c, s]` of drawn outcomes, each in the direction of its draw.

    The hypervolume of points y above r is `c_m E[max_y t^m]` over directions v that are uniform on the
    positive part of the sphere, with `t = min_i max(y_i - r_i, 0) / v_i` and
    `c_m = pi^(m/2) / (2^m Gamma(m/2 + 1))` (Golovin and Zhang 2020, lemma 5). Minimum and threshold are
    smooth, for a draw that improves on nothing has no gradient otherwise (Ament et al. 2023, section 4).
    Shapes as in `log_improvement`, whose mean over the draws is that of this one.
    """
    m = mean.shape[0]
    outcomes = mean + deviation * tf.transpose(front.normals)[:, None]
    gains = (outcomes - front.reference[:, None, None]) / tf.transpose(front.directions)[:, None]
    least = tf.reduce_min(gains, axis=0)
    crowd = tf.reduce_sum(tf.exp((tf.stop_gradient(least) - gains) / _SMOOTH), axis=0)
    smallest = tf.stop_gradient(least) - _SMOOTH * tf.math.log(crowd)
    z = (smallest - front.best) / _SMOOTH
    far = z < -30.0
    log_softplus = tf.where(far, z, tf.math.log(tf.math.softplus(tf.where(far, 0.0 * z, z))))
    # a^m - b^m is a - b times this sum.
    reached = front.best + _SMOOTH * tf.math.softplus(z)
    terms = [reached**i * front.best ** (m - 1 - i) for i in range(m)]
    factor = 0.5 * m * math.log(math.pi) - m * math.log(2.0) - math.lgamma(0.5 * m + 1.0)
    smallest_sum = tf.constant(np.finfo(np.float64).tiny, z.dtype)
    total = tf.math.log(tf.maximum(tf.add_n(terms), smallest_sum))
    return factor + math.log(_SMOOTH) + log_softplus + total


def scalarised(outcomes: np.ndarray, reference: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The scalarisations t `[k]` of outcomes `[k, m]` in a direction `[m]`; see `log_scalarised`."""
    return np.maximum((outcomes - reference) / direction, 0.0).min(axis=1)
