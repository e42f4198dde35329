"""tfbo for Optuna (the extra `optuna`): a sampler for its studies."""

from __future__ import annotations

from tfbo.integrations.optuna.sampler import TFBOSampler

__all__ = ["TFBOSampler"]
