"""The axis of outcomes: linear or logarithmic, and how much of it is shown."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from tfbo.plots import ticks
from tfbo.trial import Goal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Positive values that span so much are shown on a logarithmic scale.
_LOG_FROM = 100.0
# (share, times): a value more than `times` as far from the best as the worst of the better share is
# would press that share into a line. It lies on the edge of the frame instead.
_FEW = ((0.5, 1000.0), (0.75, 100.0), (0.9, 20.0))
# On a logarithmic scale, which shows much already, a quarter as far is far, and the better half of the
# values has to have so much of it.
_LOG_TIMES, _LOG_HALF = 0.25, 0.1
# Better values are left out only where they are absurdly so: further from the median than this many
# times the distance of the tenth best.
_TOO_GOOD = 1000.0
_FEWEST = 4
# A share is taken of values of which it leaves out about one, or more: nine in ten from eight on.
_LEFT_OUT = 0.75
# How far predictions may widen the frame, as a share of it.
_MORE = 0.35


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """The frame in which outcomes are shown.

    Args:
        low: lower end of the frame.
        high: upper end of the frame, above `low`.
        log: True for a logarithmic scale.
    """

    low: float
    high: float
    log: bool

    def clip(self, values: Any) -> np.ndarray:
        """Values `[n]` moved to the edge of the frame where they lie beyond it."""
        return np.clip(np.asarray(values, float), self.low, self.high)

    def beyond(self, values: Any) -> np.ndarray:
        """Mask of the values that lie beyond the frame, bool `[n]`."""
        values = np.asarray(values, float)
        return (values < self.low) | (values > self.high)

    def left_out(self, values: Any) -> str:
        """Number of values `[n]` beyond the frame, in words; nothing where none is."""
        count = int(self.beyond(values).sum())
        return f"{count} {'value' if count == 1 else 'values'} beyond the frame" if count else ""

    def unit(self, values: Any) -> np.ndarray:
        """Values `[n]` as shares in [0, 1] of the frame."""
        scaled = np.log if self.log else np.asarray
        low, high = scaled(self.low), scaled(self.high)
        return np.asarray((scaled(self.clip(values)) - low) / (high - low))

    def dress(self, ax: Axes, which: str) -> None:
        """Give the axis "x" or "y" its scale, limits and ticks."""
        (ticks.logarithmic if self.log else ticks.linear)(ax, which, self.low, self.high)


def of(values: Any, goal: Goal, others: Any = ()) -> Outcomes:
    """The frame of some values `[n]`, n >= 1: all of them, but for a few that are far off.

    Args:
        values: what was observed.
        goal: of the study, which says on which side worse values are.
        others: further values, such as predictions, that should lie in the frame too.
    """
    values = np.asarray(values, float)
    sign = -goal.sign  # times which less is better
    values = sign * _believable(sign * values)
    log = bool(values.min() > 0.0) and _spans_much(sign * np.log(values))
    others = np.asarray(others, float)
    others = others[np.isfinite(others) & ((others > 0.0) | (not log))]
    best, worst = _shown(sign * (np.log(values) if log else values), _LOG_TIMES if log else 1.0)
    reach = np.log(others) if log else others
    reach = np.clip(sign * reach, best - _MORE * (worst - best), worst + _MORE * (worst - best))
    best, worst = min([best, *reach]), max([worst, *reach])
    margin = 0.07 * (worst - best) or 0.05 * abs(best) or 0.05
    low, high = sorted((sign * (best - margin), sign * (worst + margin)))
    if log:
        low, high = float(np.exp(low)), float(np.exp(high))
    return Outcomes(low, high, log)


def _believable(values: np.ndarray) -> np.ndarray:
    """Values of which less is better, without those that are absurdly good."""
    middle = float(np.median(values))
    good = middle - float(np.quantile(values, 0.1, method="higher"))
    kept = values[values >= middle - _TOO_GOOD * good]
    if len(values) < _FEWEST or good <= 0.0 or len(kept) == len(values):
        return values
    return _believable(kept)


def _spans_much(logarithms: np.ndarray) -> bool:
    """True where values, without those far off, span so much that a linear scale would hide some."""
    best, worst = _shown(logarithms, _LOG_TIMES)
    half = float(np.median(logarithms)) - best
    return bool(worst - best >= np.log(_LOG_FROM) and half >= _LOG_HALF * (worst - best))


def _shown(values: np.ndarray, strictness: float) -> tuple[float, float]:
    """The best of values of which less is better, and the worst that is not far off."""
    best, worst = float(values.min()), float(values.max())
    for share, times in _FEW:
        most = float(np.quantile(values, share, method="lower")) - best
        enough = len(values) * (1.0 - share) >= _LEFT_OUT
        if enough and most > 0.0 and worst - best > strictness * times * most:
            return _shown(values[values <= best + strictness * times * most], strictness)
    return best, worst
