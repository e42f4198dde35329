"""Gaussian processes: the surrogate of the optimiser, and a regressor by itself.

Shapes end in `[..., n, d]`. Letters: n data, d columns, D features, p log hyperparameters, r starts,
s samples, m new inputs. Everything is float64.
"""

from __future__ import annotations

from tfbo.gp.hyperprior import LogNormal, Priors, Ranges, default_priors
from tfbo.gp.kernels import KERNELS, Hyperparameters, Kernel
from tfbo.gp.posterior import Moments, Posterior
from tfbo.gp.regression import fit

__all__ = [
    "KERNELS",
    "Hyperparameters",
    "Kernel",
    "LogNormal",
    "Moments",
    "Posterior",
    "Priors",
    "Ranges",
    "default_priors",
    "fit",
]
