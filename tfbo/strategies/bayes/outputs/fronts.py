"""The front of each draw of outcomes that are not known, beside which candidates are valued."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _random
from tfbo._compile.eager import computing
from tfbo.acquisition import hypervolume, pareto
from tfbo.acquisition.hypervolume import MOST_BOXED, Front
from tfbo.gp import Posterior
from tfbo.gp.pending import Pending, fantasise
from tfbo.strategies.bayes.fit import Fit
from tfbo.strategies.bayes.outputs.aims import Outputs
from tfbo.strategies.bayes.outputs.data import Told
from tfbo.trial.front import on_front

# Draws of outcomes: fewer of four objectives, whose fronts have hundreds of boxes. Of many objectives each
# has a direction of its own.
_DRAWS, _OF_MOST_BOXED, _DIRECTIONS = 64, 16, 128
# Less noise than this, in standardised outcomes, is what the model does not resolve; see `Bayes.best`.
_LEAST_NOISE = 1e-4
# Told trials whose outcomes are drawn, at the most: those that may be on the front by so many deviations.
_MOST_DRAWN, _DOUBT = 48, 2.0
# Of the range of the front: so far beyond the worst of it the reference point is, where none was given.
_BEYOND = 0.1


class Known(NamedTuple):
    """Told trials, as far as their outcomes are known without drawing."""

    mean: np.ndarray
    """Standardised outcomes of the function at each, `[m, n]`."""
    deviation: np.ndarray
    """What is not known of them, `[m, n]`."""
    feasible: np.ndarray
    """bool `[n]`, at the mean; never of a trial that has not returned all objectives."""
    returned: np.ndarray
    """bool `[n]`: which have returned all objectives, and may be on the front."""


@computing()
def known(outputs: Outputs, fitted: Fit, data: Told) -> Known:
    """Outcomes at the told trials: those told where there is next to no noise, else posterior means."""
    posterior = as_tensors(fitted.posterior)
    mean, variance = (part.numpy() for part in posterior.moments(tf.constant(data.x)))
    noise = fitted.posterior.hyperparameters.noise[:, None] + fitted.observed.variances
    exact = ~np.isnan(data.values) & (noise < _LEAST_NOISE)
    mean = np.where(exact, fitted.observed.z, mean)
    deviation = np.where(exact, 0.0, np.sqrt(variance))
    values = np.where(exact, data.values, in_units(data, fitted, mean))
    # The model has something for objectives of failed trials as well.
    returned = ~np.isnan(data.values[: outputs.objectives]).any(axis=0)
    return Known(mean, deviation, _hold(outputs, values) & returned, returned)


def in_units(data: Told, fitted: Fit, z: np.ndarray) -> np.ndarray:
    """Turned outcomes `[m, ...]` in the user's units of standardised ones."""
    shift, scale = fitted.posterior.shift, fitted.posterior.scale
    return np.stack(
        [
            transform.invert(tf.constant(shift[i] + scale[i] * z[i]))[0].numpy()
            for i, transform in enumerate(data.transforms)
        ]
    )


def _hold(outputs: Outputs, values: np.ndarray) -> np.ndarray:
    """Mask `[...]` of turned outcomes `[m, ...]` for which all constraints hold."""
    hold: np.ndarray = np.all(outputs.margins(values) >= 0.0, axis=0)
    return hold


def doubtful(outputs: Outputs, here: Known) -> np.ndarray:
    """Indices of told trials whose outcomes have to be drawn: uncertain ones that may be on the front."""
    m = outputs.objectives
    uncertain = (here.deviation > 0.0).any(axis=0)
    if not uncertain.any():
        return np.zeros(0, int)
    optimistic = (here.mean + _DOUBT * here.deviation)[:m].T
    certain = here.mean[:m, here.feasible].T
    worse = (certain[:, None] > optimistic).all(axis=2).any(axis=0)
    chosen = np.flatnonzero(uncertain & here.returned & ~worse)
    best = np.argsort(-optimistic[chosen].sum(axis=1), kind="stable")[:_MOST_DRAWN]
    return chosen[np.sort(best)]


@computing()
def predicted(outputs: Outputs, fitted: Fit, data: Told, rows: np.ndarray) -> np.ndarray:
    """Posterior means `[objectives, c]` at those of some rows where the constraints hold at the mean."""
    posterior = as_tensors(fitted.posterior)
    mean = posterior.moments(tf.constant(rows)).mean.numpy()
    if outputs.conditions:
        mean = mean[:, _hold(outputs, in_units(data, fitted, mean))]
    found: np.ndarray = mean[: outputs.objectives]
    return found


def reference(outputs: Outputs, here: Known, expected: np.ndarray) -> np.ndarray:
    """The reference point `[objectives]` where none was given, standardised.

    It is the worst of the front in each objective, less a tenth of the range of the front: that of the
    trials, and of what the model expects of other points. The trials' alone may be narrow, and nothing
    beyond it then be worth a trial; or be wide for want of trials that dominate its ends.

    Args:
        outputs: of the problem.
        here: the told trials.
        expected: see `predicted`.
    """
    every = here.mean[: outputs.objectives].T
    some = np.concatenate([every[here.feasible], expected.T])
    front = some[on_front(some)] if len(some) else every
    width = np.ptp(front, axis=0)
    width = np.where(width > 0.0, width, np.maximum(np.ptp(every, axis=0), 1e-3))
    return front.min(axis=0) - _BEYOND * width


def normals(outputs: Outputs, k: int, seed: int) -> np.ndarray:
    """Draws of the standard normal behind the outcomes of k points, `[m, s, k]`; one draw where k is 0."""
    m = len(outputs.names)
    most = _OF_MOST_BOXED if outputs.objectives == MOST_BOXED else _DRAWS
    s = _DIRECTIONS if outputs.objectives > MOST_BOXED else most if k else 1
    if not k:
        return np.zeros([m, s, 0])
    u = _random.sobol(s, m * k, seed)
    return tf.math.ndtri(tf.constant(u)).numpy().reshape(s, m, k).transpose(1, 0, 2)


@computing()
def drawn(posterior: Posterior, rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Joint draws `[m, s, k]` of standardised outcomes at rows `[k, d]`, behind which are normals."""
    made = as_tensors(posterior)
    pending = Pending(made.features(tf.constant(rows)), tf.constant(numbers))
    return fantasise(made, pending).draws.numpy()


def front(
    outputs: Outputs,
    settled: np.ndarray,
    draws: np.ndarray,
    feasible: np.ndarray,
    point: np.ndarray,
    seed: int,
) -> Front:
    """The front of each draw.

    Args:
        outputs: of the problem.
        settled: outcomes of feasible trials that are not drawn, `[m, k']`.
        draws: outcomes of others, `[m, s, k]`.
        feasible: bool `[s, k]`, which of the draws are feasible.
        point: reference point `[objectives]`.
        seed: of directions and candidates' normals, where there are many objectives.
    """
    m, s = outputs.objectives, draws.shape[1]
    fixed = settled[:m].T
    each = [np.concatenate([fixed, draws[:m, i, feasible[i]].T]) for i in range(s)]
    nothing = np.zeros([0, m])
    nowhere = np.zeros([s, 0, m], np.int32)
    boxes = pareto.Lattice(np.zeros([s, 0, m]), nowhere, nowhere)
    best, directions, numbers = np.zeros(0), nothing, nothing
    if m == 1:
        best = np.array([part.max(initial=point[0]) for part in each])
    elif m <= MOST_BOXED:
        boxes = pareto.stacked([pareto.beyond(part, point) for part in each])
    else:
        numbers = tf.math.ndtri(tf.constant(_random.sobol(s, 2 * m, seed))).numpy()
        directions, numbers = np.abs(numbers[:, :m]), numbers[:, m:]
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        best = np.array(
            [
                hypervolume.scalarised(part, point, direction).max(initial=0.0)
                for part, direction in zip(each, directions, strict=True)
            ]
        )
    return Front(*boxes, best, directions, numbers, point)


def as_tensors(posterior: Posterior) -> Posterior:
    """The same with tensors, with which it computes."""
    made: Posterior = tf.nest.map_structure(tf.constant, posterior)
    return made


def feasible_draws(outputs: Outputs, fitted: Fit, data: Told, draws: np.ndarray) -> np.ndarray:
    """Which draws `[m, s, k]` hold all constraints: bool `[s, k]`."""
    if not outputs.conditions:
        return np.ones(draws.shape[1:], bool)
    return _hold(outputs, in_units(data, fitted, draws))
