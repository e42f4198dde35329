"""The outlook of trials: the values that they are going to have at the last step, as the model has them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbo._compile.programs import Program
from tfbo.gp import Kernel, Posterior
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import curves, fit
from tfbo.strategies.bayes.data import History
from tfbo.trial import COMPLETE, Trial


class Outlook(NamedTuple):
    """Values of unfinished trials at the last step, tempered and standardised, larger is better."""

    mean: dict[int, float]
    """Posterior mean, by the number of the trial."""
    std: dict[int, float]
    """Posterior standard deviation."""
    best: float
    """The best posterior mean of a complete trial; minus infinity without any."""


def outlook(
    kernel: Kernel, problem: Problem, history: History, trials: Sequence[Trial], found: fit.Fit
) -> Outlook:
    """The outlook of some of the unfinished trials, by a fit of all curves."""
    complete = [trial for trial in history.trials if trial.state == COMPLETE]
    if not trials:
        return Outlook({}, {}, -np.inf)
    rows = curves.last_rows(problem, (*trials, *complete))
    moments = compiled(kernel)((found.posterior, rows), rows=len(found.observed.z))
    mean, std = np.asarray(moments[0]), np.sqrt(np.asarray(moments[1]))
    numbers = [trial.number for trial in trials]
    return Outlook(
        dict(zip(numbers, mean.tolist(), strict=False)),
        dict(zip(numbers, std.tolist(), strict=False)),
        float(max(mean[len(trials) :], default=-np.inf)),
    )


@functools.lru_cache(maxsize=64)
def compiled(kernel: Kernel) -> Program:
    """The program: mean and variance `[k]` of rows `[k, d + 2]`."""
    posterior, _ = fit.posterior_spec(kernel)
    rows = tf.TensorSpec([None, kernel.dimension], tf.float64)
    return Program(_moments, kernel, (posterior, rows), ("mean", "variance"))


def _moments(kernel: Kernel, asked: tuple[Posterior, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    posterior, rows = asked
    mean, variance = posterior.moments(rows)
    return mean, variance
