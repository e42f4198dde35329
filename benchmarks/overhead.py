"""The cost of a trial outside of `fit`: tfbo.keras beside KerasTuner, and sessions that are cleared.

    python benchmarks/overhead.py [--trials 20] [--repeats 3] [--output FILE]

One small Keras model is tuned in a process of its own each time, in turn. Between two calls of `fit` lie
telling the last result, asking for the next configuration, clearing the session (mostly a collection of
Python's garbage, so it has a column of its own) and building the model. A thread that compiles the program
runs beside the first trials: what it costs within `fit` stands in the column of all CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results" / "overhead.md"
INITIAL = 5


class Way(NamedTuple):
    """One way to search."""

    title: str
    clears: str
    """By whom Keras's session is cleared between two trials."""
    cached: bool = True
    """Whether graphs that an earlier process traced are there."""


WAYS = {
    "kerastuner": Way("KerasTuner 1.4.8", "the tuner"),
    "first": Way("tfbo.keras, first process", "the tuner", cached=False),
    "tuner": Way("tfbo.keras", "the tuner"),
    "build": Way("tfbo.keras", "the tuner and build_model"),
    "objective": Way("Study.optimize", "the objective"),
    "nobody": Way("Study.optimize", "nobody"),
}


class Between:
    """CPU seconds and wall between the trainings of a search, and CPU seconds of clearing the session."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, float]] = []
        self._clearing = 0.0
        self._since = self._now()

    def watched(self, clear: Callable[..., None]) -> Callable[..., None]:
        """`clear_session`, of which the time is noted."""

        def clear_session(*args: Any, **kwargs: Any) -> None:
            begin = time.process_time()
            clear(*args, **kwargs)
            self._clearing += time.process_time() - begin

        return clear_session

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.process_time(), time.perf_counter()

    def fit(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train; what came before it was no training."""
        cpu, wall = (now - then for now, then in zip(self._now(), self._since, strict=True))
        self.rows.append((cpu, wall, self._clearing))
        try:
            return model.fit(*args, **kwargs)
        finally:
            self._clearing, self._since = 0.0, self._now()


def main() -> None:
    """Run every way in turn, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", default=RESULTS, type=Path)
    parser.add_argument("--worker", choices=WAYS, help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.worker:
        print("\n" + json.dumps(search(parsed.worker, parsed.trials)))
        return
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as cache:
        run("tuner", 7, cache), run("nobody", 7, cache)  # graphs that the later processes find
        for _ in range(parsed.repeats):
            for way in WAYS:
                runs[way].append(run(way, parsed.trials, cache))
                print(f"{way}: {statistics.median(cpu(runs[way][-1])):.3f}", file=sys.stderr)
    text = "\n".join(table(runs, parsed.trials))
    parsed.output.write_text(text + "\n", encoding="utf-8")
    print(text)


def run(way: str, trials: int, cache: str) -> dict[str, Any]:
    """One search in a process of its own."""
    with tempfile.TemporaryDirectory() as empty:
        environment = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TFBO_CACHE": cache if WAYS[way].cached else empty,
        }
        command = [sys.executable, __file__, "--worker", way, "--trials", str(trials)]
        done = subprocess.run(
            command, env=environment, cwd=empty, stdout=subprocess.PIPE, text=True, check=True
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def search(way: str, trials: int) -> dict[str, Any]:
    """The search of one worker: rows of CPU seconds and wall outside of `fit`, one a trial."""
    import keras
    import numpy as np
    import tensorflow_probability  # noqa: F401  imports are no part of a trial

    import tfbo
    import tfbo.strategies

    rng = np.random.default_rng(0)
    x = rng.random((256, 16))
    y = (x[:, 0] > x[:, 1]).astype(int)

    def build(rate: float, units: int, activation: str, dropout: float) -> Any:
        hidden = [keras.layers.Dense(units, activation), keras.layers.Dropout(dropout)]
        model = keras.Sequential(
            [keras.Input((16,)), *hidden, keras.layers.Dense(2, activation="softmax")]
        )
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        return model

    between = Between()
    for module in (keras.utils, keras.backend):  # KerasTuner calls the second
        module.clear_session = between.watched(module.clear_session)
    training = {"x": x, "y": y, "validation_split": 0.25, "epochs": 1, "verbose": 0}
    keras.utils.set_random_seed(0)
    begin = time.process_time()
    if way in ("objective", "nobody"):
        space = tfbo.Space(
            {
                "rate": tfbo.Float(1e-4, 1e-1, log=True),
                "units": tfbo.Int(8, 64),
                "activation": tfbo.Categorical(["relu", "tanh", "gelu"]),
                "dropout": tfbo.Float(0.0, 0.5),
            }
        )

        def objective(params: dict[str, Any]) -> float:
            if way == "objective":
                keras.utils.clear_session()
            history = between.fit(build(**params), **training)
            return float(history.history["val_loss"][-1])

        tfbo.minimize(objective, space, n_trials=trials, seed=0)
    else:
        _tune(way, trials, build, between, training)
    return {"rows": between.rows, "all": time.process_time() - begin}


def _tune(
    way: str, trials: int, build: Callable[..., Any], between: Between, training: dict[str, Any]
) -> None:
    import keras

    if way == "kerastuner":
        import keras_tuner as kt
    else:
        import tfbo.keras as kt

    class Model(kt.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> Any:
            if way == "build":
                keras.utils.clear_session()
            return build(
                hp.Float("rate", 1e-4, 1e-1, sampling="log"),
                hp.Int("units", 8, 64),
                hp.Choice("activation", ["relu", "tanh", "gelu"]),
                hp.Float("dropout", 0.0, 0.5),
            )

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            return between.fit(model, *args, **kwargs)

    tuner = kt.BayesianOptimization(
        Model(),
        "val_loss",
        max_trials=trials,
        num_initial_points=INITIAL,
        seed=0,
        directory="search",
        project_name=way,
    )
    tuner.search(**training)


def cpu(found: dict[str, Any]) -> list[float]:
    """CPU seconds of each trial."""
    return [row[0] for row in found["rows"]]


def table(runs: dict[str, list[dict[str, Any]]], trials: int) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "# What a trial costs outside of `fit`"
    yield ""
    repeats = len(runs["tuner"])
    yield (
        f"`python benchmarks/overhead.py --trials {trials} --repeats {repeats}`: seconds a trial, medians "
        f"over {repeats} searches each, in turn, on {os.cpu_count()} cores ({platform.machine()}). "
        f"{INITIAL} initial points everywhere. The last column is the CPU time of the whole search, "
        "`fit` included, a trial."
    )
    yield ""
    heads = ("search", "who clears the session", "CPU, median", "without clearing", "CPU, mean")
    heads = (*heads, "slowest", "wall, median", "all CPU")
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for way, found in runs.items():
        each = [
            (
                statistics.median(cpu(one)),
                statistics.median(row[0] - row[2] for row in one["rows"]),
                statistics.fmean(cpu(one)),
                max(cpu(one)),
                statistics.median(row[1] for row in one["rows"]),
                one["all"] / trials,
            )
            for one in found
        ]
        cells = " | ".join(f"{statistics.median(column):.3f}" for column in zip(*each, strict=True))
        yield f"| {WAYS[way].title} | {WAYS[way].clears} | {cells} |"


if __name__ == "__main__":
    main()
