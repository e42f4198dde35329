"""The surrogates of several outputs, each in the units of its own."""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf

from tfbo._compile import devices
from tfbo._compile.eager import computing
from tfbo.gp import Hyperparameters, Posterior
from tfbo.gp.likelihood import Observations
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes.ask import Settings
from tfbo.strategies.bayes.data import Failed, History
from tfbo.strategies.bayes.fit import Fit
from tfbo.strategies.bayes.outputs import aims, ask
from tfbo.strategies.bayes.surrogate import GaussianSurrogate


@computing()
def of_each(settings: Settings, problem: Problem, history: History) -> dict[str, GaussianSurrogate]:
    """The surrogates of all outputs, by name; see `Bayes.surrogates`."""
    outputs = aims.those_of(problem)
    settings = settings._replace(failed=Failed(modelled=False))
    learned = ask.fitted(outputs, settings, problem, history, (), len(history.trials))
    found = {}
    for i, name in enumerate(outputs.names):
        rows = learned.data.mask[i]
        posterior, observed = _one(learned.fit, i, rows)
        found[problem.objective if name is None else name] = GaussianSurrogate(
            problem.space,
            outputs.signs[i],
            tuple(itertools.compress(learned.data.trials, rows)),
            learned.data.x[rows],
            posterior,
            observed,
            learned.data.transforms[i],
            bool(posterior.ok),
            name=name,
        )
    return found


def _one(found: Fit, i: int, rows: np.ndarray) -> tuple[Posterior, Observations]:
    """The posterior of an output and the data that it is of, without rows where its outcome is missing."""
    posterior, observed = found.posterior, found.observed
    factors = posterior.factors
    factors = factors._replace(
        hyperparameters=Hyperparameters(*(part[i] for part in factors.hyperparameters)),
        rows=factors.rows[i][rows],
        z=factors.z[i][rows],
        inverse=factors.inverse[i][np.ix_(rows, rows)],
        alpha=factors.alpha[i][rows],
        ok=factors.ok[i],
    )
    one = Posterior(
        posterior.kernel,
        factors,
        posterior.shift[i],
        posterior.scale[i],
        ok=np.asarray(posterior.ok)[i],
    )
    data = Observations(
        observed.features[rows],
        observed.z[i][rows],
        np.ones(rows.sum(), bool),
        np.asarray(observed.variances)[i][rows],
    )
    with tf.device(devices.CPU.device):
        made: tuple[Posterior, Observations] = tf.nest.map_structure(tf.constant, (one, data))
    return made
