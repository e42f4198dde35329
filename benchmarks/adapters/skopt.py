"""scikit-optimize."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from suites.base import Parameter, Params

from adapters.base import Adapter, filled


class Skopt(Adapter):
    """scikit-optimize's Gaussian process under EI; it fits and searches in tell, not in ask.

    It searches the flat space: conditional parameters are dropped from what is evaluated but told with
    the values that were asked. It knows no failures: a failed trial is told as the worst value so far,
    and trials that failed before the first success are told with it.
    """

    packages = ("scikit-optimize", "scikit-learn", "scipy")

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        import skopt

        super().__init__(parameters, seed)

        def dimension(p: Parameter) -> Any:
            if p["kind"] == "categorical":
                return skopt.space.Categorical(p["choices"], name=p["name"])
            kind = skopt.space.Integer if p["kind"] == "int" else skopt.space.Real
            prior = "log-uniform" if p["log"] else "uniform"
            return kind(p["low"], p["high"], prior=prior, name=p["name"])

        dimensions = [dimension(p) for p in self.parameters]
        self.optimizer = skopt.Optimizer(dimensions, "GP", acq_func="EI", random_state=seed)
        self.asked: list[Any] = []
        self.worst: float | None = None
        self.untold: list[list[Any]] = []

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        rows = [list(filled(self.parameters, row).values()) for row in params]
        self._tell(rows, y)

    def ask(self) -> Params:
        self.asked = self.optimizer.ask()
        return {p["name"]: value for p, value in zip(self.parameters, self.asked, strict=True)}

    def tell(self, y: float | None) -> None:
        self._tell([self.asked], [y])

    def _tell(self, rows: list[list[Any]], y: Sequence[float | None]) -> None:
        known = [value for value in (*y, self.worst) if value is not None]
        if not known:
            self.untold += rows
            return
        worst = self.worst = max(known)
        values = [worst if value is None else value for value in y]
        self.optimizer.tell(self.untold + rows, [worst] * len(self.untold) + values)
        self.untold = []
