"""Trials as a data frame of pandas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tfbo.trial import PLAIN, Metrics, Trial

if TYPE_CHECKING:
    import pandas


def data_frame(
    trials: Sequence[Trial],
    names: Iterable[str],
    metrics: Metrics = PLAIN,
    *,
    constraints: Sequence[str] = (),
    staged: bool = False,
) -> pandas.DataFrame:
    """A row for each trial: `started` in UTC, NaT for one that was not, and `duration` in seconds.

    Where trials are `staged`, or any has a curve, there are columns of its stage, the last step of its
    curve and the curve itself. Where outcomes have names, there is a column for each, one for its
    standard error where any has one, one for each constraint with how far it is broken (0 where it holds,
    NaN where that is not known), and whether the trial is feasible.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError('to_dataframe needs pandas: pip install "tfbo[pandas]"') from None
    started = [
        None if trial.started is None else datetime.fromtimestamp(trial.started, timezone.utc)
        for trial in trials
    ]
    columns = {
        "number": [trial.number for trial in trials],
        "state": [trial.state for trial in trials],
        "value": pandas.Series([trial.value for trial in trials], dtype=float),
        "std": pandas.Series([trial.std for trial in trials], dtype=float),
        **_named(trials, metrics, constraints, pandas),
        **{f"params_{name}": [trial.params.get(name) for trial in trials] for name in names},
        "kind": [trial.kind for trial in trials],
        "reason": [trial.reason for trial in trials],
        "started": pandas.Series(started, dtype="datetime64[us, UTC]"),
        "duration": pandas.Series([trial.duration for trial in trials], dtype=float),
    }
    if staged or any(trial.curve for trial in trials):
        steps = {
            "start": [trial.start for trial in trials],
            "until": [trial.until for trial in trials],
            "step": [trial.reached for trial in trials],
            "spent": [trial.trained for trial in trials],
        }
        columns |= {name: pandas.Series(found, dtype="Int64") for name, found in steps.items()}
        columns["curve"] = [dict(trial.curve) for trial in trials]
    return pandas.DataFrame(columns)


def _named(
    trials: Sequence[Trial], metrics: Metrics, constraints: Sequence[str], pandas: Any
) -> Mapping[str, Any]:
    """Columns of outcomes that have names, and of constraints."""
    if metrics.is_plain:
        return {}
    columns = {}
    for name in metrics.shown(trials):
        values = [trial.values.get(name) for trial in trials]
        columns[f"values_{name}"] = pandas.Series(values, dtype=float)
    for name in metrics.names:
        errors = [trial.stds.get(name) for trial in trials]
        if any(error is not None for error in errors):
            columns[f"stds_{name}"] = pandas.Series(errors, dtype=float)
    for text in constraints:
        broken = [trial.violations.get(text, math.nan) for trial in trials]
        columns[f"violations_{text}"] = pandas.Series(broken, dtype=float)
    feasible = [trial.is_feasible for trial in trials]
    columns["feasible"] = pandas.Series(feasible, dtype="boolean")
    return columns
