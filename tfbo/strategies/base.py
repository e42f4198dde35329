"""What a strategy is, and what all of them share: never to suggest the same configuration twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from tfbo.errors import SpaceExhausted
from tfbo.space import Params, Space
from tfbo.trial import Trial

if TYPE_CHECKING:
    from tfbo.strategies.bayes.surrogate import Surrogate

State = TypeVar("State")
Key = tuple[Any, ...]

# Proposals that may turn out to be taken before a finite space is searched through.
_TRIES = 64


class Problem(NamedTuple):
    """What a study wants solved."""

    space: Space
    direction: str
    """"minimize" or "maximize"."""
    seed: int
    device: str | None = None
    """Where to compute; see `Study`."""


class Suggestion(NamedTuple):
    """What to try, and what the strategy wants to remember with it."""

    params: Params
    notes: dict[str, Any]
    """JSON; it is stored with the trial and comes back in `Trial.notes`."""


class Strategy(Protocol[State]):
    """Settings, and two pure functions.

    The state is a fold over the finished trials, so nothing of it is ever stored: a study that is
    opened again folds them again. All randomness is a function of `problem.seed` and `number`.
    """

    def fold(self, problem: Problem, state: State | None, told: Sequence[Trial]) -> State:
        """The state after further finished trials, each of which comes once; None is no state yet."""
        ...

    def suggest(
        self, problem: Problem, state: State, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """What the trials `number .. number + q - 1` should try, while those `pending` are not told.

        Raises:
            SpaceExhausted: where fewer than q configurations are untried.
        """
        ...

    def prepare(self, problem: Problem, most: int | None) -> None:
        """Do ahead what takes long at the first suggestion of a process, whatever will be told.

        A strategy that lacks this method has nothing to prepare. It is called in a thread of its own.

        Args:
            problem: of the study.
            most: how many trials the study will have at most; None where that is open.
        """
        ...

    def best(self, problem: Problem, state: State) -> int | None:
        """The number of the complete trial that is believed to be the best; None for the best value.

        A strategy that lacks this method answers None.
        """
        ...

    def surrogate(self, problem: Problem, state: State) -> Surrogate | None:
        """Its model after the told trials, two of which are complete; None where it has none.

        A strategy that lacks this method answers None. The model of `Bayes` then stands in.
        """
        ...


def key(params: Params) -> Key:
    """What makes two configurations the same; True and 1 differ."""
    return tuple((name, type(value).__name__, value) for name, value in params.items())


class Tried(NamedTuple):
    """The state of a strategy that only remembers what has been tried."""

    keys: frozenset[Key]


def fold_tried(state: Tried | None, told: Sequence[Trial]) -> Tried:
    """The fold that remembers configurations and nothing else."""
    before = state.keys if state else frozenset()
    return Tried(before | {key(trial.params) for trial in told})


def untried(space: Space, taken: set[Key], proposals: Iterable[Params]) -> Params:
    """The first proposal that is not taken, or else the first configuration that is not.

    Raises:
        SpaceExhausted: where all configurations of a finite space are taken.
    """
    size = space.cardinality
    if not remaining(space, taken):
        raise SpaceExhausted(
            f"All {size} configurations of the space have been suggested. Where their outcomes are noisy, "
            "strategy=tfbo.strategies.Bayes(noise=...) with its variance tries them again, and enqueue() "
            "any of them. Otherwise stop here, or search a larger space."
        )
    proposal: Params = {}
    for proposal, _ in zip(proposals, range(_TRIES), strict=False):
        if key(proposal) not in taken:
            return proposal
    if math.isinf(size):
        return proposal
    return next(params for params in space.grid(2) if key(params) not in taken)


def remaining(space: Space, taken: set[Key], most: int = 1) -> int:
    """How many configurations are not taken, as far as `most`."""
    size = space.cardinality
    if size - len(taken) >= most:
        return most
    return int(min(most, size - len(_whole(space, taken))))


def _whole(space: Space, taken: set[Key]) -> set[Key]:
    """Those that are configurations of the space: some may be from before it grew."""
    configurations = {entry: {name: value for name, _, value in entry} for entry in taken}
    return {
        entry for entry, params in configurations.items() if tuple(params) == space.active(params)
    }


def suggest_each(
    problem: Problem,
    tried: Tried,
    pending: Sequence[Trial],
    numbers: range,
    proposals: Callable[[Space, int, int], Iterator[Params]],
) -> list[Suggestion]:
    """A suggestion for each number, from the proposals of its space, seed and number; none taken."""
    taken = {*tried.keys, *(key(trial.params) for trial in pending)}
    suggestions = []
    for number in numbers:
        own = proposals(problem.space, problem.seed, number)
        params = untried(problem.space, taken, own)
        taken.add(key(params))
        suggestions.append(Suggestion(params, {}))
    return suggestions
