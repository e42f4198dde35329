"""The fidelity of a study: the steps in which its trials are trained."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

from tfbo import _arguments
from tfbo.errors import invalid


@dataclasses.dataclass(frozen=True)
class Fidelity:
    """Steps in which trials are trained, such as epochs: good ones to the last, others not so far.

    Args:
        low: the step at which trials are first compared, >= 1.
        high: the last step, > `low`: values there are what the search is about.
        name: of a step, for pictures and messages.
        factor: of the steps from one rung to the next, >= 1.5; see `rungs`.
        resume: True where training goes on from where it paused; False where it starts over.

    Raises:
        InvalidArgument: for `low` >= `high`, or a number out of range.

    Source: the rungs of Jamieson and Talwalkar 2016 (arXiv 1502.07943).

    Example:
        >>> import tfbo
        >>> tfbo.Fidelity(1, 50, name="epoch", factor=3).rungs
        (1, 3, 9, 27, 50)
    """

    low: int
    high: int
    _: dataclasses.KW_ONLY
    name: str = "step"
    factor: float = 3
    resume: bool = True

    def __post_init__(self) -> None:
        low = _arguments.count(
            "low", self.low, "It is the first step at which trials are compared."
        )
        high = _arguments.count("high", self.high, "It is the last step.")
        if low >= high:
            advice = "For example Fidelity(1, 50)."
            raise invalid("low", f"a step before the last one, high={high}", low, advice)
        advice = "Three is usual: a third of the trials go on at each rung."
        factor = _arguments.number("factor", self.factor, advice, least=1.5)
        if not isinstance(self.name, str) or not self.name:
            raise invalid(
                "name", "a text that is not empty", self.name, 'For example name="epoch".'
            )
        if not isinstance(self.resume, bool):
            advice = "False where training starts over."
            raise invalid("resume", "True or False", self.resume, advice)
        for name, checked in (("low", low), ("high", high), ("factor", factor)):
            object.__setattr__(self, name, checked)

    @property
    def rungs(self) -> tuple[int, ...]:
        """Steps at which trials pause: `low`, each `factor` times the one before, and `high`.

        One that is nearer to `high` than half a factor, on a logarithmic scale, is left out.
        """
        end = self.high / math.sqrt(self.factor)
        geometric = (round(self.low * self.factor**i) for i in itertools.count(1))
        between = itertools.takewhile(lambda step: step <= end, geometric)
        return tuple(dict.fromkeys((self.low, *between, self.high)))

    @property
    def steps(self) -> str:
        """Name of several steps: "epochs" where one is an epoch."""
        return self.name if self.name.endswith("s") else f"{self.name}s"

    def after(self, step: int) -> int:
        """The rung after a step; `high` after the last."""
        return next((rung for rung in self.rungs if rung > step), self.high)

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Fidelity:
        """The fidelity of a text that `to_json` wrote; InvalidArgument for any other."""
        try:
            fields = json.loads(text)
            return cls(fields.pop("low"), fields.pop("high"), **fields)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise invalid("fidelity", "what Fidelity.to_json wrote", text, str(error)) from None
