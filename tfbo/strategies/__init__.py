"""Strategies: what to try next. One a file, each a frozen dataclass with `suggest`."""

from __future__ import annotations

from tfbo._aliases import explained
from tfbo.strategies.base import Problem, Strategy, Suggestion
from tfbo.strategies.bayes import Bayes, Chooser, Failed
from tfbo.strategies.early_stopping import EarlyStopping, Median
from tfbo.strategies.grid import Grid
from tfbo.strategies.hyperband import Hyperband
from tfbo.strategies.random import Random
from tfbo.strategies.sobol import Sobol
from tfbo.strategies.successive_halving import SuccessiveHalving
from tfbo.strategies.surrogate import LeaveOneOut, OutcomeModels, Prediction, Surrogate

__all__ = [
    "Bayes",
    "Chooser",
    "EarlyStopping",
    "Failed",
    "Grid",
    "Hyperband",
    "LeaveOneOut",
    "Median",
    "OutcomeModels",
    "Prediction",
    "Problem",
    "Random",
    "Sobol",
    "Strategy",
    "SuccessiveHalving",
    "Suggestion",
    "Surrogate",
]

for _strategy in (Bayes, Failed, Grid, Hyperband, Median, Random, Sobol, SuccessiveHalving):
    explained(_strategy)
