"""The surrogates of several outputs, each in the units of its own."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfbo._compile import devices
from tfbo._compile.eager import computing
from tfbo.gp import Hyperparameters, Posterior
from tfbo.gp.likelihood import Observations
from tfbo.space import Params
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes.ask import Settings
from tfbo.strategies.bayes.data import Failed, History
from tfbo.strategies.bayes.fit import Fit
from tfbo.strategies.bayes.outputs import aims, ask, conditions, fronts
from tfbo.strategies.bayes.surrogate import GaussianSurrogate


@dataclasses.dataclass(frozen=True, eq=False)
class OutputSurrogates(Mapping[str, GaussianSurrogate]):
    """The surrogates of all outputs, by name: the objectives first. `Bayes.surrogates` makes them."""

    problem: Problem
    learned: ask.Surrogates
    """The fit, one for all."""

    def __getitem__(self, name: str) -> GaussianSurrogate:
        return self._each[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._each)

    def __len__(self) -> int:
        return len(self._each)

    @computing()
    def feasibility(self, configurations: Sequence[Params]) -> np.ndarray:
        """The probability `[n]` that all constraints hold at legal configurations, without noise."""
        outputs, learned = aims.those_of(self.problem), self.learned
        rows = tf.constant(self.problem.encoding.encode(configurations))
        mean, variance = fronts.as_tensors(learned.fit.posterior).moments(rows)
        bounds = ask.bounds(outputs, learned.data, learned.fit)
        found = conditions.log_feasible(
            outputs, bounds, mean[..., None], tf.sqrt(variance)[..., None]
        )
        return np.asarray(np.exp(found.numpy()[:, 0]))

    @functools.cached_property
    def _each(self) -> dict[str, GaussianSurrogate]:
        outputs, learned = aims.those_of(self.problem), self.learned
        found = {}
        for i, name in enumerate(outputs.names):
            rows = learned.data.mask[i]
            posterior, observed = _one(learned.fit, i, rows)
            found[self.problem.objective if name is None else name] = GaussianSurrogate(
                self.problem.space,
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


@computing()
def of_each(settings: Settings, problem: Problem, history: History) -> OutputSurrogates:
    """The surrogates of all outputs, by name; see `Bayes.surrogates`."""
    outputs = aims.those_of(problem)
    settings = settings._replace(failed=Failed(modelled=False))
    learned = ask.fitted(outputs, settings, problem, history, (), len(history.trials))
    return OutputSurrogates(problem, learned)


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
