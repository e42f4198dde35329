"""The child of a fork: it computes where nothing was computed before, and else says that it cannot."""

import subprocess
import sys

import pytest

HEAD = """
import os, signal, sys, time
import tfbo
from tfbo.strategies import Bayes, Random, Sobol
space = tfbo.Space({"x": tfbo.Float(-1.0, 1.0)})

def child(function):
    pid = os.fork()
    if pid == 0:
        signal.alarm(90)  # what hangs is killed
        try:
            function()
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(3)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
AFTER = """
path = sys.argv[1]
wide = tfbo.Space({f"x{i}": tfbo.Float(-1.0, 1.0) for i in range(3)})
study = tfbo.Study(space, storage=path, seed=0, strategy=Bayes(n_initial=2))
for _ in range(4):
    trial = study.ask()
    study.tell(trial, trial.params["x"] ** 2)
pending = study.ask()

def reads():
    assert len(study) == 5 and study.best_observed and "4 complete" in repr(study)
    study.tell(pending, 1.0)
    study.enqueue({"x": 0.5})
    assert study.ask().params == {"x": 0.5}
    plain = tfbo.Study.load(storage=path, strategy=Random())
    plain.tell(plain.ask(), 2.0)

assert child(reads) == 0
for compute in (
    study.ask, lambda: study.ask(3), study.suggestion, lambda: study.predict([{"x": 0.1}]),
    lambda: study.expected_improvement({"x": 0.1}), study.leave_one_out,
    lambda: study.optimize(lambda p: 0.0, n_trials=1),
    lambda: tfbo.Study(wide, seed=1, strategy=Sobol()).ask(),
    lambda: tfbo.gp.fit([[0.0], [0.5], [1.0]], [0.0, 1.0, 0.5]),
    lambda: child(study.ask) == 3 and study.ask(),  # a child of the child
):
    assert child(compute) == 3
study.tell(study.ask(), 0.5)  # the parent goes on
"""
BEFORE = """
def whole():
    study = tfbo.Study(space, seed=0, strategy=Bayes(n_initial=2))
    for _ in range(4):
        trial = study.ask()
        study.tell(trial, trial.params["x"] ** 2)
    assert study.predict([{"x": 0.5}])

import tensorflow
assert child(whole) == 0
"""


def run(script, *arguments):
    call = [sys.executable, "-c", HEAD + script, *arguments]
    done = subprocess.run(call, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="has no fork")
def test_a_child_of_a_process_that_has_computed_says_so(tmp_path):
    said = run(AFTER, str(tmp_path / "runs.db"))
    assert said.count("ComputeError This process was forked after TensorFlow") == 11
    assert 'executor="process"' in said and "spawn" in said


@pytest.mark.skipif(sys.platform == "win32", reason="has no fork")
def test_a_child_of_a_process_that_has_not_computed_does_so():
    assert run(BEFORE) == ""


LATE = """
import os, signal
import tensorflow as tf
tf.constant(1.0) + 1.0
pid = os.fork()
if pid == 0:
    signal.alarm(90)
    import tfbo
    try:
        tfbo.Study(tfbo.Space({"x": tfbo.Float(-1.0, 1.0)}), seed=0).ask(3)
    except tfbo.ComputeError:
        os._exit(3)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
import tfbo
tfbo.Study(tfbo.Space({"x": tfbo.Float(-1.0, 1.0)}), seed=0).ask(3)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads of Linux")
def test_a_child_that_imports_tfbo_itself(tmp_path):
    call = [sys.executable, "-c", LATE]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
