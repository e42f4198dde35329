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
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tfbo import _device, _numerics, _random
from tfbo.acquisition import Acquisition, LogEI
from tfbo.columns import snap
from tfbo.errors import invalid, require_count
from tfbo.gp import belief, exact, kernels
from tfbo.gp import data as gp_data
from tfbo.gp.exact import check_optimizer
from tfbo.optim import starts
from tfbo.space import Params, Space, encoding
from tfbo.strategies import fits, program, random, sobol, surrogate
from tfbo.strategies.base import Key, Problem, Suggestion, key, untried
from tfbo.trial import COMPLETE, Trial, rank

_LOGGER = logging.getLogger("tfbo")
_Asked = TypeVar("_Asked", program.Question, program.Evidence)

# A failed trial counts as worse than the worst by this many standard deviations of the outcomes: it
# is avoided, but its neighbourhood is not written off.
_FAILED_BELOW_WORST = 0.5
# Perturbed are the best points known, this many of them.
_INCUMBENTS = 8
# Of a space with no more configurations than this, all of them are screened.
_MOST_ENUMERATED = 4096
# Draws of the hyperparameters that are screened for each climb.
_DRAWS = 2
# Learned noise of less variance than this, in standardised outcomes (a hundredth of their standard
# deviation), is what the model does not resolve: the best value is then the best trial. Of 108 fits to
# noise-free classics and YAHPO landscapes 13 learned more, and 4 had another best trial, nearly as good;
# of 48 to noisy ones 30 learned more, and where that made another trial the best, its true regret was
# mostly lower, up to six times, and at worst twice as high.
_LEAST_NOISE = 1e-4


class Told(NamedTuple):
    """The state: every finished trial that says something, as it is and as a row."""

    trials: tuple[Trial, ...]
    rows: np.ndarray
    """Codes `[n, d]`."""
    keys: frozenset[Key]
    """The configurations."""


@dataclasses.dataclass(frozen=True)
class Bayes:
    """The centre of the space and Sobol points, then the maximiser of an acquisition under a model.

    The model is a Gaussian process. The centre comes first because a range is mostly chosen around what
    is known to work; of categories it has the first one.

    Failed trials count as somewhat worse than the worst, so their surroundings are avoided; trials
    that are still running count with their expected outcome (Ginsbourger et al. 2010), so that
    parallel workers do not repeat each other. A standard error that is told with a value is part of
    its variance, and the noise is what is left beyond it.

    Args:
        acquisition: what a trial is worth; see `tfbo.acquisition`.
        kernel: of the Gaussian process; see `tfbo.gp.fit`.
        n_initial: how many trials are told before the model takes over (measured against ten in
            benchmarks/results/ablation.md).
        n_restarts: climbs of the marginal likelihood when hyperparameters are searched for, one of them
            from the last optimum; fewer where trials are many. That is at every trial at first, then
            ever more rarely; in between the last optimum is followed, unless the data surprise.
        n_candidates: points that are screened.
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
    optimizer: str = "bfgs"
    noise: str | float = "auto"
    device: str | None = None

    def __post_init__(self) -> None:
        if not hasattr(self.acquisition, "evaluate") or isinstance(self.acquisition, type):
            advice = "Call it: acquisition=tfbo.acquisition.LogEI()."
            raise invalid("acquisition", "an acquisition", self.acquisition, advice)
        if type(self.acquisition).__hash__ is None:  # compiled programs are kept by its value
            advice = "Make it a dataclass with frozen=True."
            raise invalid("acquisition", "a hashable acquisition", self.acquisition, advice)
        kernels.kernel(self.kernel, 1)
        check_optimizer(self.optimizer)
        _check_noise(self.noise)
        _device.check(self.device)
        for name in ("n_initial", "n_restarts", "n_candidates"):
            require_count(name, getattr(self, name), advice="Leave it out if in doubt.")

    def fold(self, problem: Problem, state: Told | None, told: Sequence[Trial]) -> Told:
        """See `Strategy`."""
        rows, keys = _rows(problem.space, told), frozenset(key(trial.params) for trial in told)
        if state is None:
            return Told(tuple(told), rows, keys)
        rows = np.concatenate([state.rows, rows]) if told else state.rows
        return Told(state.trials + tuple(told), rows, state.keys | keys)

    def suggest(
        self, problem: Problem, state: Told, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        taken = {*state.keys, *(key(trial.params) for trial in pending)}
        waiting = list(pending)
        suggestions = []
        for i in range(number, number + q):
            if self._is_initial(problem, state):
                proposals = _opening(problem.space, problem.seed, i)
                suggestion = Suggestion(untried(problem.space, taken, proposals), {})
            else:
                suggestion = self._suggest(problem, state, waiting, taken, i)
            suggestions.append(suggestion)
            taken.add(key(suggestion.params))
            waiting.append(Trial(i, suggestion.params, notes=suggestion.notes))
        return suggestions

    def best(self, problem: Problem, state: Told) -> int | None:
        """See `Strategy`: where outcomes are noisy, the trial of the best posterior mean.

        None, for the best value, while the model has not taken over, where there is no noise
        (`noise="none"` and no standard error told), and where next to none was found.
        """
        uncertain = any(trial.std for trial in state.trials)
        if self._is_initial(problem, state) or (self.noise == "none" and not uncertain):
            return None
        model = self.surrogate(problem, state)
        quiet = self.noise == "auto" and not uncertain and model.noise < _LEAST_NOISE
        if quiet or not model.ok:
            return None
        complete = [
            (-mean, *rank(trial, problem.direction), trial)
            for mean, trial in zip(model.means, model.trials, strict=True)
            if trial.state == COMPLETE
        ]
        best = min(complete)[-1]
        # The mean is that of the configuration: of trials that repeat it, the best value is the best.
        same = [entry[1:] for entry in complete if key(entry[-1].params) == key(best.params)]
        return min(same)[-1].number

    def surrogate(self, problem: Problem, state: Told) -> surrogate.Surrogate:
        """The model after the told trials, of which one at least is complete.

        It is fitted from where the last fit ended, and searched for where there was none.
        """
        n, settings = len(state.trials), self
        plan = _device.plan(self.device or problem.device, n)
        last = fits.last(state.trials, program.believed(self._kernel(problem.space)))
        rng = _random.generator(problem.seed, "bayes", n)
        if last.searched:
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

    def _suggest(
        self, problem: Problem, state: Told, pending: Sequence[Trial], taken: set[Key], number: int
    ) -> Suggestion:
        encoded = encoding(problem.space)
        plan = _device.plan(self.device or problem.device, len(state.trials))
        question, searched = self._question(problem, state, pending, number, plan)
        answer = self._answer(program.answer, problem.space, question, plan)
        if not bool(answer.ok):
            _LOGGER.warning(
                "Trial %d: the surrogate could not be fitted; the best draw of its priors stood in.",
                number,
            )
        proposals = encoded.decode(answer.x.numpy()[None]) if bool(answer.found) else []
        more = random.draws(problem.space, problem.seed, number)
        params = untried(problem.space, taken, itertools.chain(proposals, more))
        return Suggestion(params, fits.notes(answer.fitted, searched))

    def _question(
        self,
        problem: Problem,
        state: Told,
        pending: Sequence[Trial],
        number: int,
        plan: _device.Plan,
    ) -> tuple[program.Question, int]:
        """What the program is asked, and with how many trials hyperparameters were last searched."""
        columns = encoding(problem.space).columns
        running = _rows(problem.space, pending)
        rng = _random.generator(problem.seed, "bayes", number)
        believed = program.believed(self._kernel(problem.space))
        last, n = fits.last((*state.trials, *pending), believed), len(state.trials)
        searches = last.is_due(n) or plan.padded  # a padded program has one shape, that of a search
        evidence, _ = self._evidence(problem, state, last.start, plan, rng if searches else None)
        if problem.space.cardinality <= _MOST_ENUMERATED:
            everywhere = _every_row(problem.space)
        else:
            everywhere = starts.spread(columns, self.n_candidates, rng)
        best = np.argsort(-evidence.y, kind="stable")[:_INCUMBENTS]
        question = program.Question(
            evidence,
            pending=running,
            running=np.ones(len(running), bool),
            everywhere=everywhere,
            around=starts.around(columns, evidence.x[best], self.n_candidates // 4 + 1, rng),
        )
        return question, n if searches else last.searched

    def _evidence(
        self,
        problem: Problem,
        state: Told,
        start: exact.Start,
        plan: _device.Plan,
        rng: np.random.Generator | None,
    ) -> tuple[program.Evidence, np.ndarray]:
        """The told trials in an order of their own, and that order; draws to climb from if `rng`."""
        y = _outcomes(problem.direction, state.trials)
        std = np.array([trial.std or 0.0 for trial in state.trials])
        data, order = gp_data.canonical(gp_data.Data(state.rows, y, std))
        count = _DRAWS * self._climbs(plan, len(y)) if rng is not None else 0
        scouted = program.scouted(self._kernel(problem.space))
        evidence = program.Evidence(
            x=data.x,
            y=data.y,
            std=data.std,
            noise=np.array(0.0 if isinstance(self.noise, str) else math.sqrt(self.noise)),
            told=np.ones(len(y), bool),
            start=start,
            draws=belief.draws(scouted, count, rng or np.random.default_rng(0)),
        )
        return evidence, order

    def _answer(
        self,
        run: Callable[[program.Choices, _Asked, str], Any],
        space: Space,
        asked: _Asked,
        plan: _device.Plan,
    ) -> Any:
        """What a program answers; where a device runs out of memory, from one start, then by the CPU."""
        attempts = [(self, asked, plan)]
        if plan != _device.CPU:
            attempts += [(dataclasses.replace(self, n_restarts=1), asked.from_one_start(), plan)]
            attempts += [(self, asked, _device.CPU)]
        for i, (settings, given, where) in enumerate(attempts, start=1):
            try:
                choices = settings._choices(space, where, given.n)
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

    def _choices(self, space: Space, plan: _device.Plan, n: int) -> program.Choices:
        # Where shapes are free, the number of draws is the limit.
        climbs = self._climbs(plan, n) if plan.padded else self.n_restarts - 1
        return program.Choices(
            encoding(space).columns,
            self._kernel(space),
            self.acquisition,
            climbs,
            self.optimizer,
            plan.padded,
            self.noise == "auto",
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


def _outcomes(direction: str, trials: Sequence[Trial]) -> np.ndarray:
    """Outcomes to maximise, `[n]`; failed trials count as somewhat worse than the worst."""
    sign = 1.0 if direction == "maximize" else -1.0
    values = np.sort([sign * trial.value for trial in trials if trial.value is not None])
    failed = values[0] - _FAILED_BELOW_WORST * _deviation(values)
    y = [failed if trial.value is None else sign * trial.value for trial in trials]
    return np.array(y, np.float64)


def _deviation(values: np.ndarray) -> float:
    """Standard deviation, without overflow."""
    size = np.max(np.abs(values)) or 1.0
    return float(size * np.std(values / size))


def _rows(space: Space, trials: Sequence[Trial]) -> np.ndarray:
    """Codes `[n, d]`, rounded so that a change of a parameter's unit does not change them."""
    rows = encoding(space).encode([trial.params for trial in trials])
    return np.round(rows * _numerics.RESOLUTION) / _numerics.RESOLUTION


@functools.lru_cache(maxsize=8)
def _every_row(space: Space) -> np.ndarray:
    """The codes of all configurations of a finite space, `[e, d]` in [0, 1]."""
    encoded = encoding(space)
    every = list(space.grid(2))
    return np.abs(encoded.encode(every)).reshape(len(every), len(encoded.columns))


@functools.cache
def _say_once(text: str) -> None:
    _LOGGER.warning("%s", text)
