"""Values in the order of the trials, and the best so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfbo.plots import marks, outcomes, source, style
from tfbo.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def history(study: Study, *, objective: str | None = None, ax: Axes | None = None) -> Axes:
    """The value of each trial and the best so far, against the number of the trial.

    Positive values that span two orders of magnitude or more are on a logarithmic axis. A few values
    that are far off all others lie on the edge of the frame, as triangles, and the legend says how far.
    Crosses at the bottom are failed trials. Hollow dots are trials paused or stopped: their values are
    of an earlier step, and count for no best so far; nor do trials that break constraints, which are
    diamonds. Where standard errors were told, thin lines show one of them on each side.

    Args:
        study: with a finished trial or more.
        objective: which one is drawn, of several; None where the study has one.
        ax: the matplotlib Axes to draw on; new ones if None.

    Returns:
        The Axes.

    Raises:
        TooFewTrials: where no trial is finished.
        InvalidArgument: for what is no study or no Axes, and of several objectives without the name of one.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
        >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=4, seed=0)
        >>> axes = tfbo.plots.history(study)
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('trial', 'value (minimise)')
    """
    found = source.of(study, objective=objective)
    source.require_finished(found, "history")
    ax = style.axes(ax)
    style.frame(ax)
    style.labels(ax, "trial", found.label)
    if found.complete or found.earlier:
        _draw_values(ax, found)
    else:
        ax.set_yticks([])
    marks.failed_along(ax, [trial.number for trial in found.failed], len(found.trials))
    last = max(len(found.trials) - 1, 1)
    ax.set_xlim(-0.02 * last - 0.5, 1.02 * last + 0.5)
    style.whole(ax.xaxis)
    style.legend(ax)
    return ax


def _draw_values(ax: Axes, found: source.Source) -> None:
    values = found.values
    before = [trial.value for trial in found.earlier]
    shown = (
        outcomes.of(values, found.goal, before) if len(values) else outcomes.of(before, found.goal)
    )
    shown.dress(ax, "y")
    marks.earlier(ax, np.array([trial.number for trial in found.earlier]), found, shown)
    if found.complete:
        _draw_complete(ax, found, shown)


def _draw_complete(ax: Axes, found: source.Source, shown: outcomes.Outcomes) -> None:
    numbers, values = found.numbers, found.values
    errors = np.array([trial.std or 0.0 for trial in found.complete])
    told = errors > 0.0
    if told.any():
        ends = shown.clip(values - errors)[told], shown.clip(values + errors)[told]
        ax.vlines(numbers[told], *ends, color=style.OBSERVED, lw=0.8, alpha=0.4)
    marks.observed(ax, numbers, found.complete, shown)
    trial = found.best()
    if trial is not None:
        best = shown.clip(found.goal.best_so_far(found.counted))
        end = max(len(found.trials) - 1, numbers[-1])
        ax.step(
            [*numbers, end], [*best, best[-1]], where="post", color=style.OBSERVED, lw=2.0,
            label="best so far", path_effects=style.outlined(3.5), zorder=3,
        )  # fmt: skip
        marks.best(
            ax, trial.number, shown.clip(trial.value).item(), f"best value: trial {trial.number}"
        )
