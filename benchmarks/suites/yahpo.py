"""Real tuning landscapes: YAHPO Gym's surrogates (Pfisterer et al. 2022, arXiv 2109.03670).

Networks that reproduce the accuracies of very many training runs: `lcbench` of an MLP, `rpart` of a
decision tree, each on a number of OpenML data sets. We minimise, so a value is minus the accuracy, in
per cent (lcbench) or as a share (rpart). The fidelities are fixed at the full ones. Nobody knows the
optima, and all seeds share the landscape.

Only the data sets set aside for development are listed: the others are kept for checking that what was
learned carries over. `onnxruntime` is needed only when a problem is evaluated.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from suites.base import Cell, Parameter, Params, Problem


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What was tuned, and how the network takes it.

    Args:
        name: of the cells.
        folder: of the data.
        categorical: columns of `x_cat`; the first holds the data set.
        continuous: columns of `x_cont`.
        fidelity: columns that are fixed, and at which value.
        output: the column of the accuracy.
        tasks: the data sets.
    """

    name: str
    folder: str
    categorical: tuple[str, ...]
    continuous: tuple[str, ...]
    fidelity: dict[str, float]
    output: int
    tasks: tuple[int, ...]


SCENARIOS = (
    Scenario(
        name="lcbench",
        folder="lcbench",
        categorical=("OpenML_task_id",),
        continuous=(
            "epoch",
            "batch_size",
            "learning_rate",
            "momentum",
            "weight_decay",
            "num_layers",
            "max_units",
            "max_dropout",
        ),
        fidelity={"epoch": 52.0},
        output=1,
        tasks=(3945, 34539, 126026, 146212, 167149, 167161, 167181, 167185, 167200, 168329),
    ),
    Scenario(
        name="rpart",
        folder="rbv2_rpart",
        categorical=("task_id", "num.impute.selected.cpo"),
        continuous=("cp", "maxdepth", "minbucket", "minsplit", "trainsize", "repl"),
        fidelity={"trainsize": 1.0, "repl": 10.0},
        output=0,
        tasks=(11, 31, 54, 181, 375, 1040, 1464, 1489, 40496, 40981),
    ),
)


def landscape(scenario: Scenario, task: int, folder: Path) -> Problem:
    """Minus the accuracy on a data set."""
    here = folder / scenario.folder
    codes = json.loads((here / "encoding.json").read_text())

    def value(params: Params) -> float:
        chosen = {**params, scenario.categorical[0]: str(task)}
        given = {**params, **scenario.fidelity}
        x_cat = [[codes[column][chosen[column]] for column in scenario.categorical]]
        x_cont = [[given[column] for column in scenario.continuous]]
        inputs = {"x_cat": np.array(x_cat, np.int32), "x_cont": np.array(x_cont, np.float32)}
        (output,) = session(here / "model.onnx").run(None, inputs)
        return -float(output[0, scenario.output])

    return Problem(parameters(scenario, here), value)


def parameters(scenario: Scenario, here: Path) -> tuple[Parameter, ...]:
    """The search space as it comes, without the data set and the fidelities."""
    space = json.loads((here / "config_space.json").read_text())["hyperparameters"]
    fixed = {scenario.categorical[0], *scenario.fidelity}
    return tuple(_parameter(entry) for entry in space if entry["name"] not in fixed)


def _parameter(entry: dict[str, Any]) -> Parameter:
    if entry["type"] == "categorical":
        return {"name": entry["name"], "kind": "categorical", "choices": entry["choices"]}
    kind = {"uniform_int": "int", "uniform_float": "float"}[entry["type"]]
    bounds = {"low": entry["lower"], "high": entry["upper"], "log": entry["log"]}
    return {"name": entry["name"], "kind": kind, **bounds}


@functools.cache
def session(model: Path) -> Any:
    """The network, loaded once; one thread, since a row is too little work for two."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def name(scenario: Scenario, task: int) -> str:
    """What the cell is called: `lcbench-3945`."""
    return f"{scenario.name}-{task}"


def cells(folder: Path) -> list[Cell]:
    """Every data set of both; `folder` holds one of data for each."""

    def cell(scenario: Scenario, task: int) -> Cell:
        return Cell("yahpo", name(scenario, task), lambda seed: landscape(scenario, task, folder))

    return [cell(scenario, task) for scenario in SCENARIOS for task in scenario.tasks]
