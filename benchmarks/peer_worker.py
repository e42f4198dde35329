"""The loop that serves an optimiser of `adapters` to `peers.Worker`.

    PYTHON benchmarks/peer_worker.py           # started by peers.Worker: JSON lines on stdin and stdout

It runs in the optimiser's own interpreter, where tfbo and the other libraries may be missing. A process
serves one optimiser at a time; starting another, or the same anew, replaces it, and what has been
imported and compiled is kept.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import platform
import resource
import sys
import time
import warnings
from typing import Any

from adapters import ADAPTERS
from adapters.base import Adapter, settled
from adapters.botorch import Botorch
from suites.base import Parameter, Params, cube


def maximise_logei(message: dict[str, Any]) -> dict[str, Any]:
    """Maximise BoTorch's LogEI under a Gaussian process whose hyperparameters are given; see `given`."""
    optimiser, model = given(message)
    begin = time.perf_counter()
    point, value = optimiser.maximise(model, message["incumbent"])
    seconds = time.perf_counter() - begin
    return {"x": point.tolist(), "value": float(value), "seconds": seconds}


def maximise_constrained(message: dict[str, Any]) -> dict[str, Any]:
    """Maximise it under constraints, with the defaults of BoTorch's tutorials; see `peers.Worker`.

    Nonlinear constraints need starts that are legal: the best of the raw samples that are, chosen as
    BoTorch chooses its own.
    """
    optimiser, model = given(message)
    torch, botorch, optim = optimiser.torch, optimiser.botorch, optimiser.botorch.optim
    # A plain number would be rounded to float32.
    incumbent = torch.tensor(message["incumbent"], **optimiser.kind)
    logei = botorch.acquisition.LogExpectedImprovement(model, best_f=incumbent)
    d = len(message["lengthscales"])
    rows = {True: [], False: []}
    for weights, least, equal in message["linear"]:
        coefficients = torch.tensor(weights, **optimiser.kind)
        rows[equal].append((torch.arange(d), coefficients, least))
    arguments = {
        "inequality_constraints": rows[False] or None,
        "equality_constraints": rows[True] or None,
    }
    begin = time.perf_counter()
    if message["balls"]:
        balls = [(torch.tensor(centre, **optimiser.kind), r) for centre, r in message["balls"]]
        inside = [
            lambda x, centre=centre, r=r: r**2 - ((x - centre) ** 2).sum(-1) for centre, r in balls
        ]
        raw = torch.quasirandom.SobolEngine(d, scramble=True, seed=message["seed"])
        raw = raw.draw(512 * 64).to(**optimiser.kind)
        legal = torch.stack([f(raw) > 1e-9 for f in inside]).all(0)
        raw = raw[legal][:512]
        with torch.no_grad():
            starts, _ = optim.initializers.initialize_q_batch(raw[:, None], logei(raw[:, None]), 10)
        arguments = {
            "nonlinear_inequality_constraints": [(f, True) for f in inside],
            "batch_initial_conditions": starts,
        }
    point, value = optim.optimize_acqf(
        logei, optimiser.bounds, q=1, num_restarts=10, raw_samples=512, **arguments,
        options={"batch_limit": 1} if message["balls"] else None,
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    with torch.no_grad():
        values = logei(torch.tensor(message["points"], **optimiser.kind)[:, None])
    found = {"x": point[0].tolist(), "value": float(value), "seconds": seconds}
    return {"maximum": found, "values": values.tolist()}


def given(message: dict[str, Any]) -> tuple[Botorch, Any]:
    """BoTorch, and a Gaussian process whose hyperparameters are given.

    It is amplitude^2 times a Matern-5/2 kernel with a lengthscale a column, zero mean, on outcomes that
    are standardised and to be maximised.
    """
    optimiser = Botorch(cube(len(message["lengthscales"])), message["seed"])
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
    return optimiser, model


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


class ProtocolError(Exception):
    """A message that makes no sense, or not now."""


class Session:
    """What a worker remembers between messages."""

    optimiser: Adapter | None = None
    parameters: tuple[Parameter, ...] = ()
    asked: Params | None = None
    """What has been asked for and not been told yet."""


def start(session: Session, message: dict[str, Any]) -> dict[str, Any]:
    """Replace the optimiser."""
    name, settings = message["optimiser"], message.get("settings")
    if name not in ADAPTERS:
        known = ", ".join(ADAPTERS)
        raise ProtocolError(f"start: optimiser: expected one of {known}, got {name!r}")
    if settings and name != "tfbo":
        raise ProtocolError(f"start: settings: {name} takes none, got {settings}")
    session.optimiser = session.asked = None
    session.parameters = tuple(message["parameters"])
    arguments = {}
    if settings:
        from tfbo.strategies import Bayes

        arguments["strategy"] = Bayes(**settings)
    session.optimiser = ADAPTERS[name](session.parameters, message["seed"], **arguments)
    return described(session.optimiser)


def answer(session: Session, message: dict[str, Any]) -> dict[str, Any]:
    """Do what a message says; seconds are those of the optimiser, without the protocol."""
    match message["command"]:
        case "start":
            return start(session, message)
        case "memory":
            # Linux counts in KiB, and starts from the peak of the process that started this one.
            return {"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0}
        case "maximise_logei":
            return maximise_logei(message)
        case "maximise_constrained":
            return maximise_constrained(message)
        case "preload" | "ask" | "tell" | "recommend" | "coverage":
            if session.optimiser is None:
                raise ProtocolError(f"{message['command']}: there is no optimiser; start one first")
            return serve(session, session.optimiser, message)
    raise ProtocolError(f"command: expected one that there is, got {message['command']!r}")


def serve(session: Session, optimiser: Adapter, message: dict[str, Any]) -> dict[str, Any]:
    """Hand a message on to the optimiser."""
    command, params = message["command"], None
    if command == "coverage":
        return {"coverage": optimiser.coverage()}
    if (command == "tell") != (session.asked is not None) and command != "recommend":
        wanted = "ask for a configuration first" if command == "tell" else "tell the last one first"
        raise ProtocolError(f"{command}: {wanted}")
    begin = time.perf_counter()
    match command:
        case "preload":
            optimiser.tell_all(message["params"], message["y"])
        case "ask":
            params = optimiser.ask()
        case "tell":
            session.asked = None
            optimiser.tell(message["y"])
        case "recommend":
            params = optimiser.recommend()
    seconds = time.perf_counter() - begin
    if params is not None:
        params = settled(session.parameters, params)
    if command == "ask":
        session.asked = params
    return {"seconds": seconds, "params": params}


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
