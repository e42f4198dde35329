"""Several goals of a search, between which a Pareto front has the best compromises."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfbo import _arguments
from tfbo.errors import InvalidArgument, invalid
from tfbo.space import checks
from tfbo.trial import front
from tfbo.trial.goal import Goal, direction_of
from tfbo.trial.trial import COMPLETE, FAILED, Trial

# Of the range of the front: so far beyond the worst of it an inferred reference point is.
_BEYOND = 0.1


@dataclasses.dataclass(frozen=True)
class Goals:
    """Aims of a search: objectives by name, each with a direction; scores of all are better when larger.

    Args:
        objectives: names with "minimize" or "maximize", in the order in which scores have them.
        reference: by objective a value that is just not good enough; None to infer it from the front.

    Raises:
        InvalidArgument: for a name or a direction that is none, or a reference of other names.

    Example:
        >>> goals = Goals.of({"accuracy": "maximize", "ms": "minimize"})
        >>> trials = [Trial(0, {}, "complete", values={"accuracy": 0.9, "ms": 5.0})]
        >>> goals.scores(trials).tolist()
        [[0.9, -5.0]]
    """

    names: tuple[str, ...]
    directions: tuple[str, ...]
    reference: tuple[float, ...] | None = None

    @classmethod
    def of(cls, objectives: Any, reference: Any = None) -> Goals:
        """The goals that the arguments of a study stand for."""
        example = 'For example objectives={"accuracy": "maximize", "latency_ms": "minimize"}.'
        if not isinstance(objectives, Mapping) or not objectives:
            expected = "a dict from names to directions"
            raise invalid("objectives", expected, objectives, example)
        directions = {}
        for key, direction in objectives.items():
            name = _arguments.plain(key)
            if not isinstance(name, str) or not name:
                raise invalid("objectives", "names that are texts", key, example)
            checks.text("objectives", name)
            directions[name] = direction_of(direction, f"objectives[{name!r}]")
        made = cls(tuple(directions), tuple(directions.values()))
        if reference is None:
            return made
        return dataclasses.replace(made, reference=made._values("reference", reference))

    def _values(self, argument: str, given: Any) -> tuple[float, ...]:
        """A value for each objective of an argument that has them by name."""
        example = ", ".join(f"{name!r}: ..." for name in self.names)
        advice = f"Write {argument}={{{example}}}."
        if not isinstance(given, Mapping) or set(given) != set(self.names):
            raise invalid(argument, "a value for each objective", given, advice)
        values = (_arguments.number(f"{argument}[{n!r}]", given[n], advice) for n in self.names)
        return tuple(values)

    @property
    def goals(self) -> tuple[Goal, ...]:
        """The goal of each objective."""
        return tuple(map(Goal, self.directions))

    @property
    def signs(self) -> np.ndarray:
        """Factors `[m]` of values: larger is better of the products."""
        return np.array([goal.sign for goal in self.goals])

    def scores(self, trials: Sequence[Trial]) -> np.ndarray:
        """Values `[n, m]` turned so that larger is better, float64; NaN for what is missing.

        A trial that failed may have some of them. One that was paused or stopped has none, for its values
        are of an earlier step.
        """
        rows = [
            [trial.values.get(name, np.nan) for name in self.names]
            if trial.state in (COMPLETE, FAILED)
            else [np.nan] * len(self.names)
            for trial in trials
        ]
        values = np.array(rows, np.float64).reshape(len(trials), len(self.names))
        return np.where(np.isfinite(values), values, np.nan) * self.signs

    def front(self, trials: Iterable[Trial]) -> list[Trial]:
        """The feasible complete trials that no other one dominates, by number."""
        counted = [trial for trial in trials if trial.state == COMPLETE and trial.is_feasible]
        kept = front.on_front(self.scores(counted))
        found = [trial for trial, best in zip(counted, kept, strict=True) if best]
        return sorted(found, key=lambda trial: trial.number)

    def rank(self, trial: Trial) -> tuple[float, int]:
        """Key that sorts feasible complete trials by the first objective, then all others by number."""
        first = trial.values.get(self.names[0])
        counts = trial.state == COMPLETE and trial.is_feasible
        return -self.goals[0].score(first if counts else None), trial.number

    def improves(self, trial: Trial, best: Sequence[Trial]) -> bool:
        """True for a trial that would be on the front of trials, and is none of its points yet."""
        if trial not in self.front([*best, trial]):
            return False
        scores = self.scores([trial, *best])
        return not (scores[1:] == scores[0]).all(axis=1).any()

    def summary(self, best: Sequence[Trial]) -> str:
        """The `front` in words: `front 5, hypervolume 1.23`."""
        if not best:
            return "none feasible"
        return f"front {len(best)}, hypervolume {self.hypervolume(best):.6g}"

    def target(self, given: Any) -> tuple[float, ...]:
        """A target in the order of the objectives; InvalidArgument for other names."""
        return self._values("target", given)

    def reaches(self, target: tuple[float, ...], best: Iterable[Trial]) -> bool:
        """True where one trial of a front is as good as the target in every objective."""
        wanted = np.array(target) * self.signs
        return bool((self.scores(list(best)) >= wanted).all(axis=1).any())

    def point(self, best: Sequence[Trial]) -> np.ndarray:
        """The reference point `[m]` in scores: the one given, else inferred from a front.

        Inferred it is the worst of the front in each objective, less 0.1 of the range of the front, or of
        the value's size where there is no range: as in BoTorch (infer_reference_point).
        """
        if self.reference is not None:
            return np.array(self.reference) * self.signs
        scores = self.scores(best)
        if not len(scores):
            return np.full(len(self.names), -np.inf)
        worst, width = scores.min(axis=0), np.ptp(scores, axis=0)
        size = np.where(worst == 0.0, 1.0, np.abs(worst))
        return worst - _BEYOND * np.where(width > 0.0, width, size)

    def hypervolume(self, best: Sequence[Trial], reference: Any = None) -> float:
        """Hypervolume that a front dominates, from `reference` on, or from `point`; 0 without trials."""
        point = self.point(best)
        if reference is not None:
            point = np.array(self._values("reference", reference)) * self.signs
        return front.hypervolume(self.scores(best), point)

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        objectives = dict(zip(self.names, self.directions, strict=True))
        reference = None
        if self.reference is not None:
            reference = dict(zip(self.names, self.reference, strict=True))
        return json.dumps({"objectives": objectives, "reference": reference})

    @classmethod
    def from_json(cls, text: str) -> Goals:
        """The goals of a text that `to_json` wrote; InvalidArgument for any other."""
        try:
            fields = json.loads(text)
            return cls.of(fields["objectives"], fields["reference"])
        except InvalidArgument:
            raise
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise invalid("goals", "what Goals.to_json wrote", text, str(error)) from None
