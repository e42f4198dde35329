"""The hypervolume of the front over the trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfbo.plots import marks, source, style, ticks
from tfbo.study import Study
from tfbo.trial import Goals, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def hypervolume(
    study: Study, *, reference: Mapping[str, float] | None = None, ax: Axes | None = None
) -> Axes:
    """The hypervolume of the front against the number of the trial: how much it dominates so far.

    Stars are trials that were on the front when they were told. Crosses at the bottom are failed trials,
    diamonds infeasible ones. The volume begins at one reference point for all trials, which is written
    below: that of the study, or what `Study.hypervolume` infers from the front of today.

    Args:
        study: of two objectives or more, with a complete trial.
        reference: by objective, the value at which the volume begins; that of the study if None.
        ax: the matplotlib Axes to draw on; new ones if None.

    Returns:
        The Axes.

    Raises:
        TooFewTrials: where no trial is complete.
        InvalidArgument: for a study of one objective, or a reference that lacks one.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.Study(space, objectives={"gain": "maximize", "cost": "minimize"}, seed=0)
        >>> for gain, cost in ((1.0, 1.0), (3.0, 2.0)):
        ...     study.tell(study.enqueue({"x": cost / 4.0}), {"gain": gain, "cost": cost})
        >>> axes = tfbo.plots.hypervolume(study, reference={"gain": 0.0, "cost": 4.0})
        >>> axes.lines[0].get_ydata().tolist()
        [3.0, 7.0, 7.0]
    """
    found = source.of(study, valued=False)
    goals = source.goals(found, "hypervolume")
    source.require(found, 1, "hypervolume")
    begin = _reference(study, goals, reference)
    ax = style.axes(ax)
    style.frame(ax)
    volumes, joined = _volumes(goals, found.complete, begin)
    end = max(len(found.trials) - 1, int(found.numbers[-1]))
    ax.step(
        [*found.numbers, end], [*volumes, volumes[-1]], where="post", color=style.OBSERVED, lw=2.0,
        label="hypervolume of the front", path_effects=style.outlined(3.5), zorder=3,
    )  # fmt: skip
    if joined.any():
        ax.plot(
            found.numbers[joined], volumes[joined], "*", color=style.BEST, markersize=10, linestyle="none",
            markeredgecolor="black", markeredgewidth=0.6, zorder=4,
            label=f"joined the front ({int(joined.sum())})",
        )  # fmt: skip
    marks.failed_along(ax, [trial.number for trial in found.failed], len(found.trials))
    marks.infeasible_along(ax, found.complete)
    high = float(volumes.max())
    ticks.linear(ax, "y", -0.06 * (high or 1.0), 1.06 * (high or 1.0))
    at = ", ".join(
        f"{style.shortened(name)} = {ticks.text(value)}" for name, value in begin.items()
    )
    below = (
        f"from {at} on"
        if high
        else "no complete trial is feasible, and better than the reference, yet"
    )
    style.labels(ax, f"trial\n{below}", "hypervolume")
    last = max(len(found.trials) - 1, 1)
    ax.set_xlim(-0.02 * last - 0.5, 1.02 * last + 0.5)
    style.whole(ax.xaxis)
    style.legend(ax)
    return ax


def _reference(
    study: Study, goals: Goals, given: Mapping[str, float] | None
) -> Mapping[str, float]:
    if given is None:
        point = goals.point(study.best_trials) * goals.signs
        return dict(zip(goals.names, point.tolist(), strict=True))
    study.hypervolume(given)  # which says what is wrong with it
    return given


def _volumes(
    goals: Goals, trials: Sequence[Trial], reference: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Hypervolumes `[n]` after each trial, and which trials `[n]` joined the front."""
    best: list[Trial] = []
    volumes, joined = np.zeros(len(trials)), np.zeros(len(trials), bool)
    for i, trial in enumerate(trials):
        joined[i] = goals.improves(trial, best)
        volumes[i] = volumes[i - 1] if i else 0.0
        if joined[i]:
            best = goals.front([*best, trial])
            volumes[i] = goals.hypervolume(best, reference)
    return volumes, joined
