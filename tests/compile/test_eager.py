"""TensorFlow's modes: the user's, which no suggestion depends on."""

import subprocess
import sys

import pytest
import tensorflow as tf

from tfbo import Categorical, Float, Space, Study
from tfbo.strategies import Bayes

SCRIPT = """
import sys
import tensorflow as tf
{switch}
import tfbo
study = tfbo.Study(tfbo.Space({{"x": tfbo.Float(-1.0, 1.0), "k": tfbo.Categorical(["a", "b"])}}), seed=0,
                   strategy=tfbo.strategies.Bayes(n_initial=2))
try:
    for _ in range(4):
        trial = study.ask()
        study.tell(trial, trial.params["x"] ** 2 + (trial.params["k"] == "a"))
    assert study.best_trial and study.importance() and study.leave_one_out()
    (mean,), (std,) = study.predict([{{"x": 0.25, "k": "b"}}])
    tfbo.gp.fit([[0.0], [0.5], [1.0]], [0.0, 1.0, 0.5])
    print([t.params for t in study.trials], round(float(mean), 9))
except tfbo.ComputeError as error:
    print(error)
"""


def search():
    """Trials of a small search, and a prediction."""
    space = Space({"x": Float(-1.0, 1.0), "k": Categorical(["a", "b"])})
    study = Study(space, seed=0, strategy=Bayes(n_initial=2))
    for _ in range(4):
        trial = study.ask()
        study.tell(trial, trial.params["x"] ** 2 + (trial.params["k"] == "a"))
    (mean,), _ = study.predict([{"x": 0.25, "k": "b"}])
    return [t.params for t in study.trials], round(float(mean), 9)


def run(switch):
    call = [sys.executable, "-c", SCRIPT.format(switch=switch)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_eager_execution_may_be_off():
    params, mean = search()
    assert run("tf.compat.v1.disable_eager_execution()") == f"{params} {mean}"


def test_the_behaviour_of_version_1_is_refused():
    said = run("tf.compat.v1.disable_v2_behavior()")
    assert "disable_v2_behavior" in said and "enable_v2_behavior" in said


@pytest.mark.parametrize("mode", ["graph", "function", "device"])
def test_a_search_inside_of_a_graph(mode):
    expected = search()
    if mode == "graph":
        with tf.Graph().as_default():
            found = search()
            assert not tf.executing_eagerly()
    elif mode == "device":
        with tf.device("CPU:0"):
            found = search()
    else:
        kept = []
        tf.function(lambda: kept.append(search()) or tf.constant(0), autograph=False)()
        (found,) = kept
    assert found == expected
