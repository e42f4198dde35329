"""A study: one search, its trials and what to try next."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from tfbo import _loop, frame, opening, outcome
from tfbo.space import Params, Space
from tfbo.storage import Record, Storage, new_owner, open_storage, release_at_end
from tfbo.trial import COMPLETE, RUNNING, WAITING, Trial

if TYPE_CHECKING:
    import pandas

    from tfbo.strategies import Problem, Strategy

_LOGGER = logging.getLogger("tfbo")

Objective = Callable[[Params], Any]
Callback = Callable[["Study", Trial], None]


class Study:
    """A search of one space for the best value of one objective.

    A study belongs to its storage: making a `Study` with the name of one that is stored opens that
    one and goes on where it was. Several processes of a machine may work on one study.

    Args:
        space: what to search.
        direction: "minimize" or "maximize".
        storage: None to keep it in memory, the path of an SQLite file, or a `Storage`.
        name: the study's name in its storage.
        seed: a whole number >= 0 on which every suggestion depends; None to draw one, which is then
            stored.
        strategy: what to try next; None for `tfbo.strategies.Bayes()`.
        device: where suggestions are computed, such as "CPU" or "GPU:0". None for the first GPU that
            TensorFlow sees once 256 trials have been told, and the CPU before that and without a GPU.
            It is not stored.

    Raises:
        InvalidArgument: for an argument that is not what it has to be.
        StudyMismatch: where a stored study of that name has another space, direction or seed.
        StorageError: where the storage cannot be used.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
        >>> study = tfbo.Study(space, seed=0)
        >>> trial = study.ask()
        >>> study.tell(trial, trial.params["x"] ** 2)
        >>> study.best_trial.number
        0
    """

    def __init__(
        self,
        space: Space,
        *,
        direction: str = "minimize",
        storage: Storage | str | os.PathLike[str] | None = None,
        name: str = "study",
        seed: int | None = None,
        strategy: Strategy[Any] | None = None,
        device: str | None = None,
    ) -> None:
        opening.check(space, direction, name, seed)
        stored = open_storage(storage)
        record = opening.create(stored, space, direction=direction, name=name, seed=seed)
        self._open(space, record, stored, strategy, device)

    @classmethod
    def load(
        cls,
        *,
        storage: Storage | str | os.PathLike[str],
        name: str | None = None,
        strategy: Strategy[Any] | None = None,
        device: str | None = None,
    ) -> Study:
        """Open a stored study; its next suggestion is the one it would have made without the break.

        Args:
            storage: the path of an SQLite file, or a `Storage`.
            name: the study's name; may be left out where there is only one.
            strategy: as in `Study`; a strategy is not stored.
            device: as in `Study`.

        Raises:
            StudyNotFound: where there is no study of that name; the error lists those there are.
            StorageError: where there is no such file, or it is no storage.
        """
        stored = open_storage(storage, create=False)
        record = opening.find(stored, name)
        study = cls.__new__(cls)
        study._open(Space.from_json(record.space), record, stored, strategy, device)
        return study

    def _open(
        self,
        space: Space,
        record: Record,
        storage: Storage,
        strategy: Strategy[Any] | None,
        device: str | None,
    ) -> None:
        opening.check_means(strategy, device)
        self.space = space
        self._device = device
        self._record = record
        self._storage = storage
        self._strategy = strategy
        self._owner, self._pid = new_owner(), os.getpid()
        self._trials: dict[int, Trial] = {}
        self._state: Any = None
        self._unfolded: list[Trial] = []
        self._revision = 0
        self._best: tuple[int, int | None] = -1, None
        self._stopping = False
        self._recover()
        self._sync()
        weakref.finalize(self, release_at_end, storage, self._owner, self._pid)

    @property
    def name(self) -> str:
        """Its name in the storage."""
        return self._record.name

    @property
    def direction(self) -> str:
        """Either "minimize" or "maximize"."""
        return self._record.direction

    @property
    def seed(self) -> int:
        """On which every suggestion depends."""
        return self._record.seed

    @property
    def location(self) -> str:
        """Where it is stored; ":memory:" where it is not."""
        return self._storage.location

    @overload
    def ask(self) -> Trial: ...

    @overload
    def ask(self, q: int) -> list[Trial]: ...

    def ask(self, q: int | None = None) -> Trial | list[Trial]:
        """What to try next: enqueued configurations first, then what the strategy suggests.

        Args:
            q: how many trials, chosen jointly; None for one trial by itself.

        Returns:
            A running trial, or a list of q. Tell each of them what came of it.

        Raises:
            SpaceExhausted: where fewer than q configurations of a finite space are untried.
        """
        if q is not None:
            outcome.check_count("q", q)
        wanted = 1 if q is None else q
        asked: list[Trial] = []
        self._recover()
        while len(asked) < wanted:
            self._sync()
            asked += self._claim(wanted - len(asked))
            if len(asked) < wanted:
                asked += self._suggest(wanted - len(asked))
        return asked[0] if q is None else asked

    def _recover(self) -> None:
        """Have trials whose process died tried again; after a fork, run trials under a name of ours."""
        if os.getpid() != self._pid:
            self._owner, self._pid = new_owner(), os.getpid()
        for number in self._storage.recover(self.name):
            _LOGGER.info("Trial %d was running when its process died; it is tried again.", number)

    def _claim(self, count: int) -> list[Trial]:
        """Start waiting trials, those of the lowest numbers, as far as nobody else does."""
        claimed = []
        for trial in [trial for trial in self._ordered() if trial.state == WAITING][:count]:
            running = dataclasses.replace(trial, state=RUNNING, started=time.time())
            if self._storage.replace(self.name, running, (WAITING,), self._owner):
                claimed.append(running)
        return claimed

    def _suggest(self, count: int) -> list[Trial]:
        """Start trials that the strategy suggests; none where another process was faster."""
        strategy, problem, state = self._folded()
        pending = [trial for trial in self._ordered() if not trial.is_finished]
        number = len(self._trials)
        suggestions = strategy.suggest(problem, state, pending=pending, number=number, q=count)
        trials = [
            Trial(i, self.space.validate(s.params), started=time.time(), notes=s.notes)
            for i, s in enumerate(suggestions, start=number)
        ]
        return trials if self._storage.append(self.name, trials, self._owner) else []

    def _folded(self) -> tuple[Strategy[Any], Problem, Any]:
        """The strategy, what it is to solve, and its state after all that was told."""
        from tfbo.strategies import Bayes, Problem  # TensorFlow, which reading need not import

        problem = Problem(self.space, self.direction, self.seed, self._device)
        strategy = self._strategy or Bayes()
        self._state = strategy.fold(problem, self._state, tuple(self._unfolded))
        self._unfolded.clear()
        return strategy, problem, self._state

    def tell(
        self,
        trial: Trial | int,
        value: Any = None,
        *,
        std: Any = None,
        state: str | None = None,
        kind: str | None = None,
        reason: str | None = None,
        traceback: str | None = None,
    ) -> None:
        """Say what came of a trial; it is stored when this returns.

        Args:
            trial: the trial, or its number.
            value: the objective's value; NaN or infinity make the trial a failed one.
            std: standard error of the value, in its units, >= 0, where it is known: of a mean of
                repeats, their standard deviation over the root of their number.
            state: "complete" or "failed"; by default what the value says.
            kind: of a failure: "error", "nan", "out of memory", "timeout", "killed", "interrupted".
            reason: of a failure, in a line.
            traceback: of the exception behind a failure.

        Raises:
            TrialStateError: for a trial that is unknown or has been told already.
            InvalidArgument: for a value or std that is none, or arguments that contradict each other.
            StorageError: where the outcome could not be stored; nothing is changed then, and the
                call can be repeated.
        """
        self._sync()
        found = outcome.unfinished(self.name, self._trials, trial)
        fields = outcome.of(value, std, state, kind=kind, reason=reason, traceback=traceback)
        told = dataclasses.replace(found, finished=time.time(), **fields)
        if not self._storage.replace(self.name, told, (WAITING, RUNNING), None):
            self._sync()
            outcome.unfinished(self.name, self._trials, found.number)
        self._sync()

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have a configuration tried before anything that the strategy suggests.

        Args:
            params: a legal value for each active parameter.

        Returns:
            The waiting trial.

        Raises:
            InvalidArgument: for a configuration that is not legal.
        """
        legal = self.space.validate(params)
        while True:
            self._sync()
            trial = Trial(len(self._trials), legal, WAITING)
            if self._storage.append(self.name, [trial], None):
                return trial

    def optimize(
        self,
        objective: Objective,
        *,
        n_trials: int | None = None,
        timeout: float | None = None,
        target: float | None = None,
        patience: int | None = None,
        catch: type[BaseException] | tuple[type[BaseException], ...] = Exception,
        callbacks: Sequence[Callback] = (),
        progress: bool = False,
    ) -> Study:
        """Ask, evaluate and tell until one of the limits is reached.

        An exception in the objective marks the trial failed, with its traceback, and the search goes
        on. Ctrl-C marks the running trial failed, enqueues its configuration again and returns.

        Args:
            objective: from a dict of parameters to a number.
            n_trials: how many trials to run in this call.
            timeout: seconds after which no further trial is started.
            target: a value; reaching it ends the search.
            patience: end after so many trials without an improvement.
            catch: exceptions that mark a trial failed; any other is raised, after the trial has been
                marked. `()` catches none.
            callbacks: each is called as `callback(study, trial)` after each trial; one that calls
                `study.stop()` ends the search.
            progress: whether to show a progress bar on standard error.

        Returns:
            The study itself.

        Raises:
            InvalidArgument: where no limit is given, or one is not what it has to be.

        Example:
            >>> import tfbo
            >>> study = tfbo.Study(tfbo.Space({"x": tfbo.Float(-5.0, 5.0)}), seed=0)
            >>> study = study.optimize(lambda p: (p["x"] - 1.0) ** 2, n_trials=15)
            >>> study.best_value < 0.01
            True
        """
        limits = _loop.Limits(n_trials, timeout, target, patience)
        _loop.run(self, objective, limits, catch=catch, callbacks=callbacks, progress=progress)
        return self

    def stop(self) -> None:
        """End `optimize` after the trial that is running."""
        self._stopping = True

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order of their numbers."""
        self._sync()
        return tuple(self._ordered())

    @property
    def best_observed(self) -> Trial:
        """The complete trial of the best value, the earliest of equals, lucky or not.

        Raises:
            NoCompletedTrial: where there is none.
        """
        return outcome.best(self.name, self.trials, self.direction)

    @property
    def best_trial(self) -> Trial:
        """The complete trial that the strategy believes to be the best.

        Where outcomes are noisy, `Bayes` takes the one of the best posterior mean (of equals, of the
        best value), so that a lucky outcome does not win; a rugged objective may look noisy, unless
        `Bayes(noise="none")` says that it is not. Otherwise it is `best_observed`.

        Raises:
            NoCompletedTrial: where there is none.
        """
        observed = self.best_observed
        # The only one is the best whatever the strategy, which need not be imported then.
        several = sum(trial.state == COMPLETE for trial in self._ordered()) > 1
        if several and self._best[0] != self._revision:
            strategy, problem, state = self._folded()
            best = getattr(strategy, "best", lambda problem, state: None)
            self._best = self._revision, best(problem, state)
        return observed if self._best[1] is None else self._trials[self._best[1]]

    @property
    def best_params(self) -> Params:
        """Parameters of `best_trial`."""
        return dict(self.best_trial.params)

    @property
    def best_value(self) -> float:
        """The value that was told of `best_trial`; where outcomes are noisy, not the best of all."""
        value = self.best_trial.value
        assert value is not None
        return value

    def to_dataframe(self) -> pandas.DataFrame:
        """All trials as a pandas data frame, a row each; parameters are the columns `params_...`.

        Raises:
            ImportError: where pandas is not installed.
        """
        return frame.of(self.trials, self.space)

    def __len__(self) -> int:
        return len(self.trials)

    def __repr__(self) -> str:
        trials = self.trials
        complete = sum(trial.state == COMPLETE for trial in trials)
        best = f", best_observed={self.best_observed.value!r}" if complete else ""
        return (
            f"<Study {self.name!r} in {self.location!r}: {self.direction}, "
            f"{len(trials)} trials, {complete} complete{best}>"
        )

    def _ordered(self) -> list[Trial]:
        return [self._trials[number] for number in sorted(self._trials)]

    def _sync(self) -> None:
        """Take what changed in the storage; a finished trial changes no more."""
        self._revision, changed = self._storage.changes(self.name, self._revision)
        self._trials.update((trial.number, trial) for trial in changed)
        # An interruption says nothing about the configuration, which has been enqueued again.
        self._unfolded += [t for t in changed if t.is_finished and t.kind != "interrupted"]
