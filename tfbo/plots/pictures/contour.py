"""Effect of two hyperparameters together, the others as in the best trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfbo.errors import invalid
from tfbo.plots import configurations, marks, outcomes, scales, source, style, ticks
from tfbo.study import Study
from tfbo.trial import COMPLETE, FAILED, PAUSED, STOPPED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 41
_LEVELS = 13
_NOT_ACTIVE = "#d9d9d9"


def contour(
    study: Study, x: str | None = None, y: str | None = None, *, ax: Axes | None = None
) -> Axes:
    """The posterior mean over two hyperparameters, the others as in the best trial, and the trials.

    Darker is better. Dots are trials, whose other hyperparameters are not as in the best one; crosses
    are failed ones. Where the two cannot be active together, the picture is grey.

    Args:
        study: with two complete trials or more.
        x: name of the hyperparameter from left to right; if None the most important one (see
            `Study.importance`) that is not `y`.
        y: name of the one from bottom to top; if None the most important one that is not `x`.
        ax: the matplotlib Axes to draw on; new ones if None. Room for a colour bar is taken from it.

    Returns:
        The Axes.

    Raises:
        TooFewTrials: where fewer than two trials are complete.
        InvalidArgument: for a name that the space does not have (the message lists those that there
            are), twice the same, or a space of one hyperparameter.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0), "y": tfbo.Float(0.0, 1.0)})
        >>> study = tfbo.minimize(lambda p: p["x"] ** 2 + p["y"], space, n_trials=5, seed=0)
        >>> axes = tfbo.plots.contour(study, "x", "y")
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('x', 'y')
    """
    found = source.of(study)
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
        ranked = [name for name in found.study.importance() if name not in given]
        x, y = (x or ranked.pop(0)), (y or ranked.pop(0))
    assert x is not None and y is not None
    ax = style.axes(ax, 6.2, 4.6)
    _draw(ax, found, scales.of(x, study.space[x]), scales.of(y, study.space[y]))
    return ax


def _draw(ax: Axes, found: source.Source, across: scales.Scale, up: scales.Scale) -> None:
    style.frame(ax, grid="")
    around = configurations.around_best(found)
    grid = across.values(_POINTS), up.values(_POINTS)
    mean = _mean(found.study, around, across.name, up.name, grid)
    across.dress(ax, "x")
    up.dress(ax, "y")
    _fill(ax, found, (across.positions(grid[0]), up.positions(grid[1])), mean, (across, up))
    _draw_trials(ax, found, across, up)
    style.legend(ax)
    moved = around.moved({across.name: grid[0][-1], up.name: grid[1][-1]})
    style.note(ax, ", ".join(f"with {name} = {value}" for name, value in moved.items()))


def _mean(
    study: Study, around: configurations.Around, x: str, y: str, grid: tuple[list[Any], list[Any]]
) -> np.ndarray:
    """Posterior mean `[b, a]` over a grid of a values of x and b of y; masked where not both are active."""
    rows = [around.at({x: across, y: up}) for up in grid[1] for across in grid[0]]
    legal = np.array([row is not None for row in rows])
    mean = np.full(len(rows), np.nan)
    if legal.any():
        mean[legal] = study.predict([row for row in rows if row is not None]).mean
    return np.ma.masked_invalid(mean.reshape(len(grid[1]), len(grid[0])))


def _fill(
    ax: Axes,
    found: source.Source,
    places: tuple[np.ndarray, np.ndarray],
    mean: np.ndarray,
    axes: tuple[scales.Scale, scales.Scale],
) -> None:
    """The mean as colours: bands between numbers, a cell each where choices are involved."""
    hidden = np.ma.getmaskarray(mean)
    edges = [_edges(axis, place) for axis, place in zip(axes, places, strict=True)]
    if hidden.any():
        from matplotlib.colors import ListedColormap

        grey = np.ma.masked_array(np.zeros(mean.shape), ~hidden)
        ax.pcolormesh(*edges, grey, cmap=ListedColormap([_NOT_ACTIVE]), zorder=0)
    if hidden.all():
        return
    seen = _colouring(found, mean)
    mean = np.ma.clip(mean, seen.levels[0], seen.levels[-1])
    look = {"cmap": seen.colours, "norm": seen.norm, "zorder": 0}
    if any(axis.discrete for axis in axes) or min(mean.shape) < 3 or hidden.any():
        drawn: Any = ax.pcolormesh(*edges, mean, shading="flat", **look)
    else:
        drawn = ax.contourf(*places, mean, levels=seen.levels, **look)
        ax.contour(
            *places, mean, levels=seen.levels, colors="white", linewidths=0.4, alpha=0.5, zorder=0
        )
    bar = ax.figure.colorbar(drawn, ax=ax, pad=0.02, extend=seen.beyond, format=seen.text)
    bar.set_ticks(seen.ticks)
    bar.minorticks_off()
    text = f"posterior mean ({found.aim})"
    if seen.left_out:
        text += f"; {seen.left_out}"
    bar.set_label(text, fontsize=style.NORMAL)
    bar.ax.tick_params(labelsize=style.SMALL, color=style.GREY)
    bar.outline.set_visible(False)


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


def _edges(axis: scales.Scale, places: np.ndarray) -> np.ndarray:
    """Borders `[g + 1]` of the cells around places `[g]`, half-way as the axis shows it."""
    if axis.discrete:
        return np.append(places - 0.5, places[-1] + 0.5)
    return ticks.between(places, log=axis.log)


def _draw_trials(ax: Axes, found: source.Source, across: scales.Scale, up: scales.Scale) -> None:
    def places(trials: Any) -> tuple[np.ndarray, np.ndarray]:
        return scales.places(across, trials), scales.places(up, trials, turn=np.sqrt(2.0))

    listed = (*found.complete, *found.earlier, *found.failed)
    both = [trial for trial in listed if across.name in trial.params and up.name in trial.params]
    complete = [trial for trial in both if trial.state == COMPLETE]
    look = style.dots(len(complete))
    ax.plot(
        *places(complete), "o", color="white", markersize=look.size, markeredgecolor="black",
        markeredgewidth=0.6 if look.size > 3.0 else 0.35, alpha=max(look.alpha, 0.5), label="trial",
        linestyle="none", zorder=2,
    )  # fmt: skip
    for state in (STOPPED, PAUSED):
        ours = [trial for trial in both if trial.state == state]
        if ours:
            ax.plot(
                *places(ours), "o", color=style.STATES[state], alpha=max(look.alpha, 0.5), zorder=1.8,
                markersize=0.7 * style.dots(len(both)).size, markeredgewidth=0, linestyle="none",
                label=f"{state} ({len(ours)})",
            )  # fmt: skip
    marks.failed_at(ax, *places([trial for trial in both if trial.state == FAILED]))
    best = found.study.best_trial
    if best in complete:
        at = [axis.positions([best.params[axis.name]])[0] for axis in (across, up)]
        marks.best(ax, at[0], at[1], f"best: trial {best.number}")
