"""The search for hyperparameters: restarts climb the log posterior as one batch, round by round.

Letters: n data, p log hyperparameters, c candidates, r restarts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo.errors import invalid
from tfbo.gp.hyperprior import Hyperprior, neighbours, padded
from tfbo.gp.kernels import Kernel
from tfbo.gp.likelihood import Observations, log_posterior
from tfbo.optim import Curvature, Minimum, Objective, adam, bfgs, unknown_curvature

# No hyperparameter changes by more than a factor of twenty in a step: the quadratic model that a step
# relies on does not reach further.
_LONGEST_STEP = 3.0
# Where a restart from the last optimum gains more than this, in nats, the new data have changed the
# picture, and another optimum may be the highest now.
_SURPRISE = 0.5
# So many covariance matrices are held at once where values alone are wanted.
_AT_ONCE = 8


class Start(NamedTuple):
    """Where the first restart starts: the end of an earlier fit, or the medians of the priors."""

    theta: np.ndarray | tf.Tensor
    """Log hyperparameters, `[p]`."""
    inverse: np.ndarray | tf.Tensor
    """Inverse Hessian of the negative log posterior there, `[p, p]`."""
    known: bool | tf.Tensor
    """Whether the inverse Hessian comes from an earlier fit."""


class Fitted(NamedTuple):
    """The outcome of a search for hyperparameters."""

    theta: tf.Tensor
    """Log hyperparameters, `[p]`."""
    value: tf.Tensor
    """Log posterior (up to a constant), or log likelihood where the priors have no weight."""
    inverse: tf.Tensor
    """Inverse Hessian of the negative log posterior at `theta`, as learned on the way, `[p, p]`."""
    known: tf.Tensor
    """Whether it was learned in all directions."""
    ok: tf.Tensor
    """Whether any start led to a finite value; otherwise `theta` is the start."""


FITTED = Fitted(*Fitted._fields)
"""The structure of what compiled programs return."""


def multistart(
    kernel: Kernel,
    hyperprior: Hyperprior,
    observed: Observations,
    start: Start,
    candidates: tf.Tensor,
    *,
    restarts: int,
    rounds: int = 1,
    nearby: int = 4,
    optimizer: str = "bfgs",
    tolerance: float = 1e-3,
    max_evaluations: int = 100,
    compact: bool = False,
) -> Fitted:
    """Climb the log posterior from the start and the best candidates as one batch; the best optimum.

    A restart that fails is dropped. If all fail, the answer is the start, and `ok` is False.

    Args:
        kernel: the kernel.
        hyperprior: priors and bounds.
        observed: the data.
        start: where the first one starts.
        candidates: log hyperparameters `[c, p]`; with none, the start is all there is. A single one is
            where an earlier search has ended.
        restarts: from how many of the candidates to start, at the most.
        rounds: start again from the best neighbours of the optimum, as long as that gains anything, if
            there were several candidates or the start was surprisingly far from its optimum; no more rounds
            than these in all.
        nearby: from how many of the neighbours, at the most; where shapes are fixed, `restarts`.
        optimizer: a key of `OPTIMIZERS`.
        tolerance: end a restart where less than this, in nats, is to be gained.
        max_evaluations: evaluations of the batch in a round, at the most.
        compact: as in `bfgs.minimise`.
    """

    def one_round(i: tf.Tensor, more: tf.Tensor, pool: tf.Tensor, *flat: tf.Tensor) -> Any:
        """A round: from the optimum so far (at first, the start) and from the best of the pool."""
        best = Fitted(*flat)
        count = restarts if restarts == nearby else tf.where(tf.equal(i, 0), restarts, nearby)
        chosen = _screen(kernel, hyperprior, observed, pool, count)
        fresh = unknown_curvature(chosen)
        minimum = OPTIMIZERS[optimizer](
            lambda theta: -log_posterior(kernel, hyperprior, observed, theta),
            tf.concat([best.theta[None], chosen], axis=0),
            hyperprior,
            Curvature(
                tf.concat([best.inverse[None], fresh.inverse], axis=0),
                tf.concat([best.known[None], fresh.known], axis=0),
            ),
            tolerance=tolerance,
            max_evaluations=max_evaluations,
            rival=-best.value,
            compact=compact,
        )
        better = _better_of(best, minimum)
        surprised = minimum.start_value[0] - minimum.value[0] > _SURPRISE
        gained = better.value > best.value + tolerance
        more = tf.where(tf.equal(i, 0), searching | surprised, gained)
        return i + 1, more, neighbours(hyperprior, better.theta, rows), *better

    p, searching = start.theta.shape[0], tf.shape(candidates)[0] > 1
    first = candidates if restarts else candidates[:0]
    # Where shapes are fixed, those of the candidates and of the neighbours have to be the same.
    rows = None if compact else max(first.shape[0], 4 * p)
    lowest, known = tf.constant(-float("inf"), first.dtype), tf.convert_to_tensor(start.known)
    nothing = Fitted(start.theta, lowest, start.inverse, known, tf.constant(False))
    shapes = [tf.TensorShape(shape) for shape in ([], [], [rows, p])]
    flat = tf.while_loop(
        lambda i, more, *_: (i < rounds) & more,
        one_round,
        (tf.constant(0), tf.constant(True), padded(first, rows), *nothing),
        shape_invariants=(*shapes, *(part.shape for part in nothing)),
    )
    return Fitted(*flat[3:])


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


def _by_bfgs(
    objective: Objective,
    starts: tf.Tensor,
    hyperprior: Hyperprior,
    curvature: Curvature,
    *,
    tolerance: float,
    max_evaluations: int,
    rival: tf.Tensor,
    compact: bool,
) -> Minimum:
    # Where the gradient is below the root of the tolerance, a curvature of 1/2 leaves no more than the
    # tolerance to be gained; that of the priors alone is 1/3 for a lengthscale.
    return bfgs.minimise(
        objective,
        starts,
        hyperprior.lower,
        hyperprior.upper,
        curvature=curvature,
        max_evaluations=max_evaluations,
        gradient_tolerance=tolerance**0.5,
        value_tolerance=tolerance,
        longest_step=_LONGEST_STEP,
        rival=rival,
        compact=compact,
    )


def _by_adam(
    objective: Objective,
    starts: tf.Tensor,
    hyperprior: Hyperprior,
    curvature: Curvature,
    *,
    tolerance: float,
    max_evaluations: int,
    rival: tf.Tensor,
    compact: bool,
) -> Minimum:
    return adam.minimise(
        objective,
        starts,
        hyperprior.lower,
        hyperprior.upper,
        curvature=curvature,
        max_evaluations=3 * max_evaluations,
        gradient_tolerance=tolerance**0.5,
    )


OPTIMIZERS: dict[str, Callable[..., Minimum]] = {"bfgs": _by_bfgs, "adam": _by_adam}


def _screen(
    kernel: Kernel, hyperprior: Hyperprior, observed: Observations, theta: tf.Tensor, count: Any
) -> tf.Tensor:
    """Those `count` of `theta` `[c, p]` with the highest log posterior; a few are evaluated at a time."""
    c, p = tf.shape(theta)[0], theta.shape[-1]
    value = tf.map_fn(
        lambda some: log_posterior(kernel, hyperprior, observed, some),
        tf.reshape(padded(theta, c + tf.math.floormod(-c, _AT_ONCE)), [-1, _AT_ONCE, p]),
        parallel_iterations=1,
        fn_output_signature=tf.TensorSpec([_AT_ONCE], theta.dtype),
    )
    lowest = tf.constant(-float("inf"), value.dtype)
    value = tf.reshape(tf.where(tf.math.is_finite(value), value, lowest), [-1])
    return tf.gather(theta, tf.math.top_k(value, tf.minimum(count, c)).indices)


def check_optimizer(optimizer: str) -> None:
    """Refuse the name of an optimiser that there is not."""
    if optimizer not in OPTIMIZERS:
        raise invalid(
            "optimizer", f"one of {', '.join(OPTIMIZERS)}", optimizer, "Leave it out for bfgs."
        )
