"""Arithmetic of decimal grids, which give 0.3 where floats give 0.30000000000000004.

The decimal context belongs to the user, who may have set four digits or a trap: ours is another one.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from fractions import Fraction
from typing import Any

# Python's own defaults, all of them written out: what is left out would be taken from
# decimal.DefaultContext, which may have been changed, too.
_CONTEXT = decimal.Context(
    prec=28,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-999999,
    Emax=999999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)


def exact() -> AbstractContextManager[decimal.Context]:
    """The context in which all decimals of tfbo are computed, until the block ends."""
    return decimal.localcontext(_CONTEXT)


def of(number: Any) -> Decimal:
    """The decimal that one would write for a number."""
    return Decimal(repr(number))


def steps(low: Any, high: Any, size: Any) -> int:
    """Number of steps from low to high, to the nearest whole number."""
    if _whole(low, high, size):
        return (high - low) // size
    with exact():
        return round((of(high) - of(low)) / of(size))


def value(low: Any, size: Any, i: int) -> Any:
    """`low + i size` as the decimal that one would write; of the type of `low`."""
    if _whole(low, size):
        return low + i * size
    with exact():
        return type(low)(of(low) + i * of(size))


def below(low: Any, high: Any, size: Any) -> Any:
    """The last value of the grid from low that is not above high."""
    if _whole(low, high, size):
        return value(low, size, steps(low, high, size))
    with exact():
        return value(low, size, int((of(high) - of(low)) // of(size)))


def fraction(number: float) -> Fraction:
    """The fraction that is the decimal that one would write for a number."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def divisor(numbers: Sequence[Fraction]) -> Fraction:
    """The greatest common divisor; zero of none."""
    scale = math.lcm(*(number.denominator for number in numbers))
    return Fraction(math.gcd(*(int(number * scale) for number in numbers)), scale)


def lattice(numbers: Sequence[float]) -> tuple[Fraction, Fraction]:
    """The first of several numbers, and the largest step of which all are multiples away from it.

    Example:
        >>> lattice([0.5, 0.8, 1.4])
        (Fraction(1, 2), Fraction(3, 10))
    """
    first, *others = map(fraction, numbers)
    return first, divisor([other - first for other in others])


def _whole(*numbers: Any) -> bool:
    return all(isinstance(number, int) for number in numbers)
