"""Optuna's samplers, in studies that are defined by running them."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from suites.base import Parameter, Params

from adapters.base import Adapter


class Optuna(Adapter):
    """A study in memory, whose trials suggest parameter by parameter those that are active.

    A sampler that models the parameters jointly, as the Gaussian process does, takes those that all
    earlier trials had in common; conditional ones among them it suggests independently, at random. A
    failed trial is told as such; the samplers leave it out of account.
    """

    kind = ""
    """The sampler's class."""

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        import optuna

        super().__init__(parameters, seed)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.optuna = optuna
        self.study = optuna.create_study(sampler=getattr(optuna.samplers, self.kind)(seed=seed))
        self.trial: Any = None

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        distributions = {p["name"]: self._distribution(p) for p in self.parameters}
        for row, value in zip(params, y, strict=True):
            state = "FAIL" if value is None else "COMPLETE"
            trial = self.optuna.trial.create_trial(
                state=self.optuna.trial.TrialState[state],
                params=row,
                distributions={name: distributions[name] for name in row},
                value=value,
            )
            self.study.add_trial(trial)

    def ask(self) -> Params:
        self.trial = self.study.ask()
        found: Params = {}
        for p in self.parameters:
            conditions = p.get("when", {}).items()
            if all(name in found and found[name] in allowed for name, allowed in conditions):
                found[p["name"]] = self._suggest(p)
        return found

    def tell(self, y: float | None) -> None:
        if y is None:
            self.study.tell(self.trial, state=self.optuna.trial.TrialState.FAIL)
        else:
            self.study.tell(self.trial, y)

    def _suggest(self, p: Parameter) -> Any:
        if p["kind"] == "categorical":
            return self.trial.suggest_categorical(p["name"], p["choices"])
        suggest = self.trial.suggest_int if p["kind"] == "int" else self.trial.suggest_float
        return suggest(p["name"], p["low"], p["high"], log=p["log"])

    def _distribution(self, p: Parameter) -> Any:
        kinds = self.optuna.distributions
        if p["kind"] == "categorical":
            return kinds.CategoricalDistribution(p["choices"])
        kind = kinds.IntDistribution if p["kind"] == "int" else kinds.FloatDistribution
        return kind(p["low"], p["high"], log=p["log"])


class OptunaGP(Optuna):
    """Its Gaussian process."""

    packages = ("optuna", "torch")
    kind = "GPSampler"


class OptunaTPE(Optuna):
    """Optuna's default, a tree-structured Parzen estimator."""

    packages = ("optuna",)
    kind = "TPESampler"
