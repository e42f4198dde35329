"""The search for hyperparameters of several outputs, whose restarts climb as one batch.

Outputs share inputs and kernel, and are independent: each has outcomes, a mask of its own (an outcome may
be missing), and hyperparameters. A member of the batch carries the number of its output as one more
variable, which is held: so the members of all outputs are one list, from which those that have ended are
left out.

Letters: m outputs, n data, p log hyperparameters, c candidates, r restarts of each output.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from tfbo import _linalg
from tfbo.gp import search
from tfbo.gp.hyperprior import Hyperprior, LogNormal, neighbours, padded
from tfbo.gp.kernels import Kernel
from tfbo.gp.likelihood import Observations, log_likelihood
from tfbo.gp.search import Effort, Fitted, Start
from tfbo.optim import MINIMISERS, Curvature, Minimum, Objective
from tfbo.optim.base import unknown_curvature


def multistart(
    kernel: Kernel,
    hyperprior: Hyperprior,
    observed: Observations,
    start: Start,
    candidates: tf.Tensor,
    effort: Effort,
) -> Fitted:
    """As `search.multistart`, of each output; a round is made as long as one of them needs it.

    Args:
        kernel: of all outputs.
        hyperprior: with bounds of each output, `[m, p]`.
        observed: features `[n, D]`; outcomes, mask and variances `[m, n]`.
        start: of each output: `[m, p]`, `[m, p, p]` and `[m]`.
        candidates: shared by all, `[c, p]`; rows of NaN do not count.
        effort: for each output.

    Returns:
        Each part with a leading axis of outputs.
    """
    objective = functools.partial(_log_posterior, kernel, hyperprior, observed)
    m, p = start.theta.shape
    searching = tf.math.count_nonzero(tf.math.is_finite(candidates[:, 0])) > 1
    first = candidates if effort.restarts else candidates[:0]
    rows = None if effort.compact else max(first.shape[0], 4 * p)

    def one_round(i: tf.Tensor, more: tf.Tensor, pool: tf.Tensor, *flat: tf.Tensor) -> Any:
        best = Fitted(*flat)
        few, many = effort.nearby, effort.restarts
        count = many if few == many else tf.where(i > 0, few, many)
        chosen = _screen(objective, observed, pool, count)
        minimum = _restart(objective, hyperprior, best, chosen, effort)
        better = _better_of(best, minimum)
        surprised = minimum.start_value[:, 0] - minimum.value[:, 0] > search.SURPRISE
        gained = better.value > best.value + effort.tolerance
        more = tf.where(tf.equal(i, 0), searching | tf.reduce_any(surprised), tf.reduce_any(gained))
        around = [
            neighbours(
                hyperprior._replace(lower=hyperprior.lower[j], upper=hyperprior.upper[j]),
                better.theta[j],
                rows,
            )
            for j in range(m)
        ]
        return i + 1, more, tf.stack(around), *better

    lowest = tf.fill([m], tf.constant(-float("inf"), first.dtype))
    known = tf.convert_to_tensor(start.known)
    nothing = Fitted(start.theta, lowest, start.inverse, known, tf.zeros([m], tf.bool))
    pool = tf.tile(padded(first, rows)[None], [m, 1, 1])
    shapes = [tf.TensorShape(shape) for shape in ([], [], [m, rows, p])]
    flat = tf.while_loop(
        lambda i, more, *_: (i < effort.rounds) & more,
        one_round,
        (tf.constant(0), tf.constant(True), pool, *nothing),
        shape_invariants=(*shapes, *(part.shape for part in nothing)),
    )
    return Fitted(*flat[3:])


def _log_posterior(
    kernel: Kernel, hyperprior: Hyperprior, observed: Observations, members: tf.Tensor
) -> tf.Tensor:
    """Log posteriors `[k]` of log hyperparameters and, last, the number of their output: `[k, p + 1]`."""
    theta, which = members[:, :-1], tf.cast(members[:, -1], tf.int32)

    def theirs(part: tf.Tensor | None) -> tf.Tensor | None:
        return None if part is None else tf.gather(part, which)

    mine = observed._replace(
        z=theirs(observed.z), mask=theirs(observed.mask), variances=theirs(observed.variances)
    )
    learned = tf.not_equal(tf.gather(hyperprior.lower, which), tf.gather(hyperprior.upper, which))
    log_prior = LogNormal(hyperprior.loc, hyperprior.scale).log_prob(theta)
    counts = hyperprior.weight * tf.cast(learned, theta.dtype)
    return log_likelihood(kernel, mine, theta) + tf.reduce_sum(log_prior * counts, axis=-1)


def _members(theta: tf.Tensor) -> tf.Tensor:
    """Points `[m, k, p]` with the number of their output, as one list `[m k, p + 1]`."""
    m, p = theta.shape[0], theta.shape[2]
    which = tf.range(m, dtype=tf.int32)[:, None, None]
    which = tf.cast(which, theta.dtype) + tf.zeros_like(theta[..., :1])
    return tf.reshape(tf.concat([theta, which], axis=-1), [-1, p + 1])


def _screen(objective: Objective, observed: Observations, pool: tf.Tensor, count: Any) -> tf.Tensor:
    """Those `count` of the pool `[m, c, p]` of each output with the highest log posterior."""
    value = _linalg.in_batches(objective, _members(pool), search.at_once(observed))
    value = tf.reshape(value, tf.shape(pool)[:2])
    value = tf.where(tf.math.is_finite(value), value, tf.constant(-float("inf"), value.dtype))
    best = tf.math.top_k(value, tf.minimum(count, tf.shape(pool)[1])).indices
    return tf.gather(pool, best, batch_dims=1)


def _restart(
    objective: Objective, hyperprior: Hyperprior, best: Fitted, chosen: tf.Tensor, effort: Effort
) -> Minimum:
    """One batch: of each output from the optimum so far, and from chosen points `[m, r, p]`.

    Its parts have leading axes `[m, r + 1]`.
    """
    m, p = best.theta.shape
    starts = tf.concat([best.theta[:, None], chosen], axis=1)
    each = tf.shape(starts)[1]

    def of_each(part: tf.Tensor) -> tf.Tensor:
        """A row of each output, for all its members."""
        return tf.repeat(part, each, axis=0)

    which = tf.cast(tf.range(m), starts.dtype)[:, None]
    lower, upper = (
        of_each(tf.concat([bound, which], axis=1)) for bound in (hyperprior.lower, hyperprior.upper)
    )
    limits = search.limits(lower, upper, of_each(-best.value[:, None]), effort)
    # What is known of the first member of each output; the others know nothing, and no number moves.
    first = tf.equal(tf.range(m * each) % each, 0)
    fresh = unknown_curvature(_members(starts))
    inverse = tf.pad(best.inverse, [[0, 0], [0, 1], [0, 1]])
    inverse += np.diag([0.0] * p + [1.0])
    curvature = Curvature(
        tf.where(first[:, None, None], of_each(inverse), fresh.inverse),
        first & of_each(best.known),
    )
    minimise = MINIMISERS[effort.optimizer]
    found = minimise(lambda theta: -objective(theta), _members(starts), limits, curvature)
    return tf.nest.map_structure(
        lambda part: tf.reshape(part, [m, each, *part.shape[1:]]) if part.shape.rank else part,
        found,
    )


def _better_of(best: Fitted, minimum: Minimum) -> Fitted:
    """The best optimum of each output so far, or the best of its batch where that is better."""
    i = tf.argmin(minimum.value, axis=1)

    def at(part: tf.Tensor) -> tf.Tensor:
        return tf.gather(part, i, batch_dims=1)

    value = -at(minimum.value)
    better = value > best.value
    inverse = at(minimum.curvature.inverse)[:, :-1, :-1]
    return Fitted(
        tf.where(better[:, None], at(minimum.x)[:, :-1], best.theta),
        tf.where(better, value, best.value),
        tf.where(better[:, None, None], inverse, best.inverse),
        tf.where(better, at(minimum.curvature.known), best.known),
        best.ok | better,
    )
