"""A study: one search, which is asked for trials and told their outcomes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tfbo._aliases import explained
from tfbo.executors.run import Run
from tfbo.space import Params, Space
from tfbo.storage import Storage, open_storage
from tfbo.study import aims, interrupts, optimize, records, settings
from tfbo.study.dialogue import Dialogue
from tfbo.study.trials import Trials
from tfbo.trial import Fidelity, Trial

if TYPE_CHECKING:
    from tfbo.strategies import EarlyStopping, Strategy

Objective = Callable[[Params], Any] | Callable[[Params, Run], Any]
Callback = Callable[["Study", Trial], None]


@explained
class Study(Dialogue):
    """A search of one space for the best value of an objective, or the best compromises of several.

    A study belongs to its storage: making a `Study` with the name of one that is stored opens that
    one and goes on where it was. Several processes may work on one study.

    Pickled, copied or sent to another process, a stored study is opened again by path and name; one in
    memory takes its trials along. Strategy, device and retries go with it, a search under way does not.

    Args:
        space: what to search.
        direction: "minimize", as for None, or "maximize": of one objective that needs no name.
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
        fidelity: the steps in which trials are trained, such as epochs; None where they have none. Then
            `ask` says from which step and until which one to train, and only good trials go on to the last.
        early_stopping: by which rule `report` finds a trial hopeless: None for the strategy's, which needs
            a fidelity; "median", or any `tfbo.strategies.EarlyStopping`. Not stored.
        objectives: names with their directions, such as {"accuracy": "maximize", "latency_ms": "minimize"},
            in place of `direction`. A trial is told a dict of them, or a sequence in this order. Where
            there are several, `best_trials` has the best compromises; reports are of the first one.
        constraints: on outcomes, such as ["size_mb <= 10"], with the names of objectives ("value", where
            the only one has none) and of anything else, which a trial is then told in the dict, too. Of
            parameters, `Space(..., constraints=[...])`.
        reference: a value of each objective that is just not good enough, where `hypervolume` begins; None
            to infer it from the front.

    Raises:
        InvalidArgument: for an argument that is not what it has to be.
        StudyMismatch: where a stored study of that name has another space, seed or fidelity, or other aims.
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
        direction: str | None = None,
        storage: Storage | str | os.PathLike[str] | None = None,
        name: str = "study",
        seed: int | None = None,
        strategy: Strategy[Any] | None = None,
        device: str | None = None,
        retries: int = 3,
        fidelity: Fidelity | None = None,
        early_stopping: EarlyStopping | str | None = None,
        objectives: Mapping[str, str] | None = None,
        constraints: Sequence[str] = (),
        reference: Mapping[str, float] | None = None,
    ) -> None:
        records.check(space, name, seed, fidelity)
        aim = aims.given(space, direction, objectives, constraints, reference)
        stored = open_storage(storage)
        record = records.create(stored, space, aim=aim, name=name, seed=seed, fidelity=fidelity)
        trials = Trials(record, stored, retries, space.predicates)
        self._set_up(trials, strategy, device, early_stopping)

    @classmethod
    def load(
        cls,
        *,
        storage: Storage | str | os.PathLike[str],
        name: str | None = None,
        strategy: Strategy[Any] | None = None,
        device: str | None = None,
        retries: int = 3,
        early_stopping: EarlyStopping | str | None = None,
        predicates: Sequence[Callable[[Params], bool]] = (),
    ) -> Study:
        """Open a stored study; its next suggestion is the one it would have made without the break.

        Args:
            storage: the path of an SQLite file, or a `Storage`.
            name: the study's name; may be left out where there is only one.
            strategy: as in `Study`; a strategy is not stored.
            device: as in `Study`.
            retries: as in `Study`.
            early_stopping: as in `Study`.
            predicates: the constraints of its space that are functions, as the space was made with; they
                are not stored.

        Raises:
            InvalidArgument: where there are more or fewer predicates than the space has.
            StudyNotFound: for an unknown name; the error lists those there are.
            StorageError: where there is no storage, and from `ask` where it may only be read.
        """
        study, stored = cls.__new__(cls), open_storage(storage, create=False)
        study.__setstate__(
            {
                "storage": stored, "name": name, "retries": retries,
                "strategy": strategy, "device": device, "early_stopping": early_stopping,
                "predicates": tuple(predicates),
            }
        )  # fmt: skip
        return study

    def optimize(
        self,
        objective: Objective,
        *,
        n_trials: int | None = None,
        total: int | None = None,
        total_steps: int | None = None,
        timeout: float | timedelta | None = None,
        target: float | Mapping[str, float] | None = None,
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
        on. Ctrl-C marks trials that run failed, enqueues their configurations again (with a fidelity, they
        wait for the same stage), and raises KeyboardInterrupt, whose `study` is this one; a second Ctrl-C
        ends at once.

        Several trials run at once with `n_jobs` or `executor`: as soon as one ends it is told and the
        next is asked for. At a limit those that run are waited for. See `tfbo.executors`.

        Args:
            objective: from a dict of parameters to a number; with several objectives or constraints to a
                dict by their names, in which NaN stands for what is not known. With a fidelity it takes a
                second argument, the `tfbo.executors.Run`: train from `run.start` to `run.until`, return the
                value there. Without one it may, by the name run.
            n_trials: how many trials to start in this call.
            total: how many trials the study is to have, whoever starts them: several processes may
                call this at once. Enqueued ones count, and are tried in any case.
            total_steps: how many steps the trials of a study with a fidelity are to take in all; the last
                stage is cut. With `n_trials` and `total`, paused trials go on when there are so many.
            timeout: seconds (or a timedelta) after which no further trial is started.
            target: a value; a complete trial that reaches it ends the search. With several objectives a
                dict with a value of each, which one trial has to reach.
            patience: end after so many finished trials without an improvement: of the best feasible
                value, or of the front.
            executor: None for this thread, "process" for a process of its own for each trial, "thread",
                or any `concurrent.futures.Executor`.
            n_jobs: how many trials at once, -1 for one a core; by default one, one for each GPU, or as
                many as an executor says it can. Alone it means threads.
            gpus: numbers or names of GPUs, a trial each at a time; with executor="process".
            trial_timeout: seconds for one trial, which fails then; only "process" can also end it.
            catch: exceptions that mark a trial failed; any other is raised, after the trial has been
                marked and those that run have been waited for. `()` catches none.
            callbacks: each called as `callback(study, trial)` after each trial; `study.stop()` ends it.
            progress: True for a bar on standard error.
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
        limits = settings.StoppingRule(n_trials, total, timeout, target, patience, total_steps)
        means = settings.Means(executor, n_jobs, gpus, trial_timeout)
        reactions = settings.Reactions(catch, callbacks, progress, max_failures, interrupt)
        self.ended = None
        search = optimize.Searched(self.stored_trials, self.advisor, self._stop, self)
        end = optimize.run(search, objective, limits, means, reactions)
        self.ended = end.exhausted
        if end.interrupted:
            interruption = interrupts.conclude(self)
            if interrupt == "raise":
                raise interruption
        return self

    def stop(self) -> None:
        """End `optimize` after the trials that are running."""
        self._stop.set()
