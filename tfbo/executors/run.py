"""A run of a trial: the steps that its objective trains, and where it says how that goes."""

from __future__ import annotations

import math
import threading
import uuid
from pathlib import Path
from typing import Any, Protocol

from tfbo import _arguments
from tfbo.errors import invalid
from tfbo.trial import Outcome

GO_ON, HOPELESS, OVER = "go on", "hopeless", "over"
"""Answers to a report: train on; the trial is hopeless; there is nothing more to train in this run."""


class Report(Protocol):
    """The way of a report to the process that searches, which answers."""

    def answer(self, run: str, attempt: str, step: int, value: float) -> str:
        """GO_ON, HOPELESS or OVER; an `attempt` of a `run` is new where a worker has begun it again."""
        ...

    def close(self) -> None:
        """Have no more reports."""
        ...


class Run:
    """One run of a trial, the second argument of an objective: `objective(params, run)`.

    Train from step `run.start` (0, or where the trial paused) to `run.until`, and return the value there.
    After each step, or every few of them, `run.report(step, value)` says how it goes, with steps
    counted from 1; end, and return the value, where it answers False. With Keras:
    `model.fit(initial_epoch=run.start, epochs=run.until)`, whose epoch index e is step e + 1.

    A report crosses to the process that searches, from threads, processes and other machines.

    Example:
        >>> import tfbo
        >>> def objective(params, run):
        ...     for step in range(run.start + 1, run.until + 1):
        ...         loss = (params["x"] - 1.0) ** 2 + 1.0 / step
        ...         if not run.report(step, loss):
        ...             break
        ...     return loss
        >>> space, steps = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)}), tfbo.Fidelity(1, 9)
        >>> study = tfbo.Study(space, fidelity=steps, seed=0, strategy=tfbo.strategies.Sobol())
        >>> study.optimize(objective, n_trials=3).trials[0].reached
        9
    """

    def __init__(
        self, number: int, start: int, until: int | None, folder: str, report: Report, *, name: str
    ) -> None:
        self.number = number
        """Of the trial."""
        self.start = start
        """Step from which to train: those until there are done."""
        self.until = until
        """Step until which to train; None in a study without a fidelity."""
        self.name = name
        """By which reports are told apart from those of other runs."""
        self.reports = 0
        """Number of points that it has reported."""
        self._folder = folder
        self._report = report
        self._begin()

    def _begin(self) -> None:
        self._attempt = uuid.uuid4().hex
        self._last: tuple[int, float] | None = None
        self._given_up = self._over = False
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """As it began, for another process: each copy is an attempt of its own."""
        places = (self.number, self.start, self.until, self._folder, self._report)
        return _rebuilt, (places, self.name)

    def __repr__(self) -> str:
        return f"<Run of trial {self.number} from step {self.start} until {self.until}>"

    @property
    def checkpoint(self) -> Path:
        """Folder of the trial, made when it is first asked for, to keep what training goes on from.

        What a run leaves there the next one of the trial finds. It is removed when the trial has ended,
        but for that of the best complete trial.
        """
        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def report(self, step: int, value: Any) -> bool:
        """Say the value at a step, NaN where there is none; it is stored when this returns.

        Returns:
            True where to train on; False where the trial is hopeless, or the run is over: return then.

        Raises:
            InvalidArgument: for a step that is not after the last one, or a value that is not a number.
        """
        step = _arguments.count("step", step, "Steps are counted from 1.")
        number = _arguments.as_float(value)
        if number is None:
            raise invalid("value", "a number", value, "NaN where there is none at this step.")
        with self._lock:
            answer = self._report.answer(self.name, self._attempt, step, number)
            self._over |= answer == OVER
            if answer != OVER:
                self._given_up = answer == HOPELESS
                self.reports += 1
                self._last = step, number
        return answer == GO_ON

    def end(self, outcome: Outcome) -> Outcome:
        """The outcome of the run, of what its objective returned: given up where a report said so."""
        self._report.close()
        if self._last is None:
            return outcome
        step, value = self._last
        if self._given_up:
            return outcome.stopped(step)
        if self._over and step == self.until and math.isfinite(value):
            return outcome.valued(value)  # it was trained beyond that step
        return outcome


def _rebuilt(places: tuple[Any, ...], name: str) -> Run:
    number, start, until, folder, report = places
    return Run(number, start, until, folder, report, name=name)
