"""KerasTuner's schedule of Hyperband: numbers of trials and epochs, and its names for where a trial is."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

from tfbo.strategies import Hyperband as HyperbandStrategy
from tfbo.strategies.hyperband import BRACKET
from tfbo.strategies.rungs import Bracket
from tfbo.trial import Fidelity, Trial


@functools.lru_cache(maxsize=16)
def brackets(fidelity: Fidelity) -> tuple[Bracket, ...]:
    """The brackets of KerasTuner 1.4.8, which rounds otherwise than Li et al.

    With R epochs and the factor f, bracket s, from the largest for which R / f^s >= 1 down to 0, has in
    round i ceil(ceil(1 + log_f R) / (s + 1) f^(s - i)) trials, trained until epoch ceil(R / f^(s - i)).

    Example:
        >>> for bracket in brackets(Fidelity(1, 10)):
        ...     print(bracket.sizes, bracket.steps)
        (12, 4, 2) (2, 4, 10)
        (6, 2) (4, 10)
        (4,) (10,)
    """
    last, factor = fidelity.high, fidelity.factor
    most, epochs = 0, last / factor
    while epochs >= fidelity.low:
        most, epochs = most + 1, epochs / factor
    ends = math.ceil(1 + math.log(last, factor))
    made = []
    for s in reversed(range(most + 1)):
        sizes = tuple(math.ceil(ends / (s + 1) * factor ** (s - i)) for i in range(s + 1))
        made.append(
            Bracket(tuple(math.ceil(last / factor ** (s - i)) for i in range(s + 1)), sizes)
        )
    return tuple(made)


@dataclasses.dataclass(frozen=True)
class Schedule(HyperbandStrategy):
    """Hyperband in KerasTuner's brackets."""

    def brackets(self, fidelity: Fidelity) -> tuple[Bracket, ...]:
        """See `tfbo.strategies.Hyperband`."""
        return brackets(fidelity)

    def place(self, fidelity: Fidelity, trial: Trial) -> dict[str, Any]:
        """Bracket and round of a trial, as KerasTuner numbers them; nothing outside of a bracket."""
        index = trial.notes.get(BRACKET)
        if index is None:
            return {}
        made = self.brackets(fidelity)
        kind = index % len(made)
        steps = made[kind].steps
        passed = sum(step < (trial.until or 0) for step in steps)
        return {"tuner/bracket": len(made) - 1 - kind, "tuner/round": passed}
