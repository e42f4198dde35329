"""`ReportCallback`: the learning curve of a `model.fit` for a study, epoch by epoch."""

from __future__ import annotations

from typing import Any

import keras

from tfbo._arguments import as_float
from tfbo.errors import invalid


class ReportCallback(keras.callbacks.Callback):
    """Reports a metric after each epoch, and stops training where the trial is hopeless or its run over.

    It neither saves nor loads a model: that is up to the objective, with `run.checkpoint`.

    Args:
        run_or_trial: the run that an objective gets as its second argument; or a trial of `study.ask()`.
        metric: the name of a metric in Keras's logs, such as "val_accuracy".
        study: that the trial is of; left out with a run, which knows.

    Raises:
        InvalidArgument: without a study for a trial, and after an epoch of a metric that is not logged.

    Example:
        >>> import keras, numpy as np, tfbo
        >>> def objective(params, run):
        ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        ...     model.compile(keras.optimizers.SGD(params["rate"]), "mse")
        ...     report = tfbo.keras.ReportCallback(run, "loss")
        ...     history = model.fit(
        ...         np.ones((4, 1)), np.ones(4), initial_epoch=run.start, epochs=run.until,
        ...         callbacks=[report], verbose=0)
        ...     return history.history["loss"][-1]
    """

    def __init__(self, run_or_trial: Any, metric: str, *, study: Any = None) -> None:
        super().__init__()
        if not isinstance(metric, str):
            advice = 'For example ReportCallback(run, "val_accuracy").'
            raise invalid("metric", "the name of a metric", metric, advice)
        if study is None and not hasattr(run_or_trial, "report"):
            expected = "the study of the trial"
            advice = "Pass study= with a trial of study.ask(), or the run that an objective gets."
            raise invalid("study", expected, study, advice)
        self.metric = metric
        self._run = run_or_trial
        self._study = study
        self._is_seen = False
        self._logged: list[str] = []

    @property
    def until(self) -> int | None:
        """Epoch until which to train; None where that is open."""
        return getattr(self._run, "until", None)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report the metric of the epoch, whose step is `epoch + 1`; an epoch without it has no point."""
        step, logs = epoch + 1, logs or {}
        self._logged += [name for name in logs if name not in self._logged]
        is_over = self.until is not None and step >= self.until
        if self.metric in logs:
            self._is_seen = True
            if not self._report(step, logs[self.metric]):
                self.model.stop_training = True
        elif not self._is_seen and (is_over or not self.metric.startswith("val_")):
            raise self._missing()  # only validation may be left out of an epoch
        if is_over:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Raise InvalidArgument for a metric that no epoch had."""
        if not self._is_seen and self._logged:
            raise self._missing()

    def _report(self, step: int, logged: Any) -> bool:
        value = as_float(logged)
        if value is None:
            advice = "Give it an average, or choose another metric."
            raise invalid("metric", f"one number of {self.metric!r}", logged, advice)
        if self._study is None:
            return bool(self._run.report(step, value))
        return bool(self._study.report(self._run, step, value))

    def _missing(self) -> Exception:
        from tfbo.keras.results import nearest

        near = nearest(self.metric, self._logged)
        advice = f"The nearest: {', '.join(map(repr, near))}." if near else ""
        if self.metric.startswith("val_") and not any(n.startswith("val_") for n in self._logged):
            advice = "Metrics val_... need validation_data or validation_split in model.fit()."
        expected = f"a metric that is logged: {', '.join(map(repr, self._logged)) or 'none is'}"
        return invalid("metric", expected, self.metric, advice)
