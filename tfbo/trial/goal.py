"""The goal of a search, which compares values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from tfbo import _arguments
from tfbo.errors import invalid
from tfbo.trial.trial import COMPLETE, Trial

DIRECTIONS = MINIMIZE, MAXIMIZE = "minimize", "maximize"


def direction_of(given: Any, argument: str = "direction") -> str:
    """The direction that an argument names; InvalidArgument says what may be meant."""
    found = _arguments.plain(given)
    if isinstance(found, str) and found in DIRECTIONS:
        return found
    meant = [word for word in DIRECTIONS if str(found).lower().startswith(word[:3])]
    advice = f"Write {argument}={meant[0]!r}." if meant else "Pick one of the two."
    raise invalid(argument, '"minimize" or "maximize"', given, advice)


@dataclasses.dataclass(frozen=True)
class Goal:
    """Aim of a search: the direction in which a value is better.

    Args:
        direction: "minimize" or "maximize".

    Example:
        >>> Goal("maximize").better(0.9, than=0.8), Goal("minimize").best_so_far([3.0, 5.0, 2.0])
        (True, [3.0, 3.0, 2.0])
    """

    direction: str

    @property
    def sign(self) -> float:
        """Factor of values, 1 or -1: larger is better of the product."""
        return 1.0 if self.direction == MAXIMIZE else -1.0

    def better(self, value: float | None, than: float | None) -> bool:
        """True where a value is strictly better; NaN, infinities and None are worse than any number."""
        return self.score(value) > self.score(than)

    def best_so_far(self, values: Iterable[float]) -> list[float]:
        """The best of the values up to each of them."""

        def best(known: float, value: float) -> float:
            return value if self.better(value, than=known) else known

        return list(accumulate(values, best))

    def rank(self, trial: Trial) -> tuple[float, int]:
        """Key that sorts complete trials best first, equal ones by number, and then all others.

        The value of a trial that was paused or stopped is of an earlier step, and one that is not known
        to be feasible is not to be had: these are no better or worse.
        """
        value = trial.value if trial.state == COMPLETE and trial.is_feasible else None
        return -self.score(value), trial.number

    def front(self, trials: Iterable[Trial]) -> list[Trial]:
        """The feasible complete trial of the best value, as a list of one; without any, none."""
        counted = (trial for trial in trials if trial.state == COMPLETE and trial.is_feasible)
        best = min(counted, key=self.rank, default=None)
        return [] if best is None else [best]

    def improves(self, trial: Trial, best: Sequence[Trial]) -> bool:
        """True for a feasible complete trial whose value is better than that of the `front`."""
        if trial.state != COMPLETE or not trial.is_feasible:
            return False
        return self.better(trial.value, than=best[0].value if best else None)

    def summary(self, best: Sequence[Trial]) -> str:
        """The `front` in words: `best 0.97`."""
        return f"best {best[0].value:.6g}" if best else "none feasible"

    def target(self, given: Any) -> float:
        """A value to reach; InvalidArgument for anything else."""
        return _arguments.number("target", given, "Leave it out for no such limit.")

    def reaches(self, target: float, best: Sequence[Trial]) -> bool:
        """True where the trial of a `front` is as good as a target."""
        return bool(best) and not self.better(target, than=best[0].value)

    def score(self, value: float | None) -> float:
        """The value, turned so that larger is better; -inf for NaN, infinities and None."""
        return -math.inf if value is None or not math.isfinite(value) else self.sign * value
