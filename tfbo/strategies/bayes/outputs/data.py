"""Finished trials as training data of several outputs, transformed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo.gp import outcomes
from tfbo.gp.data import TrainingData
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes.data import Failed, History, deviation, subset
from tfbo.strategies.bayes.outputs.aims import Outputs
from tfbo.trial import FAILED, Trial


class Bilog(NamedTuple):
    """Bend of both tails of outcomes towards a threshold, whose side each keeps.

    `sign(t) log(1 + |t|)` of `t = (y - threshold) / size`: how far a constraint is broken may range over
    many orders of magnitude, and what is sought is where it begins to hold.

    Source: Eriksson and Poloczek 2021 (arXiv 2002.08526), section 3.3.
    """

    threshold: float
    size: float

    @staticmethod
    def about(threshold: float, known: np.ndarray) -> Bilog:
        """The bend of known outcomes: next to none on that side of the threshold which ends first.

        Its size is the distance of the farthest outcome on that side, or that within which a quarter of all
        are where that is more, for a search may have seen next to nothing of a side. It is not what most
        of them are within: they crowd about the threshold as the search goes on. Where all are on one side
        it is their median distance. What that is worth: benchmarks/results/outcomes.md.
        """
        t = np.abs(known - threshold)
        nearer = min(known.max() - threshold, threshold - known.min())
        size = max(nearer, np.quantile(t, 0.25)) if nearer > 0.0 else np.median(t)
        return Bilog(float(threshold), float(size) or 1.0)

    def apply(self, y: tf.Tensor) -> tf.Tensor:
        """See `tfbo.gp.outcomes.Transform`."""
        t = (y - self.threshold) / self.size
        return tf.sign(t) * tf.math.log1p(tf.abs(t))

    def invert(self, transformed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `tfbo.gp.outcomes.Transform`."""
        slope = self.size * tf.exp(tf.abs(transformed))
        t = tf.sign(transformed) * tf.math.expm1(tf.abs(transformed))
        return self.threshold + self.size * t, slope


class Told(NamedTuple):
    """Training data of all outputs."""

    trials: tuple[Trial, ...]
    """The trial of each row."""
    x: np.ndarray
    """Codes `[n, d]`."""
    values: np.ndarray
    """Outcomes `[m, n]` in the user's units, turned; NaN where missing."""
    y: np.ndarray
    """The same transformed, with what stands for objectives of failed trials; 0 where missing."""
    std: np.ndarray
    """Standard errors `[m, n]`, transformed to first order."""
    mask: np.ndarray
    """bool `[m, n]`: where `y` counts."""
    transforms: tuple[Any, ...]
    """Of each output."""

    def transformed(self, output: int, value: float) -> float:
        """A value of an output, turned, as the model sees it."""
        return float(self.transforms[output].apply(tf.constant([value], tf.float64))[0])


def told(
    outputs: Outputs,
    problem: Problem,
    history: History,
    transform: outcomes.TransformOf,
    *,
    most: int,
    failed: Failed | None,
    noise: float = 0.0,
) -> Told:
    """The data of at most `most` trials, in an order of their own; objectives have so much noise."""
    values, std = outputs.values(history.trials), outputs.errors(history.trials)
    std[: outputs.objectives] = np.hypot(std[: outputs.objectives], noise)
    bad = np.array([trial.state == FAILED for trial in history.trials], bool)
    counts = failed is not None and failed.modelled
    some = ~np.isnan(values).all(axis=0) | (bad & counts)
    order = np.lexsort((*values[::-1], *history.rows.T[::-1]))
    order = order[some[order]]
    if len(order) > most:
        order = order[subset(history.rows[order], -rank(outputs, values[:, order]), most)]
    values, std, bad = values[:, order], std[:, order], bad[order]
    trials = tuple(history.trials[i] for i in order)
    feasible = np.all(outputs.margins(values) >= 0.0, axis=0)
    transforms = tuple(
        _transform(outputs, i, row, transform, feasible) for i, row in enumerate(values)
    )
    y, mask = np.zeros_like(values), ~np.isnan(values)
    for i, made in enumerate(transforms):
        known = mask[i]
        if not known.any():
            continue
        y[i, known] = made.apply(tf.constant(values[i, known])).numpy()
        std[i, known] /= made.invert(tf.constant(y[i, known]))[1].numpy()
        if i < outputs.objectives and counts and failed is not None:
            unit, missing = deviation(y[i, known]), bad & ~known
            y[i, missing] = y[i, known].min() - failed.penalty * unit
            std[i, missing], mask[i, missing] = failed.std * unit, True
    return Told(trials, history.rows[order], values, y, np.where(mask, std, 0.0), mask, transforms)


def ends(outputs: Outputs, data: Told) -> TrainingData:
    """Rows of the trials, of which larger outcomes are nearer to what is sought: to the feasible front."""
    score = -rank(outputs, data.values)
    return TrainingData(data.x, score, np.zeros(len(score)))


def rank(outputs: Outputs, values: np.ndarray) -> np.ndarray:
    """Ranks `[n]` of outcomes `[m, n]`: feasible ones by how many of them dominate each, then others.

    Those that break constraints are ranked by the sum of what is missing, each in units of its size; where
    there is one objective, feasible ones are ranked by that.
    """
    n = values.shape[1]
    margins = outputs.margins(values)
    missing = np.where(np.isnan(margins), np.inf, np.maximum(-margins, 0.0))
    size = np.array([_size(row) for row in margins])
    broken = (missing / size[:, None]).sum(axis=0) if len(margins) else np.zeros(n)
    scores = np.where(np.isnan(values), -np.inf, values)[: outputs.objectives].T
    as_good = (scores[:, None] >= scores).all(axis=2)
    dominates = as_good & ~as_good.T & (broken == 0.0)[:, None]
    behind = dominates.sum(axis=0).astype(float)
    order = np.lexsort((behind, broken))
    ranks = np.empty(n)
    ranks[order] = np.arange(n)
    return ranks


def _size(margins: np.ndarray) -> float:
    known = np.abs(margins[np.isfinite(margins)])
    return float(np.median(known)) or 1.0 if len(known) else 1.0


def _transform(
    outputs: Outputs,
    output: int,
    values: np.ndarray,
    transform: outcomes.TransformOf,
    feasible: np.ndarray,
) -> Any:
    """The transform of an output.

    Objectives have the one that is given; but the default takes it that the best outcomes are those which
    matter, and under constraints they may be far from feasible: then a single objective is bent about its
    best feasible outcome.
    """
    is_known = np.isfinite(values)
    known = values[is_known]
    if not outputs.is_bent(output) or not len(known):
        return outcomes.unchanged(tf.constant(known))
    if output < outputs.objectives:
        some = values[is_known & feasible]
        by_default = transform is outcomes.tempering
        if by_default and outputs.conditions and outputs.objectives == 1 and len(some):
            return Bilog.about(float(some.max()), known)
        return transform(tf.constant(known), None)
    threshold = outputs.threshold(output)
    if threshold is None:
        return outcomes.unchanged(tf.constant(known))
    return Bilog.about(threshold, known)
