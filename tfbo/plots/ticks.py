"""Ticks at round numbers, on linear and logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# On a logarithmic axis that spans less, powers of ten alone would leave one or two ticks.
_SHORT = 300.0
_STEPS = (1, 2, 5, 10)


def linear(ax: Axes, which: str, low: float, high: float, *, whole: bool = False) -> None:
    """Give the axis "x" or "y" a linear scale, limits and about five ticks."""
    from matplotlib import ticker

    axis = getattr(ax, f"{which}axis")
    axis.set_major_locator(ticker.MaxNLocator(5, integer=whole, steps=_STEPS))
    axis.set_major_formatter(formatter(low, high))
    getattr(ax, f"set_{which}lim")(low, high)


def logarithmic(ax: Axes, which: str, low: float, high: float) -> None:
    """Give the axis "x" or "y" a logarithmic scale, limits and ticks."""
    from matplotlib import ticker

    axis = getattr(ax, f"{which}axis")
    getattr(ax, f"set_{which}scale")("log")
    getattr(ax, f"set_{which}lim")(low, high)
    if high / low < _SHORT:
        axis.set_major_locator(ticker.FixedLocator(round_numbers(low, high, log=True)))
        axis.set_major_formatter(lambda value, _: text(value))
    axis.set_minor_formatter(ticker.NullFormatter())


def formatter(low: float, high: float, *, log: bool = False) -> Callable[[float, Any], str]:
    """Function that matplotlib calls for the text of a tick on an axis with these limits."""
    if log:
        return lambda value, _: text(value)
    span = high - low
    digits = max(math.ceil(math.log10(max(abs(low), abs(high)) / span)) + 3, 4) if span > 0.0 else 6
    return lambda value, _: text(0.0 if abs(value) < 1e-9 * span else value, digits)


def round_numbers(low: float, high: float, *, log: bool, whole: bool = False) -> list[float]:
    """Up to about six round numbers from `low` to `high`; `whole` ones only where that is asked for."""
    from matplotlib import ticker

    if not log or high / low < 4.0:
        locator = ticker.MaxNLocator(5, integer=whole, steps=_STEPS)
        return [float(t) for t in locator.tick_values(low, high) if low <= t <= high]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    # Digits of a decade that look evenly spaced on a logarithmic scale.
    digits = (1, 2, 5) if high / low < _SHORT else (1,)
    every = math.ceil((last - first) / 6)
    places = [digit * 10.0**e for e in range(first, last + 1, every) for digit in digits]
    return [place for place in places if low * (1 - 1e-9) <= place <= high * (1 + 1e-9)]


def texts(places: Sequence[float], low: float, high: float, *, log: bool) -> list[str]:
    """Texts at these places of an axis from `low` to `high`."""
    write = formatter(low, high, log=log)
    return [write(place, None) for place in places]


def between(places: np.ndarray, *, log: bool) -> np.ndarray:
    """Borders `[g + 1]` half-way between places `[g]` of an axis, g >= 2, and beyond both ends."""
    scaled = np.log(places) if log else np.asarray(places, float)
    inner = 0.5 * (scaled[1:] + scaled[:-1])
    ends = 2.0 * scaled[0] - inner[0], 2.0 * scaled[-1] - inner[-1]
    borders = np.concatenate([ends[:1], inner, ends[1:]])
    return np.asarray(np.exp(borders) if log else borders)


def text(value: float, digits: int = 4) -> str:
    """A number to so many digits: "0.0031", "1e-5"."""
    mantissa, e, exponent = f"{value:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa
