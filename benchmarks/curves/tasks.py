"""Learning curves to be optimised: tables of real trainings, and YAHPO's surrogate by epoch.

A table is a folder with `_configurations.npz` (`x` [n, d]) and a file per task (`loss` [n, steps]). With
`names` among the configurations all parameters are on a log scale and the first column of a curve is the
untrained network, as in Taskset; without them they are LCBench's and the first column is epoch 1.

We minimise; a step is what is paid for. Losses are cut off at 1.2 times that of the untrained network,
which is also what a diverged training has.

A run sees a task through a `Pool`, which hands out configurations by number, each once.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from adapters.base import encoded
from suites import yahpo
from suites.base import Parameter, Params, draw, real, whole

LCBENCH = (
    whole("batch_size", 16, 512, log=True),
    real("learning_rate", 1e-4, 0.1, log=True),
    real("momentum", 0.1, 0.99),
    real("weight_decay", 1e-5, 0.1),
    whole("layers", 1, 5),
    whole("units", 64, 1024, log=True),
    real("dropout", 0.0, 1.0),
)
CUT_OFF = 1.2
# Configurations by which a surrogate's scale is found.
_SCALED_BY = 4096


class Task(abc.ABC):
    """A search space and a curve of losses for each configuration."""

    name: str
    """Fit for a file."""
    parameters: tuple[Parameter, ...]
    """Of the space, in the form of `suites.base`."""
    steps: int
    """Of a full training."""
    best: float
    """The least loss known."""
    untrained: float
    """The loss that counts as a regret of 1."""

    @abc.abstractmethod
    def pool(self, seed: int) -> Pool:
        """The configurations of a run; the order of random ones is a matter of the seed."""


class Pool(abc.ABC):
    """Configurations of a run, each handed out once and known by a number."""

    @abc.abstractmethod
    def draw(self) -> int:
        """One at random."""

    @abc.abstractmethod
    def take(self, params: Params) -> int:
        """The one nearest to a suggestion, in the unit cube, that has not been handed out."""

    @abc.abstractmethod
    def params(self, key: int) -> Params:
        """Its parameters."""

    @abc.abstractmethod
    def loss(self, key: int, step: int) -> float:
        """Its loss after a step, which is what policies are told; steps come in order."""

    def judged(self, key: int, step: int) -> float:
        """What its best loss, at this step, is worth; by default that loss."""
        return self.loss(key, step)


def rng_of(task: str, seed: int) -> np.random.Generator:
    """Random numbers of a run, the same for all policies."""
    return np.random.default_rng([seed, zlib.crc32(task.encode())])


@dataclasses.dataclass(frozen=True)
class Table(Task):
    """A finite space, every curve of which is known.

    Args:
        name: of the file.
        parameters: of the space.
        x: configurations, `[n, d]`.
        loss: `[n, steps]`, cut off.
        best: least of them.
        untrained: median loss without training, or after the first epoch.
    """

    name: str
    parameters: tuple[Parameter, ...]
    x: np.ndarray
    loss: np.ndarray
    best: float
    untrained: float

    @property
    def steps(self) -> int:  # type: ignore[override]
        """Of a full training."""
        return self.loss.shape[1]

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """Configurations in the unit cube, `[n, d]`."""
        return np.array([code(self.parameters, self.params(i)) for i in range(len(self.x))])

    def params(self, row: int) -> Params:
        """A configuration as a dict."""
        pairs = zip(self.parameters, self.x[row].tolist(), strict=True)
        return {p["name"]: round(v) if p["kind"] == "int" else v for p, v in pairs}

    def pool(self, seed: int) -> Pool:
        """See `Task`."""
        return _Rows(self, rng_of(self.name, seed).permutation(len(self.x)))


class _Rows(Pool):
    """Rows of a table; see `Pool`."""

    def __init__(self, table: Table, order: np.ndarray) -> None:
        self.table, self.order = table, order
        self.untried = np.ones(len(order), bool)

    def draw(self) -> int:
        return self._taken(int(next(row for row in self.order if self.untried[row])))

    def take(self, params: Params) -> int:
        distance = np.sum((self.table.rows - code(self.table.parameters, params)) ** 2, axis=1)
        return self._taken(int(np.argmin(np.where(self.untried, distance, np.inf))))

    def _taken(self, row: int) -> int:
        self.untried[row] = False
        return row

    def params(self, key: int) -> Params:
        return self.table.params(key)

    def loss(self, key: int, step: int) -> float:
        return float(self.table.loss[key, step - 1])


def code(parameters: Sequence[Parameter], params: Params) -> np.ndarray:
    """A configuration in the unit cube, `[d]`."""
    return np.array([encoded(p, params[p["name"]]) for p in parameters])


def tables(folder: Path) -> list[Task]:
    """All tasks of a folder of tables."""
    known = np.load(folder / "_configurations.npz")
    x, first = known["x"], 0
    parameters = LCBENCH
    if "names" in known:
        first = 1
        ends = zip(known["names"].tolist(), x.min(axis=0), x.max(axis=0), strict=True)
        parameters = tuple(
            real(name, float(low), float(high), log=True) for name, low, high in ends
        )
    files = sorted(path for path in folder.glob("*.npz") if not path.name.startswith("_"))
    return [_table(path, parameters, x, first) for path in files]


def _table(path: Path, parameters: tuple[Parameter, ...], x: np.ndarray, first: int) -> Table:
    loss = np.load(path)["loss"].astype(np.float64)
    untrained = float(np.nanmedian(loss[:, 0]))
    limit = CUT_OFF * untrained
    loss = np.where(np.isfinite(loss), np.minimum(loss, limit), limit)[:, first:]
    return Table(path.stem, parameters, x, loss, float(loss.min()), untrained)


class Surrogate(Task):
    """YAHPO's LCBench by epoch: a continuous space, the validation error in per cent.

    Nobody knows the least error: that of some thousand configurations drawn at random stands in, and of
    all that runs have seen since (`report.py`).

    Args:
        task: OpenML's number of the data set.
        folder: of YAHPO's data.
    """

    def __init__(self, task: int, folder: Path) -> None:
        scenario = yahpo.SCENARIOS[0]
        here = folder / scenario.folder
        self.name = yahpo.name(scenario, task)
        self.parameters = yahpo.parameters(scenario, here)
        self.steps = 52
        self.session = yahpo.session(here / "model.onnx")
        codes = json.loads((here / "encoding.json").read_text())
        self.task = codes[scenario.categorical[0]][str(task)]
        self.columns, self.output = scenario.continuous[1:], scenario.output
        rng = rng_of(self.name, 0)
        curves = self.curves([draw(self.parameters, rng) for _ in range(_SCALED_BY)])
        self.best, self.untrained = float(curves.min()), float(np.median(curves[:, 0]))

    def curves(self, params: Sequence[Params]) -> np.ndarray:
        """Errors of configurations after each epoch, `[n, 52]`."""
        n, epochs = len(params), np.arange(1.0, self.steps + 1.0)
        x = np.array([[each[name] for name in self.columns] for each in params], np.float64)
        given = np.concatenate(
            [np.tile(epochs, n)[:, None], np.repeat(x, self.steps, axis=0)], axis=1
        )
        inputs = {
            "x_cat": np.full([len(given), 1], self.task, np.int32),
            "x_cont": given.astype(np.float32),
        }
        (output,) = self.session.run(None, inputs)
        return 100.0 - output[:, self.output].reshape(n, self.steps).astype(np.float64)

    def pool(self, seed: int) -> Pool:
        """See `Task`."""
        return _Points(self, rng_of(self.name, seed))


class _Points(Pool):
    """Points of a continuous space; see `Pool`."""

    def __init__(self, task: Any, rng: np.random.Generator) -> None:
        self.task, self.rng = task, rng
        self.known: list[tuple[Params, np.ndarray]] = []

    def draw(self) -> int:
        return self.take(draw(self.task.parameters, self.rng))

    def take(self, params: Params) -> int:
        self.known.append((params, self.task.curves([params])[0]))
        return len(self.known) - 1

    def params(self, key: int) -> Params:
        return self.known[key][0]

    def loss(self, key: int, step: int) -> float:
        return float(self.known[key][1][step - 1])


def surrogates(folder: Path) -> list[Task]:
    """YAHPO's LCBench on the data sets for development."""
    return [Surrogate(task, folder) for task in yahpo.SCENARIOS[0].tasks]
