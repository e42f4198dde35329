"""Every policy by the name that it has in the tables; a library a file."""

from __future__ import annotations

import importlib.metadata
import importlib.util

from goals import botorch, optuna, ours, sampling
from goals.runs import Policy

POLICIES: dict[str, type[Policy]] = {
    "tfbo": ours.Tfbo,
    "tfbo_reference": ours.TfboReference,
    "optuna_gp": optuna.GP,
    "optuna_tpe": optuna.TPE,
    "botorch": botorch.Botorch,
    "random": sampling.Random,
}
VARIANTS = ("tfbo_reference",)
"""Those that are no policy of their own where ranks are given."""


def missing(name: str) -> list[str]:
    """Packages that a policy needs and this interpreter has not."""
    return [each for each in POLICIES[name].imports if importlib.util.find_spec(each) is None]


def version(name: str) -> str:
    """The library of a policy and its version; nothing for one without."""
    for package in POLICIES[name].imports[:1]:
        return f"{package} {importlib.metadata.version(package)}"
    return ""
