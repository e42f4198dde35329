"""The interface of a strategy, and what all of them share: no configuration is suggested twice."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from tfbo.errors import SpaceExhausted
from tfbo.space import Encoding, Params, Space, encoding
from tfbo.space.region import Region, region
from tfbo.strategies.surrogate import OutcomeModels, Surrogate
from tfbo.trial import VALUE, Fidelity, Goal, Goals, OutcomeConstraints, Trial

State = TypeVar("State")
Key = tuple[Any, ...]

# Proposals that may turn out to be taken before a finite space is searched through.
_TRIES = 64
# Of a finite space with constraints, as many configurations may be listed; of a larger one, which may have
# next to none that is legal, as many are drawn.
_MOST_LISTED, _DRAWN = 2**16, 4096


class Problem(NamedTuple):
    """A study as its strategy sees it."""

    space: Space
    direction: str
    """"minimize" or "maximize"."""
    seed: int
    device: str | None = None
    """Device to compute on; see `Study`."""
    fidelity: Fidelity | None = None
    """Steps in which trials are trained; None where there are none."""
    closed: bool = False
    """True where no new trial may begin, so that only paused ones go on."""
    goals: Goals | None = None
    """Goals where there are several, whose values are `Trial.values`; None where there is one."""
    constraints: OutcomeConstraints | None = None
    """Constraints on outcomes, by which trials are feasible; None without any."""
    objective: str = VALUE
    """Name of the objective where there is one, by which constraints may be about it."""

    @property
    def goal(self) -> Goal:
        """The direction as a goal, which compares and turns values: of several, the first."""
        return Goal(self.direction)

    @property
    def encoding(self) -> Encoding:
        """The way from configurations to rows, and back."""
        return encoding(self.space)

    @property
    def region(self) -> Region | None:
        """The legal rows; None where there are no constraints on inputs."""
        return region(self.space) if self.space.constraints else None


class Suggestion(NamedTuple):
    """A configuration to try, and what the strategy wants to remember with it."""

    params: Params
    notes: dict[str, Any]
    """JSON; it is stored with the trial and comes back in `Trial.notes`."""
    until: int | None = None
    """Step until which to train; None for the last, or where there are no steps."""
    trial: int | None = None
    """Number of a paused trial that goes on, with these parameters; None for a new one."""


class Strategy(abc.ABC, Generic[State]):
    """Settings, and pure functions of a state. Subclasses define `suggest`; the rest has defaults.

    The state is a fold over the finished trials, so nothing of it is ever stored: a study that is
    opened again folds them again. All randomness is a function of `problem.seed` and `number`.

    Example:
        >>> import tfbo
        >>> from tfbo.strategies import Strategy, Suggestion
        >>> class Halves(Strategy):
        ...     def suggest(self, problem, state, *, pending, number, q):
        ...         return [Suggestion({"x": 0.5 ** (i + 1)}, {}) for i in range(number, number + q)]
        >>> study = tfbo.Study(tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), strategy=Halves())
        >>> [trial.params["x"] for trial in study.ask(3)]
        [0.5, 0.25, 0.125]
    """

    def fold(self, problem: Problem, state: State | None, told: Sequence[Trial]) -> State:
        """The state after further finished trials, each once, from None at first; by default `Tried`."""
        before = state.keys if isinstance(state, Tried) else frozenset()
        tried: Any = Tried(before | {key(trial.params) for trial in told})
        return tried

    @abc.abstractmethod
    def suggest(
        self, problem: Problem, state: State, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """Suggestions for `q` trials; SpaceExhausted where fewer are untried.

        Args:
            problem: the study.
            state: from `fold`.
            pending: all unfinished trials: those that run or wait, and the paused ones, with their curves.
            number: of the first trial that is new; paused ones that go on keep theirs.
            q: how many.
        """

    def first_stage(self, problem: Problem) -> int | None:
        """Step until which an enqueued trial is trained at first; None, as by default, for the last."""
        return None

    def hopeless(
        self, problem: Problem, state: State, *, trials: Sequence[Trial], pending: Sequence[Trial]
    ) -> frozenset[int]:
        """Numbers of those of the unfinished `trials` on which further steps are wasted; by default none.

        Args:
            problem: the study, which has a fidelity.
            state: from `fold`.
            trials: some of the `pending` ones, by their curves.
            pending: as in `suggest`.
        """
        return frozenset()

    def prepare(self, problem: Problem, most: int | None) -> None:
        """Do ahead, in a thread of its own, what takes long at the first suggestion, whatever will be told.

        By default nothing. The study will have `most` trials at the most; None where that is open.
        """

    def best(self, problem: Problem, state: State, *, pending: Sequence[Trial] = ()) -> int | None:
        """The number of the trial that is believed to be the best; None for the one of the best value.

        It is a complete one, or where none is, one of the others with a curve.
        """
        return None

    def surrogate(
        self, problem: Problem, state: State, *, pending: Sequence[Trial] = ()
    ) -> Surrogate | None:
        """The model of the trials, two of which have values; for None that of `Bayes` stands in."""
        return None

    def surrogates(self, problem: Problem, state: State) -> OutcomeModels | None:
        """The models of all outcomes where there are several; for None those of `Bayes` stand in."""
        return None


def key(params: Params) -> Key:
    """The identity of a configuration; True and 1 differ."""
    return tuple((name, type(value).__name__, value) for name, value in params.items())


class Tried(NamedTuple):
    """The state of a strategy that only remembers what has been tried."""

    keys: frozenset[Key]


def untried(space: Space, taken: set[Key], proposals: Iterable[Params]) -> Params:
    """The first proposal that is not taken, else the first such configuration; SpaceExhausted without."""
    size = space.cardinality
    if not remaining(space, taken):
        raise _exhausted(f"All {size} configurations of the space")
    proposal: Params = {}
    for proposal, _ in zip(proposals, range(_TRIES), strict=False):
        if key(proposal) not in taken:
            return proposal
    if math.isinf(size):
        return proposal
    every = space.grid(2)
    if space.constraints and size > _MOST_LISTED:
        rows = region(space).draw(_DRAWN, np.random.Generator(np.random.Philox(len(taken))))
        every = iter(encoding(space).decode(np.unique(rows, axis=0)))
    found = next((params for params in every if key(params) not in taken), None)
    if found is None:
        raise _exhausted("All configurations of the space that were found by drawing thousands")
    return found


def _exhausted(which: str) -> SpaceExhausted:
    return SpaceExhausted(
        f"{which} have been suggested. Where their outcomes are noisy, "
        "strategy=tfbo.strategies.Bayes(noise=...) with its variance tries them again, and enqueue() "
        "any of them. Otherwise stop here, or search a larger space."
    )


def remaining(space: Space, taken: set[Key], most: int = 1) -> int:
    """The number of configurations that are not taken, counted as far as `most`."""
    size = space.cardinality
    if size - len(taken) >= most:
        return most
    return int(min(most, size - len(_whole(space, taken))))


def _whole(space: Space, taken: set[Key]) -> set[Key]:
    """Those that are configurations of the space: some may be from before it grew."""
    configurations = {entry: {name: value for name, _, value in entry} for entry in taken}
    return {
        entry
        for entry, params in configurations.items()
        if tuple(params) == space.active(params) and space.breaks(params) is None
    }


def suggest_each(
    problem: Problem,
    tried: Tried,
    pending: Sequence[Trial],
    numbers: range,
    proposals: Callable[[Problem, int], Iterator[Params]],
) -> list[Suggestion]:
    """A suggestion for each number, the first of its proposals that is not taken."""
    taken = {*tried.keys, *(key(trial.params) for trial in pending)}
    suggestions = []
    for number in numbers:
        params = untried(problem.space, taken, proposals(problem, number))
        taken.add(key(params))
        suggestions.append(Suggestion(params, {}))
    return suggestions
