"""Aims of a study: its objectives and the constraints on outcomes, from its arguments or its record."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from tfbo._messages import printable
from tfbo.errors import InvalidArgument, invalid
from tfbo.space import Space
from tfbo.storage import Record, damaged
from tfbo.trial import (
    MINIMIZE,
    VALUE,
    Goal,
    Goals,
    Metrics,
    OutcomeConstraints,
    Trial,
    direction_of,
)


@dataclasses.dataclass(frozen=True)
class Aims:
    """Objectives of a study, and the constraints on what its trials are told.

    Args:
        direction: of the first objective.
        named: the objectives by name; None for one without a name.
        constraints: None without any.
    """

    direction: str
    named: Goals | None = None
    constraints: OutcomeConstraints | None = None

    @property
    def goals(self) -> Goals | None:
        """The objectives where there are several, else None."""
        return self.named if self.named is not None and len(self.named.names) > 1 else None

    @property
    def goal(self) -> Goal | Goals:
        """The goal that compares trials: one of a value, or several."""
        return self.goals or Goal(self.direction)

    @property
    def objectives(self) -> dict[str, str]:
        """Directions by the names of the objectives."""
        if self.named is None:
            return {VALUE: self.direction}
        return dict(zip(self.named.names, self.named.directions, strict=True))

    @property
    def metrics(self) -> Metrics:
        """Names of what a trial is told."""
        names = tuple(self.objectives)
        limits = self.constraints
        others = () if limits is None else tuple(n for n in limits.names if n not in names)
        return Metrics(names, others, limited=limits is not None)

    @property
    def texts(self) -> tuple[str, ...]:
        """The constraints as they were written."""
        return () if self.constraints is None else self.constraints.texts

    @property
    def goals_json(self) -> str | None:
        """The objectives for a record."""
        return None if self.named is None else self.named.to_json()

    @property
    def constraints_json(self) -> str | None:
        """The constraints for a record."""
        return None if self.constraints is None else self.constraints.to_json()

    def judged(self, trial: Trial) -> Trial:
        """A trial that is told with its values by name, and with the constraints that it breaks."""
        placed = self.metrics.placed(trial)
        if self.constraints is None or (placed.value is None and not placed.values):
            return placed
        return dataclasses.replace(placed, violations=self.constraints.violations(placed.values))

    def check_added(self, names: Iterable[str]) -> None:
        """Raise InvalidArgument where a parameter that is added has the name of an outcome."""
        taken = () if self.named is None and self.constraints is None else self.metrics.names
        for name in names:
            if name in taken:
                expected = f"a name that no outcome of the study has ({', '.join(taken)})"
                raise invalid(f"parameters[{name!r}]", expected, name, "Give it another name.")

    def check(self, study: str, trials: Iterable[Trial]) -> None:
        """Raise StorageError for trials whose values are not those of the objectives."""
        for trial in trials:
            # A failed trial has what is known of it; of others the state says that they have values.
            if (trial.value is not None and self.goals is not None) or (
                trial.value is None and trial.values and self.goals is None and trial.kind is None
            ):
                expected = f"values of {', '.join(map(repr, self.objectives))}"
                part = f"trial {trial.number} of "
                raise damaged(study, f"values: expected {expected}, got others", part=part)

    def difference(self, wanted: Aims) -> list[str]:
        """Lines that say in what the aims wanted differ from these, which are stored; none without one."""
        lines = []
        here, there = wanted.objectives, self.objectives
        if wanted.named is None and self.named is None and here != there:
            lines.append(f"direction: {wanted.direction!r} here, {self.direction!r} there")
        elif list(here.items()) != list(there.items()):
            lines.append(f"objectives: {here} here, {there} there")
        reference, stored = (a.named and a.named.reference for a in (wanted, self))
        if reference is not None and reference != stored:
            lines.append(f"reference: {reference} here, {stored or 'none'} there")
        if wanted.texts != self.texts:
            lines.append(f"constraints: {list(wanted.texts)} here, {list(self.texts)} there")
        return lines


def given(space: Space, direction: Any, objectives: Any, constraints: Any, reference: Any) -> Aims:
    """The aims that the arguments of `Study` stand for; InvalidArgument for a contradiction."""
    named = None
    if objectives is not None:
        if direction is not None:
            advice = "The objectives have their directions: leave out direction."
            raise invalid("direction", "None beside objectives", direction, advice)
        named = Goals.of(objectives, reference)
        direction = named.directions[0]
    elif reference is not None:
        advice = 'For example objectives={"accuracy": "maximize", "latency_ms": "minimize"}.'
        raise invalid("reference", "None for a study without objectives=", reference, advice)
    limits = OutcomeConstraints.of(constraints)
    meant = MINIMIZE if direction is None else direction_of(direction)
    made = Aims(meant, named, limits if limits.expressions else None)
    _check_names(space, made)
    return made


def of(record: Record) -> Aims:
    """The aims of a stored study; StorageError, which names the study, for damaged ones."""
    try:
        named = None if record.goals is None else Goals.from_json(record.goals)
        limits = None
        if record.constraints is not None:
            limits = OutcomeConstraints.from_json(record.constraints)
    except InvalidArgument as error:
        raise damaged(record.name, printable(str(error)), part="the objectives of ") from error
    return Aims(record.direction, named, limits)


def _check_names(space: Space, aims: Aims) -> None:
    """Raise InvalidArgument where a name is that of a parameter, too."""
    for name in aims.objectives if aims.named is not None else ():
        if name in space:
            advice = "Objectives and parameters need names of their own."
            raise invalid("objectives", "names that the space does not have", name, advice)
    for i, expression in enumerate(aims.constraints.expressions if aims.constraints else ()):
        for name in expression.names:
            if name in space:
                advice = f"{name!r} is a parameter: constrain it by Space(..., constraints=[...])."
                expected = "names of outcomes"
                raise invalid(f"constraints[{i}]", expected, expression.text, advice)
