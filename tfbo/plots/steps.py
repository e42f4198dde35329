"""The steps of learning curves: their axis, the points of a curve, and what was spent."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfbo.plots import style, ticks
from tfbo.plots.source import Source
from tfbo.study import Study
from tfbo.trial import PAUSED, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where half of the curves end before this share of the steps, a logarithmic axis shows them.
_SHORT = 0.25
_STEP = "step"


@dataclasses.dataclass(frozen=True)
class StepAxis:
    """The axis of steps, from the first to `last`."""

    name: str
    last: int
    log: bool
    rungs: tuple[int, ...] = ()
    """Steps at which trials are compared, where the study has a fidelity."""

    def dress(self, ax: Axes) -> None:
        """Give the axis "x" its scale, limits, ticks and label."""
        if self.log:
            ticks.logarithmic(ax, "x", 0.93, 1.06 * self.last)
            ax.set_xticks(self._marked(), [str(step) for step in self._marked()])
            ax.minorticks_off()
        else:
            margin = max(0.02 * self.last, 0.2)
            ticks.linear(ax, "x", 1.0 - margin, self.last + margin, whole=True)
        style.labels(ax, style.shortened(self.name, 36))

    def _marked(self) -> list[int]:
        """Steps with a tick on a logarithmic axis: the rungs, or round ones and the last."""
        if self.rungs:
            return sorted({1, *self.rungs})
        rounded = ticks.round_numbers(1.0, float(self.last), log=True, whole=True)
        return sorted({*(round(step) for step in rounded if step < 0.7 * self.last), self.last})


def of(found: Source, trials: Sequence[Trial]) -> StepAxis:
    """The axis of steps of trials with curves, one or more."""
    ends = [max(trial.curve) for trial in trials]
    fidelity = found.study.fidelity
    last = max(ends) if fidelity is None else max(fidelity.high, *ends)
    log = last >= 9 and float(np.median(ends)) < _SHORT * last
    if fidelity is None:
        return StepAxis(_STEP, last, log)
    return StepAxis(fidelity.name, last, log, fidelity.rungs)


def points(trial: Trial) -> np.ndarray:
    """Steps and values `[k, 2]` of a curve in order; NaN where a value is not finite."""
    if not trial.curve:
        return np.empty((0, 2))
    rows = np.array(list(trial.curve.items()), float)
    return np.where(np.isfinite(rows), rows, np.nan)


def pieces(curve: np.ndarray) -> list[np.ndarray]:
    """The parts of a curve `[k, 2]` between its NaN, each with a point or more."""
    known = np.isfinite(curve[:, 1])
    parts = itertools.groupby(range(len(curve)), key=lambda i: known[i])
    return [curve[list(part)] for there, part in parts if there]


def spending(trials: Sequence[Trial]) -> dict[int, int]:
    """Steps spent on all trials of a study when each trial with an outcome ended, by number.

    Only the last run of a trial has its time. Earlier runs count from when the trial began, which is
    no later than the start of any trial with a higher number: never later than they were.
    """
    begun: dict[int, float] = {}
    earliest = float("inf")
    for trial in reversed(trials):
        earliest = min(earliest, earliest if trial.started is None else trial.started)
        begun[trial.number] = earliest
    events: list[tuple[float, int, int]] = []
    for trial in trials:
        if trial.is_finished or trial.state == PAUSED:
            run = min(trial.trained, max(0, (trial.reached or 0) - (trial.start or 0)))
            began = begun[trial.number]
            events.append((began, -1, trial.trained - run))
            events.append((began if trial.finished is None else trial.finished, trial.number, run))
    total, found = 0, {}
    for _, number, steps in sorted(events):
        total += steps
        found[number] = total
    found.pop(-1, None)
    return found


def plural(study: Study) -> str:
    """The name of many steps of a study: "epochs", "steps"."""
    return f"{_STEP}s" if study.fidelity is None else study.fidelity.steps
