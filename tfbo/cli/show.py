"""`tfbo show`: what is in a storage, as tables."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tfbo import _format
from tfbo._messages import printable
from tfbo.storage import Record, Storage, no_study, read_space
from tfbo.study import aims
from tfbo.study.aims import Aims
from tfbo.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED, WAITING, Fidelity, Goals, Trial

# Characters of a cell: names and choices may be megabytes long.
_WIDEST = 10_000
# Characters of a column of texts, beyond which a cell pushes aside the rest of its own row only.
_COLUMN = 40
_COUNTED = (COMPLETE, FAILED, RUNNING, WAITING)
_STAGED = (COMPLETE, STOPPED, PAUSED, FAILED, RUNNING, WAITING)


def studies(storage: Storage) -> str:
    """The studies of a storage as a table, oldest first; StudyNotFound where there is none."""
    records = storage.studies()
    if not records:
        raise no_study(storage.location)
    listed = [storage.changes(record.name, 0).trials for record in records]
    curved = any(trial.curve for trials in listed for trial in trials)
    counted = _STAGED if curved else _COUNTED
    rows = [
        _study_row(record, trials, counted, curved)
        for record, trials in zip(records, listed, strict=True)
    ]
    steps = ("steps",) if curved else ()
    return table(("study", "direction", "trials", *counted, *steps, "best", "created"), rows)


def trials(storage: Storage, name: str) -> str:
    """The constraints of a study, and its trials: complete ones best first, then the others by number.

    Of several objectives those on the front come first, and a line says what it is worth.
    """
    record = storage.find(name)
    aim = aims.of(record)
    head = _constraints(record, aim)
    listed = sorted(storage.changes(name, 0).trials, key=aim.goal.rank)
    if not listed:
        return f"{head}The study {name!r} has no trial yet."
    curved = any(trial.curve for trial in listed)
    front = {trial.number for trial in aim.goal.front(listed)}
    # On the front first, as what is best is first of one objective.
    listed.sort(key=lambda trial: trial.number not in front)
    rows = [_trial_row(trial, curved, aim, trial.number in front) for trial in listed]
    step = (_step_name(record),) if curved else ()
    columns = ("number", *_heads(aim), "state", *step, "seconds", "parameters")
    shown = head + table(columns, rows)
    return shown if aim.goals is None else f"{shown}\n\n{_front(aim.goals, listed)}"


def _heads(aim: Aims) -> tuple[str, ...]:
    """Heads of the columns of outcomes."""
    if aim.metrics.is_plain:
        return ("value",)
    return (
        *aim.metrics.names,
        *(("front",) if aim.goals is not None else ()),
        *(("feasible",) if aim.constraints is not None else ()),
    )


def _front(goals: Goals, listed: Sequence[Trial]) -> str:
    """The front in a line, with its trials and where its hypervolume begins."""
    best = goals.front(listed)
    if not best:
        return "No trial is feasible and complete yet."
    reference = dict(zip(goals.names, goals.point(best) * goals.signs, strict=True))
    begins = ", ".join(f"{printable(name)}={value:.6g}" for name, value in reference.items())
    numbers = ", ".join(str(trial.number) for trial in best)
    return f"{goals.summary(best)} from {begins}; trials {numbers}"


def _constraints(record: Record, aim: Aims) -> str:
    """The constraints of a study, a line each, and an empty one; nothing where there are none."""
    space = read_space(record.name, record.space)
    lines = [f"constraint: {_cell(one.text)}" for one in space.constraints]
    lines += [f"constraint: {_cell(text)}" for text in aim.texts]
    if space.missing:
        lines.append(f"constraint: predicates that are not stored: {space.missing}")
    return "".join(f"{line}\n" for line in [*lines, ""]) if lines else ""


def _step_name(record: Record) -> str:
    return "step" if record.fidelity is None else Fidelity.from_json(record.fidelity).name


def _study_row(
    record: Record, listed: Sequence[Trial], counted: Sequence[str], curved: bool
) -> tuple[str, ...]:
    aim = aims.of(record)
    best = aim.goal.front(listed)
    directions = ", ".join(f"{name} {way}" for name, way in aim.objectives.items())
    return (
        record.name,
        record.direction if aim.named is None else directions,
        str(len(listed)),
        *(str(sum(trial.state == state for trial in listed)) for state in counted),
        *([str(sum(trial.trained for trial in listed))] if curved else []),
        _best(aim, best),
        time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created)),
    )


def _best(aim: Aims, best: Sequence[Trial]) -> str:
    if not best:
        return "-"
    return f"front {len(best)}" if aim.goals is not None else _number(best[0].value)


def _trial_row(trial: Trial, curved: bool, aim: Aims, leads: bool) -> tuple[str, ...]:
    state = trial.state if trial.state != FAILED else f"failed ({trial.kind})"
    return (
        str(trial.number),
        *_outcomes(trial, aim, leads),
        state,
        *([_reached(trial)] if curved else []),
        _seconds(trial.duration),
        _format.params(trial.params),
    )


def _outcomes(trial: Trial, aim: Aims, leads: bool) -> list[str]:
    """Cells of the columns that `_heads` names."""
    if aim.metrics.is_plain:
        return [_number(trial.value)]
    cells = [_number(trial.values.get(name)) for name in aim.metrics.names]
    cells += [("yes" if leads else "-")] if aim.goals is not None else []
    feasible = {True: "yes", False: "no", None: "-"}[trial.is_feasible]
    return cells + ([feasible] if aim.constraints is not None else [])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _reached(trial: Trial) -> str:
    return "-" if trial.reached is None else str(trial.reached)


def _seconds(duration: float | None) -> str:
    if duration is None:
        return "-"
    return f"{duration:.1f}" if duration >= 1.0 else f"{duration:.2g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text under their heads, numbers with their points below each other, each row in a line.

    Example:
        >>> print(table(("name", "value"), [("a", "0.25"), ("b", "1e+09"), ("c", "12.5"), ("d", "-")]))
        name   value
        ----  ------
        a      0.25
        b      1e+09
        c     12.5
        d      -
    """
    cells = [[_cell(text) for text in row] for row in rows]
    columns = [_column(*column) for column in zip(head, *cells, strict=True)]
    widths = [
        max(len(text) for text in column if text is column[0] or len(text) <= _COLUMN)
        for column in columns
    ]
    rule = tuple("-" * width for width in widths)
    lines = list(zip(*columns, strict=True))
    return "\n".join(
        "  ".join(map(str.ljust, line, widths)).rstrip() for line in (lines[0], rule, *lines[1:])
    )


def _column(head: str, *cells: str) -> list[str]:
    """A column with its head: texts as they are, numbers all of one width."""
    if not all(_is_number(cell) for cell in cells):
        return [head, *cells]
    parts = [_parted(cell) for cell in cells]
    before = max(len(whole) for whole, _ in parts)
    after = max(len(rest) for _, rest in parts)
    aligned = [whole.rjust(before) + rest.ljust(after) for whole, rest in parts]
    width = max(len(head), before + after)
    return [text.rjust(width) for text in (head, *aligned)]


def _parted(number: str) -> tuple[str, str]:
    """A number up to the end of its whole part, and the rest of it."""
    end = next((i for i, c in enumerate(number) if c in ".e"), len(number))
    return number[:end], number[end:]


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
