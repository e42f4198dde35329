"""Expected hypervolume improvement: how much a trial of several objectives moves the front, on average.

The part of an outcome y in a box `[l, u]` beyond the front (`pareto.beyond`) is a product over objectives,

    prod_i max(min(y_i, u_i) - l_i, 0)  =  prod_i (max(y_i - l_i, 0) - max(y_i - u_i, 0)),

and the objectives of a candidate are independent, given what is drawn of other trials. So the mean is a
product too, of differences of expected improvements `s h(z)`; see `_numerics.log_h`. These are made once
for each level on which boxes have a side, as there are far fewer levels than boxes. Drawn are the outcomes
of told trials, where they are noisy, of those that run, and of points chosen before. Each draw has
a front of its own, and the mean over the draws is that of the logarithms' exponentials. Of the candidate
itself nothing is drawn: its value is exact where nothing else is uncertain, has less variance than one that
draws it too (Rao and Blackwell), and has a gradient far below the front without any smoothing.

Of five objectives and more there are too many boxes. Hypervolume is then a mean of scalarisations over
directions, and each draw has a direction and an outcome of its own.

Letters: m objectives, c candidates, s draws, b boxes, l levels.

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

    Arrays of float64 but where it says otherwise. Those that the number of objectives has no use for are
    empty.
    """

    levels: np.ndarray | tf.Tensor
    """Levels of each objective on which boxes have a side, `[s, l, m]`; see `pareto.Lattice`."""
    lower: np.ndarray | tf.Tensor
    """int32 `[s, b, m]`: those of the lower corners."""
    upper: np.ndarray | tf.Tensor
    """int32 `[s, b, m]`: those of the upper ones."""
    best: np.ndarray | tf.Tensor
    """The best outcome of one objective, or the best scalarisation, `[s]`."""
    directions: np.ndarray | tf.Tensor
    """Of unit length and positive, `[s, m]`."""
    normals: np.ndarray | tf.Tensor
    """Draws of the standard normal behind a candidate's outcomes, `[s, m]`."""
    reference: np.ndarray | tf.Tensor
    """The reference point, `[m]`."""

    def some(self, draws: int) -> Front:
        """Those of the first draws."""
        kept = {name: part[:draws] for name, part in self._asdict().items() if name != "reference"}
        return self._replace(**kept)


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
    levels, lower, upper = (
        tf.transpose(part, [2, 0, 1]) for part in (front.levels, front.lower, front.upper)
    )
    bounded = tf.math.is_finite(levels)
    # As matrices of draws `[m, s, c, l]`, from which boxes are picked by products `[l, b]`.
    mean, deviation = (tf.transpose(part, [0, 2, 1]) for part in (mean, deviation))
    ends = tf.where(bounded, levels, tf.zeros_like(levels))[:, :, None]
    z = (mean[..., None] - ends) / deviation[..., None]
    log_h = _numerics.log_h_of_many(z)
    count = tf.shape(levels)[2]

    def picked(values: tf.Tensor, corners: tf.Tensor) -> tf.Tensor:
        chosen = tf.one_hot(corners, count, dtype=values.dtype)
        return tf.matmul(values, chosen, transpose_b=True)

    above, cut = picked(log_h, lower), picked(log_h, upper)
    ended = tf.gather(bounded, upper, batch_dims=2)[:, :, None]
    filled = tf.reduce_all(upper > lower, axis=0)[:, None]
    # The share of what is above the lower side that is not above the upper one.
    cut = tf.where(ended, above - cut, 1.0)
    share = tf.where(ended, -tf.math.expm1(-tf.maximum(cut, 0.0)), 1.0)
    logs = tf.reduce_sum(above, axis=0)
    logs = tf.where(filled, logs, tf.constant(-math.inf, logs.dtype))
    highest = tf.stop_gradient(tf.reduce_max(logs, axis=-1, keepdims=True))
    sums = tf.reduce_sum(tf.exp(logs - highest) * tf.reduce_prod(share, axis=0), axis=-1)
    smallest = tf.constant(np.finfo(np.float64).tiny, sums.dtype)
    total = tf.squeeze(highest, -1) + tf.math.log(tf.maximum(sums, smallest))
    return tf.transpose(total + tf.reduce_sum(tf.math.log(deviation), axis=0))


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
