"""The best value so far, of one study or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfbo.errors import invalid
from tfbo.plots import style
from tfbo.study import Study
from tfbo.trial import COMPLETE, FAILED

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def convergence(*studies: Study, labels: list[str] | None = None, ylabel: str = "value") -> Figure:
    """The best value so far against the trial number, one line a study, dots for the trials.

    The frame holds the better half of the trials; worse ones lie on its edge. Crosses at the bottom
    are failed trials.

    Args:
        studies: one or more, of one direction.
        labels: what to call them; their names if None.
        ylabel: what the value is.

    Returns:
        A matplotlib figure; `figure.savefig("convergence.png")` writes it. No global state of
        matplotlib is touched.

    Raises:
        InvalidArgument: for no study, or a number of labels that is not theirs.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
        >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=4, seed=0)
        >>> figure = tfbo.plots.convergence(study)
    """
    if not studies or not all(isinstance(study, Study) for study in studies):
        raise invalid("studies", "one Study or more", studies, "Pass them one by one.")
    names = [study.name for study in studies] if labels is None else list(labels)
    if len(names) != len(studies):
        raise invalid("labels", f"{len(studies)} texts", labels, "Give one for each study.")
    figure = style.figure(7.0, 4.2)
    axes = figure.subplots()
    low, high = _frame(studies)
    for study, name, colour in zip(studies, names, style.cycle(len(studies)), strict=True):
        trials = study.trials
        complete = [trial for trial in trials if trial.state == COMPLETE]
        numbers = [trial.number + 1 for trial in complete]
        values = np.array([trial.value for trial in complete], float)
        shown = np.clip(values, low, high)
        axes.plot(numbers, shown, "o", color=colour, alpha=0.35, markersize=4, markeredgewidth=0)
        better = np.minimum if study.direction == "minimize" else np.maximum
        best = np.clip(better.accumulate(values), low, high)
        axes.step(numbers, best, where="post", color=colour, lw=2, label=name)
        failed = [trial.number + 1 for trial in trials if trial.state == FAILED]
        bottom = [0.02] * len(failed)
        axes.plot(
            failed, bottom, "x", color=colour, markersize=5, transform=axes.get_xaxis_transform()
        )
    if low < high:
        axes.set_ylim(low, high)
    style.labels(axes, "trial", f"{ylabel} (line: best so far)")
    style.whole(axes.xaxis)
    style.frame(axes)
    if any(study.trials for study in studies):
        axes.legend(frameon=False)
    return figure


def _frame(studies: tuple[Study, ...]) -> tuple[float, float]:
    """Limits of the vertical axis: the better half of all values."""
    sign = 1.0 if studies[0].direction == "minimize" else -1.0
    values = [sign * t.value for s in studies for t in s.trials if t.value is not None]
    if not values:
        return 0.0, 0.0
    worst = float(np.quantile(values, 0.5 if len(values) > 4 else 1.0))
    best = min(values)
    margin = 0.06 * (worst - best)
    ends = sorted((sign * (best - margin), sign * (worst + margin)))
    return ends[0], ends[1]
