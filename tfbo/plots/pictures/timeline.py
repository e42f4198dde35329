"""Timeline of the trials, in lanes of those that ran at once."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfbo.errors import TooFewTrials
from tfbo.plots import source, style
from tfbo.study import Study
from tfbo.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))
# A pause in which nothing ran is cut where it is longer than this share of the time in which
# something did, and takes this share of the picture then.
_PAUSE = 0.1
_CUT = 0.06
# The shortest bar that can be seen, as a share of the width.
_SHORTEST = 0.002
_MOST_NUMBERED = 60
# Bars whose median is a larger share of the width than this have a gap between them.
_SEPARATE = 0.004
# So many lanes have a number each.
_FEW_LANES = 16


def timeline(study: Study, *, ax: Axes | None = None) -> Axes:
    """A bar for each trial from its start to its end, in lanes of trials that ran one after another.

    As many lanes are needed as trials ever ran at once. A trial that is still running reaches to the
    last thing that happened in the study; one that paused and went on has the bar of its last run.
    Long pauses in which nothing ran are cut out: a dashed line says how long each was.

    Args:
        study: with a trial that was started, or more.
        ax: the matplotlib Axes to draw on; new ones if None.

    Returns:
        The Axes.

    Raises:
        TooFewTrials: where no trial was started.
        InvalidArgument: for what is no study or no Axes.
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
        >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=4, seed=0)
        >>> axes = tfbo.plots.timeline(study)
        >>> axes.get_ylabel()
        'lane'
    """
    found = source.of(study, valued=False)
    started = [trial for trial in found.trials if trial.started is not None]
    if not started:
        raise TooFewTrials(
            f"timeline needs a trial that was started, and the study {study.name!r} has none "
            f"({len(found.trials)} trials in all). Run some: study.optimize(objective, n_trials=20)."
        )
    spans = _spans(started)
    lanes = _lanes(spans)
    ax = style.axes(ax, height=min(max(1.6 + 0.28 * len(set(lanes)), 2.2), 9.0))
    clock = _clock(spans)
    _draw_bars(ax, started, spans, lanes, clock)
    _draw_pauses(ax, clock)
    return ax


class _Clock(NamedTuple):
    """Time without the long pauses."""

    begin: float
    pauses: list[tuple[float, float]]
    """Start and end of each pause that is cut out."""
    cut: float
    """Seconds that each of them takes in the picture."""
    unit: float
    """Its seconds."""
    name: str

    def at(self, times: np.ndarray) -> np.ndarray:
        """Places of moments on the axis, in the unit."""
        shown = times - self.begin
        for start, end in self.pauses:
            shown = shown - np.where(times >= end, (end - start) - self.cut, 0.0)
        return shown / self.unit


def _spans(trials: Sequence[Trial]) -> np.ndarray:
    """Start and end `[n, 2]` of trials, in seconds since 1970."""
    starts = np.array([trial.started for trial in trials], float)
    ends = np.array([np.nan if t.finished is None else t.finished for t in trials], float)
    last = max(starts.max(), np.nanmax(ends, initial=-np.inf))
    ends = np.where(np.isnan(ends), last, ends)
    # A clock that was set back must not give a bar of negative length.
    return np.stack([starts, np.maximum(starts, ends)], axis=1)


def _lanes(spans: np.ndarray) -> list[int]:
    """The lane `[n]` of each span: the lowest that is free when it starts."""
    lanes = [0] * len(spans)
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    count = 0
    for i in np.argsort(spans[:, 0], kind="stable"):
        start, end = spans[i]
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, count = count, count + 1
        lanes[i] = lane
        heapq.heappush(busy, (end, lane))
    return lanes


def _clock(spans: np.ndarray) -> _Clock:
    """The time axis: which pauses are cut out, and its unit."""
    ordered = spans[np.argsort(spans[:, 0], kind="stable")]
    until = np.maximum.accumulate(ordered[:, 1])
    gaps = ordered[1:, 0] - until[:-1]
    begin = float(ordered[0, 0])
    total = float(until[-1]) - begin
    running = max(total - float(gaps[gaps > 0.0].sum()), 1e-3)
    long = np.flatnonzero(gaps > _PAUSE * running)
    pauses = [(float(until[i]), float(ordered[i + 1, 0])) for i in long]
    cut = _CUT * running
    shown = total - sum(end - start - cut for start, end in pauses)
    unit, name = next(((u, n) for u, n in _UNITS if shown >= 2.0 * u), _UNITS[-1])
    return _Clock(begin, pauses, cut, unit, name)


def _draw_bars(
    ax: Axes, trials: Sequence[Trial], spans: np.ndarray, lanes: Sequence[int], clock: _Clock
) -> None:
    from matplotlib.collections import PolyCollection

    starts, ends = clock.at(spans[:, 0]), clock.at(spans[:, 1])
    width = max(float(ends.max()), 1e-6)
    widths = np.maximum(ends - starts, _SHORTEST * width)
    few = len(trials) <= _MOST_NUMBERED
    # Neighbours are kept apart while their bars are wide enough to be seen beside the gap.
    gap = 0.6 if few else 0.3 if np.median(widths) > _SEPARATE * width else 0.0
    for state, colour in style.STATES.items():
        ours = [i for i, trial in enumerate(trials) if trial.state == state]
        if ours:
            boxes = [_box(starts[i], widths[i], lanes[i]) for i in ours]
            drawn = PolyCollection(
                boxes, facecolors=colour, edgecolors="white", linewidths=gap,
                label=f"{state} ({len(ours)})",
            )  # fmt: skip
            ax.add_collection(drawn)
    if few:
        for i, trial in enumerate(trials):
            if widths[i] > 0.025 * width:
                ax.text(
                    starts[i] + 0.5 * widths[i], lanes[i], str(trial.number), ha="center", va="center",
                    fontsize=style.SMALL - 1.0, color="white", clip_on=True,
                )  # fmt: skip
    style.frame(ax, grid="x")
    ax.set_xlim(-0.01 * width, 1.01 * width + _SHORTEST * width)
    ax.set_ylim(max(lanes) + 0.6, -0.6)
    if max(lanes) < _FEW_LANES:
        ax.set_yticks(range(max(lanes) + 1))
    else:
        style.whole(ax.yaxis)
    cut = ", long pauses cut out" if clock.pauses else ""
    style.labels(ax, f"{clock.name} since the first start{cut}", "lane")
    style.legend(ax)


def _box(start: float, width: float, lane: int) -> list[tuple[float, float]]:
    """Corners of a bar."""
    end, top, bottom = start + width, lane - 0.4, lane + 0.4
    return [(start, top), (end, top), (end, bottom), (start, bottom)]


def _draw_pauses(ax: Axes, clock: _Clock) -> None:
    """A dashed line in the middle of each pause, with its length."""
    for start, end in clock.pauses:
        middle = float(clock.at(np.array([end]))[0]) - 0.5 * clock.cut / clock.unit
        ax.axvline(middle, color=style.GREY, lw=0.9, ls=(0, (3, 2)))
        seconds = end - start
        unit, name = next(((u, n) for u, n in _UNITS if seconds >= u), _UNITS[-1])
        ax.text(
            middle, 0.5, f"{seconds / unit:.2g} {name}", rotation=90.0, ha="center", va="center",
            fontsize=style.SMALL - 1.0, color="black", transform=ax.get_xaxis_transform(),
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip
