"""The loop behind `Study.optimize`: limits, and what becomes of whatever an objective does."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from tfbo import outcome
from tfbo import progress as progress_bars
from tfbo._interrupts import Interrupts
from tfbo._running import Finished, Running
from tfbo.asking import ask
from tfbo.errors import ExecutorError, SpaceExhausted, StorageError, TrialStateError, invalid
from tfbo.executors.child import check_main
from tfbo.executors.task import failure
from tfbo.executors.workers import Workers, open_workers
from tfbo.trial import FAILED, WAITING, Trial

if TYPE_CHECKING:
    from tfbo.strategies import Suggestion
    from tfbo.study import Study

_LOGGER = logging.getLogger("tfbo")


class Limits(NamedTuple):
    """When to end; see `Study.optimize`."""

    n_trials: int | None
    total: int | None
    timeout: float | None
    target: float | None
    patience: int | None

    def check(self) -> None:
        """Raise InvalidArgument for a limit that is not what it has to be, or none at all."""
        if all(limit is None for limit in self):
            expected = "a limit: n_trials, total, timeout, target or patience"
            raise invalid("n_trials", expected, None, "For example n_trials=50 or timeout=3600.")
        for name in ("n_trials", "total", "patience"):
            if getattr(self, name) is not None:
                outcome.check_count(name, getattr(self, name))
        _check_seconds("timeout", self.timeout)
        _check_finite("target", self.target)

    def most(self, before: int) -> int | None:
        """How many trials the study will have at most, after `before` ones; None where that is open."""
        ends = [] if self.n_trials is None else [before + self.n_trials]
        return min(ends if self.total is None else [*ends, self.total], default=None)

    def expected(self, trials: Sequence[Trial]) -> int | None:
        """How many trials there will be at most, after those that there are; None where that is open."""
        ends = [] if self.n_trials is None else [self.n_trials]
        if self.total is not None:
            done = sum(trial.is_finished and trial.kind != "interrupted" for trial in trials)
            ends.append(max(0, self.total - done))
        return min(ends, default=None)


class Means(NamedTuple):
    """Where trials run, and for how long; see `Study.optimize`."""

    executor: Any
    n_jobs: int | None
    gpus: Sequence[int | str] | None
    trial_timeout: float | None

    def open(self, objective: Any) -> Workers:
        """The workers for an objective; InvalidArgument for means that are none."""
        _check_seconds("trial_timeout", self.trial_timeout)
        workers = open_workers(self.executor, self.n_jobs, self.gpus, objective)
        if self.trial_timeout is not None and workers.in_thread:
            expected = "None without an executor: nothing ends an objective in this thread"
            advice = "Use executor='process', which ends a trial whose time is up."
            raise invalid("trial_timeout", expected, self.trial_timeout, advice)
        return workers


class Reactions(NamedTuple):
    """What is done about a trial that has ended; see `Study.optimize`."""

    catch: type[BaseException] | tuple[type[BaseException], ...]
    callbacks: Sequence[Any]
    progress: bool

    def check(self) -> None:
        """Raise InvalidArgument for one that is not what it has to be."""
        kinds = self.catch if isinstance(self.catch, tuple) else (self.catch,)
        if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            advice = "For example catch=(ValueError,), or ()."
            raise invalid("catch", "exception classes", self.catch, advice)
        callbacks: Any = self.callbacks
        if callable(callbacks) or not all(callable(callback) for callback in callbacks):
            expected = "a list of functions of (study, trial)"
            raise invalid("callbacks", expected, callbacks, "Put it in a list.")


def run(study: Study, objective: Any, limits: Limits, means: Means, reactions: Reactions) -> None:
    """See `Study.optimize`."""
    check_main()
    limits.check()
    reactions.check()
    if not callable(objective):
        raise invalid("objective", "a function of a dict", objective, "Pass it without calling it.")
    workers = means.open(objective)
    study._stopping = False
    try:
        with (
            progress_bars.bar(study, limits.expected(study.trials), reactions.progress) as show,
            Interrupts() as interrupts,
        ):
            running = Running(workers, objective, means.trial_timeout, interrupts)
            search = _Search(study, limits, reactions, running, interrupts)
            search.run(show)
    finally:
        workers.close()


class _Search:
    """One call of `Study.optimize`: what has been asked for, what came of it, and when to end."""

    def __init__(
        self,
        study: Study,
        limits: Limits,
        reactions: Reactions,
        running: Running,
        interrupts: Interrupts,
    ) -> None:
        self._study = study
        self._limits = limits
        self._reactions = reactions
        self._running = running
        self._interrupts = interrupts
        self._end = math.inf if limits.timeout is None else time.monotonic() + limits.timeout
        self._sign = 1.0 if study.direction == "minimize" else -1.0
        self._before = len(study.trials)
        values = (self._sign * t.value for t in study.trials if t.value is not None)
        self._best = min(values, default=math.inf)
        """Less is better, in either direction."""
        self._asked = self._stale = 0
        self._exhausted = False

    def run(self, show: progress_bars.Show) -> None:
        """Keep the workers busy until a limit is reached, and wait for those that still are."""
        try:
            while self._fill():
                finished = self._running.next(self._end)
                if finished is not None:
                    self._take(finished, show)
        except KeyboardInterrupt:
            self._interrupt()
        except Exception:
            self._drain()
            raise
        except BaseException:
            self._interrupt()
            raise

    def _ended(self, more: int = 0) -> bool:
        """Whether a limit has been reached, or would be with so many trials more."""
        limits = self._limits
        return (
            self._study._stopping
            or self._exhausted
            or (limits.n_trials is not None and self._asked + more >= limits.n_trials)
            or time.monotonic() >= self._end
            or (limits.patience is not None and self._stale >= limits.patience)
            or (limits.target is not None and self._best <= self._sign * limits.target)
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
        watch = progress_bars.Stopwatch()
        try:
            trials = watch.time("tfbo", self._ask)
        except SpaceExhausted as exhausted:
            _LOGGER.info("%s", exhausted)
            trials = []
        self._exhausted = not trials
        # The first trial may be what sets up TensorFlow; after the last, no suggestion follows.
        if self._running.workers.in_thread and self._asked and not self._ended(1):
            self._prepare()
        for trial in trials:
            try:
                self._running.start(trial, watch)
                self._asked += 1
            except BrokenExecutor:
                self._study._ledger.put_back(trial)
            except Exception:
                self._study._ledger.put_back(trial)
                raise

    def _ask(self) -> list[Trial]:
        def suggest(number: int, count: int) -> list[Suggestion]:
            with self._interrupts.allowed():
                return self._study._advisor.suggest(number, count)

        return ask(self._study._ledger, suggest, 1, self._limits.total)

    def _prepare(self) -> None:
        """While trials run, do what the first suggestion of a model would wait for."""
        if any(trial.state == WAITING for trial in self._study._ledger.ordered()):
            return  # these come first, and may be all
        self._study._advisor.prepare(self._limits.most(self._before))

    def _take(self, finished: Finished, show: progress_bars.Show) -> None:
        """Tell what came of a trial, and everybody who wants to know."""
        trial, watch, evaluated, error = finished
        if evaluated is None:
            # It has not been tried: the next search does that.
            self._study._ledger.put_back(trial)
            if isinstance(error, ExecutorError):
                raise error
            raise ExecutorError(
                f"executor: trial {trial.number} could not be run: {type(error).__name__}: {error}. "
                "The objective and what it uses must be what the workers can import; executor='process' "
                "takes any function where cloudpickle is installed."
            ) from error
        watch.seconds["objective"] += evaluated.seconds
        watch.time("tfbo", self._tell, trial, evaluated.fields)
        if evaluated.raised is not None and not evaluated.raised.is_one_of(self._reactions.catch):
            raise evaluated.raised.error
        _LOGGER.info("Trial %d: %s (%s).", trial.number, evaluated.fields["value"], watch)
        told = self._study._ledger.trials[trial.number]
        value = math.inf if told.value is None else self._sign * told.value
        self._stale = 0 if value < self._best else self._stale + 1
        self._best = min(self._best, value)
        show(told, watch)
        for callback in self._reactions.callbacks:
            with self._interrupts.allowed():
                callback(self._study, told)

    def _tell(self, trial: Trial, told: dict[str, Any]) -> None:
        """Tell; where that cannot be stored, the error says what was not."""
        if told["state"] == FAILED:
            text = "Trial %d failed (%s): %s. Its parameters: %s"
            _LOGGER.warning(text, trial.number, told["kind"], told["reason"], trial.params)
        try:
            self._study.tell(trial, **told)
        except TrialStateError as error:
            if not self._study._ledger.trials[trial.number].is_finished:
                raise
            # This process was thought dead, and another one was faster.
            _LOGGER.warning("The result of trial %d is dropped: %s", trial.number, error)
        except StorageError as error:
            call = f"study.tell({trial.number}, {told['value']!r})"
            if told["state"] == FAILED:
                call = f"study.tell({trial.number}, state='failed', reason={told['reason']!r})"
            raise StorageError(f"{error} Not stored yet: {call}.") from error

    def _drain(self) -> None:
        """After an error: wait for the trials that run, for they are paid for, and tell them."""
        while self._running.runs:
            try:
                finished = self._running.next()
                if finished is None:
                    continue
                if finished.evaluated is None:
                    self._study._ledger.put_back(finished.trial)
                else:
                    self._tell(finished.trial, finished.evaluated.fields)
            except KeyboardInterrupt:
                self._interrupt()
            except Exception:
                _LOGGER.exception("A second error, while the trials that ran were waited for.")

    def _interrupt(self) -> None:
        """After Ctrl-C: keep outcomes that are known; mark other trials, and queue them again."""
        for run in self._running.take_all():
            known = run.known
            if known is not None:
                self._tell(run.trial, known.fields)
                continue
            try:
                self._study.tell(run.trial, **failure("interrupted", "Ctrl-C"))
                self._study.enqueue(run.trial.params)
            except TrialStateError as error:  # another process has finished it
                _LOGGER.warning("%s", error)
        _LOGGER.warning(
            "Interrupted: everything that was told is stored, and the search can go on."
        )


def _check_seconds(argument: str, seconds: Any) -> None:
    _check_finite(argument, seconds)
    if seconds is not None and outcome.as_number(argument, seconds) <= 0.0:
        raise invalid(argument, "seconds above zero", seconds, "Leave it out for no limit.")


def _check_finite(argument: str, number: Any) -> None:
    if number is not None and not math.isfinite(outcome.as_number(argument, number)):
        raise invalid(argument, "a finite number", number, "Leave it out for no limit.")
