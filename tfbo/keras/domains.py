"""One hyperparameter as a parameter of a `tfbo.Space`, and its values there and back.

The legal value of the parameter is the value of the hyperparameter itself, but for `sampling=
"reverse_log"`, where values are dense near the upper end: it is then the mirrored value
`min_value + max_value - value`, which is searched logarithmically.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from tfbo._arguments import is_number, plain
from tfbo.errors import invalid
from tfbo.space import Categorical, Constant, Float, Int, Ordinal, decimals


@dataclasses.dataclass(frozen=True)
class Listed:
    """Values that are written out."""

    parameter: Any
    levels: tuple[Any, ...]
    mirrored = False

    def read(self, value: Any) -> Any:
        """The legal value of the parameter for a value, or the nearest one where all are numbers."""
        value = plain(value)
        same = self.matching([value])
        if same:
            return next((level for level in same if type(level) is type(value)), same[0])
        if not all(is_number(entry) for entry in (value, *self.levels)):
            listed = ", ".join(map(repr, self.levels))
            raise invalid("value", f"one of {listed}", value, "Use a value of the search space.")
        return min(self.levels, key=lambda level: abs(level - value))

    def write(self, legal: Any) -> Any:
        """The value that a legal value of the parameter stands for."""
        return legal

    def matching(self, values: Iterable[Any]) -> list[Any]:
        """The legal values of the parameter for those values that the hyperparameter can have."""
        wanted = list(map(plain, values))
        return [level for level in self.levels if level in wanted]


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from one to another."""

    parameter: Any
    mirrored: bool = False

    def read(self, value: Any) -> Any:
        """See `Listed`."""
        legal = min(max(self._mirror(plain(value)), self.parameter.low), self.parameter.high)
        if self.parameter.count is None:
            return float(legal)
        nearest = round((legal - self.parameter.low) / self.parameter.step)
        return self.parameter.level(min(nearest, self.parameter.count - 1))

    def write(self, legal: Any) -> Any:
        """See `Listed`."""
        return min(max(self._mirror(legal), self.parameter.low), self.parameter.high)

    def matching(self, values: Iterable[Any]) -> list[Any]:
        """See `Listed`."""
        numbers = filter(is_number, map(plain, values))
        read = ((number, self.read(number)) for number in numbers)
        return [legal for value, legal in read if abs(self.write(legal) - value) <= 1e-9]

    def _mirror(self, number: Any) -> Any:
        return self.parameter.low + self.parameter.high - number if self.mirrored else number


SearchDomain = Listed | Range


def listed(values: Sequence[Any], *, ordered: bool) -> Listed:
    """The domain of these values, each once; ordered ones that neither rise nor fall are sorted."""
    levels = list({(type(value), value): value for value in values}.values())
    if len(levels) == 1:
        return Listed(Constant(levels[0]), tuple(levels))
    if ordered and levels not in (sorted(levels), sorted(levels, reverse=True)):
        levels.sort()
    return Listed(Ordinal(levels) if ordered else Categorical(levels), tuple(levels))


def numbers(kind: type, low: Any, high: Any, step: Any, sampling: str) -> SearchDomain:
    """The domain of an `Int` or a `Float`; the step is a factor unless `sampling` is linear."""
    if low == high:
        return listed([low], ordered=True)
    if step is not None:
        levels = stepped(kind, low, high, step, sampling)
        if sampling != "linear" or len(levels) < 3:
            return listed(levels, ordered=True)
        made: Any = Int if kind is int else Float
        return Range(made(low, levels[-1], step=step))
    made = Int if kind is int else Float
    return Range(made(low, high, log=sampling != "linear"), mirrored=sampling == "reverse_log")


def stepped(kind: type, low: Any, high: Any, step: Any, sampling: str) -> Sequence[Any]:
    """The legal values, smallest first, as the decimals that one would write."""
    if kind is int and sampling == "linear":
        return range(low, high + 1, step)
    number: Any = int if kind is int else decimals.of
    slack: Any = 0 if kind is int else Decimal("1e-9")
    with decimals.exact():
        first, last, size = map(number, (low, high, step))
        if sampling == "linear":
            count = int((last + abs(size) * slack - first) // size) + 1
            levels = [first + i * size for i in range(count)]
        else:
            levels = [first]
            while levels[-1] * size <= last * (1 + slack):
                levels.append(levels[-1] * size)
        if abs(levels[-1] - last) <= abs(last) * slack:
            levels[-1] = last
        if sampling == "reverse_log":
            levels = [first + last - level for level in reversed(levels)]
        return [kind(level) for level in levels]
