"""Keras callbacks of a trial: the user's, copied, and those by which a tuner listens."""

from __future__ import annotations

import copy
import os
from typing import Any

import keras

from tfbo.keras.errors import FatalValueError
from tfbo.keras.trial import Trial


class TunerCallback(keras.callbacks.Callback):
    """Calls the hooks of a tuner, and tells callbacks of the study of each epoch."""

    def __init__(self, tuner: Any, trial: Trial, listeners: list[Any]) -> None:
        super().__init__()
        self.tuner = tuner
        self.trial = trial
        self.listeners = listeners

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """See `Tuner.on_epoch_begin`."""
        self.tuner.on_epoch_begin(self.trial, self.model, epoch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """See `Tuner.on_batch_begin`."""
        self.tuner.on_batch_begin(self.trial, self.model, batch, logs)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """See `Tuner.on_batch_end`."""
        self.tuner.on_batch_end(self.trial, self.model, batch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """See `Tuner.on_epoch_end`."""
        self.tuner.on_epoch_end(self.trial, self.model, epoch, logs=logs)
        for listener in self.listeners:
            stored = self.tuner.oracle.study_trial(self.trial)
            listener.epoch(self.tuner.study, stored, epoch, logs or {})


def copied(callbacks: Any) -> list[Any]:
    """Copies, so that no trial sees what another one left in a callback.

    Raises:
        FatalValueError: where one cannot be copied.
    """
    try:
        return list(copy.deepcopy(list(callbacks or [])))
    except Exception as error:
        raise FatalValueError(
            f"callbacks: each trial gets copies, and these cannot be copied ({error}): {callbacks!r}. "
            "Give the class a __deepcopy__, or create the callback in HyperModel.fit."
        ) from error


def direct_tensorboard(callbacks: list[Any], trial: Trial, execution: int) -> None:
    """Give Keras's TensorBoard callbacks a folder for each execution of each trial.

    Where TensorBoard's HParams are installed, the hyperparameters are logged there, too.
    """
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
