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
from tfbo.acquisition import joint
from tfbo.acquisition.feasibility import Success, failed
from tfbo.gp import Posterior, likelihood, search
from tfbo.gp import data as gp_data
from tfbo.gp.hyperprior import medians
from tfbo.strategies.bayes import data as told_trials
from tfbo.strategies.bayes import fit
from tfbo.strategies.bayes.data import Told
from tfbo.strategies.bayes.fit import Choices, Evidence

# The logistic function of 1.702 z is within 0.01 of the normal distribution function of z.
_LOGISTIC = 1.702
# The share of the labels' variance that is held to be chance. Learned, it would take a single success among
# failures for chance; with next to none, the process would fall from one to zero beside every failure.
_CHANCE = 0.16
# Hyperparameters are searched for from the medians of the priors, with no more trials than this.
_MOST_FITTED = 300


@dataclasses.dataclass(frozen=True)
class Feasibility:
    """The probability of success anywhere. `model` makes one.

    Args:
        posterior: of the labels.
        threshold: half way from failure to success, standardised.
        failed: what a failed trial is worth.
    """

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
    choices: Choices, labels: Evidence, outcomes: likelihood.Observations, beside: Posterior
) -> Feasibility:
    """The model of labels at the hyperparameters that they were given.

    Args:
        choices: of the program.
        labels: see `evidence`.
        outcomes: of the trials, the worst of which a failure is like.
        beside: the posterior of those.
    """
    observed = fit.observe(choices, labels)
    y = fit.standardised(choices, labels)
    factors = likelihood.factorise(choices.kernel, labels.start.theta, observed)
    posterior = Posterior(choices.kernel, factors, y.shift, y.scale)
    worst, incumbent = tf.reduce_min(outcomes.z), joint.incumbent(beside, outcomes)
    threshold = (0.5 - y.shift) / y.scale
    return Feasibility(posterior, threshold, failed(choices.acquisition, worst, incumbent))


def evidence(choices: Choices, state: Told, most: int) -> Evidence:
    """The labels of told trials, and where the search for hyperparameters ended, as its `start`.

    Args:
        choices: of a program without padding.
        state: in which some have failed and some have not.
        most: of how many trials the model is made.
    """
    y = state.complete.astype(np.float64)
    data, _ = gp_data.canonical(gp_data.Data(state.rows, y, np.zeros(len(y))))
    kept = told_trials.subset(data.x, data.y, most)
    hyperprior = fit.default_hyperprior(choices.kernel)
    labels = Evidence(
        x=data.x[kept],
        y=data.y[kept],
        std=np.zeros(len(kept)),
        noise=np.array(np.sqrt(_CHANCE) * np.std(data.y[kept])),
        told=np.ones(len(kept), bool),
        start=search.Start(medians(hyperprior), np.eye(len(hyperprior.loc)), False),
        draws=np.zeros([0, len(hyperprior.loc)]),
    )
    some = labels.among(told_trials.subset(labels.x, labels.y, _MOST_FITTED))
    fitted = fit.fit(choices._replace(learned=False), some, devices.CPU.device)
    return labels._replace(start=labels.start._replace(theta=fitted.theta))
