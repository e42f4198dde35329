"""Effect of two hyperparameters together, the others as in the best trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfbo.errors import invalid
from tfbo.plots import configurations, marks, outcomes, regions, scales, source, style, ticks
from tfbo.study import Study
from tfbo.trial import COMPLETE, FAILED, PAUSED, STOPPED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 41
_LEVELS = 13


def contour(
    study: Study,
    x: str | None = None,
    y: str | None = None,
    *,
    objective: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The posterior mean over two hyperparameters, the others as in the best trial, and the trials.

    Darker is better. Dots are trials, whose other hyperparameters are not as in the best one; crosses
    are failed ones, diamonds infeasible ones. Where the two cannot be active together, the picture is
    grey; what breaks a constraint of the space cannot be run, and is hatched. A line is where constraints
    on outcomes hold with a probability of one half, as the surrogate has it; where they are probably
    broken there are dots in a pattern. Of several objectives, and where no trial is feasible, the best
    trial is as in `slices`.

    Args:
        study: with two complete trials or more.
        x: name of the hyperparameter from left to right; if None the most important one (see
            `Study.importance`) that is not `y`.
        y: name of the one from bottom to top; if None the most important one that is not `x`.
        objective: which one is drawn, of several; None where the study has one.
        ax: the matplotlib Axes to draw on; new ones if None. Room for a colour bar is taken from it.

    Returns:
        The Axes.

    Raises:
        TooFewTrials: where fewer than two trials are complete.
        InvalidArgument: for a name that the space does not have (the message lists those that there
            are), twice the same, a space of one hyperparameter, or several objectives without the name of
            one.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0), "y": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.minimize(lambda p: p["x"] ** 2 + p["y"], space, n_trials=5, seed=0)
        >>> axes = tfbo.plots.contour(study, "x", "y")
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('x', 'y')
    """
    found = source.of(study, objective=objective)
    given = [name for name in (x, y) if name is not None]
    there = source.names(found, "names", None)
    for argument, name in (("x", x), ("y", y)):
        if name is not None:
            source.names(found, argument, [name])
    if len(there) < 2:
        advice = "Look at slices(study) instead."
        raise invalid("study", "two hyperparameters that are searched", there, advice)
    if len(given) == 2 and x == y:
        others = ", ".join(repr(name) for name in there if name != x)
        raise invalid("y", f"another hyperparameter than {x!r}", y, f"There are: {others}.")
    source.require(found, 2, "contour")
    if len(given) < 2:
        ranked = [name for name in study.importance(outcome=found.objective) if name not in given]
        x, y = (x or ranked.pop(0)), (y or ranked.pop(0))
    assert x is not None and y is not None
    ax = style.axes(ax, 6.2, 4.6)
    _draw(ax, found, scales.of(x, study.space[x]), scales.of(y, study.space[y]))
    return ax


def _draw(ax: Axes, found: source.Source, across: scales.Scale, up: scales.Scale) -> None:
    style.frame(ax, grid="")
    around = configurations.around_best(found)
    grid = across.values(_POINTS), up.values(_POINTS)
    rows = [around.at({across.name: x, up.name: y}) for y in grid[1] for x in grid[0]]
    shape = len(grid[1]), len(grid[0])
    active = np.array([row is not None for row in rows]).reshape(shape)
    allowed = np.array([around.allows(row) for row in rows]).reshape(shape)
    legal = [
        row for row, good in zip(rows, allowed.ravel(), strict=True) if row is not None and good
    ]
    mean, feasibility = np.full(shape, np.nan), np.full(shape, np.nan)
    if legal:
        mean[allowed] = found.study.predict(legal, outcome=found.objective).mean
        known = found.feasibility(legal)
        feasibility[allowed] = np.nan if known is None else known
    across.dress(ax, "x")
    up.dress(ax, "y")
    places = across.positions(grid[0]), up.positions(grid[1])
    edges = regions.borders(across, places[0]), regions.borders(up, places[1])
    regions.over(ax, edges, ~active, regions.NOT_ACTIVE)
    regions.over(ax, edges, active & ~allowed, regions.NOT_ALLOWED)
    seen = np.ma.masked_invalid(mean)
    _fill(ax, found, places, seen, (across, up))
    _draw_feasibility(ax, places, feasibility, (across, up), cells=_in_cells((across, up), seen))
    _draw_trials(ax, found, across, up)
    style.legend(ax)
    style.note(ax, ", ".join(around.moved(legal, [across.name, up.name])))


def _in_cells(axes: tuple[scales.Scale, scales.Scale], mean: np.ndarray) -> bool:
    """True where a mean is drawn as a cell for each value, not as bands that end at the outermost ones."""
    hidden = np.ma.getmaskarray(mean)
    return any(axis.discrete for axis in axes) or min(mean.shape) < 3 or bool(hidden.any())


def _fill(
    ax: Axes,
    found: source.Source,
    places: tuple[np.ndarray, np.ndarray],
    mean: np.ndarray,
    axes: tuple[scales.Scale, scales.Scale],
) -> None:
    """The mean as colours: bands between numbers, a cell each where choices are involved."""
    if np.ma.getmaskarray(mean).all():
        return
    seen = _colouring(found, mean)
    mean = np.ma.clip(mean, seen.levels[0], seen.levels[-1])
    look = {"cmap": seen.colours, "norm": seen.norm, "zorder": 0}
    if _in_cells(axes, mean):
        edges = [regions.borders(axis, place) for axis, place in zip(axes, places, strict=True)]
        drawn: Any = ax.pcolormesh(*edges, mean, shading="flat", **look)
    else:
        drawn = ax.contourf(*places, mean, levels=seen.levels, **look)
        ax.contour(
            *places, mean, levels=seen.levels, colors="white", linewidths=0.4, alpha=0.5, zorder=0
        )
    bar = ax.figure.colorbar(drawn, ax=ax, pad=0.02, extend=seen.beyond, format=seen.text)
    bar.set_ticks(seen.ticks)
    bar.minorticks_off()
    what = (
        "posterior mean"
        if found.objective is None
        else f"mean of {style.shortened(found.objective)}"
    )
    text = f"{what} ({found.aim})"
    if seen.left_out:
        text += f"; {seen.left_out}"
    bar.set_label(text, fontsize=style.NORMAL, parse_math=False)
    bar.ax.tick_params(labelsize=style.SMALL, color=style.GREY)
    bar.outline.set_visible(False)


def _draw_feasibility(
    ax: Axes,
    places: tuple[np.ndarray, np.ndarray],
    feasibility: np.ndarray,
    axes: tuple[scales.Scale, scales.Scale],
    *,
    cells: bool,
) -> None:
    """The line of even odds, where both axes are of numbers, and a pattern where they are worse."""
    bad = regions.unlikely(feasibility)
    if not bad.any():
        return
    across, up = (
        borders if cells else np.clip(borders, place[0], place[-1])
        for axis, place in zip(axes, places, strict=True)
        for borders in [regions.borders(axis, place)]
    )
    regions.over(ax, (across, up), bad, regions.BESIDE)
    if any(axis.discrete for axis in axes) or min(bad.shape) < 2:
        return
    ax.contour(
        *places, np.ma.masked_invalid(feasibility), levels=[regions.LIKELY], colors=style.BROKEN,
        linewidths=1.6, zorder=1,
    )  # fmt: skip
    ax.plot([], [], color=style.BROKEN, lw=1.6, label="feasible with 50 %")


class _Colouring(NamedTuple):
    """Colours of means."""

    colours: str
    norm: Any
    levels: np.ndarray
    ticks: list[float]
    text: Callable[[float, Any], str]
    beyond: str
    """Ends that means beyond them have the colour of: "neither", "min", "max" or "both"."""
    left_out: str
    """Number of observed values that the colours do not reach, in words."""


def _colouring(found: source.Source, mean: np.ndarray) -> _Colouring:
    """Colours over the means that lie in the frame of the observations; darker is better."""
    from matplotlib import colors

    means = np.ma.compressed(mean)
    shown = outcomes.of(outcomes.expected(found), found.goal, means)
    low, high = max(float(means.min()), shown.low), min(float(means.max()), shown.high)
    if low >= high:
        low, high = shown.low, shown.high
    ends = (bool(means.min() < low), bool(means.max() > high))
    log = shown.log
    # What differs by less than this looks the same: it would be a picture of rounding errors.
    least = 0.01 * (shown.high - shown.low)
    if not log and high - low < least:
        low, high = 0.5 * (low + high - least), 0.5 * (low + high + least)
    if log and high / low < 1.05:
        low, high = low / 1.025, high * 1.025
    return _Colouring(
        "viridis_r" if found.goal.sign > 0.0 else "viridis",
        (colors.LogNorm if log else colors.Normalize)(low, high),
        (np.geomspace if log else np.linspace)(low, high, _LEVELS),
        ticks.round_numbers(low, high, log=log),
        ticks.formatter(low, high, log=log),
        {(False, False): "neither", (True, False): "min", (False, True): "max"}.get(ends, "both"),
        shown.left_out(found.values),
    )


def _draw_trials(ax: Axes, found: source.Source, across: scales.Scale, up: scales.Scale) -> None:
    def places(trials: Any) -> tuple[np.ndarray, np.ndarray]:
        return scales.places(across, trials), scales.places(up, trials, turn=np.sqrt(2.0))

    listed = (*found.complete, *found.earlier, *found.failed)
    both = [trial for trial in listed if across.name in trial.params and up.name in trial.params]
    complete = [trial for trial in both if trial.state == COMPLETE]
    feasible = [trial for trial in complete if trial.is_feasible]
    others = [trial for trial in complete if not trial.is_feasible]
    look = style.dots(len(complete))
    if feasible or not others:
        ax.plot(
            *places(feasible), "o", color="white", markersize=look.size, markeredgecolor="black",
            markeredgewidth=0.6 if look.size > 3.0 else 0.35, alpha=max(look.alpha, 0.5), label="trial",
            linestyle="none", zorder=2,
        )  # fmt: skip
    marks.infeasible(ax, *places(others), others)
    for state in (STOPPED, PAUSED):
        ours = [trial for trial in both if trial.state == state]
        if ours:
            ax.plot(
                *places(ours), "o", color=style.STATES[state], alpha=max(look.alpha, 0.5), zorder=1.8,
                markersize=0.7 * style.dots(len(both)).size, markeredgewidth=0, linestyle="none",
                label=f"{state} ({len(ours)})",
            )  # fmt: skip
    marks.failed_at(ax, *places([trial for trial in both if trial.state == FAILED]))
    best = found.centre()
    if best in complete:
        at = [axis.positions([best.params[axis.name]])[0] for axis in (across, up)]
        marks.best(ax, at[0], at[1], found.centre_label())
