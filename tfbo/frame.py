"""Trials as a pandas data frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tfbo.trial import Trial

if TYPE_CHECKING:
    import pandas


def of(trials: Sequence[Trial], names: Iterable[str]) -> pandas.DataFrame:
    """A row for each trial; the parameters of those names are the columns `params_...`.

    Raises:
        ImportError: where pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError("to_dataframe needs pandas: pip install pandas") from None
    columns = {
        "number": [trial.number for trial in trials],
        "state": [trial.state for trial in trials],
        "value": [trial.value for trial in trials],
        "std": [trial.std for trial in trials],
        **{f"params_{name}": [trial.params.get(name) for trial in trials] for name in names},
        "kind": [trial.kind for trial in trials],
        "reason": [trial.reason for trial in trials],
        "started": [trial.started for trial in trials],
        "duration": [trial.duration for trial in trials],
    }
    return pandas.DataFrame(columns)
