"""`tfbo show`: what is in a storage, as tables."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tfbo import progress
from tfbo._text import printable
from tfbo.storage import Record, Storage, no_study
from tfbo.trial import COMPLETE, FAILED, STATES, Trial, rank

# Characters of a cell: names and choices may be megabytes long.
_WIDEST = 10_000


def studies(storage: Storage) -> str:
    """The studies of a storage as a table, oldest first; StudyNotFound where there is none."""
    records = storage.studies()
    if not records:
        raise no_study(storage.location)
    rows = [_study_row(record, storage.changes(record.name, 0).trials) for record in records]
    return table(("study", "direction", "trials", "complete", "failed", "best", "created"), rows)


def trials(storage: Storage, name: str) -> str:
    """The trials of a study as a table: complete ones best first, then the others by number."""
    record = storage.find(name)
    listed = sorted(
        storage.changes(name, 0).trials, key=lambda trial: rank(trial, record.direction)
    )
    if not listed:
        return f"The study {name!r} has no trial yet."
    rows = [_trial_row(trial) for trial in listed]
    return table(("number", "value", "state", "seconds", "parameters"), rows)


def _study_row(record: Record, listed: Sequence[Trial]) -> tuple[str, ...]:
    values = [trial.value for trial in listed if trial.value is not None]
    best = min if record.direction == "minimize" else max
    counts = {state: sum(trial.state == state for trial in listed) for state in STATES}
    return (
        record.name,
        record.direction,
        str(len(listed)),
        str(counts[COMPLETE]),
        str(counts[FAILED]),
        f"{best(values):.6g}" if values else "-",
        time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created)),
    )


def _trial_row(trial: Trial) -> tuple[str, ...]:
    state = trial.state if trial.state != FAILED else f"failed ({trial.kind})"
    return (
        str(trial.number),
        "-" if trial.value is None else f"{trial.value:.6g}",
        state,
        "-" if trial.duration is None else f"{trial.duration:.1f}",
        progress.params(trial),
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text under their heads; numbers to the right. Each row stays on its line."""
    cells = [[_cell(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    numeric = [all(_is_number(cell) for cell in column) for column in zip(*cells, strict=True)]

    def line(row: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(head), rule, *map(line, cells)])


def _cell(text: str) -> str:
    """Text for one line of a terminal, whatever a file that came from elsewhere has in it."""
    shown = printable(" ".join(text[: _WIDEST + 1].split()))
    return shown if len(shown) <= _WIDEST else f"{shown[:_WIDEST]}..."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == "-"
    return True
