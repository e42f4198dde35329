"""Bayesian optimisation: a Gaussian process says where a trial is worth most.

One ask is one call of one compiled program (`_program`): standardise, fit, build the acquisition,
screen candidates, climb. Everything that varies enters it as data, so that it is traced once for a
space and a set of settings. Letters: n trials, d columns, c candidates, p log hyperparameters,
m pending trials.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _numerics, _random
from tfbo.acquisition import Acquisition, LogEI
from tfbo.columns import Columns
from tfbo.errors import invalid, require_count
from tfbo.gp import Posterior, exact, kernels, outcomes
from tfbo.gp import data as gp_data
from tfbo.gp.priors import default
from tfbo.optim import mixed, starts
from tfbo.space import Encoding, Params, encoding
from tfbo.strategies import random, sobol
from tfbo.strategies.base import Problem, Suggestion, key, untried
from tfbo.trial import COMPLETE, Trial

_LOGGER = logging.getLogger("tfbo")

# A failed trial counts as worse than the worst by this many standard deviations of the outcomes: it
# is avoided, but its neighbourhood is not written off.
_FAILED_BELOW_WORST = 0.5
# Perturbed are the best points known, this many of them.
_INCUMBENTS = 8
# Where the untried configurations are fewer, all of them are screened.
_MOST_ENUMERATED = 4096

_THETA = "theta"


class Told(NamedTuple):
    """The state: every finished trial that says something."""

    trials: tuple[Trial, ...]


@dataclasses.dataclass(frozen=True)
class Bayes:
    """Sobol points first, then the maximiser of an acquisition under a Gaussian process.

    Failed trials count as somewhat worse than the worst, so their surroundings are avoided; trials
    that are still running count with their expected outcome (Ginsbourger et al. 2010), so that
    parallel workers do not repeat each other.

    Args:
        acquisition: what a trial is worth; see `tfbo.acquisition`.
        kernel: of the Gaussian process; see `tfbo.gp.fit`.
        n_initial: how many trials are told before the model takes over (measured against ten in
            benchmarks/results/ablation.md).
        n_restarts: climbs of the marginal likelihood, one of them from the previous optimum.
        n_candidates: points that are screened.
        optimizer: of the marginal likelihood, "bfgs" or "adam".

    Raises:
        InvalidArgument: for a kernel or optimiser that there is not, or a number that is none.

    Source: Jones, Schonlau and Welch 1998; Snoek, Larochelle and Adams 2012 (arXiv 1206.2944); the
    acquisition of Ament et al. 2023 and the priors of Hvarfner et al. 2024.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> strategy = tfbo.strategies.Bayes(kernel="matern32", n_initial=3)
        >>> study = tfbo.minimize(lambda p: (p["x"] - 0.3) ** 2, space, n_trials=12, seed=0,
        ...                       strategy=strategy)
        >>> abs(study.best_params["x"] - 0.3) < 0.01
        True
    """

    acquisition: Acquisition = LogEI()
    _: dataclasses.KW_ONLY
    kernel: str | type = "matern52"
    n_initial: int = 5
    n_restarts: int = 4
    n_candidates: int = 1024
    optimizer: str = "bfgs"

    def __post_init__(self) -> None:
        if not hasattr(self.acquisition, "evaluate") or isinstance(self.acquisition, type):
            advice = "Call it: acquisition=tfbo.acquisition.LogEI()."
            raise invalid("acquisition", "an acquisition", self.acquisition, advice)
        if type(self.acquisition).__hash__ is None:  # compiled programs are kept by its value
            advice = "Make it a dataclass with frozen=True."
            raise invalid("acquisition", "a hashable acquisition", self.acquisition, advice)
        kernels.kernel(self.kernel, 1)
        exact.check_optimizer(self.optimizer)
        for name in ("n_initial", "n_restarts", "n_candidates"):
            require_count(name, getattr(self, name), advice="Leave it out if in doubt.")

    def fold(self, problem: Problem, state: Told | None, told: Sequence[Trial]) -> Told:
        """See `Strategy`."""
        return Told((state.trials if state else ()) + tuple(told))

    def suggest(
        self, problem: Problem, state: Told, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        taken = {key(trial.params) for trial in (*state.trials, *pending)}
        waiting = list(pending)
        suggestions = []
        for i in range(number, number + q):
            if self._is_initial(problem, state):
                proposals = sobol.points(problem.space, problem.seed, i)
                suggestion = Suggestion(untried(problem.space, taken, proposals), {})
            else:
                suggestion = self._suggest(problem, state, waiting, taken, i)
            suggestions.append(suggestion)
            taken.add(key(suggestion.params))
            waiting.append(Trial(i, suggestion.params, notes=suggestion.notes))
        return suggestions

    def _is_initial(self, problem: Problem, state: Told) -> bool:
        columns = len(encoding(problem.space).columns)
        completed = any(trial.state == COMPLETE for trial in state.trials)
        return columns == 0 or len(state.trials) < self.n_initial or not completed

    def _suggest(
        self, problem: Problem, state: Told, pending: Sequence[Trial], taken: set[Any], number: int
    ) -> Suggestion:
        encoded = encoding(problem.space)
        columns = encoded.columns
        data = gp_data.canonical(_data(encoded, problem.direction, state.trials))
        running = _rows(encoded, pending)
        rng = _random.generator(problem.seed, "bayes", number)
        candidates = exact.candidates(
            self._belief(columns), 4 * self.n_restarts, rng, _previous(state, pending)
        )
        found = _program(columns, self)(
            *map(tf.constant, (*data, running, candidates)),
            *map(tf.constant, self._screens(problem, taken, data, rng)),
        )
        if not bool(found.ok):
            _LOGGER.warning(
                "Trial %d: the surrogate could not be fitted; the best draw of its priors stood in.",
                number,
            )
        proposals = encoded.decode(found.x.numpy()[None]) if bool(found.found) else []
        more = random.draws(problem.space, problem.seed, number)
        params = untried(problem.space, taken, itertools.chain(proposals, more))
        return Suggestion(params, {_THETA: found.theta.numpy().tolist()})

    def _screens(
        self, problem: Problem, taken: set[Any], data: gp_data.Data, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Candidates in two sets: all over the space, and around the best points known."""
        encoded = encoding(problem.space)
        columns = encoded.columns
        best = np.argsort(-data.y, kind="stable")[:_INCUMBENTS]
        around = starts.around(columns, data.x[best], self.n_candidates // 4 + 1, rng)
        if problem.space.cardinality - len(taken) > _MOST_ENUMERATED:
            return starts.spread(columns, self.n_candidates, rng), around
        free = list(_free(problem, taken))
        return np.abs(encoded.encode(free)).reshape(len(free), len(columns)), around

    def _belief(self, columns: Columns) -> exact.Belief:
        return exact.belief(self._kernel(columns), default(len(columns)))

    def _kernel(self, columns: Columns) -> kernels.Kernel:
        return kernels.kernel(self.kernel, len(columns), columns)


class Found(NamedTuple):
    """What the compiled program returns."""

    x: tf.Tensor
    """`[d]`, a legal row."""
    found: tf.Tensor
    """Whether there is such a row among those screened that is neither told nor pending."""
    theta: tf.Tensor
    """Log hyperparameters `[p]`, from which the next fit starts."""
    ok: tf.Tensor
    """Whether the fit succeeded."""


@functools.lru_cache(maxsize=64)
def _program(columns: Columns, settings: Bayes) -> Any:
    """The compiled ask: from data to the next point. One trace for a space and settings."""
    kernel = settings._kernel(columns)
    believed = settings._belief(columns)
    rows = tf.TensorSpec([None, len(columns)], tf.float64)

    @tf.function(
        autograph=False,
        input_signature=[
            rows,
            tf.TensorSpec([None], tf.float64),
            rows,
            tf.TensorSpec([None, len(believed.loc)], tf.float64),
            rows,
            rows,
        ],
    )
    def program(
        x: tf.Tensor,
        y: tf.Tensor,
        pending: tf.Tensor,
        candidates: tf.Tensor,
        everywhere: tf.Tensor,
        around: tf.Tensor,
    ) -> Found:
        belief = exact.Belief(*map(tf.constant, believed))
        z = _numerics.quantise(outcomes.standardise(outcomes.temper(y)).z)
        features = kernel.embed(x)
        fitted = exact.fit(
            kernel,
            belief,
            features,
            z,
            candidates,
            climbs=settings.n_restarts,
            optimizer=settings.optimizer,
        )
        factors = exact.factorise(kernel, fitted.theta, features, z)
        zero, one = tf.zeros([], z.dtype), tf.ones([], z.dtype)
        posterior = Posterior(kernel, factors, zero, one)
        incumbent = tf.reduce_max(posterior.moments(x)[0])
        posterior = posterior.condition(pending, posterior.moments(pending)[0])
        best = mixed.maximise(
            lambda points: settings.acquisition.evaluate(posterior, incumbent, points[:, None, :]),
            columns,
            (everywhere, around),
            tf.concat([x, pending], axis=0),
        )
        point = _numerics.quantise(best.x)
        return Found(point, best.ok, fitted.theta, fitted.ok & posterior.factors.ok)

    return program


def _data(encoded: Encoding, direction: str, trials: Sequence[Trial]) -> gp_data.Data:
    """Rows and outcomes to maximise; failed trials count as somewhat worse than the worst."""
    sign = 1.0 if direction == "maximize" else -1.0
    values = np.sort([sign * trial.value for trial in trials if trial.value is not None])
    failed = values[0] - _FAILED_BELOW_WORST * _deviation(values)
    y = [failed if trial.value is None else sign * trial.value for trial in trials]
    return gp_data.Data(_rows(encoded, trials), np.array(y, np.float64))


def _deviation(values: np.ndarray) -> float:
    """Standard deviation, without overflow."""
    size = np.max(np.abs(values)) or 1.0
    return float(size * np.std(values / size))


def _rows(encoded: Encoding, trials: Sequence[Trial]) -> np.ndarray:
    """Codes `[n, d]`, rounded so that a change of a parameter's unit does not change them."""
    rows = encoded.encode([trial.params for trial in trials])
    return np.round(rows * _numerics.RESOLUTION) / _numerics.RESOLUTION


def _previous(state: Told, pending: Sequence[Trial]) -> np.ndarray | None:
    """Log hyperparameters of the last fit: they were noted with the newest suggestion."""
    noted = [trial for trial in (*state.trials, *pending) if _THETA in trial.notes]
    if not noted:
        return None
    return np.array(max(noted, key=lambda trial: trial.number).notes[_THETA], np.float64)


def _free(problem: Problem, taken: set[Any]) -> Iterator[Params]:
    """Configurations of a finite space that are not taken."""
    return (params for params in problem.space.grid(2) if key(params) not in taken)
