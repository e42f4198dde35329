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

from tfbo import _device, _random
from tfbo._eager import computing
from tfbo.acquisition import Acquisition, LogEI
from tfbo.columns import snap
from tfbo.errors import invalid, require_count
from tfbo.gp import belief, exact, kernels, paths
from tfbo.gp import data as gp_data
from tfbo.gp.exact import check_optimizer
from tfbo.optim import starts
from tfbo.space import Params, Space, encoding
from tfbo.strategies import fits, model, program, random, sobol, surrogate, thompson
from tfbo.strategies import told as told_trials
from tfbo.strategies.base import Problem, Suggestion, key, untried
from tfbo.strategies.told import Told
from tfbo.trial import COMPLETE, Trial, rank

_LOGGER = logging.getLogger("tfbo")

# Perturbed are the best points known, this many of them.
_INCUMBENTS = 8
# Of a space with no more configurations than this, all of them are screened.
_MOST_ENUMERATED = 4096
# Draws of the hyperparameters that are screened for each climb.
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
    run: Callable[[model.Choices, Any, str], program.Answer]
    """The program."""
    question: Any
    """What it is asked."""
    searched: int
    """With how many trials hyperparameters were last searched for."""


@dataclasses.dataclass(frozen=True)
class Bayes:
    """The centre of the space and Sobol points, then the maximiser of an acquisition under a model.

    The model is a Gaussian process. The centre comes first because a range is mostly chosen around what
    is known to work; of categories it has the first one.

    Trials that are still running count through draws of what they may return, jointly
    (`tfbo.acquisition.joint`), so that parallel workers do not repeat each other. Several points asked for
    at once are chosen one after the other in the same way, and up to four then climbed together; beyond
    16, each is the maximiser of a draw of the function (Thompson sampling).

    On faces of the space on which the best trial is not, uncertainty counts a little less than the
    model has it, lest all corners are tried (`tfbo/strategies/faces.py`).

    Failed trials count as somewhat worse than the worst, so their surroundings are avoided. A standard
    error that is told with a value is part of its variance, and the noise is what is left beyond it.

    Args:
        acquisition: what a trial is worth; see `tfbo.acquisition`.
        kernel: of the Gaussian process; see `tfbo.gp.fit`.
        n_initial: how many trials are told before the model takes over (measured against ten in
            benchmarks/results/ablation.md).
        n_restarts: climbs of the marginal likelihood when hyperparameters are searched for, one of them
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
        parts = hasattr(self.acquisition, "evaluate") and hasattr(self.acquisition, "logarithmic")
        if not parts or isinstance(self.acquisition, type):
            advice = "Call it: acquisition=tfbo.acquisition.LogEI()."
            expected = "an acquisition (with evaluate and logarithmic)"
            raise invalid("acquisition", expected, self.acquisition, advice)
        if type(self.acquisition).__hash__ is None:  # compiled programs are kept by its value
            advice = "Make it a dataclass with frozen=True."
            raise invalid("acquisition", "a hashable acquisition", self.acquisition, advice)
        kernels.kernel(self.kernel, 1)
        check_optimizer(self.optimizer)
        _check_noise(self.noise)
        _device.check(self.device)
        for name in ("n_initial", "n_restarts", "n_candidates", "n_modelled"):
            require_count(name, getattr(self, name), advice="Leave it out if in doubt.")

    def fold(self, problem: Problem, state: Told | None, told: Sequence[Trial]) -> Told:
        """See `Strategy`."""
        return told_trials.fold(problem.space, state, told)

    @computing()
    def suggest(
        self, problem: Problem, state: Told, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        taken = {*state.keys, *(key(trial.params) for trial in pending)}
        numbers = range(number, number + q)
        notes: dict[str, Any] = {}
        if self._is_initial(problem, state):
            chosen = [_opening(problem.space, problem.seed, i) for i in numbers]
        else:
            found, notes = self._found(problem, state, pending, numbers)
            draws = [random.draws(problem.space, problem.seed, i) for i in numbers]
            chosen = [itertools.chain(found, own) for own in draws]
        suggestions = []
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
        points = (next(sobol.points(problem.space, 0, i)) for i in range(self.n_initial + 1))
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
        complete = [
            (-mean, *rank(trial, problem.direction), trial)
            for mean, trial in zip(fitted.means, fitted.trials, strict=True)
            if trial.state == COMPLETE
        ]
        best = min(complete)[-1]
        # The mean is that of the configuration: of trials that repeat it, the best value is the best.
        same = [entry[1:] for entry in complete if key(entry[-1].params) == key(best.params)]
        return min(same)[-1].number

    @computing()
    def surrogate(self, problem: Problem, state: Told) -> surrogate.Surrogate:
        """The model after the told trials, of which one at least is complete.

        It is fitted from where the last fit ended, and searched for where there was none or where the
        data surprise.
        """
        n, settings = len(state.trials), self
        plan = _device.plan(self.device or problem.device, n)
        last = fits.last(state.trials, model.believed(self._kernel(problem.space)))
        rng = None if last.searched else _random.generator(problem.seed, "bayes", n)
        if last.searched and plan.padded:  # the shape of a program that does not search
            settings = dataclasses.replace(self, n_restarts=1)
        evidence, order = settings._evidence(problem, state, last.start, plan, rng)
        fitted = settings._answer(program.fit, problem.space, evidence, plan)
        choices = settings._choices(problem.space, _device.CPU, n)
        trials = tuple(state.trials[i] for i in order)
        return surrogate.of(problem, trials, choices, evidence, fitted)

    def _is_initial(self, problem: Problem, state: Told) -> bool:
        columns = len(encoding(problem.space).columns)
        completed = any(trial.state == COMPLETE for trial in state.trials)
        return columns == 0 or len(state.trials) < self.n_initial or not completed

    def _found(
        self, problem: Problem, state: Told, pending: Sequence[Trial], numbers: range
    ) -> tuple[Iterator[Params], dict[str, Any]]:
        """Configurations for those numbers, of which some may be missing or tried; notes of the fit."""
        plan = _device.plan(self.device or problem.device, len(state.trials))
        ask = self._ask(problem, state, pending, numbers, plan)

        def run(choices: model.Choices, evidence: model.Evidence, device: str) -> program.Answer:
            return ask.run(choices, ask.question._replace(evidence=evidence), device)

        answer = self._answer(run, problem.space, ask.question.evidence, plan, len(numbers))
        if not bool(answer.ok):
            _LOGGER.warning(
                "Trial %d: the surrogate could not be fitted; it stands where the fit began.",
                numbers[0],
            )
        rows = answer.x[answer.found]
        configurations = encoding(problem.space).decode(rows)
        return iter(configurations), fits.notes(answer.fitted, ask.searched)

    def _ask(
        self,
        problem: Problem,
        state: Told,
        pending: Sequence[Trial],
        numbers: range,
        plan: _device.Plan,
    ) -> _Ask:
        """Which program is asked what, for trials of those numbers."""
        kernel, n, q = self._kernel(problem.space), len(state.trials), len(numbers)
        rng = _random.generator(problem.seed, "bayes", numbers[0])
        last = fits.last((*state.trials, *pending), model.believed(kernel))
        searches = last.is_due(n) or plan.padded  # a padded program has one shape, that of a search
        evidence, order = self._evidence(
            problem, state, last.start, plan, rng if searches else None
        )
        screens = self._screens(problem.space, evidence, rng)
        searched = n if searches else last.searched
        if q > _MOST_GREEDY and paths.is_known(kernel):
            drawn = paths.randomness(kernel, evidence.n, q, rng)
            return _Ask(thompson.answer, thompson.Question(evidence, drawn, *screens), searched)
        running = told_trials.rows(problem.space, pending)
        m, d = running.shape
        # One draw is as good as any where nothing is drawn.
        draws = _PENDING_DRAWS if m + q > 1 else 1
        question = program.Question(
            evidence,
            left_out=np.delete(state.rows, order, axis=0),
            pending=np.concatenate([running, np.zeros([q, d])]),
            running=np.arange(m + q) < m,
            q=np.array(q, np.int32),
            uniforms=_random.sobol(draws, m + q, int(rng.integers(2**62))),
            everywhere=screens[0],
            around=screens[1],
        )
        return _Ask(program.answer, question, searched)

    def _screens(
        self, space: Space, evidence: model.Evidence, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Points to screen: all over the space, and around the best known ones."""
        columns = encoding(space).columns
        if space.cardinality <= _MOST_ENUMERATED:
            everywhere = _every_row(space)
        else:
            everywhere = starts.spread(columns, self.n_candidates, rng)
        best = np.argsort(-evidence.y, kind="stable")[:_INCUMBENTS]
        return everywhere, starts.around(columns, evidence.x[best], self.n_candidates // 4 + 1, rng)

    def _evidence(
        self,
        problem: Problem,
        state: Told,
        start: exact.Start,
        plan: _device.Plan,
        rng: np.random.Generator | None,
    ) -> tuple[model.Evidence, np.ndarray]:
        """The told trials that are modelled, in an order of their own, and that order; draws if `rng`."""
        y = told_trials.outcomes(problem.direction, state.trials)
        std = np.array([trial.std or 0.0 for trial in state.trials])
        data, order = gp_data.canonical(gp_data.Data(state.rows, y, std))
        kept = told_trials.subset(data.x, data.y, self.n_modelled)
        few = len(kept) if plan.padded else min(len(kept), _MOST_SEARCHED)
        count = _DRAWS * self._climbs(plan, few) if rng is not None else 0
        scouted = model.scouted(self._kernel(problem.space))
        evidence = model.Evidence(
            x=data.x[kept],
            y=data.y[kept],
            std=data.std[kept],
            noise=np.array(0.0 if isinstance(self.noise, str) else math.sqrt(self.noise)),
            told=np.ones(len(kept), bool),
            start=start,
            draws=belief.draws(scouted, count, rng or np.random.default_rng(0)),
        )
        if count and few < len(kept):
            some = evidence.among(told_trials.subset(evidence.x, evidence.y, few))
            scout = self._answer(program.fit, problem.space, some, plan)
            evidence = evidence._replace(draws=scout.theta[None])
        return evidence, order[kept]

    def _answer(
        self,
        run: Callable[[model.Choices, model.Evidence, str], Any],
        space: Space,
        evidence: model.Evidence,
        plan: _device.Plan,
        q: int = 1,
    ) -> Any:
        """What a program answers; where a device runs out of memory, from one start, then by the CPU."""
        attempts = [(self, evidence, plan)]
        if plan != _device.CPU:
            attempts += [(dataclasses.replace(self, n_restarts=1), evidence.from_one_start(), plan)]
            attempts += [(self, evidence, _device.CPU)]
        for i, (settings, given, where) in enumerate(attempts, start=1):
            try:
                choices = settings._choices(space, where, given.n, q)
                return run(choices, given, where.device)
            except Exception as error:
                if i == len(attempts) or not _device.is_out_of_memory(error):
                    raise
                then = "from one start" if i == 1 else "on the CPU"
                _say_once(f"{where.device} ran out of memory; asks that do are repeated {then}.")
        raise AssertionError("an attempt returns or raises")

    def _kernel(self, space: Space) -> kernels.Kernel:
        columns = encoding(space).columns
        return kernels.kernel(self.kernel, len(columns), columns)

    def _climbs(self, plan: _device.Plan, n: int) -> int:
        """Climbs beside the one from the last optimum, when `n` trials are searched."""
        return min(self.n_restarts - 1, plan.starts(n))

    def _choices(self, space: Space, plan: _device.Plan, n: int, q: int = 1) -> model.Choices:
        # Where shapes are free, the number of draws is the limit.
        climbs = self._climbs(plan, n) if plan.padded else self.n_restarts - 1
        return model.Choices(
            encoding(space).columns,
            self._kernel(space),
            self.acquisition,
            climbs,
            self.optimizer,
            plan.padded,
            self.noise == "auto",
            q if q <= _MOST_TOGETHER and not plan.padded else 1,
        )


def _check_noise(noise: Any) -> None:
    number = isinstance(noise, (int, float, np.number)) and not isinstance(noise, bool)
    if not (noise in ("auto", "none") if isinstance(noise, str) else number and 0 < noise < np.inf):
        expected = '"auto", "none" or a variance > 0 in the units of the objective squared'
        raise invalid("noise", expected, noise, 'Use noise="none" where there is none.')


def _opening(space: Space, seed: int, number: int) -> Iterator[Params]:
    """What to try before there is a model: the centre of the space, then a Sobol sequence."""
    points = sobol.points(space, seed, number)
    if number:
        return points
    encoded = encoding(space)
    row = [0.0 if column.categorical else 0.5 for column in encoded.columns.columns]
    centre = encoded.decode(snap(encoded.columns, np.array([row])))
    return itertools.chain(centre, points)


@functools.lru_cache(maxsize=8)
def _every_row(space: Space) -> np.ndarray:
    """The codes of all configurations of a finite space, `[e, d]` in [0, 1]."""
    encoded = encoding(space)
    every = list(space.grid(2))
    return np.abs(encoded.encode(every)).reshape(len(every), len(encoded.columns))


@functools.cache
def _say_once(text: str) -> None:
    _LOGGER.warning("%s", text)
