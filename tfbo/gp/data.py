"""The one hand-over from NumPy to TensorFlow: checked, float64, and in an order of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfbo.errors import invalid


class Data(NamedTuple):
    """What a Gaussian process is fitted to."""

    x: np.ndarray
    """Inputs, float64 `[n, d]`."""
    y: np.ndarray
    """Outcomes in the user's units, float64 `[n]`."""


def check(x: Any, y: Any) -> Data:
    """`x` `[n, d]` and `y` `[n]` as float64, or an error that says what is wrong with which.

    Raises:
        InvalidArgument: for another rank, no rows, no columns, lengths that differ, or values that
            are not finite numbers.
    """
    x, y = as_matrix("x", x), _as_float64("y", y)
    if y.ndim != 1 or len(y) != len(x):
        expected = f"as many outcomes as x has rows, shape [{len(x)}]"
        raise invalid(
            "y", expected, f"shape {list(y.shape)}", "Pass one outcome for each row of x."
        )
    _require_finite("y", y)
    return Data(x, y)


def as_matrix(argument: str, x: Any, columns: int | None = None) -> np.ndarray:
    """`x` as a finite float64 matrix `[n, d]`, with `columns` columns where that is given."""
    x = _as_float64(argument, x)
    width = "d" if columns is None else str(columns)
    if x.ndim != 2 or 0 in x.shape or (columns is not None and x.shape[1] != columns):
        advice = "Use x[:, None] for a single column, x[None, :] for a single row."
        raise invalid(
            argument, f"a matrix [n, {width}] with n >= 1", f"shape {list(x.shape)}", advice
        )
    _require_finite(argument, x)
    return x


def canonical(data: Data) -> Data:
    """The same data with rows in lexicographic order, so that sums do not depend on their order."""
    order = np.lexsort((data.y, *data.x.T[::-1]))
    return Data(data.x[order], data.y[order])


def _as_float64(argument: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise invalid(argument, "an array of numbers", values, f"NumPy says: {error}.") from None


def _require_finite(argument: str, values: np.ndarray) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        got = f"{values[first]} at index {list(first)} ({len(bad)} such values)"
        raise invalid(argument, "finite numbers", got, "Leave those rows out or impute them first.")
