"""The compiled choice of a point from the posteriors of several outputs.

One point at a time: outcomes of those chosen before are drawn like those of trials that run, and the boxes
beyond each draw's front are made anew on the host (`fronts.py`). So the worth of a batch telescopes.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _numerics
from tfbo._compile import devices
from tfbo._compile.programs import Program
from tfbo.acquisition import Acquisition, pareto
from tfbo.acquisition.feasibility import Success, expected, failed
from tfbo.acquisition.hypervolume import MOST_BOXED, Front
from tfbo.columns import Columns
from tfbo.gp import Kernel, Posterior
from tfbo.gp.pending import Fantasies, Pending, fantasise
from tfbo.optim import mixed
from tfbo.optim.domain import Domain, Feasible
from tfbo.strategies.bayes import boundary, feasibility, fit
from tfbo.strategies.bayes.outputs import conditions
from tfbo.strategies.bayes.outputs import fit as fits
from tfbo.strategies.bayes.outputs.aims import Outputs
from tfbo.strategies.bayes.outputs.conditions import Bounds

# Drawn points, and boxes, that fit the smallest padded program.
_DRAWN = 8
# Draws by which points are screened first, and the best of them then by all.
_FEW = 8
# Numbers that are held at once of screened points: covariances with trials, and parts of boxes.
_SCREENED_NUMBERS, _LEAST_SCREENED = 2 * 10**6, 16


class Options(NamedTuple):
    """Choices that distinguish one program from another."""

    outputs: Outputs
    columns: Columns
    kernel: Kernel
    acquisition: Acquisition
    padded: bool
    failing: bool
    """True where trials have failed, so that the probability of success counts."""
    seeking: bool
    """True while no trial is feasible: then only the probability of feasibility counts."""
    boundary: float
    bounded: bool
    feasible: Feasible | None = None
    """Constraints on the points; None where there are none."""


class Query(NamedTuple):
    """Input of the program; arrays of float64 but where it says otherwise."""

    posterior: Posterior
    """Of all outputs."""
    drawn: np.ndarray
    """Rows of which outcomes are drawn, `[k, d]`."""
    there: np.ndarray
    """bool `[k]`: which of them are not padding."""
    normals: np.ndarray
    """Draws of the standard normal behind them, `[m, s, k]`."""
    front: Front
    """Of each draw."""
    bounds: Bounds
    worst: np.ndarray
    """The worst standardised outcome of the first objective, `[]`."""
    best: np.ndarray
    """A row on faces of the space where good trials are, `[d]`; see `boundary.deflation`."""
    tried: np.ndarray
    """Rows that must not be returned, `[t, d]`."""
    everywhere: np.ndarray
    """Points to screen, all over the space, `[e, d]`."""
    around: np.ndarray
    """Points to screen, around the best known ones, `[a, d]`."""
    labels: Posterior | tuple[()] = ()
    """Of the trials' success; nothing where all succeeded."""
    box: np.ndarray | tuple[()] = ()
    """Box `[d, 2]` of the points; nothing for the unit cube."""


def choose(options: Options, query: Query, device: str) -> mixed.Maximum:
    """The best point."""
    rows = query.posterior.factors.z.shape[1]
    given = _pad(query) if options.padded else query
    chosen: mixed.Maximum = compiled(options)(given, device, rows=rows)
    return chosen


@functools.lru_cache(maxsize=64)
def compiled(options: Options) -> Program:
    """The program: one graph for all questions, or under XLA one for each size of the padded data."""
    outputs, kernel = options.outputs, options.kernel
    d, m, count = len(options.columns), len(outputs.names), outputs.objectives
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    rows, vector, box = spec([None, d]), spec([None]), spec([None, None, count])
    corners = tf.TensorSpec([None, None, count], tf.int32)
    directions, each = spec([None, count]), spec([len(outputs.conditions)])
    signature = Query(
        fits.posterior_spec(kernel, m)[0],
        drawn=rows,
        there=tf.TensorSpec([None], tf.bool),
        normals=spec([m, None, None]),
        front=Front(box, corners, corners, vector, directions, directions, spec([count])),
        bounds=Bounds(each, each, spec([m]), spec([m])),
        worst=spec([]),
        best=spec([d]),
        tried=rows,
        everywhere=rows,
        around=rows,
        labels=fit.posterior_spec(kernel.configurations)[0] if options.failing else (),
        box=spec([d, 2]) if options.bounded else (),
    )
    answer = mixed.Maximum(*mixed.Maximum._fields)
    return Program(_choose, options, signature, answer, xla=options.padded)


def _choose(options: Options, query: Query) -> mixed.Maximum:
    posterior = boundary.deflated(query.posterior, options.columns, query.best, options.boundary)
    pending = Pending(posterior.features(query.drawn), query.normals, query.there)
    fantasies = fantasise(posterior, pending)

    few = query._replace(front=query.front.some(_FEW))
    fewer = dataclasses.replace(
        fantasies, drawn=fantasies.drawn[:, :_FEW], draws=fantasies.draws[:, :_FEW]
    )

    def rough(x: tf.Tensor) -> tf.Tensor:
        return _worth(options, few, fewer, x)

    boxed = 1 < options.outputs.objectives <= MOST_BOXED and not options.seeking
    found = mixed.maximise(
        lambda x: _worth(options, query, fantasies, x),
        Domain(options.columns, query.box if options.bounded else None, options.feasible),
        (query.everywhere, query.around),
        lambda x: mixed.among(x, query.tried),
        at_once=_at_once(options, query),
        compact=not options.padded,
        rough=rough if boxed else None,
    )
    return found._replace(x=_numerics.quantise(found.x))


def _worth(options: Options, query: Query, fantasies: Fantasies, x: tf.Tensor) -> tf.Tensor:
    """Worth `[c]` of trials at rows `[c, d]`: the mean over the draws."""
    outputs, acquisition, front = options.outputs, options.acquisition, query.front
    mean, deviation = fantasies.joint(tf.expand_dims(x, 1))
    mean, deviation = tf.squeeze(mean, 2), tf.squeeze(deviation, 3)
    log_probability = conditions.log_feasible(outputs, query.bounds, mean, deviation)
    if isinstance(query.labels, Posterior):
        labels = query.labels
        threshold = (0.5 - labels.shift) / labels.scale
        model = feasibility.Feasibility(labels, threshold, tf.zeros_like(threshold))
        log_probability += model.success(x).log_probability[:, None]
    logarithmic = True
    if options.seeking:
        values = log_probability
    elif outputs.objectives == 1:
        logarithmic = acquisition.logarithmic
        values = acquisition.evaluate(mean[0], deviation[0], front.best)
        incumbent = tf.reduce_mean(front.best)
        success = Success(log_probability, failed(acquisition, query.worst, incumbent))
        values = expected(acquisition, values, success)
    else:
        m = outputs.objectives
        values = acquisition.beyond(mean[:m], deviation[:m], front) + log_probability
    draws = tf.cast(tf.shape(values)[1], values.dtype)
    if logarithmic:
        return _numerics.log_sum_exp(values, [1]) - tf.math.log(draws)
    return tf.reduce_sum(values, axis=1) / draws


def _at_once(options: Options, query: Query) -> tf.Tensor:
    """Points that are screened at once."""
    draws = tf.shape(query.normals)[1]
    boxes = tf.shape(query.front.lower)[1] if options.outputs.objectives <= MOST_BOXED else 1
    each = tf.shape(query.posterior.factors.z)[1] + 8 * draws * boxes
    return tf.maximum(_SCREENED_NUMBERS // each, _LEAST_SCREENED)


def _pad(query: Query) -> Query:
    """The question with rows added up to the next sizes for which there is a program."""
    n, k, t = query.posterior.factors.z.shape[1], len(query.drawn), len(query.tried)
    more = devices.bucket(k, _DRAWN) - k
    labels: Any = query.labels
    if isinstance(labels, Posterior):
        labels = fit.resized(labels, devices.bucket(len(labels.factors.z)))
    others = devices.bucket(t) - t
    return query._replace(
        posterior=fits.resized(query.posterior, devices.bucket(n)),
        drawn=np.pad(query.drawn, [(0, more), (0, 0)]),
        there=np.pad(query.there, (0, more)),
        normals=np.pad(query.normals, [(0, 0), (0, 0), (0, more)]),
        front=_padded(query.front),
        tried=np.pad(query.tried, [(0, others), (0, 0)], constant_values=np.nan),
        labels=labels,
    )


def _padded(front: Front) -> Front:
    grid = pareto.Lattice(*(np.asarray(part) for part in front[:3]))
    boxes, levels = grid.lower.shape[1], grid.levels.shape[1]
    if not boxes:
        return front
    wider = pareto.padded(grid, devices.bucket(boxes, _DRAWN), devices.bucket(levels, _DRAWN))
    return front._replace(**wider._asdict())
