"""`BaseTuner`: the loop of a search, whatever a trial is."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Collection, Iterator
from typing import Any

from tfbo._messages import warn
from tfbo.errors import InvalidArgument
from tfbo.keras import callbacks, exploration, extensions, limits, notices, results
from tfbo.keras.errors import FailedTrialError, FatalError
from tfbo.keras.hypermodel import as_hypermodel
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.oracle import Oracle
from tfbo.keras.project import Project
from tfbo.keras.trial import Trial, TrialStatus
from tfbo.study import Study
from tfbo.study.incumbent import incumbent
from tfbo.study.interrupts import Interrupts, conclude
from tfbo.trial import Goal

_IDLE = 0.2
"""Seconds after which an oracle that is idle is asked again."""


class BaseTuner:
    """Runs the trials of an oracle; a subclass says in `run_trial` what one is.

    Args:
        oracle: what to try next.
        hypermodel: a function `build_model(hp)` or a `HyperModel`; None where `run_trial` asks for
            all hyperparameters.
        directory: where the search is stored, in a folder that is named after the project. Without it
            and without a project name nothing is written to the working directory: the search is kept
            in memory, its weights in a temporary folder, and it ends with the process.
        project_name: None for "untitled_project".
        overwrite: whether to start anew, deleting what a search of ours left in that folder, and
            nothing else there; otherwise a search that is stored goes on.
        **kwargs: `logger`, which has no effect but a warning.

    Raises:
        InvalidArgument: for what is no oracle, or arguments that there are not.
        StudyMismatch: where the stored search is another one.
    """

    def __init__(
        self,
        oracle: Any,
        hypermodel: Any = None,
        directory: Any = None,
        project_name: str | None = None,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> None:
        self.logger = kwargs.pop("logger", None)
        if not isinstance(oracle, Oracle):
            raise InvalidArgument(
                f"oracle: expected an Oracle, got {oracle!r}. For example "
                "tfbo.keras.oracles.BayesianOptimizationOracle(objective='val_loss')."
            )
        if kwargs:
            raise InvalidArgument(f"There are no arguments {', '.join(kwargs)}. Leave them out.")
        extensions.check_tuner(self, BaseTuner)
        notices.warn_of_settings(self.logger)
        self.oracle = oracle
        self.hypermodel: Any = as_hypermodel(hypermodel)
        self.tuner_id = os.environ.get("KERASTUNER_TUNER_ID", "tuner0")
        self._project = Project(directory, project_name)
        self.directory, self.project_name = self._project.directory, self._project.name
        self._study_callbacks: list[Any] = []
        self._interrupts = Interrupts()
        self._is_idle = False
        notices.warn_of_other_project(self._project)
        if overwrite:
            self._project.clear()
        goes_on = self._project.is_begun
        self._populate_initial_space()
        oracle.open(self._project)
        if goes_on:
            self.reload()

    @property
    def study(self) -> Study:
        """The `tfbo.Study` behind it, for plots, tables and predictions."""
        return self.oracle.study

    @property
    def project_dir(self) -> str:
        """The folder of the project."""
        return str(self._project.path)

    def get_trial_dir(self, trial_id: str) -> str:
        """The folder of a trial, where weights are and a subclass may keep its own files."""
        return str(self._project.trial(trial_id))

    def _populate_initial_space(self) -> None:
        """Find the space by building, once for every conditional scope that is met."""
        if self.hypermodel is not None:
            exploration.explore(self.hypermodel, self.oracle)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Run trials until `max_trials` have been, or the space is exhausted.

        Ctrl-C raises KeyboardInterrupt, with one line before it; a second one ends at once. After it,
        or when the process dies, the same script goes on where it was: the trial that was running is
        run again with the same hyperparameters.

        Args:
            *fit_args: passed to `run_trial`, and by that to `fit`.
            **fit_kwargs: the same; `verbose=0` also silences the line that is printed of each trial.
                `callbacks` are Keras's, of which each trial gets copies (of a class, an instance), or a
                function from a trial to a list of new ones, for those that cannot be copied. What is in
                the list and no callback of Keras, but can be called with a study and a trial, such as
                `tfbo.integrations.tensorboard.TensorBoardCallback`, is called after each trial.

        Raises:
            FatalError: for a mistake that every trial would meet.
            RuntimeError: after `max_consecutive_failed_trials` failures in a row, or where every trial
                failed.
        """
        verbose = fit_kwargs.get("verbose", self.oracle.verbose)
        self.oracle.verbose = 1 if verbose == "auto" else verbose
        self._study_callbacks, fit_kwargs = callbacks.parted(fit_kwargs)
        self.oracle.say(notices.opening(self.oracle))
        self.on_search_begin()
        interrupted = False
        with Interrupts() as self._interrupts, garbage_of_trials():
            try:
                while self._run_next(*fit_args, **fit_kwargs):
                    pass
            except KeyboardInterrupt:
                interrupted = True
            finally:
                with self._interrupts.held():
                    self.oracle.put_back()
        if interrupted or self._interrupts.arrived:
            raise conclude(self.study, "directory= or project_name=")
        self.on_search_end()

    def _run_next(self, *fit_args: Any, **fit_kwargs: Any) -> bool:
        """Run a trial; False where there is no further one."""
        with self._interrupts.allowed():
            self.pre_create_trial()
        trial = self.oracle.create_trial(self.tuner_id)
        if trial.status == TrialStatus.STOPPED:
            most = self.oracle.max_consecutive_failed_trials
            _check_any_completed(self.oracle.trials.values(), most)
            return False
        if trial.status == TrialStatus.IDLE:
            self.oracle.say(None if self._is_idle else notices.IDLE)
            self._is_idle = True
            with self._interrupts.allowed():
                time.sleep(_IDLE)
            return True
        self._is_idle = False
        self.oracle.say(notices.trying(self.oracle, trial))
        with self._interrupts.allowed():
            self.on_trial_begin(trial)
            self._try_run_and_update_trial(trial, *fit_args, **fit_kwargs)
        try:
            self.on_trial_end(trial)
        finally:
            stored = self.oracle.study_trial(trial)
            for callback in self._study_callbacks if stored.is_finished else ():
                with self._interrupts.allowed():
                    callback(self.study, stored)
        return True

    def _try_run_and_update_trial(self, trial: Trial, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Run a trial; an exception that is not fatal only fails it."""
        try:
            self._run_and_update_trial(trial, *fit_args, **fit_kwargs)
            trial.status = TrialStatus.COMPLETED
        except FatalError:
            raise
        except Exception as error:
            if self._interrupts.arrived:  # TensorFlow may make another exception of it
                raise KeyboardInterrupt from error
            trial.fail(error, final=isinstance(error, FailedTrialError))

    def _run_and_update_trial(self, trial: Trial, *fit_args: Any, **fit_kwargs: Any) -> None:
        trial.metrics, trial.std = type(trial.metrics).from_config(trial.earlier), None
        trial.stds, trial.end = {}, None
        returned = self.run_trial(trial, *fit_args, **fit_kwargs)
        if trial.metrics.get_config() != trial.earlier:
            return  # run_trial has told the oracle itself
        read = results.read(returned, self.oracle.objective, "Tuner.run_trial()")
        metrics, step = results.mean(read)
        limits.check_outcomes(self.study, metrics, trial.hyperparameters.values)
        trial.std, trial.stds = results.standard_error(read), results.standard_errors(read)
        self.oracle.update_trial(str(trial.trial_id), metrics, step=step)

    def run_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """Evaluate the hyperparameters of a trial; a subclass says how. Arguments are those of `search`.

        Returns:
            A number (the objective), a dict of metrics, a Keras History, or a list of one of these:
            then the mean counts, and its standard error is told to the study.
        """
        raise NotImplementedError

    def save_model(self, trial_id: Any, model: Any, step: int = 0) -> None:
        """Save the model of a trial; a subclass says how."""
        raise NotImplementedError

    def load_model(self, trial: Any) -> Any:
        """Load the model of a trial; a subclass says how."""
        raise NotImplementedError

    def pre_create_trial(self) -> None:
        """Called before a trial is asked for."""

    def on_trial_begin(self, trial: Any) -> None:
        """Called when a trial begins."""

    def on_trial_end(self, trial: Any) -> None:
        """Called when a trial ends: stores it."""
        self.oracle.end_trial(trial)
        self.save()

    def on_search_begin(self) -> None:
        """Called when a search begins."""

    def on_search_end(self) -> None:
        """Called when a search ends."""

    def get_best_models(self, num_models: int = 1) -> list[Any]:
        """The models of the best trials, best first; those of a `Tuner` as in their best epochs.

        Of several objectives the best trials are those of the front, in the order of the first one.
        NoCompletedTrial where there is none, FatalRuntimeError for more than `Tuner.max_checkpoints`.
        """
        return [self.load_model(trial) for trial in _best(self.oracle, num_models)]

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[HyperParameters]:
        """The hyperparameters of the best trials; see `get_best_models`."""
        return [trial.hyperparameters for trial in _best(self.oracle, num_trials)]

    def search_space_summary(self, extended: bool = False) -> None:
        """Print the search space; `extended` has no effect, KerasTuner has it."""
        notices.print_space(self.oracle.hyperparameters)

    def results_summary(self, num_trials: int = 10) -> None:
        """Print the best trials, `num_trials` of them."""
        notices.print_results(self.oracle, num_trials, self.project_dir)

    @property
    def remaining_trials(self) -> int | None:
        """The number of trials that are left; None without a limit."""
        return self.oracle.remaining_trials()

    def get_state(self) -> dict[str, Any]:
        """State that a subclass wants back when the search goes on, as JSON; here none."""
        return {}

    def set_state(self, state: Any) -> None:
        """Called with what `get_state` returned, when a search that is stored goes on."""

    def save(self) -> None:
        """Store definitions and states; all else is stored when it happens. Called after each trial."""
        self.oracle.save()
        self._project.write_state("tuner", self.get_state())

    def reload(self) -> None:
        """Take in what is stored. Called where a search that is stored goes on."""
        self.oracle.reload()
        state = self._project.read_state("tuner")
        if state is not None:
            self.set_state(state)


@contextlib.contextmanager
def garbage_of_trials() -> Iterator[None]:
    """While trials run, have collections look only at what was made since.

    Models are cycles of objects, and `keras.utils.clear_session()` collects for each trial. It would look
    at half a million objects of TensorFlow's and Keras's, which no trial leaves behind, for a quarter of
    a second and more.
    """
    if gc.get_freeze_count():  # somebody has set objects aside who wants them to stay there
        yield
        return
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _check_any_completed(trials: Collection[Trial], most: int | None) -> None:
    """Raise RuntimeError, or warn where `most` in a row is None, if every trial of a search failed."""
    if not trials or any(trial.status != TrialStatus.FAILED for trial in trials):
        return
    first = next(iter(trials)).message
    text = f"All {len(trials)} trials of the search failed. The first failure:\n{first}"
    if most is not None:
        raise RuntimeError(text)
    warn(text)


def _best(oracle: Oracle, count: int) -> list[Trial]:
    """The best trials; NoCompletedTrial, which says why, where there are none."""
    best = oracle.get_best_trials(count)
    if not best:
        study = oracle.study
        incumbent(study.name, study.trials, Goal(study.direction))
    return best
