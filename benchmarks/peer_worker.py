"""Every optimiser behind one ask-and-tell interface, and the loop that serves one to `peers.Worker`.

    PYTHON benchmarks/peer_worker.py           # started by peers.Worker: JSON lines on stdin and stdout

It runs in the optimiser's own interpreter, where tfbo and the other libraries may be missing: each
adapter imports its library in its constructor, the module itself needs NumPy only. All minimise over
the unit cube [0, 1]^d with the library's defaults. After ten points told beforehand the next suggestion
comes from the model: the random points with which a library opens are no more than ten, or are made so.
"""

# ruff: noqa: D102 (`Adapter` says what the methods of its kind do)
from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import platform
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Points = Sequence[Sequence[float]]


class Adapter:
    """What a benchmark asks of an optimiser; by default it learns nothing from the trials."""

    packages: tuple[str, ...] = ()
    """Distributions whose versions a reader of the results wants to know."""

    def tell_all(self, x: Points, y: Sequence[float]) -> None:
        """Take in trials that were run before."""

    def ask(self) -> list[float]:
        """The next point."""
        raise NotImplementedError

    def tell(self, x: list[float], y: float) -> None:
        """The value of the point that was asked for last."""


def names(d: int) -> list[str]:
    """Names of the columns, such that their alphabetical order is that of the columns."""
    return [f"x{i:02d}" for i in range(d)]


class Tfbo(Adapter):
    """A study in memory under its default strategy; earlier trials are enqueued, asked and told."""

    packages = ("tfbo", "tensorflow", "tensorflow-probability")

    def __init__(self, d: int, seed: int) -> None:
        import tfbo

        self.names = names(d)
        space = tfbo.Space({name: tfbo.Float(0.0, 1.0) for name in self.names})
        self.study = tfbo.Study(space, seed=seed)
        self.trial: Any = None

    def tell_all(self, x: Points, y: Sequence[float]) -> None:
        for row, value in zip(x, y, strict=True):
            self.study.enqueue(dict(zip(self.names, row, strict=True)))
            self.study.tell(self.study.ask(), value)

    def ask(self) -> list[float]:
        self.trial = self.study.ask()
        return [self.trial.params[name] for name in self.names]

    def tell(self, x: list[float], y: float) -> None:
        self.study.tell(self.trial, y)


class Botorch(Adapter):
    """SingleTaskGP, LogEI and optimize_acqf, as BoTorch's tutorials put them together.

    BoTorch has no opening of its own: the first points are Sobol points, five of them as in Ax.
    """

    packages = ("botorch", "gpytorch", "torch")
    n_initial = 5

    def __init__(self, d: int, seed: int) -> None:
        import botorch
        import gpytorch
        import torch

        torch.manual_seed(seed)
        self.torch, self.gpytorch, self.botorch = torch, gpytorch, botorch
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.kind = {"dtype": torch.float64, "device": device}
        self.bounds = torch.tensor([[0.0] * d, [1.0] * d], **self.kind)
        self.opening = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed)
        self.x: list[list[float]] = []
        self.y: list[float] = []

    def tell_all(self, x: Points, y: Sequence[float]) -> None:
        self.x += [list(row) for row in x]
        self.y += list(y)

    def ask(self) -> list[float]:
        if len(self.y) < self.n_initial:
            return self.opening.draw(1, dtype=self.torch.float64)[0].tolist()
        x = self.torch.tensor(self.x, **self.kind)
        y = -self.torch.tensor(self.y, **self.kind)[:, None]
        model = self.botorch.models.SingleTaskGP(x, y)
        likelihood = self.gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
        self.botorch.fit.fit_gpytorch_mll(likelihood)
        best, _ = self.maximise(model, y.max())
        return best.tolist()

    def tell(self, x: list[float], y: float) -> None:
        self.x.append(x)
        self.y.append(y)

    def maximise(self, model: Any, incumbent: Any) -> tuple[Any, Any]:
        """The best point found `[d]`, and LogEI there."""
        logei = self.botorch.acquisition.LogExpectedImprovement(model, best_f=incumbent)
        point, value = self.botorch.optim.optimize_acqf(
            logei, self.bounds, q=1, num_restarts=20, raw_samples=1024
        )
        return point[0], value


class Optuna(Adapter):
    """A study in memory, with the sampler that is a Gaussian process."""

    packages = ("optuna", "torch")
    kind = "GPSampler"

    def __init__(self, d: int, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        uniform = optuna.distributions.FloatDistribution(0.0, 1.0)
        self.distributions = dict.fromkeys(names(d), uniform)
        self.study = optuna.create_study(sampler=getattr(optuna.samplers, self.kind)(seed=seed))
        self.create = optuna.trial.create_trial
        self.trial: Any = None

    def tell_all(self, x: Points, y: Sequence[float]) -> None:
        for row, value in zip(x, y, strict=True):
            params = dict(zip(self.distributions, row, strict=True))
            trial = self.create(params=params, distributions=self.distributions, value=value)
            self.study.add_trial(trial)

    def ask(self) -> list[float]:
        self.trial = self.study.ask(self.distributions)
        return [self.trial.params[name] for name in self.distributions]

    def tell(self, x: list[float], y: float) -> None:
        self.study.tell(self.trial, y)


class OptunaTPE(Optuna):
    """Optuna's default sampler, a tree-structured Parzen estimator."""

    packages = ("optuna",)
    kind = "TPESampler"


class Skopt(Adapter):
    """scikit-optimize's Gaussian process under EI; it fits and searches in tell, not in ask."""

    packages = ("scikit-optimize", "scikit-learn", "scipy")

    def __init__(self, d: int, seed: int) -> None:
        import skopt

        bounds = [(0.0, 1.0)] * d
        self.optimizer = skopt.Optimizer(bounds, "GP", acq_func="EI", random_state=seed)

    def tell_all(self, x: Points, y: Sequence[float]) -> None:
        self.optimizer.tell([list(row) for row in x], list(y))

    def ask(self) -> list[float]:
        return [float(value) for value in self.optimizer.ask()]

    def tell(self, x: list[float], y: float) -> None:
        self.optimizer.tell(x, y)


class KerasTuner(Adapter):
    """The oracle of KerasTuner's BayesianOptimization, called as its tuner calls it.

    Like the tuner it writes every trial into a folder. Earlier trials are inserted as it would have
    left them, because the oracle has no call for them.
    """

    packages = ("keras-tuner", "tensorflow", "scikit-learn", "scipy")

    def __init__(self, d: int, seed: int) -> None:
        import keras_tuner
        from keras_tuner.src.engine.trial import Trial

        self.trial_class, self.names = Trial, names(d)
        space = keras_tuner.HyperParameters()
        for name in self.names:
            space.Float(name, 0.0, 1.0)
        self.oracle = keras_tuner.oracles.BayesianOptimizationOracle(
            objective=keras_tuner.Objective("value", "min"),
            max_trials=10**6,
            seed=seed + 1,  # it takes 0 for none
            hyperparameters=space,
        )
        self.oracle.verbose = 0
        self.folder = tempfile.TemporaryDirectory()
        self.oracle._set_project_dir(self.folder.name, "trials")
        self.trial: Any = None

    def tell_all(self, x: Points, y: Sequence[float]) -> None:
        # By default it would still draw at random at n = 10 where d > 3.
        self.oracle.num_initial_points = min(max(3 * len(self.names), 3), len(y))
        for i, (row, value) in enumerate(zip(x, y, strict=True)):
            space = self.oracle.get_space()
            space.values = dict(zip(self.names, row, strict=True))
            trial = self.trial_class(space, trial_id=f"{i:07d}", status="COMPLETED")
            trial.score = value
            self.oracle.trials[trial.trial_id] = trial
            self.oracle.start_order.append(trial.trial_id)
            self.oracle.end_order.append(trial.trial_id)
            self.oracle._record_values(trial)

    def ask(self) -> list[float]:
        self.trial = self.oracle.create_trial("tuner")
        return [float(self.trial.hyperparameters.values[name]) for name in self.names]

    def tell(self, x: list[float], y: float) -> None:
        self.oracle.update_trial(self.trial.trial_id, {"value": y})
        self.trial.status = "COMPLETED"
        self.oracle.end_trial(self.trial)


class Hebo(Adapter):
    """HEBO with its defaults; it draws from NumPy's and torch's global generators."""

    packages = ("HEBO", "torch", "pymoo")

    def __init__(self, d: int, seed: int) -> None:
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        import pandas  # isort: skip
        import torch  # isort: skip

        np.random.seed(seed)
        torch.manual_seed(seed)
        self.frame, self.names = pandas.DataFrame, names(d)
        columns = [{"name": name, "type": "num", "lb": 0.0, "ub": 1.0} for name in self.names]
        self.optimiser = HEBO(DesignSpace().parse(columns), scramble_seed=seed)

    def tell_all(self, x: Points, y: Sequence[float]) -> None:
        # By default it would still draw Sobol points at n = 10 where d > 9.
        self.optimiser.rand_sample = min(self.optimiser.rand_sample, len(y))
        self.optimiser.observe(self.frame(x, columns=self.names), np.array(y)[:, None])

    def ask(self) -> list[float]:
        found = self.optimiser.suggest(1)
        return [float(found[name].iloc[0]) for name in self.names]

    def tell(self, x: list[float], y: float) -> None:
        self.optimiser.observe(self.frame([x], columns=self.names), np.array([[y]]))


class Random(Adapter):
    """Uniform points."""

    packages = ("numpy",)

    def __init__(self, d: int, seed: int) -> None:
        self.d, self.rng = d, np.random.default_rng(seed)

    def ask(self) -> list[float]:
        return self.rng.uniform(size=self.d).tolist()


class Sobol(Adapter):
    """Scrambled Sobol points."""

    packages = ("scipy",)

    def __init__(self, d: int, seed: int) -> None:
        from scipy.stats import qmc

        self.points = qmc.Sobol(d, rng=seed)

    def ask(self) -> list[float]:
        return self.points.random(1)[0].tolist()


ADAPTERS: dict[str, Callable[[int, int], Adapter]] = {
    "tfbo": Tfbo,
    "botorch": Botorch,
    "optuna_gp": Optuna,
    "kerastuner": KerasTuner,
    "skopt": Skopt,
    "hebo": Hebo,
    "optuna_tpe": OptunaTPE,
    "random": Random,
    "sobol": Sobol,
}


def maximise_logei(message: dict[str, Any]) -> dict[str, Any]:
    """Maximise BoTorch's LogEI under a Gaussian process whose hyperparameters are given.

    The model is amplitude^2 times a Matern-5/2 kernel with a lengthscale a column, zero mean, on
    outcomes that are standardised and to be maximised.
    """
    optimiser = Botorch(len(message["lengthscales"]), message["seed"])
    torch, gpytorch = optimiser.torch, optimiser.gpytorch
    x, z, lengthscales = (
        torch.tensor(message[key], **optimiser.kind) for key in ("x", "z", "lengthscales")
    )
    kernel = gpytorch.kernels.ScaleKernel(
        gpytorch.kernels.MaternKernel(nu=2.5, ard_num_dims=len(lengthscales))
    )
    # The default floor of 1e-4 would not take the noise of a deterministic objective.
    floor = gpytorch.constraints.GreaterThan(0.0, transform=None, initial_value=1e-4)
    likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=floor)
    mean = gpytorch.means.ZeroMean()
    parts = {"likelihood": likelihood, "covar_module": kernel, "mean_module": mean}
    model = optimiser.botorch.models.SingleTaskGP(x, z[:, None], outcome_transform=None, **parts)
    model = model.to(**optimiser.kind)
    kernel.outputscale = message["amplitude"] ** 2
    kernel.base_kernel.lengthscale = lengthscales
    likelihood.noise = message["noise"]
    model.eval()
    begin = time.perf_counter()
    point, value = optimiser.maximise(model, message["incumbent"])
    seconds = time.perf_counter() - begin
    return {"x": point.tolist(), "value": float(value), "seconds": seconds}


def described(optimiser: Adapter) -> dict[str, Any]:
    """Versions of its libraries and of Python; names of the GPUs where it has imported TensorFlow."""
    versions = {name: importlib.metadata.version(name) for name in optimiser.packages}
    tensorflow = sys.modules.get("tensorflow")
    devices = tensorflow.config.list_physical_devices("GPU") if tensorflow else []
    details = [tensorflow.config.experimental.get_device_details(device) for device in devices]
    return {
        "versions": {**versions, "Python": platform.python_version()},
        "gpus": [detail.get("device_name", "GPU") for detail in details],
    }


class Session:
    """What a worker remembers between commands."""

    optimiser: Any = None
    asked: list[float] | None = None


def answer(session: Session, message: dict[str, Any]) -> dict[str, Any]:
    """Do what a message says; seconds are those of the optimiser, without the protocol."""
    begin = time.perf_counter()
    match message["command"]:
        case "start":
            session.optimiser = ADAPTERS[message["optimiser"]](message["d"], message["seed"])
            return described(session.optimiser)
        case "preload":
            session.optimiser.tell_all(message["x"], message["y"])
        case "ask":
            session.asked = session.optimiser.ask()
        case "tell":
            session.optimiser.tell(session.asked, message["y"])
        case "memory":
            # Linux counts in KiB, and starts from the peak of the process that started this one.
            return {"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0}
        case "maximise_logei":
            return maximise_logei(message)
    return {"seconds": time.perf_counter() - begin, "x": session.asked}


def main() -> None:
    """Answer commands until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not land among the replies
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    session = Session()
    print(json.dumps({"ready": platform.python_version()}), file=replies, flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        try:
            reply = answer(session, message)
        except Exception as error:
            reply = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
