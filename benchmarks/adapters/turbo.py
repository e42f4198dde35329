"""TuRBO, built on BoTorch."""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from suites.base import Parameter, Params

from adapters.base import Adapter, decoded, encoded, filled

LENGTH, LEAST, MOST = 0.8, 0.5**7, 1.6
SUCCESSES = 3


class Region(NamedTuple):
    """How long the trust region is, in a cube of side one, and what its last trials were in a row."""

    length: float = LENGTH
    successes: int = 0
    failures: int = 0

    def after(self, success: bool, d: int) -> Region:
        """The region after one more trial in d dimensions, larger or smaller."""
        successes = self.successes + 1 if success else 0
        failures = 0 if success else self.failures + 1
        if successes == SUCCESSES:
            return Region(min(2.0 * self.length, MOST), 0, failures)
        if failures == max(4, d):
            return Region(self.length / 2.0, successes, 0)
        return Region(self.length, successes, failures)


def is_success(value: float | None, best: float) -> bool:
    """Whether a trial, None where it failed, is better than the best by more than a thousandth."""
    return value is not None and value < best - 1e-3 * abs(best)


class Turbo(Adapter):
    """TuRBO-1 with batches of one (Eriksson et al. 2019, arXiv 1910.01739), after BoTorch's tutorial.

    After 2 d Sobol points, Thompson samples in a trust region about the best point. Its side doubles
    after three successes in a row, as in the paper, halves after max(4, d) failures, and all starts anew
    below 2^-7. The noise may be as much as in the authors' code, and as little as in the tutorial.

    The space is flat and a cube; whole numbers and choices are bins of its columns, and what the model
    is told is the middle of the bin. A failed trial is a failure of the region, and left out of the data.
    """

    packages = ("botorch", "gpytorch", "torch")

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        import botorch
        import gpytorch
        import torch

        super().__init__(parameters, seed)
        torch.manual_seed(seed)
        self.torch, self.gpytorch, self.botorch = torch, gpytorch, botorch
        self.d = len(self.parameters)
        self.opening = torch.quasirandom.SobolEngine(self.d, scramble=True, seed=seed)
        self.asked: list[float] = []
        self._restart()

    def tell_all(self, params: Sequence[Params], y: Sequence[float | None]) -> None:
        for row, value in zip(params, y, strict=True):
            if value is not None:
                self.x.append(self._row(filled(self.parameters, row)))
                self.y.append(value)
        self.n_initial = min(self.n_initial, max(len(self.y), 1))

    def ask(self) -> Params:
        if len(self.y) < self.n_initial:
            u = self.opening.draw(1, dtype=self.torch.float64)[0].tolist()
        else:
            u = self._suggest()
        params = {p["name"]: decoded(p, v) for p, v in zip(self.parameters, u, strict=True)}
        self.asked = self._row(params)
        return params

    def tell(self, y: float | None) -> None:
        searching = len(self.y) >= self.n_initial
        if searching:
            self.region = self.region.after(is_success(y, min(self.y)), self.d)
        if y is not None:
            self.x.append(self.asked)
            self.y.append(y)
        if self.region.length < LEAST:
            self._restart()

    def _restart(self) -> None:
        self.n_initial = 2 * self.d
        self.region = Region()
        self.x: list[list[float]] = []
        self.y: list[float] = []

    def _suggest(self) -> list[float]:
        """The maximiser of a draw from the posterior, among candidates in the trust region."""
        torch = self.torch
        x = torch.tensor(self.x, dtype=torch.float64)
        y = -torch.tensor(self.y, dtype=torch.float64)[:, None]
        z = (y - y.mean()) / y.std().clamp(min=1e-9) if len(y) > 1 else 0.0 * y
        with self.gpytorch.settings.max_cholesky_size(float("inf")):
            model = self._fitted(x, z)
            candidates = self._candidates(x[z.argmax()], model)
            sampling = self.botorch.generation.MaxPosteriorSampling(model, replacement=False)
            with torch.no_grad():
                found = sampling(candidates, num_samples=1)
        return found[0].tolist()

    def _fitted(self, x: Any, z: Any) -> Any:
        gpytorch = self.gpytorch
        noise = gpytorch.constraints.Interval(1e-8, 0.2)
        likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=noise)
        lengthscales = gpytorch.constraints.Interval(0.005, 4.0)
        kernel = gpytorch.kernels.ScaleKernel(
            gpytorch.kernels.MaternKernel(
                nu=2.5, ard_num_dims=self.d, lengthscale_constraint=lengthscales
            )
        )
        parts = {"covar_module": kernel, "likelihood": likelihood, "outcome_transform": None}
        model = self.botorch.models.SingleTaskGP(x, z, **parts)
        self._fit(gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model))
        return model

    def _fit(self, likelihood: Any) -> None:
        """Fit by L-BFGS as in the tutorial; where it gives up, by 50 steps of Adam as in the paper."""
        fit = self.botorch.fit
        try:
            fit.fit_gpytorch_mll(likelihood)
        except self.botorch.exceptions.ModelFittingError:
            adam = functools.partial(self.torch.optim.Adam, lr=0.1)
            settings = {"optimizer": adam, "step_limit": 50}
            optimizer = self.botorch.optim.fit.fit_gpytorch_mll_torch
            fit.fit_gpytorch_mll(likelihood, optimizer=optimizer, optimizer_kwargs=settings)

    def _candidates(self, centre: Any, model: Any) -> Any:
        """Points `[n, d]` that differ from the centre in some columns, about twenty at most."""
        torch, n = self.torch, min(5000, max(2000, 200 * self.d))
        weights = model.covar_module.base_kernel.lengthscale.squeeze(0).detach()
        weights = weights / weights.log().mean().exp()
        half = weights * self.region.length / 2.0
        low, high = (centre - half).clamp(0.0, 1.0), (centre + half).clamp(0.0, 1.0)
        seed = int(torch.randint(2**31, (1,)))
        sobol = torch.quasirandom.SobolEngine(self.d, scramble=True, seed=seed)
        moved = low + (high - low) * sobol.draw(n, dtype=torch.float64)
        mask = torch.rand(n, self.d, dtype=torch.float64) <= min(20.0 / self.d, 1.0)
        none = (~mask.any(dim=1)).nonzero().squeeze(1)
        mask[none, torch.randint(self.d, (len(none),))] = True
        return torch.where(mask, moved, centre)

    def _row(self, params: Params) -> list[float]:
        return [encoded(p, params[p["name"]]) for p in self.parameters]
