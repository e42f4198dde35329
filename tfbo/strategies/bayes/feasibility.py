"""Feasibility: a second Gaussian process, of whether a trial succeeded.

It is fitted to labels, one for a trial that returned an outcome and zero for one that failed, by the same
program as the surrogate, and has lengthscales of its own: what makes a trial fail is seldom what makes it
good. Regression on labels with a link afterwards is the least-squares
classifier of Rasmussen and Williams 2006, section 6.5; what it is worth beside other ways to treat
failed trials: benchmarks/results/failures.md.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from tfbo._compile import devices
from tfbo.acquisition import Acquisition, joint
from tfbo.acquisition.feasibility import Success, failed
from tfbo.gp import Posterior, hyperprior, search
from tfbo.gp.data import TrainingData, canonical
from tfbo.gp.likelihood import Observations
from tfbo.strategies.bayes import fit
from tfbo.strategies.bayes.data import History, subset
from tfbo.strategies.bayes.fit import Model

# The logistic function of 1.702 z is within 0.01 of the normal distribution function of z.
_LOGISTIC = 1.702
# The share of the labels' variance that is held to be chance. Learned, it would take a single success among
# failures for chance; with next to none, the process would fall from one to zero beside every failure.
_CHANCE = 0.16
# Hyperparameters are searched for from the medians of the priors, with no more trials than this.
_MOST_FITTED = 300


@dataclasses.dataclass(frozen=True)
class Feasibility:
    """The probability of success anywhere, above a standardised threshold. `model` makes one."""

    posterior: Posterior
    threshold: tf.Tensor
    failed: tf.Tensor

    def success(self, x: tf.Tensor) -> Success:
        """Of trials at legal rows `[..., d]`: that a label there would be nearer to one than to zero."""
        shape = tf.shape(x)[:-1]
        mean, variance = self.posterior.moments(tf.reshape(x, [-1, x.shape[-1]]))
        deviation = tf.sqrt(variance + self.posterior.hyperparameters.noise)
        log_probability = tf.math.log_sigmoid(_LOGISTIC * (mean - self.threshold) / deviation)
        return Success(tf.reshape(log_probability, shape), self.failed)


def model(
    acquisition: Acquisition, labels: Posterior, outcomes: Posterior, observed: Observations
) -> Feasibility:
    """The probability of success by the labels, and the worth of a failure: that of the worst outcome."""
    worst, incumbent = tf.reduce_min(observed.z), joint.incumbent(outcomes, observed)
    threshold = (0.5 - labels.shift) / labels.scale
    return Feasibility(labels, threshold, failed(acquisition, worst, incumbent))


def fitted(model: Model, history: History, most: int) -> Posterior:
    """The posterior of labels, fitted on the CPU to `most` trials, some failed and some complete."""
    model = model._replace(kernel=model.kernel.configurations, learned=False, padded=False)
    y = history.complete.astype(np.float64)
    data, _ = canonical(TrainingData(history.rows, y, np.zeros(len(y))))
    data = TrainingData(*(part[subset(data.x, data.y, most)] for part in data))
    prior = model.hyperprior
    given = fit.Given(
        data,
        mask=np.ones(len(data.y), bool),
        noise=np.array(np.sqrt(_CHANCE) * np.std(data.y)),
        start=search.Start(hyperprior.medians(prior), np.eye(len(prior.loc)), False),
        candidates=np.zeros([0, len(prior.loc)]),
    )
    return history.fits.fitted(model, given, lambda: _fit(model, given)).posterior


def _fit(model: Model, given: fit.Given) -> fit.Fit:
    """The fit among some of the labels, conditioned on all of them."""
    some = given.among(subset(given.data.x, given.data.y, _MOST_FITTED))
    among_some = fit.fit(model, some, devices.CPU.device)
    if len(some.mask) == len(given.mask):
        return among_some
    with tf.device(devices.CPU.device):
        observed, standardised = fit.observe(model, tf.nest.map_structure(tf.constant, given))
        theta = tf.constant(among_some.found.theta)
        return fit.Fit(
            fit.condition(model, observed, standardised, theta), observed, among_some.found
        )
