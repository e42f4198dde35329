"""From a question to running trials: enqueued configurations first, then what is suggested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tfbo.space import Params
from tfbo.study.trials import Trials
from tfbo.trial import WAITING, Trial

if TYPE_CHECKING:
    from tfbo.strategies import Suggestion

Suggest = Callable[[int, int], Sequence["Suggestion"]]
"""From the number of the first trial and how many, to what they should try; as `Advisor.suggest`."""


def ask(
    trials: Trials,
    suggest: Suggest,
    count: int,
    total: int | None = None,
    *,
    owned: bool = True,
) -> list[Trial]:
    """Start `count` trials, fewer where the `total` is reached, whatever other processes start meanwhile.

    Enqueued ones come first, and are tried in any case. This process runs those that are `owned`, and
    others may try them again when it has died; else they are pending until somebody tells them.
    """
    asked: list[Trial] = []
    trials.recover()
    while len(asked) < count:
        trials.sync()
        asked += trials.claim(count - len(asked), owned=owned)
        missing = count - len(asked)
        if total is not None:
            missing = min(missing, total - trials.counted())
            if missing <= 0:
                break
        if missing:
            number = len(trials.by_number)
            asked += trials.start(number, suggest(number, missing), owned=owned)
    return asked


def foresee(trials: Trials, suggest: Suggest) -> Params:
    """Configuration that the next `ask` would start, if nobody comes first; nothing is started."""
    waiting = [trial for trial in trials.ordered() if trial.state == WAITING]
    if waiting:
        return dict(waiting[0].params)
    return suggest(len(trials.by_number), 1)[0].params
