"""Points that do not depend on the trials: at random, and Sobol's."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from suites.base import Parameter, Params, draw

from adapters.base import Adapter, decoded


class Random(Adapter):
    """Each parameter uniform on its scale."""

    packages = ("numpy",)

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        super().__init__(parameters, seed)
        self.rng = np.random.default_rng(seed)

    def ask(self) -> Params:
        return draw(self.parameters, self.rng)


class Sobol(Adapter):
    """Scrambled Sobol points with a column for each parameter, whether it is active or not."""

    packages = ("scipy",)

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        from scipy.stats import qmc

        super().__init__(parameters, seed)
        self.points = qmc.Sobol(len(self.parameters), rng=seed)

    def ask(self) -> Params:
        u = self.points.random(1)[0].tolist()
        return {p["name"]: decoded(p, v) for p, v in zip(self.parameters, u, strict=True)}
