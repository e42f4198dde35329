"""BoTorch: log noisy expected hypervolume improvement, or constrained log expected improvement."""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from adapters.base import decoded, encoded
from suites.base import Params
from suites.design import Design, Outcome

from goals.runs import Policy


class Botorch(Policy):
    """A model for each outcome and `optimize_acqf`, as BoTorch's tutorials put them together.

    The first 2 (d + 1) points are Sobol's. Unlike the others it knows the reference point by which it is
    judged: its acquisition has to be given one.
    """

    imports = ("botorch", "gpytorch", "torch")

    def __init__(self, design: Design, seed: int) -> None:
        import botorch
        import gpytorch
        import torch

        super().__init__(design, seed)
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        self.botorch, self.gpytorch, self.torch = botorch, gpytorch, torch
        d = len(design.parameters)
        self.bounds = torch.tensor([[0.0] * d, [1.0] * d], dtype=torch.float64)
        self.opening = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed)
        self.x: list[list[float]] = []
        self.y: list[list[float]] = []

    def ask(self) -> Params:
        parameters = self.design.parameters
        if len(self.y) < 2 * (len(parameters) + 1):
            row = self.opening.draw(1, dtype=self.torch.float64)[0].tolist()
        else:
            row = self._suggest()
        params = {p["name"]: decoded(p, u) for p, u in zip(parameters, row, strict=True)}
        self.x.append([encoded(p, params[p["name"]]) for p in parameters])
        return params

    def tell(self, outcome: Outcome) -> None:
        self.y.append([*(-value for value in outcome.objectives), *outcome.excess])

    def _suggest(self) -> Sequence[float]:
        x, y = (self.torch.tensor(each, dtype=self.torch.float64) for each in (self.x, self.y))
        models = [self.botorch.models.SingleTaskGP(x, column[:, None]) for column in y.T]
        model = self.botorch.models.ModelListGP(*models)
        likelihood = self.gpytorch.mlls.SumMarginalLogLikelihood(model.likelihood, model)
        self.botorch.fit.fit_gpytorch_mll(likelihood)
        found, _ = self.botorch.optim.optimize_acqf(
            self._acquisition(model, x),
            self.bounds,
            q=1,
            num_restarts=10,
            raw_samples=512,
            options={"batch_limit": 5, "maxiter": 200},
        )
        return found[0].tolist()

    def _acquisition(self, model: Any, x: Any) -> Any:
        m = self.design.objectives
        several = self.botorch.acquisition.multi_objective.objective
        if m > 1:
            objective = several.IdentityMCMultiOutputObjective(outcomes=list(range(m)))
        else:
            objective = self.botorch.acquisition.LinearMCObjective(
                self.torch.eye(1 + self.design.constraints, dtype=self.torch.float64)[0]
            )
        return self.botorch.acquisition.get_acquisition_function(
            "qLogNEHVI" if m > 1 else "qLogEI",
            model,
            objective,
            x,
            constraints=[_excess(m + i) for i in range(self.design.constraints)] or None,
            mc_samples=128,
            seed=self.seed,
            ref_point=[-value for value in self.design.reference] or None,
        )


def _excess(column: int) -> Callable[[Any], Any]:
    return lambda z: z[..., column]
