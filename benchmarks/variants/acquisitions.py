"""Other acquisitions, incumbents and openings, and other strategies between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from variants.base import Patches, choose

# How many draws of the values of the trials noisy improvement is averaged over, and of how many trials.
_DRAWS, _MOST = 64, 400


def acquisition(name: str, *arguments: float) -> Mapping[str, Any]:
    """Another acquisition."""
    from tfbo import acquisition

    return {"acquisition": getattr(acquisition, name)(*arguments)}


def opening_without_centre() -> Patches:
    """Sobol points alone."""
    from tfbo.strategies import sobol
    from tfbo.strategies.bayes import initial

    return {(initial, "points"): sobol.points}


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


def luckiest_incumbent() -> Patches:
    """Improvements are over the best outcome, not over the best posterior mean."""
    import tensorflow as tf

    from tfbo.strategies.bayes import fit

    surrogate = fit.surrogate

    def with_the_best(choices: Any, observed: Any, theta: Any) -> Any:
        return surrogate(choices, observed, theta)[0], tf.reduce_max(observed.z)

    return {(fit, "surrogate"): with_the_best}


def noisy_improvement() -> Patches:
    """Improvements over the best of draws of all trials' noise-free values (Ament et al. 2023, LogNEI)."""
    import tensorflow as tf

    from tfbo.strategies.bayes import fit, greedy

    normals = np.random.default_rng(0).standard_normal([_DRAWS, _MOST])
    surrogate = fit.surrogate

    def without_incumbent(choices: Any, observed: Any, theta: Any) -> Any:
        posterior, incumbent = surrogate(choices, observed, theta)
        return posterior, incumbent - 1e6

    def fantasies(given: Any, rows: Any, running: Any) -> Any:
        told = given.question.evidence.x
        n = tf.shape(told)[0]
        return greedy.fantasise(
            given.posterior,
            tf.concat([told, rows], axis=0),
            tf.constant(normals)[:, : n + tf.shape(rows)[0]],
            tf.concat([tf.ones([n], tf.bool), running], axis=0),
        )

    return {
        (fit, "surrogate"): without_incumbent,
        (greedy._Given, "fantasies"): fantasies,
    }
