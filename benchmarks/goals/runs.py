"""One run: a policy asks and is told all outcomes, and what it cost and found is kept.

Seconds are of the processor, in the policy's own process: the machine may have other work. Libraries are
held to one thread.
"""

from __future__ import annotations

import abc
import json
import time
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from suites.base import Params
from suites.design import Design, Outcome


class Policy(abc.ABC):
    """A way to choose trials.

    Args:
        design: that it searches; it may look at all but the values.
        seed: a whole number >= 0.
    """

    imports: ClassVar[tuple[str, ...]] = ()
    """Packages that it needs; the first is the one whose version is of interest."""

    def __init__(self, design: Design, seed: int) -> None:
        self.design, self.seed = design, seed

    @abc.abstractmethod
    def ask(self) -> Params:
        """The next configuration."""

    @abc.abstractmethod
    def tell(self, outcome: Outcome) -> None:
        """Take in the outcomes of the configuration that was asked for last."""


class Trace(NamedTuple):
    """All trials of a run."""

    params: list[Params]
    objectives: list[tuple[float, ...]]
    excess: list[tuple[float, ...]]
    seconds: list[float]
    """Processor time of the policy for each trial."""
    version: str = ""
    """Of the policy's library."""

    def outcomes(self) -> list[Outcome]:
        """Outcomes of the trials in order."""
        return [Outcome(*each) for each in zip(self.objectives, self.excess, strict=True)]


def run(policy: Policy, trials: int) -> Trace:
    """Make so many trials."""
    trace = Trace([], [], [], [])
    for _ in range(trials):
        begin = time.process_time()
        params = policy.ask()
        spent = time.process_time() - begin
        outcome = policy.design.outcome(params)
        begin = time.process_time()
        policy.tell(outcome)
        trace.params.append(params)
        trace.objectives.append(outcome.objectives)
        trace.excess.append(outcome.excess)
        trace.seconds.append(spent + time.process_time() - begin)
    return trace


def place(cache: Path, policy: str, case: str, seed: int) -> Path:
    """The file of a run's trace."""
    return cache / policy / f"{case}-{seed}.json"


def save(path: Path, trace: Trace) -> None:
    """Write a trace, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(trace._asdict()))
    part.replace(path)


def load(path: Path) -> Trace:
    """Read a trace."""
    found: dict[str, Any] = json.loads(path.read_text())
    values = {name: [tuple(each) for each in found[name]] for name in ("objectives", "excess")}
    return Trace(**{**found, **values})
