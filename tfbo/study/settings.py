"""The arguments of `Study.optimize`, checked: when to end, where trials run, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tfbo import _arguments
from tfbo.errors import invalid
from tfbo.executors.workers import Workers, open_workers
from tfbo.trial import Goal, Goals, Trial

INTERRUPT = ("raise", "return")


class StoppingRule(NamedTuple):
    """Limits of a search, by which it stops; see `Study.optimize`."""

    n_trials: int | None
    total: int | None
    timeout: Any
    target: Any
    patience: int | None
    total_steps: int | None = None

    def checked(self, goal: Goal | Goals) -> StoppingRule:
        """The same in plain numbers; InvalidArgument where one is none, or there is no limit at all.

        A target is one of the goal: a number, or with several objectives a dict of them.
        """
        if all(limit is None for limit in self):
            expected = "a limit: n_trials, total, total_steps, timeout, target or patience"
            raise invalid("n_trials", expected, None, "For example n_trials=50 or timeout=3600.")
        leave = "Leave it out for no such limit."
        counts = {
            name: _arguments.count(name, getattr(self, name), advice=leave)
            for name in ("n_trials", "total", "patience", "total_steps")
            if getattr(self, name) is not None
        }
        timeout = None if self.timeout is None else _arguments.seconds("timeout", self.timeout)
        target = None if self.target is None else goal.target(self.target)
        return self._replace(timeout=timeout, target=target, **counts)

    def most(self, before: int) -> int | None:
        """Most trials that the study will have, after `before` ones; None where that is open."""
        ends = [] if self.n_trials is None else [before + self.n_trials]
        return min(ends if self.total is None else [*ends, self.total], default=None)

    def expected(self, trials: Sequence[Trial]) -> int | None:
        """Most trials that will follow those that there are; None where that is open."""
        ends = [] if self.n_trials is None else [self.n_trials]
        if self.total is not None:
            done = sum(trial.is_finished and not trial.is_interrupted for trial in trials)
            ends.append(max(0, self.total - done))
        return min(ends, default=None)


class Means(NamedTuple):
    """Workers of a search and their time; see `Study.optimize`."""

    executor: Any
    n_jobs: int | None
    gpus: Sequence[int | str] | None
    trial_timeout: Any

    def open(self, objective: Any) -> tuple[Workers, float | None]:
        """The workers for an objective, and seconds for a trial; InvalidArgument where there are none."""
        seconds = None
        if self.trial_timeout is not None:
            seconds = _arguments.seconds("trial_timeout", self.trial_timeout)
        workers = open_workers(self.executor, self.n_jobs, self.gpus, objective)
        if seconds is not None and workers.in_thread:
            expected = "None without an executor: nothing ends an objective in this thread"
            advice = "Use executor='process', which ends a trial whose time is up."
            raise invalid("trial_timeout", expected, self.trial_timeout, advice)
        return workers, seconds


class Reactions(NamedTuple):
    """Reactions to a trial that has ended; see `Study.optimize`."""

    catch: type[BaseException] | tuple[type[BaseException], ...]
    callbacks: Sequence[Any]
    progress: bool
    max_failures: int | None
    interrupt: str

    def check(self) -> None:
        """Raise InvalidArgument for one that is not what it has to be."""
        kinds = self.catch if isinstance(self.catch, tuple) else (self.catch,)
        if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            advice = "For example catch=(ValueError,), or ()."
            raise invalid("catch", "exception classes", self.catch, advice)
        callbacks: Any = self.callbacks
        listed = isinstance(callbacks, Iterable) and not callable(callbacks)
        if not listed or not all(callable(callback) for callback in callbacks):
            expected = "a list of functions of (study, trial)"
            raise invalid("callbacks", expected, callbacks, "Put it in a list.")
        if self.max_failures is not None:
            advice = "None goes on however many fail."
            _arguments.count("max_failures", self.max_failures, advice=advice)
        if self.interrupt not in INTERRUPT:
            advice = "It says whether Ctrl-C raises KeyboardInterrupt or returns the study."
            raise invalid("interrupt", " or ".join(map(repr, INTERRUPT)), self.interrupt, advice)
