"""Keras callbacks of a trial: the user's, made anew for each execution, and the tuner's own."""

from __future__ import annotations

import copy
import inspect
import math
import os
import weakref
from collections.abc import Callable
from typing import Any

import keras

from tfbo._arguments import as_float
from tfbo.keras.errors import FatalTypeError, FatalValueError
from tfbo.keras.hypermodel import check_size
from tfbo.keras.objective import Objective
from tfbo.keras.results import Result, note_epoch
from tfbo.keras.trial import Trial


class TunerCallback(keras.callbacks.Callback):
    """Calls the hooks of a tuner, and tells callbacks of the study of each epoch."""

    def __init__(self, tuner: Any, trial: Trial, listeners: list[Any]) -> None:
        super().__init__()
        self.tuner = tuner
        self.trial = trial
        self.listeners = listeners
        self._is_measured = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """See `Tuner.on_epoch_begin`."""
        self.tuner.on_epoch_begin(self.trial, self.model, epoch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """See `Tuner.on_batch_begin`."""
        self.tuner.on_batch_begin(self.trial, self.model, batch, logs)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """See `Tuner.on_batch_end`; the size of a model that finds its shapes in its data is known now."""
        if not self._is_measured:
            self._is_measured = True
            check_size(self.model, self.tuner.max_model_size)
        self.tuner.on_batch_end(self.trial, self.model, batch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """See `Tuner.on_epoch_end`."""
        self.tuner.on_epoch_end(self.trial, self.model, epoch, logs=logs)
        for listener in self.listeners:
            stored = self.tuner.oracle.study_trial(self.trial)
            listener.epoch(self.tuner.study, stored, epoch, logs or {})


class SaveBestEpoch(keras.callbacks.Callback):
    """Saves a model, by `save(model, epoch)`, whenever an epoch is the best of all executions of a trial.

    An epoch without the objective (`validation_freq=2`) is none that counts. Where the score of an
    execution is not what one of its epochs logged, such as a number that `HyperModel.fit` computes
    afterwards, the model counts as `fit` leaves it.
    """

    def __init__(
        self, objective: Objective, save: Callable[[Any, int], None], kept: float | None = None
    ) -> None:
        super().__init__()
        self.objective = objective
        self._save = save
        self._kept = kept
        """The value of the model that is saved; at first, that of an earlier stage of the trial."""
        self._logged = True
        """True as long as every score was the value of an epoch."""
        self.on_execution_begin()

    def on_execution_begin(self) -> None:
        """Called before a model is built and trained."""
        self._best: float | None = None
        self._saved, self._epoch, self._fits = False, 0, 0
        self._models = 0
        self._model_seen: Callable[[], Any] = lambda: None
        self._latest: tuple[float, int, list[Any]] | None = None
        """Value, epoch and weights of the best epoch of a later fit of the same model."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Count the fits of an execution: a model may be trained again, to fine-tune it."""
        self._fits, self._latest = self._fits + 1, None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save, if this is the best epoch so far."""
        logs, self._epoch = logs or {}, epoch
        note_epoch(getattr(self.model, "history", None), epoch, logs)
        if self._model_seen() is not self.model:
            self._models, self._model_seen = self._models + 1, weakref.ref(self.model)
        if not (self._logged and self.objective.has_value(logs)):
            return
        value = as_float(self.objective.get_value(logs))
        if value is None or not math.isfinite(value):
            return
        if self.objective.better_than(value, self._best):
            self._best = value
        if self.objective.better_than(value, self._kept):
            self._keep(value)
        again = self._fits > 1 and self._models == 1
        if again and (self._latest is None or self.objective.better_than(value, self._latest[0])):
            self._latest = value, epoch, self.model.get_weights()

    def on_execution_end(self, scores: list[Result]) -> None:
        """Save the model as it is now, if a score is not that of an epoch and the best so far."""
        finite = [score.value for score in scores if math.isfinite(score.value)]
        known = self._best is not None and (self._models > 1 or _is_among(self._best, finite))
        if self.model is None or known or not finite:
            return
        value = finite[-1]
        if self._latest is not None and _is_among(self._latest[0], finite):
            value, self._epoch, weights = self._latest
            self.model.set_weights(weights)
        else:
            self._logged = False
        if self._saved or self.objective.better_than(value, self._kept):
            self._keep(value)

    def _keep(self, value: float) -> None:
        self._save(self.model, self._epoch)
        self._kept, self._saved = value, True


def _is_among(value: float, scores: list[float]) -> bool:
    return any(math.isclose(value, score, rel_tol=1e-6) for score in scores)


def parted(fit_kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Callbacks of the study, which are called with it and a trial, and all other arguments of a fit."""
    given = fit_kwargs.get("callbacks")
    listed = list(given) if isinstance(given, (list, tuple)) else []
    of_study = [callback for callback in listed if _is_of_study(callback)]
    if not of_study:
        return [], fit_kwargs
    others = [callback for callback in listed if not _is_of_study(callback)]
    rest = {name: value for name, value in fit_kwargs.items() if name != "callbacks"}
    return of_study, {**rest, "callbacks": others} if others else rest


def _is_of_study(callback: Any) -> bool:
    """Tell callbacks of the study: they can be called, and are neither Keras's nor classes."""
    if inspect.isclass(callback) or isinstance(callback, keras.callbacks.Callback):
        return False
    return callable(callback)


def made(given: Any, trial: Trial) -> list[Any]:
    """The user's callbacks, copied or made by their class or function, so that no trial sees another's."""
    if callable(given) and not isinstance(given, keras.callbacks.Callback | type):
        listed = given(trial)
        if listed is None:
            raise FatalTypeError(
                "callbacks: expected a function from a trial to a list of callbacks, but it returned "
                "None. Is a return missing?"
            )
        return as_list(listed)
    memo: dict[int, Any] = {}  # one for all: what two of them share is shared by their copies
    return [_copy(callback, memo) for callback in as_list(given)]


def as_list(given: Any) -> list[Any]:
    """List what was passed as `callbacks`: a list, one callback, or None."""
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _copy(callback: Any, memo: dict[int, Any]) -> Any:
    if inspect.isclass(callback):
        return callback()
    try:
        return copy.deepcopy(callback, memo)
    except Exception as error:
        name = type(callback).__name__
        raise FatalValueError(
            f"callbacks: each trial gets a copy, and {callback!r} cannot be copied "
            f"({type(error).__name__}: {error}). Pass a function that makes new ones for each trial "
            f"instead: search(..., callbacks=lambda trial: [{name}(...)]). Or give the class a "
            "__deepcopy__."
        ) from error


def direct_tensorboard(callbacks: list[Any], trial: Trial, execution: int) -> None:
    """Give Keras's TensorBoard callbacks a folder for each execution, and log hyperparameters there."""
    for callback in list(callbacks):
        if type(callback).__name__ == "TensorBoard":
            folder = os.path.join(
                str(callback.log_dir), str(trial.trial_id), f"execution{execution}"
            )
            callback.log_dir = folder
            callbacks += _hparams(folder, trial)


def _hparams(folder: str, trial: Trial) -> list[Any]:
    try:
        from tensorboard.plugins.hparams import api
    except ImportError:
        return []
    scalar = (str, int, float)
    values = trial.hyperparameters.values.items()
    hparams = {name: v if isinstance(v, scalar) else str(v) for name, v in values}
    return [api.KerasCallback(writer=folder, hparams=hparams, trial_id=trial.trial_id)]
