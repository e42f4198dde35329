"""Calibration of the surrogate: observations beside their predictions from all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfbo.plots import outcomes, source, style
from tfbo.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tfbo.strategies import LeaveOneOut

# Half the width of a normal distribution's central share, in standard deviations.
_WIDTHS = {50: 0.6744897501960817, 80: 1.2815515655446004, 95: 1.959963984540054}


def calibration(study: Study, *, objective: str | None = None, ax: Axes | None = None) -> Axes:
    """Each observation against what the surrogate predicts of it from all the others.

    Dots on the diagonal are predicted well; lines are 95 % intervals, noise included. Observations
    outside of theirs are marked, and so are dots that would lie beyond the frame. Below stands how many
    observations lie in their 50, 80 and 95 % intervals: about that many should.

    Args:
        study: with two complete trials or more.
        objective: which one is drawn, of several; None where the study has one.
        ax: the matplotlib Axes to draw on; new ones if None.

    Returns:
        The Axes.

    Raises:
        TooFewTrials: where fewer than two trials are complete.
        InvalidArgument: for what is no study or no Axes, and of several objectives without the name of one.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
        >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=6, seed=0)
        >>> tfbo.plots.calibration(study).get_ylabel()
        'predicted from all other trials'
    """
    found = source.of(study, objective=objective)
    source.require(found, 2, "calibration")
    predicted = study.leave_one_out(outcome=found.objective)
    observed, mean, std = predicted.value, predicted.mean, predicted.std
    ax = style.axes(ax, 5.4, 5.0)
    shown = outcomes.of(observed, found.goal, mean)
    shown.dress(ax, "x")
    shown.dress(ax, "y")
    style.frame(ax, grid="both")
    ax.plot([shown.low, shown.high], [shown.low, shown.high], color=style.GREY, lw=1.0, zorder=1)
    inside = np.abs(predicted.residual) <= _WIDTHS[95]
    low, high = shown.clip(mean - _WIDTHS[95] * std), shown.clip(mean + _WIDTHS[95] * std)
    at, y = shown.clip(observed), shown.clip(mean)
    look = style.dots(len(at))
    parts = (
        (inside, "o", style.OBSERVED, "in its 95 % interval"),
        (~inside, "D", style.VERMILLION, "outside"),
    )
    for part, marker, colour, label in parts:
        if part.any():
            faint = 0.5 * look.alpha if len(at) < 300 else 0.12
            ax.vlines(
                at[part], low[part], high[part], color=colour, lw=0.9, alpha=faint, zorder=1.5
            )
            ax.plot(
                at[part], y[part], marker, color=colour, markersize=look.size, alpha=look.alpha,
                markeredgewidth=0, label=f"{label} ({int(part.sum())})", zorder=3,
            )  # fmt: skip
    at_edge = shown.beyond(observed) | shown.beyond(mean)
    if at_edge.any():
        ax.plot(
            at[at_edge], y[at_edge], "s", color="none", markersize=look.size + 4.0, clip_on=False,
            markeredgecolor="black", markeredgewidth=0.8, zorder=4,
            label=f"beyond the frame ({int(at_edge.sum())})",
        )  # fmt: skip
    style.labels(
        ax, f"{_observed(found)}\n{_coverage(predicted)}", "predicted from all other trials"
    )
    style.legend(ax)
    return ax


def _observed(found: source.Source) -> str:
    return (
        "observed" if found.objective is None else f"{style.shortened(found.objective)}, observed"
    )


def _coverage(predicted: LeaveOneOut) -> str:
    """The share of observations in their central intervals of 50, 80 and 95 %, in words."""
    shares = {p: np.mean(np.abs(predicted.residual) <= width) for p, width in _WIDTHS.items()}
    parts = [f"{100.0 * share:.0f} % in the {percent} %" for percent, share in shares.items()]
    return f"{parts[0]} intervals, {parts[1]}, {parts[2]}"
