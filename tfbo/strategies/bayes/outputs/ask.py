"""From trials to the posteriors of several outputs, and on to the points that are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tfbo import _random
from tfbo._compile import devices
from tfbo._compile.eager import computing
from tfbo._compile.programs import aside
from tfbo.acquisition import pareto
from tfbo.gp import hyperprior
from tfbo.gp import outcomes as gp_outcomes
from tfbo.gp.data import TrainingData
from tfbo.optim.domain import Domain
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import ask, constraints, fit, screens, warm_start
from tfbo.strategies.bayes import data as trials_data
from tfbo.strategies.bayes.ask import Settings
from tfbo.strategies.bayes.data import Failed, History
from tfbo.strategies.bayes.outputs import aims, choose, data, fronts
from tfbo.strategies.bayes.outputs import fit as fits
from tfbo.strategies.bayes.outputs.aims import Outputs
from tfbo.strategies.bayes.outputs.choose import Options, Query
from tfbo.strategies.bayes.outputs.conditions import Bounds
from tfbo.strategies.bayes.outputs.data import Told
from tfbo.trial import COMPLETE, PAUSED, Trial


class Surrogates(NamedTuple):
    """The fit behind a suggestion."""

    data: Told
    fit: fit.Fit
    searched: int
    """The number of trials with which hyperparameters were last searched for."""
    rng: np.random.Generator
    """Randomness of what follows."""


def suggest(
    settings: Settings,
    problem: Problem,
    history: History,
    pending: Sequence[Trial],
    numbers: range,
) -> tuple[np.ndarray, dict[str, Any]]:
    """As `tfbo.strategies.bayes.ask.suggest`, of a problem with several outputs."""
    return aside(lambda: _suggest(settings, problem, history, pending, numbers))


@computing()
def _suggest(
    settings: Settings,
    problem: Problem,
    history: History,
    pending: Sequence[Trial],
    numbers: range,
) -> tuple[np.ndarray, dict[str, Any]]:
    outputs = aims.those_of(problem)
    plan = settings.plan(history, ())
    learned = fitted(outputs, settings, problem, history, pending, numbers[0])
    if not np.all(learned.fit.posterior.ok):
        ask.warn_of_no_fit(numbers[0])
    scene = _Scene(outputs, settings, problem, history, learned, pending)
    chosen = np.zeros([0, len(settings.choice.columns)])
    for _ in numbers:
        options, query = scene.pose(chosen, plan)

        def run(where: devices.Plan, options: Options = options, query: Query = query) -> Any:
            return choose.choose(options._replace(padded=where.padded), query, where.device)

        found = ask.as_planned(plan, run)
        if not found.ok:
            break
        row = found.x[None]
        if problem.region is not None:
            row = constraints.legal(problem.region, row, found.screened[None], query.tried)
        chosen = np.concatenate([chosen, row])
    return chosen, warm_start.notes_of_each(learned.fit.found, learned.searched)


def fitted(
    outputs: Outputs,
    settings: Settings,
    problem: Problem,
    history: History,
    pending: Sequence[Trial],
    number: int,
) -> Surrogates:
    """The fit of all trials, of which failed ones count as bad, for the suggestion of that number."""
    plan = settings.plan(history, ())
    rng = _random.generator(problem.seed, "bayes", number)
    known = told(outputs, settings, problem, history, settings.failed)
    m, n = known.mask.shape
    last = warm_start.last_of_each(
        (*history.trials, *pending), settings.model.hyperprior, len(outputs.names)
    )
    searches = last.is_due(len(history.trials)) or plan.padded
    restarts = max(1, settings.restarts(plan, n) // m) if searches else 0
    found = _fit(
        settings, known, last, plan, history, rng if searches else None,
        objectives=outputs.objectives, restarts=restarts,
    )  # fmt: skip
    return Surrogates(known, found, len(history.trials) if searches else last.searched, rng)


def told(
    outputs: Outputs,
    settings: Settings,
    problem: Problem,
    history: History,
    failed: Failed | None = None,
) -> Told:
    """Training data of all outputs."""
    most, transform = settings.n_modelled, settings.model.transform
    return data.told(
        outputs, problem, history, transform, most=most, failed=failed, noise=settings.noise
    )


def _fit(
    settings: Settings,
    known: Told,
    last: warm_start.Last,
    plan: devices.Plan,
    history: History,
    rng: np.random.Generator | None,
    *,
    objectives: int,
    restarts: int,
) -> fit.Fit:
    """The fit; where a device runs out of memory, by the CPU."""
    model, m = settings.model, len(known.mask)
    rough = fit.rough_hyperprior(model.kernel)
    count = ask.DRAWS * restarts
    given = fit.Given(
        TrainingData(known.x, known.y, known.std),
        mask=known.mask,
        noise=_noise(settings, objectives, m),
        start=last.start,
        candidates=hyperprior.draws(rough, count, rng or np.random.default_rng(0)),
    )
    each = model._replace(transform=gp_outcomes.unchanged, restarts=restarts)

    def run(where: devices.Plan) -> fit.Fit:
        models = fits.Models(each._replace(padded=where.padded), m)
        return fits.run(models, given, where.device)

    return history.fits.fitted(each, given, lambda: ask.as_planned(plan, run), follows=rng is None)


def _noise(settings: Settings, objectives: int, m: int) -> np.ndarray:
    """Noise `[m]` beyond the errors of the data: 0 where it is known, and NaN where it is learned.

    A number that was given is the noise of the objective, and among its errors.
    """
    noise = np.full(m, np.nan)
    if not settings.model.learned:
        noise[: objectives if settings.noise else m] = 0.0
    return noise


def best(settings: Settings, problem: Problem, history: History) -> int | None:
    """The complete trial of the best posterior mean of one objective with noise; else None.

    It is one of those that are feasible both as they were told and by the posterior means.
    """
    outputs = aims.those_of(problem)
    if outputs.objectives > 1:
        return None
    learned = fitted(outputs, settings, problem, history, (), len(history.trials))
    here = fronts.known(outputs, learned.fit, learned.data)
    trials = learned.data.trials
    legal = [trial.state == COMPLETE and bool(trial.is_feasible) for trial in trials]
    counts = here.feasible & np.array(legal, bool)
    if not (here.deviation[:, counts] > 0.0).any() or not np.all(learned.fit.posterior.ok):
        return None
    return trials[int(np.argmax(np.where(counts, here.mean[0], -np.inf)))].number


def bounds(outputs: Outputs, known: Told, fitted: fit.Fit) -> Bounds:
    """The constraints as a fit sees them."""
    edges = [
        0.0
        if each.rising is None
        else known.transformed(each.outputs[0], outputs.signs[each.outputs[0]] * each.edge)
        for each in outputs.conditions
    ]
    posterior = fitted.posterior
    return Bounds(
        np.array(edges, np.float64),
        outputs.tolerances(known.values),
        posterior.shift,
        posterior.scale,
    )


class _Scene:
    """A fit, and what points are chosen beside: the first, and each one beside those before it."""

    def __init__(
        self,
        outputs: Outputs,
        settings: Settings,
        problem: Problem,
        history: History,
        learned: Surrogates,
        pending: Sequence[Trial],
    ) -> None:
        self.outputs, self.settings = outputs, settings
        self.problem, self.history = problem, history
        self.known, self.fit = learned.data, learned.fit
        self.rng = learned.rng
        self.here = fronts.known(outputs, learned.fit, learned.data)
        self.point = self._given_reference()
        self.labels = ask.labels(settings, history)
        self.box = settings.bounds(problem, history)
        self.ends = data.ends(outputs, self.known)
        self.doubtful = fronts.doubtful(outputs, self.here)
        paused = [trial for trial in pending if trial.state == PAUSED]
        running = [trial for trial in pending if trial.state != PAUSED]
        self.paused = trials_data.rows(problem, paused)
        self.running = trials_data.rows(problem, running)

    def pose(self, chosen: np.ndarray, plan: devices.Plan) -> tuple[Options, Query]:
        """The question for a point beside those that were chosen so far."""
        outputs, choice = self.outputs, self.settings.choice
        rows = np.concatenate([self.known.x[self.doubtful], self.running, chosen])
        seed = int(self.rng.integers(2**62))
        numbers = fronts.normals(outputs, len(rows), seed)
        posterior = self.fit.posterior
        draws = fronts.drawn(posterior, rows, numbers) if len(rows) else np.zeros(numbers.shape)
        sure = self.here.feasible.copy()
        sure[self.doubtful] = False
        feasible = fronts.feasible_draws(outputs, self.fit, self.known, draws)
        box = self.box if len(self.box) else None
        domain = Domain(choice.columns, box, choice.feasible)
        everywhere, around = screens.of(
            self.problem, domain, self.ends, self.settings.n_candidates, self.rng
        )
        if self.point is None:
            screened = domain.snap(np.concatenate([everywhere, around]))
            expected = fronts.predicted(outputs, self.fit, self.known, screened)
            self.point = fronts.reference(outputs, self.here, expected)
        query = Query(
            posterior,
            drawn=rows,
            there=np.ones(len(rows), bool),
            normals=numbers,
            front=fronts.front(
                outputs, self.here.mean[:, sure], draws, feasible, self.point, seed=seed + 1
            ),
            bounds=bounds(outputs, self.known, self.fit),
            worst=np.array(self.fit.observed.z[0].min()),
            best=self._faces(),
            tried=np.concatenate([self.history.rows, self.paused, self.running, chosen]),
            everywhere=everywhere,
            around=around,
            labels=self.labels,
            box=self.box,
        )
        options = Options(
            outputs,
            choice.columns,
            choice.kernel,
            choice.acquisition,
            padded=plan.padded,
            failing=bool(self.labels),
            seeking=bool(outputs.conditions) and not self.here.feasible.any(),
            boundary=choice.boundary,
            bounded=choice.bounded,
            feasible=choice.feasible,
        )
        return options, query

    def _given_reference(self) -> np.ndarray | None:
        """The reference point of the study, standardised; None where it has none."""
        goals = self.problem.goals
        if goals is None or goals.reference is None:
            return None
        posterior = self.fit.posterior
        return np.array(
            [
                (self.known.transformed(i, sign * value) - posterior.shift[i]) / posterior.scale[i]
                for i, (sign, value) in enumerate(
                    zip(self.outputs.signs, goals.reference, strict=False)
                )
            ]
        )

    def _faces(self) -> np.ndarray:
        """Of each column the code nearest to a face, among the trials on the front, or the best."""
        ranks = -self.ends.y
        first = self.known.x[ranks <= max(ranks.min(), 0.0)]
        if self.outputs.objectives > 1 and self.here.feasible.any():
            some = self.here.mean[: self.outputs.objectives, self.here.feasible].T
            first = self.known.x[self.here.feasible][pareto.non_dominated(some)]
        nearness = np.where(first >= 0.0, np.abs(2.0 * first - 1.0), -1.0)
        return first[nearness.argmax(axis=0), np.arange(first.shape[1])]
