"""Trials as a pandas data frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from tfbo.trial import Trial

if TYPE_CHECKING:
    import pandas


def of(trials: Sequence[Trial], names: Iterable[str]) -> pandas.DataFrame:
    """A row for each trial; the parameters of those names are the columns `params_...`.

    `started` is a time in UTC (`datetime64[us, UTC]`; NaT for a trial that was not), `duration` seconds.

    Raises:
        ImportError: where pandas is not installed.
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
        **{f"params_{name}": [trial.params.get(name) for trial in trials] for name in names},
        "kind": [trial.kind for trial in trials],
        "reason": [trial.reason for trial in trials],
        "started": pandas.Series(started, dtype="datetime64[us, UTC]"),
        "duration": pandas.Series([trial.duration for trial in trials], dtype=float),
    }
    return pandas.DataFrame(columns)
