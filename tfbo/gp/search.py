"""The search for hyperparameters: restarts climb the log posterior as one batch, round by round.

Letters: n data, p log hyperparameters, c candidates, r restarts.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _linalg
from tfbo.errors import invalid
from tfbo.gp.hyperprior import Hyperprior, neighbours, padded
from tfbo.gp.kernels import Kernel
from tfbo.gp.likelihood import Observations, log_posterior
from tfbo.optim import MINIMISERS, Curvature, Limits, Minimum, Objective, unknown_curvature

# No hyperparameter changes by more than a factor of twenty in a step: the quadratic model that a step
# relies on does not reach further.
_LONGEST_STEP = 3.0
# Where a restart from the last optimum gains more than this, in nats, the new data have changed the
# picture, and another optimum may be the highest now.
SURPRISE = 0.5
# So many covariance matrices are held at once where values alone are wanted, but no more numbers.
_AT_ONCE, _SCREENED_NUMBERS = 8, 2 * 10**6


class Start(NamedTuple):
    """Start of the first restart: the end of an earlier fit, or the medians of the priors."""

    theta: np.ndarray | tf.Tensor
    """Log hyperparameters, `[p]`."""
    inverse: np.ndarray | tf.Tensor
    """Inverse Hessian of the negative log posterior there, `[p, p]`."""
    known: bool | tf.Tensor
    """bool: the inverse Hessian comes from an earlier fit."""


class Fitted(NamedTuple):
    """The outcome of a search for hyperparameters."""

    theta: tf.Tensor
    """Log hyperparameters, `[p]`."""
    value: tf.Tensor
    """Log posterior (up to a constant), or log likelihood where the priors have no weight."""
    inverse: tf.Tensor
    """Inverse Hessian of the negative log posterior at `theta`, as learned on the way, `[p, p]`."""
    known: tf.Tensor
    """bool: it was learned in all directions."""
    ok: tf.Tensor
    """bool: some start led to a finite value; otherwise `theta` is the start."""


FITTED = Fitted(*Fitted._fields)
"""The structure of what compiled programs return."""


class Effort(NamedTuple):
    """Extent of a search, and its minimiser."""

    restarts: int
    """Starts from candidates, at the most."""
    rounds: int = 1
    """Start again from the best neighbours of the optimum as long as that gains anything, if there were
    several candidates or the start was surprisingly far from its optimum; in no more rounds than these."""
    nearby: int = 4
    """Starts from neighbours, at the most; where shapes are fixed, as many as restarts."""
    optimizer: str = "bfgs"
    """A key of `tfbo.optim.MINIMISERS`."""
    tolerance: float = 1e-3
    """End a restart where less than this, in nats, is to be gained."""
    max_evaluations: int = 100
    """Evaluations of the batch in a round, at the most."""
    compact: bool = False
    """As in `tfbo.optim.Limits`: shapes are not fixed."""


def multistart(
    kernel: Kernel,
    hyperprior: Hyperprior,
    observed: Observations,
    start: Start,
    candidates: tf.Tensor,
    effort: Effort,
) -> Fitted:
    """Maximise the log posterior from the start and the best candidates as one batch; the best optimum.

    A restart that fails is dropped. If all fail, the answer is the start, and `ok` is False. Candidates
    are log hyperparameters `[c, p]`; with none, the start is all there is. A single one is where an
    earlier search has ended. Rows of NaN do not count.
    """
    objective = functools.partial(log_posterior, kernel, hyperprior, observed)
    p = start.theta.shape[0]
    searching = tf.math.count_nonzero(tf.math.is_finite(candidates[:, 0])) > 1
    first = candidates if effort.restarts else candidates[:0]
    # Where shapes are fixed, those of the candidates and of the neighbours have to be the same.
    rows = None if effort.compact else max(first.shape[0], 4 * p)

    def one_round(i: tf.Tensor, more: tf.Tensor, pool: tf.Tensor, *flat: tf.Tensor) -> Any:
        """A round: from the optimum so far (at first, the start) and from the best of the pool."""
        best = Fitted(*flat)
        few, many = effort.nearby, effort.restarts
        chosen = _screen(
            objective, observed, pool, many if few == many else tf.where(i > 0, few, many)
        )
        minimum = _restart(objective, hyperprior, best, chosen, effort)
        better = _better_of(best, minimum)
        surprised = minimum.start_value[0] - minimum.value[0] > SURPRISE
        gained = better.value > best.value + effort.tolerance
        more = tf.where(tf.equal(i, 0), searching | surprised, gained)
        return i + 1, more, neighbours(hyperprior, better.theta, rows), *better

    lowest, known = tf.constant(-float("inf"), first.dtype), tf.convert_to_tensor(start.known)
    nothing = Fitted(start.theta, lowest, start.inverse, known, tf.constant(False))
    shapes = [tf.TensorShape(shape) for shape in ([], [], [rows, p])]
    flat = tf.while_loop(
        lambda i, more, *_: (i < effort.rounds) & more,
        one_round,
        (tf.constant(0), tf.constant(True), padded(first, rows), *nothing),
        shape_invariants=(*shapes, *(part.shape for part in nothing)),
    )
    return Fitted(*flat[3:])


def _restart(
    objective: Objective, hyperprior: Hyperprior, best: Fitted, chosen: tf.Tensor, effort: Effort
) -> Minimum:
    """One batch: from the optimum so far, with its curvature, and from chosen points `[r, p]`."""
    fresh = unknown_curvature(chosen)
    limit = limits(hyperprior.lower, hyperprior.upper, -best.value, effort)
    curvature = Curvature(
        tf.concat([best.inverse[None], fresh.inverse], axis=0),
        tf.concat([best.known[None], fresh.known], axis=0),
    )
    starts = tf.concat([best.theta[None], chosen], axis=0)
    minimise = MINIMISERS[effort.optimizer]
    return minimise(lambda theta: -objective(theta), starts, limit, curvature)


def limits(lower: tf.Tensor, upper: tf.Tensor, rival: tf.Tensor, effort: Effort) -> Limits:
    """The limits of a batch that minimises the negative log posterior, whose value to beat is the rival."""
    # Where the gradient is below the root of the tolerance, a curvature of 1/2 leaves no more than the
    # tolerance to be gained; that of the priors alone is 1/3 for a lengthscale.
    return Limits(
        lower,
        upper,
        max_evaluations=effort.max_evaluations,
        gradient_tolerance=effort.tolerance**0.5,
        value_tolerance=effort.tolerance,
        longest_step=_LONGEST_STEP,
        rival=rival,
        compact=effort.compact,
    )


def _better_of(best: Fitted, minimum: Minimum) -> Fitted:
    """The best optimum so far, or the best of a batch where that is better."""
    i = tf.argmin(minimum.value)
    value = -tf.gather(minimum.value, i)
    better = value > best.value
    return Fitted(
        tf.where(better, tf.gather(minimum.x, i), best.theta),
        tf.where(better, value, best.value),
        tf.where(better, tf.gather(minimum.curvature.inverse, i), best.inverse),
        tf.where(better, tf.gather(minimum.curvature.known, i), best.known),
        best.ok | better,
    )


def _screen(
    objective: Objective, observed: Observations, theta: tf.Tensor, count: Any
) -> tf.Tensor:
    """Those `count` of `theta` `[c, p]` with the highest log posterior; a few are evaluated at a time."""
    value = _linalg.in_batches(objective, theta, at_once(observed))
    lowest = tf.constant(-float("inf"), value.dtype)
    value = tf.where(tf.math.is_finite(value), value, lowest)
    return tf.gather(theta, tf.math.top_k(value, tf.minimum(count, tf.size(value))).indices)


def at_once(observed: Observations) -> tf.Tensor:
    """Number of hyperparameters whose covariances are held at once."""
    n = tf.shape(observed.features)[0]
    return tf.clip_by_value(_SCREENED_NUMBERS // n // n, 1, _AT_ONCE)


def check_optimizer(optimizer: str) -> None:
    """Refuse an unknown optimiser."""
    if optimizer not in MINIMISERS:
        expected = f"one of {', '.join(MINIMISERS)}"
        raise invalid("optimizer", expected, optimizer, "Leave it out for bfgs.")
