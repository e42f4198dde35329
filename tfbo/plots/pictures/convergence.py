"""The best value so far, of one study or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfbo.errors import invalid
from tfbo.plots import marks, outcomes, source, steps, style
from tfbo.study import Study
from tfbo.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def convergence(
    *studies: Study,
    labels: list[str] | None = None,
    ylabel: str | None = None,
    objective: str | None = None,
) -> Figure:
    """The best value so far against the trial number, one line a study, dots for the trials.

    Where all studies have a fidelity it is against the steps spent so far, on trials that were paused
    or stopped too, and a trial stands where it ended. The frame holds the better half of the trials;
    worse ones lie on its edge, as triangles. Crosses at the bottom are failed trials. Diamonds are trials
    that break constraints, which count for no best so far.

    Args:
        studies: one or more, of one direction.
        labels: what to call them; their names if None.
        ylabel: what the value is; the name of the objective if None.
        objective: which one is drawn, of studies with several; see `hypervolume` for all together.

    Returns:
        A matplotlib figure; `figure.savefig("convergence.png")` writes it. No global state of
        matplotlib is touched.

    Raises:
        InvalidArgument: for no study, studies of both directions, or a number of labels that is not theirs;
            and of several objectives without the name of one.
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
    sources = [source.of(study, objective=objective) for study in studies]
    directions = {found.goal.direction for found in sources}
    if len(directions) > 1:
        advice = "Draw those that minimise and those that maximise by themselves."
        raise invalid("studies", "studies of one direction", sorted(directions), advice)
    figure = style.figure(7.0, 4.2)
    axes = figure.subplots()
    shown = _frame(sources)
    stepwise = all(study.fidelity is not None for study in studies)
    for found, name, colour in zip(sources, names, style.cycle(len(studies)), strict=True):
        places = (
            steps.spending(found.trials) if stepwise else {t.number: t.number for t in found.trials}
        )
        _draw(axes, found, style.shortened(name, 40), colour, shown, places)
    if shown is None:
        axes.set_yticks([])
    else:
        axes.set_ylim(shown.low, shown.high)
    units = {steps.plural(study) for study in studies} if stepwise else set()
    across = f"{units.pop() if len(units) == 1 else 'steps'} spent" if stepwise else "trial"
    what = ylabel or style.shortened(sources[0].name)
    style.labels(axes, across, f"{what} (line: best so far)")
    style.whole(axes.xaxis)
    style.frame(axes)
    style.legend(axes)
    return figure


def _draw(
    axes: Axes,
    found: source.Source,
    name: str,
    colour: str,
    shown: outcomes.Outcomes | None,
    places: Mapping[int, int],
) -> None:
    """One study: a dot, a mark on the edge or a cross for each trial, and the line of the best."""
    if shown is not None and found.complete:
        ended = sorted(found.complete, key=lambda trial: places[trial.number])
        across = np.array([places[trial.number] for trial in ended])
        values = np.array([trial.value for trial in ended], float)
        inside = ~shown.beyond(values)
        good = np.array([trial.is_feasible is True for trial in ended])
        axes.plot(
            across[inside & good], values[inside & good], "o", color=colour, alpha=0.35, markersize=4,
            markeredgewidth=0,
        )  # fmt: skip
        counted = [
            value if t.is_feasible else np.nan for t, value in zip(ended, values, strict=True)
        ]
        best = shown.clip(found.goal.best_so_far(counted))
        last = max(places[t.number] for t in (*found.complete, *found.failed, *found.earlier))
        axes.step([*across, last], [*best, best[-1]], where="post", color=colour, lw=2, label=name)
        if (inside & ~good).any():
            axes.plot(
                across[inside & ~good], values[inside & ~good], "D", color=colour, alpha=0.6,
                markersize=3.5, markerfacecolor="white", markeredgewidth=0.8, linestyle="none",
                label=f"{_why(ended)} ({int((~good).sum())})",
            )  # fmt: skip
        marks.at_edge(axes, across, values, shown, colour)
    failed = [places[trial.number] for trial in found.failed]
    if failed:
        axes.plot(
            failed, [0.02] * len(failed), "x", color=colour, markersize=5, linestyle="none",
            transform=axes.get_xaxis_transform(), label=f"failed ({len(failed)})",
        )  # fmt: skip


def _why(trials: Sequence[Trial]) -> str:
    """Words for trials that do not count."""
    unknown = any(trial.is_feasible is None for trial in trials)
    return "not known to be feasible" if unknown else "infeasible"


def _frame(sources: Sequence[source.Source]) -> outcomes.Outcomes | None:
    """The better half of all values that count; None without any."""
    goal = sources[0].goal
    counted = np.concatenate([found.counted for found in sources])
    every = np.concatenate([found.values for found in sources])
    if not len(every):
        return None
    good = np.isfinite(counted)
    values = counted[good] if good.any() else every
    scores = goal.sign * values
    worst = float(np.quantile(scores, 0.5 if len(values) > 4 else 0.0))
    return outcomes.of(values[scores >= worst], goal, every[~good])
