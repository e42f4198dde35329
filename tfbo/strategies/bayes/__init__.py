"""Bayesian optimisation: a Gaussian process says where a trial is worth most."""

from __future__ import annotations

from tfbo.strategies.bayes.chooser import Answer, Chooser, Scene
from tfbo.strategies.bayes.data import Failed
from tfbo.strategies.bayes.strategy import Bayes

__all__ = ["Answer", "Bayes", "Chooser", "Failed", "Scene"]
