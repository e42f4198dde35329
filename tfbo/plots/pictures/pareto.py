"""The trade-off between objectives: the front, and what lies behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfbo.errors import invalid
from tfbo.plots import fronts, marks, outcomes, source, style
from tfbo.study import Study
from tfbo.trial import Goals, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More objectives than these are not told apart in one picture.
_FEWEST, _MOST = 2, 3
# Points of the front so many, or fewer, have the numbers of their trials beside them.
_NUMBERED = 12
_GRID = 400
# Half the width of a normal distribution's central 90 %, in standard deviations.
_90 = 1.6448536269514722
# Feasible trials have to have so much of the frame.
_PRESSED = 0.33
# Expected trade-offs of a third objective, each with lines across, hide each other.
_EXPECTED = 25


class _Frames(NamedTuple):
    """The objectives that are drawn, and the frame of each."""

    goals: Goals
    shown: tuple[outcomes.Outcomes, ...]

    def places(self, values: np.ndarray) -> np.ndarray:
        """Values `[n, m]` moved to the edges of the frames."""
        return np.column_stack([one.clip(values[:, i]) for i, one in enumerate(self.shown)])


def pareto(study: Study, names: Sequence[str] | None = None, *, ax: Axes | None = None) -> Axes:
    """The trials by two objectives, and by a third as a colour: the front, and those behind it.

    Stars are trials of the front, the best compromises: no other feasible trial is as good in all
    objectives of the study and better in one. Dots are dominated by one of them, diamonds break
    constraints. With two objectives the line joins what the front dominates. In green is the front as the
    surrogate expects it, of configurations that are probably feasible: of two objectives the median over
    draws, and a band that holds it with a probability of 90 % at each place; of three the points on the
    front of the means, with intervals of 90 %.

    Args:
        study: of two objectives or more, with a complete trial.
        names: of the objectives across and up, and of a third as a colour (darker is better); all of them
            if None. Of more than three, name two or three.
        ax: the matplotlib Axes to draw on; new ones if None. Room for a colour bar is taken from it.

    Returns:
        The Axes.

    Raises:
        TooFewTrials: where no trial is complete.
        InvalidArgument: for a study of one objective, or of more than three without names of some, and for
            names that it does not have.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.Study(space, objectives={"gain": "maximize", "cost": "minimize"}, seed=0)
        >>> for x in (0.2, 0.5, 0.8):
        ...     study.tell(study.enqueue({"x": x}), {"gain": x**0.5, "cost": x})
        >>> axes = tfbo.plots.pareto(study)
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('gain (maximise)', 'cost (minimise)')
    """
    found = source.of(study, valued=False)
    goals = source.goals(found, "pareto")
    drawn = _goals(goals, names)
    source.require(found, 1, "pareto")
    ax = style.axes(ax, 6.6, 4.8)
    best = study.best_trials
    frames = _Frames(drawn, _shown(drawn, found.complete))
    style.frame(ax, grid="both")
    for which, one, label in zip("xy", frames.shown, source.labels(drawn), strict=False):
        one.dress(ax, which)
        style.labels(ax, **{which: style.shortened(label, 40)})
    if len(goals.names) <= _MOST and len(drawn.names) == len(goals.names):
        _draw_model(ax, study, frames, best)
    _draw_trials(ax, found.complete, best, frames)
    if goals.names == drawn.names and goals.reference is not None:
        _draw_reference(ax, goals, frames)
    style.legend(ax)
    remark = _remark(found, best, frames)
    if remark:
        style.labels(ax, f"{ax.get_xlabel()}\n{remark}")
    return ax


def _goals(goals: Goals, names: Sequence[str] | None) -> Goals:
    """The objectives to draw; InvalidArgument for names that are not theirs, or too many."""
    there = f"There are: {', '.join(map(repr, goals.names))}."
    given = goals.names if names is None else names
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise invalid("names", "a list of names of objectives", names, there)
    for name in given:
        if name not in goals.names:
            raise invalid("names", "names of objectives", name, there)
    if not _FEWEST <= len(set(given)) <= _MOST or len(set(given)) < len(given):
        raise invalid(
            "names", "two or three objectives", list(given), f"Name two or three. {there}"
        )
    return Goals(tuple(given), tuple(goals.directions[goals.names.index(name)] for name in given))


def _values(trials: Sequence[Trial], goals: Goals) -> np.ndarray:
    """Values `[n, m]` of complete trials."""
    return goals.scores(trials) * goals.signs


def _shown(goals: Goals, trials: Sequence[Trial]) -> tuple[outcomes.Outcomes, ...]:
    """The frame of each objective: of all trials, or of feasible ones where that presses them."""
    feasible = [trial for trial in trials if trial.is_feasible]
    every, values = _values(trials, goals), _values(feasible or trials, goals)
    shown = []
    for i, goal in enumerate(goals.goals):
        one = outcomes.of(every[:, i], goal)
        pressed = np.ptp(one.unit(values[:, i])) < _PRESSED
        shown.append(outcomes.of(values[:, i], goal, every[:, i]) if pressed else one)
    return tuple(shown)


def _draw_trials(ax: Axes, trials: Sequence[Trial], best: Sequence[Trial], frames: _Frames) -> None:
    on = {trial.number for trial in best}
    behind = [trial for trial in trials if trial.is_feasible and trial.number not in on]
    others = [trial for trial in trials if not trial.is_feasible]
    look = style.dots(len(trials))
    colour = _Colour(ax, frames) if len(frames.shown) == _MOST and best else None
    if behind:
        values = frames.places(_values(behind, frames.goals))
        dots: dict[str, Any] = {"label": f"dominated ({len(behind)})", "zorder": 2.5, "lw": 0.0}
        paint: dict[str, Any] = (
            {"color": style.OBSERVED} if colour is None else colour.of(values[:, 2])
        )
        ax.scatter(values[:, 0], values[:, 1], s=look.size**2, alpha=look.alpha, **dots, **paint)
    if others:
        values = frames.places(_values(others, frames.goals))
        marks.infeasible(ax, values[:, 0], values[:, 1], others)
    if not best:
        return
    values = frames.places(_values(best, frames.goals))
    if colour is None:
        _draw_staircase(ax, values, frames)
    paint = {"color": style.BEST} if colour is None else colour.of(values[:, 2])
    ax.scatter(
        values[:, 0], values[:, 1], s=110.0, marker="*", edgecolor="black", lw=0.7, zorder=5, clip_on=False,
        label=f"front ({len(best)})", **paint,
    )  # fmt: skip
    if len(best) <= _NUMBERED:
        for trial, (x, y) in zip(best, values[:, :2], strict=True):
            ax.annotate(
                str(trial.number), (x, y), xytext=(5.0, 5.0), textcoords="offset points",
                fontsize=style.SMALL - 0.5, zorder=6, path_effects=style.outlined(2.0),
            )  # fmt: skip


class _Colour:
    """Colours of a third objective, darker is better, and their bar."""

    def __init__(self, ax: Axes, frames: _Frames) -> None:
        from matplotlib import cm, colors

        one, goal = frames.shown[2], frames.goals.goals[2]
        self.norm = (colors.LogNorm if one.log else colors.Normalize)(one.low, one.high)
        self.cmap = "viridis_r" if goal.sign > 0.0 else "viridis"
        bar = ax.figure.colorbar(cm.ScalarMappable(self.norm, self.cmap), ax=ax, pad=0.02)
        label = style.shortened(source.labels(frames.goals)[2], 40)
        bar.set_label(label, fontsize=style.NORMAL, parse_math=False)
        bar.ax.tick_params(labelsize=style.SMALL, color=style.GREY)
        bar.outline.set_visible(False)

    def of(self, values: np.ndarray) -> dict[str, Any]:
        """The arguments of a scatter that paint values `[n]`."""
        return {"c": values, "cmap": self.cmap, "norm": self.norm}


def _draw_staircase(ax: Axes, values: np.ndarray, frames: _Frames) -> None:
    corners = fronts.staircase(values * frames.goals.signs, _worst(frames)) * frames.goals.signs
    ax.plot(*corners.T, color=style.BEST, lw=1.6, zorder=3, path_effects=style.outlined(3.0))


def _worst(frames: _Frames) -> np.ndarray:
    """The corner of the frame where all is worst, in scores."""
    signs = frames.goals.signs
    return np.array(
        [min(s * one.low, s * one.high) for s, one in zip(signs, frames.shown, strict=True)]
    )


def _draw_model(ax: Axes, study: Study, frames: _Frames, best: Sequence[Trial]) -> None:
    found = fronts.modelled(study, frames.goals, best)
    if found is None:
        return
    if len(frames.shown) == _MOST:
        _draw_expected(ax, found, frames)
        return
    signs = frames.goals.signs
    one, two = frames.shown
    space = np.geomspace if one.log else np.linspace
    grid = space(one.low, one.high, _GRID)
    curves = np.array([fronts.attained(draw * signs, grid * signs[0]) for draw in found.draws])
    # What no configuration attains is as bad as can be.
    curves = np.where(np.isfinite(curves), curves, -1e300)
    worse, middle, better = np.quantile(curves, [0.05, 0.5, 0.95], axis=0)
    edges = [two.nearby(signs[1] * curve) for curve in (worse, middle, better)]
    ax.fill_between(
        grid, edges[0], edges[2], color=style.MODEL, alpha=0.2, lw=0.0, zorder=1,
        label="front of the surrogate, 90 % band",
    )  # fmt: skip
    ax.plot(grid, edges[1], color=style.MODEL, lw=1.6, zorder=1.5)


def _draw_expected(ax: Axes, found: fronts.ModelledFront, frames: _Frames) -> None:
    """The front of the means, thinned, with intervals across and up."""
    inside = ~np.any([o.beyond(found.mean[:, i]) for i, o in enumerate(frames.shown)], axis=0)
    mean, std = found.mean[inside], found.std[inside]
    order = np.argsort(mean[:, 0])
    if len(order) > _EXPECTED:
        order = order[np.linspace(0, len(order) - 1, _EXPECTED).round().astype(int)]
    x, y = mean[order, 0], mean[order, 1]
    look: dict[str, Any] = {"color": style.MODEL, "lw": 0.8, "alpha": 0.45, "zorder": 1.5}
    ends = [
        frames.shown[i].clip(mean[order, i] + s * _90 * std[order, i])
        for i in (0, 1)
        for s in (-1, 1)
    ]
    ax.hlines(y, ends[0], ends[1], **look)
    ax.vlines(x, ends[2], ends[3], **look)
    ax.plot(
        x, y, "s", color=style.MODEL, markersize=3.5, markeredgewidth=0.0, zorder=2, linestyle="none",
        label="front of the surrogate, 90 % intervals",
    )  # fmt: skip


def _draw_reference(ax: Axes, goals: Goals, frames: _Frames) -> None:
    """A cross at the reference point of the study, where it lies in the frame."""
    assert goals.reference is not None
    point = np.array([goals.reference])
    if (frames.places(point) == point)[0, :2].all():
        ax.plot(
            *point[0, :2], "P", color="white", markeredgecolor="black", markersize=7, zorder=4,
            linestyle="none", label="reference",
        )  # fmt: skip


def _remark(found: source.Source, best: Sequence[Trial], frames: _Frames) -> str:
    if not best:
        return "no complete trial is feasible yet"
    values = _values(found.complete, frames.goals)
    beyond = np.any([one.beyond(values[:, i]) for i, one in enumerate(frames.shown)], axis=0)
    count = int(beyond.sum())
    return (
        f"{count} {'trial' if count == 1 else 'trials'} on the edge of the frame" if count else ""
    )
