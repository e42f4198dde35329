"""The joint improvement: points beside others that are being tried, and several at once.

What the best of q points improves on the incumbent f* telescopes,

    max(f*, f_1, ..., f_q) - f*  =  sum_j max(f_j - max(f*, f_1, ..., f_{j-1}), 0),

so the joint expected improvement is a sum of ordinary ones: of each point over the best of those before
it, under the law of its outcome given theirs, which is normal. Only the earlier outcomes have to be drawn;
the last integral of each term is the closed form. The estimate is therefore exact for one point, has
less variance than one that draws all q (Rao and Blackwell), and has the closed form's value and gradient
far below the incumbent, without smoothing. Any acquisition of one point becomes one of several in this
way: for upper confidence bounds it is GP-BUCB (Desautels et al. 2014).

Source of the joint criterion: Ginsbourger et al. 2010; of quasi-Monte-Carlo draws that are functions of
the points, so that it can be climbed: Wilson et al. 2018 (arXiv 1805.10196).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfbo import _numerics
from tfbo.gp.likelihood import Observations
from tfbo.gp.pending import Fantasies, Pending, fantasise
from tfbo.gp.posterior import Posterior


class Beside(NamedTuple):
    """The points that are known or being tried, beside which others are valued."""

    fantasies: Fantasies
    best: tf.Tensor
    """Value to improve on in each draw, `[..., s]`."""


def prepare(posterior: Posterior, observed: Observations, pending: Pending) -> Beside:
    """Draws of what is being tried; see `Acquisition.prepare`."""
    fantasies = fantasise(posterior, pending)
    best = incumbent(posterior, observed)
    return Beside(fantasies, tf.maximum(tf.expand_dims(best, -1), fantasies.best))


def incumbent(posterior: Posterior, observed: Observations) -> tf.Tensor:
    """The largest posterior mean at the training data, `[...]`."""
    mean = posterior.noise_free(observed)
    if observed.mask is not None:
        mean = tf.where(observed.mask, mean, tf.reduce_min(mean))
    return tf.reduce_max(mean, axis=-1)


def worth(
    evaluate: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
    logarithmic: bool,
    beside: Beside,
    x: tf.Tensor,
    normals: tf.Tensor | None = None,
) -> tf.Tensor:
    """Worth `[c, q]` of each point of sets `[c, q, d]`; see `Acquisition.worth`.

    It is the mean over the draws and whatever leading axes the posterior has, of the exponential where
    what `evaluate` returns is logarithmic.
    """
    mean, factor = beside.fantasies.joint(x)
    best = beside.best
    if best.shape.rank > 1:
        best = best[..., None, None, :]
    if x.shape[-2] == 1:
        deviation = factor
    else:
        assert normals is not None, "several points need draws"
        deviation = tf.expand_dims(tf.linalg.diag_part(factor), -1)
        earlier = tf.linalg.set_diag(factor, tf.zeros_like(deviation[..., 0]))[..., :-1]
        mean += tf.matmul(earlier, normals, transpose_b=True)
        outcomes = mean[..., :-1, :] + deviation[..., :-1, :] * tf.linalg.matrix_transpose(normals)
        best = _running_best(best, outcomes)
    values = evaluate(mean, deviation, best)
    axis = [*range(values.shape.rank - 3), values.shape.rank - 1]
    draws = tf.cast(tf.size(beside.best), values.dtype)
    if logarithmic:
        return _numerics.log_sum_exp(values, axis) - tf.math.log(draws)
    return tf.reduce_sum(values, axis=axis) / draws


def total(logarithmic: bool, values: tf.Tensor) -> tf.Tensor:
    """Worth `[c]` of sets, from that of each of their points `[c, q]`."""
    if values.shape[-1] == 1:
        return tf.squeeze(values, -1)
    return _numerics.log_sum_exp(values, [-1]) if logarithmic else tf.reduce_sum(values, axis=-1)


def _running_best(best: tf.Tensor, outcomes: tf.Tensor) -> tf.Tensor:
    """The best before each point `[..., q, s]`: of `best`, and outcomes `[..., q - 1, s]`."""
    running = [best + tf.zeros_like(outcomes[..., :1, :])]
    for outcome in tf.unstack(outcomes[..., None, :], axis=-3):
        running.append(tf.maximum(running[-1], outcome))
    return tf.concat(running, axis=-2)
