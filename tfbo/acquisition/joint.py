"""What several points are worth together, and a point while others are being tried.

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

import tensorflow as tf

from tfbo import _numerics
from tfbo.acquisition.base import Acquisition
from tfbo.acquisition.feasibility import Success, expected
from tfbo.gp.pending import Fantasies


def worth(
    acquisition: Acquisition,
    fantasies: Fantasies,
    incumbent: tf.Tensor,
    x: tf.Tensor,
    normals: tf.Tensor | None = None,
    deflation: tf.Tensor | None = None,
    success: Success | None = None,
) -> tf.Tensor:
    """Values `[k]` of sets of q points, beside those that are being tried.

    Args:
        acquisition: what one point is worth.
        fantasies: of the s draws of what is being tried.
        incumbent: scalar, the best posterior mean among the points told.
        x: `[k, q, d]`, legal rows; q is static.
        normals: `[s, q - 1]`, the draws of the standard normal behind all points but the last; None for
            one point.
        deflation: `[k, q]` in (0, 1], by which the deviations at the points are multiplied; None
            for one everywhere.
        success: of the points, `[..., q]`; None where all succeed. Those before a point, and those that
            are being tried, are taken to succeed.
    """
    mean, factor = fantasies.joint(x)
    if deflation is not None:
        factor *= tf.expand_dims(deflation, -1)
    best = tf.maximum(incumbent, fantasies.best)
    if x.shape[-2] == 1:
        deviation = factor
    else:
        assert normals is not None, "several points need draws"
        deviation = tf.expand_dims(tf.linalg.diag_part(factor), -1)
        earlier = tf.linalg.set_diag(factor, tf.zeros_like(deviation[..., 0]))[..., :-1]
        mean += tf.matmul(earlier, normals, transpose_b=True)
        outcomes = mean[..., :-1, :] + deviation[..., :-1, :] * tf.linalg.matrix_transpose(normals)
        best = _running_best(best, outcomes)
    values = acquisition.evaluate(mean, deviation, best)
    if success is not None:
        of_points = success._replace(log_probability=success.log_probability[..., None])
        values = expected(acquisition, values, of_points)
    draws = tf.cast(tf.size(fantasies.best), values.dtype)
    if acquisition.logarithmic:
        return _numerics.log_sum_exp(values) - tf.math.log(draws)
    return tf.reduce_sum(values, axis=[-2, -1]) / draws


def _running_best(best: tf.Tensor, outcomes: tf.Tensor) -> tf.Tensor:
    """The best before each point `[..., q, s]`: of `best` `[s]`, and outcomes `[..., q - 1, s]`."""
    running = [best + tf.zeros_like(outcomes[..., 0, :])]
    for outcome in tf.unstack(outcomes, axis=-2):
        running.append(tf.maximum(running[-1], outcome))
    return tf.stack(running, axis=-2)
