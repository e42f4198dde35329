"""Weights of trials on disk: the best epoch of each, of the best few trials."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras

from tfbo.keras.errors import FatalRuntimeError
from tfbo.keras.objective import Objective
from tfbo.keras.project import BUILD, CHECKPOINT


class SaveBestEpoch(keras.callbacks.Callback):
    """Saves the weights of the best epoch, over all executions of a trial.

    Where the objective is not among the metrics of an epoch, the last epoch counts.

    Args:
        objective: of the search.
        folder: of the trial.
    """

    def __init__(self, objective: Objective, folder: str | os.PathLike[str]) -> None:
        super().__init__()
        self.objective = objective
        self.folder = Path(folder)
        self.best_value = float("-inf") if objective.direction == "max" else float("inf")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save, if this is the best epoch so far."""
        if self.objective.has_value(logs or {}):
            value = float(self.objective.get_value(logs))
            if not self.objective.better_than(value, self.best_value):
                return
            self.best_value = value
        save(self.model, self.folder)


def save(model: Any, folder: Path) -> None:
    """Save weights, and with what the model was built, as a whole or not at all."""
    draft = folder / f"draft.{CHECKPOINT}"
    model.save_weights(draft)
    if model.get_build_config() is not None:
        text = json.dumps(model.get_build_config(), default=list)
        (folder / BUILD).write_text(text, encoding="utf-8")
    os.replace(draft, folder / CHECKPOINT)


def load(model: Any, folder: Path) -> None:
    """Load weights into a model that was built from the same hyperparameters.

    Raises:
        FatalRuntimeError: where there are none.
    """
    if not (folder / CHECKPOINT).exists():
        raise FatalRuntimeError(
            f"There are no weights in {str(folder)!r}: only those of the best trials are kept (set "
            "tuner.max_checkpoints before the search), and a fit of your own has to pass the "
            "callbacks that it is given on to model.fit."
        )
    if not model.built and (folder / BUILD).exists():
        model.build_from_config(json.loads((folder / BUILD).read_text(encoding="utf-8")))
    optimizer = getattr(model, "optimizer", None)
    if model.built and optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)  # it is in the file too, and training can go on
    model.load_weights(folder / CHECKPOINT)


def drop(folders: Iterable[Path]) -> None:
    """Delete the weights in those folders."""
    for folder in folders:
        for name in (CHECKPOINT, f"draft.{CHECKPOINT}", BUILD):
            (folder / name).unlink(missing_ok=True)
