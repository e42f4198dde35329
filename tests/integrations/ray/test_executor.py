"""On a real Ray with two workers: experiments of Ray Tune, and tasks behind `concurrent.futures`."""

import functools
import os
import signal
import threading

import pytest

pytest.importorskip("ray.tune", reason="Ray Tune is not installed")
import ray
from ray import tune
from ray.tune import schedulers

from tfbo import ExecutorError, Fidelity, Float, InvalidArgument, Space, Study, WorkerDied
from tfbo.executors.workers import open_workers
from tfbo.integrations.ray import RayExecutor, TFBOSearch
from tfbo.strategies import Median, Sobol, SuccessiveHalving

pytestmark = pytest.mark.slow

SPACE = Space({"x": Float(-1.0, 1.0)})
PATIENCE = 120.0


@pytest.fixture(scope="module", autouse=True)
def cluster():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0"
    # One of its own, whatever else runs on this machine.
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=2,  # by its word: none need be there
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        object_store_memory=80_000_000,
    )
    yield
    ray.shutdown()


def slots(pool):
    """The number of trials that a search runs at once in a pool."""
    return open_workers(pool, None, None, abs).slots


def experiment(trainable, search, folder, trials, callbacks=(), workers=2, scheduler=None):
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=search,
            num_samples=trials,
            max_concurrent_trials=workers,
            reuse_actors=scheduler is None,
            scheduler=scheduler,
        ),
        run_config=tune.RunConfig(
            name="search", storage_path=str(folder), verbose=0, callbacks=list(callbacks)
        ),
        param_space={"x": tune.uniform(-1, 1), "net": {"units": tune.randint(1, 5)}, "offset": 2.0},
    )


# Ray pickles what is defined within a function; a module of tests its workers could not import.
def trainable():
    def train(config):
        tune.report({"loss": config["offset"] + config["x"] ** 2 + config["net"]["units"]})

    return train


def params(results):
    return [{"x": r.config["x"], "net/units": r.config["net"]["units"]} for r in results]


def test_an_experiment_with_two_workers(tmp_path):
    search = TFBOSearch(metric="loss", mode="min", seed=0, strategy=Sobol())
    results = experiment(trainable(), search, tmp_path, 6).fit()
    assert len(results) == 6 and results.num_errors == 0
    trials = search.study.trials
    assert len({tuple(t.params.values()) for t in trials}) == 6
    by_value = {t.value: t.params for t in trials}
    assert [by_value[r.metrics["loss"]] for r in results] == params(results)
    assert (
        results.get_best_result("loss", "min").metrics["loss"] == search.study.best_observed.value
    )


def test_a_trial_that_kills_its_worker_fails_and_the_others_go_on(tmp_path):
    def train(config):
        if config["x"] > 0.0:
            os._exit(3)
        tune.report({"loss": config["x"] ** 2})

    search = TFBOSearch(metric="loss", mode="min", seed=0, strategy=Sobol())
    results = experiment(train, search, tmp_path, 4).fit()
    trials = search.study.trials
    kinds = ["error" if t.params["x"] > 0.0 else None for t in trials]
    assert [t.kind for t in trials] == kinds
    assert results.num_errors == kinds.count("error") == 2


def stepwise():
    class Stepwise(tune.Trainable):
        """Nine steps towards x^2 + units, and one after another from where it was paused."""

        def setup(self, config):
            self.config, self.steps = config, 0

        def step(self):
            self.steps += 1
            final = self.config["x"] ** 2 + self.config["net"]["units"]
            return {"loss": final + 1.0 / self.steps, "done": self.steps >= 9}

        def save_checkpoint(self, folder):
            return {"steps": self.steps}

        def load_checkpoint(self, checkpoint):
            self.steps = checkpoint["steps"]

    return Stepwise


@pytest.mark.parametrize("max_t", [9, None])
@pytest.mark.parametrize("kind", ["ASHAScheduler", "HyperBandScheduler"])
def test_what_a_scheduler_stops_is_learned_from(kind, max_t, tmp_path):
    search = TFBOSearch(metric="loss", mode="min", seed=0, strategy=Sobol(), max_t=max_t)
    scheduler = getattr(schedulers, kind)(metric="loss", mode="min", max_t=9, reduction_factor=3)
    workers = 2 if kind == "ASHAScheduler" else 8  # Hyperband waits for a whole bracket
    results = experiment(
        stepwise(), search, tmp_path, 8, scheduler=scheduler, workers=workers
    ).fit()
    assert results.num_errors == 0
    trials = search.study.trials
    assert search.study.fidelity.high == 9
    steps = {
        (r.config["x"], r.config["net"]["units"]): r.metrics["training_iteration"] for r in results
    }
    assert [t.reached for t in trials] == [steps[tuple(t.params.values())] for t in trials]
    assert [t.state for t in trials] == [
        "complete" if t.reached == 9 else "stopped" for t in trials
    ]
    assert {t.state for t in trials} == {"complete", "stopped"}
    for trial in trials:
        final = trial.params["x"] ** 2 + trial.params["net/units"]
        assert trial.curve == {s: final + 1.0 / s for s in range(1, trial.reached + 1)}
        assert trial.value == trial.curve[trial.reached]


class Interrupt(tune.Callback):
    """Ctrl-C, once so many trials are done, but not again when the experiment is restored."""

    def __init__(self, trials, path):
        self.left, self.path = trials, path

    def on_trial_complete(self, iteration, trials, trial, **info):
        self.left -= 1
        if self.left == 0 and not self.path.exists():
            self.path.touch()
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_experiment_goes_on_as_if_it_had_not_been(tmp_path):
    search = TFBOSearch(metric="loss", mode="min", seed=0)
    interrupt = Interrupt(4, tmp_path / "interrupted")
    experiment(trainable(), search, tmp_path, 9, [interrupt], workers=1).fit()
    assert 4 <= sum(t.state == "complete" for t in search.study.trials) < 9
    restored = tune.Tuner.restore(str(tmp_path / "search"), trainable())
    results = restored.fit()
    study = Study(search.study.space, seed=0)
    study.optimize(lambda p: 2.0 + p["x"] ** 2 + p["net/units"], n_trials=9)
    assert sorted(params(results), key=str) == sorted((t.params for t in study.trials), key=str)
    assert results.num_errors == 0


def test_a_study_runs_its_trials_on_ray():
    def objective(params):
        return params["x"]

    study = Study(SPACE, seed=0, strategy=Sobol())
    pool = RayExecutor()
    assert slots(pool) == 2
    study.optimize(objective, n_trials=6, executor=pool)
    one = Study(SPACE, seed=0, strategy=Sobol()).optimize(objective, n_trials=6)
    assert [t.params for t in study.trials] == [t.params for t in one.trials]
    assert [t.value for t in study.trials] == [t.params["x"] for t in study.trials]


def test_reports_cross_from_ray_and_are_answered(tmp_path):
    def objective(params, run):
        x = params["x"] ** 2
        file = run.checkpoint / "steps"
        assert (int(file.read_text()) if file.exists() else 0) == run.start
        for step in range(run.start + 1, run.until + 1):
            file.write_text(str(step))
            if not run.report(step, x + 1.0 / step):
                break
        return x + 1.0 / step

    def staged(**arguments):
        steps = Fidelity(1, 9)
        return Study(SPACE, seed=0, strategy=SuccessiveHalving(), fidelity=steps, **arguments)

    study = staged(storage=tmp_path / "runs.db")
    study.optimize(objective, total_steps=40, executor=RayExecutor(), n_jobs=1)
    one = staged().optimize(objective, total_steps=40)
    assert [t.curve for t in study.trials] == [t.curve for t in one.trials]
    assert {t.state for t in study.trials} == {"complete", "paused"}
    both = staged().optimize(objective, total_steps=40, executor=RayExecutor())
    assert sum(t.spent for t in both.trials) == 40 and not any(t.kind for t in both.trials)


def test_a_trial_on_ray_that_is_given_up_ends_there():
    def objective(params, run):
        for step in range(1, 20):
            if not run.report(step, float(run.number)):
                return float(run.number)
        return float(run.number)

    study = Study(SPACE, seed=0, strategy=Sobol(), early_stopping=Median(warm_up=1, from_step=3))
    study.optimize(objective, n_trials=3, executor=RayExecutor(), n_jobs=1)
    assert [(t.state, t.reached) for t in study.trials] == [
        ("complete", 19), ("stopped", 3), ("stopped", 3)
    ]  # fmt: skip


def test_a_worker_that_dies_fails_its_own_trial_only():
    def objective(params):
        if params["x"] > 0.0:
            os._exit(3)
        return params["x"]

    study = Study(SPACE, seed=0, strategy=Sobol())
    study.optimize(objective, n_trials=6, executor=RayExecutor())
    assert [t.kind for t in study.trials] == [
        "killed" if t.params["x"] > 0.0 else None for t in study.trials
    ]
    assert study.trials[0].reason.startswith("WorkerDied: WorkerCrashedError")


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition):
    end = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if condition():
            return
        end.wait(0.02)
    raise AssertionError("waited in vain")


def hang(folder):
    def objective(params):
        import os
        import time
        from pathlib import Path

        (Path(folder) / f"{os.getpid()}.pid").touch()
        time.sleep(120.0)

    return objective


def pids(folder):
    return [int(path.stem) for path in folder.glob("*.pid")]


def test_a_trial_whose_time_is_up_is_ended(tmp_path):
    study = Study(SPACE, seed=0, strategy=Sobol())
    study.optimize(hang(tmp_path), n_trials=1, executor=RayExecutor(), trial_timeout=3.0)
    assert [t.kind for t in study.trials] == ["timeout"]
    assert pids(tmp_path)
    wait_for(lambda: not any(map(is_alive, pids(tmp_path))))


def test_it_is_an_executor(tmp_path):
    with RayExecutor(num_cpus=2) as pool:
        assert sorted(pool.map(functools.partial(max, 2), [1, 2, 3])) == [2, 2, 3]
        assert pool.submit(sorted, [1, 2], reverse=True).result() == [2, 1]
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result()
        assert isinstance(pool.submit(os._exit, 3).exception(), WorkerDied)
        running = pool.submit(hang(tmp_path), {})
        waiting = pool.submit(abs, -1)
        wait_for(lambda: pids(tmp_path))
        assert not running.running()  # as far as Ray says
        pool.shutdown(wait=False, cancel_futures=True)
    assert running.cancelled() and waiting.cancelled()
    wait_for(lambda: not any(map(is_alive, pids(tmp_path))))
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(abs, -1)


def test_how_many_fit():
    assert slots(RayExecutor(num_cpus=0.5)) == 4
    assert slots(RayExecutor(num_cpus=1.5)) == 1
    assert slots(RayExecutor(num_cpus=0.5, num_gpus=1)) == 2
    assert slots(RayExecutor(num_gpus=3)) == 1  # none yet: the cluster may grow


def test_a_trial_has_a_gpu_for_itself(tmp_path):
    def meet(params):
        import os
        import time
        from pathlib import Path

        folder = Path(tmp_path)
        (folder / f"gpu-{os.environ['CUDA_VISIBLE_DEVICES']}").touch()
        (folder / f"{os.getpid()}.pid").touch()
        while len(list(folder.glob("gpu-*"))) < 2:
            time.sleep(0.02)
        return 1.0

    study = Study(SPACE, seed=0, strategy=Sobol())
    study.optimize(meet, n_trials=3, executor=RayExecutor(num_gpus=1), trial_timeout=PATIENCE)
    assert {t.state for t in study.trials} == {"complete"}
    assert {path.name for path in tmp_path.glob("gpu-*")} == {"gpu-0", "gpu-1"}
    assert len(pids(tmp_path)) == 3  # a process each, so that TensorFlow lets go of it


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"num_cpus": 0}, "num_cpus"),
        ({"num_cpus": -1}, "num_cpus"),
        ({"num_gpus": "one"}, "num_gpus"),
    ],
)
def test_arguments(arguments, named):
    with pytest.raises(InvalidArgument, match=named):
        RayExecutor(**arguments)


def test_ray_is_started_by_the_user(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(ExecutorError, match=r"ray\.init"):
        RayExecutor()
