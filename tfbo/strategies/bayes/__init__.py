"""Bayesian optimisation: a Gaussian process says where a trial is worth most."""

from __future__ import annotations

from tfbo.strategies.bayes.strategy import Bayes
from tfbo.strategies.bayes.surrogate import LeaveOneOut, Prediction, Surrogate

__all__ = ["Bayes", "LeaveOneOut", "Prediction", "Surrogate"]
