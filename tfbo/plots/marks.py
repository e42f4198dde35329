"""The marks that all pictures share: observations, failed and unfinished trials, the best trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfbo.plots import style, ticks
from tfbo.plots.outcomes import Outcomes
from tfbo.plots.source import Source
from tfbo.trial import PAUSED, STOPPED, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# More crosses in a row than this run into each other; thin bars can still be told apart.
_MOST_CROSSES = 60


def observed(ax: Axes, x: np.ndarray, trials: Sequence[Trial], shown: Outcomes) -> None:
    """A mark for each complete trial, at `x` `[n]` and its value.

    Dots; diamonds for trials that are infeasible, or may be; triangles on the edge beyond the frame.
    """
    values = np.array([trial.value for trial in trials], float)
    look = style.dots(len(values))
    beyond = shown.beyond(values)
    good = ~beyond & np.array([trial.is_feasible is True for trial in trials], bool)
    if good.any() or not len(trials):
        ax.plot(
            x[good], values[good], "o", color=style.OBSERVED, alpha=look.alpha, markersize=look.size,
            markeredgewidth=0, label="trial", zorder=3.5,
        )  # fmt: skip
    inside = np.flatnonzero(~beyond).tolist()
    infeasible(ax, x[inside], values[inside], [trials[i] for i in inside])
    at_edge(ax, x, values, shown)


def infeasible(ax: Axes, x: np.ndarray, y: np.ndarray, trials: Sequence[Trial]) -> None:
    """A diamond for each trial `[n]` that is infeasible, and a grey one where that is not known."""
    look = style.dots(len(trials))
    for feasible, colour, label in (
        (False, style.BROKEN, "infeasible"),
        (None, style.GREY, "feasibility not known"),
    ):
        ours = np.array([trial.is_feasible is feasible for trial in trials], bool)
        if ours.any():
            ax.plot(
                x[ours], y[ours], "D", color=colour, markerfacecolor="white", alpha=max(look.alpha, 0.5),
                markersize=0.8 * look.size, markeredgewidth=0.9, label=f"{label} ({int(ours.sum())})",
                linestyle="none", zorder=3.2,
            )  # fmt: skip


def earlier(ax: Axes, x: np.ndarray, found: Source, shown: Outcomes) -> None:
    """A hollow mark for each trial paused or stopped, at `x` `[n]`: its value is of an earlier step.

    They are dots, and triangles on the edge for values beyond the frame.
    """
    look = style.dots(len(found.trials))
    values = np.array([trial.value for trial in found.earlier], float)
    for state in (STOPPED, PAUSED):
        ours = np.array([trial.state == state for trial in found.earlier], bool)
        beyond = ours & shown.beyond(values)
        if not ours.any():
            continue
        text = f"{state} before the end ({int(ours.sum())})"
        if beyond.any():
            text += f", beyond the frame: {int(beyond.sum())}"
        drawn: dict[str, Any] = {
            "color": style.STATES[state], "markerfacecolor": "none", "markersize": 0.8 * look.size,
            "markeredgewidth": 0.8, "alpha": look.alpha, "zorder": 2.2, "linestyle": "none",
        }  # fmt: skip
        ax.plot(x[ours & ~beyond], values[ours & ~beyond], marker="o", label=text, **drawn)
        for side, marker in ((values > shown.high, "^"), (values < shown.low, "v")):
            at = ours & side
            if at.any():  # none at all, not clipped, would take all the room of a layout
                ax.plot(x[at], shown.clip(values[at]), marker=marker, clip_on=False, **drawn)


def at_edge(
    ax: Axes, x: np.ndarray, values: np.ndarray, shown: Outcomes, colour: str = style.OBSERVED
) -> None:
    """A triangle on the edge for each of the values `[n]` beyond the frame, and how far they go."""
    look = style.dots(len(values))
    sides = (
        (values > shown.high, "^", "up to", np.max),
        (values < shown.low, "v", "down to", np.min),
    )
    for side, marker, towards, end in sides:
        if side.any():
            far = ticks.text(float(end(values[side])), 3)
            ax.plot(
                x[side], shown.clip(values[side]), marker, color=colour, alpha=look.alpha,
                markersize=max(look.size, 4.0), markeredgewidth=0, clip_on=False, zorder=2,
                label=f"beyond the frame ({int(side.sum())}), {towards} {far}", linestyle="none",
            )  # fmt: skip


def failed_along(ax: Axes, x: Sequence[float] | np.ndarray, count: int) -> None:
    """A cross at the bottom of the Axes for each failed trial, which has no value; `count` trials."""
    if len(x):
        ax.plot(
            x, [0.025] * len(x), "x" if len(x) <= _MOST_CROSSES else "|", color=style.VERMILLION,
            markersize=max(_cross(count), 5.0), markeredgewidth=1.2 if len(x) <= _MOST_CROSSES else 0.5,
            label=f"failed ({len(x)})", transform=ax.get_xaxis_transform(), zorder=2.5,
        )  # fmt: skip


def infeasible_along(ax: Axes, trials: Sequence[Trial]) -> None:
    """A diamond at the bottom of the Axes for each complete trial that breaks a constraint, by number."""
    ours = [trial.number for trial in trials if trial.is_feasible is False]
    if ours:
        ax.plot(
            ours, [0.025] * len(ours), "D", color=style.BROKEN, markerfacecolor="white", zorder=2.4,
            markersize=max(0.8 * style.dots(len(trials)).size, 2.5), markeredgewidth=0.9,
            linestyle="none", label=f"infeasible ({len(ours)})", transform=ax.get_xaxis_transform(),
        )  # fmt: skip


def failed_at(ax: Axes, x: Any, y: Any) -> None:
    """A cross for each failed trial at its place in the Axes."""
    if len(x):
        ax.plot(
            x, y, "x", color=style.VERMILLION, markersize=_cross(len(x)), label=f"failed ({len(x)})",
            markeredgewidth=1.2 if len(x) <= _MOST_CROSSES else 0.7, zorder=2.5, linestyle="none",
        )  # fmt: skip


def best(ax: Axes, x: float, y: float, label: str) -> None:
    """A star at the best trial."""
    ax.plot(
        [x], [y], "*", color=style.BEST, markersize=13, markeredgecolor="black", markeredgewidth=0.7,
        linestyle="none", label=label, zorder=5, clip_on=False,
    )  # fmt: skip


def _cross(count: int) -> float:
    return max(style.dots(count).size, 3.0)
