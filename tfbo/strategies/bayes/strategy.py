"""Bayesian optimisation: a Gaussian process says where a trial is worth most.

This is the Python side of an ask, between trials and arrays; `program.py` is what is compiled.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfbo import _arguments, _random
from tfbo._compile import devices
from tfbo._compile.eager import computing
from tfbo._messages import warn
from tfbo.acquisition import Acquisition, LogEI
from tfbo.errors import invalid
from tfbo.gp import hyperprior, kernels, paths, search
from tfbo.gp.data import Data
from tfbo.space import Params, Space, encoding
from tfbo.strategies import random
from tfbo.strategies.base import Key, Problem, Strategy, Suggestion, key, remaining, untried
from tfbo.strategies.bayes import data as told_trials
from tfbo.strategies.bayes import (
    feasibility,
    fit,
    greedy,
    initial,
    repeats,
    screens,
    surrogate,
    thompson,
    warm_start,
)
from tfbo.strategies.bayes.data import Told
from tfbo.strategies.bayes.surrogate import GaussianSurrogate
from tfbo.trial import COMPLETE, Trial

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
# Learned noise of less variance than this, in standardised outcomes, is what the model does not resolve:
# the best value is then the best trial. More had 13 of 108 fits without noise, 30 of 48 with noise.
_LEAST_NOISE = 1e-4


class _Ask(NamedTuple):
    run: Callable[[fit.Choices, Any, str], greedy.Answer]
    """The program."""
    question: Any
    """What it is asked."""
    searched: int
    """With how many trials hyperparameters were last searched for."""


@dataclasses.dataclass(frozen=True)
class Bayes(Strategy[Told]):
    """The centre of the space and Sobol points, then the maximiser of an acquisition under a model.

    The model is a Gaussian process. The centre comes first because a range is mostly chosen around what
    is known to work; of categories it has the first one.

    Trials that are still running count through draws of what they may return, jointly
    (`tfbo.acquisition.joint`), so that parallel workers do not repeat each other. Several points asked for
    at once are chosen one after the other in the same way, and up to four then climbed together; beyond
    16, each is the maximiser of a draw of the function (Thompson sampling).

    On faces of the space on which the best trial is not, uncertainty counts a little less than the
    model has it, lest all corners are tried (`tfbo/strategies/bayes/boundary.py`).

    Where trials fail is learned: what one is worth counts with the probability that it succeeds
    (`tfbo/strategies/bayes/feasibility.py`). Until one has, the Sobol sequence goes on.

    A standard error that is told with a value is part of its variance, and the noise is what is left beyond
    it. No configuration is tried twice, until a finite space has been tried wholly: where outcomes are or
    may be noisy, those that may be the best are then tried again (`tfbo/strategies/bayes/repeats.py`).

    Args:
        acquisition: what a trial is worth; see `tfbo.acquisition`.
        kernel: of the Gaussian process; see `tfbo.gp.fit`.
        n_initial: how many trials are told before the model takes over (measured against ten in
            benchmarks/results/ablation.md).
        n_restarts: starts on the marginal likelihood when hyperparameters are searched for, one of them
            from the last optimum; fewer where trials are many. That is at every trial at first, then
            ever more rarely; in between the last optimum is followed, unless the data surprise.
        n_candidates: points that are screened.
        n_modelled: of how many trials the model is made at the most; of more, the best half of these and,
            for the rest, those farthest from all others. The time of an ask grows with its cube.
        optimizer: of the marginal likelihood, "bfgs" or "adam".
        noise: of the objective, beyond the standard errors that are told: "auto" to learn its variance,
            "none" for an objective that always returns the same, or the variance itself, in the units
            of the objective squared.
        device: where to compute, such as "GPU:0"; None for the study's, or else the first GPU there is
            from 256 told trials on, and the CPU before that.

    Raises:
        InvalidArgument: for a kernel, optimiser or device that there is not, or a number that is
            none, or out of range.

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
    n_restarts: int = 8
    n_candidates: int = 1024
    n_modelled: int = 1000
    optimizer: str = "bfgs"
    noise: str | float = "auto"
    device: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.acquisition, Acquisition):
            advice = "Call it: acquisition=tfbo.acquisition.LogEI()."
            raise invalid("acquisition", "a tfbo.acquisition.Acquisition", self.acquisition, advice)
        if type(self.acquisition).__hash__ is None:  # compiled programs are kept by its value
            advice = "Make it a dataclass with frozen=True."
            raise invalid("acquisition", "a hashable acquisition", self.acquisition, advice)
        kernels.kernel(self.kernel, 1)
        search.check_optimizer(self.optimizer)
        devices.check(self.device)
        numbers: dict[str, Any] = {"noise": _noise(self.noise)}
        for name in ("n_initial", "n_restarts", "n_candidates", "n_modelled"):
            numbers[name] = _arguments.count(name, getattr(self, name), "Leave it out if in doubt.")
        for name, checked in numbers.items():
            object.__setattr__(self, name, checked)

    def fold(self, problem: Problem, state: Told | None, told: Sequence[Trial]) -> Told:
        """See `Strategy`."""
        return told_trials.fold(problem.space, state, told)

    @computing()
    def suggest(
        self, problem: Problem, state: Told, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        taken = {*state.keys, *(key(trial.params) for trial in pending)}
        left = remaining(problem.space, taken, q)
        fitted = functools.cache(functools.partial(self._modelled, problem, state))
        if left < q and not repeats.are_worthwhile(self.noise, state.trials, fitted):
            left = q  # which raises SpaceExhausted
        new, again = range(number, number + left), range(number + left, number + q)
        suggestions = self._new(problem, state, taken, pending, new) if left else []
        chosen = [repeats.suggest(fitted(), problem, i, state.trials) for i in again]
        return suggestions + [Suggestion(params, {}) for params in chosen]

    def _new(
        self,
        problem: Problem,
        state: Told,
        taken: set[Key],
        pending: Sequence[Trial],
        numbers: range,
    ) -> list[Suggestion]:
        """Configurations that are not taken; as `suggest`."""
        notes: dict[str, Any] = {}
        if self._is_initial(problem, state):
            chosen = [initial.points(problem, i) for i in numbers]
        else:
            found, notes = self._found(problem, state, pending, numbers)
            draws = [random.draws(problem, i) for i in numbers]
            chosen = [itertools.chain(found, own) for own in draws]
        suggestions: list[Suggestion] = []
        for proposals in chosen:
            params = untried(problem.space, taken, proposals)
            taken.add(key(params))
            suggestions.append(Suggestion(params, {}))
        # One fit led to all of them: it is written down once.
        suggestions[-1] = suggestions[-1]._replace(notes=notes)
        return suggestions

    @computing()
    def prepare(self, problem: Problem, most: int | None) -> None:
        """See `Strategy`: the program is compiled, which takes seconds, by asking it of made-up trials."""
        if most is not None and most <= self.n_initial:
            return  # no suggestion needs it
        points = (next(initial.points(problem, i)) for i in range(self.n_initial + 1))
        trials = [Trial(i, params, COMPLETE, float(i)) for i, params in enumerate(points)]
        state = self.fold(problem, None, trials)
        if not self._is_initial(problem, state):
            self._found(problem, state, (), range(len(trials), len(trials) + 1))

    @computing()
    def best(self, problem: Problem, state: Told) -> int | None:
        """See `Strategy`: where outcomes are noisy, the trial of the best posterior mean.

        None, for the best value, while the model has not taken over, where there is no noise
        (`noise="none"` and no standard error told), and where next to none was found.
        """
        uncertain = any(trial.std for trial in state.trials)
        if self._is_initial(problem, state) or (self.noise == "none" and not uncertain):
            return None
        fitted = self.surrogate(problem, state)
        quiet = self.noise == "auto" and not uncertain and fitted.noise < _LEAST_NOISE
        if quiet or not fitted.ok:
            return None
        return fitted.best(problem.direction).number

    @computing()
    def surrogate(self, problem: Problem, state: Told) -> GaussianSurrogate:
        """The model after the told trials, of which one at least is complete.

        It is fitted from where the last fit ended, and searched for where there was none or where the
        data surprise.
        """
        n, settings = len(state.trials), self
        plan = devices.plan(self.device or problem.device, n)
        last = warm_start.last(state.trials, fit.default_hyperprior(self._kernel(problem.space)))
        rng = None if last.searched else _random.generator(problem.seed, "bayes", n)
        if last.searched and plan.padded:  # the shape of a program that does not search
            settings = dataclasses.replace(self, n_restarts=1)
        told = told_trials.data(problem.direction, state, failed=False)
        evidence, order = settings._evidence(problem.space, told, last.start, plan, rng)
        fitted = settings._answer(greedy.fit_alone, problem.space, evidence, plan)
        choices = settings._choices(problem.space, devices.CPU, n)
        trials = tuple(state.trials[i] for i in order)
        return surrogate.of(problem, trials, choices, evidence, fitted)

    def _modelled(self, problem: Problem, state: Told) -> GaussianSurrogate | None:
        """The surrogate, but of a space in which nothing varies."""
        return self.surrogate(problem, state) if len(encoding(problem.space).columns) else None

    def _is_initial(self, problem: Problem, state: Told) -> bool:
        columns = len(encoding(problem.space).columns)
        few = len(state.trials) < self.n_initial
        return columns == 0 or few or not state.complete.any()

    def _found(
        self, problem: Problem, state: Told, pending: Sequence[Trial], numbers: range
    ) -> tuple[Iterator[Params], dict[str, Any]]:
        """Configurations for those numbers, of which some may be missing or tried; notes of the fit."""
        plan = devices.plan(self.device or problem.device, len(state.trials))
        ask = self._ask(problem, state, pending, numbers, plan)

        def run(choices: fit.Choices, evidence: fit.Evidence, device: str) -> greedy.Answer:
            return ask.run(choices, ask.question._replace(evidence=evidence), device)

        answer = self._answer(run, problem.space, ask.question.evidence, plan, len(numbers))
        if not bool(answer.ok):
            _LOGGER.warning("Trial %d: the surrogate could not be fitted.", numbers[0])
            warn(
                "The surrogate of a suggestion could not be fitted; it stands where the fit began."
            )
        rows = answer.x[answer.found]
        return iter(encoding(problem.space).decode(rows)), warm_start.notes(
            answer.fitted, ask.searched
        )

    def _ask(
        self,
        problem: Problem,
        state: Told,
        pending: Sequence[Trial],
        numbers: range,
        plan: devices.Plan,
    ) -> _Ask:
        """Which program is asked what, for trials of those numbers."""
        kernel, n, q = self._kernel(problem.space), len(state.trials), len(numbers)
        rng = _random.generator(problem.seed, "bayes", numbers[0])
        last = warm_start.last((*state.trials, *pending), fit.default_hyperprior(kernel))
        searches = last.is_due(n) or plan.padded  # a padded program has one shape, that of a search
        told = told_trials.data(problem.direction, state, failed=True)
        search = rng if searches else None
        evidence, order = self._evidence(problem.space, told, last.start, plan, search)
        labels = self._labels(problem.space, state)
        screened = screens.of(problem.space, evidence, self.n_candidates, rng)
        searched = n if searches else last.searched
        if q > _MOST_GREEDY and paths.is_known(kernel):
            drawn = paths.randomness(kernel, evidence.n, q, rng)
            asked = thompson.Question(evidence, drawn, *screened, labels)
            return _Ask(thompson.answer, asked, searched)
        running = told_trials.rows(problem.space, pending)
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
            labels=labels,
        )
        return _Ask(greedy.answer, question, searched)

    def _evidence(
        self,
        space: Space,
        told: tuple[Data, np.ndarray],
        start: search.Start,
        plan: devices.Plan,
        rng: np.random.Generator | None,
    ) -> tuple[fit.Evidence, np.ndarray]:
        """The told trials that are modelled, in an order of their own, and that order; draws if `rng`."""
        data, order = told
        kept = told_trials.subset(data.x, data.y, self.n_modelled)
        few = len(kept) if plan.padded else min(len(kept), _MOST_SEARCHED)
        count = _DRAWS * self._restarts(plan, few) if rng is not None else 0
        rough = fit.rough_hyperprior(self._kernel(space))
        evidence = fit.Evidence(
            x=data.x[kept],
            y=data.y[kept],
            std=data.std[kept],
            noise=np.array(0.0 if isinstance(self.noise, str) else math.sqrt(self.noise)),
            told=np.ones(len(kept), bool),
            start=start,
            draws=hyperprior.draws(rough, count, rng or np.random.default_rng(0)),
        )
        if count and few < len(kept):
            some = evidence.among(told_trials.subset(evidence.x, evidence.y, few))
            scout = self._answer(greedy.fit_alone, space, some, plan)
            evidence = evidence._replace(draws=scout.theta[None])
        return evidence, order[kept]

    def _labels(self, space: Space, state: Told) -> fit.Evidence | tuple[()]:
        """Which of the told trials succeeded; nothing where all did."""
        if state.complete.all():
            return ()
        choices = self._choices(space, devices.CPU, len(state.trials))
        return feasibility.evidence(choices, state, self.n_modelled)

    def _answer(
        self,
        run: Callable[[fit.Choices, fit.Evidence, str], Any],
        space: Space,
        evidence: fit.Evidence,
        plan: devices.Plan,
        q: int = 1,
    ) -> Any:
        """What a program answers; where a device runs out of memory, from one start, then by the CPU."""
        attempts = [(self, evidence, plan)]
        if plan != devices.CPU:
            attempts += [(dataclasses.replace(self, n_restarts=1), evidence.from_one_start(), plan)]
            attempts += [(self, evidence, devices.CPU)]
        for i, (settings, given, where) in enumerate(attempts, start=1):
            try:
                choices = settings._choices(space, where, given.n, q)
                return run(choices, given, where.device)
            except Exception as error:
                if i == len(attempts) or not devices.is_out_of_memory(error):
                    raise
                then = "from one start" if i == 1 else "on the CPU"
                warn(f"{where.device} ran out of memory; asks that do are repeated {then}.")
        raise AssertionError("an attempt returns or raises")

    def _kernel(self, space: Space) -> kernels.Kernel:
        columns = encoding(space).columns
        return kernels.kernel(self.kernel, len(columns), columns)

    def _restarts(self, plan: devices.Plan, n: int) -> int:
        """Restarts beside the one from the last optimum, when `n` trials are searched."""
        return min(self.n_restarts - 1, plan.starts(n))

    def _choices(self, space: Space, plan: devices.Plan, n: int, q: int = 1) -> fit.Choices:
        # Where shapes are free, the number of draws is the limit.
        restarts = self._restarts(plan, n) if plan.padded else self.n_restarts - 1
        return fit.Choices(
            encoding(space).columns,
            self._kernel(space),
            self.acquisition,
            restarts,
            self.optimizer,
            plan.padded,
            self.noise == "auto",
            q if q <= _MOST_TOGETHER and not plan.padded else 1,
        )


def _noise(noise: Any) -> str | float:
    """The noise as an argument says it: a word, or a variance as a float."""
    variance = _arguments.as_float(noise)
    if not (noise in ("auto", "none") if isinstance(noise, str) else 0 < (variance or 0) < np.inf):
        expected = '"auto", "none" or a variance > 0 in the units of the objective squared'
        raise invalid("noise", expected, noise, 'Use noise="none" where there is none.')
    return noise if variance is None else variance
