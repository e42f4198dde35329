"""HEBO."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from suites.base import Parameter, Params

from adapters.base import Adapter, coded, codes, filled, uncoded

# Its kinds of parameters by ours, without and with a logarithmic scale.
KINDS = {"float": ("num", "pow"), "int": ("int", "pow_int")}


class Hebo(Adapter):
    """HEBO with its defaults; it draws from NumPy's and torch's global generators.

    The space is flat. HEBO models with what it is told: a failed trial is told as the worst value so
    far, trials that failed before the first success are told with it.
    """

    packages = ("HEBO", "torch", "pymoo")

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        import pandas  # isort: skip
        import torch  # isort: skip

        super().__init__(parameters, seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        self.frame = pandas.DataFrame

        def column(p: Parameter) -> dict[str, Any]:
            if p["kind"] == "categorical":
                return {"name": p["name"], "type": "cat", "categories": codes(p)}
            kind = KINDS[p["kind"]][bool(p["log"])]
            return {"name": p["name"], "type": kind, "lb": p["low"], "ub": p["high"]}

        space = DesignSpace().parse([column(p) for p in self.parameters])
        self.optimiser = HEBO(space, scramble_seed=seed)
        self.asked: Params = {}
        self.worst: float | None = None
        self.untold: list[Params] = []

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        # By default it would still draw Sobol points at n = 10 where d > 9.
        self.optimiser.rand_sample = min(self.optimiser.rand_sample, len(y))
        self._tell([coded(self.parameters, filled(self.parameters, row)) for row in params], y)

    def ask(self) -> Params:
        found = self.optimiser.suggest(1)
        self.asked = {p["name"]: found[p["name"]].iloc[0] for p in self.parameters}
        return uncoded(self.parameters, self.asked)

    def tell(self, y: float | None) -> None:
        self._tell([self.asked], [y])

    def _tell(self, rows: list[Params], y: Sequence[float | None]) -> None:
        known = [value for value in (*y, self.worst) if value is not None]
        if not known:
            self.untold += rows
            return
        worst = self.worst = max(known)
        values = [worst] * len(self.untold) + [worst if value is None else value for value in y]
        self.optimiser.observe(self.frame(self.untold + rows), np.array(values)[:, None])
        self.untold = []
