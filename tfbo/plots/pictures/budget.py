"""Steps that were spent on trials, by their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfbo.errors import TooFewTrials
from tfbo.plots import source, steps, style
from tfbo.study import Study
from tfbo.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ORDER = (COMPLETE, RUNNING, PAUSED, STOPPED, FAILED)
# Bars of so many trials have gaps between them.
_FEW = 60


def budget(study: Study, *, ax: Axes | None = None) -> Axes:
    """The steps spent on each trial, most first, by outcome, beside a full training of all of them.

    The bars' area is what was spent. The dashed line is a full training, so that the area above the
    bars is what was saved; the label below says so in numbers. Steps of a trial that started over
    count each time. Without a fidelity a full training is as long as the longest complete trial.

    Args:
        study: with a trial that was trained for a step or more.
        ax: the matplotlib Axes to draw on; new ones if None.

    Returns:
        The Axes.

    Raises:
        TooFewTrials: where no step was spent.
        InvalidArgument: for what is no study or no Axes.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.Study(space, seed=0)
        >>> for last in (8, 2):
        ...     trial = study.ask()
        ...     for step in range(1, last + 1):
        ...         _ = study.report(trial, step, trial.params["x"] / step)
        ...     study.tell(trial, trial.params["x"] / last, state="complete" if last == 8 else "stopped")
        >>> axes = tfbo.plots.budget(study)
        >>> axes.get_xlabel().splitlines()[1]
        '10 steps spent, 62 % of the 16 that training all to the end would take'
    """
    found = source.of(study, valued=False)
    trained = [trial for trial in found.trials if trial.trained > 0]
    if not trained:
        raise TooFewTrials(
            f"budget needs a trial with steps, and the study {study.name!r} has none "
            f"({len(found.trials)} trials in all). Give it a fidelity, or report points of curves: "
            "study.report(trial, step, value)."
        )
    trained.sort(key=lambda trial: (-trial.trained, _ORDER.index(trial.state), trial.number))
    heights = np.array([trial.trained for trial in trained])
    full = _full(found, trained)
    ax = style.axes(ax)
    style.frame(ax)
    for state in _ORDER:
        ours = np.array([trial.state == state for trial in trained])
        if ours.any():
            share = 100.0 * heights[ours].sum() / heights.sum()
            ax.bar(
                np.flatnonzero(ours) + 1, heights[ours], width=0.85 if len(trained) <= _FEW else 1.0,
                color=style.STATES[state], linewidth=0.0,
                label=f"{state} ({int(ours.sum())}): {heights[ours].sum():,}, {share:.0f} %",
            )  # fmt: skip
    ax.axhline(full, color="black", lw=1.0, ls=(0, (4, 3)), label=f"full training: {full:,}")
    names = steps.plural(study)
    said = _said(trained, heights, full, names)
    style.labels(ax, f"trials, most trained first\n{said}", f"{style.shortened(names)} spent")
    ax.set_xlim(0.4, len(trained) + 0.6)
    ax.set_ylim(0.0, 1.06 * max(full, int(heights.max())))
    style.whole(ax.xaxis)
    style.legend(ax)
    return ax


def _full(found: source.Source, trained: Sequence[Trial]) -> int:
    """Steps of a full training; without a fidelity, of the longest complete trial, or of any."""
    if found.study.fidelity is not None:
        return found.study.fidelity.high
    ends = [trial.trained for trial in found.complete]
    return max(ends, default=0) or max(trial.trained for trial in trained)


def _said(trained: Sequence[Trial], heights: np.ndarray, full: int, names: str) -> str:
    """The steps spent beside those of full trainings, in words; a trial that failed would do so again."""
    costs = [
        int(height) if trial.state == FAILED else full
        for trial, height in zip(trained, heights, strict=True)
    ]
    total, all_of_it = int(heights.sum()), sum(costs)
    return (
        f"{total:,} {names} spent, {100.0 * total / all_of_it:.0f} % of the {all_of_it:,} that training "
        "all to the end would take"
    )
