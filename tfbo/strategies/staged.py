"""Strategies that say by a rule which trials go on; new configurations come from another strategy."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from tfbo.errors import SpaceExhausted, invalid
from tfbo.strategies.base import Problem, Strategy, Suggestion
from tfbo.strategies.random import Random
from tfbo.strategies.surrogate import Surrogate
from tfbo.trial import PAUSED, RUNNING, STOPPED, WAITING, Fidelity, Trial


class Stages(NamedTuple):
    """The state of a strategy by rungs: the finished trials, and the state of the other strategy."""

    trials: tuple[Trial, ...]
    inner: Any


class Due(NamedTuple):
    """A stage of training that is due, of a new trial or of a paused one."""

    until: int
    trial: Trial | None = None
    """Paused, and going on; None for a new configuration."""
    notes: dict[str, Any] = {}


@dataclasses.dataclass(frozen=True)
class Staged(Strategy[Stages]):
    """Base of strategies that train in stages: a subclass says in `due` what comes next.

    Args:
        configurations: the strategy that new configurations come from. It sees paused trials as stopped
            ones, so that none of its suggestions is that one of them goes on.
    """

    configurations: Strategy[Any] = Random()

    def __post_init__(self) -> None:
        if not isinstance(self.configurations, Strategy) or isinstance(self.configurations, Staged):
            advice = "Random() draws them, Bayes() has a model choose them."
            expected = "a strategy that has no rungs of its own"
            raise invalid("configurations", expected, self.configurations, advice)

    @abc.abstractmethod
    def due(
        self, problem: Problem, fidelity: Fidelity, trials: Sequence[Trial], *, q: int, new: int
    ) -> list[Due]:
        """Stages to begin, `q` of them or fewer, of which `new` at most are of new trials.

        Where `new` is 0, every configuration is tried: rounds that wait for more trials have all of theirs.
        """

    def fold(self, problem: Problem, state: Stages | None, told: Sequence[Trial]) -> Stages:
        """See `Strategy`."""
        before, inner = ((), None) if state is None else state
        return Stages((*before, *told), self.configurations.fold(problem, inner, told))

    def suggest(
        self, problem: Problem, state: Stages, *, pending: Sequence[Trial], number: int, q: int
    ) -> list[Suggestion]:
        """See `Strategy`."""
        fidelity = _required(problem, self)
        trials = [*state.trials, *pending]
        exhausted: SpaceExhausted | None = None
        for most in range(0 if problem.closed else q, -1, -1):
            due = self.due(problem, fidelity, trials, q=q, new=most)
            if len(due) < q and not (problem.closed and due):
                break
            try:
                return self._begun(problem, state, pending, number, due)
            except SpaceExhausted as error:
                exhausted = error
        running = sum(trial.state in (RUNNING, WAITING) for trial in pending)
        more = f" {running} trials run: once they are told, others may go on." if running else ""
        nothing = f"{type(self).__name__} has nothing more to begin."
        raise SpaceExhausted(f"{exhausted or nothing}{more}") from None

    def _begun(
        self,
        problem: Problem,
        state: Stages,
        pending: Sequence[Trial],
        number: int,
        due: Sequence[Due],
    ) -> list[Suggestion]:
        """Suggestions of these stages, with configurations for those of new trials."""
        count = sum(stage.trial is None for stage in due)
        found = iter(self._configurations(problem, state, pending, number, count))
        suggestions = []
        for until, trial, notes in due:
            if trial is not None:
                suggestions.append(Suggestion(trial.params, notes, until, trial.number))
            else:
                params, own, *_ = next(found)
                suggestions.append(Suggestion(params, {**own, **notes}, until))
        return suggestions

    def _configurations(
        self, problem: Problem, state: Stages, pending: Sequence[Trial], number: int, count: int
    ) -> list[Suggestion]:
        if not count:
            return []
        paused = [dataclasses.replace(t, state=STOPPED) for t in pending if t.state == PAUSED]
        rest = [trial for trial in pending if trial.state != PAUSED]
        inner = self.configurations.fold(problem, state.inner, paused)
        return self.configurations.suggest(problem, inner, pending=rest, number=number, q=count)

    def prepare(self, problem: Problem, most: int | None) -> None:
        """See `Strategy`."""
        self.configurations.prepare(problem, most)

    def best(self, problem: Problem, state: Stages, *, pending: Sequence[Trial] = ()) -> int | None:
        """See `Strategy`."""
        return self.configurations.best(problem, state.inner, pending=pending)

    def surrogate(
        self, problem: Problem, state: Stages, *, pending: Sequence[Trial] = ()
    ) -> Surrogate | None:
        """See `Strategy`."""
        return self.configurations.surrogate(problem, state.inner, pending=pending)


def _required(problem: Problem, strategy: Staged) -> Fidelity:
    """The fidelity of a study; InvalidArgument where it has none."""
    if problem.fidelity is None:
        expected = f"the steps in which {type(strategy).__name__} trains"
        advice = "For example Study(..., fidelity=tfbo.Fidelity(1, 50))."
        raise invalid("fidelity", expected, None, advice)
    return problem.fidelity
