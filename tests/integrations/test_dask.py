"""A study on a local Dask cluster of two processes, whose workers are killed."""

import os
import signal

import pytest

pytest.importorskip("distributed", reason="Dask's scheduler is not installed")
import dask
import distributed

from tfbo import Float, Space, Study
from tfbo.strategies import Sobol

pytestmark = pytest.mark.slow

SPACE = Space({"x": Float(-1.0, 1.0)})


@pytest.fixture(scope="module")
def client():
    # A task that kills its worker is by default tried on three more before Dask says so.
    allowed = {"distributed.scheduler.allowed-failures": 1}
    with (
        dask.config.set(allowed),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def study():
    return Study(SPACE, seed=0, strategy=Sobol())


# Dask pickles what is defined within a function; a module of tests its workers could not import.
def dies_once(folder):
    def objective(params):
        import os
        import signal
        from pathlib import Path

        died = Path(folder) / "died"
        if params["x"] > 0.0 and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return params["x"]

    return objective


def test_a_trial_whose_worker_is_killed_is_run_on_another_one(client, tmp_path):
    searched = study().optimize(dies_once(tmp_path), n_trials=8, executor=client.get_executor())
    assert (tmp_path / "died").exists()
    one = study().optimize(lambda params: params["x"], n_trials=8)
    assert [(t.params, t.value) for t in searched.trials] == [
        (t.params, t.value) for t in one.trials
    ]


def test_a_worker_that_is_killed_from_outside_costs_nothing(client):
    def kill(study, trial):
        if trial.number == 1:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    searched = study().optimize(
        lambda params: params["x"], n_trials=8, executor=client.get_executor(), callbacks=[kill]
    )
    assert [t.value for t in searched.trials] == [t.params["x"] for t in searched.trials]


def test_a_configuration_that_always_kills_its_worker_fails(client):
    def objective(params):
        import os

        if params["x"] > 0.5:
            os._exit(3)
        return params["x"]

    searched = study().optimize(objective, n_trials=8, executor=client.get_executor())
    kinds = ["killed" if t.params["x"] > 0.5 else None for t in searched.trials]
    assert [t.kind for t in searched.trials] == kinds
    assert "killed" in kinds and None in kinds
    assert all("KilledWorker" in t.reason for t in searched.trials if t.kind)
