"""A study: one search, its trials and what to try next."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, overload

from tfbo import _arguments
from tfbo._aliases import explained
from tfbo.space import Params, Space
from tfbo.space.parameters import Parameter
from tfbo.storage import Storage, open_storage
from tfbo.study import dataframe, interrupts, optimize, records, settings
from tfbo.study.advisor import Advisor
from tfbo.study.ask import ask, foresee
from tfbo.study.incumbent import incumbent
from tfbo.study.trials import Trials
from tfbo.trial import COMPLETE, Goal, Trial, outcome_of

if TYPE_CHECKING:
    import pandas

    from tfbo.importance import Importance
    from tfbo.strategies import LeaveOneOut, Prediction, Strategy

Objective = Callable[[Params], Any]
Callback = Callable[["Study", Trial], None]


@explained
class Study:
    """A search of one space for the best value of one objective.

    A study belongs to its storage: making a `Study` with the name of one that is stored opens that
    one and goes on where it was. Several processes may work on one study.

    Pickled, copied or sent to another process, a stored study is opened again by path and name; one in
    memory takes its trials along. Strategy, device and retries go with it, a search under way does not.

    Args:
        space: what to search.
        direction: "minimize" or "maximize".
        storage: None to keep it in memory, the path of an SQLite file, or a `Storage`. What was told is
            in that one file at once: to keep or move the study, copy the file.
        name: the study's name in its storage.
        seed: a whole number >= 0 on which every suggestion depends; None to draw and store one.
        strategy: what to try next; None for `tfbo.strategies.Bayes()`.
        device: where suggestions are computed, such as "CPU" or "GPU:0"; it is not stored. None for the
            CPU, and once 256 trials have been told for the first GPU that TensorFlow sees.
        retries: how often a trial of `optimize` whose process died or went silent is tried again, before
            it is marked failed, of kind "killed": its configuration may be what kills. Not stored; see
            `SQLiteStorage`. Trials of `ask` belong to no process.

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
        retries: int = 3,
    ) -> None:
        records.check(space, direction, name, seed)
        stored = open_storage(storage)
        record = records.create(stored, space, direction=direction, name=name, seed=seed)
        self._set_up(Trials(record, stored, retries), strategy, device)

    @classmethod
    def load(
        cls,
        *,
        storage: Storage | str | os.PathLike[str],
        name: str | None = None,
        strategy: Strategy[Any] | None = None,
        device: str | None = None,
        retries: int = 3,
    ) -> Study:
        """Open a stored study; its next suggestion is the one it would have made without the break.

        Args:
            storage: the path of an SQLite file, or a `Storage`.
            name: the study's name; may be left out where there is only one.
            strategy: as in `Study`; a strategy is not stored.
            device: as in `Study`.
            retries: as in `Study`.

        Raises:
            StudyNotFound: where there is no study of that name; the error lists those there are.
            StorageError: where there is no such file, or it is no storage. One that may only be read can
                be looked at: to ask or tell raises then.
        """
        study = cls.__new__(cls)
        study.__setstate__(
            {
                "storage": open_storage(storage, create=False),
                "name": name,
                "retries": retries,
                "strategy": strategy,
                "device": device,
            }
        )
        return study

    def _set_up(self, trials: Trials, strategy: Strategy[Any] | None, device: str | None) -> None:
        records.check_means(strategy, device, trials.retries)
        self.stored_trials = trials
        """The trials as the storage has them and as this process runs them."""
        self.advisor = Advisor(trials, strategy, device)
        """The strategy and what it makes of the trials."""
        self._stop = threading.Event()
        self.ended: str | None = None
        """Why the last `optimize` ended before its limits: of a finite space there was nothing left."""
        trials.recover()
        trials.sync()

    def __getstate__(self) -> dict[str, Any]:
        advisor = self.advisor
        return {
            "storage": self.stored_trials.storage,
            "name": self.name,
            "retries": self.stored_trials.retries,
            "strategy": advisor.strategy,
            "device": advisor.device,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        record = records.find(state["storage"], state["name"])
        trials = Trials(record, state["storage"], state["retries"])
        self._set_up(trials, state["strategy"], state["device"])

    @property
    def space(self) -> Space:
        """What is searched; `extend` makes it grow."""
        return self.stored_trials.space

    @property
    def name(self) -> str:
        """Its name in the storage."""
        return self.stored_trials.name

    @property
    def direction(self) -> str:
        """Either "minimize" or "maximize"."""
        return self.stored_trials.record.direction

    @property
    def seed(self) -> int:
        """On which every suggestion depends."""
        return self.stored_trials.record.seed

    @property
    def location(self) -> str:
        """Where it is stored; ":memory:" where it is not."""
        return self.stored_trials.storage.location

    @overload
    def ask(self) -> Trial: ...

    @overload
    def ask(self, q: int) -> list[Trial]: ...

    def ask(self, q: int | None = None) -> Trial | list[Trial]:
        """What to try next: enqueued configurations first, then what the strategy suggests.

        A trial that is asked for belongs to no process: it is pending until it is told, by whom and
        whenever that is, and later suggestions reckon with it. A program that was ended finds its trials
        in `study.trials`, in state "running", and tells them by their numbers. One of which no result
        will come is given up by `study.tell(trial, state="failed", kind="interrupted")`, which says
        nothing about its configuration.

        Args:
            q: how many trials, chosen jointly; None for one trial by itself.

        Returns:
            A running trial, or a list of q. Tell each of them what came of it.

        Raises:
            SpaceExhausted: where fewer than q configurations of a finite space are untried, and nothing
                says that outcomes are noisy; see `Bayes`.
        """
        if q is not None:
            q = _arguments.count("q", q, "Leave it out for one trial by itself.")
        count = 1 if q is None else q
        asked = ask(self.stored_trials, self.advisor.suggest, count, owned=False)
        return asked[0] if q is None else asked

    def suggestion(self) -> Params:
        """What the next `ask` would try, without starting it: nothing is stored. Raises as `ask`."""
        self.stored_trials.sync()
        return foresee(self.stored_trials, self.advisor.suggest)

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

        A result counts whenever it comes: also of a trial that waits again since its process was thought
        dead, or that was given up ("killed", "interrupted"). What is then told takes the failure's place.

        Args:
            trial: the trial, or its number.
            value: the objective's value; NaN or infinity make the trial a failed one.
            std: standard error of the value, in its units, >= 0, where it is known: of a mean of
                repeats, their standard deviation over the root of their number.
            state: "complete" or "failed"; by default what the value says.
            kind: of a failure: "error", "nan", "out of memory", "timeout", "killed", or "interrupted",
                which says nothing about the configuration: so a pending trial is given up.
            reason: of a failure, in a line.
            traceback: of the exception behind a failure.

        Raises:
            TrialStateError: for a trial that is unknown or has been told already.
            InvalidArgument: for a value or std that is none, or arguments that contradict each other.
            StorageError: where the outcome could not be stored; nothing is changed then, and the
                call can be repeated.
        """
        outcome = outcome_of(value, std, state, kind, reason, traceback)
        self.stored_trials.tell(trial, outcome)

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have a configuration (a legal value for each active parameter) tried before any suggestion.

        Raises:
            InvalidArgument: for a configuration that is not legal.
        """
        return self.stored_trials.enqueue(params)

    def extend(self, parameters: Mapping[str, Parameter]) -> Space:
        """Add parameters (by name) to the space, which is stored; those that it has change nothing.

        Trials from before lack the new ones, as if they were not active. A later `Study` of the space as
        it was opens the study with what it has become.

        Raises:
            InvalidArgument: for a name that is there with another parameter, and as for a new space.
        """
        self.stored_trials.extend(parameters)
        return self.space

    def amend(self, trial: Trial | int, params: Mapping[str, Any]) -> Trial:
        """Give a running trial other parameters than were suggested: those that it really has.

        Raises InvalidArgument for an illegal configuration, TrialStateError for a trial that does not run.
        """
        return self.stored_trials.amend(trial, params)

    def optimize(
        self,
        objective: Objective,
        *,
        n_trials: int | None = None,
        total: int | None = None,
        timeout: float | timedelta | None = None,
        target: float | None = None,
        patience: int | None = None,
        executor: Executor | str | None = None,
        n_jobs: int | None = None,
        gpus: Sequence[int | str] | None = None,
        trial_timeout: float | timedelta | None = None,
        catch: type[BaseException] | tuple[type[BaseException], ...] = Exception,
        callbacks: Sequence[Callback] = (),
        progress: bool = False,
        max_failures: int | None = 5,
        interrupt: str = "raise",
    ) -> Study:
        """Ask, evaluate and tell until one of the limits is reached; the study itself is returned.

        An exception in the objective marks the trial failed, with its traceback, and the search goes
        on. Ctrl-C marks trials that run failed, enqueues their configurations again, and raises
        KeyboardInterrupt, whose `study` is this one; a second Ctrl-C ends at once.

        Several trials run at once with `n_jobs` or `executor`: as soon as one ends it is told and the
        next is asked for. At a limit those that run are waited for. See `tfbo.executors`.

        Args:
            objective: from a dict of parameters to a number.
            n_trials: how many trials to start in this call.
            total: how many trials the study is to have, whoever starts them: several processes may
                call this at once. Enqueued ones count, and are tried in any case.
            timeout: seconds (or a timedelta) after which no further trial is started.
            target: a value; reaching it ends the search.
            patience: end after so many trials without an improvement.
            executor: None for this thread, "process" for a process of its own for each trial, "thread",
                or any `concurrent.futures.Executor`.
            n_jobs: how many trials at once, -1 for one a core; by default one, one for each GPU, or as
                many as an executor says it can. Alone it means threads.
            gpus: numbers or names of GPUs, a trial each at a time; with executor="process".
            trial_timeout: seconds for one trial, which fails then; only "process" can also end it.
            catch: exceptions that mark a trial failed; any other is raised, after the trial has been
                marked and those that run have been waited for. `()` catches none.
            callbacks: each called as `callback(study, trial)` after each trial; `study.stop()` ends it.
            progress: whether to show a bar on standard error.
            max_failures: how many failures end the search while nothing is complete; None to go on.
            interrupt: after Ctrl-C, "raise" KeyboardInterrupt or "return" the study.

        Raises:
            InvalidArgument: where no limit is given, or an argument is not what it has to be.
            ObjectiveError: after `max_failures`, from the first error; what was told is kept.
            ExecutorError: where trials cannot be run on an executor.

        Example:
            >>> import tfbo
            >>> study = tfbo.Study(tfbo.Space({"x": tfbo.Float(-5.0, 5.0)}), seed=0)
            >>> study = study.optimize(lambda p: (p["x"] - 1.0) ** 2, n_trials=15)
            >>> study.best_value < 0.01
            True
        """
        limits = settings.Limits(n_trials, total, timeout, target, patience)
        means = settings.Means(executor, n_jobs, gpus, trial_timeout)
        reactions = settings.Reactions(catch, callbacks, progress, max_failures, interrupt)
        self.ended = None
        searched = optimize.Searched(
            self.stored_trials, self.advisor, self._stop, lambda call, trial: call(self, trial)
        )
        end = optimize.run(searched, objective, limits, means, reactions)
        self.ended = end.exhausted
        if end.interrupted:
            interruption = interrupts.conclude(self)
            if interrupt == "raise":
                raise interruption
        return self

    def stop(self) -> None:
        """End `optimize` after the trials that are running."""
        self._stop.set()

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order of their numbers."""
        return tuple(self.stored_trials.synced())

    @property
    def best_observed(self) -> Trial:
        """The complete trial of the best value, the earliest of equals; NoCompletedTrial without any."""
        return incumbent(self.name, self.trials, Goal(self.direction))

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
        best = self.advisor.best()
        return observed if best is None else self.stored_trials.by_number[best]

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

    def predict(self, configurations: Sequence[Mapping[str, Any]]) -> Prediction:
        """What the surrogate (`tfbo.strategies.Surrogate`) expects of n configurations, without noise.

        Returns:
            `mean` and `std`, NumPy arrays `[n]` in the units of the objective.

        Raises:
            InvalidArgument: for a configuration that is not legal.
            TooFewTrials: where fewer than two trials are complete.

        Example:
            >>> import tfbo
            >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
            >>> study = tfbo.minimize(lambda p: p["x"] ** 2, space, n_trials=8, seed=0)
            >>> mean, std = study.predict([{"x": 0.5}])
            >>> abs(float(mean[0]) - 0.25) < 0.1
            True
        """
        return self.advisor.surrogate().predict(records.configurations(self.space, configurations))

    def expected_improvement(self, params: Mapping[str, Any]) -> float:
        """By how much `params` would beat the best posterior mean, on average; raises as `predict`."""
        legal = records.configurations(self.space, [params])
        return float(self.advisor.surrogate().expected_improvement(legal)[0])

    def importance(self, *, seed: int = 0) -> dict[str, Importance]:
        """Each parameter's share of the objective's variance, the largest first; raises as `predict`.

        Args:
            seed: of the points and draws on which it is computed.

        Returns:
            By name, first-order and total Sobol indices with 95 % intervals; see `tfbo.importance`.
        """
        return self.advisor.importance(_arguments.seed(seed))

    def leave_one_out(self) -> LeaveOneOut:
        """Each complete trial beside its prediction from all the others; raises as `predict`."""
        return self.advisor.surrogate().leave_one_out()

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each trial, its parameters in columns `params_...`; needs the extra `pandas`."""
        return dataframe.of(self.trials, self.space)

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
