"""`StudySearch`: the study behind a search of Ray Tune, made when all is known, saved and restored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from tfbo.errors import invalid
from tfbo.integrations.ray import curves, search_state
from tfbo.integrations.ray.domains import Axes
from tfbo.integrations.ray.metrics import ExperimentMetrics
from tfbo.space import Space
from tfbo.strategies import Strategy
from tfbo.study import Study
from tfbo.trial import Fidelity, Outcome

Evaluated = tuple[Mapping[str, Any], Outcome, dict[int, float]]
"""A configuration of Ray, what came of it, and its curve."""
_NOTHING = (
    "Give Tuner a param_space, or TFBOSearch a space. Where there are choices that JSON cannot hold, "
    "Tuner.restore, too, needs the param_space."
)


class StudySearch(Searcher):
    """A search of Ray by the study behind it; see `TFBOSearch`, which adds the conversation with Ray."""

    # Ray's name for it ends in .pkl, which it is not.
    CKPT_FILE_TMPL = "searcher-state-{}.json"

    _metric: Any
    _mode: Any
    _given: Space | None
    _points: list[Mapping[str, Any]]
    _evaluated: list[Evaluated]
    """Results from elsewhere, until there is a study to tell them to."""
    _seed: int | None
    _strategy: Strategy[Any] | None
    _device: str | None
    _constraints: tuple[str, ...]
    _axes: Axes | None
    _study: Study | None
    _steps: curves.ExperimentSteps

    @property
    def study(self) -> Study:
        """The study behind it; InvalidArgument where the space or the direction is not known yet."""
        if self._study is None:
            self._study = self._open()
        study, steps = self._study, self._fidelity
        if steps != study.fidelity:
            self._study = search_state.restaged(study, steps, self._means)
        return self._study

    def save(self, checkpoint_path: str) -> None:
        """Write the search, without its settings, as JSON."""
        fields = {name: getattr(self, f"_{name}") for name in search_state.FIELDS}
        search_state.write(Path(checkpoint_path), fields, self._study, self._axes)

    def restore(self, checkpoint_path: str) -> None:
        """Go on with the search that `save` has written, with the same strategy, and `space` if any."""
        path = Path(checkpoint_path)
        fields, study, axes = search_state.read(path, self._axes, self._means)
        if study is not None and axes is not None:
            check_same(study.space, axes.space)
        self._study, self._axes = study, axes
        self._steps = self._steps.restored(study)
        if study is not None:
            self._constraints = study.stored_trials.aims.texts
        for name, value in fields.items():
            setattr(self, f"_{name}", value)

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles it with the experiment's settings."""
        dumped = None if self._study is None else search_state.dump(self._study)
        return {**self.__dict__, "_study": dumped}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._study is not None:
            self._study = search_state.load(state["_study"], self._means)

    @property
    def _means(self) -> search_state.Reopening:
        predicates = () if self._given is None else self._given.predicates
        return search_state.Reopening(self._strategy, self._device, predicates)

    @property
    def _metrics(self) -> ExperimentMetrics:
        return ExperimentMetrics(self._metric, self._mode, self._constraints)

    @property
    def _fidelity(self) -> Fidelity | None:
        return self._steps.fidelity if self._metrics.is_plain else None

    def _known(self) -> Axes:
        if self._axes is None:
            raise invalid("param_space", "something to search", None, _NOTHING)
        return self._axes

    def _open(self) -> Study:
        """The study, with what was given beforehand."""
        axes = self._known()
        study = Study(
            axes.space,
            direction=self._metrics.direction,
            objectives=self._metrics.objectives,
            constraints=self._constraints,
            seed=self._seed,
            strategy=self._strategy,
            device=self._device,
            fidelity=self._fidelity,
        )
        for i, point in enumerate(self._points):
            study.enqueue(axes.read(f"points_to_evaluate[{i}]", point))
        tell(study, axes, self._evaluated)
        return study


def tell(study: Study, axes: Axes, evaluated: list[Evaluated]) -> None:
    """Tell the study results from elsewhere, and forget them."""
    while evaluated:
        parameters, outcome, curve = evaluated.pop(0)
        curves.add(study, axes.read("parameters", parameters), outcome, curve)


def check_same(before: Space, now: Space) -> None:
    """Raise InvalidArgument where a space is another one than before."""
    if before != now:
        differences = "; ".join(before.difference(now))
        advice = "Make a new TFBOSearch for another space."
        raise invalid("param_space", "the space as it was", differences, advice)
