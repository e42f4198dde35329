import functools
import os
import signal
import subprocess
import sys
import threading
import time

import objectives
import pytest

from tfbo import Categorical, Float, InvalidArgument, Space, Study, WorkerDied
from tfbo.executors import ProcessExecutor
from tfbo.strategies import Sobol

SPACE = Space({"x": Float(-1.0, 1.0)})
DEATHS = {"SIGSEGV": "SIGSEGV", "exit 3": "exit code 3", "SIGKILL": "want of memory"}


def queued(space, name, values):
    study = Study(space, seed=0, strategy=Sobol())
    for value in values:
        study.enqueue({name: value})
    return study


def test_a_crash_fails_its_own_trial_only():
    whats = ["fine", *DEATHS, "fine"]
    study = queued(Space({"what": Categorical([*DEATHS, "fine"])}), "what", whats)
    study.optimize(objectives.misbehave, n_trials=5, executor="process", n_jobs=2)
    assert [t.kind for t in study.trials] == [None, "killed", "killed", "killed", None]
    for trial, said in zip(study.trials[1:4], DEATHS.values(), strict=True):
        assert said in trial.reason
    assert [t.value for t in study.trials[::4]] == [1.0, 1.0]


def test_a_trial_whose_time_is_up_is_ended_with_all_that_it_has_started(tmp_path):
    study = Study(SPACE, seed=0, strategy=Sobol())
    objective = functools.partial(objectives.hang, tmp_path)
    # The second one needs the place of the first.
    study.optimize(objective, n_trials=2, executor="process", trial_timeout=2.0)
    assert [(t.state, t.kind) for t in study.trials] == [("failed", "timeout")] * 2
    assert "longer than 2 s" in study.trials[0].reason
    objectives.wait_for(lambda: objectives.are_gone(tmp_path))


def test_kill_ends_a_task_or_takes_it_out_of_the_line(tmp_path):
    with ProcessExecutor(1) as pool:
        running = pool.submit(objectives.hang, tmp_path, {})
        waiting = pool.submit(abs, -2)
        following = pool.submit(abs, -3)
        objectives.wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        pool.kill(waiting)
        pool.kill(running)
        with pytest.raises(WorkerDied, match="on request"):
            running.result()
        assert waiting.cancelled()
        assert following.result() == 3
        pool.kill(following)
        assert following.result() == 3
    objectives.wait_for(lambda: objectives.are_gone(tmp_path))
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(abs, -1)


def test_kill_workers_leaves_nothing(tmp_path):
    pool = ProcessExecutor(1)
    futures = [pool.submit(objectives.hang, tmp_path, {}) for _ in range(2)]
    objectives.wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    pool.kill_workers()
    assert isinstance(futures[0].exception(), WorkerDied)
    assert futures[1].cancelled()
    objectives.wait_for(lambda: objectives.are_gone(tmp_path))


@pytest.mark.parametrize("what", ["fine", "SIGKILL"])
def test_what_a_trial_leaves_behind_ends_with_it(what, tmp_path):
    # A process that is forked holds the socket open: its end is not that of the stream.
    study = queued(Space({"what": Categorical(["fine", "SIGKILL"])}), "what", [what])
    objective = functools.partial(objectives.leave_behind, tmp_path)
    study.optimize(objective, n_trials=1, executor="process")
    assert study.trials[0].kind == (None if what == "fine" else "killed")
    assert len(list(tmp_path.glob("*.pid"))) == 1
    objectives.wait_for(lambda: objectives.are_gone(tmp_path))


def test_an_objective_may_start_processes():
    study = Study(SPACE, seed=0, strategy=Sobol())
    study.optimize(objectives.with_processes, n_trials=1, executor="process")
    assert [t.value for t in study.trials] == [6.0]


def test_a_trial_has_a_gpu_for_itself(tmp_path):
    before = dict(os.environ)
    study = Study(SPACE, seed=0, strategy=Sobol())
    objective = functools.partial(objectives.visible, tmp_path)
    study.optimize(objective, n_trials=2, executor="process", gpus=[3, "GPU-7"])
    assert [t.state for t in study.trials] == ["complete"] * 2
    assert {path.name for path in tmp_path.glob("gpu-*")} == {"gpu-3", "gpu-GPU-7"}
    assert dict(os.environ) == before


def test_large_tasks_and_results_pass():
    text = b"x" * 20_000_000
    with ProcessExecutor() as pool:
        assert pool.submit(bytes.replace, text, b"x", b"yz").result() == b"yz" * 20_000_000


def test_functions_without_a_name_need_cloudpickle(monkeypatch):
    study = Study(SPACE, seed=0, strategy=Sobol())
    factor = 2.0
    study.optimize(lambda p: factor * p["x"], n_trials=1, executor="process")
    assert study.trials[0].value == 2.0 * study.trials[0].params["x"]
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(InvalidArgument, match=r"objective: .*top level.*cloudpickle"):
        study.optimize(lambda p: 1.0, n_trials=1, executor="process")
    assert len(study) == 1
    with ProcessExecutor() as pool, pytest.raises(InvalidArgument, match="fn: "):
        pool.submit(lambda: 1)


def test_what_nothing_can_pickle_is_an_argument_that_is_wrong():
    lock = threading.Lock()
    study = Study(SPACE, seed=0, strategy=Sobol())
    with pytest.raises(InvalidArgument, match=r"objective: .*lock.*cloudpickle, too"):
        study.optimize(lambda p: lock and 1.0, n_trials=1, executor="process")
    assert len(study) == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"max_workers": 0}, "max_workers"),
        ({"max_workers": 1.5}, "max_workers"),
        ({"max_workers": 3, "gpus": [0, 1]}, "max_workers"),
        ({"gpus": []}, "gpus"),
        ({"gpus": 2}, "gpus"),
        ({"gpus": "01"}, "gpus"),
        ({"gpus": [0, -1]}, "gpus"),
        ({"gpus": [True]}, "gpus"),
        ({"gpus": ["0,1"]}, "gpus"),
        ({"gpus": [0, 1, 0]}, "gpus"),
    ],
)
def test_mistakes_are_named(arguments, named):
    with pytest.raises(InvalidArgument, match=f"{named}: expected .* got "):
        ProcessExecutor(**arguments)


# As a script, without TensorFlow: trials that are enqueued need no strategy.
SCRIPT = """
import os, sys
from pathlib import Path
folder = Path(sys.argv[1])
with open(folder / "imports", "a") as file:
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), file=file)
import objectives, tfbo
from functools import partial

def make():
    study = tfbo.Study(tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), storage=folder / "runs.db", seed=0)
    if not len(study):
        for i in range(3):
            study.enqueue({"x": i / 10})
    return study

"""


def script(tmp_path, text, **options):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(objectives.__file__)}
    (tmp_path / "script.py").write_text(SCRIPT + text)
    command = [sys.executable, tmp_path / "script.py", tmp_path]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_the_gpu_is_set_before_the_main_script_is_imported(tmp_path):
    run = script(
        tmp_path,
        'if __name__ == "__main__":\n'
        '    study = make().optimize(objectives.x, n_trials=2, executor="process", gpus=[5])\n'
        '    print([t.value for t in study.trials], "tensorflow" in sys.modules)\n',
    )
    out, err = run.communicate(timeout=120)
    assert (out, err) == ("[0.0, 0.1, None] False\n", "")
    assert (tmp_path / "imports").read_text().split() == ["None", "5", "5"]


def test_a_script_without_a_guard_is_told_so_and_starts_no_more(tmp_path):
    run = script(tmp_path, 'make().optimize(objectives.x, n_trials=2, executor="process")\n')
    err = run.communicate(timeout=120)[1]
    assert run.returncode == 1
    assert "ExecutorError: Each process imports the script that started it" in err
    assert err.count("under `if __name__ == '__main__':`") == err.count("Traceback") == 1
    assert len(err.splitlines()) < 20
    assert len((tmp_path / "imports").read_text().split()) == 2
    states = [t.state for t in Study.load(storage=tmp_path / "runs.db").trials]
    assert states == ["waiting"] * 3


def test_an_objective_that_only_the_main_script_has(tmp_path):
    run = script(
        tmp_path,
        'if __name__ == "__main__":\n'
        "    def mine(params):\n"
        "        return 1.0\n"
        '    make().optimize(mine, n_trials=2, executor="process")\n',
    )
    err = run.communicate(timeout=120)[1]
    assert run.returncode == 1
    assert "could not import its task" in err and "top level" in err
    states = [t.state for t in Study.load(storage=tmp_path / "runs.db").trials]
    assert states == ["waiting"] * 3


HANG = """
if __name__ == "__main__":
    study = make()
    study.optimize(partial(objectives.hang, folder), n_trials=3, executor="process", n_jobs=2)
    print("not interrupted")
"""


def test_no_orphans_when_the_parent_is_killed(tmp_path):
    run = script(tmp_path, HANG)
    objectives.wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 4)
    assert not objectives.are_gone(tmp_path)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    objectives.wait_for(lambda: objectives.are_gone(tmp_path))


@pytest.mark.parametrize("times", [1, 4])
def test_ctrl_c_ends_processes_and_keeps_their_trials(times, tmp_path):
    run = script(tmp_path, HANG)
    objectives.wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 4)
    for _ in range(times):
        run.send_signal(signal.SIGINT)
        time.sleep(0.02)
    out, err = run.communicate(timeout=120)
    if times == 1:
        heard, kept, *_, last = err.splitlines()
        assert heard.startswith("Ctrl-C: ") and kept.startswith("Stopped by Ctrl-C: 0 trials kept")
        assert (out, last, run.returncode) == ("", "KeyboardInterrupt", -signal.SIGINT)
    objectives.wait_for(lambda: objectives.are_gone(tmp_path))
    study = Study.load(storage=tmp_path / "runs.db")
    ended = [t for t in study.trials if t.is_finished]
    waiting = [t for t in study.trials if t.state == "waiting"]
    assert [(t.kind, t.params["x"]) for t in ended] == [("interrupted", 0.0), ("interrupted", 0.1)]
    assert sorted(t.params["x"] for t in waiting) == [0.0, 0.1, 0.2]
    assert len(study) == 5


def test_tensorflow_stays_in_the_process_of_the_trial(tmp_path):
    run = script(
        tmp_path,
        "def train(params):\n"
        "    import tensorflow as tf\n"
        "    print('of the trial')\n"
        "    weights = tf.Variable(tf.ones([100, 100]))\n"
        "    return float(tf.reduce_sum(tf.matmul(weights, weights)))\n\n"
        'if __name__ == "__main__":\n'
        '    study = make().optimize(train, n_trials=1, executor="process")\n'
        '    print(study.trials[0].value, "tensorflow" in sys.modules)\n',
    )
    assert run.communicate(timeout=300)[0] == "of the trial\n1000000.0 False\n"
