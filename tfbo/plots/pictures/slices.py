"""Effect of each hyperparameter by itself, the others as in the best trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfbo.errors import invalid
from tfbo.plots import configurations, marks, outcomes, regions, scales, source, style
from tfbo.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 61
_COLUMNS = 3
_95 = 1.959963984540054
"""Half the width of a normal distribution's central 95 %, in standard deviations."""


class _Slice(NamedTuple):
    """One hyperparameter, and the predictions along it."""

    scale: scales.Scale
    positions: np.ndarray
    """`[g]`."""
    mean: np.ndarray
    """`[g]`."""
    low: np.ndarray
    """`[g]`: lower end of the 95 % band."""
    high: np.ndarray
    """`[g]`."""
    unknown: np.ndarray
    """Mask of what it knows next to nothing about, bool `[g]`."""
    allowed: np.ndarray
    """Mask of what can be run, bool `[g]`; there are no predictions of anything else."""
    infeasible: np.ndarray
    """Mask of what probably breaks constraints on outcomes, bool `[g]`."""
    moved: list[str]
    """Remarks on parameters that had to leave the best trial for this hyperparameter to be there."""


def slices(
    study: Study,
    names: Sequence[str] | None = None,
    *,
    objective: str | None = None,
    ax: Any = None,
) -> Any:
    """The surrogate along each hyperparameter, the others as in the best trial, and the observations.

    The line is the posterior mean, the band around it holds the objective (without its noise) with a
    probability of 95 %. Where it is about as wide as the values themselves are spread, next to nothing is
    known, and the band is hatched. Dots are trials: the others of their hyperparameters are not as in the
    best trial, so that they scatter. Crosses at the bottom are failed trials, diamonds infeasible ones. A
    conditional hyperparameter that is not active in the best trial is shown with its parents at a value at
    which it is, which the remark above says.

    What breaks a constraint of the space cannot be run: it is hatched, and nothing is predicted there.
    Along a hyperparameter of an equality another one follows, which is said above. Where constraints on
    outcomes are broken with a probability of more than one half, as the surrogate has it, the background
    is coloured. Of several objectives the best trial is that of the best value of the one drawn; where no
    trial is feasible, the one that is closest to it takes its place.

    Args:
        study: with two complete trials or more.
        names: of the hyperparameters; all that are searched if None.
        objective: which one is drawn, of several; None where the study has one.
        ax: the matplotlib Axes to draw on, one for each name; new ones if None.

    Returns:
        A NumPy array of the Axes, one for each name, in their order.

    Raises:
        TooFewTrials: where fewer than two trials are complete.
        InvalidArgument: for a name that the space does not have (the message lists those that there
            are), a number of Axes that is not theirs, or several objectives without the name of one.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0), "flag": tfbo.Boolean()})
        >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=5, seed=0)
        >>> [axes.get_xlabel() for axes in tfbo.plots.slices(study)]
        ['x', 'flag']
    """
    found = source.of(study, objective=objective)
    wanted = source.names(found, "names", names)
    source.require(found, 2, "slices")
    panels = _panels(ax, len(wanted))
    values = outcomes.expected(found)
    drawn = _predicted(found, wanted, values)
    ends = np.concatenate([np.concatenate([s.low, s.high])[[*s.allowed] * 2] for s in drawn])
    shown = outcomes.of(values, found.goal, ends)
    for i, (panel, one) in enumerate(zip(panels, drawn, strict=True)):
        _draw(panel, found, one, shown)
        if i % _COLUMNS == 0 or ax is not None:
            style.labels(panel, y=style.shortened(found.label, 36))
    if ax is None:
        handles, texts = _legend(panels)
        figure = panels[0].figure
        legend = figure.legend(
            handles, texts, loc="outside upper left", frameon=False, fontsize=style.SMALL,
            ncols=style.legend_columns(texts, figure.get_figwidth()),
        )  # fmt: skip
        style.legible(legend)
    else:
        style.legend(panels[0])
    return panels


def _legend(panels: np.ndarray) -> tuple[list[Any], list[str]]:
    """Handles and texts of a legend of all panels, each once, with the largest of their counts."""
    found: dict[str, tuple[int, str, Any]] = {}
    for panel in panels:
        for handle, text in zip(*panel.get_legend_handles_labels(), strict=True):
            # Panels differ in how many of the trials have the hyperparameter, and in how far they go.
            what, _, rest = text.partition(" (")
            count, _, far = rest.partition(")")
            key = what + far.rpartition(" ")[0]
            one = (int(count or 0), text, handle)
            found[key] = max(found.get(key, one), one, key=lambda entry: entry[0])
    return [handle for *_, handle in found.values()], [text for _, text, _ in found.values()]


def _panels(ax: Any, count: int) -> np.ndarray:
    """The Axes to draw on, `[count]`."""
    if ax is None:
        columns = min(count, _COLUMNS)
        rows = math.ceil(count / columns)
        figure = style.figure(3.1 * columns + 0.6, 2.5 * rows + 0.4)
        made = figure.subplots(rows, columns, squeeze=False).ravel()
        for spare in made[count:]:
            spare.remove()
        return np.asarray(made[:count])
    given = np.array([ax], dtype=object).ravel()
    if len(given) != count:
        advice = f"Give one for each hyperparameter, such as plt.subplots({count})[1], or none."
        raise invalid("ax", f"{count} Axes", ax, advice)
    for one in given:
        style.axes(one)
    return given


def _predicted(found: source.Source, names: Sequence[str], values: np.ndarray) -> list[_Slice]:
    """Predictions along each hyperparameter, all of them in one call."""
    space = found.study.space
    around = configurations.around_best(found)
    lines = [scales.of(name, space[name]) for name in names]
    grids = [_grid(line, around) for line in lines]
    rows = [
        [row for row in (around.at({line.name: v}) for v in grid) if row is not None]
        for line, grid in zip(lines, grids)
    ]
    every = [row for part in rows for row in part]
    assert len(every) == sum(map(len, grids))  # one value by itself can always be active
    allowed = np.array([around.allows(row) for row in every])
    mean, std = (
        np.where(allowed, part, np.nan)
        for part in found.study.predict(every, outcome=found.objective)
    )
    feasibility = found.feasibility(every)
    bad = np.zeros(len(every), bool) if feasibility is None else regions.unlikely(feasibility)
    unknown = outcomes.unknown(found.goal, values, std)
    ends = np.cumsum([len(grid) for grid in grids])[:-1]
    columns = (mean, _95 * std, unknown, allowed, bad & allowed)
    parts = zip(*(np.split(column, ends) for column in columns), strict=True)
    return [
        _Slice(
            line, line.positions(grid), m, m - width, m + width, blank, good, risky,
            around.moved(ours, [line.name]),
        )
        for line, grid, ours, (m, width, blank, good, risky) in zip(
            lines, grids, rows, parts, strict=True
        )
    ]  # fmt: skip


def _grid(line: scales.Scale, around: configurations.Around) -> list[Any]:
    """Values along a hyperparameter: where some cannot be run, also that of the best trial."""
    grid = line.values(_POINTS)
    own = around.centre.get(line.name)
    if not around.space.constraints or line.discrete or own is None or own in grid:
        return grid
    return sorted([*grid, own])


def _draw(ax: Axes, found: source.Source, one: _Slice, shown: outcomes.Outcomes) -> None:
    style.frame(ax)
    shown.dress(ax, "y")
    one.scale.dress(ax, "x")
    name = one.scale.name
    having = [trial for trial in found.complete if name in trial.params]
    failed = [trial for trial in found.failed if name in trial.params]
    before = found._replace(earlier=[trial for trial in found.earlier if name in trial.params])
    marks.observed(ax, scales.places(one.scale, having), having, shown)
    marks.earlier(ax, scales.places(one.scale, before.earlier), before, shown)
    marks.failed_along(ax, scales.places(one.scale, failed), len(found.trials))
    _draw_posterior(ax, one, shown)
    best = found.centre()
    if name in best.params:
        place = one.scale.positions([best.params[name]])[0]
        marks.best(ax, place, shown.clip(best.value).item(), found.centre_label())
    remarks = list(one.moved)
    if len(having) < len(found.complete):
        remarks.append(f"active in {len(having)} of {len(found.complete)}")
    style.note(ax, ", ".join(remarks))


def _draw_posterior(ax: Axes, one: _Slice, shown: outcomes.Outcomes) -> None:
    """The mean as a line and the 95 % band; hatched where it says nothing that the values do not."""
    regions.along(ax, one.scale, one.positions, ~one.allowed, regions.NOT_ALLOWED)
    regions.along(ax, one.scale, one.positions, one.infeasible, regions.INFEASIBLE)
    look: dict[str, Any] = {"color": style.MODEL, "lw": 2.0, "zorder": 3, "label": "posterior mean"}
    look["path_effects"] = style.outlined(3.4)
    band: dict[str, Any] = {"color": style.MODEL, "alpha": 0.2, "lw": 0.0, "label": "95 % band"}
    blank: dict[str, Any] = {
        "facecolor": "none", "edgecolor": style.GREY, "hatch": "////", "lw": 0.0, "alpha": 0.5,
        "label": "little or nothing known",
    }  # fmt: skip
    x, unknown = one.positions, one.unknown
    mean, low, high = shown.clip(one.mean), shown.clip(one.low), shown.clip(one.high)
    if one.scale.discrete:
        ax.bar(x, high - low, bottom=low, width=0.7, zorder=1, **band)
        ax.hlines(mean, x - 0.35, x + 0.35, **look)
        if unknown.any():
            at = np.flatnonzero(unknown)
            ax.bar(x[at], (high - low)[at], bottom=low[at], width=0.7, zorder=1, **blank)
    else:
        ax.fill_between(x, low, high, zorder=1, **band)
        ax.plot(x, mean, **look)
        if unknown.any():
            ax.fill_between(x, low, high, where=unknown, zorder=1, **blank)
