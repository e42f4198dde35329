"""tfbo for Ray (the extra `ray`): a search algorithm of Ray Tune, and Ray as an executor of a study."""

from __future__ import annotations

from tfbo.integrations.ray.search import RayExecutor, TFBOSearch

__all__ = ["RayExecutor", "TFBOSearch"]
