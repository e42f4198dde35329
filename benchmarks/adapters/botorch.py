"""BoTorch."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from suites.base import Parameter, Params

from adapters.base import Adapter, decoded, encoded, filled


class Botorch(Adapter):
    """SingleTaskGP, LogEI and optimize_acqf, as BoTorch's tutorials put them together.

    BoTorch has no opening of its own: the first points are Sobol points, five of them as in Ax. The
    space is flat; numbers are columns of the unit cube, and what the model is told is where the rounded
    value lies. With categorical parameters the model is MixedSingleTaskGP, and the acquisition's
    optimiser that which alternates between the kinds.

    Failed trials are left out of the model's data. So that they are not suggested again they are
    pending points of the acquisition, which is qLogEI then, as Ax has it with
    `include_failed_as_pending`.
    """

    packages = ("botorch", "gpytorch", "torch")
    n_initial = 5

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        import botorch
        import gpytorch
        import torch

        super().__init__(parameters, seed)
        torch.manual_seed(seed)
        self.torch, self.gpytorch, self.botorch = torch, gpytorch, botorch
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.kind = {"dtype": torch.float64, "device": device}
        kinds = [p["kind"] for p in self.parameters]
        sizes = [len(p.get("choices", "")) for p in self.parameters]
        self.categorical = {
            i: [float(code) for code in range(sizes[i])]
            for i, kind in enumerate(kinds)
            if kind == "categorical"
        }
        upper = [max(self.categorical.get(i, [1.0])) for i in range(len(kinds))]
        self.bounds = torch.tensor([[0.0] * len(upper), upper], **self.kind)
        self.opening = torch.quasirandom.SobolEngine(len(upper), scramble=True, seed=seed)
        self.asked: list[float] = []
        self.x: list[list[float]] = []
        self.y: list[float] = []
        self.failed: list[list[float]] = []

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        for row, value in zip(params, y, strict=True):
            self.asked = self._row(filled(self.parameters, row))
            self.tell(value)

    def ask(self) -> Params:
        if len(self.y) < self.n_initial:
            u = self.opening.draw(1, dtype=self.torch.float64)[0].tolist()
            params = {p["name"]: decoded(p, v) for p, v in zip(self.parameters, u, strict=True)}
        else:
            params = self._params(self._suggest())
        self.asked = self._row(params)
        return params

    def tell(self, y: float | None) -> None:
        if y is None:
            self.failed.append(self.asked)
        else:
            self.x.append(self.asked)
            self.y.append(y)

    def maximise(self, model: Any, incumbent: Any) -> tuple[Any, Any]:
        """The best point found `[d]`, and the acquisition there."""
        acquisition = self.botorch.acquisition
        if self.failed:
            pending = self.torch.tensor(self.failed, **self.kind)
            logei = acquisition.qLogExpectedImprovement(model, incumbent, X_pending=pending)
        else:
            logei = acquisition.LogExpectedImprovement(model, best_f=incumbent)
        sizes = {"q": 1, "num_restarts": 20, "raw_samples": 1024}
        if self.categorical:
            point, value = self.botorch.optim.optimize_mixed.optimize_acqf_mixed_alternating(
                logei, self.bounds, cat_dims=self.categorical, **sizes
            )
        else:
            point, value = self.botorch.optim.optimize_acqf(logei, self.bounds, **sizes)
        return point[0], value

    def _suggest(self) -> list[float]:
        x = self.torch.tensor(self.x, **self.kind)
        y = -self.torch.tensor(self.y, **self.kind)[:, None]
        models = self.botorch.models
        if self.categorical:
            model = models.MixedSingleTaskGP(x, y, cat_dims=list(self.categorical))
        else:
            model = models.SingleTaskGP(x, y)
        likelihood = self.gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
        self.botorch.fit.fit_gpytorch_mll(likelihood)
        best, _ = self.maximise(model, y.max())
        return best.tolist()

    def _row(self, params: Params) -> list[float]:
        """The columns of a full configuration: places on the scales, codes of choices."""

        def column(p: Parameter, value: Any) -> float:
            if p["kind"] == "categorical":
                return float(p["choices"].index(value))
            return encoded(p, value)

        return [column(p, params[p["name"]]) for p in self.parameters]

    def _params(self, row: Sequence[float]) -> Params:
        """The configuration at a point of the search."""

        def value(p: Parameter, column: float) -> Any:
            return p["choices"][round(column)] if p["kind"] == "categorical" else decoded(p, column)

        return {p["name"]: value(p, v) for p, v in zip(self.parameters, row, strict=True)}
