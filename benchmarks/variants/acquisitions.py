"""Other acquisitions and incumbents, and other strategies between."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfbo.acquisition import UCB, LogEI, PosteriorMean, joint
from tfbo.gp.pending import Pending, fantasise
from tfbo.strategies import Bayes
from variants.base import BUDGET

# How many draws of the values of the trials noisy improvement is averaged over, and of how many trials.
_DRAWS, _MOST = 64, 400


def exploit_at_the_end(told: int) -> Bayes:
    """The last two trials are where the posterior mean is largest."""
    return Bayes(PosteriorMean()) if told >= BUDGET - 2 else Bayes()


def take_turns(told: int) -> Bayes:
    """LogEI twice, an upper confidence bound, the posterior mean."""
    return Bayes((LogEI(), LogEI(), UCB(2.0), PosteriorMean())[told % 4])


def draw_now_and_then(told: int) -> Bayes:
    """Every eighth trial is a point of the Sobol sequence, as all of the initial design are."""
    return Bayes(n_initial=BUDGET) if told % 8 == 7 else Bayes()


@dataclasses.dataclass(frozen=True)
class Luckiest(LogEI):
    """Improvements are over the best outcome, not over the best posterior mean."""

    def prepare(self, posterior: Any, observed: Any, pending: Any) -> joint.Beside:  # noqa: D102
        fantasies = fantasise(posterior, pending)
        return joint.Beside(fantasies, tf.maximum(tf.reduce_max(observed.z), fantasies.best))


@dataclasses.dataclass(frozen=True)
class Noisy(LogEI):
    """Improvements over the best of draws of all trials' noise-free values (Ament et al. 2023, LogNEI)."""

    def prepare(self, posterior: Any, observed: Any, pending: Any) -> joint.Beside:  # noqa: D102
        normals = tf.constant(np.random.default_rng(0).standard_normal([_DRAWS, _MOST]))
        features = tf.concat([observed.features, pending.features], axis=0)
        known = tf.ones(tf.shape(observed.z), tf.bool)
        mask = tf.concat([known, pending.mask], axis=0)
        drawn = normals[:, : tf.shape(features)[0]]
        fantasies = fantasise(posterior, Pending(features, drawn, mask))
        return joint.Beside(fantasies, fantasies.best)
