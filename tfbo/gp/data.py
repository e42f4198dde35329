"""The one hand-over from NumPy to TensorFlow: checked, float64, and in an order of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfbo.errors import invalid


class TrainingData(NamedTuple):
    """Training data of a Gaussian process."""

    x: np.ndarray
    """Inputs, float64 `[n, d]`."""
    y: np.ndarray
    """Outcomes in the user's units, float64 `[n]`."""
    std: np.ndarray
    """Known standard errors of the outcomes in the same units, zero where unknown, float64 `[n]`."""


def check(x: Any, y: Any, std: Any = None) -> TrainingData:
    """`x` `[n, d]`, `y` and `std` `[n]` as float64; InvalidArgument says what is wrong with which."""
    x = as_matrix("x", x)
    y = _as_column("y", y, len(x))
    if std is None:
        return TrainingData(x, y, np.zeros(len(x)))
    std = _as_column("std", std, len(x))
    if np.any(std < 0.0):
        advice = "Pass standard errors, 0.0 where there is none."
        raise invalid("std", "numbers >= 0", float(np.min(std)), advice)
    return TrainingData(x, y, std)


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


def canonical(data: TrainingData) -> tuple[TrainingData, np.ndarray]:
    """The same data in lexicographic order, so that sums do not depend on theirs, and their old places."""
    order = np.lexsort((data.std, data.y, *data.x.T[::-1]))
    return TrainingData(*(part[order] for part in data)), order


def _as_column(argument: str, values: Any, n: int) -> np.ndarray:
    values = _as_float64(argument, values)
    if values.shape != (n,):
        got, advice = f"shape {list(values.shape)}", "Pass one number for each row of x."
        raise invalid(argument, f"as many numbers as x has rows, shape [{n}]", got, advice)
    _require_finite(argument, values)
    return values


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
