"""The axis of outcomes, how much of it is shown, and how much the surrogate knows of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from tfbo.plots import ticks
from tfbo.plots.source import Source
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
# A surrogate that predicts less of the values than this is not to be believed yet. Sobol indices of a
# model are commonly trusted from a share of 0.7 on; below a third its own intervals are too narrow.
LITTLE = 0.33
# A standard deviation of so much of the values' own leaves two thirds of their variance unexplained.
_HARDLY = 0.8


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """The frame in which outcomes are shown, from `low` to `high`, on a logarithmic scale or not."""

    low: float
    high: float
    log: bool

    def clip(self, values: Any) -> np.ndarray:
        """Values `[n]` moved to the edge of the frame where they lie beyond it."""
        return np.clip(np.asarray(values, float), self.low, self.high)

    def nearby(self, values: Any) -> np.ndarray:
        """Values `[n]` moved to within a frame's height of the frame, for lines that leave it."""
        if self.log:
            return np.clip(
                np.asarray(values, float), self.low**2 / self.high, self.high**2 / self.low
            )
        span = self.high - self.low
        return np.clip(np.asarray(values, float), self.low - span, self.high + span)

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

    The goal says on which side worse values are; `others`, such as predictions, should lie in it too.
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


def predicted_share(found: Source) -> float:
    """Share in [0, 1] of the values' variance that leave-one-out predictions explain, Q^2.

    `1 - sum (v_i - m_i)^2 / sum (v_i - mean(v))^2`, m_i predicted from all trials but i, both as the
    pictures show them: on their scale, values that are far off at its edge.

    Source: Marrel, Iooss, Laurent and Roustant 2009, equation 14.
    """
    predicted = found.study.leave_one_out(outcome=found.objective)
    shown = of(predicted.value, found.goal)
    values, means = shown.unit(predicted.value), shown.unit(predicted.mean)
    spread = float(np.sum(np.square(values - values.mean())))
    missed = float(np.sum(np.square(values - means)))
    return max(0.0, 1.0 - missed / spread) if spread > 0.0 else 0.0


def expected(found: Source) -> np.ndarray:
    """Values `[n]` of complete trials, and of paused and stopped ones those predicted at the last step.

    The complete ones alone are the best, which lie close together.
    """
    space = found.study.space
    # One of before the space grew lacks parameters.
    earlier = [t.params for t in found.earlier if tuple(t.params) == space.active(t.params)]
    if not earlier:
        return found.values
    means = found.study.predict(earlier, outcome=found.objective).mean
    return np.concatenate([found.values, means])


def unknown(goal: Goal, values: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Mask `[g]` of standard deviations of predictions that say hardly more than the values' spread."""
    return np.asarray(std >= _HARDLY * np.std(of(values, goal).clip(values)))


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
