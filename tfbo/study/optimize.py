"""The loop behind `Study.optimize`, and what becomes of whatever an objective does."""

from __future__ import annotations

import logging
import math
import threading
import time
from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from tfbo import _format
from tfbo._messages import warn
from tfbo.errors import ExecutorError, SpaceExhausted, StorageError, TrialStateError, invalid
from tfbo.executors import objectives
from tfbo.executors.child import check_main
from tfbo.executors.objectives import Evaluated
from tfbo.study.advisor import Advisor
from tfbo.study.ask import ask
from tfbo.study.failures import Failures
from tfbo.study.in_flight import Finished, Running
from tfbo.study.interrupts import Interrupts
from tfbo.study.progress import Show, Stopwatch, bar
from tfbo.study.reports import Reports
from tfbo.study.settings import Means, Reactions, StoppingRule
from tfbo.study.trials import Trials
from tfbo.study.upkeep import Upkeep
from tfbo.trial import INTERRUPTED, WAITING, Failure, Trial

if TYPE_CHECKING:
    from tfbo.strategies import Suggestion

_LOGGER = logging.getLogger("tfbo")


class Searched(NamedTuple):
    """The parts of a study that a search works on."""

    trials: Trials
    advisor: Advisor
    stop: threading.Event
    """Set to end the search after the trials that are running."""
    study: Any
    """The study itself, which is handed to callbacks."""


class End(NamedTuple):
    """End of a search, where no error ended it."""

    interrupted: bool
    """By Ctrl-C."""
    exhausted: str | None
    """The reason, where nothing was left to try."""


def run(
    search: Searched, objective: Any, limits: StoppingRule, means: Means, reactions: Reactions
) -> End:
    """See `Study.optimize`."""
    check_main()
    limits = limits.checked(search.trials.aims.goal)
    reactions.check()
    fidelity = search.trials.fidelity
    if fidelity is None and limits.total_steps is not None:
        advice = "Give Study(..., fidelity=tfbo.Fidelity(1, 50)), or use n_trials=."
        expected = "None for a study without a fidelity"
        raise invalid("total_steps", expected, limits.total_steps, advice)
    takes_run = objectives.check(objective, staged=fidelity is not None)
    workers, seconds = means.open(objective)
    search.stop.clear()
    known = search.trials.synced()
    reports = Reports(search.trials, search.advisor, workers.host) if takes_run else None
    try:
        with (
            bar(
                search.trials, limits.expected(known), reactions.progress, limits.total_steps
            ) as show,
            Interrupts() as interrupts,
        ):
            metrics = search.trials.aims.metrics
            running = Running(workers, objective, seconds, interrupts, reports, metrics=metrics)
            loop = _Loop(search, limits, reactions, running, interrupts, show)
            loop.run()
    finally:
        if reports is not None:
            reports.desk.shut()
        workers.close()
    if loop.exhausted and not (loop.interrupted or interrupts.arrived):
        warn(loop.exhausted)
    return End(loop.interrupted or interrupts.arrived, loop.exhausted)


class _Loop:
    """One call of `Study.optimize`: trials asked for, their outcomes, and when to end."""

    def __init__(
        self,
        search: Searched,
        limits: StoppingRule,
        reactions: Reactions,
        running: Running,
        interrupts: Interrupts,
        show: Show,
    ) -> None:
        self._trials = search.trials
        self._advisor = search.advisor
        self._stop = search.stop
        self._study = search.study
        self._limits = limits
        self._reactions = reactions
        self._running = running
        self._interrupts = interrupts
        self._show = show
        self._failures = Failures(search.trials, reactions.max_failures)
        self._upkeep = Upkeep(search.trials, search.advisor)
        self.interrupted = False
        """True where Ctrl-C ended it."""
        self.exhausted: str | None = None
        """The reason, where nothing is left to try."""
        self._end = math.inf if limits.timeout is None else time.monotonic() + limits.timeout
        known = search.trials.ordered()
        self._before = len(known)
        self._goal = search.trials.aims.goal
        self._best = self._goal.front(known)
        self._asked = self._stale = 0
        self._dry = False
        """True where no trial could be started."""

    def run(self) -> None:
        """Keep the workers busy until a limit is reached, and wait for those that still are."""
        try:
            while self._fill():
                finished = self._running.next(self._end)
                if finished is not None:
                    self._take(finished)
            if not self._interrupts.arrived:
                self._failures.conclude()
        except KeyboardInterrupt:
            self._interrupt()
        except Exception:
            self._drain()
            raise
        except BaseException:
            self._interrupt()
            raise

    def _ended(self, more: int = 0) -> bool:
        """True where a limit has been reached, or would be with so many trials more.

        With a fidelity, trials that are paused may go on when there are as many as there may be.
        """
        limits = self._limits
        many = limits.n_trials is not None and self._asked + more >= limits.n_trials
        return (
            self._stop.is_set()
            or self._dry
            or self._failures.too_many
            or (many and not self._upkeep.is_needed)
            or time.monotonic() >= self._end
            or (limits.patience is not None and self._stale >= limits.patience)
            or (limits.target is not None and self._goal.reaches(limits.target, self._best))
        )

    def _fill(self) -> bool:
        """Start trials where workers are free; whether there is anything left to wait for.

        A suggestion is made only when there is a worker for it: one made before would not know the
        results that come until then.
        """
        workers = self._running.workers
        while self._running.has_room and not self._ended():
            if workers.broken:
                if self._running.runs:
                    break  # these are in the broken pool, too, and say so presently
                workers.renew()
            self._start()
        if not (self._running.workers.in_thread or self._ended()):
            self._prepare()
        return bool(self._running.runs) or not self._ended()

    def _start(self) -> None:
        """Ask for a trial and give it to a worker."""
        watch = Stopwatch()
        try:
            trials = watch.time("tfbo", self._ask)
        except SpaceExhausted as exhausted:
            self.exhausted = str(exhausted)
            trials = []
        self._dry = not trials
        # The first trial may be what sets up TensorFlow; after the last, no suggestion follows.
        if self._running.workers.in_thread and self._asked and not self._ended(1):
            self._prepare()
        for trial in trials:
            new = self._trials.is_new(trial)
            try:
                self._running.start(trial, watch)
                self._asked += new
            except BrokenExecutor:
                self._trials.put_back(trial)
            except Exception:
                self._trials.put_back(trial)
                raise

    def _ask(self) -> list[Trial]:
        def suggest(number: int, count: int, /, *, closed: bool = False) -> list[Suggestion]:
            with self._interrupts.allowed():
                return self._advisor.suggest(number, count, closed=closed)

        limits, new = self._limits, None
        if limits.n_trials is not None and self._trials.fidelity is not None:
            new = max(0, limits.n_trials - self._asked)
        return ask(
            self._trials, suggest, 1, limits.total,
            first=self._advisor.first_stage, new=new, steps=limits.total_steps,
        )  # fmt: skip

    def _prepare(self) -> None:
        """While trials run, do what the first suggestion of a model would wait for."""
        if any(trial.state == WAITING for trial in self._trials.ordered()):
            return  # these come first, and may be all
        self._advisor.prepare(self._limits.most(self._before))

    def _take(self, finished: Finished) -> None:
        """Tell what came of a trial, and everybody who wants to know."""
        trial, watch, evaluated, error, died = finished
        if self.exhausted or self._upkeep.is_needed:
            # The outcome may call for repeats, or have paused trials go on.
            self._dry, self.exhausted = False, None
        if died:
            with self._show.aside():
                if self._upkeep.tries_again(trial):
                    return
        if evaluated is None:
            # It has not been tried: the next search does that.
            self._trials.put_back(trial)
            if isinstance(error, ExecutorError):
                raise error.with_traceback(None)  # of the thread that waited for the worker
            raise ExecutorError(
                f"executor: trial {trial.number} could not be run: {type(error).__name__}: {error}. "
                "The objective and what it uses must be what the workers can import; executor='process' "
                "takes any function where cloudpickle is installed."
            ) from error
        watch.seconds["objective"] += evaluated.seconds
        watch.time("tfbo", self._tell, trial, evaluated)
        if not self._is_caught(evaluated):
            assert evaluated.raised is not None
            raise evaluated.raised.error
        told = self._trials.by_number[trial.number]
        _LOGGER.info("Trial %d: %s (%s).", trial.number, told.values or told.value, watch)
        if told.is_finished:
            better = self._goal.improves(told, self._best)
            self._stale = 0 if better else self._stale + 1
            self._best = self._goal.front([*self._best, told]) if better else self._best
        if self._upkeep.is_needed:
            with self._show.aside():
                self._upkeep.check_reports(told, evaluated)
            with self._interrupts.allowed():
                self._stale += self._upkeep.end_hopeless()
        self._show.trial(told, watch)
        for callback in self._reactions.callbacks:
            with self._interrupts.allowed():
                callback(self._study, told)

    def _tell(self, trial: Trial, evaluated: Evaluated) -> None:
        """Tell; where that cannot be stored, the error says what was not."""
        outcome = evaluated.outcome
        if isinstance(outcome, Failure):
            text = _format.failed(trial.number, outcome.kind, outcome.reason, trial.params)
            _LOGGER.warning("%s", text)
        try:
            self._trials.tell(trial, outcome)
        except TrialStateError as error:
            if not self._trials.by_number[trial.number].is_finished:
                raise
            # This process was thought dead, and another one was faster.
            _LOGGER.warning("The result of trial %d is dropped: %s", trial.number, error)
            with self._show.aside():
                warn("The result of a trial is dropped: another process had told it by then.")
        except StorageError as error:
            call = f"study.tell({trial.number}, {outcome})"
            raise StorageError(f"{error} Not stored yet: {call}.") from error
        if self._is_caught(evaluated):
            raised = None if evaluated.raised is None else evaluated.raised.error
            with self._show.aside():
                self._failures.note(self._trials.by_number[trial.number], raised)

    def _is_caught(self, evaluated: Evaluated) -> bool:
        """True where the search goes on after what an objective raised, if it did."""
        return evaluated.raised is None or evaluated.raised.is_one_of(self._reactions.catch)

    def _drain(self) -> None:
        """After an error: wait for the trials that run, for they are paid for, and tell them."""
        while self._running.runs:
            try:
                finished = self._running.next()
                if finished is None:
                    continue
                if finished.evaluated is None:
                    self._trials.put_back(finished.trial)
                else:
                    self._tell(finished.trial, finished.evaluated)
            except KeyboardInterrupt:
                self._interrupt()
            except Exception:
                _LOGGER.exception("A second error, while the trials that ran were waited for.")

    def _interrupt(self) -> None:
        """After Ctrl-C: keep outcomes that are known; mark other trials, and queue them again."""
        self.interrupted = True
        with self._interrupts.held():
            for run in self._running.take_all():
                known = run.known
                if known is not None:
                    self._tell(run.trial, known)
                    continue
                if self._trials.fidelity is not None:
                    self._trials.put_back(run.trial)  # for the same stage, with its curve
                    continue
                try:
                    self._trials.tell(run.trial, Failure(INTERRUPTED, "Ctrl-C"))
                    self._trials.enqueue(run.trial.params)
                except TrialStateError as error:  # another process has finished it
                    _LOGGER.warning("%s", error)
