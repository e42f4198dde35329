"""Every optimiser of the benchmarks behind one ask-and-tell interface, a library a file.

The package runs in the optimiser's own interpreter, where tfbo and the other libraries may be missing:
each adapter imports its library in its constructor, the modules themselves need NumPy only. All minimise
with the library's defaults, over parameters in the form of `suites.base`.
"""

from __future__ import annotations

from adapters.base import Adapter
from adapters.botorch import Botorch
from adapters.hebo import Hebo
from adapters.kerastuner import KerasTuner
from adapters.optuna import OptunaGP, OptunaTPE
from adapters.sampling import Random, Sobol
from adapters.skopt import Skopt
from adapters.smac import Smac
from adapters.tfbo import Tfbo, TfboAdam
from adapters.turbo import Turbo
from adapters.vizier import Vizier

ADAPTERS: dict[str, type[Adapter]] = {
    "tfbo": Tfbo,
    "botorch": Botorch,
    "optuna_gp": OptunaGP,
    "kerastuner": KerasTuner,
    "skopt": Skopt,
    "hebo": Hebo,
    "optuna_tpe": OptunaTPE,
    "smac": Smac,
    "turbo": Turbo,
    "vizier": Vizier,
    "random": Random,
    "sobol": Sobol,
    "tfbo_adam": TfboAdam,
}
