"""What workers import: objectives without TensorFlow, which would take each process seconds."""

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

PATIENCE = 120.0


def x(params):
    return params["x"]


STATE = ["stale"]


def initialize(state):
    """Of a pool of processes: what its tasks find."""
    STATE[0] = state


class Unportable(Exception):
    def __init__(self, message, resource):
        super().__init__(message)
        self.resource = resource


def misbehave(params):
    """Whatever `what` says; otherwise 1, or 2 where an initializer has been run."""
    what = params["what"]
    if what == "error":
        raise ValueError("bad luck")
    if what == "unportable":
        raise Unportable("stuck", lambda: None)
    if what == "memory":
        raise MemoryError
    if what == "nothing":
        return None
    if what == "exit 3":
        os._exit(3)
    if what.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, what))
        time.sleep(PATIENCE)  # a signal may take a moment
    if what == "nan":
        return math.nan
    return 1.0 if STATE == ["stale"] else 2.0


def wait_for(condition):
    """Until something is so; the limit is for tests that fail."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def meet(folder, count, params):
    """Be there until `count` have come; how many were there at once."""
    folder = Path(folder)
    here = folder / f"here-{uuid.uuid4().hex}"
    (folder / f"came-{here.name}").touch()
    here.touch()
    wait_for(lambda: len(list(folder.glob("came-*"))) >= count)
    present = len(list(folder.glob("here-*")))
    here.unlink()
    return float(present)


def wait_if_first(folder, params):
    """The first one waits until it is released."""
    if params["x"] == 0.0:
        wait_for((Path(folder) / "release").exists)
    return params["x"]


def visible(folder, params):
    """Leave in the folder which GPU is seen; wait for a second one."""
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    (Path(folder) / f"gpu-{gpu}").touch()
    wait_for(lambda: len(list(Path(folder).glob("gpu-*"))) == 2)
    return 1.0


def hang(folder, params):
    """Leave the number of this process, and of one that it starts, and never return."""
    other = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({PATIENCE})"])
    (Path(folder) / f"{os.getpid()}.pid").touch()
    (Path(folder) / f"{other.pid}.pid").touch()
    time.sleep(PATIENCE)


def leave_behind(folder, params):
    """Return, or be killed, while a process that was forked goes on, with all that was open here."""
    forked = os.fork()
    if forked == 0:
        time.sleep(PATIENCE)
        os._exit(0)
    (Path(folder) / f"{forked}.pid").touch()
    return misbehave(params)


def with_processes(params):
    """What processes of its own compute."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return float(sum(pool.map(abs, [-1, 2, -3])))


def is_alive(pid):
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def are_gone(folder):
    """Whether all processes that have left their number have ended."""
    return not any(is_alive(int(path.stem)) for path in Path(folder).glob("*.pid"))


def curve_value(params, step):
    return params["x"] + 0.5 / step


def train(params, run):
    """Report each step, and end where that is answered."""
    for step in range(run.start + 1, run.until + 1):
        if not run.report(step, curve_value(params, step)):
            break
    return curve_value(params, step)


def train_from_checkpoints(params, run):
    """As `train`, from the step that the checkpoint holds."""
    held = run.checkpoint / "step"
    begin = int(held.read_text()) if held.exists() else 0
    assert begin == run.start, (begin, run.start)
    value = train(params, run)
    held.write_text(str(run.until))
    return value


def train_and_die_once(folder, params, run):
    """As `train`; each trial's first process is killed after two steps of its second stage."""
    died = Path(folder) / f"died-{run.number}"
    if run.start and not died.exists():
        run.report(run.start + 1, 7.0)
        run.report(run.start + 2, 7.0)
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(PATIENCE)
    return train(params, run)


def report_and_die(params, run):
    run.report(1, 0.25)
    os._exit(3)


def train_for_nobody(folder, params, run):
    """Go on when the process that searches has ended; leave what a report answers then."""
    run.report(1, 1.0)
    (Path(folder) / f"{os.getpid()}.pid").touch()
    wait_for((Path(folder) / "ended").exists)
    answer = run.report(2, 1.0)
    (Path(folder) / "answer").write_text(repr(answer))
    return 1.0
