"""`TFBOSampler`, a sampler of Optuna: Optuna keeps the study, tfbo suggests."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

try:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState
except ImportError:
    raise ImportError(
        'tfbo.integrations.optuna needs Optuna 4 or later: pip install "tfbo[optuna]"'
    ) from None

from tfbo import _arguments, _random
from tfbo._compile import devices
from tfbo._messages import warn
from tfbo.errors import SpaceExhausted, invalid
from tfbo.integrations.optuna import aims as study_aims
from tfbo.integrations.optuna import curves as learning_curves
from tfbo.integrations.optuna import study_history
from tfbo.integrations.optuna.distributions import counterpart
from tfbo.strategies import Bayes, Problem, Strategy, Suggestion
from tfbo.strategies.bayes import repeats
from tfbo.study import records

_LOGGER = logging.getLogger("tfbo")
_SEED_BITS = 63
# Before so many trials are complete there is no model of them: as `Bayes` has it.
_FEWEST = 5


class TFBOSampler(BaseSampler):
    """Suggests the trials of an Optuna study by a strategy of tfbo; for Optuna 4 and 5.

    The first trial tries the centre of each parameter (of categories the first). Parameters that all
    complete trials have in common, with the same distributions, are then suggested jointly by the
    strategy; any other, such as one of a branch, is drawn independently. What a trial tries is written
    into its system attributes, so that all workers of a study see it while it runs, together with the
    fit that led to it, from which the next fit starts, in whichever process.

    Suggestions depend on the seed, the number of the trial and what the storage holds, on nothing else.
    Workers may therefore have the same seed, and `reseed_rng`, which Optuna calls for each job of
    `n_jobs`, has nothing to do.

    Failed trials (those of an infinite value among them), unless they are tried again, count as somewhat
    worse than the worst complete one. Trials that run count through draws of what they may return; one
    whose process was killed runs, as far as Optuna knows, until a heartbeat finds out.

    What trials report on their way (`trial.report`) is learned from, by its step: of those that a pruner
    has pruned, of those that run and of complete ones, whose final value is that of the last step, the
    largest that any trial has reported. The pruner, any of Optuna's, says how far a trial goes, and
    the sampler what the next one tries. HyperbandPruner shows samplers the trials of one bracket; this
    one learns from all. A pruned trial that reported nothing, or NaN at last, counts as failed.

    In a study of several directions a trial is worth what it adds to the hypervolume of the front, in one
    with constraints with the probability that they hold: those of `constraints_func` and of
    `trial.set_constraint`, from the first complete trial on that has values of them. A trial without
    such a value is not infeasible: the model says how likely a constraint holds there. Values of a
    failed trial are learned from, too; an infinite one makes a trial count as failed. Of several
    objectives, or with constraints, what trials report on their way is not learned from.

    Constraints on parameters that every suggestion meets are not taken: Optuna defines parameters by
    running the objective, one at a time. `constraints_func` says after the fact that parameters break one,
    which the model then learns; a `tfbo.Study` of a `tfbo.Space(..., constraints=[...])` never tries them.

    No configuration is tried twice, with two exceptions: where all of a finite space have been, and
    where a finite space is all that trials have in common while they go on to differ in other
    parameters. What is tried then is the best of all by one draw from the model (Thompson 1933).

    Args:
        seed: a whole number >= 0; None to draw one.
        strategy: what to try next; None for `tfbo.strategies.Bayes()`.
        n_startup_trials: how many trials are finished before the model takes over, four times as many
            where trials report on their way; None for 5. A strategy of your own says it itself, such as
            `Bayes(n_initial=10)`.
        independent_sampler: for the parameters that are drawn independently, the whole first trial
            among them; None for uniform draws on each parameter's scale, after the centre.
        device: where suggestions are computed, such as "CPU" or "GPU:0"; see `tfbo.Study`.
        curves: whether to learn from what trials report; False where that is something else than what
            they return, on another scale: pruned trials then count as failed.
        constraints_func: as of Optuna's samplers: a function of a trial that is complete or pruned, which
            returns a sequence of numbers, of which each is 0 or less where a constraint holds. In Optuna 5
            `trial.set_constraint` says the same, without an argument.
        warn_independent_sampling: whether to warn of parameters that had to be drawn independently,
            once each.

    Raises:
        InvalidArgument: for an argument that is not what it has to be.

    Example:
        >>> import optuna
        >>> from tfbo.integrations.optuna import TFBOSampler
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=TFBOSampler(seed=0))
        >>> study.optimize(lambda trial: (trial.suggest_float("x", -5.0, 5.0) - 1.0) ** 2, n_trials=12)
        >>> study.best_value < 0.01
        True
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        strategy: Strategy[Any] | None = None,
        n_startup_trials: int | None = None,
        independent_sampler: BaseSampler | None = None,
        device: str | None = None,
        curves: bool = True,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        if seed is not None:
            _arguments.seed(seed)
        records.check_strategy(strategy)
        devices.check(device)
        if n_startup_trials is not None:
            if strategy is not None:
                advice = "Say it there: strategy=Bayes(n_initial=10)."
                raise invalid(
                    "n_startup_trials", "None beside a strategy", n_startup_trials, advice
                )
            _arguments.count(
                "n_startup_trials", n_startup_trials, advice="Leave it out if in doubt."
            )
            strategy = Bayes(n_initial=n_startup_trials)
        if not isinstance(curves, bool):
            raise invalid("curves", "True or False", curves, "Leave it out if in doubt.")
        if constraints_func is not None and not callable(constraints_func):
            expected = "a function of a trial that returns a sequence of numbers"
            raise invalid(
                "constraints_func", expected, constraints_func, "Leave it out if in doubt."
            )
        self._seed = secrets.randbits(_SEED_BITS) if seed is None else seed
        self._strategy = strategy or Bayes()
        self._independent_sampler = independent_sampler
        self._device, self._curves = device, curves
        self._constraints_func = constraints_func
        self._warns = warn_independent_sampling
        self._said: set[str] = set()
        self._open()

    def _open(self) -> None:
        self._lock = threading.RLock()
        self._histories: weakref.WeakKeyDictionary[Study, study_history.StudyHistory]
        self._histories = weakref.WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        """Settings, and no histories: another process makes these from its storage."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_lock", "_histories")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def reseed_rng(self) -> None:
        """Reseed the independent sampler; there is nothing else to do, see the class."""
        if self._independent_sampler is not None:
            self._independent_sampler.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that will be suggested jointly."""
        study = study_history.whole(study)
        with self._lock:
            return self._history(study).intersect(study)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values that the strategy suggests; see the class."""
        known = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        if search_space.keys() <= known.keys():
            return {}
        study = study_history.whole(study)
        # Threads come one after the other, so that each sees what the others are about to try.
        with self._lock:
            history = self._history(study)
            history.search(search_space)
            suggestion = self._suggest(study, history, trial.number)
            numbers = history.counterparts.write(suggestion.params)
            study_history.remember(study, trial, numbers, suggestion.notes)
        return {name: search_space[name].to_external_repr(numbers[name]) for name in search_space}

    def _suggest(
        self, study: Study, history: study_history.StudyHistory, number: int
    ) -> Suggestion:
        strategy, trials = self._strategy, study.get_trials(deepcopy=False)
        aims = study_aims.StudyAims.of(study, trials)
        steps = learning_curves.steps(trials) if self._curves and aims.is_plain else None
        history.learn(aims, steps)
        direction, fidelity = aims.directions[0], steps.fidelity if steps else None
        problem = Problem(history.counterparts.space, direction, self._seed, self._device, fidelity)
        problem = aims.extend(problem)
        state = history.fold(strategy, problem, trials)
        pending = history.pending(trials, number)
        modelled = history.completed >= _FEWEST
        weighs = modelled and problem.space.cardinality <= repeats.MOST
        if not weighs or history.has_untried(problem.space, pending):
            with contextlib.suppress(SpaceExhausted):
                return strategy.suggest(problem, state, pending=pending, number=number, q=1)[0]
        model = strategy.surrogate(problem, state, pending=pending) if modelled else None
        return Suggestion(repeats.suggest(() if model is None else (model,), problem, number), {})

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A value of one parameter by itself; see the class."""
        searched = self._history(study_history.whole(study)).distributions
        if self._warns and searched and param_name not in searched:
            self._say_once(
                f"{param_name!r} is drawn independently of the model, because not all complete trials "
                "have it with the same distribution. warn_independent_sampling=False hides this."
            )
        if self._independent_sampler is not None:
            return self._independent_sampler.sample_independent(
                study, trial, param_name, param_distribution
            )
        found = counterpart(param_name, param_distribution)
        column = found.parameter.column()
        assert column is not None
        if trial.number == 0:
            code = 0.0 if column.categorical else 0.5
        else:
            code = _random.generator(self._seed, f"optuna {param_name}", trial.number).random()
        return param_distribution.to_external_repr(found.write(found.parameter.from_code(code)))

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Pass it on to the independent sampler."""
        if self._independent_sampler is not None:
            self._independent_sampler.before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Pass it on to the independent sampler."""
        if self._constraints_func is not None:
            study_aims.store_constraints(self._constraints_func, study, trial, state)
        if self._independent_sampler is not None:
            self._independent_sampler.after_trial(study, trial, state, values)

    def _history(self, study: Study) -> study_history.StudyHistory:
        return self._histories.setdefault(study, study_history.StudyHistory())

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            _LOGGER.warning("%s", text)
            warn(text)
