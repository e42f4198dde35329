"""The marks that all pictures share: observations, failed and unfinished trials, the best trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfbo.plots import style, ticks
from tfbo.plots.outcomes import Outcomes
from tfbo.plots.source import Source
from tfbo.trial import PAUSED, STOPPED

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# More crosses in a row than this run into each other; thin bars can still be told apart.
_MOST_CROSSES = 60


def observed(ax: Axes, x: np.ndarray, values: np.ndarray, shown: Outcomes) -> None:
    """A dot for each value `[n]` at `x` `[n]`; a triangle on the edge for one beyond the frame."""
    look = style.dots(len(values))
    beyond = shown.beyond(values)
    ax.plot(
        x[~beyond], values[~beyond], "o", color=style.OBSERVED, alpha=look.alpha, markersize=look.size,
        markeredgewidth=0, label="trial", zorder=3.5,
    )  # fmt: skip
    at_edge(ax, x, values, shown)


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
