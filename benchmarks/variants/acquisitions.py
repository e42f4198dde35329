"""Other acquisitions, incumbents and openings, and other strategies between."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from variants.base import choose

# How many draws of the values of the trials noisy improvement is averaged over, and of how many trials.
_DRAWS, _MOST = 64, 400


def acquisition(name: str, *arguments: float) -> Mapping[str, Any]:
    """Another acquisition."""
    from tfbo import acquisition

    return {"acquisition": getattr(acquisition, name)(*arguments)}


def opening_without_centre() -> Mapping[str, Any]:
    """Sobol points alone."""
    from tfbo.strategies import Sobol

    return {"initial": Sobol()}


def exploit_at_the_end(study: Any, values: Sequence[float | None], budget: int) -> None:
    """The last two trials are where the posterior mean is largest."""
    from tfbo.acquisition import PosteriorMean
    from tfbo.strategies import Bayes

    if len(values) == budget - 2:
        choose(study, Bayes(acquisition=PosteriorMean()))


def take_turns(study: Any, values: Sequence[float | None], budget: int) -> None:
    """LogEI twice, an upper confidence bound, the posterior mean."""
    from tfbo.acquisition import UCB, LogEI, PosteriorMean
    from tfbo.strategies import Bayes

    turns = (LogEI(), LogEI(), UCB(2.0), PosteriorMean())
    choose(study, Bayes(acquisition=turns[len(values) % len(turns)]))


def draw_now_and_then(study: Any, values: Sequence[float | None], budget: int) -> None:
    """Every eighth trial is a point of the Sobol sequence, as all of the opening are."""
    from tfbo.strategies import Bayes

    choose(study, Bayes(n_initial=budget) if len(values) % 8 == 7 else Bayes())


def luckiest_incumbent() -> Mapping[str, Any]:
    """Improvements are over the best outcome, not over the best posterior mean."""
    import tensorflow as tf

    from tfbo.acquisition import LogEI, joint
    from tfbo.gp.pending import fantasise

    @dataclasses.dataclass(frozen=True)
    class Luckiest(LogEI):
        def prepare(self, posterior: Any, observed: Any, pending: Any) -> joint.Beside:
            fantasies = fantasise(posterior, pending)
            return joint.Beside(fantasies, tf.maximum(tf.reduce_max(observed.z), fantasies.best))

    return {"acquisition": Luckiest()}


def noisy_improvement() -> Mapping[str, Any]:
    """Improvements over the best of draws of all trials' noise-free values (Ament et al. 2023, LogNEI)."""
    import tensorflow as tf

    from tfbo.acquisition import LogEI, joint
    from tfbo.gp.pending import Pending, fantasise

    normals = np.random.default_rng(0).standard_normal([_DRAWS, _MOST])

    @dataclasses.dataclass(frozen=True)
    class Noisy(LogEI):
        def prepare(self, posterior: Any, observed: Any, pending: Any) -> joint.Beside:
            features = tf.concat([observed.features, pending.features], axis=0)
            known = tf.ones(tf.shape(observed.z), tf.bool)
            mask = tf.concat([known, pending.mask], axis=0)
            drawn = tf.constant(normals)[:, : tf.shape(features)[0]]
            fantasies = fantasise(posterior, Pending(features, drawn, mask))
            return joint.Beside(fantasies, fantasies.best)

    return {"acquisition": Noisy()}
