"""Bayesian optimisation: a Gaussian process says where a trial is worth most.

The settings and the five methods of the strategy; `ask.py` turns trials into what is computed.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from tfbo._compile.eager import computing
from tfbo.acquisition import Acquisition, LogEI
from tfbo.gp import Priors, kernels, outcomes
from tfbo.gp.hyperprior import default_priors
from tfbo.strategies import random
from tfbo.strategies.base import Key, Problem, Strategy, Suggestion, key, remaining, untried
from tfbo.strategies.bayes import arguments, ask, repeats, stages
from tfbo.strategies.bayes import data as trials_data
from tfbo.strategies.bayes.chooser import Chooser
from tfbo.strategies.bayes.data import Failed, History
from tfbo.strategies.bayes.outputs import aims
from tfbo.strategies.bayes.outputs import ask as outputs
from tfbo.strategies.bayes.outputs.surrogate import OutputSurrogates, of_each
from tfbo.strategies.bayes.surrogate import GaussianSurrogate
from tfbo.strategies.sobol import Sobol
from tfbo.trial import COMPLETE, Fidelity, Trial

# Learned noise of less variance than this, in standardised outcomes, is what the model does not resolve:
# the best value is then the best trial. More had 13 of 108 fits without noise, 30 of 48 with noise.
_LEAST_NOISE = 1e-4
# Initial trials of a study with a fidelity, as a multiple: benchmarks/results/curves-taskset.md.
_FIRST_RUNG = 4


@dataclasses.dataclass(frozen=True)
class Bayes(Strategy[History]):
    """The centre of the space and Sobol points, then the maximiser of an acquisition under a model.

    The model is a Gaussian process. The centre comes first because a range is mostly chosen around what
    is known to work; of categories it has the first one.

    Trials that are still running count through draws of what they may return, jointly
    (`tfbo.acquisition.joint`), so that parallel workers do not repeat each other. Several points asked for
    at once are chosen one after the other in the same way, and up to four then climbed together; beyond
    16, each is the maximiser of a draw of the function (Thompson sampling).

    On faces of the space uncertainty counts a little less than the model has it, lest all corners are
    tried (`tfbo/strategies/bayes/boundary.py`). Where trials fail is learned: what one is worth counts with
    the probability that it succeeds (`feasibility.py` beside it). Until one has, `initial` goes on.

    With several objectives, or constraints on outcomes, each output has a process of its own, of trials at
    their ends: with a fidelity, too, all are trained to the last step. A trial is worth what it adds to the
    front (`tfbo.acquisition.LogNEHVI`), times the probability that the constraints hold; while no trial is
    feasible, that alone.

    A standard error that is told with a value is part of its variance, and the noise is what is left beyond
    it. No configuration is tried twice, until a finite space has been tried wholly: where outcomes are or
    may be noisy, those that may be the best are then tried again (`tfbo/strategies/bayes/repeats.py`).

    Args:
        acquisition: what a trial is worth; see `tfbo.acquisition`.
        kernel: of the Gaussian process: a name or a class as in `tfbo.gp.fit`, or a function that makes a
            `tfbo.gp.Kernel` of the number of columns and of what each of them is.
        priors: of the hyperparameters, for inputs in [0, 1] and standardised outcomes: a `tfbo.gp.Priors`,
            or a function that makes one of the number of columns.
        outcome_transform: of the outcomes, before they are standardised: a function of them that makes a
            `tfbo.gp.outcomes.Transform`, such as `tfbo.gp.outcomes.unchanged`.
        initial: the strategy of the trials before; it is asked for `n_initial` of them and for more as long
            as all have failed.
        n_initial: trials before the model takes over (five or ten: benchmarks/results/ablation.md); four
            times as many of a study with a fidelity, where they are trained to the first rung only.
        n_restarts: starts on the marginal likelihood when hyperparameters are searched for, one of them
            from the last optimum; fewer where trials are many. That is at every trial at first, then
            ever more rarely; in between the last optimum is followed, unless the data surprise.
        n_candidates: points that are screened.
        n_modelled: most trials in the model; of more, the best half of these, and those farthest from
            all others. The time of an ask grows with its cube.
        optimizer: of the marginal likelihood, "bfgs" or "adam".
        noise: of the objective, beyond the standard errors that are told: "auto" to learn its variance,
            "none" for an objective that always returns the same, or the variance itself, in the units
            of the objective squared.
        failed: how failed trials count.
        boundary: by how much less, as a logarithm, uncertainty counts on a face of the space on which the
            best trial is not, >= 0; a tenth is about ten per cent, and with 0 it counts in full.
        region: where in the space the next trial is sought, such as a trust region: a function from the
            problem and its finished trials to bounds `[d, 2]` of codes in [0, 1] (`problem.encoding`);
            None for the whole space.
        chooser: of the points, a `tfbo.strategies.Chooser`; None for maximisers of the acquisition, and of
            draws of the function where more than 16 are asked for at once.
        device: where to compute, such as "GPU:0"; None for the study's, or else the first GPU there is
            from 256 told trials on, and the CPU before that.

    Raises:
        InvalidArgument: for an unknown kernel, optimiser or device, or a number out of range.

    Source: Snoek, Larochelle and Adams 2012 (arXiv 1206.2944); Ament et al. 2023; Hvarfner et al. 2024.

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
    kernel: str | type | kernels.Factory = "matern52"
    priors: Priors | Callable[[int], Priors] = default_priors
    outcome_transform: outcomes.TransformOf = outcomes.tempering
    initial: Strategy[Any] = Sobol(centre=True)
    n_initial: int = 5
    n_restarts: int = 8
    n_candidates: int = 1024
    n_modelled: int = 1000
    optimizer: str = "bfgs"
    noise: str | float = "auto"
    failed: Failed = Failed()
    boundary: float = 0.1
    region: ask.Region | None = None
    chooser: Chooser | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        for name, checked in arguments.checked(self).items():
            object.__setattr__(self, name, checked)

    def fold(self, problem: Problem, state: History | None, told: Sequence[Trial]) -> History:
        """See `Strategy`."""
        return trials_data.fold(problem, state, told)

    @computing()
    def suggest(
        self, problem: Problem, state: History, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        going: list[Suggestion] = []
        problem = aims.modelled(problem)
        fidelity = _staged(problem)
        taken = {*state.keys, *(key(trial.params) for trial in pending)}
        if fidelity is not None:
            # Where no new trial can begin, the model says of the few there are which go on.
            closed = problem.closed or not remaining(problem.space, taken)
            ready = closed or not self._is_initial(problem, state, pending)
            settings, seen = self.settings(problem), problem._replace(closed=closed)
            going = stages.going_on(settings, seen, state, pending, number if ready else None)
            going = going[:q]
        if len(going) == q or problem.closed:
            return going
        q -= len(going)
        left = remaining(problem.space, taken, q)
        fitted = functools.cache(functools.partial(_modelled, self, problem, state))
        if left < q and not repeats.are_worthwhile(self.noise, state.trials, fitted):
            left = q  # which raises SpaceExhausted
        new, again = range(number, number + left), range(number + left, number + q)
        suggestions = self._new(problem, state, taken, pending, new) if left else []
        chosen = [repeats.suggest(fitted(), problem, i, state.trials) for i in again]
        suggestions += [Suggestion(params, {}) for params in chosen]
        return going + stages.first(fidelity, suggestions)

    def first_stage(self, problem: Problem) -> int | None:
        """See `Strategy`."""
        fidelity = _staged(aims.modelled(problem))
        return None if fidelity is None else fidelity.low

    def hopeless(
        self, problem: Problem, state: History, *, trials: Sequence[Trial], pending: Sequence[Trial]
    ) -> frozenset[int]:
        """See `Strategy`; see `tfbo/strategies/bayes/stages.py`."""
        if not len(problem.encoding.columns) or aims.of(problem) is not None:
            return frozenset()
        return stages.hopeless(self.settings(problem), problem, state, trials, pending)

    def _new(
        self,
        problem: Problem,
        state: History,
        taken: set[Key],
        pending: Sequence[Trial],
        numbers: range,
    ) -> list[Suggestion]:
        """Configurations that are not taken; as `suggest`."""
        few = self._few(problem)
        if self._is_initial(problem, state, pending) or stages.explores(problem, numbers, few):
            begun = self.initial.fold(problem, None, state.trials)
            first, q = numbers[0], len(numbers)
            return self.initial.suggest(problem, begun, pending=pending, number=first, q=q)
        rows, notes = self._suggest(problem, state, pending, numbers)
        found = iter(problem.encoding.decode(rows))
        suggestions: list[Suggestion] = []
        for number in numbers:
            proposals = itertools.chain(found, random.draws(problem, number))
            params = untried(problem.space, taken, proposals)
            taken.add(key(params))
            suggestions.append(Suggestion(params, {}))
        # One fit led to all of them: it is written down once.
        suggestions[-1] = suggestions[-1]._replace(notes=notes)
        return suggestions

    @computing()
    def prepare(self, problem: Problem, most: int | None) -> None:
        """See `Strategy`: the program is compiled, which takes seconds, by asking it of made-up trials."""
        problem = aims.modelled(problem)
        few, fidelity = self._few(problem), _staged(problem)
        if fidelity is None and most is not None and most <= few:
            return  # no suggestion needs it
        q = remaining(problem.space, set(), few + 1)
        begun = self.initial.fold(problem, None, ())
        points = self.initial.suggest(problem, begun, pending=(), number=0, q=q)
        if fidelity is not None:
            stages.prepare(self.settings(problem), problem, fidelity, points)
            return
        trials = aims.examples(problem, [each.params for each in points])
        state = self.fold(problem, None, trials)
        if not self._is_initial(problem, state):
            numbers = range(len(trials), len(trials) + 1)
            self._suggest(problem, state, (), numbers)

    @computing()
    def best(
        self, problem: Problem, state: History, *, pending: Sequence[Trial] = ()
    ) -> int | None:
        """See `Strategy`: where outcomes are noisy, the trial of the best posterior mean.

        Where none is complete, of those with curves the one of the best mean at the last step. None, for
        the best value, while the model has not taken over, and where there is next to no noise.
        """
        problem = aims.modelled(problem)
        if self._is_initial(problem, state, pending):
            return None
        if aims.of(problem) is not None:
            return outputs.best(self.settings(problem), problem, state)
        if problem.fidelity is not None and not any(t.state == COMPLETE for t in state.trials):
            return self.surrogate(problem, state, pending=pending).best(problem.goal).number
        uncertain = any(trial.std for trial in state.trials)
        if self.noise == "none" and not uncertain:
            return None
        fitted = self.surrogate(problem, state, pending=pending)
        quiet = self.noise == "auto" and not uncertain and fitted.noise < _LEAST_NOISE
        if quiet or not fitted.ok:
            return None
        return fitted.best(problem.goal).number

    @computing()
    def surrogate(
        self, problem: Problem, state: History, *, pending: Sequence[Trial] = ()
    ) -> GaussianSurrogate:
        """The model after the told trials, of which one at least is complete.

        It is that of the last ask of these trials. Where there was none, or failed trials were part of it,
        it is fitted from where the last fit ended, and searched for where there was none or where the
        data surprise.
        """
        if aims.of(problem) is not None:
            return next(iter(self.surrogates(problem, state).values()))
        return ask.look(self.settings(problem), problem, state, pending)

    @computing()
    def surrogates(self, problem: Problem, state: History) -> OutputSurrogates:
        """The models of all outputs by name, of a problem with several: the objectives come first."""
        return of_each(self.settings(problem), problem, state)

    def settings(self, problem: Problem) -> ask.Settings:
        """These settings, for the space of a problem."""
        return arguments.settings(self, aims.modelled(problem))

    def _suggest(self, problem: Problem, *asked: Any) -> Any:
        suggest = ask.suggest if aims.of(problem) is None else outputs.suggest
        return suggest(self.settings(problem), problem, *asked)

    def _few(self, problem: Problem) -> int:
        """Number of initial trials."""
        return self.n_initial if problem.fidelity is None else _FIRST_RUNG * self.n_initial

    def _is_initial(self, problem: Problem, state: History, pending: Sequence[Trial] = ()) -> bool:
        valued = [*state.complete]
        if problem.fidelity is not None:
            valued += [any(map(math.isfinite, trial.curve.values())) for trial in pending]
        few = len(valued) < self._few(problem) or not any(valued)
        return few or not len(problem.encoding.columns) or aims.waits(problem, state.trials)


def _staged(problem: Problem) -> Fidelity | None:
    """The fidelity by which the model has trials go on; None where they are trained to the end.

    A space in which nothing varies has no model.
    """
    return problem.fidelity if len(problem.encoding.columns) else None


def _modelled(bayes: Bayes, problem: Problem, state: History) -> Sequence[GaussianSurrogate]:
    """The surrogates of the objectives; none of a space in which nothing varies."""
    outputs = aims.of(problem)
    if not len(problem.encoding.columns):
        return ()
    if outputs is None:
        return (bayes.surrogate(problem, state),)
    return tuple(bayes.surrogates(problem, state).values())[: outputs.objectives]
