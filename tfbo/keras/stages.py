"""Stages of a training: a model goes on where it paused, with its optimiser and its callbacks.

What is kept of a stage, for each execution of a trial: the weights of the model and of its optimiser (whose
count of steps is what learning rate schedules go by), and the plain attributes of the callbacks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras

from tfbo._arguments import as_float
from tfbo._messages import warn
from tfbo.keras import checkpoints, plain
from tfbo.keras.objective import Objective
from tfbo.keras.project import CALLBACKS, CHECKPOINT, STAGE
from tfbo.trial import COMPLETE, STOPPED, Trial

_LOGGER = logging.getLogger("tfbo")

_OF_FITS = frozenset({"_model", "model", "params", "validation_data"})
"""Attributes of a callback that Keras sets anew for each fit."""

Reporter = Callable[[int, Any], bool]
"""From a step and the logs of its epoch; False where the trial is hopeless."""


class Stage(NamedTuple):
    """Epochs of a trial that are due; counted as steps, of which the first is 1."""

    start: int
    until: int


def due(found: Trial) -> Stage | None:
    """The stage of a trial of a study that runs; None in a study without a fidelity."""
    return None if found.until is None else Stage(found.start or 0, found.until)


def step_of(found: Trial, step: int) -> int:
    """Step of metrics that are told at one before the stage: of a number, which says nothing of epochs."""
    stage = due(found)
    return step if stage is None or step >= stage.start else stage.until - 1


def values(trial_id: str, found: Trial) -> dict[str, Any]:
    """Epochs of the last stage of a trial, under the names that KerasTuner has for them."""
    if found.until is None:
        return {}
    epochs = {"tuner/epochs": found.until, "tuner/initial_epoch": found.start or 0}
    return {**epochs, "tuner/trial_id": trial_id} if found.start else epochs


def reporter(
    objective: Objective, best: float | None, told: Callable[[int, float], bool] | None
) -> Reporter:
    """Function that reports to `told` the best value until each epoch, that of earlier stages among them.

    That is what the trial would count with if it ended there. An epoch without a value has no point. With
    None for `told` nothing is reported: where the mean of executions counts, one of them says little.
    """

    def report(step: int, logs: Any) -> bool:
        nonlocal best
        if told is None or not objective.has_value(logs):
            return True
        value = as_float(objective.get_value(logs))
        if value is not None and objective.better_than(value, best):
            best = value
        return best is None or told(step, best)

    return report


class TrainStage(keras.callbacks.Callback):
    """Trains a model from where the last stage left it to the end of this one, and keeps that.

    It is the last of the callbacks: those before it have begun when it gives them what they knew, and have
    seen the last epoch when it keeps that.

    Args:
        stage: what is due.
        folder: of the trial.
        execution: of the trial, counted from 0.
        others: callbacks with a state, in an order that stays the same from stage to stage.
        report: see `Reporter`.
    """

    def __init__(
        self, stage: Stage, folder: Path, execution: int, others: Sequence[Any], report: Reporter
    ) -> None:
        super().__init__()
        self.stage = stage
        self.reached: int | None = None
        """The last epoch that was trained; None where the model was trained without this callback."""
        self.is_hopeless = False
        self._folder, self._prefix = folder, STAGE.format(execution)
        self._others = [c for c in others if not isinstance(c, keras.callbacks.CSVLogger)]
        self._report = report
        self._is_begun = False
        self._furthest = stage.start
        if stage.start:
            for callback in others:
                if isinstance(callback, keras.callbacks.CSVLogger):
                    callback.append = True  # it would write over the lines of the last stage

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore the model and the callbacks; only the first of several fits of an execution goes on."""
        if self.stage.start and not self._is_begun:
            checkpoints.load(self.model, self._folder, self._prefix)
            _restore(self.model, self._others, self._folder / f"{self._prefix}{CALLBACKS}")
        self._is_begun = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report the epoch, and keep the model where the stage ends."""
        step = self.reached = epoch + 1
        if step > self.stage.until:
            warn(
                "HyperModel.fit trains for more epochs than it was told: pass epochs= and initial_epoch= "
                "on to model.fit, or each stage costs too much. It is stopped."
            )
            self.model.stop_training = True
            return
        # Another fit of the same model counts its epochs anew.
        furthest, self._furthest = self._furthest, max(self._furthest, step)
        if step > furthest and not self._report(step, logs or {}):
            self.is_hopeless = True
            self.model.stop_training = True
        elif step == self.stage.until or self.model.stop_training:
            checkpoints.save(self.model, self._folder, self._prefix)
            _keep(self.model, self._others, self._folder / f"{self._prefix}{CALLBACKS}")


def resumable(stage: Stage, folder: Path, executions: int) -> Stage:
    """The stage, or one from the beginning where it is not kept how the last one ended."""
    paths = (folder / f"{STAGE.format(i)}{CHECKPOINT}" for i in range(executions))
    if not stage.start or all(path.exists() for path in paths):
        return stage
    warn(
        "A training starts over: there are no weights to go on from. A HyperModel.fit or run_trial of "
        "your own has to pass the callbacks that it is given on to model.fit."
    )
    return stage._replace(start=0)


def end(trained: Sequence[TrainStage]) -> tuple[str, int] | None:
    """State and last epoch of a trial whose executions ended before they were to; None otherwise."""
    reached = [execution.reached for execution in trained]
    if not trained or any(
        epoch is None or epoch >= e.stage.until for epoch, e in zip(reached, trained)
    ):
        return None
    is_hopeless = any(execution.is_hopeless for execution in trained)
    return STOPPED if is_hopeless else COMPLETE, max(epoch or 0 for epoch in reached)


def drop(folders: Iterable[Path]) -> None:
    """Delete what is kept of stages in those folders."""
    for folder in folders:
        for path in folder.glob(STAGE.format("*") + "*"):
            path.unlink(missing_ok=True)


def _keep(model: Any, callbacks: Sequence[Any], path: Path) -> None:
    """Store what is not among the weights: seeds of layers such as Dropout, and attributes of callbacks.

    Attributes that are not plain values, such as open files, are made anew.
    """
    states = [(type(callback).__name__, _attributes(callback)) for callback in callbacks]
    seeds = [keras.ops.convert_to_numpy(seed) for seed in _seeds(model)]
    plain.save(path, (seeds, states))


def _seeds(model: Any) -> list[Any]:
    return [v for v in model.variables if v.path.endswith("seed_generator_state")]


def _attributes(callback: Any) -> dict[str, Any]:
    found = {name: value for name, value in vars(callback).items() if name not in _OF_FITS}
    kept = {name: value for name, value in found.items() if plain.is_plain(value)}
    if len(kept) < len(found):
        _LOGGER.debug(
            "Of %r these are not kept: %s.", callback, ", ".join(found.keys() - kept.keys())
        )
    return kept


def _restore(model: Any, callbacks: Sequence[Any], path: Path) -> None:
    """Undo `_keep`; callbacks of other classes than then stay as they are."""
    if not path.exists():
        return
    seeds, states = plain.load(path)
    for variable, seed in zip(_seeds(model), seeds):
        variable.assign(seed)
    for callback, (kind, kept) in zip(callbacks, states):
        if type(callback).__name__ == kind:
            vars(callback).update(kept)
