"""Configurations at random."""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

import numpy as np
from suites.base import Params, draw
from suites.design import Design, Outcome

from goals.runs import Policy


class Random(Policy):
    """Each parameter uniform on its scale."""

    def __init__(self, design: Design, seed: int) -> None:
        super().__init__(design, seed)
        self.rng = np.random.default_rng(seed)

    def ask(self) -> Params:
        return draw(self.design.parameters, self.rng)

    def tell(self, outcome: Outcome) -> None:
        pass
