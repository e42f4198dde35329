"""All hyperparameters of all trials in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfbo.plots import outcomes, scales, source, style, ticks
from tfbo.study import Study
from tfbo.trial import COMPLETE, FAILED, PAUSED, STOPPED, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Below the axes: where a line passes that has no value there.
_NONE = -0.13


def parallel_coordinates(
    study: Study,
    names: Sequence[str] | None = None,
    *,
    objective: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A line for each trial through its hyperparameters to its value; darker is better.

    The best trials are drawn on top, the best of all in orange; failed trials are dashed and end below
    the values, and so do trials paused or stopped, whose values are of an earlier step. Trials that break
    constraints are dotted. A line passes below the axis of a hyperparameter that is not active in it.

    Args:
        study: with a finished trial or more.
        names: of the hyperparameters, from left to right; all that are searched if None.
        objective: which one is drawn, of several; None where the study has one.
        ax: the matplotlib Axes to draw on; new ones if None.

    Returns:
        The Axes. Across, hyperparameter i of d is at i and the value at d; each axis goes from 0 to 1.

    Raises:
        TooFewTrials: where no trial is finished.
        InvalidArgument: for a name that the space does not have (the message lists those there are), and
            of several objectives without the name of one.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0), "flag": tfbo.Boolean()})
        >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=4, seed=0)
        >>> axes = tfbo.plots.parallel_coordinates(study)
        >>> [label.get_text() for label in axes.get_xticklabels()]
        ['x', 'flag', 'value']
    """
    found = source.of(study, objective=objective)
    wanted = source.names(found, "names", names)
    source.require_finished(found, "parallel_coordinates")
    ax = style.axes(ax, width=min(max(2.0 + 1.25 * len(wanted), 7.0), 22.0))
    lines = [scales.of(name, study.space[name]) for name in wanted]
    shown = outcomes.of(found.values, found.goal) if found.complete else None
    feasible = [trial for trial in found.complete if trial.is_feasible]
    others = [trial for trial in found.complete if not trial.is_feasible]
    trials = sorted(feasible, key=found.goal.rank, reverse=True)
    below = (*found.earlier, *found.failed)
    _draw_worse(ax, below, others, lines, shown)
    lower = (*below, *others)
    points = np.concatenate([_points(part, lines, shown) for part in (below, others, trials)])
    if trials:
        _draw_lines(ax, points[len(lower) :], _colours(len(trials)), label="trial")
    best = found.best()
    if best is not None:
        ax.plot(
            np.arange(len(lines) + 1), points[-1], color=style.BEST, lw=2.2, zorder=4,
            label=f"best value: trial {best.number}", path_effects=style.outlined(3.6),
        )  # fmt: skip
    for i, line in enumerate(lines):
        shown_at, written = zip(*line.ticks(), strict=True)
        _draw_axis(ax, i, line.unit(np.array(shown_at)), written)
    if shown is not None:
        places = ticks.round_numbers(shown.low, shown.high, log=shown.log)
        texts = ticks.texts(places, shown.low, shown.high, log=shown.log)
        _draw_axis(ax, len(lines), shown.unit(places), texts, right=True)
        style.note(ax, shown.left_out(found.values))
    _dress(ax, [*wanted, found.name], below=bool((points < 0.0).any()))
    return ax


def _draw_worse(
    ax: Axes,
    below: Sequence[Trial],
    others: Sequence[Trial],
    lines: Sequence[scales.Scale],
    shown: outcomes.Outcomes | None,
) -> None:
    """Lines of trials without a last value, dashed, and of those not known to be feasible, dotted."""
    for state in (STOPPED, PAUSED, FAILED):
        ours = [trial for trial in below if trial.state == state]
        if ours:
            colour = style.STATES[state]
            _draw_lines(ax, _points(ours, lines, shown), colour, dashes="dashed", label=state)
    for feasible, colour, label in (
        (False, style.BROKEN, "infeasible"),
        (None, style.GREY, "feasibility not known"),
    ):
        ours = [trial for trial in others if trial.is_feasible is feasible]
        if ours:
            _draw_lines(ax, _points(ours, lines, shown), colour, dashes="dotted", label=label)


def _points(
    trials: Sequence[Trial], lines: Sequence[scales.Scale], shown: outcomes.Outcomes | None
) -> np.ndarray:
    """Heights `[n, d + 1]` of trials on each axis; `_NONE` where there is no value."""
    points = np.full([len(trials), len(lines) + 1], _NONE)
    for j, line in enumerate(lines):
        has = np.array([line.name in trial.params for trial in trials], bool)
        having = [trial for trial in trials if line.name in trial.params]
        if line.discrete:  # side by side, so that lines through one choice can be told apart
            points[has, j] = line.unit(scales.places(line, having, turn=float(j + 1)))
        else:
            points[has, j] = line.unit(line.positions(trial.params[line.name] for trial in having))
    if shown is not None and len(trials) and trials[0].state == COMPLETE:
        points[:, -1] = shown.unit([trial.value for trial in trials])
    return points


def _colours(count: int) -> np.ndarray:
    """Colours `[n, 4]` of trials from the worst to the best: from faint yellow to dark violet."""
    import matplotlib

    share = np.linspace(0.0, 1.0, count) if count > 1 else np.ones(1)
    colours = np.array(matplotlib.colormaps["viridis_r"](0.08 + 0.92 * share))
    strong = style.dots(count).alpha
    faint = min(0.5 * strong, 40.0 / count)  # of thousands, only the better ones are to be seen
    colours[:, 3] = faint + (strong - faint) * share ** (1.0 + count / 300.0)
    return colours


def _draw_lines(
    ax: Axes, points: np.ndarray, colours: Any, *, label: str, dashes: str = "solid"
) -> None:
    from matplotlib.collections import LineCollection

    across = np.broadcast_to(np.arange(points.shape[1]), points.shape)
    many, dashed = len(points) > 200, dashes != "solid"
    drawn = LineCollection(
        list(np.stack([across, points], axis=-1)), colors=colours, linewidths=0.7 if many else 1.2,
        linestyles=dashes, zorder=1.5 if dashed else 2,
    )  # fmt: skip
    if dashed:
        drawn.set_alpha(min(style.dots(len(points)).alpha, 30.0 / len(points)))
    ax.add_collection(drawn)
    # The legend shows the last and strongest of the colours.
    strongest = colours if dashed else tuple(colours[-1, :3])
    ax.plot(
        [], [], color=strongest, lw=1.2, ls=dashes, label=f"{label} ({len(points)})"
    )  # fmt: skip


def _draw_axis(
    ax: Axes, x: int, heights: Any, texts: Sequence[str], *, right: bool = False
) -> None:
    """A vertical axis at `x`, with texts beside it at these heights."""
    ax.plot([x, x], [0.0, 1.0], color="black", lw=0.9, zorder=3)
    ax.plot([x] * len(heights), heights, "_", color="black", markersize=5, zorder=3)
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
    for height, text in zip(heights, texts, strict=True):
        ax.text(
            x + (0.05 if right else -0.05), height, style.shortened(text, 18),
            ha="left" if right else "right", va="center", fontsize=style.SMALL - 0.5,
            bbox=box, parse_math=False, zorder=5,
        )  # fmt: skip


def _dress(ax: Axes, names: Sequence[str], below: bool) -> None:
    style.frame(ax, grid="")
    ax.spines[["left", "bottom"]].set_visible(False)
    texts = [style.shortened(name, 26) for name in names]
    turned = sum(map(len, texts)) > 70
    look: dict[str, Any] = (
        {"rotation": 25.0, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    )
    ax.set_xticks(range(len(texts)), texts, parse_math=False, fontsize=style.NORMAL, **look)
    ax.tick_params(axis="x", length=0)
    ax.set_yticks([_NONE] if below else [], ["none"] if below else [], fontsize=style.SMALL)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(-0.5, len(texts) - 0.5)
    ax.set_ylim(_NONE - 0.06 if below else -0.04, 1.04)
    style.legend(ax)
