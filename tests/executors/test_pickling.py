import pickle
import subprocess
import sys

import objectives
import pytest

from tfbo import InvalidArgument, RemoteError
from tfbo.executors import pickling
from tfbo.executors.pickling import Raised


class Local(ValueError):
    pass


class Unreadable(Exception):
    """Pickled without complaint, and fails when it is read."""

    def __reduce__(self):
        return int, ("no number",)


def beyond(error):
    """An exception raised, and what comes of it in another process."""
    try:
        raise error
    except BaseException as raised:
        return pickling.loads(pickling.dumps(Raised(raised), "error"))


def test_within_a_process_it_is_the_exception_itself():
    error = objectives.Unportable("stuck", lambda: None)
    assert Raised(error).error is error


def test_what_can_be_pickled_arrives_with_its_traceback():
    there = beyond(Local("mine"))
    assert type(there.error) is Local and there.error.args == ("mine",)
    assert "in beyond" in str(there.error.__cause__)


@pytest.mark.parametrize("cls", [objectives.Unportable, Unreadable])
def test_what_cannot_arrives_as_a_text_and_is_still_of_its_class(cls):
    there = beyond(cls("stuck", lambda: None))
    assert type(there.error) is RemoteError
    assert f"{cls.__name__}: " in str(there.error)
    assert there.is_one_of(cls)
    assert there.is_one_of((KeyError, Exception))
    assert not there.is_one_of((KeyError, Local))
    assert not there.is_one_of(())


def test_classes_of_the_main_script_are_the_same_in_its_children():
    ours = type("Mine", (Exception,), {"__module__": "__main__"})
    theirs = type("Mine", (Exception,), {"__module__": "__mp_main__"})
    assert Raised(theirs("no")).is_one_of(ours)


def test_a_pickle_is_the_one_of_the_standard_library_where_that_will_do():
    # cloudpickle's would hold the function itself.
    assert len(pickling.dumps(objectives.misbehave, "fn")) < 100
    assert pickle.loads(pickling.dumps(objectives.misbehave, "fn")) is objectives.misbehave


@pytest.mark.parametrize("method", ["__getstate__", "__reduce__"])
def test_whatever_an_object_raises_when_it_is_pickled_is_an_argument_that_is_wrong(method):
    def fails(self):
        raise NotImplementedError("only when eager")

    stubborn = type("Stubborn", (), {method: fails})()
    with pytest.raises(InvalidArgument, match=r"fn: .*NotImplementedError: only when eager"):
        pickling.dumps(stubborn, "fn")


def test_what_a_session_defines_needs_cloudpickle():
    run = subprocess.run(
        [sys.executable, "-c", SESSION], capture_output=True, text=True, check=True
    )
    assert run.stdout == "3.0\n4.0\nMine\nfn: expected what can be sent to another process\n"


SESSION = """
import sys
import tfbo
from tfbo.executors import ProcessExecutor

class Mine(Exception):
    pass

def half(x):
    if x < 0:
        raise Mine("below zero")
    return x / 2

pool = ProcessExecutor()
print(pool.submit(half, 6).result())
print(pool.submit(lambda: half(8)).result())
print(str(pool.submit(half, -1).exception()).splitlines()[-1].split(":")[0].rpartition(".")[2])
sys.modules["cloudpickle"] = None
try:
    pool.submit(half, 6)
except tfbo.InvalidArgument as error:
    print(str(error).partition(",")[0])
"""
