"""Hyperband: brackets of successive halving, from many short trainings to few long ones."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import defaultdict
from collections.abc import Sequence

from tfbo import _arguments
from tfbo.strategies.base import Problem
from tfbo.strategies.rungs import Bracket
from tfbo.strategies.staged import Due, Staged, Stages
from tfbo.trial import Fidelity, Trial

BRACKET = "bracket"
"""Note of a trial: the bracket that it belongs to, counted from 0 through all iterations."""


@dataclasses.dataclass(frozen=True)
class Hyperband(Staged):
    """Brackets of successive halving, which differ in how early they compare trials.

    The first bracket begins with the most trials and the shortest trainings, the last one trains a few to
    the end; then it begins again. In a bracket the best go on of all that are through with a round. No
    worker waits: a trial goes on as soon as it is sure to be among the best of its round, and the next
    bracket begins where nothing else is due.

    Args:
        configurations: the strategy that new configurations come from: `Random()`, or `Bayes()` to have
            the model choose them.
        iterations: how often all brackets are gone through; None for no end.

    Raises:
        InvalidArgument: for what is no such strategy, and from `ask` in a study without a fidelity.

    Source: Li et al. 2018 (JMLR 18), algorithm 1.

    Example:
        >>> import tfbo
        >>> for bracket in tfbo.strategies.Hyperband().brackets(tfbo.Fidelity(1, 27)):
        ...     print(bracket.sizes, bracket.steps)
        (27, 9, 3, 1) (1, 3, 9, 27)
        (12, 4, 1) (3, 9, 27)
        (6, 2) (9, 27)
        (4,) (27,)
    """

    iterations: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations is not None:
            advice = "None for no end."
            checked = _arguments.count("iterations", self.iterations, advice)
            object.__setattr__(self, "iterations", checked)

    def brackets(self, fidelity: Fidelity) -> tuple[Bracket, ...]:
        """The brackets of an iteration, in their order."""
        return _brackets(fidelity)

    def due(
        self, problem: Problem, fidelity: Fidelity, trials: Sequence[Trial], *, q: int, new: int
    ) -> list[Due]:
        """See `Staged`."""
        brackets, members = self.brackets(fidelity), _members(trials)
        last = math.inf if self.iterations is None else self.iterations * len(brackets) - 1
        closed = not new
        if closed:
            last = min(last, max(members, default=-1))
        due: list[Due] = []
        index = 0
        while len(due) < q and index <= last:
            bracket, there = brackets[index % len(brackets)], members[index]
            notes = {BRACKET: index}
            missing = min(bracket.sizes[0] - len(there), q - len(due), new)
            due += [Due(bracket.steps[0], None, notes)] * missing
            new -= max(0, missing)
            if closed and len(there) < bracket.sizes[0]:
                bracket = bracket.of(max(1, len(there)))
            survivors = bracket.survivors(problem.goal, there)
            due += [Due(each.until, each.trial, notes) for each in survivors[: q - len(due)]]
            index += 1
        return due

    def hopeless(
        self, problem: Problem, state: Stages, *, trials: Sequence[Trial], pending: Sequence[Trial]
    ) -> frozenset[int]:
        """See `Strategy`: paused trials whose round has as many better ones as go on."""
        assert problem.fidelity is not None
        brackets = self.brackets(problem.fidelity)
        members = _members([*state.trials, *pending])
        out = frozenset[int]().union(
            *(
                brackets[index % len(brackets)].are_out(problem.goal, there)
                for index, there in members.items()
            )
        )
        return out & {trial.number for trial in trials}


def _members(trials: Sequence[Trial]) -> dict[int, list[Trial]]:
    """Trials by the bracket that they belong to; those that were enqueued belong to none."""
    members: dict[int, list[Trial]] = defaultdict(list)
    for trial in trials:
        index = trial.notes.get(BRACKET)
        if isinstance(index, int):
            members[index].append(trial)
    return members


@functools.lru_cache(maxsize=16)
def _brackets(fidelity: Fidelity) -> tuple[Bracket, ...]:
    """The table of Li et al.: each bracket is worth about as many steps."""
    steps, factor = fidelity.rungs, fidelity.factor
    brackets = []
    for s in reversed(range(len(steps))):
        first = math.ceil(len(steps) / (s + 1) * factor**s - 1e-9)
        sizes = [max(1, int(first / factor**i + 1e-9)) for i in range(s + 1)]
        brackets.append(Bracket(steps[-s - 1 :], tuple(sizes)))
    return tuple(brackets)
