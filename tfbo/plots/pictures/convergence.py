"""The best value so far, of one study or several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tfbo.errors import invalid
from tfbo.plots import marks, outcomes, source, steps, style
from tfbo.study import Study
from tfbo.trial import Goal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def convergence(*studies: Study, labels: list[str] | None = None, ylabel: str = "value") -> Figure:
    """The best value so far against the trial number, one line a study, dots for the trials.

    Where all studies have a fidelity it is against the steps spent so far, on trials that were paused
    or stopped too, and a trial stands where it ended. The frame holds the better half of the trials;
    worse ones lie on its edge, as triangles. Crosses at the bottom are failed trials.

    Args:
        studies: one or more, of one direction.
        labels: what to call them; their names if None.
        ylabel: what the value is.

    Returns:
        A matplotlib figure; `figure.savefig("convergence.png")` writes it. No global state of
        matplotlib is touched.

    Raises:
        InvalidArgument: for no study, studies of both directions, or a number of labels that is not theirs.
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
    directions = {study.direction for study in studies}
    if len(directions) > 1:
        advice = "Draw those that minimise and those that maximise by themselves."
        raise invalid("studies", "studies of one direction", sorted(directions), advice)
    figure = style.figure(7.0, 4.2)
    axes = figure.subplots()
    shown = _frame(studies)
    stepwise = all(study.fidelity is not None for study in studies)
    for study, name, colour in zip(studies, names, style.cycle(len(studies)), strict=True):
        places = (
            steps.spending(study.trials) if stepwise else {t.number: t.number for t in study.trials}
        )
        _draw(axes, study, style.shortened(name, 40), colour, shown, places)
    if shown is None:
        axes.set_yticks([])
    else:
        axes.set_ylim(shown.low, shown.high)
    units = {steps.plural(study) for study in studies} if stepwise else set()
    across = f"{units.pop() if len(units) == 1 else 'steps'} spent" if stepwise else "trial"
    style.labels(axes, across, f"{ylabel} (line: best so far)")
    style.whole(axes.xaxis)
    style.frame(axes)
    style.legend(axes)
    return figure


def _draw(
    axes: Axes,
    study: Study,
    name: str,
    colour: str,
    shown: outcomes.Outcomes | None,
    places: Mapping[int, int],
) -> None:
    """One study: a dot, a mark on the edge or a cross for each trial, and the line of the best."""
    found = source.of(study)
    if shown is not None and found.complete:
        ended = sorted(found.complete, key=lambda trial: places[trial.number])
        across = np.array([places[trial.number] for trial in ended])
        values = np.array([trial.value for trial in ended], float)
        inside = ~shown.beyond(values)
        axes.plot(
            across[inside], values[inside], "o", color=colour, alpha=0.35, markersize=4,
            markeredgewidth=0,
        )  # fmt: skip
        counted = [
            value if t.is_feasible else np.nan for t, value in zip(ended, values, strict=True)
        ]
        best = shown.clip(found.goal.best_so_far(counted))
        last = max(places[t.number] for t in (*found.complete, *found.failed, *found.earlier))
        axes.step([*across, last], [*best, best[-1]], where="post", color=colour, lw=2, label=name)
        marks.at_edge(axes, across, values, shown, colour)
    failed = [places[trial.number] for trial in found.failed]
    if failed:
        axes.plot(
            failed, [0.02] * len(failed), "x", color=colour, markersize=5, linestyle="none",
            transform=axes.get_xaxis_transform(), label=f"failed ({len(failed)})",
        )  # fmt: skip


def _frame(studies: tuple[Study, ...]) -> outcomes.Outcomes | None:
    """The better half of all values; None without any."""
    goal = Goal(studies[0].direction)
    values = np.concatenate([source.of(study).values for study in studies])
    if not len(values):
        return None
    scores = goal.sign * values
    worst = float(np.quantile(scores, 0.5 if len(values) > 4 else 0.0))
    return outcomes.of(values[scores >= worst], goal)
