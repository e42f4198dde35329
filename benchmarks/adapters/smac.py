"""SMAC3."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

from suites.base import Parameter, Params

from adapters.base import Adapter, coded, codes, conditions, uncoded

N_INITIAL = 25


class Smac(Adapter):
    """SMAC3's HyperparameterOptimizationFacade: a random forest under log EI, with ask and tell.

    Conditional parameters are ConfigSpace's. Its opening depends on the number of trials that is
    planned, of which it knows nothing here: it is that of 100, SMAC's default, hence ten points a
    parameter and 25 at most, less those told beforehand. As by default the model is trained at every
    eighth suggestion, and every fifth suggestion is random. The objective counts as deterministic, so
    that no configuration is tried twice.

    SMAC asks for a finite cost of trials that crashed: it is the worst value so far, and trials that
    failed before the first success are told with it.
    """

    packages = ("smac", "ConfigSpace", "scikit-learn")

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        import smac  # noqa: F401  (nothing of it is needed before the first trial)

        super().__init__(parameters, seed)
        self.seed = seed
        self.space = self._space()
        self.facade: Any = None
        self.info: Any = None
        self.worst: float | None = None
        self.untold: list[Any] = []

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        from ConfigSpace import Configuration
        from smac.runhistory.dataclasses import TrialInfo

        self._open(len(y))
        for row, value in zip(params, y, strict=True):
            values = coded(self.parameters, row)
            self.info = TrialInfo(Configuration(self.space, values=values), seed=0)
            self.tell(value)

    def ask(self) -> Params:
        if self.facade is None:
            self._open(0)
        try:
            self.info = self.facade.ask()
        except StopIteration:
            raise RuntimeError("SMAC found no configuration that it had not tried") from None
        return uncoded(self.parameters, dict(self.info.config))

    def tell(self, y: float | None) -> None:
        from smac.runhistory.dataclasses import TrialValue
        from smac.runhistory.enumerations import StatusType

        if y is None:
            self.untold.append(self.info)
        else:
            self.worst = y if self.worst is None else max(self.worst, y)
            self.facade.tell(self.info, TrialValue(cost=y), save=False)
        if self.worst is None:
            return
        for info in self.untold:
            value = TrialValue(cost=self.worst, status=StatusType.CRASHED)
            self.facade.tell(info, value, save=False)
        self.untold = []

    def _open(self, told: int) -> None:
        from smac import HyperparameterOptimizationFacade, Scenario

        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        scenario = Scenario(
            self.space,
            output_directory=self.folder.name,
            deterministic=True,
            n_trials=10**6,
            seed=self.seed,
        )
        n_initial = max(min(10 * len(self.parameters), N_INITIAL) - told, 0)
        self.facade = HyperparameterOptimizationFacade(
            scenario,
            initial_design=HyperparameterOptimizationFacade.get_initial_design(
                scenario, n_configs=n_initial
            ),
            logging_level=False,
            overwrite=True,
        )

    def _space(self) -> Any:
        from ConfigSpace import AndConjunction, ConfigurationSpace, Float, InCondition, Integer
        from ConfigSpace import CategoricalHyperparameter as Categorical

        space = ConfigurationSpace(seed=self.seed)
        for p in self.parameters:
            if p["kind"] == "categorical":
                space.add(Categorical(p["name"], codes(p)))
            else:
                kind = Integer if p["kind"] == "int" else Float
                space.add(kind(p["name"], (p["low"], p["high"]), log=p["log"]))
        for p in self.parameters:
            found = [
                InCondition(space[p["name"]], space[parent], allowed)
                for parent, allowed in conditions(self.parameters, p).items()
            ]
            if found:
                space.add(AndConjunction(*found) if len(found) > 1 else found[0])
        return space
