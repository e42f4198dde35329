"""Scalars of other libraries as Python's own, which JSON keeps to the type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_PLAIN = (str, int, float, bool, type(None))


def plain(value: Any) -> Any:
    """The text, int, float or bool that a value stands for; anything else as it is.

    That are scalars of NumPy; arrays, tensors and series of one element, on any device, whether or not
    they have a gradient; members of an Enum that are a str, int or float as well, and whatever else is
    derived from these. Dates of NumPy, complex numbers and text that is bytes stay what they are.

    Example:
        >>> import enum
        >>> class Units(enum.IntEnum):
        ...     FEW = 16
        >>> plain(np.float32(0.5)), plain(np.array([True])), plain(Units.FEW)
        (0.5, True, 16)
    """
    if type(value) in _PLAIN:
        return value
    value = _element(value)
    # The methods of the classes themselves: an Enum may say something else in its own.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    return float.__float__(value) if isinstance(value, float) else value


def as_float(value: Any) -> float | None:
    """A float from a number, infinite where that is too large for one; None from what is no number.

    Example:
        >>> from fractions import Fraction
        >>> as_float(Fraction(1, 4)), as_float(10**400), as_float(True), as_float("0.5")
        (0.25, inf, None, None)
    """
    found = plain(value)
    # Several numbers and dates still have a dtype; text, None and complex numbers have no __float__.
    if isinstance(found, bool) or hasattr(found, "dtype") or not hasattr(found, "__float__"):
        return None
    try:
        return float(found)
    except OverflowError:
        return math.inf if found > 0 else -math.inf
    except (TypeError, ValueError, AttributeError):
        return None


def axes(value: Any) -> int:
    """Number of axes of an array; 0 for a scalar."""
    try:
        return len(getattr(value, "shape", ()))
    except (TypeError, ValueError):  # a tensor of unknown rank
        return 1


def _element(value: Any) -> Any:
    """The only element of an array, a tensor or a series; anything else as it is."""
    if not hasattr(value, "dtype") or isinstance(value, type) or _size(value) != 1:
        return value
    # A date in nanoseconds would become a whole number.
    if getattr(value.dtype, "kind", None) in ("m", "M"):
        return value
    if np.ma.is_masked(value):
        return math.nan
    # TensorFlow's and Keras's have no item(); PyTorch's numpy() refuses gradients and GPUs.
    array = value if hasattr(value, "item") or not hasattr(value, "numpy") else value.numpy()
    if not hasattr(array, "item"):
        return value
    found = array.item()
    # Types that Python lacks, such as bfloat16 and longdouble.
    if isinstance(found, np.generic):
        return complex(found) if isinstance(found, np.complexfloating) else float(found)
    return found


def _size(value: Any) -> int:
    try:
        return math.prod(getattr(value, "shape", ()))
    except (TypeError, ValueError):  # a tensor of unknown shape
        return 0
