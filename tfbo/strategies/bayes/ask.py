"""From trials to the question that a program is asked, and to what it answers.

Everything here is host-side: which trials are modelled, from where hyperparameters are searched for, which
points are screened, and on which device a program runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfbo import _random
from tfbo._compile import devices
from tfbo._messages import warn
from tfbo.gp import hyperprior, paths, search
from tfbo.gp.data import Data
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import data as told_trials
from tfbo.strategies.bayes import feasibility, fit, greedy, screens, surrogate, thompson, warm_start
from tfbo.strategies.bayes.data import Failed, Told
from tfbo.strategies.bayes.surrogate import GaussianSurrogate
from tfbo.trial import Trial

_LOGGER = logging.getLogger("tfbo")

# Draws of the hyperparameters that are screened for each restart.
_DRAWS = 2
# Draws of pending outcomes: what points are worth is then known to a tenth (test_joint.py holds that).
_PENDING_DRAWS = 64
# A batch of no more points than this is climbed as a whole after it was chosen one by one, which gains
# a few per cent of its worth (less for more points) and doubles the time. That is another program for each
# q, which XLA would take long to compile.
_MOST_TOGETHER = 4
# More points than this are maximisers of draws of the function, at a cost that hardly depends on q.
_MOST_GREEDY = 16
# Of more trials than this, hyperparameters are searched for among so many of them, and the optimum that
# is found there is followed to that of all: a search takes many evaluations of n^3 operations each.
_MOST_SEARCHED = 300


class Settings(NamedTuple):
    """The settings of `Bayes`, for the space of one problem."""

    model: fit.Choices
    """Choices of the program for one point on the CPU."""
    n_candidates: int
    n_modelled: int
    noise: float
    """Standard deviation of the noise where it is known, in the units of the objective; or else 0."""
    device: str | None
    failed: Failed

    def restarts(self, plan: devices.Plan, n: int) -> int:
        """Restarts beside the one from the last optimum, when `n` trials are searched."""
        return min(self.model.restarts, plan.starts(n))

    def choices(
        self, plan: devices.Plan, n: int, q: int = 1, *, searches: bool = True
    ) -> fit.Choices:
        """Choices of the program for q points and n trials; `searches` is False for a single start."""
        # Where shapes are free, the number of draws is the limit.
        restarts = self.restarts(plan, n) if plan.padded else self.model.restarts
        return self.model._replace(
            restarts=restarts if searches else 0,
            padded=plan.padded,
            batch=q if q <= _MOST_TOGETHER and not plan.padded else 1,
        )


class Ask(NamedTuple):
    """A program, and what it is asked."""

    run: Callable[[fit.Choices, Any, str], greedy.Answer]
    question: greedy.Question | thompson.Question
    searched: int
    """The number of trials with which hyperparameters were last searched for."""


def suggest(
    settings: Settings,
    problem: Problem,
    state: Told,
    pending: Sequence[Trial],
    numbers: range,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Rows for trials of those numbers, of which some may be missing or tried; notes of the fit."""
    plan = devices.plan(settings.device, len(state.trials))
    asked = pose(settings, problem, state, pending, numbers, plan)

    def run(choices: fit.Choices, evidence: fit.Evidence, device: str) -> greedy.Answer:
        return asked.run(choices, asked.question._replace(evidence=evidence), device)

    answer = _answer(settings, run, asked.question.evidence, plan, q=len(numbers))
    if not bool(answer.ok):
        _LOGGER.warning("Trial %d: the surrogate could not be fitted.", numbers[0])
        warn("The surrogate of a suggestion could not be fitted; it stands where the fit began.")
    return answer.x[answer.found], warm_start.notes(answer.fitted, asked.searched)


def pose(
    settings: Settings,
    problem: Problem,
    state: Told,
    pending: Sequence[Trial],
    numbers: range,
    plan: devices.Plan,
) -> Ask:
    """The program that is asked, and its question, for trials of those numbers."""
    kernel, n, q = settings.model.kernel, len(state.trials), len(numbers)
    rng = _random.generator(problem.seed, "bayes", numbers[0])
    last = warm_start.last((*state.trials, *pending), fit.default_hyperprior(kernel))
    searches = last.is_due(n) or plan.padded  # a padded program has one shape, that of a search
    told = told_trials.data(problem.goal, state, settings.failed)
    evidence, order = _evidence(settings, told, last.start, plan, rng if searches else None)
    success = labels(settings, state)
    screened = screens.of(problem, evidence, settings.n_candidates, rng)
    searched = n if searches else last.searched
    if q > _MOST_GREEDY and paths.is_known(kernel):
        drawn = paths.randomness(kernel, evidence.n, q, rng)
        return Ask(
            thompson.answer, thompson.Question(evidence, drawn, *screened, success), searched
        )
    running = told_trials.rows(problem, pending)
    m, d = running.shape
    # One draw is as good as any where nothing is drawn.
    draws = _PENDING_DRAWS if m + q > 1 else 1
    question = greedy.Question(
        evidence,
        left_out=np.delete(state.rows, order, axis=0),
        pending=np.concatenate([running, np.zeros([q, d])]),
        running=np.arange(m + q) < m,
        q=np.array(q, np.int32),
        uniforms=_random.sobol(draws, m + q, int(rng.integers(2**62))),
        everywhere=screened[0],
        around=screened[1],
        labels=success,
    )
    return Ask(greedy.answer, question, searched)


def model(settings: Settings, problem: Problem, state: Told) -> GaussianSurrogate:
    """The surrogate after the told trials; see `Bayes.surrogate`."""
    n = len(state.trials)
    plan = devices.plan(settings.device, n)
    last = warm_start.last(state.trials, fit.default_hyperprior(settings.model.kernel))
    rng = None if last.searched else _random.generator(problem.seed, "bayes", n)
    # A padded program that does not search has a shape of its own.
    searches = not (last.searched and plan.padded)
    told = told_trials.data(problem.goal, state, None)
    evidence, order = _evidence(settings, told, last.start, plan, rng)
    fitted = _answer(settings, greedy.fit_alone, evidence, plan, searches=searches)
    choices = settings.choices(devices.CPU, n, searches=searches)
    trials = tuple(state.trials[i] for i in order)
    return surrogate.of(problem, trials, choices, evidence, fitted)


def labels(settings: Settings, state: Told) -> fit.Evidence | tuple[()]:
    """The trials' success and failure; nothing where all succeeded, or failures are not avoided."""
    if state.complete.all() or not settings.failed.avoided:
        return ()
    return feasibility.evidence(settings.model, state, settings.n_modelled)


def _evidence(
    settings: Settings,
    told: tuple[Data, np.ndarray],
    start: search.Start,
    plan: devices.Plan,
    rng: np.random.Generator | None,
) -> tuple[fit.Evidence, np.ndarray]:
    """The told trials that are modelled, in an order of their own, and that order; draws if `rng`."""
    data, order = told
    kept = told_trials.subset(data.x, data.y, settings.n_modelled)
    few = len(kept) if plan.padded else min(len(kept), _MOST_SEARCHED)
    count = _DRAWS * settings.restarts(plan, few) if rng is not None else 0
    rough = fit.rough_hyperprior(settings.model.kernel)
    evidence = fit.Evidence(
        x=data.x[kept],
        y=data.y[kept],
        std=data.std[kept],
        noise=np.array(settings.noise),
        told=np.ones(len(kept), bool),
        start=start,
        draws=hyperprior.draws(rough, count, rng or np.random.default_rng(0)),
    )
    if count and few < len(kept):
        some = evidence.among(told_trials.subset(evidence.x, evidence.y, few))
        scout = _answer(settings, greedy.fit_alone, some, plan)
        evidence = evidence._replace(draws=scout.theta[None])
    return evidence, order[kept]


def _answer(
    settings: Settings,
    run: Callable[[fit.Choices, fit.Evidence, str], Any],
    evidence: fit.Evidence,
    plan: devices.Plan,
    *,
    q: int = 1,
    searches: bool = True,
) -> Any:
    """The answer of a program; where a device runs out of memory, from one start, then by the CPU."""
    attempts = [(evidence, plan, searches)]
    if plan != devices.CPU:
        attempts += [(evidence.from_one_start(), plan, False), (evidence, devices.CPU, searches)]
    for i, (given, where, several) in enumerate(attempts, start=1):
        try:
            return run(settings.choices(where, given.n, q, searches=several), given, where.device)
        except Exception as error:
            if i == len(attempts) or not devices.is_out_of_memory(error):
                raise
            then = "from one start" if i == 1 else "on the CPU"
            warn(f"{where.device} ran out of memory; asks that do are repeated {then}.")
    raise AssertionError("an attempt returns or raises")
