"""tfbo for Ray (the extra `ray`): a search algorithm of Ray Tune, and Ray as an executor of a study."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

try:
    from ray.tune.search import Searcher
except ImportError:
    raise ImportError(
        'tfbo.integrations.ray needs Ray Tune 2.40 or later: pip install "tfbo[ray]"'
    ) from None

from tfbo import _arguments, _format
from tfbo._messages import warn
from tfbo.errors import InvalidArgument, SpaceExhausted, invalid
from tfbo.integrations.ray import curves, metrics
from tfbo.integrations.ray.domains import Axis, has_domains, of_config, of_space
from tfbo.integrations.ray.executor import RayExecutor
from tfbo.integrations.ray.study_search import StudySearch, check_same, tell
from tfbo.space import Space
from tfbo.strategies import Strategy
from tfbo.study import Study, records
from tfbo.trial import FAILED, Failure

__all__ = ["RayExecutor", "TFBOSearch"]

_LOGGER = logging.getLogger("tfbo")


class TFBOSearch(StudySearch):
    """Suggests the trials of a Ray Tune experiment, as `search_alg` of its `TuneConfig`.

    The search space is Ray's `param_space`: uniform, loguniform, randint, lograndint and choice, the
    quantised ones among them, in nested dicts; whatever else is there is constant. For parameters that
    exist under a condition only, give a `tfbo.Space` here and constants there.

    Trials that run count with what is expected of them, and no configuration is tried twice; where all of
    a finite space have been, the experiment ends. One that ends in an error, with NaN or without the
    metric counts as somewhat worse than the worst.

    What trials report on their way is learned from, by its step, where a scheduler such as ASHA or
    Hyperband stops some: it says how far a trial goes, the search what the next one tries. One that ended
    before the last step counts as stopped, with its curve, and also while it is paused. Where all trials
    end by themselves, each counts with its last value; so it does, wherever a scheduler has stopped it,
    with several metrics or with constraints on them.

    With a list of metrics, and one of modes, a trial is worth what it adds to the front, which is
    `search.study.best_trials`. Give both here: `TuneConfig` takes one metric. Schedulers, too, have one
    of their own.

    Ray asks for a trial more than there are workers, before it knows what becomes of those that run.
    With `TuneConfig(max_concurrent_trials=)`, the number of workers, it asks when one is free.

    `search.study` is the `tfbo.Study` behind it, in memory, with all that was learned: importance,
    predictions, pictures. It is another one when trials have gone further than before. Ray stores it in
    the folder of the experiment, as JSON, and `Tuner.restore` goes on with it: what is then suggested is
    what would have been without the interruption.

    Args:
        space: what to search; None for the domains of Ray's `param_space`. In a name, a slash leads into a
            nested configuration: "optimizer/lr".
        metric: the name of what is reported; None for that of `TuneConfig`. Needed here where there is a
            `space`, and no `param_space` beside it. Several are a list.
        mode: "min" or "max", of several metrics a list; see `metric`.
        points_to_evaluate: configurations to try first.
        seed: a whole number >= 0 on which every suggestion depends; None to draw one.
        strategy: what to try next; None for `tfbo.strategies.Bayes()`.
        device: where suggestions are computed, such as "CPU" or "GPU:0"; see `tfbo.Study`.
        time_attr: the name of what is reported as the step; that of the scheduler.
        max_t: the last step, that of the scheduler, and learn from curves from the start; None for the
            largest that a trial has reached, once one was stopped before it. Give it where steps are of
            time, of which no two trials reach the same. Not with several metrics, or constraints on them.
        parameter_constraints: on the numbers of `param_space`, by names of the top level, such as
            ["layers * units <= 1024"]: no suggestion breaks one. A `space` has its own.
        outcome_constraints: on what trials report, such as ["size_mb <= 10"]; see `tfbo.Study`. A trial
            that does not report one of their names has an unknown feasibility.

    Raises:
        InvalidArgument: for an argument that is not what it has to be, and when the experiment begins
            for a domain that cannot be searched, by name.

    Example:
        >>> from ray import tune
        >>> from tfbo.integrations.ray import TFBOSearch
        >>> search = TFBOSearch(metric="loss", mode="min", seed=0)
        >>> config = tune.TuneConfig(search_alg=search, num_samples=20, max_concurrent_trials=4)

        With `tune.Tuner(trainable, tune_config=config, param_space={"units": tune.randint(16, 129)})`,
        Ray then does this:

        >>> search.set_search_properties(None, None, {"units": tune.randint(16, 129)})
        True
        >>> search.suggest("a trial")
        {'units': 72}
        >>> search.on_trial_complete("a trial", {"loss": 0.5})
        >>> search.study.best_value
        0.5
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        metric: str | Sequence[str] | None = None,
        mode: str | Sequence[str] | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        strategy: Strategy[Any] | None = None,
        device: str | None = None,
        time_attr: str = "training_iteration",
        max_t: int | None = None,
        parameter_constraints: Sequence[str] = (),
        outcome_constraints: Sequence[str] = (),
    ) -> None:
        _check(space, points_to_evaluate, seed, parameter_constraints)
        checked = metrics.check(metric, mode, outcome_constraints)
        records.check_means(strategy, device)
        if max_t is not None and not checked.is_plain:
            advice = "Of several metrics, or with constraints, each trial counts where it ends."
            raise invalid("max_t", "None", max_t, advice)
        named: Any = checked.metric, checked.mode  # lists, too, in spite of Ray's annotations
        super().__init__(*named)
        self._constraints, self._limits = checked.constraints, list(parameter_constraints)
        self._given = space
        self._points = list(points_to_evaluate or ())
        self._evaluated = []
        self._seed, self._strategy, self._device = seed, strategy, device
        self._axes = None if space is None else of_space(space)
        self._study = None
        self._numbers: dict[str, int] = {}
        """Of trials in the study, by what Ray calls them."""
        self._latest: dict[str, dict[str, float]] = {}
        """What each trial that runs has last reported, by metric."""
        self._steps = curves.steps(time_attr, max_t)

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Take what Ray knows of the experiment; False where there are two search spaces."""
        if self._given is not None and has_domains(config):
            return False
        for name, value in (("metric", metric), ("mode", mode)):
            known = getattr(self, f"_{name}")
            if None not in (value, known) and value != known:
                raise invalid(name, f"{known!r}, as TFBOSearch has it", value, "Give it once.")
        self._metric, self._mode = metric or self._metric, mode or self._mode
        if self._given is None:
            axes = of_config(config, self._limits)
            if self._axes is not None:
                check_same(self._axes.space, axes.space)
            if self._study is not None:  # restored
                check_same(self._study.space, axes.space)
            self._axes = axes
        if self._study is None:  # so that what is wrong with its points is an error now
            self._study = self._open()
        return True

    def suggest(self, trial_id: str) -> Any:
        """The next configuration; `Searcher.FINISHED` where all of a finite space have been tried."""
        axes = self._known()
        try:
            trial = self.study.ask()
        except SpaceExhausted as exhausted:
            warn(str(exhausted))
            return Searcher.FINISHED
        curves.begin(self.study, trial)
        self._numbers[trial_id] = trial.number
        return axes.write(trial.params)

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Store what a trial reports on its way; one that was paused goes on under its name."""
        found = {name: _arguments.as_float(v) for name, v in self._metrics.values(result).items()}
        latest = {name: value for name, value in found.items() if value is not None}
        if latest and self._number(trial_id, result) is not None:
            self._latest[trial_id] = {**self._latest.get(trial_id, {}), **latest}
            self._report(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the study what came of a trial; one that never began may be suggested again."""
        latest = self._latest.pop(trial_id, {})
        number = self._number(trial_id, result or {})
        if number is None:
            _LOGGER.info("Trial %s is none of those that were suggested.", trial_id)
            return
        outcome = self._metrics.outcome(result or {}, latest, error)
        trial = self.study.trials[number]
        if trial.is_finished and (trial.state != FAILED or isinstance(outcome, Failure)):
            return
        if trial.is_finished:  # one that failed goes on, or begins again, with its experiment
            self._numbers[trial_id] = curves.again(self.study, trial).number
        if isinstance(outcome, Failure):
            text = _format.failed(trial_id, outcome.kind, outcome.reason, trial.params)
            _LOGGER.warning("%s", text)
            warn(_format.cause(outcome.kind, outcome.reason))
        else:
            self._steps = self._steps.ended(trial, self._steps.of(result) if result else None)
            self._report(trial_id, result or {})
        curves.finish(self.study, self.study.trials[self._numbers[trial_id]], outcome)

    def _number(self, trial_id: str, result: Mapping[str, Any]) -> int | None:
        """The number of a trial in the study; None for one that is none of those suggested."""
        if trial_id not in self._numbers:
            found = _restarted(self.study, self._known().axes, result)
            self._numbers.update({} if found is None else {trial_id: found})
        return self._numbers.get(trial_id)

    def _report(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Add a point to the curve of a trial, where the result has a step and a value."""
        step, study = self._steps.of(result), self._study
        value = _arguments.as_float(result.get(self._metrics.names[0]))
        if step is not None and study is not None and value is not None:
            self._steps = self._steps.after(step)
            self._numbers[trial_id] = curves.report(study, self._numbers[trial_id], step, value)

    def add_evaluated_point(
        self,
        parameters: Mapping[str, Any],
        value: Any,
        error: bool = False,
        pruned: bool = False,
        intermediate_values: Sequence[float] | None = None,
    ) -> None:
        """Add a result from elsewhere: a final one, or where `pruned` that of its last step.

        The value is a number, of several metrics one each in their order, or a dict by name.
        """
        known = self._metrics
        outcome = Failure("error", "it was added as a failure") if error else known.read(value)
        learns = pruned and known.is_plain
        curve = {i: float(v) for i, v in enumerate(intermediate_values or (), 1) if learns}
        self._steps = self._steps.after(len(curve), stopped=bool(curve))
        self._evaluated.append((parameters, outcome, curve))
        if self._study is not None:
            tell(self._study, self._known(), self._evaluated)


def _restarted(study: Study, axes: Mapping[str, Axis], result: Mapping[str, Any]) -> int | None:
    """The trial that Ray renamed, as it does when it begins again: the result has its configuration."""
    prefix, params = "config/", {}
    for name in axes:
        if prefix + name in result:
            with contextlib.suppress(InvalidArgument):
                params[name] = axes[name].read(name, result[prefix + name])
    alike = [trial.number for trial in study.trials if trial.params == params]
    return alike[-1] if alike else None


def _check(space: Any, points: Any, seed: Any, limits: Any) -> None:
    """Raise InvalidArgument for arguments that are not what they have to be."""
    if space is not None and not isinstance(space, Space):
        raise invalid(
            "space", "a tfbo.Space", space, "Give Ray's domains to Tuner, as param_space."
        )
    if isinstance(limits, str) or not isinstance(limits, Sequence):
        advice = 'For example parameter_constraints=["layers * units <= 1024"].'
        raise invalid("parameter_constraints", "a list of texts", limits, advice)
    if space is not None and limits:
        advice = "Give them to it: Space(..., constraints=[...])."
        raise invalid("parameter_constraints", "none beside a space", limits, advice)
    if isinstance(points, Mapping):
        raise invalid("points_to_evaluate", "a list", points, "Put it in a list.")
    if seed is not None:
        _arguments.seed(seed)
