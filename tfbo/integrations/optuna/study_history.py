"""The history of an Optuna study: its trials, as a strategy is told them.

Optuna's storage is the truth: all that is kept here can be made anew from it, and is, where a study is
opened again or its space has become another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from tfbo.integrations.optuna.aims import StudyAims
from tfbo.integrations.optuna.curves import StudySteps
from tfbo.integrations.optuna.distributions import Counterparts
from tfbo.space import Space
from tfbo.strategies import Problem, Strategy
from tfbo.strategies.base import key
from tfbo.trial import COMPLETE, RUNNING, Trial

# Of the attributes of a trial under which its suggestion is stored, in pieces.
_SUGGESTION = "tfbo:suggestion"
# The length of a piece: MySQL, which Optuna can use, takes 65,535 bytes, and a text in JSON has more of
# them than it has characters. A suggestion has 4,000 at 20 parameters, and 60,000 at 100.
_PIECE = 30_000


class StudyHistory:
    """The trials of one study as its strategy sees them; finished ones are taken in once."""

    def __init__(self) -> None:
        self._intersection = IntersectionSearchSpace()
        self._steps: StudySteps | None = None
        self._aims = StudyAims()
        self._begin({})

    def _begin(self, distributions: dict[str, BaseDistribution]) -> None:
        self.distributions = distributions
        self.counterparts = Counterparts.of(distributions)
        self._state: Any = None
        self._told: dict[int, Trial | None] = {}
        self._branches = False

    @property
    def completed(self) -> int:
        """The number of complete trials that the strategy has been told."""
        return sum(trial is not None and trial.state == COMPLETE for trial in self._told.values())

    def intersect(self, study: Study) -> dict[str, BaseDistribution]:
        """The distributions, of several values each, that all complete trials have in common."""
        common = self._intersection.calculate(study)
        return {name: found for name, found in common.items() if not found.single()}

    def search(self, distributions: dict[str, BaseDistribution]) -> None:
        """Search these distributions from now on."""
        if distributions != self.distributions:
            self._begin(distributions)

    def learn(self, aims: StudyAims, steps: StudySteps | None) -> None:
        """Read outcomes by these aims from now on, and curves by these steps; None to leave them out."""
        if (aims, steps) != (self._aims, self._steps):
            self._aims, self._steps = aims, steps
            self._begin(self.distributions)

    def fold(self, strategy: Strategy[Any], problem: Problem, trials: Sequence[FrozenTrial]) -> Any:
        """The strategy's state after the trials that are finished, but those that are tried again."""
        again = {i for t in trials for i in t.system_attrs.get("retry_history", ())}
        finished = {t.number: t for t in trials if t.state.is_finished() and t.number not in again}
        if not self._told.keys() <= finished.keys():
            self._begin(self.distributions)
        new = {i: t for i, t in finished.items() if i not in self._told}
        told = {i: self._read(t) for i, t in new.items()}
        self._state = strategy.fold(problem, self._state, [t for t in told.values() if t])
        self._told |= told
        self._branches |= any(map(self._has_more, new.values()))
        return self._state

    def pending(self, trials: Sequence[FrozenTrial], own: int) -> list[Trial]:
        """Trials that run, but that of the number `own`, as far as their parameters are known."""
        running = [t for t in trials if t.state == TrialState.RUNNING and t.number != own]
        return [found for found in map(self._read, running) if found]

    def has_untried(self, space: Space, pending: Sequence[Trial]) -> bool:
        """Tell if some of the space is untried, while trials have no further parameters."""
        tried = {key(trial.params) for trial in (*self._told.values(), *pending) if trial}
        return not self._branches and len(tried) < space.cardinality

    def _has_more(self, frozen: FrozenTrial) -> bool:
        """Tell if a trial has further parameters, of several values."""
        others = frozen.distributions.keys() - self.distributions.keys()
        return any(not frozen.distributions[name].single() for name in others)

    def _read(self, frozen: FrozenTrial) -> Trial | None:
        """The trial as the strategy knows it; None where it lacks a parameter of the space."""
        numbers, notes = recall(frozen)
        for name in self.distributions.keys() & frozen.params.keys():
            found, value = frozen.distributions[name], frozen.params[name]
            # Optuna takes the choices 1 and True for the same one: what was suggested knows better.
            if name not in numbers or found.to_external_repr(numbers[name]) != value:
                numbers[name] = found.to_internal_repr(value)
        params = self.counterparts.read(numbers)
        if params is None:
            return None
        trial = Trial(frozen.number, params, RUNNING, notes=notes)
        if frozen.state != TrialState.RUNNING:
            # Without its steps, the value of a pruned trial, its last report, is a figure from half-way
            # among final ones, which misleads. But a trial that is left out is suggested again, as if
            # nothing were known of it.
            trial = self._aims.finished(trial, frozen)
        return trial if self._steps is None else self._steps.stage(trial, frozen)


def whole(study: Study) -> Study:
    """The study itself where a sampler is shown a part: by HyperbandPruner, the trials of one bracket.

    What a trial reported by a step says as much of the others in whichever bracket it was.
    """
    found: Study = getattr(study, "_study", study)
    return found


def remember(
    study: Study, frozen: FrozenTrial, numbers: Mapping[str, float], notes: dict[str, Any]
) -> None:
    """Write down the suggestion of a trial, for other workers and for the next fit."""
    text = json.dumps({"params": numbers, "notes": notes})
    for i in range(0, len(text), _PIECE):
        name = f"{_SUGGESTION}:{i // _PIECE}"
        # As Optuna's own samplers do: a trial that is not told yet has no public way to attributes.
        study._storage.set_trial_system_attr(frozen._trial_id, name, text[i : i + _PIECE])  # noqa: SLF001


def recall(frozen: FrozenTrial) -> tuple[dict[str, float], dict[str, Any]]:
    """The numbers, and the notes of the strategy, that `remember` wrote down."""
    text, i = "", 0
    while piece := frozen.system_attrs.get(f"{_SUGGESTION}:{i}"):
        text, i = text + piece, i + 1
    if not text:
        return {}, {}
    # Of an earlier and longer one, of the trial that this one tries again, more pieces may follow.
    written, _ = json.JSONDecoder().raw_decode(text)
    return written["params"], written["notes"]
