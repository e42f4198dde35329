"""The cache of sessions: bounded for all programs together, and what is dropped gives its memory back."""

import ctypes
import gc
import os
import threading
import weakref

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import Categorical, Float, Space
from tfbo._compile import programs
from tfbo._compile.programs import Program
from tfbo._compile.sessions import Info, Sessions
from tfbo.strategies import Bayes

VECTOR = tf.TensorSpec([None], tf.float64)
NEEDS_PROC = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")


def times(factor, x):
    return factor * x


def program(factor, xla=False):
    return Program(times, factor, VECTOR, 0, xla=xla)


@pytest.fixture
def two(monkeypatch):
    """Room for two sessions."""
    small = Sessions(most=2)
    monkeypatch.setattr(programs, "SESSIONS", small)
    return small


def test_the_least_recently_used_goes(two, traces):
    x = np.ones(1)
    for factor in (2.0, 3.0, 2.0, 4.0):  # 3.0 goes
        assert program(factor)(x) == factor
    assert two.info() == Info(entries=2, hits=1, misses=3) and len(traces) == 3
    assert [program(factor).is_ready for factor in (2.0, 3.0, 4.0)] == [True, False, True]
    assert program(3.0)(x) == 3.0 and len(traces) == 4
    assert [program(factor).is_ready for factor in (2.0, 3.0, 4.0)] == [False, True, True]


def test_each_shape_that_xla_compiles_for_counts(two):
    for n in (1, 2, 3, 4):
        np.testing.assert_array_equal(program(2.0, xla=True)(np.ones(n)), np.full(n, 2.0))
    assert two.info() == Info(entries=2, hits=0, misses=4)


def test_what_is_cleared_is_made_again(two, traces):
    for _ in range(2):
        two.clear()
        assert two.info() == Info(0, 0, 0)
        assert program(2.0)(np.ones(1)) == 2.0
    assert len(traces) == 2


def test_a_session_that_runs_is_not_closed_under_its_caller_and_is_freed_afterwards(two):
    inside, go_on = threading.Event(), threading.Event()

    def wait(x):
        inside.set()
        assert go_on.wait(60)
        return x + 1.0

    waiting = Program(lambda _, x: tf.py_function(wait, [x], x.dtype), None, VECTOR, 0)
    answers = []
    caller = threading.Thread(target=lambda: answers.append(waiting(np.ones(1))))
    caller.start()
    assert inside.wait(60)
    (entry,) = two._entries.values()  # noqa: SLF001
    session = weakref.ref(entry.session)
    del entry
    program(2.0)(np.ones(1)), program(3.0)(np.ones(1))
    assert not waiting.is_ready and session() is not None
    go_on.set()
    caller.join()
    gc.collect()
    assert answers == [2.0] and session() is None


def test_what_cannot_be_made_leaves_its_place_to_the_next_try(two):
    failing = [True]

    def at_first(_, x):
        if failing:
            raise ZeroDivisionError
        return x

    made = Program(at_first, None, VECTOR, 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            made(np.ones(1))
    assert not made.is_ready
    failing.clear()
    assert made(np.ones(1)) == 1.0 and made.is_ready


def resident():
    """Memory of this process that is in use, in MB."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # each of glibc's arenas keeps what was freed in it
        trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@NEEDS_PROC
def test_studies_of_many_spaces_take_no_more_memory_than_a_few(monkeypatch):
    kept = Sessions(most=3)
    monkeypatch.setattr(programs, "SESSIONS", kept)
    for number in range(16):
        if number == 6:
            at_first = resident()
        kinds = Categorical([f"{kind}" for kind in range(number + 2)])
        space = Space({"x": Float(0.0, 1.0), "kind": kinds})
        strategy = Bayes(n_initial=2, n_candidates=32, n_restarts=1)
        study = tfbo.Study(space, seed=0, strategy=strategy)
        study.optimize(lambda params: params["x"], n_trials=3)
        assert kept.info().entries <= 3
    assert kept.info().misses >= 16
    # Of each, a session takes 26 MB and what is traced for it 20 MB.
    assert resident() - at_first < 60.0


def decomposed(times, x):
    for _ in range(times):
        x = tf.linalg.cholesky(x + tf.matmul(x, x, transpose_b=True))
    return x


@NEEDS_PROC
def test_many_shapes_that_xla_compiles_for_take_no_more_memory_than_a_few(monkeypatch):
    monkeypatch.setattr(programs, "SESSIONS", Sessions(most=3))
    matrix = tf.TensorSpec([None, None], tf.float64)
    for n in range(3, 27):
        if n == 11:
            at_first = resident()
        Program(decomposed, 8, matrix, 0, xla=True)(np.eye(n))
    assert programs.SESSIONS.info() == Info(entries=3, hits=0, misses=24)
    assert resident() - at_first < 30.0  # of about 6 MB each
