"""Google's Vizier."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from suites.base import Parameter, Params

from adapters.base import Adapter, coded, codes, filled, uncoded

SHAPE = 10
"""Arrays are padded to multiples of so many trials."""


class Vizier(Adapter):
    """Vizier's default algorithm, GP-UCB-PE, with its defaults: the first point is the centre.

    As in its service, JAX computes in float64, without which the search breaks down soon. The designer
    searches no conditional spaces: this one is flat. Arrays are padded, so that most programs, though not
    all, serve ten suggestions. A failed trial is told as infeasible, which it models.
    """

    packages = ("google-vizier", "jax", "tensorflow-probability")

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        import jax
        from vizier import algorithms, pyvizier
        from vizier._src.algorithms.designers import gp_ucb_pe  # the public way imports CVXPY too
        from vizier.pyvizier.converters import padding

        super().__init__(parameters, seed)
        self.jax = jax
        jax.config.update("jax_enable_x64", True)
        self.vizier, self.algorithms = pyvizier, algorithms
        problem = pyvizier.ProblemStatement()
        for p in self.parameters:
            self._add(problem.search_space.root, p)
        goal = pyvizier.ObjectiveMetricGoal.MINIMIZE
        problem.metric_information.append(pyvizier.MetricInformation("value", goal=goal))
        self.designer = gp_ucb_pe.VizierGPUCBPEBandit(
            problem,
            rng=jax.random.PRNGKey(seed),
            padding_schedule=padding.PaddingSchedule(
                num_trials=padding.PaddingType.MULTIPLES_OF_10
            ),
        )
        self.count = 0
        self.trial: Any = None

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        for row, value in zip(params, y, strict=True):
            values = coded(self.parameters, filled(self.parameters, row))
            self.trial = self._trial(self.vizier.TrialSuggestion(values))
            self.tell(value)

    def ask(self) -> Params:
        if self.count % SHAPE == 0:
            # They grow by 70 MiB a suggestion, and the next shape needs new programs anyway.
            self.jax.clear_caches()
        self.trial = self._trial(self.designer.suggest(1)[0])
        values = {name: value.value for name, value in self.trial.parameters.items()}
        return uncoded(self.parameters, values)

    def tell(self, y: float | None) -> None:
        if y is None:
            measurement, reason = self.vizier.Measurement(), "the objective failed"
        else:
            measurement, reason = self.vizier.Measurement(metrics={"value": y}), None
        self.trial.complete(measurement, infeasibility_reason=reason)
        completed = self.algorithms.CompletedTrials([self.trial])
        self.designer.update(completed, self.algorithms.ActiveTrials())

    def _trial(self, suggestion: Any) -> Any:
        self.count += 1
        return suggestion.to_trial(self.count)

    def _add(self, root: Any, p: Parameter) -> None:
        if p["kind"] == "categorical":
            root.add_categorical_param(p["name"], codes(p))
            return
        scale = self.vizier.ScaleType.LOG if p["log"] else self.vizier.ScaleType.LINEAR
        add = root.add_int_param if p["kind"] == "int" else root.add_float_param
        add(p["name"], p["low"], p["high"], scale_type=scale)
