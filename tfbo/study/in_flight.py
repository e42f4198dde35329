"""The trials that workers are at: started, waited for as they end, given up or interrupted."""

from __future__ import annotations

import dataclasses
import logging
import math
import queue
import time
from concurrent.futures import CancelledError, Future
from typing import Any, NamedTuple

from tfbo._messages import warn
from tfbo.executors.objectives import Evaluated, evaluate
from tfbo.executors.run import Run
from tfbo.executors.workers import Workers
from tfbo.study.interrupts import Interrupts
from tfbo.study.progress import Stopwatch
from tfbo.study.reports import Reports
from tfbo.trial import KILLED, PLAIN, Failure, Metrics, Trial

_LOGGER = logging.getLogger("tfbo")


@dataclasses.dataclass(eq=False)
class Flight:
    """A trial and the worker that is at it."""

    trial: Trial
    watch: Stopwatch
    began: float
    deadline: float
    run: Run | None
    """As its objective has it, where that takes one."""
    future: Future[Evaluated] | None = None

    @property
    def known(self) -> Evaluated | None:
        """Result of it, where that is known; an error may be what Ctrl-C led to."""
        if self.future is None or not self.future.done() or self.future.cancelled():
            return None
        if self.future.exception() is not None:
            return None
        evaluated = self.future.result()
        return evaluated if evaluated.raised is None else None


class Finished(NamedTuple):
    """A trial that no worker is at any more."""

    trial: Trial
    watch: Stopwatch
    evaluated: Evaluated | None
    """None where it was not evaluated."""
    error: BaseException | None = None
    """The reason for that."""
    died: bool = False
    """True where its worker died."""


class Running:
    """Trials, which may run for so many seconds, from their start until something is known of them."""

    def __init__(
        self,
        workers: Workers,
        objective: Any,
        seconds: float | None,
        interrupts: Interrupts,
        reports: Reports | None = None,
        *,
        metrics: Metrics = PLAIN,
    ) -> None:
        self.runs: dict[int, Flight] = {}
        self.workers = workers
        self._objective = objective
        self._seconds = seconds
        self._interrupts = interrupts
        self._reports = reports
        self._metrics = metrics
        self._ended: queue.SimpleQueue[Flight] = queue.SimpleQueue()
        self._late: set[Flight] = set()
        """Those whose time is up, but which their workers are still at."""

    @property
    def has_room(self) -> bool:
        """True where a worker has nothing to do."""
        return len(self.runs) + len(self._late) < self.workers.slots

    def start(self, trial: Trial, watch: Stopwatch) -> None:
        """Have a worker evaluate a trial; what its executor raises is raised, and it does not run then."""
        began = time.monotonic()
        deadline = math.inf if self._seconds is None else began + self._seconds
        taken = None if self._reports is None else self._reports.begin(trial)
        run = self.runs[trial.number] = Flight(trial, watch, began, deadline, taken)
        given: list[Any] = [self._objective, dict(trial.params)]
        if taken is not None or not self._metrics.is_plain:
            given.append(taken)
        if not self._metrics.is_plain:
            given.append(self._metrics)
        try:
            with self._interrupts.allowed():
                run.future = self.workers.submit(evaluate, *given)
        except Exception:
            self._land(run)
            raise
        run.future.add_done_callback(lambda future: self._ended.put(run))

    def next(self, until: float = math.inf) -> Finished | None:
        """Wait for a trial that ends, or whose time is up; None at `until`, or if a worker is free."""
        while True:
            end = min((run.deadline for run in self.runs.values()), default=until)
            wait = None if math.isinf(end) else max(0.0, end - time.monotonic())
            try:
                with self._interrupts.allowed():
                    run = self._ended.get(timeout=wait)
            except queue.Empty:
                return self._give_up()
            if self.runs.get(run.trial.number) is run:
                return self._finished(run)
            if run in self._late:
                self._late.remove(run)
                text = "Trial %d came to an end after its time was up; its result is dropped."
                _LOGGER.warning(text, run.trial.number)
                warn("The result of a trial is dropped: it came to an end after its time was up.")
                return None

    def take_all(self) -> list[Flight]:
        """All trials that run; of those of which nothing is known the workers are stopped."""
        runs = list(self.runs.values())
        for run in runs:
            self._land(run)
            if run.future is not None and not run.future.done():
                self.workers.stop(run.future)
        return runs

    def _finished(self, run: Flight) -> Finished:
        assert run.future is not None
        if run.future.cancelled():
            error: BaseException | None = CancelledError("somebody cancelled it")
        else:
            error = run.future.exception()
        evaluated, died = None, False
        if error is None:
            evaluated = run.future.result()
            raised = evaluated.raised
            if raised is not None and isinstance(raised.error, KeyboardInterrupt):
                raise KeyboardInterrupt
            self.workers.works()
        elif self.workers.is_death(error):
            outcome, died = Failure.of(error, KILLED), True
            evaluated, error = Evaluated(outcome, time.monotonic() - run.began, None), None
        self._land(run)
        return Finished(run.trial, run.watch, evaluated, error, died)

    def _land(self, run: Flight) -> None:
        """Have a trial run no more."""
        del self.runs[run.trial.number]
        if self._reports is not None and run.run is not None:
            self._reports.end(run.run)

    def _give_up(self) -> Finished | None:
        """The first of those whose time is up, as a failure; None where there is none."""
        now = time.monotonic()
        for run in self.runs.values():
            if run.deadline <= now:
                self._land(run)
                assert run.future is not None
                if not self.workers.stop(run.future):
                    self._late.add(run)
                outcome = Failure("timeout", f"it ran for longer than {self._seconds:g} s")
                return Finished(run.trial, run.watch, Evaluated(outcome, now - run.began, None))
        return None
