"""Importance of the hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfbo.plots import outcomes, source, style
from tfbo.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def importance(study: Study, *, objective: str | None = None, ax: Axes | None = None) -> Axes:
    """Share of the objective's variance that each hyperparameter explains, with 95 % intervals.

    The Sobol indices of `Study.importance`, computed on the surrogate. First order is what a
    hyperparameter explains by itself; total is that with all its interactions with others, so that
    totals may add up to more than 1. Where the two differ, it matters in combination. Above stands how
    much of the values' variance the surrogate predicts (leave-one-out); where that is little, it does
    not know yet what matters, and the bars are hollow. All of the space counts, constraints or not.

    Args:
        study: with two complete trials or more.
        objective: which one is drawn, of several; None where the study has one.
        ax: the matplotlib Axes to draw on; new ones if None.

    Returns:
        The Axes, the most important hyperparameter at the top.

    Raises:
        TooFewTrials: where fewer than two trials are complete.
        InvalidArgument: for what is no study or no Axes, and of several objectives without the name of one.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0), "y": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=6, seed=0)
        >>> axes = tfbo.plots.importance(study)
        >>> axes.get_yticklabels()[0].get_text()
        'x'
    """
    found = source.of(study, objective=objective)
    source.names(found, "names", None)
    source.require(found, 2, "importance")
    ranked, share = study.importance(outcome=found.objective), outcomes.predicted_share(found)
    hollow: dict[str, Any] = {"fill": False, "hatch": "////"} if share < outcomes.LITTLE else {}
    ax = style.axes(ax, height=1.3 + 0.42 * len(ranked))
    places = np.arange(len(ranked))
    kinds = (
        ("by itself (first order)", [i.first for i in ranked.values()], -0.19, style.BLUE),
        ("with its interactions (total)", [i.total for i in ranked.values()], 0.19, style.SKY),
    )
    for label, estimates, shift, colour in kinds:
        values = np.array([estimate.value for estimate in estimates])
        ax.barh(
            places + shift, values, height=0.36, color=colour, edgecolor=colour, label=label, lw=0.0,
            **hollow,
        )  # fmt: skip
        ax.hlines(
            places + shift, [e.low for e in estimates], [e.high for e in estimates],
            color="black", lw=1.1,
        )  # fmt: skip
    ax.plot([], [], color="black", lw=1.1, label="95 % interval")
    names = [style.shortened(name, 36) for name in ranked]
    ax.set_yticks(places, names, parse_math=False, fontsize=style.SMALL)
    style.frame(ax, grid="x")
    ax.set_ylim(len(ranked) - 0.4, -0.6)
    farthest = max(estimate.high for _, listed, _, _ in kinds for estimate in listed)
    ax.set_xlim(0.0, max(1.0, 1.03 * farthest))
    known = f"the surrogate predicts {100.0 * share:.0f} % of the variance of the values"
    if found.objective is not None:
        known += f" of {style.shortened(found.objective)}"
    if hollow:
        known += ":\ntoo little to tell which hyperparameters matter. Run more trials."
    style.labels(ax, f"share of the variance that it explains (totals overlap)\n{known}")
    style.legend(ax)
    return ax
