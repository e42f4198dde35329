"""Graphs on disk: kept whole or not at all, found by what they depend on, trusted only if they are ours."""

import dataclasses
import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tfbo._compile import disk_cache
from tfbo._compile.disk_cache import Traced
from tfbo._compile.programs import Program
from tfbo._compile.sessions import SESSIONS
from tfbo.acquisition import EI, UCB, Acquisition, LogEI
from tfbo.gp import kernels
from tfbo.strategies.bayes import chooser, fit
from tfbo.strategies.bayes.greedy import Greedy
from tfbo.strategies.bayes.thompson import Thompson

VECTOR = tf.TensorSpec([None], tf.float64)
GRAPH = Traced(b"graph \n bytes \0", ("a:0", "b:0"), ("c:0",))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFBO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def kept(cache):
    """The only file of a graph, by the name x."""
    disk_cache.store("x", GRAPH)
    (path,) = cache.iterdir()
    return path


def test_what_is_kept_is_read_as_it_was(kept):
    assert disk_cache.load("x") == GRAPH
    assert disk_cache.load("y") is None
    disk_cache.store("x", GRAPH._replace(graph=b"new"))
    assert disk_cache.load("x").graph == b"new"


def test_every_damage_is_found(kept):
    whole = kept.read_bytes()
    rng = np.random.default_rng(0)
    for i in rng.choice(len(whole), 40, replace=False):
        damaged = bytearray(whole)
        damaged[i] ^= 1 << int(rng.integers(8))
        kept.write_bytes(damaged)
        assert disk_cache.load("x") is None
    for length in (0, 5, 20, len(whole) - 1):
        kept.write_bytes(whole[:length])
        assert disk_cache.load("x") is None
    kept.write_bytes(whole)
    assert disk_cache.load("x") == GRAPH


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX")
def test_a_file_that_another_user_could_have_written_is_passed_over(kept):
    kept.chmod(0o620)
    assert disk_cache.load("x") is None
    kept.chmod(0o602)
    assert disk_cache.load("x") is None
    kept.chmod(0o600)
    assert disk_cache.load("x") == GRAPH
    if os.getuid() == 0:
        os.chown(kept, 12345, -1)
        assert disk_cache.load("x") is None


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("TFBO_CACHE", str(folder))
        disk_cache.store("x", GRAPH)
        assert disk_cache.load("x") is None
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_full_disk_leaves_no_half_file(cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    disk_cache.store("x", GRAPH)
    assert list(cache.iterdir()) == [] and disk_cache.load("x") is None


@pytest.mark.parametrize("off", ["", "0", "off", "OFF", "none"])
def test_it_can_be_turned_off(off, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFBO_CACHE", off)
    disk_cache.store("x", GRAPH)
    assert (
        disk_cache.folder() is None
        and disk_cache.load("x") is None
        and not list(tmp_path.iterdir())
    )


def test_it_is_in_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("TFBO_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert tmp_path in disk_cache.folder().parents


def test_the_newest_are_kept(cache, monkeypatch):
    monkeypatch.setattr(disk_cache, "_MOST_FILES", 3)
    for i in range(5):
        disk_cache.store(str(i), GRAPH)
        os.utime(cache / f"{i}.graph", (i, i))
        if i == 2:
            assert disk_cache.load("0") == GRAPH  # used again, so it is not the oldest
    assert {path.stem for path in cache.iterdir()} == {"0", "3", "4"}


def test_drafts_of_dead_processes_go(cache):
    disk_cache.store("x", GRAPH)
    (cache / "old.draft").write_bytes(b"")
    (cache / "new.draft").write_bytes(b"")
    os.utime(cache / "old.draft", (1, 1))
    disk_cache.store("y", GRAPH)
    assert {path.name for path in cache.iterdir()} == {"x.graph", "y.graph", "new.draft"}


def choice(**changes):
    kernel = kernels.kernel("matern52", 2)
    columns = kernels.Columns(tuple(kernels.Column(count=c) for c in (None, 4)))
    return chooser.Choice(Greedy(), columns, kernel, LogEI(), padded=False)._replace(**changes)


def name(settings=None, function=chooser.choose, specs=(VECTOR,), compiled_for=""):
    return disk_cache.key(function, choice() if settings is None else settings, specs, compiled_for)


def test_the_same_has_the_same_name_in_another_process():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_disk_cache as t; print(t.name())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, os.path.dirname(__file__)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.stdout.strip() == name() == name(), run.stderr


def test_whatever_changes_the_graph_changes_the_name(monkeypatch):
    names = [
        name(),
        name(choice(padded=True)),
        name(choice(chooser=Greedy(2))),
        name(choice(chooser=Thompson())),
        name(choice(boundary=0.1)),
        name(choice(acquisition=EI())),
        name(choice(acquisition=UCB(1.0))),
        name(choice(acquisition=UCB(2.0))),
        name(choice(kernel=kernels.kernel("matern32", 2))),
        name(choice(kernel=kernels.kernel("matern52", 3))),
        name(choice(columns=choice().columns.repeated(2))),
        name(function=fit._fit),  # noqa: SLF001
        name(specs=(VECTOR, VECTOR)),
        name(specs=(tf.TensorSpec([None], tf.float32),)),
        name(specs=(tf.TensorSpec([4], tf.float64),)),
        name(compiled_for="GPU:0"),
    ]
    monkeypatch.setattr(disk_cache, "_versions", lambda: "another TensorFlow, or another source")
    names.append(name())
    assert None not in names and len(set(names)) == len(names)


def test_versions_cover_the_source_that_is_traced(tmp_path, monkeypatch):
    (tmp_path / "gp").mkdir()
    (tmp_path / "gp" / "kernels.py").write_text("1")
    monkeypatch.setattr(disk_cache, "__file__", str(tmp_path / "_compile" / "disk_cache.py"))
    before = disk_cache._versions.__wrapped__()  # noqa: SLF001
    (tmp_path / "gp" / "kernels.py").write_text("2")
    assert disk_cache._versions.__wrapped__() != before  # noqa: SLF001
    assert tf.__version__ in before and np.__version__ in before


@dataclasses.dataclass(frozen=True)
class Own(Acquisition):
    """An acquisition of the user's: another version of it has the same name."""

    logarithmic = False

    def evaluate(self, mean, deviation, incumbent):
        return mean


class Pair(NamedTuple):
    x: int


def test_what_depends_on_code_of_the_users_is_not_kept():
    assert name(choice(acquisition=Own())) is None
    assert name(Pair(1)) is None
    assert name(function=lambda settings, x: x) is None
    assert name([1]) is None


def doubled(_, x):
    return 2.0 * x


doubled.__module__ = "tfbo.tests"


def test_a_later_program_is_loaded_and_answers_the_same(cache, traces):
    x = np.random.default_rng(0).random(50)
    first = Program(doubled, 1, VECTOR, 0)(x)
    SESSIONS.clear()  # as in a later process
    np.testing.assert_array_equal(Program(doubled, 1, VECTOR, 0)(x), first)
    assert len(traces) == 1
    assert Program(doubled, 2, VECTOR, 0)(x) is not None and len(list(cache.iterdir())) == 2


def test_a_graph_that_is_none_is_traced_anew(cache, traces):
    x = np.ones(2)
    Program(doubled, 1, VECTOR, 0)(x)
    (path,) = cache.iterdir()
    for graph in (b"no graph at all", Traced(b"", (), ()).graph):
        disk_cache.store(path.stem, Traced(graph, ("a:0",), ("b:0",)))
        SESSIONS.clear(), traces.clear()
        np.testing.assert_array_equal(Program(doubled, 1, VECTOR, 0)(x), 2.0 * x)
        assert len(traces) == 1


SEARCH = """
import tfbo
from tfbo._compile import programs
traces, trace = [], programs._trace
programs._trace = lambda *a: traces.append(a[0].__name__) or trace(*a)
space = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "c": tfbo.Categorical(["a", "b"])})
study = tfbo.Study(space, seed=0)
for _ in range(9):
    trial = study.ask()
    study.tell(trial, (trial.params["x"] - 0.3) ** 2 + (trial.params["c"] == "a"))
print([trial.params for trial in study.trials])
print(sorted(traces))
"""


def test_a_study_is_the_same_bit_for_bit_with_and_without(tmp_path):
    def run(setting):
        env = {**os.environ, "TFBO_CACHE": setting}
        ran = subprocess.run(
            [sys.executable, "-c", SEARCH], capture_output=True, text=True, timeout=600, env=env
        )
        assert not ran.returncode, ran.stderr
        return ran.stdout.splitlines()

    without = run("off")
    first, second = run(str(tmp_path / "cache")), run(str(tmp_path / "cache"))
    assert without[0] == first[0] == second[0]
    assert without[1] == first[1] == "['_choose', '_fit']" and second[1] == "[]"
