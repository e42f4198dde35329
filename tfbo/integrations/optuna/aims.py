"""Aims of an Optuna study, its directions and the constraints that its trials set, and outcomes by them."""

from __future__ import annotations

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from tfbo.strategies import Problem
from tfbo.trial import COMPLETE, FAILED, MINIMIZE, VALUE, Goals, OutcomeConstraints, Trial

# The attribute of a trial under which Optuna's samplers store what `constraints_func` returned, and before
# the name of each constraint of `Trial.set_constraint`.
_KEY = "constraints"


@dataclasses.dataclass(frozen=True)
class StudyAims:
    """Objectives of a study by number, and constraints that hold where a value is 0 or less.

    Args:
        directions: "minimize" or "maximize" of each objective.
        constraints: their names in Optuna.

    Example:
        >>> aims = StudyAims(("minimize", "maximize"), ("size",))
        >>> aims.goals.names, aims.limits.texts
        (('value_0', 'value_1'), ('constraint_0 <= 0',))
    """

    directions: tuple[str, ...] = (MINIMIZE,)
    constraints: tuple[str, ...] = ()

    @classmethod
    def of(cls, study: Study, trials: Sequence[FrozenTrial]) -> StudyAims:
        """Aims of a study: a constraint is known from the first complete trial that has a value of it."""
        complete = (trial for trial in trials if trial.state == TrialState.COMPLETE)
        found = {
            name
            for trial in complete
            for name, value in constraint_values(trial).items()
            if math.isfinite(value)
        }
        directions = tuple(direction.name.lower() for direction in study.directions)
        return cls(directions, tuple(sorted(found)))

    @property
    def is_plain(self) -> bool:
        """True for one objective without constraints."""
        return len(self.directions) == 1 and not self.constraints

    @functools.cached_property
    def goals(self) -> Goals | None:
        """The objectives, where there are several."""
        return Goals(self._objectives, self.directions) if len(self.directions) > 1 else None

    @functools.cached_property
    def limits(self) -> OutcomeConstraints | None:
        """The constraints, under names that expressions can have."""
        names = (f"{_limit(i)} <= 0" for i in range(len(self.constraints)))
        return OutcomeConstraints.of(list(names)) if self.constraints else None

    def extend(self, problem: Problem) -> Problem:
        """A problem of the first objective with all of these aims."""
        return problem._replace(goals=self.goals, constraints=self.limits)

    def finished(self, trial: Trial, frozen: FrozenTrial) -> Trial:
        """The trial as `frozen` ended: failed without a finite value of each objective.

        A constraint whose value is infinite has none that a model could learn from: it says that there is
        no result, as a failure does.
        """
        complete = frozen.state == TrialState.COMPLETE
        told = zip(self._objectives, frozen.values or (), strict=False) if complete else ()
        values = {name: value for name, value in told if math.isfinite(value)}
        limited = constraint_values(frozen)
        if math.inf in limited.values():
            values = {}
        failed = len(values) < len(self.directions)
        only = next(iter(values.values())) if len(self.directions) == 1 and values else None
        trial = dataclasses.replace(trial, state=FAILED if failed else COMPLETE, value=only)
        if self.is_plain:
            return trial
        for i, name in enumerate(self.constraints):
            if name in limited:
                values[_limit(i)] = limited[name]
        trial = dataclasses.replace(trial, values=values)
        if self.limits is None:
            return trial
        return dataclasses.replace(trial, violations=self.limits.violations(values))

    @property
    def _objectives(self) -> tuple[str, ...]:
        # Names that a user gives by `study.set_metric_names` may be equal, or those of constraints.
        several = len(self.directions) > 1
        return tuple(f"{VALUE}_{i}" for i in range(len(self.directions))) if several else (VALUE,)


def _limit(i: int) -> str:
    return f"constraint_{i}"


def constraint_values(trial: FrozenTrial) -> dict[str, float]:
    """Values of the constraints that a trial has, by name: as `FrozenTrial.constraints` of Optuna 5."""
    attributes: Mapping[str, Any] = trial.system_attrs
    values = {str(i): value for i, value in enumerate(attributes.get(_KEY) or ())}
    prefix = f"{_KEY}:"
    named = {k.removeprefix(prefix): v for k, v in attributes.items() if k.startswith(prefix)}
    return {**values, **named}


def store_constraints(
    function: Callable[[FrozenTrial], Sequence[float]],
    study: Study,
    trial: FrozenTrial,
    state: TrialState,
) -> None:
    """Write down what a `constraints_func` returns for a trial, as Optuna's own samplers do.

    Of a trial that is complete or pruned; None where the function raises.

    Raises:
        ValueError: for NaN.
    """
    if state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return
    constraints = None
    try:
        returned = function(trial)
        if any(map(math.isnan, returned)):
            raise ValueError(
                "constraints_func: expected numbers, 0 or less where a constraint holds; "
                f"got NaN among {returned!r}. Return a positive number for one that is broken."
            )
        if not isinstance(returned, (tuple, list)):
            expected = f"a tuple or list of numbers; got {returned!r}"
            warnings.warn(f"constraints_func: expected {expected}.", stacklevel=2)
        constraints = tuple(map(float, returned))
    finally:
        # A trial that is not told yet has no public way to these attributes.
        study._storage.set_trial_system_attr(trial._trial_id, _KEY, constraints)  # noqa: SLF001
