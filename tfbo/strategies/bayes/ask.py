"""From trials to the fit of a model, and on to the points that are chosen.

Everything here is host-side: which trials are modelled, from where hyperparameters are searched for, which
points are screened, and on which device a program runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tfbo import _random
from tfbo._compile import devices
from tfbo._compile.eager import computing
from tfbo._compile.programs import aside
from tfbo._messages import warn
from tfbo.errors import invalid
from tfbo.gp import Posterior, hyperprior, paths, search
from tfbo.gp.data import TrainingData
from tfbo.optim.domain import Domain
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import (
    constraints,
    curves,
    feasibility,
    fit,
    screens,
    surrogate,
    warm_start,
)
from tfbo.strategies.bayes import data as trials_data
from tfbo.strategies.bayes.chooser import Answer, Choice, Chooser, Question, choose
from tfbo.strategies.bayes.data import Failed, History, Modelled
from tfbo.strategies.bayes.greedy import Greedy
from tfbo.strategies.bayes.surrogate import GaussianSurrogate
from tfbo.strategies.bayes.thompson import Thompson
from tfbo.trial import PAUSED, Trial

_LOGGER = logging.getLogger("tfbo")

Result = TypeVar("Result")

# Draws of the hyperparameters that are screened for each restart.
DRAWS = 2
# A batch of no more points than this is climbed as a whole after it was chosen one by one, which gains
# a few per cent of its worth (less for more points) and doubles the time. That is another program for each
# q, which XLA would take long to compile.
_MOST_TOGETHER = 4
# More points than this are maximisers of draws of the function, at a cost that hardly depends on q.
_MOST_GREEDY = 16
# Of more trials than this, hyperparameters are searched for among so many of them, and the optimum that
# is found there is followed to that of all: a search takes many evaluations of n^3 operations each.
_MOST_SEARCHED = 300
# Points of learning curves in the model, and among which hyperparameters are searched for: of all of them a
# suggestion would take longer than 50 ms.
_MOST_POINTS, _MOST_POINTS_SEARCHED = 400, 150


Region = Callable[[Problem, Sequence[Trial]], np.ndarray]
"""From a problem and its finished trials to bounds `[d, 2]` of codes, between which the next is sought."""


class Settings(NamedTuple):
    """The settings of `Bayes`, for the space of one problem."""

    model: fit.Model
    """The model as it is fitted on the CPU."""
    choice: Choice
    """The program that chooses one point on the CPU."""
    chooser: Chooser | None
    """None for one that depends on the number of points."""
    n_candidates: int
    n_modelled: int
    noise: float
    """Standard deviation of the noise where it is known, in the units of the objective; or else 0."""
    device: str | None
    failed: Failed
    region: Region | None
    curves: bool = False
    """True where trials have steps."""

    def restarts(self, plan: devices.Plan, n: int) -> int:
        """Restarts beside the one from the last optimum, when `n` trials are searched."""
        return min(self.model.restarts, plan.starts(n))

    def placed(self, plan: devices.Plan, n: int, *, searches: bool = True) -> fit.Model:
        """The model as it is fitted to n trials; `searches` is False for a single start."""
        # Where shapes are free, the number of candidates is the limit.
        restarts = self.restarts(plan, n) if plan.padded else self.model.restarts
        return self.model._replace(restarts=restarts if searches else 0, padded=plan.padded)

    def choosing(self, plan: devices.Plan, q: int, failing: bool) -> Choice:
        """The program that chooses q points."""
        chooser = self.chooser
        if chooser is None and q > _MOST_GREEDY and paths.is_known(self.model.kernel):
            chooser = Thompson()
        elif chooser is None:
            chooser = Greedy(q if q <= _MOST_TOGETHER and not plan.padded else 1)
        return self.choice._replace(
            chooser=chooser,
            acquisition=chooser.valued(self.choice.acquisition),
            padded=plan.padded and chooser.can_pad,
            failing=failing,
        )

    def plan(self, history: History, pending: Sequence[Trial]) -> devices.Plan:
        """The device to compute on, and how."""
        return devices.plan(self.device, len(history.trials) + self.curves * len(pending))

    def modelled(
        self,
        problem: Problem,
        history: History,
        pending: Sequence[Trial],
        failed: Failed | None = None,
    ) -> Modelled:
        """Training data of finished trials, and where trials have steps, of all with a curve."""
        if self.curves:
            most = min(self.n_modelled, _MOST_POINTS)
            return curves.modelled(problem, (*history.trials, *pending), most, failed)
        return trials_data.modelled(problem.goal, history, self.n_modelled, failed)

    def bounds(self, problem: Problem, history: History) -> np.ndarray | tuple[()]:
        """Box `[d, 2]` in which points are sought after these trials; nothing for the unit cube."""
        if self.region is None:
            return ()
        d, box = len(self.choice.columns), self.region(problem, history.trials)
        if np.shape(box) != (d, 2) or not (np.diff(box, prepend=0.0, append=1.0) >= 0.0).all():
            expected = f"a function that returns bounds [{d}, 2] in [0, 1], lower ones first"
            raise invalid("region", expected, box, "Leave it out for the whole space.")
        return box


class Asked(NamedTuple):
    """A fit, and the points that are to be chosen from it."""

    fitted: fit.Fit
    searched: int
    """The number of trials with which hyperparameters were last searched for."""
    question: Question


def suggest(
    settings: Settings,
    problem: Problem,
    history: History,
    pending: Sequence[Trial],
    numbers: range,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Rows for trials of those numbers, of which some may be missing or tried; notes of the fit."""
    return aside(lambda: _suggest(settings, problem, history, pending, numbers))


@computing()
def _suggest(
    settings: Settings,
    problem: Problem,
    history: History,
    pending: Sequence[Trial],
    numbers: range,
) -> tuple[np.ndarray, dict[str, Any]]:
    plan = settings.plan(history, pending)
    asked = pose(settings, problem, history, pending, numbers, plan)
    if not bool(asked.fitted.posterior.ok):
        warn_of_no_fit(numbers[0])

    def run(where: devices.Plan) -> Answer:
        choice = settings.choosing(where, len(numbers), failing=bool(asked.question.labels))
        return choose(choice, asked.question, where.device)

    answer = as_planned(plan, run)
    rows = answer.x[answer.found]
    if problem.region is not None:
        screened = answer.screened[answer.found]
        rows = constraints.legal(problem.region, rows, screened, asked.question.tried)
    return rows, warm_start.notes(asked.fitted.found, asked.searched)


def pose(
    settings: Settings,
    problem: Problem,
    history: History,
    pending: Sequence[Trial],
    numbers: range,
    plan: devices.Plan,
) -> Asked:
    """The fit of all trials, and the points to choose from it."""
    kernel, q = settings.model.kernel, len(numbers)
    modelled, found, searched, rng = fitted(settings, problem, history, pending, numbers[0])
    data = modelled.data
    success = labels(settings, history)
    bounds = settings.bounds(problem, history)
    box = bounds if len(bounds) else None
    domain = Domain(settings.choice.columns, box, settings.choice.feasible)
    everywhere, around = screens.of(problem, domain, modelled.ends, settings.n_candidates, rng)
    runs = [trial for trial in pending if trial.state != PAUSED]
    paused = trials_data.rows(problem, [trial for trial in pending if trial.state == PAUSED])
    running = trials_data.rows(problem, runs)
    m, d = running.shape
    chooser = settings.choosing(plan, q, failing=bool(success)).chooser
    question = Question(
        *found[:2],
        best=modelled.ends.x[np.argmax(modelled.ends.y)],
        tried=np.concatenate([history.rows, paused]) if len(paused) else history.rows,
        pending=np.concatenate([running, np.zeros([q, d])]),
        running=np.arange(m + q) < m,
        q=np.array(q, np.int32),
        numbers=chooser.numbers(kernel, len(data.y), m + q, q, rng),
        everywhere=everywhere,
        around=around,
        labels=success,
        bounds=bounds,
        curves=curves.ahead(runs, q) if settings.curves else (),
    )
    return Asked(found, searched, question)


class Learned(NamedTuple):
    """The fit behind a suggestion."""

    modelled: Modelled
    fit: fit.Fit
    searched: int
    """The number of trials, or points of curves, with which hyperparameters were last searched for."""
    rng: np.random.Generator
    """Randomness of what follows."""


def fitted(
    settings: Settings,
    problem: Problem,
    history: History,
    pending: Sequence[Trial],
    number: int,
) -> Learned:
    """The fit of all trials, of which failed ones count as bad, for the suggestion of that number."""
    plan = settings.plan(history, pending)
    rng = _random.generator(problem.seed, "bayes", number)
    modelled = settings.modelled(problem, history, pending, settings.failed)
    last = warm_start.last((*history.trials, *pending), settings.model.hyperprior)
    n = modelled.known
    due = last.is_due_of_curves(n) if settings.curves else last.is_due(n)
    # A padded program has one shape, that of a search; curves have a program without one.
    searches = due or (plan.padded and not settings.curves)
    given = _given(settings, modelled.data, last.start, plan, rng if searches else None)
    found = history.fits.fitted(
        settings.model,
        given,
        lambda: _fit(settings, given, plan, searches=searches or not settings.curves),
        follows=not due,
    )
    return Learned(modelled, found, n if searches else last.searched, rng)


def stay(
    settings: Settings, problem: Problem, history: History, pending: Sequence[Trial]
) -> fit.Fit | None:
    """The fit of all curves where the last one ended, without a search; None where there was none."""
    noted = (*history.trials, *pending)
    last = warm_start.last(noted, settings.model.hyperprior)
    if not last.searched:
        return None
    data = settings.modelled(problem, history, pending, settings.failed).data
    plan = settings.plan(history, pending)
    given = _given(settings, data, last.start, plan, None)
    return history.fits.newest(settings.model, given) or history.fits.fitted(
        settings.model, given, lambda: _fit_curves(settings, given, plan, searches=False)
    )


def labels(settings: Settings, history: History) -> Posterior | tuple[()]:
    """The posterior of the trials' success; nothing where all succeeded, or failures are not avoided."""
    if history.complete.all() or not settings.failed.avoided:
        return ()
    return feasibility.fitted(settings.model, history, settings.n_modelled)


def look(
    settings: Settings, problem: Problem, history: History, pending: Sequence[Trial] = ()
) -> GaussianSurrogate:
    """The surrogate after the told trials; see `Bayes.surrogate`."""
    n = len(history.trials)
    plan = devices.plan(settings.device, n)
    noted = (*history.trials, *pending) if settings.curves else history.trials
    last = warm_start.last(noted, settings.model.hyperprior)
    rng = None if last.searched else _random.generator(problem.seed, "bayes", n)
    modelled = settings.modelled(problem, history, pending)
    data = modelled.data
    given = _given(settings, data, last.start, plan, rng)
    # A padded program that does not search has a shape of its own.
    searches = not (last.searched and (plan.padded or settings.curves))
    fitted = history.fits.newest(settings.model, given) or history.fits.fitted(
        settings.model, given, lambda: _fit(settings, given, plan, searches=searches)
    )
    return surrogate.of(problem, modelled.trials, data, settings.model.transform, fitted)


def _given(
    settings: Settings,
    data: TrainingData,
    start: search.Start,
    plan: devices.Plan,
    rng: np.random.Generator | None,
) -> fit.Given:
    """Data and start of a fit, with candidates from `rng` if there is one."""
    few = min(len(data.y), _MOST_SEARCHED)
    count = DRAWS * settings.restarts(plan, few) if rng is not None else 0
    rough = fit.rough_hyperprior(settings.model.kernel)
    return fit.Given(
        data,
        mask=np.ones(len(data.y), bool),
        noise=np.array(settings.noise),
        start=start,
        candidates=hyperprior.draws(rough, count, rng or np.random.default_rng(0)),
    )


def _fit(
    settings: Settings, given: fit.Given, plan: devices.Plan, *, searches: bool = True
) -> fit.Fit:
    """The fit; where a device runs out of memory, from one start, then by the CPU."""
    data, some = given.data, None
    if settings.curves:
        return _fit_curves(settings, given, plan, searches=searches)
    if len(given.candidates) and len(data.y) > _MOST_SEARCHED:
        some = trials_data.subset(data.x, data.y, _MOST_SEARCHED)
    alone = given._replace(candidates=given.candidates[:0])

    def run(
        where: devices.Plan, given: fit.Given, some: np.ndarray | None, several: bool
    ) -> fit.Fit:
        model = settings.placed(where, len(data.y), searches=several)
        return fit.fit(model, given, where.device, some)

    attempts: list[tuple[str, Any]] = [("", (plan, given, some, searches))]
    if plan != devices.CPU:
        attempts += [("from one start", (plan, alone, None, False))]
        attempts += [("on the CPU", (devices.CPU, given, some, searches))]
    return first_within_memory(plan, attempts, run)


def _fit_curves(
    settings: Settings, given: fit.Given, plan: devices.Plan, *, searches: bool
) -> fit.Fit:
    """The fit to some of the points, or none where it does not search; then all of them count."""
    some = None
    if searches:
        some = curves.subset(given.data.x, given.data.y, _MOST_POINTS_SEARCHED)

    def run(where: devices.Plan) -> fit.Fit:
        model = settings.placed(where, len(given.data.y), searches=some is not None)
        return fit.fit_some(model, given, where.device, some)

    return as_planned(plan, run)


def warn_of_no_fit(number: int) -> None:
    """Warn, and log with the number of the trial, that the surrogate could not be fitted."""
    _LOGGER.warning("Trial %d: the surrogate could not be fitted.", number)
    warn("The surrogate of a suggestion could not be fitted; it stands where the fit began.")


def as_planned(plan: devices.Plan, run: Callable[[devices.Plan], Result]) -> Result:
    """The result of `run` as it is planned; on the CPU where the device runs out of memory."""
    attempts = [("", (plan,))] + [("on the CPU", (devices.CPU,))] * (plan != devices.CPU)
    return first_within_memory(plan, attempts, run)


def first_within_memory(
    plan: devices.Plan, attempts: Sequence[tuple[str, Any]], run: Callable[..., Result]
) -> Result:
    """The result of the first attempt, a name and arguments of `run`, that does not run out of memory."""
    for i, (_, arguments) in enumerate(attempts, start=1):
        try:
            return run(*arguments)
        except Exception as error:
            if i == len(attempts) or not devices.is_out_of_memory(error):
                raise
            how = attempts[i][0]
            warn(f"{plan.device} ran out of memory; asks that do are repeated {how}.")
    raise AssertionError("an attempt returns or raises")
