"""Records of event files, which TensorBoard reads: each function returns the bytes of some.

A record has a time of its own, so that a trial that is logged late stands where it belongs.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2, summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from tfbo import _format
from tfbo.space import Space
from tfbo.trial import COMPLETE, STOPPED, Trial

OBJECTIVE, BEST, VOLUME, VIOLATION = "objective", "best_so_far", "hypervolume", "violation/"


def head(at: float) -> bytes:
    """The record with which every event file begins; `at` is in seconds since 1970, as everywhere here."""
    return _record(event_pb2.Event(wall_time=at, file_version="brain.Event:2"))


def scalar(tag: str, value: float, *, step: int, at: float) -> bytes:
    """A point of a curve."""
    return _summary(scalar_pb(tag, value), step, at)


def space(searched: Space, metrics: Mapping[str, str], *, at: float) -> bytes:
    """The columns of the HParams page: every parameter with its domain, and outcomes by their tags."""
    listed = [hparams.HParam(name, _domain(parameter)) for name, parameter in searched.items()]
    shown = [hparams.Metric(tag, display_name=name) for tag, name in metrics.items()]
    return _summary(hparams.hparams_config_pb(listed, shown, time_created_secs=at), 0, at)


def start(trial: Trial, name: str, searched: Space, *, at: float) -> bytes:
    """The parameters of a trial that began then; `name` is its row in the table, and has to be its own."""
    # None and anything else that is no number or text is refused: the domains say what is text.
    shown = {
        key: _text(searched[key], value) if _is_text(searched[key]) else value
        for key, value in trial.params.items()
    }
    return _summary(hparams.hparams_pb(shown, trial_id=name, start_time_secs=at), 0, at)


def end(trial: Trial, step: str, *, at: float) -> bytes:
    """The outcome of a trial: its value or the reason of its failure, and its status.

    A value of an earlier step than the last is no objective: it is a text, with the name of a `step`.
    """
    if trial.state == COMPLETE:
        status = api_pb2.STATUS_SUCCESS
        said = scalars(trial.values, step=trial.number, at=at)
        if trial.value is not None:
            said += scalar(OBJECTIVE, trial.value, step=trial.number, at=at)
    elif trial.state == STOPPED:
        status = api_pb2.STATUS_UNKNOWN
        text = _format.outcome(trial, step=step)
        said = _summary(text_pb("stopped", text), trial.number, at)
    else:
        status = api_pb2.STATUS_FAILURE
        said = _summary(text_pb("failure", f"{trial.kind}: {trial.reason}"), trial.number, at)
    said += violations(trial, step=trial.number, at=at)
    return said + _summary(summary.session_end_pb(status, end_time_secs=at), 0, at)


def _summary(content: Any, step: int, at: float) -> bytes:
    # TensorFlow and TensorBoard each have a class of this message; the bytes are the same.
    ours = summary_pb2.Summary.FromString(content.SerializeToString())
    return _record(event_pb2.Event(wall_time=at, step=step, summary=ours))


def _record(event: Any) -> bytes:
    buffer = io.BytesIO()
    RecordWriter(buffer).write(event.SerializeToString())
    return buffer.getvalue()


def _domain(parameter: Any) -> Any:
    listed = _listed(parameter)
    if listed is None:
        interval = hparams.IntInterval if isinstance(parameter.low, int) else hparams.RealInterval
        return interval(parameter.low, parameter.high)
    if _is_text(parameter):
        return hparams.Discrete([_text(parameter, value) for value in listed], dtype=str)
    if all(isinstance(value, bool) for value in listed):
        return hparams.Discrete(listed, dtype=bool)
    return hparams.Discrete([float(value) for value in listed], dtype=float)


def _listed(parameter: Any) -> list[Any] | None:
    """The values of a parameter, each by itself; None for an interval of numbers."""
    if hasattr(parameter, "low"):
        return None
    return [parameter.from_code((i + 0.5) / parameter.count) for i in range(parameter.count)]


def _is_text(parameter: Any) -> bool:
    """Tell if the values have to be shown as text: TensorBoard knows one type a column."""
    kinds = {_kind(value) for value in _listed(parameter) or [0.0]}
    return kinds not in ({"number"}, {"bool"})


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else "text"


def _text(parameter: Any, value: Any) -> str:
    listed = _listed(parameter) or []
    alike = len({str(other) for other in listed}) < len(listed)  # 1 and "1", None and "None"
    return repr(value) if alike else str(value)


def scalars(logs: Mapping[str, Any], *, step: int, at: float) -> bytes:
    """A point of each curve of an epoch, as Keras names them."""
    return b"".join(scalar(tag, float(value), step=step, at=at) for tag, value in logs.items())


def violations(trial: Trial, *, step: int, at: float) -> bytes:
    """Points of how far a complete or failed trial breaks each constraint, where that is known."""
    known = {
        f"{VIOLATION}{text}": broken
        for text, broken in trial.violations.items()
        if trial.state != STOPPED and not math.isnan(broken)
    }
    return scalars(known, step=step, at=at)
