"""Values of expressions at arrays, in NumPy or in `tensorflow.experimental.numpy`, with safe gradients.

Nothing is NaN inside, or infinite but by overflow: where an operation has no value it is fed safe numbers
and a mask says so, for the gradient of `where` is NaN as soon as that of the other branch is infinite.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tfbo.space import arithmetic
from tfbo.space.syntax import NEGATIVE, POWER, PRODUCT, QUOTIENT, SUM

Mask = Any
"""An array of booleans, or a plain bool for all rows."""


class Value(NamedTuple):
    """A value and its masks."""

    value: Any
    active: Mask
    """False where it drops out."""
    named: Mask
    """True where an active parameter is in it."""
    defined: Mask


@dataclasses.dataclass(frozen=True)
class Arrays:
    """Values of expressions at arrays, names having those that are given where they are active."""

    by_name: Mapping[str, Any]
    active: Mapping[str, Any]
    xp: Any

    def number(self, value: float) -> Value:
        """The number itself."""
        return Value(float(value), True, False, True)

    def name(self, name: str) -> Value:
        """Values as they are given, and 1 where inactive."""
        found, active = self.by_name[name], self.active.get(name, True)
        return Value(self._where(active, found, 1.0), active, active, True)

    def apply(self, kind: str, parts: list[Value]) -> Value:
        """The value of an operation, and 1 where it drops out or has none."""
        if kind in (SUM, "min", "max"):
            return self._gathered(kind, parts)
        active, defined, named = True, True, False
        for part in parts:
            active, defined = self._both(active, part.active), self._both(defined, part.defined)
            named = self._either(named, part.named)
        found, own = self._operation(kind, [part.value for part in parts])
        return Value(found, active, named, self._both(defined, own))

    def _gathered(self, kind: str, parts: list[Value]) -> Value:
        """Sums, least and largest ones of the parts that are active."""
        active, named, defined = False, False, True
        neutral = {SUM: 0.0, "min": math.inf, "max": -math.inf}[kind]
        found: Any = None
        for part in parts:
            counted = self._where(part.active, part.value, neutral)
            found = counted if found is None else self._joined(kind, found, counted)
            active = self._either(active, part.active)
            named = self._either(named, self._both(part.active, part.named))
            defined = self._both(defined, self._either(part.defined, self._not(part.active)))
        return Value(self._where(active, found, 1.0), active, named, defined)

    def _joined(self, kind: str, a: Any, b: Any) -> Any:
        if _is_plain(a) and _is_plain(b):
            return arithmetic.value(kind, (a, b))
        if kind == SUM:
            return a + b
        a, b = self._like(a, b), self._like(b, a)
        return self.xp.minimum(a, b) if kind == "min" else self.xp.maximum(a, b)

    def _operation(self, kind: str, values: list[Any]) -> tuple[Any, Mask]:
        """A value, and where it is defined."""
        if all(map(_is_plain, values)):
            found = arithmetic.value(kind, values)
            return (1.0, False) if math.isnan(found) else (found, True)
        if kind == PRODUCT:
            found = values[0]
            for other in values[1:]:
                found = found * other
            return found, True
        if kind == NEGATIVE:
            return -values[0], True
        safe: dict[str, Callable[..., tuple[Any, Mask]]] = {
            QUOTIENT: self._quotient,
            POWER: self._power,
            "abs": self._abs,
            "sqrt": self._sqrt,
            "log": self._log,
            "exp": self._exp,
        }
        return safe[kind](*values)

    def _quotient(self, a: Any, b: Any) -> tuple[Any, Mask]:
        if _is_plain(b):
            return (a / b, True) if b else (a * 0.0 + 1.0, False)
        defined = b != 0.0
        return a / self._where(defined, b, 1.0), defined

    def _power(self, a: Any, b: Any) -> tuple[Any, Mask]:
        if _is_plain(b) and b >= 1.0 and float(b).is_integer():
            return (a * a if b == 2.0 else a**b), True
        a, b = self._like(a, b), self._like(b, a)
        xp = self.xp
        negative, zero = a < 0.0, a == 0.0
        undefined = (negative & (xp.floor(b) != b)) | (zero & (b < 0.0))
        # The derivative of a ** b at 0 is infinite for b < 1.
        steep = zero & (b >= 0.0) & (b < 1.0)
        found = self._where(undefined | steep, 1.0, a) ** b
        return self._where(steep & (b > 0.0), 0.0, found), xp.logical_not(undefined)

    def _abs(self, a: Any) -> tuple[Any, Mask]:
        return self.xp.abs(a), True

    def _sqrt(self, a: Any) -> tuple[Any, Mask]:
        above = a > 0.0
        return self._where(above, self.xp.sqrt(self._where(above, a, 1.0)), 0.0), a >= 0.0

    def _log(self, a: Any) -> tuple[Any, Mask]:
        above = a > 0.0
        return self.xp.log(self._where(above, a, 1.0)), above

    def _exp(self, a: Any) -> tuple[Any, Mask]:
        dtype = getattr(a.dtype, "as_numpy_dtype", a.dtype)
        below = a < math.log(np.finfo(dtype).max)
        return self._where(below, self.xp.exp(self._where(below, a, 0.0)), math.inf), True

    def _where(self, mask: Mask, a: Any, b: Any) -> Any:
        if mask is True:
            return a
        if mask is False:
            return b
        like = b if _is_plain(a) else a
        if _is_plain(like):  # the mask alone is an array
            like = self.xp.where(mask, 1.0, 1.0)
        return self.xp.where(mask, self._like(a, like), self._like(b, like))

    def _like(self, value: Any, like: Any) -> Any:
        """A number as an array of the dtype of another one."""
        if not _is_plain(value):
            return value
        return self.xp.full_like(like, value) if not _is_plain(like) else value

    def _both(self, a: Mask, b: Mask) -> Mask:
        if a is True or b is False:
            return b
        return a if b is True or a is False else self.xp.logical_and(a, b)

    def _either(self, a: Mask, b: Mask) -> Mask:
        if a is False or b is True:
            return b
        return a if b is False or a is True else self.xp.logical_or(a, b)

    def _not(self, a: Mask) -> Mask:
        return not a if isinstance(a, bool) else self.xp.logical_not(a)

    def margin(self, left: Value, right: Value, comparison: str) -> Any:
        """The margin between two sides; see `Expression`."""
        applies = self._either(
            self._both(left.active, left.named), self._both(right.active, right.named)
        )
        defined = self._both(
            self._either(left.defined, self._not(left.active)),
            self._either(right.defined, self._not(right.active)),
        )
        sides = [self._where(side.active, side.value, 0.0) for side in (left, right)]
        high, low = sides if comparison != "<=" else reversed(sides)
        equality = comparison == "=="
        found = self._where(defined, high - low, math.inf if equality else -math.inf)
        found = self._where(applies, found, 0.0 if equality else 1.0)
        arrays = (value for value in self.by_name.values() if not _is_plain(value))
        return self._like(found, next(arrays, found))


def _is_plain(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, np.generic)
