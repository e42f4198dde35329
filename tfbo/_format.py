"""Trials, durations and parameters as text for a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfbo._messages import printable, width
from tfbo.trial import COMPLETE, VALUED, Goal, Goals, Trial


def line(trial: Trial, step: str = "step") -> str:
    """A trial that has an outcome in a line: number, outcome, seconds, parameters; see `outcome`."""
    seconds = "" if trial.duration is None else f" in {trial.duration:.1f} s"
    return f"trial {trial.number:3d}: {outcome(trial, step=step)}{seconds}  {params(trial.params)}"


def outcome(trial: Trial, room: int | None = None, *, step: str = "step") -> str:
    """The value of a trial, or why it failed, in so many columns; None for the terminal's.

    Of one that was paused or stopped also the step that its value is of, in the study's name for it.

    Example:
        >>> from tfbo import Trial
        >>> outcome(Trial(0, {}, "stopped", value=0.5, curve={1: 0.6, 3: 0.5}), step="epoch")
        '0.5 at epoch 3 (stopped)'
    """
    if trial.state == COMPLETE:
        return f"{values(trial)}{' (infeasible)' if trial.is_feasible is False else ''}"
    if trial.state in VALUED:
        at = "" if trial.reached is None else f" at {printable(step)} {trial.reached}"
        return f"{values(trial)}{at} ({trial.state})"
    failed = f"failed ({trial.kind})"
    text = f"{failed}: {printable(trial.reason or '')}"
    room = width() if room is None else room
    if len(text) <= room:
        return text
    return f"{text[: room - 3]}..." if room > len(failed) + 8 else failed


def values(trial: Trial) -> str:
    """The value of a trial, or all values by name where they have names.

    Example:
        >>> from tfbo import Trial
        >>> values(Trial(0, {}, values={"accuracy": 0.91234567, "ms": 3.0}))
        'accuracy=0.912346, ms=3'
    """
    if not trial.values:
        return "-" if trial.value is None else f"{trial.value:.6g}"
    return ", ".join(f"{printable(name)}={value:.6g}" for name, value in trial.values.items())


def failed(number: Any, kind: str | None, reason: str | None, params: Mapping[str, Any]) -> str:
    """A failed trial as a line of the log."""
    return f"Trial {number} failed ({kind}): {reason}. Its parameters: {params}"


def cause(kind: str | None, reason: str | None, advice: str = "") -> str:
    """A cause by which trials fail, as a warning: the same text for each trial.

    Example:
        >>> cause("error", "ValueError: no such layer?", "Mend it.")
        'A trial failed (error): ValueError: no such layer? Mend it.'
    """
    return " ".join(filter(None, (f"A trial failed ({kind}): {sentence(reason or '')}", advice)))


def sentence(text: str) -> str:
    """A text that ends as a sentence does."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def best(goal: Goal | Goals, trials: Sequence[Trial]) -> str:
    """The best trials so far, as `best 0.97` or `front 5, hypervolume 1.23`."""
    if not any(trial.state == COMPLETE for trial in trials):
        return "none complete"
    return goal.summary(goal.front(trials))


def params(values: Mapping[str, Any]) -> str:
    """Parameters as `name=value`, numbers to four digits.

    Example:
        >>> params({"rate": 0.123456, "units": 64})
        'rate=0.1235, units=64'
    """
    short = {k: f"{v:.4g}" if isinstance(v, float) else str(v) for k, v in values.items()}
    return printable(", ".join(f"{name}={text}" for name, text in short.items()))


def duration(seconds: float) -> str:
    """Seconds as one reads them: with the digits that matter, or as minutes or hours.

    Example:
        >>> duration(0.0123), duration(12.34), duration(150.0), duration(7500.0), duration(8e4)
        ('0.01 s', '12 s', '150 s', '125 min', '22 h')
    """
    if seconds < 1000.0:
        digits = 2 if seconds < 1.0 else 1 if seconds < 10.0 else 0
        return f"{seconds:.{digits}f} s"
    return f"{seconds / 60:.0f} min" if seconds < 36000.0 else f"{seconds / 3600:.0f} h"
