"""Every policy by the name that it has in the tables; a library a file."""

from __future__ import annotations

import importlib.metadata
import importlib.util

from curves import kerastuner, optuna, ours, reference, synetune
from curves.runs import Policy

POLICIES: dict[str, type[Policy]] = {
    "tfbo": ours.Tfbo,
    "tfbo_nearest": ours.TfboNearest,
    "tfbo_halving": ours.TfboHalving,
    "tfbo_hyperband": ours.TfboHyperband,
    "tfbo_full": ours.TfboFull,
    "asha": reference.Asha,
    "halving": reference.Halving,
    "halving_27": reference.HalvingFew,
    "hyperband": reference.Hyperband,
    "random": reference.Random,
    "optuna_tpe_median": optuna.TPEMedian,
    "optuna_tpe_hyperband": optuna.TPEHyperband,
    "optuna_gp_median": optuna.GPMedian,
    "optuna_gp_hyperband": optuna.GPHyperband,
    "synetune_asha": synetune.SyneTune,
    "synetune_bohb": synetune.Bohb,
    "synetune_ashabore": synetune.AshaBore,
    "synetune_ashacqr": synetune.AshaCqr,
    "kerastuner_hyperband": kerastuner.KerasTuner,
}
OURS = ("tfbo", "tfbo_nearest", "tfbo_halving", "tfbo_hyperband", "tfbo_full")
REFERENCE = ("asha", "halving", "halving_27", "hyperband", "random")
ORDER = tuple(POLICIES)


def missing(name: str) -> list[str]:
    """Packages that a policy needs and this interpreter has not."""
    return [each for each in POLICIES[name].imports if importlib.util.find_spec(each) is None]


def version(name: str) -> str:
    """The library of a policy and its version; nothing for one without."""
    for package in POLICIES[name].imports[:1]:
        distribution = package.replace("_", "-")
        return f"{distribution} {importlib.metadata.version(distribution)}"
    return ""
