"""Programs: their own graph and session, whatever the caller's threads, scopes and settings are."""

import io
import logging
import os
import subprocess
import sys
import threading
import time
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tfbo._compile import programs
from tfbo._compile.programs import Program
from tfbo._compile.sessions import SESSIONS

VECTOR = tf.TensorSpec([None], tf.float64)


def powers(power, x):
    """A loop and a branch, as the programs of tfbo have them."""
    total = tf.while_loop(
        lambda i, _: i < power,
        lambda i, y: (i + 1, y * x),
        (tf.constant(0), tf.ones_like(x)),
    )[1]
    return tf.cond(tf.size(x) > 0, lambda: tf.reduce_sum(total), lambda: tf.constant(-1.0, x.dtype))


def cubes(xla=False):
    return Program(powers, 3, VECTOR, "sum", xla=xla)


class Sums(NamedTuple):
    a: np.ndarray
    b: tuple[int]


@pytest.mark.parametrize("xla", [False, True])
def test_an_answer_is_what_numpy_says_in_the_given_structure(xla, traces):
    program = Program(
        lambda shift, asked: Sums(asked["x"] + shift, (tf.reduce_sum(asked["y"]),)),
        1.5,
        {"x": VECTOR, "y": tf.TensorSpec([None, None], tf.int32)},
        Sums("a", ("b",)),
        xla=xla,
    )
    for n in (2, 5):
        x, y = np.linspace(0.0, 1.0, n), np.arange(3 * n).reshape(n, 3)
        answer = program({"x": x, "y": y})
        np.testing.assert_array_equal(answer.a, x + 1.5)
        assert answer.b == (y.sum(),)
    assert len(traces) == SESSIONS.info().entries == (2 if xla else 1)


def test_loops_and_branches():
    program, x = cubes(), np.array([1.0, 2.0, -3.0])
    assert program(x) == pytest.approx((x**3).sum())
    assert program(np.zeros(0)) == -1.0


def _clear():
    import keras

    keras.utils.clear_session()
    tf.compat.v1.reset_default_graph()


def test_clearing_the_session_costs_nothing(monkeypatch, traces):
    made = []
    session = programs.Session
    monkeypatch.setattr(programs, "Session", lambda *a: made.append(1) or session(*a))
    program = cubes()
    for _ in range(3):
        assert program(np.array([2.0])) == 8.0
        _clear()
    assert made == [1] and len(traces) == 1


SCOPES = {
    "graph": lambda: tf.Graph().as_default(),
    "device": lambda: tf.device("CPU:0"),
    "strategy": lambda: tf.distribute.OneDeviceStrategy("CPU:0").scope(),
    "tape": tf.GradientTape,
    "name": lambda: tf.name_scope("mine"),
    "no control flow v2": lambda: tf.compat.v1.control_dependencies([]),
}


@pytest.mark.parametrize("scope", SCOPES)
def test_it_is_traced_and_run_in_any_scope_of_the_caller(scope, traces):
    with SCOPES[scope]():
        program = cubes()
        assert program(np.array([2.0])) == 8.0
    assert program(np.array([3.0])) == 27.0 and len(traces) == 1


def test_it_runs_where_functions_are_run_eagerly(traces):
    tf.config.run_functions_eagerly(True)
    try:
        program = cubes()
        assert program(np.array([2.0])) == 8.0 and len(traces) == 1
    finally:
        tf.config.run_functions_eagerly(False)


def test_many_rows_are_shared_among_threads_without_another_trace(traces):
    program, x = cubes(), np.array([2.0, 3.0])
    assert program(x, rows=5) == program(x, rows=5000) == 35.0
    assert (len(traces), SESSIONS.info().entries) == (1, 2)


def test_many_threads_share_one_session(traces):
    answers = []
    barrier = threading.Barrier(8)

    def call(i):
        barrier.wait()
        answers.append((i, float(cubes()(np.array([float(i)])))))  # each a program of its own

    threads = [threading.Thread(target=call, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(i, float(i**3)) for i in range(8)]
    assert len(traces) == 1 and SESSIONS.info() == (1, 7, 1)


def test_an_error_of_a_trace_and_of_a_run_reach_the_caller():
    def wrong(_, x):
        raise ZeroDivisionError("in the trace")

    for _ in range(2):  # nothing stays locked
        with pytest.raises(ZeroDivisionError, match="in the trace"):
            Program(wrong, None, VECTOR, 0)(np.zeros(1))
    with pytest.raises(tf.errors.InvalidArgumentError):
        Program(lambda _, x: tf.linalg.cholesky(tf.reshape(x, [1, -1])), None, VECTOR, 0)(
            np.ones(2)
        )


def test_what_it_captures_beside_its_arguments_is_refused():
    outside = tf.Variable(1.0, dtype=tf.float64)
    with pytest.raises(AssertionError, match="settings and arrays alone"):
        Program(lambda _, x: x + outside, None, VECTOR, 0)(np.zeros(1))


def slow(seconds, x):
    time.sleep(seconds)
    return x + 1.0


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def test_who_waits_is_told_why_once(monkeypatch, caplog, capsys):
    monkeypatch.setattr(programs, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(programs, "_WAITING", programs._Waiting())  # noqa: SLF001
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with caplog.at_level(logging.INFO, logger="tfbo"):
        for _ in range(2):
            SESSIONS.clear()
            Program(slow, 0.3, VECTOR, 0)(np.zeros(1))
    assert capsys.readouterr().err.count("compiling its model") == 1
    assert sum("compiling its model" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("gone", [lambda: None, closed], ids=["none", "closed"])
def test_who_waits_without_a_standard_error_is_not_stopped(gone, monkeypatch):
    monkeypatch.setattr(programs, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(programs, "_WAITING", programs._Waiting())  # noqa: SLF001
    program = Program(slow, 0.3, VECTOR, 0)
    monkeypatch.setattr(sys, "stderr", gone())
    assert program(np.zeros(1)) == 1.0 and programs._WAITING.told  # noqa: SLF001


def test_a_program_that_is_made_ahead_tells_nobody_but_who_comes_for_it(
    monkeypatch, caplog, traces
):
    monkeypatch.setattr(programs, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(programs, "_WAITING", programs._Waiting())  # noqa: SLF001
    program = Program(slow, 1.0, VECTOR, 0)
    with caplog.at_level(logging.INFO, logger="tfbo"):
        ahead = threading.Thread(target=program, args=(np.zeros(1),))
        ahead.start()
        time.sleep(0.4)
        assert not caplog.records
        program(np.zeros(1))
        ahead.join()
    assert len(caplog.records) == 1 and len(traces) == 1


def test_who_does_not_wait_for_a_program_is_told_nothing(monkeypatch, caplog):
    program = Program(
        lambda _, x: tf.py_function(lambda v: slow(0.3, v), [x], x.dtype), None, VECTOR, 0
    )
    program(np.zeros(1))
    monkeypatch.setattr(programs, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(programs, "_WAITING", programs._Waiting())  # noqa: SLF001
    with caplog.at_level(logging.INFO, logger="tfbo"):
        program(np.zeros(1))  # it takes long to run, and nothing is compiled
    assert not caplog.records


SCRIPT = """
import os, signal, threading, time
import numpy as np, tensorflow as tf
from tfbo._compile.programs import Program

def slow(_, x):
    print("tracing", flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(3.0)
    return x

begin = time.monotonic()
try:
    Program(slow, None, tf.TensorSpec([None], tf.float64), 0)(np.zeros(1))
except KeyboardInterrupt:
    print("early" if any(t.name == "tfbo-program" for t in threading.enumerate()) else "late")
"""


def test_ctrl_c_is_noticed_before_the_work_is_done():
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300
    )
    assert run.stdout.split() == ["tracing", "early"], run.stderr


@pytest.mark.slow
def test_without_eager_execution_a_study_is_asked_as_with_it():
    script = (
        "import sys, tensorflow as tf\n"
        "if sys.argv[1] == 'off': tf.compat.v1.disable_eager_execution()\n"
        "import tfbo\n"
        "study = tfbo.Study(tfbo.Space({'x': tfbo.Float(0.0, 1.0)}), seed=0)\n"
        "for _ in range(7):\n"
        "    trial = study.ask(); study.tell(trial, (trial.params['x'] - 0.3) ** 2)\n"
        "print([t.params for t in study.trials])\n"
    )
    with_it, without = (
        subprocess.run(
            [sys.executable, "-c", script, mode],
            capture_output=True, text=True, timeout=600, env=dict(os.environ),
        )
        for mode in ("on", "off")
    )  # fmt: skip
    assert with_it.stdout.startswith("[{'x'") and with_it.stdout == without.stdout, without.stderr
