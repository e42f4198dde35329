"""Bayesian optimisation: a Gaussian process says where a trial is worth most."""

from __future__ import annotations

from tfbo.strategies.bayes.data import Failed
from tfbo.strategies.bayes.strategy import Bayes

__all__ = ["Bayes", "Failed"]
