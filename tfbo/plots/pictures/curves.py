"""Learning curves of the trials, and forecasts of some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfbo.errors import InvalidArgument, TooFewTrials
from tfbo.plots import marks, outcomes, source, steps, style
from tfbo.study import Study
from tfbo.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED, Goal, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What is drawn later lies on top.
_ORDER = (STOPPED, FAILED, PAUSED, RUNNING, COMPLETE)
# Half the width of a normal distribution's central 90 %, in standard deviations.
_90 = 1.6448536269514722
# Forecasts of more trials, each with a band, hide each other.
_MOST_STOPPED = 3
_FORECAST_AT = 40
# The better half of so many trials, or more, has to have so much of the frame.
_FEW, _PRESSED = 12, 0.33


class _Forecast(NamedTuple):
    """The forecast of a trial's curve from the last point that it has."""

    trial: Trial
    steps: np.ndarray
    """`[g]`."""
    mean: np.ndarray
    """`[g]`."""
    std: np.ndarray
    """`[g]`."""


def curves(study: Study, *, ax: Axes | None = None) -> Axes:
    """Learning curves of all trials by outcome, the best one marked, and forecasts with 90 % bands.

    With several objectives they are of the first one, and with several or with constraints on outcomes
    nothing is forecast.

    A line for each trial that reported its values step by step. A dot ends that of a trial which was
    stopped or paused, a cross that of one which failed. There is a gap where a value was NaN. The star
    is at the best complete trial, or where none is complete at the best of those that got furthest and
    may go on. Where the study has a fidelity, dashed lines are forecasts of the surrogate: of the best
    trial that is to go on, and of those stopped that got furthest; the bands hold the objective
    (without its noise) with a probability of 90 %. The axis of steps is logarithmic where most curves
    are short.

    Args:
        study: with a trial that has a curve, or more; see `Study.report`.
        ax: the matplotlib Axes to draw on; new ones if None.

    Returns:
        The Axes.

    Raises:
        TooFewTrials: where no trial has a point of a curve.
        InvalidArgument: for what is no study or no Axes.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> study = tfbo.Study(tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), seed=0)
        >>> trial = study.ask()
        >>> for step in (1, 2, 3):
        ...     go_on = study.report(trial, step, trial.params["x"] / step)
        >>> study.tell(trial, trial.params["x"] / 3)
        >>> axes = tfbo.plots.curves(study)
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('step', 'value (minimise)')
    """
    found = source.of_reports(study)
    drawn = [trial for trial in found.trials if steps.pieces(steps.points(trial))]
    if not drawn:
        raise TooFewTrials(
            f"curves needs a trial with a point of its curve, and the study {study.name!r} has none "
            f"({len(found.trials)} trials in all). Report some: study.report(trial, step, value)."
        )
    ax = style.axes(ax)
    style.frame(ax)
    axis = steps.of(found, drawn)
    best = _best(found, drawn)
    forecasts = _forecasts(found, drawn)
    shown = _frame(drawn, forecasts, found.goal)
    axis.dress(ax)
    shown.dress(ax, "y")
    style.labels(ax, y=found.label)
    for state in _ORDER:
        _draw_curves(ax, [trial for trial in drawn if trial.state == state], state, shown, drawn)
    for forecast in forecasts:
        _draw_forecast(ax, forecast, shown)
    _draw_best(ax, best, shown)
    style.note(ax, _remark(drawn, shown))
    style.legend(ax)
    return ax


def _best(found: source.Source, drawn: Sequence[Trial]) -> Trial:
    """The complete trial of the best value; without one, the best of those that got furthest.

    Of these, paused and running ones come first: others were stopped as they are worse.
    """
    complete = [trial for trial in drawn if trial.state == COMPLETE]
    if complete:
        return min(complete, key=found.goal.rank)
    going = [trial for trial in drawn if trial.state in (PAUSED, RUNNING)]
    stopped = [trial for trial in drawn if trial.state == STOPPED]
    return min(going or stopped or drawn, key=_promise(found.goal))


def _promise(goal: Goal) -> Any:
    """Key that sorts trials: those that got furthest first, of equals the best at their last value."""

    def key(trial: Trial) -> tuple[float, ...]:
        step, value = steps.pieces(steps.points(trial))[-1][-1]
        return -step, -goal.sign * value, trial.number

    return key


def _forecasts(found: source.Source, drawn: Sequence[Trial]) -> list[_Forecast]:
    """Forecasts of the best trial that may go on, and of some that were stopped; none without a model."""
    fidelity = found.study.fidelity
    if fidelity is None:
        return []
    ahead = [t for t in drawn if max(t.curve) < fidelity.high]
    ahead.sort(key=_promise(found.goal))
    going = [trial for trial in ahead if trial.state in (PAUSED, RUNNING)]
    stopped = [trial for trial in ahead if trial.state == STOPPED]
    made = []
    for trial in (*going[:1], *stopped[:_MOST_STOPPED]):
        grid = np.geomspace(max(trial.curve), fidelity.high, _FORECAST_AT)
        at = np.unique(np.round(grid)).astype(int)
        try:
            mean, std = found.study.forecast(trial, at.tolist())
        except (TooFewTrials, InvalidArgument):  # the strategy's surrogate may know no curves
            return []
        made.append(_Forecast(trial, at, np.asarray(mean), np.asarray(std)))
    return made


def _frame(drawn: Sequence[Trial], forecasts: Sequence[_Forecast], goal: Goal) -> outcomes.Outcomes:
    """The frame of all points and of what is forecast; the bands may leave it.

    Where it would press the better half of the trials together, worse points are left out of it.
    """
    values = np.concatenate([part[:, 1] for t in drawn for part in steps.pieces(steps.points(t))])
    means = [mean for forecast in forecasts for mean in forecast.mean]
    ends = [edge for f in forecasts for edge in (*(f.mean - _90 * f.std), *(f.mean + _90 * f.std))]
    whole = outcomes.of([*values, *means], goal, ends)
    last = goal.sign * np.array([steps.pieces(steps.points(trial))[-1][-1, 1] for trial in drawn])
    middle = float(np.median(last))
    pressed = np.ptp(whole.unit(last[last >= middle])) < _PRESSED
    if len(drawn) < _FEW or whole.log or not pressed:
        return whole
    return outcomes.of(values[goal.sign * values >= middle], goal, [*means, *ends])


def _draw_curves(
    ax: Axes, trials: Sequence[Trial], state: str, shown: outcomes.Outcomes, drawn: Sequence[Trial]
) -> None:
    """The curves of trials of a state, with a mark at the end where there could have been more."""
    from matplotlib.collections import LineCollection

    if not trials:
        return
    colour, look = style.STATES[state], style.dots(len(drawn))
    parts = [part for trial in trials for part in steps.pieces(steps.points(trial))]
    for part in parts:
        part[:, 1] = shown.nearby(part[:, 1])
    lines = LineCollection(
        [part for part in parts if len(part) > 1], colors=colour, alpha=look.alpha,
        linewidths=0.35 + 0.15 * look.size, zorder=2 + 0.1 * _ORDER.index(state),
    )  # fmt: skip
    ax.add_collection(lines)
    lone = [part[0] for part in parts if len(part) == 1]
    if state != COMPLETE:
        lone += [steps.pieces(steps.points(trial))[-1][-1] for trial in trials]
    if lone:
        x, y = np.array(lone).T
        inside = ~shown.beyond(y)
        failed = state == FAILED
        ax.plot(
            x[inside], y[inside], "x" if failed else "o", color=colour, alpha=look.alpha, linestyle="none",
            markersize=max(look.size, 5.0) if failed else 0.7 * look.size,
            markeredgewidth=1.2 if failed else 0.0, zorder=2.05 + 0.1 * _ORDER.index(state),
        )  # fmt: skip
    ax.plot([], [], color=colour, lw=1.5, label=f"{state} ({len(trials)})")


def _draw_best(ax: Axes, best: Trial, shown: outcomes.Outcomes) -> None:
    parts = steps.pieces(steps.points(best))
    for part in parts:
        ax.plot(
            part[:, 0], shown.nearby(part[:, 1]), color=style.BEST, lw=2.2, zorder=4,
            path_effects=style.outlined(3.6),
        )  # fmt: skip
    step, value = parts[-1][-1]
    so_far = "" if best.state == COMPLETE else f" ({best.state})"
    label = f"best value: trial {best.number}{so_far}"
    marks.best(ax, step, shown.clip(value).item(), label)


def _draw_forecast(ax: Axes, forecast: _Forecast, shown: outcomes.Outcomes) -> None:
    """The mean as a dashed line, and the 90 % band; in the colour of the trial's outcome."""
    colour = style.GREY if forecast.trial.state == STOPPED else style.MODEL
    mean, std = forecast.mean, forecast.std
    low, high = shown.nearby(mean - _90 * std), shown.nearby(mean + _90 * std)
    ax.fill_between(forecast.steps, low, high, color=colour, alpha=0.2, lw=0.0, zorder=1)
    stopped = forecast.trial.state == STOPPED
    known = ax.get_legend_handles_labels()[1]
    name = "forecast, stopped" if stopped else f"forecast of trial {forecast.trial.number}, 90 %"
    ax.plot(
        forecast.steps, shown.nearby(mean), color=colour, lw=1.6, ls=(0, (4, 2)), zorder=3.6,
        label=name if name not in known else None,
    )  # fmt: skip


def _remark(drawn: Sequence[Trial], shown: outcomes.Outcomes) -> str:
    """Number of curves that end beyond the frame, and of points that are NaN, in words."""
    nan = int(sum(np.isnan(steps.points(trial)[:, 1]).sum() for trial in drawn))
    last = [steps.pieces(steps.points(trial))[-1][-1, 1] for trial in drawn]
    beyond = int(shown.beyond(last).sum())
    parts = [
        f"{beyond} {'curve ends' if beyond == 1 else 'curves end'} beyond the frame"
        if beyond
        else "",
        f"{nan} {'point' if nan == 1 else 'points'} NaN" if nan else "",
    ]
    return ", ".join(filter(None, parts))
