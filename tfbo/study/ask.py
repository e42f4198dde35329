"""From a question to running trials: enqueued configurations first, then what is suggested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from tfbo.space import Params
from tfbo.study import stages
from tfbo.study.trials import Trials
from tfbo.trial import WAITING, Trial

if TYPE_CHECKING:
    from tfbo.strategies import Suggestion


class Suggest(Protocol):
    """Function of the number of the first trial and how many, as `Advisor.suggest`."""

    def __call__(self, number: int, count: int, /, *, closed: bool = False) -> Sequence[Suggestion]:
        """Suggestions for them; where it is `closed`, only paused trials go on."""
        ...


def ask(
    trials: Trials,
    suggest: Suggest,
    count: int,
    total: int | None = None,
    *,
    first: Callable[[], int | None] = stages.last_step,
    new: int | None = None,
    steps: int | None = None,
    owned: bool = True,
) -> list[Trial]:
    """Start `count` trials, fewer where the `total` is reached, whatever other processes start meanwhile.

    Enqueued ones come first, and are tried in any case. This process runs those that are `owned`, and
    others may try them again when it has died; else they are pending until somebody tells them.

    Args:
        trials: those of the study.
        suggest: see `Suggest`.
        count: how many.
        total: how many trials the study may have; beyond it, paused ones still go on.
        first: step until which enqueued trials are trained at first, as `Advisor.first_stage`.
        new: how many may be new ones at the most, as for `total`.
        steps: how many steps the trials of the study may take in all; the stage that is the last is cut.
        owned: True where this process runs them.
    """
    asked: list[Trial] = []
    trials.recover()
    while len(asked) < count:
        trials.sync()
        missing = count - len(asked)
        claimed = trials.claim(missing, first, new=new, steps=_left(trials, steps), owned=owned)
        asked += claimed
        missing -= len(claimed)
        if new is not None:
            new -= sum(map(trials.is_new, claimed))
        room = missing if new is None else new
        if total is not None:
            room = min(room, total - trials.counted())
        if trials.fidelity is None:
            missing = min(missing, room)
        if missing <= 0:
            break
        number = len(trials.by_number)
        suggestions = suggest(number, missing, closed=room <= 0)
        if trials.fidelity is not None:
            within = _within(suggestions, room)
            left = _left(trials, steps)
            if left is not None:
                left -= sum(map(stages.length, claimed))
            suggestions = stages.cut(within, trials.by_number, trials.fidelity, left)
            if not suggestions:
                break
        started = trials.start(number, suggestions, owned=owned)
        asked += started
        if new is not None:
            new -= sum(map(trials.is_new, started))
    return asked


def _left(trials: Trials, steps: int | None) -> int | None:
    return None if steps is None else max(0, steps - stages.taken(trials.ordered()))


def _within(suggestions: Sequence[Suggestion], room: int) -> list[Suggestion]:
    """The suggestions of paused trials, and the first ones of new trials for which there is room."""
    kept = []
    for suggestion in suggestions:
        room -= suggestion.trial is None
        if suggestion.trial is not None or room >= 0:
            kept.append(suggestion)
    return kept


def foresee(trials: Trials, suggest: Suggest) -> Params:
    """Configuration that the next `ask` would start, if nobody comes first; nothing is started."""
    waiting = [trial for trial in trials.ordered() if trial.state == WAITING]
    if waiting:
        return dict(waiting[0].params)
    return suggest(len(trials.by_number), 1)[0].params
