"""tfbo: Bayesian optimisation in TensorFlow.

`import tfbo` is light: TensorFlow is imported by the first thing that computes with it.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from tfbo import _aliases
from tfbo.errors import (
    ComputeError,
    ExecutorError,
    InvalidArgument,
    NoCompletedTrial,
    ObjectiveError,
    RemoteError,
    SpaceExhausted,
    StorageError,
    StudyMismatch,
    StudyNotFound,
    TFBOError,
    TFBOWarning,
    TooFewTrials,
    TrialStateError,
    WorkerDied,
)
from tfbo.executors import limit_gpu_memory
from tfbo.space import Boolean, Categorical, Constant, Float, Int, Ordinal, Space
from tfbo.storage import SQLiteStorage
from tfbo.study import Study
from tfbo.study.minimize import maximize, minimize
from tfbo.trial import Fidelity, Trial

if TYPE_CHECKING:
    from tfbo import acquisition, executors, gp, integrations, keras, plots, strategies

__version__ = "0.1.0"

__all__ = [
    "Boolean",
    "Categorical",
    "ComputeError",
    "Constant",
    "ExecutorError",
    "Fidelity",
    "Float",
    "Int",
    "InvalidArgument",
    "NoCompletedTrial",
    "ObjectiveError",
    "Ordinal",
    "RemoteError",
    "SQLiteStorage",
    "Space",
    "SpaceExhausted",
    "StorageError",
    "Study",
    "StudyMismatch",
    "StudyNotFound",
    "TFBOError",
    "TFBOWarning",
    "TooFewTrials",
    "Trial",
    "TrialStateError",
    "WorkerDied",
    "acquisition",
    "executors",
    "gp",
    "integrations",
    "keras",
    "limit_gpu_memory",
    "maximize",
    "minimize",
    "plots",
    "strategies",
]

_LAZY = ("acquisition", "executors", "gp", "integrations", "keras", "plots", "strategies")

logging.getLogger("tfbo").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"tfbo.{name}")
    raise AttributeError(f"module 'tfbo' has no attribute {name!r}.{_aliases.named('tfbo', name)}")


def __dir__() -> list[str]:
    return sorted(__all__)
