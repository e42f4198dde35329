"""A study: one search, its trials, and the loop that runs them."""

from __future__ import annotations

from tfbo.study.study import Callback, Objective, Study

__all__ = ["Callback", "Objective", "Study"]
