"""The strategy of a study after its trials: suggestions, the best trial, predictions."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfbo import _forks
from tfbo.errors import SpaceExhausted, TooFewTrials, invalid
from tfbo.study.incumbent import advice
from tfbo.study.trials import Trials
from tfbo.trial import COMPLETE, FAILED, Goal, Trial

if TYPE_CHECKING:
    from tfbo.importance import Importance
    from tfbo.space import Params, Space
    from tfbo.strategies import (
        EarlyStopping,
        OutcomeModels,
        Problem,
        Strategy,
        Suggestion,
        Surrogate,
    )

_LOGGER = logging.getLogger("tfbo")

_FEWEST = 2


class Advisor:
    """A strategy, and its state after all that was told; it takes in what is new when it is asked."""

    _lock: Any

    def __init__(
        self,
        trials: Trials,
        strategy: Strategy[Any] | None,
        device: str | None,
        early_stopping: EarlyStopping | None = None,
    ) -> None:
        self._trials = trials
        self.early_stopping = early_stopping
        self.strategy = strategy
        self.device = device
        _forks.renew_lock(self, "_lock")
        self._prepared: Space | None = None
        self._space, self._told = trials.space, trials.told
        self._state: Any = None
        self._folded = 0
        self._best: tuple[int, int | None] = -1, None
        self._surrogate: tuple[int, Surrogate] | None = None
        self._surrogates: tuple[int, OutcomeModels] | None = None
        self._importance: dict[str | None, tuple[Surrogate, int, dict[str, Importance]]] = {}

    def suggest(self, number: int, count: int, *, closed: bool = False) -> list[Suggestion]:
        """Suggestions for `count` trials from `number` on, while the unfinished ones are pending.

        Where it is `closed`, those of paused trials count, and there may be none.
        """
        strategy, problem, state = self._up_to_date()
        if closed:
            problem = problem._replace(closed=True)
        try:
            return strategy.suggest(problem, state, pending=self._pending(), number=number, q=count)
        except SpaceExhausted:
            if closed:
                return []
            raise

    def first_stage(self) -> int | None:
        """Step until which an enqueued trial is trained at first; None without a fidelity."""
        if self._trials.fidelity is None:
            return None
        strategy, problem, _ = self._up_to_date()
        return strategy.first_stage(problem)

    def hopeless(self, trials: Sequence[Trial]) -> frozenset[int]:
        """Numbers of those of some unfinished trials that are not worth further steps."""
        rule = self.early_stopping
        if rule is not None:
            goal, every = Goal(self._trials.record.direction), self._trials.ordered()
            rest = {
                t.number: [other for other in every if other.number != t.number] for t in trials
            }
            return frozenset(t.number for t in trials if rule.hopeless(goal, t, rest[t.number]))
        if self._trials.fidelity is None:
            return frozenset()
        strategy, problem, state = self._up_to_date()
        return strategy.hopeless(problem, state, trials=trials, pending=self._pending())

    def _pending(self) -> list[Trial]:
        return [trial for trial in self._trials.ordered() if not trial.is_finished]

    def prepare(self, most: int | None = None) -> threading.Thread | None:
        """Have done ahead, by the thread returned, what takes the first suggestion of a process long."""
        with self._lock:
            if self._prepared is self._trials.space:
                return None
            self._prepared = self._trials.space
        thread = threading.Thread(target=self._prepare, args=(most,), name="tfbo-prepare")
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter ends: it is done when needed
            _LOGGER.debug("no thread to prepare the strategy", exc_info=True)
            return None
        return thread

    def _prepare(self, most: int | None) -> None:
        try:
            strategy, problem, _ = self._up_to_date()
            strategy.prepare(problem, most)
        except Exception:  # whatever it is, the suggestion that needs it says so
            _LOGGER.debug("The strategy could not be prepared.", exc_info=True)

    def best(self) -> int | None:
        """The number of the trial that is believed to be the best; None for that of the best value."""
        # The only one is the best whatever the strategy, which need not be imported then.
        if self._complete() < _FEWEST:
            return None
        if self._best[0] != self._trials.revision:
            strategy, problem, state = self._up_to_date()
            self._best = (
                self._trials.revision,
                strategy.best(problem, state, pending=self._pending()),
            )
        return self._best[1]

    def surrogate(self, outcome: str | None = None) -> Surrogate:
        """The model of the strategy, or of the default one; TooFewTrials with nothing to model.

        With several objectives or constraints it is that of an outcome; None stands for the only objective.
        """
        trials = self._trials
        trials.sync()
        aims = trials.aims
        expected = f"one of {', '.join(map(repr, aims.metrics.names))}"
        if outcome is None and aims.goals is not None:
            raise invalid(
                "outcome", expected, None, "Each has a model of its own: name one of them."
            )
        if outcome is not None and outcome not in aims.metrics.names:
            raise invalid("outcome", expected, outcome, "Name what the trials are told.")
        if outcome is not None and (aims.goals is not None or outcome not in aims.objectives):
            self._check_told(outcome)
            return self.surrogates()[outcome]
        complete = self._complete()
        if complete < _FEWEST:
            one = "complete trial" if trials.fidelity is None else "trial with a value"
            has = f"{complete} {one if complete == 1 else one.replace('trial', 'trials')}"
            raise TooFewTrials(
                f"The study {trials.name!r} has {has}; a model needs {_FEWEST} or more. "
                f"{advice(trials.ordered())}"
            )
        self._check_space()
        if self._surrogate is None or self._surrogate[0] != self._trials.revision:
            strategy, problem, state = self._up_to_date()
            found = strategy.surrogate(problem, state, pending=self._pending())
            if found is None:
                default, begun = self._default(problem)
                found = default.surrogate(problem, begun, pending=self._pending())
            self._surrogate = self._trials.revision, found
        return self._surrogate[1]

    def surrogates(self) -> OutcomeModels:
        """The models of all outcomes of a study with several objectives or with constraints."""
        self._check_space()
        if self._surrogates is None or self._surrogates[0] != self._trials.revision:
            strategy, problem, state = self._up_to_date()
            found = strategy.surrogates(problem, state)
            if found is None:
                default, begun = self._default(problem)
                found = default.surrogates(problem, begun)
            self._surrogates = self._trials.revision, found
        return self._surrogates[1]

    def feasibility(self, configurations: Sequence[Params]) -> np.ndarray:
        """The probability `[n]` that configurations are feasible; TooFewTrials with nothing to model."""
        self._trials.sync()
        limits = self._trials.aims.constraints
        if limits is None:
            return np.ones(len(configurations))
        for name in limits.names:
            self._check_told(name)
        return self.surrogates().feasibility(configurations)

    def _default(self, problem: Problem) -> tuple[Any, Any]:
        """The default strategy, and its state after all that was told."""
        from tfbo.strategies import Bayes

        return Bayes(), Bayes().fold(problem, None, tuple(self._trials.told))

    def _check_told(self, outcome: str) -> None:
        trials = self._trials
        told = [outcome in t.values for t in trials.ordered() if t.state in (COMPLETE, FAILED)]
        if sum(told) < _FEWEST:
            raise TooFewTrials(
                f"{outcome!r} was told of {sum(told)} trials of the study {trials.name!r} "
                f"({len(trials.ordered())} in all); a model needs {_FEWEST} or more. "
                f"{advice(trials.ordered())}"
            )

    def _check_space(self) -> None:
        space = self._trials.space
        if all(parameter.column() is None for _, parameter in space.items()):
            raise TooFewTrials(
                f"The space of the study {self._trials.name!r} has constants only: there is nothing to "
                "model."
            )

    def importance(self, seed: int, outcome: str | None = None) -> dict[str, Importance]:
        """Sobol indices of the surrogate, which take seconds: they are kept until it is another one."""
        from tfbo.importance import sobol_indices

        surrogate = self.surrogate(outcome)
        kept = self._importance.get(outcome)
        if kept is None or kept[0] is not surrogate or kept[1] != seed:
            kept = self._importance[outcome] = surrogate, seed, sobol_indices(surrogate, seed)
        return dict(kept[2])

    def _complete(self) -> int:
        """Number of trials with a value that a model can learn from."""
        fidelity = self._trials.fidelity is not None
        return sum(
            trial.state == COMPLETE or (fidelity and any(map(math.isfinite, trial.curve.values())))
            for trial in self._trials.ordered()
        )

    def _up_to_date(self) -> tuple[Strategy[Any], Problem, Any]:
        """The strategy, what it is to solve, and its state after all that was told."""
        from tfbo.strategies import Bayes, Problem  # TensorFlow, which reading need not import

        with self._lock:
            trials = self._trials
            record, space, listed = trials.record, trials.space, trials.told
            # A space that has grown makes rows of another form; another list has other outcomes.
            if self._space is not space or self._told is not listed:
                self._space, self._told, self._state, self._folded = space, listed, None, 0
            told = tuple(listed)
            problem = Problem(
                self._space, record.direction, record.seed, self.device, trials.fidelity,
                goals=trials.aims.goals, constraints=trials.aims.constraints,
                objective=next(iter(trials.aims.objectives)),
            )  # fmt: skip
            strategy = self.strategy or Bayes()
            self._state = strategy.fold(problem, self._state, told[self._folded :])
            self._folded = len(told)
            return strategy, problem, self._state
