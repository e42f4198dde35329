"""`Tuner`: a trial builds and trains a Keras model."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Any

import keras

from tfbo.errors import InvalidArgument
from tfbo.keras import callbacks as callbacks_
from tfbo.keras import checkpoints, results, stages
from tfbo.keras.base_tuner import BaseTuner
from tfbo.keras.errors import FatalTypeError, FatalValueError
from tfbo.keras.hypermodel import HyperModel, check_size, no_model, rebuilt


class Tuner(BaseTuner):
    """Tunes Keras models; with a `run_trial` of a subclass, anything.

    Args:
        oracle: what to try next.
        hypermodel: a function `build_model(hp)` or a `HyperModel`; None only where a subclass has a
            `run_trial`.
        max_model_size: models of more trainable scalars are failed trials.
        optimizer: in place of that of the model.
        loss: in place of that of the model.
        metrics: in place of those of the model.
        distribution_strategy: a `tf.distribute.Strategy` under which models are built.
        directory: see `BaseTuner`.
        project_name: see `BaseTuner`.
        logger: has no effect; KerasTuner has it.
        tuner_id: the name under which it runs trials.
        overwrite: see `BaseTuner`.
        executions_per_trial: how often each configuration is trained. The mean is its score, and
            the standard error tells the surrogate how noisy that is.
        **kwargs: none; KerasTuner has them.
    """

    max_checkpoints = 10
    """The weights of so many trials are kept on disk, the best ones; set it before the search.

    Of several objectives, those of all trials on the front.
    """

    def __init__(
        self,
        oracle: Any,
        hypermodel: Any = None,
        max_model_size: int | None = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        distribution_strategy: Any = None,
        directory: Any = None,
        project_name: str | None = None,
        logger: Any = None,
        tuner_id: str | None = None,
        overwrite: bool = False,
        executions_per_trial: int = 1,
        **kwargs: Any,
    ) -> None:
        if hypermodel is None and type(self).run_trial is Tuner.run_trial:
            raise InvalidArgument(
                "hypermodel: expected a function build_model(hp) or a HyperModel, got None. It may be "
                "left out only where a subclass of the tuner has a run_trial of its own."
            )
        self.max_model_size = max_model_size
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.distribution_strategy = distribution_strategy
        self.executions_per_trial = executions_per_trial
        super().__init__(
            oracle, hypermodel, directory, project_name, overwrite, logger=logger, **kwargs
        )
        self.tuner_id = tuner_id or self.tuner_id

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Build and train a model, `executions_per_trial` times; see `BaseTuner.run_trial`.

        Where the search decides on epochs, those take the place of the arguments `epochs` and
        `initial_epoch`, and training goes on where it stopped.
        """
        given = kwargs.pop("callbacks", None)
        folder = Path(self.get_trial_dir(trial.trial_id))
        objective = self.oracle.objective.leading
        stage = stages.due(self.oracle.study_trial(trial))
        if stage is not None:
            stage = stages.resumable(stage, folder, self.executions_per_trial)
            kwargs.update(epochs=stage.until, initial_epoch=stage.start)
        if stage is None or not stage.start:
            checkpoints.drop([folder])  # of a run that failed
        best_epoch = callbacks_.SaveBestEpoch(
            objective,
            lambda model, epoch: self.save_model(trial.trial_id, model, epoch),
            trial.earlier_best(objective.name),
        )
        listeners = [c for c in self._study_callbacks if hasattr(c, "epoch")]
        returned, trained = [], []
        for execution in range(self.executions_per_trial):
            callbacks = callbacks_.made(given, trial)
            own = list(callbacks)
            callbacks_.direct_tensorboard(callbacks, trial, execution)
            callbacks.append(callbacks_.TunerCallback(self, trial, listeners))
            # The same one for all executions: of all their epochs the best counts.
            callbacks.append(best_epoch)
            best_epoch.on_execution_begin()
            if stage is not None:
                report = stages.reporter(
                    objective,
                    trial.earlier_best(objective.name),
                    functools.partial(self.oracle.report, trial)
                    if self.executions_per_trial == 1
                    else None,
                )
                trained.append(stages.TrainStage(stage, folder, execution, own, report))
                callbacks.append(trained[-1])
            result = self._build_and_fit_model(trial, *args, callbacks=callbacks, **kwargs)
            best_epoch.on_execution_end(
                results.read(result, self.oracle.objective, "HyperModel.fit()")
            )
            returned.append(result)
        trial.end = stages.end(trained)
        return returned

    def _build_and_fit_model(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        hp = trial.hyperparameters
        model = self._try_build(hp)
        trains_itself = type(self.hypermodel).fit is not HyperModel.fit  # perhaps without compiling
        if not trains_itself and not getattr(model, "compiled", True):
            raise FatalValueError(
                "build_model returned a model that is not compiled. Call model.compile(...) in it, or "
                "give the tuner an optimizer and a loss."
            )
        return self.hypermodel.fit(hp, model, *args, **kwargs)

    def _try_build(self, hp: Any) -> Any:
        """A model, after what is left of the last one has been cleared."""
        keras.utils.clear_session()  # which collects garbage, too
        model = self._build_hypermodel(hp)
        if not isinstance(model, keras.Model):
            raise FatalTypeError(f"build_model returned {no_model(model)}")
        check_size(model, self.max_model_size)
        return model

    def _build_hypermodel(self, hp: Any) -> Any:
        with self._distributed():
            model = self.hypermodel.build(hp)
            if isinstance(model, keras.Model):
                self._override_compile_args(model)
            return model

    def _override_compile_args(self, model: Any) -> None:
        if not (self.optimizer or self.loss or self.metrics):
            return
        compiled = getattr(model, "compiled", False)
        metrics = None
        if compiled:
            metrics = [m for m in model.metrics if m.name not in ("loss", "compile_metrics")]
        model.compile(
            optimizer=rebuilt(self.optimizer)
            if self.optimizer
            else getattr(model, "optimizer", None),
            loss=self.loss or (model.loss if compiled else None),
            metrics=self.metrics or metrics,
        )

    def _distributed(self) -> Any:
        strategy = self.distribution_strategy
        return contextlib.nullcontext() if strategy is None else strategy.scope()

    def load_model(self, trial: Any) -> Any:
        """The model of a trial, with the weights of its best epoch; FatalRuntimeError without these."""
        model = self._try_build(trial.hyperparameters)
        with self._distributed():
            checkpoints.load(model, Path(self.get_trial_dir(trial.trial_id)))
        return model

    def save_model(self, trial_id: Any, model: Any, step: int = 0) -> None:
        """Save the weights of a model as those of a trial; `step` has no effect, KerasTuner has it."""
        checkpoints.save(model, Path(self.get_trial_dir(trial_id)))

    def on_trial_end(self, trial: Any) -> None:
        """Called when a trial ends: stores it, and drops weights of trials that are not the best."""
        super().on_trial_end(trial)
        several = len(self.oracle.objective.directions) > 1
        most = len(self.oracle.trials) if several else self.max_checkpoints
        best = {t.trial_id for t in self.oracle.get_best_trials(most)}
        ended = [trial_id for trial_id in self.oracle.end_order if trial_id not in best]
        checkpoints.drop(Path(self.get_trial_dir(trial_id)) for trial_id in ended)
        stages.drop(Path(self.get_trial_dir(trial_id)) for trial_id in self._over())

    def _over(self) -> list[str]:
        """Ids of trials that do not go on."""
        trials = self.oracle.trials
        return [i for i in self.oracle.end_order if self.oracle.study_trial(trials[i]).is_finished]

    def on_batch_begin(self, trial: Any, model: Any, batch: int, logs: Any) -> None:
        """Called when a batch begins."""

    def on_batch_end(self, trial: Any, model: Any, batch: int, logs: Any = None) -> None:
        """Called when a batch ends."""

    def on_epoch_begin(self, trial: Any, model: Any, epoch: int, logs: Any = None) -> None:
        """Called when an epoch begins."""

    def on_epoch_end(self, trial: Any, model: Any, epoch: int, logs: Any = None) -> None:
        """Called when an epoch ends."""
