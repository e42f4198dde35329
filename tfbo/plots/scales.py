"""The axis of a parameter: numbers on their scale, choices side by side under their names."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfbo.plots import style, ticks
from tfbo.space import Float, Int, Parameter
from tfbo.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More labels than this beside, or above, each other cannot be read: of more choices, some have none.
_FEW_LABELS, _MOST_LABELS = 12, 24
# A number of so few levels has room between them.
_FEW_LEVELS = 24
_MANY = 100
# Names of choices that are longer together are slanted.
_ROOM = 26


@dataclasses.dataclass(frozen=True)
class Numbers:
    """The axis of a number."""

    name: str
    parameter: Float | Int
    discrete = False
    """True where there is nothing between two neighbouring positions."""

    @property
    def log(self) -> bool:
        """True where it is logarithmic."""
        return self.parameter.log

    def positions(self, values: Iterable[Any]) -> np.ndarray:
        """Positions `[n]` of values on the axis."""
        return np.array(list(values), float)

    def values(self, most: int) -> list[Any]:
        """Legal values along the axis in order: all, or about `most` of them."""
        count = self.parameter.count
        if count is not None and count <= most:
            return [self.parameter.level(i) for i in range(count)]
        codes = np.linspace(0.0, 1.0, most)
        return list(dict.fromkeys(self.parameter.from_code(float(u)) for u in codes))

    def unit(self, positions: np.ndarray) -> np.ndarray:
        """Positions as shares in [0, 1] of the axis, as far apart as they look."""
        low, high = float(self.parameter.low), float(self.parameter.high)
        if self.parameter.log:
            return np.log(positions / low) / math.log(high / low)
        return (positions - low) / (high - low)

    def ticks(self) -> list[tuple[float, str]]:
        """A few positions, each with its text."""
        low, high = float(self.parameter.low), float(self.parameter.high)
        places = ticks.round_numbers(low, high, log=self.parameter.log, whole=self._whole)
        return list(zip(places, ticks.texts(places, low, high, log=self.log), strict=True))

    def dress(self, ax: Axes, which: str) -> None:
        """Give the axis "x" or "y" its scale, limits, ticks and label."""
        low, high = float(self.parameter.low), float(self.parameter.high)
        if self.parameter.log:
            margin = (high / low) ** 0.03
            ticks.logarithmic(ax, which, low / margin, high * margin)
        else:
            span = high - low
            margin = max(0.03 * span, min(0.6 * self.room, 0.1 * span))
            ticks.linear(ax, which, low - margin, high + margin, whole=self._whole)
        _label(ax, which, self.name)

    @property
    def room(self) -> float:
        """Distance over which trials of one value may be spread; 0 where the axis is continuous."""
        count = self.parameter.count
        few = count is not None and count <= _FEW_LEVELS and not self.parameter.log
        return 0.5 * float(self.parameter.step or 0.0) if few else 0.0

    @property
    def _whole(self) -> bool:
        return isinstance(self.parameter, Int)


@dataclasses.dataclass(frozen=True)
class Choices:
    """The axis of anything whose values are written out: the i-th of them is at i."""

    name: str
    parameter: Any
    discrete = True
    log = False
    room = 0.5

    def positions(self, values: Iterable[Any]) -> np.ndarray:
        """See `Numbers`."""
        return np.array([self.parameter.position(value) for value in values], float)

    def values(self, most: int) -> list[Any]:
        """All values, however many `most` are."""
        return [self.parameter.level(i) for i in range(self.parameter.count)]

    def unit(self, positions: np.ndarray) -> np.ndarray:
        """See `Numbers`."""
        return (positions + 0.5) / self.parameter.count

    def ticks(self) -> list[tuple[float, str]]:
        """See `Numbers`."""
        return self._some(_FEW_LABELS)

    def _some(self, most: int) -> list[tuple[float, str]]:
        every = math.ceil(self.parameter.count / most)
        return [(float(i), text) for i, text in enumerate(written(self.values(0)))][::every]

    def dress(self, ax: Axes, which: str) -> None:
        """See `Numbers`."""
        places, texts = zip(*self._some(_FEW_LABELS if which == "x" else _MOST_LABELS), strict=True)
        turned = which == "x" and sum(map(len, texts)) + 2 * len(texts) > _ROOM
        look = {"rotation": 35.0, "ha": "right", "rotation_mode": "anchor"} if turned else {}
        getattr(ax, f"set_{which}ticks")(places, texts, parse_math=False, **look)
        getattr(ax, f"{which}axis").set_tick_params(which="minor", bottom=False, left=False)
        getattr(ax, f"set_{which}lim")(-0.5, self.parameter.count - 0.5)
        _label(ax, which, self.name)


Scale = Numbers | Choices


def of(name: str, parameter: Parameter) -> Scale:
    """The axis of a parameter."""
    if isinstance(parameter, (Float, Int)):
        return Numbers(name, parameter)
    return Choices(name, parameter)


def places(scale: Scale, trials: Sequence[Trial], turn: float = 1.0) -> np.ndarray:
    """Positions along an axis of trials `[n]`, all of which have its parameter.

    Trials of one choice, or of one of few numbers if many, are side by side; `turn` gives another order.
    """
    exact = scale.positions(trial.params[scale.name] for trial in trials)
    if not scale.discrete and len(trials) < _MANY:
        return exact
    numbers = np.array([trial.number for trial in trials], float)
    return exact + style.jitter(turn * numbers, scale.room)


def written(values: Iterable[Any]) -> list[str]:
    """Choices as the user wrote them; where two would look alike, as Python writes them."""
    listed = list(values)
    texts = [style.shortened(str(value)) for value in listed]
    alike = {text for text in texts if texts.count(text) > 1}
    return [
        style.shortened(repr(value), 60) if text in alike else text
        for value, text in zip(listed, texts, strict=True)
    ]


def _label(ax: Axes, which: str, name: str) -> None:
    style.labels(ax, **{which: style.shortened(name, 36)})
