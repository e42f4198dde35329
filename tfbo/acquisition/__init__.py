"""Acquisition functions: how much a trial at a point, or trials at several, are worth.

We maximise: a larger standardised outcome is better, and so is a larger acquisition.
"""

from __future__ import annotations

from tfbo.acquisition.analytic import EI, UCB, LogEI, LogPI, PosteriorMean, PosteriorStd
from tfbo.acquisition.base import Acquisition
from tfbo.acquisition.hypervolume import LogNEHVI

__all__ = [
    "EI",
    "UCB",
    "Acquisition",
    "LogEI",
    "LogNEHVI",
    "LogPI",
    "PosteriorMean",
    "PosteriorStd",
]
