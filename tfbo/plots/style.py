"""Style of every picture: its colours, sizes and frame, in this one place."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfbo.errors import invalid
from tfbo.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

# Colours that stay apart for every kind of colour vision: Okabe and Ito (2008), "Color universal
# design", https://jfly.uni-koeln.de/color.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY = "#E69F00", "#56B4E9", "#8c8c8c"

OBSERVED, MODEL, BEST, BROKEN = BLUE, GREEN, ORANGE, VERMILLION
STATES = {COMPLETE: BLUE, STOPPED: GREY, PAUSED: PURPLE, FAILED: VERMILLION, RUNNING: SKY}
SERIES = (BLUE, VERMILLION, GREEN, PURPLE)

SMALL, NORMAL = 8.0, 9.5
_GRID = "#e4e4e4"
_DPI = 150
# Inches of a legend that a mark takes with the gaps around it, and a letter of the small size.
_MARK, _LETTER = 0.5, 0.062
# Inches to the left of Axes, for their labels.
_LEFT = 0.7


class Dots(NamedTuple):
    """Dots of many observations that can be told apart."""

    size: float
    """Diameter in points."""
    alpha: float


def dots(count: int) -> Dots:
    """Dots that are smaller and fainter the more there are: 5.7 points at 30 observations, 2.1 at 3,000."""
    count = max(count, 1)
    return Dots(
        float(np.clip(12.0 / count**0.22, 2.0, 6.0)), float(np.clip(4.0 / count**0.35, 0.25, 0.8))
    )


def jitter(numbers: Any, width: float) -> np.ndarray:
    """Shifts `[n]` in (-width / 2, width / 2) of trials by their numbers, always the same ones."""
    golden = 0.6180339887498949  # multiples of it, modulo 1, spread most evenly
    return width * ((np.asarray(numbers, float) * golden) % 1.0 - 0.5)


def figure(width: float, height: float) -> Figure:
    """A figure of that size in inches that pyplot knows nothing of."""
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained")


def require_matplotlib() -> None:
    """Raise an ImportError that says what to install, where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "tfbo[plot]"') from None


def axes(ax: Axes | None, width: float = 7.0, height: float = 4.2) -> Axes:
    """The Axes to draw on: the given ones, or new ones; InvalidArgument for anything else."""
    if ax is None:
        return figure(width, height).subplots()
    require_matplotlib()
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        advice = "Take one of plt.subplots(), or leave it out."
        raise invalid("ax", "the Axes of matplotlib to draw on", ax, advice)
    return ax


def frame(ax: Axes, grid: str = "y") -> None:
    """Two spines, small ticks and a faint grid behind everything; `grid` is "x", "y", "both" or ""."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(which="both", labelsize=SMALL, color=GREY)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(axis=grid, which="major", color=_GRID, lw=0.8)  # type: ignore[arg-type]


def whole(axis: Axis) -> None:
    """Ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", integer=True, steps=(1, 2, 5, 10)))


def labels(ax: Axes, x: str | None = None, y: str | None = None) -> None:
    """Texts beside the axes, in which a dollar sign is a dollar sign."""
    if x is not None:
        ax.set_xlabel(x, fontsize=NORMAL, parse_math=False)
    if y is not None:
        ax.set_ylabel(y, fontsize=NORMAL, parse_math=False)


def note(ax: Axes, text: str) -> None:
    """A remark above the right corner of the Axes."""
    ax.set_title(text, loc="right", fontsize=SMALL, color=GREY, parse_math=False)


def legend(ax: Axes) -> None:
    """Write a legend above the Axes, where it hides nothing, in as few rows as their width allows."""
    handles, names = ax.get_legend_handles_labels()
    if handles:
        place = ax.get_subplotspec()
        beside = 1 if place is None else place.get_gridspec().ncols
        inches = ax.figure.bbox.width / ax.figure.dpi / beside
        columns = legend_columns(names, inches - _LEFT)
        drawn = ax.legend(
            handles, names, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=columns,
            frameon=False, fontsize=SMALL, borderaxespad=0.2, handletextpad=0.5, columnspacing=1.2,
        )  # fmt: skip
        legible(drawn)


def legend_columns(names: Sequence[str], inches: float) -> int:
    """Number of columns of these texts, each with a mark before it, that fit side by side."""
    for columns in range(len(names), 1, -1):
        parts = np.array_split(np.array([len(name) for name in names]), columns)
        if sum(_MARK + _LETTER * int(part.max()) for part in parts) <= inches:
            return columns
    return 1


def legible(drawn: Legend) -> None:
    """Marks of a legend that can be seen, however small and faint they are in the picture."""
    for handle in drawn.legend_handles:
        if handle is not None and not hasattr(handle, "get_facecolor"):
            handle.set_alpha(1.0)
            handle.set_markersize(np.clip(handle.get_markersize(), 5.0, 10.0))  # type: ignore[attr-defined]
            if handle.get_marker() == "|":  # type: ignore[attr-defined]
                handle.set_markeredgewidth(1.2)  # type: ignore[attr-defined]


def outlined(width: float) -> list[Any]:
    """Path effects of a line that stays visible on top of thousands of dots."""
    from matplotlib import patheffects

    return [patheffects.Stroke(linewidth=width, foreground="white"), patheffects.Normal()]


def shortened(text: str, limit: int = 22) -> str:
    """A text on one line; a long one without its middle, as its ends tell names apart."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head = (limit - 1) * 2 // 3
    return f"{line[:head]}…{line[len(line) - (limit - 1 - head) :]}"


def cycle(count: int) -> list[str]:
    """A colour for each of several series."""
    return list(itertools.islice(itertools.cycle(SERIES), count))
