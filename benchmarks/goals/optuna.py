"""Optuna's samplers, with their defaults; constraints by `constraints_func`."""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

import warnings
from typing import Any

from suites.base import Params
from suites.design import Design, Outcome

from goals.runs import Policy

EXCESS = "excess"


class Optuna(Policy):
    """A study in memory."""

    kind = ""
    """The sampler's class."""

    def __init__(self, design: Design, seed: int) -> None:
        import optuna

        super().__init__(design, seed)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        limited = (lambda trial: trial.user_attrs[EXCESS]) if design.constraints else None
        sampler = getattr(optuna.samplers, self.kind)(seed=seed, constraints_func=limited)
        directions = ["minimize"] * design.objectives
        self.study = optuna.create_study(directions=directions, sampler=sampler)
        self.trial: Any = None

    def ask(self) -> Params:
        self.trial = self.study.ask()
        found: Params = {}
        for p in self.design.parameters:
            suggest = self.trial.suggest_int if p["kind"] == "int" else self.trial.suggest_float
            found[p["name"]] = suggest(p["name"], p["low"], p["high"], log=p["log"])
        return found

    def tell(self, outcome: Outcome) -> None:
        self.trial.set_user_attr(EXCESS, outcome.excess)
        self.study.tell(self.trial, outcome.objectives)


class GP(Optuna):
    """Its Gaussian process: expected improvement, or hypervolume improvement, times feasibility."""

    imports = ("optuna", "torch", "scipy")
    kind = "GPSampler"


class TPE(Optuna):
    """Its tree-structured Parzen estimator."""

    imports = ("optuna",)
    kind = "TPESampler"
