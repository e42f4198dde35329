"""Ctrl-C at several moments: that it was heard is said at once, nothing is lost, and it is raised."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tfbo import Float, Space, Study
from tfbo import __main__ as command
from tfbo.strategies import Random

HEARD = "Ctrl-C: stopping as soon as what runs lets go; press it again to end at once."
AGAIN = "Ctrl-C again: ended at once."
KEPT = "Stopped by Ctrl-C: {} kept in {!r}, study 'study'. To go on: run the same again."

# Trials that are enqueued need no strategy, and so no TensorFlow, which takes seconds to start.
SCRIPT = """
import hashlib, signal, sys, time
from pathlib import Path
import tfbo

folder = Path(sys.argv[1])

def ready():
    (folder / "ready").touch()

def compiled(seconds):
    "As if in a compiled call: no bytecode of this thread is run meanwhile."
    begin = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000)
    rate = 200_000 / (time.monotonic() - begin)
    ready()
    hashlib.pbkdf2_hmac("sha256", b"", b"", int(seconds * rate))

if "suggestion" in sys.argv:
    class Compiled(tfbo.strategies.Random):
        def suggest(self, *arguments, **options):
            compiled(4.0)
            return super().suggest(*arguments, **options)

study = tfbo.Study(
    tfbo.Space({"x": tfbo.Float(0.0, 1.0)}),
    storage=folder / "runs.db",
    seed=0,
    strategy=Compiled() if "suggestion" in sys.argv else None,
)
for i in range(2 if "suggestion" in sys.argv else 5):
    study.enqueue({"x": i / 10})

def sleeps(params):
    if params["x"] == 0.2:
        ready()
        time.sleep(60.0)
    return params["x"]

def computes(params):
    if params["x"] == 0.2:
        compiled(4.0)
    return params["x"]

def swallows(params):
    if params["x"] == 0.2:
        try:
            ready()
            time.sleep(60.0)
        except BaseException:
            pass
    return params["x"]

def translates(params):
    if params["x"] == 0.2:
        try:
            ready()
            time.sleep(60.0)
        except KeyboardInterrupt:
            raise RuntimeError("KeyboardInterrupt: in a py_function") from None
    return params["x"]

def returns(params):
    return params["x"]

def callback(study, trial):
    if trial.number == 1:
        ready()
        time.sleep(60.0)

def nested(params):
    inner = tfbo.Study(study.space, storage=folder / "inner.db", name="inner")
    inner.enqueue({"x": 0.2})
    inner.optimize(sleeps, n_trials=1, interrupt="return")
    return params["x"]

if "own handler" in sys.argv:
    signal.signal(signal.SIGINT, lambda *_: (print("mine", flush=True), sys.exit(7)))
before = signal.getsignal(signal.SIGINT)
try:
    study.optimize(globals()[sys.argv[3]], n_trials=5, **eval(sys.argv[2]))
    print("returned")
finally:
    assert signal.getsignal(signal.SIGINT) is before and signal.set_wakeup_fd(-1) == -1
"""


class Script:
    """A script, and what it writes to standard error, each line with the seconds since the last Ctrl-C."""

    def __init__(self, folder, *arguments):
        self.folder = folder
        self.lines = []
        self._pressed = 0.0
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            if "absl::" not in line and "0000 00:00" not in line:  # TensorFlow's, as it is imported
                self.lines.append((time.monotonic() - self._pressed, line.rstrip("\n")))

    def wait_until(self, happened):
        end = time.monotonic() + 180.0
        while not happened():
            assert self.process.poll() is None, self.lines
            assert time.monotonic() < end
            time.sleep(0.02)

    def press(self):
        self._pressed = time.monotonic()
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """Standard output and the exit status."""
        out = self.process.stdout.read()
        status = self.process.wait(timeout=180)
        self._reader.join()
        return out, status

    def text(self):
        return [line for _, line in self.lines]


@pytest.fixture
def start(tmp_path):
    started = []

    def start(objective, options="{}", *words):
        run = Script(tmp_path, "-c", SCRIPT, str(tmp_path), options, objective, *words)
        started.append(run)
        run.wait_until((tmp_path / "ready").exists)
        time.sleep(0.3)
        return run

    yield start
    for run in started:
        run.process.kill()


def stored(folder):
    return Study.load(storage=folder / "runs.db").trials


def check_raised(run, trials, heard_within=1.5):
    out, status = run.end()
    assert (out, status) == ("", -signal.SIGINT)
    seconds, line = run.lines[0]
    assert line == HEARD and seconds < heard_within
    assert run.text()[1] == KEPT.format(trials, str(run.folder / "runs.db"))
    assert run.text()[2].startswith("Traceback") and run.text()[-1] == "KeyboardInterrupt"
    assert len(run.lines) < 16 and "During handling" not in "\n".join(run.text())


@pytest.mark.parametrize("options", ["{}", "{'n_jobs': 1, 'executor': 'thread'}"])
def test_in_an_objective(start, options, tmp_path):
    run = start("sleeps", options)
    if options != "{}":
        run.press()
        run.wait_until(lambda: len(run.lines) > 1)  # the thread itself cannot be ended
        assert run.text()[:2] == [HEARD, KEPT.format("2 trials", str(tmp_path / "runs.db"))]
    else:
        run.press()
        check_raised(run, "2 trials")
    trials = stored(tmp_path)
    assert [t.value for t in trials[:2]] == [0.0, 0.1]
    assert (trials[2].kind, trials[5].state, trials[5].params) == (
        "interrupted",
        "waiting",
        {"x": 0.2},
    )


def test_in_an_objective_that_is_inside_of_a_compiled_call(start, tmp_path):
    run = start("computes")
    run.press()
    check_raised(run, "2 trials")
    assert run.lines[1][0] > 1.0  # it could not be ended before
    assert [t.state for t in stored(tmp_path)] == ["complete"] * 2 + ["failed"] + ["waiting"] * 3


def test_in_a_suggestion_that_is_inside_of_a_compiled_call(start, tmp_path):
    run = start("returns", "{}", "suggestion")
    run.press()
    check_raised(run, "2 trials")
    assert [t.state for t in stored(tmp_path)] == ["complete"] * 2


@pytest.mark.parametrize("where", ["computes", "suggestion"])
def test_a_second_one_ends_at_once_whatever_runs(start, where, tmp_path):
    words = ("returns", "{}", where) if where == "suggestion" else (where,)
    run = start(*words)
    run.press()
    run.wait_until(lambda: run.lines)
    time.sleep(0.3)
    begin = time.monotonic()
    run.press()
    assert run.end() == ("", 130)
    assert time.monotonic() - begin < 2.5
    assert run.text() == [HEARD, AGAIN]
    trials = stored(tmp_path)  # by which the one that ran is found to have lost its process
    assert [t.value for t in trials[:2]] == [0.0, 0.1]
    assert {t.state for t in trials[2:]} <= {"waiting"}


def test_in_a_callback(start, tmp_path):
    run = start("returns", "{'callbacks': [callback]}")
    run.press()
    check_raised(run, "2 trials")
    assert [t.state for t in stored(tmp_path)] == ["complete"] * 2 + ["waiting"] * 3


def test_an_objective_that_swallows_it_is_told_and_the_search_ends(start, tmp_path):
    run = start("swallows")
    run.press()
    check_raised(run, "3 trials")
    assert [t.state for t in stored(tmp_path)] == ["complete"] * 3 + ["waiting"] * 2


def test_swallowed_by_the_last_trial(start, tmp_path):
    run = start("swallows", "{'total': 3}")
    run.press()
    check_raised(run, "3 trials")


def test_an_objective_that_makes_another_exception_of_it_is_tried_again(start, tmp_path):
    run = start("translates")
    run.press()
    check_raised(run, "2 trials")
    assert stored(tmp_path)[2].kind == "interrupted"


def test_it_returns_where_that_is_asked_for(start, tmp_path):
    run = start("sleeps", "{'interrupt': 'return'}")
    run.press()
    assert run.end() == ("returned\n", 0)
    assert run.text() == [HEARD, KEPT.format("2 trials", str(tmp_path / "runs.db"))]


def test_a_search_in_an_objective_ends_with_the_outer_one(start, tmp_path):
    run = start("nested")
    run.press()
    assert run.end() == ("", -signal.SIGINT)
    heard, inner, outer, *_, last = run.text()
    assert heard == HEARD and last == "KeyboardInterrupt"
    assert inner.startswith("Stopped by Ctrl-C: 0 trials kept") and "'inner'" in inner
    assert outer == KEPT.format("1 trial", str(tmp_path / "runs.db"))


def test_a_program_with_a_handler_of_its_own_is_left_alone(start, tmp_path):
    run = start("sleeps", "{}", "own handler")
    run.press()
    assert run.end() == ("mine\n", 7)
    assert run.text() == []


def test_a_terminal_gets_a_line_of_its_own_and_a_closed_stream_no_error(monkeypatch, capsys):
    from tfbo.study import interrupts

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    interrupts.say("heard")
    assert capsys.readouterr().err == "\nheard\n"
    monkeypatch.setattr(sys, "stderr", None)
    interrupts.say("heard")


SIGNALS = """
import json, os, signal, socket, threading, time
from tfbo.study.interrupts import Interrupts

theirs, ours = socket.socketpair()
ours.setblocking(False)
assert signal.set_wakeup_fd(ours.fileno()) == -1
said = {}
with Interrupts() as outer:
    child = os.fork()
    if child == 0:
        default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        os._exit(0 if default and signal.set_wakeup_fd(-1) == ours.fileno() else 1)
    said["forked"] = os.waitpid(child, 0)[1]
    with Interrupts() as inner:
        with outer.allowed():
            try:
                with inner.allowed():
                    signal.raise_signal(signal.SIGINT)
                    said["raised"] = False
            except KeyboardInterrupt:
                said["raised"] = True
    said["both"] = inner.arrived and outer.arrived
    said["passed on"] = list(theirs.recv(8))
    with outer.held():
        signal.raise_signal(signal.SIGINT)
    said["held"] = True
    thread = threading.Thread(target=lambda: said.setdefault("thread", Interrupts().__enter__().arrived))
    thread.start()
    thread.join()
said["put back"] = signal.set_wakeup_fd(-1) == ours.fileno()
said["handler"] = signal.getsignal(signal.SIGINT) is signal.default_int_handler
said["SIGTERM"] = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
time.sleep(0.2)
said["threads"] = threading.active_count()
print(json.dumps(said))
"""


def test_handlers_and_descriptors_are_put_back():
    run = subprocess.run(
        [sys.executable, "-c", SIGNALS], capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == {
        "forked": 0, "raised": True, "both": True, "passed on": [signal.SIGINT], "held": True,
        "thread": False, "put back": True, "handler": True, "SIGTERM": True, "threads": 1,
    }  # fmt: skip
    assert run.stderr.splitlines() == [HEARD]


def test_a_command_ends_with_130_and_one_line(monkeypatch, tmp_path, capsys):
    from tfbo.cli import show

    Study(Space({"x": Float(0.0, 1.0)}), storage=tmp_path / "runs.db", strategy=Random())

    def press(*_):
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(60.0)

    monkeypatch.setattr(show, "studies", press)
    assert command.main(["show", str(tmp_path / "runs.db")]) == 130
    assert capsys.readouterr().err.splitlines() == [HEARD]

    def swallow(*_):
        try:
            press()
        except KeyboardInterrupt:
            return "shown"

    monkeypatch.setattr(show, "studies", swallow)
    assert command.main(["show", str(tmp_path / "runs.db")]) == 130


@pytest.mark.slow
def test_the_demo_ends_with_130_and_goes_on(tmp_path):
    run = Script(tmp_path, "-m", "tfbo", "demo", "--quick", "--storage", "d.db")

    def has_begun():
        try:
            study = Study.load(storage=tmp_path / "d.db", name="digits-quick-epochs-seed0")
            return sum(t.is_finished for t in study.trials)
        except Exception:  # there is no such file, or study
            return False

    run.wait_until(has_begun)
    run.press()
    assert run.end()[1] == 130
    # An exception that comes while Python destroys an object is reported by Python, and goes no further.
    said = [(when, line) for when, line in run.lines if "Ctrl-C" in line]
    assert said[0][1] == HEARD and said[0][0] < 1.5
    assert said[1][1].startswith("Stopped by Ctrl-C: ") and len(said) == 2, run.text()
    kept = int(said[1][1].split()[3])
    trials = Study.load(storage=tmp_path / "d.db", name="digits-quick-epochs-seed0").trials
    assert kept == sum(t.is_finished and t.kind != "interrupted" for t in trials) >= 1


TUNER = """
import sys, time
from pathlib import Path
import tfbo.keras as kt

class Slow(kt.RandomSearch):
    def run_trial(self, trial, **kwargs):
        x = trial.hyperparameters.Float("x", 0.0, 1.0)
        if trial.trial_id == "2" and sys.argv[1] != "go on":
            Path("ready").touch()
            try:
                time.sleep(60.0)
            except KeyboardInterrupt:
                if sys.argv[1] == "raise":
                    raise
                if sys.argv[1] == "translate":
                    raise RuntimeError("KeyboardInterrupt") from None
        return x

tuner = Slow(max_trials=4, seed=0, directory=".", project_name="project")
tuner.search(verbose=0)
print(len(tuner.oracle.trials), "trials")
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["raise", "swallow", "translate"])
def test_a_tuner_stops_with_a_line_and_goes_on(way, tmp_path):
    run = Script(tmp_path, "-c", TUNER, way)
    run.wait_until((tmp_path / "ready").exists)
    time.sleep(0.3)
    run.press()
    out, status = run.end()
    assert (out, status) == ("", -signal.SIGINT)
    text = run.text()
    assert text[0] == HEARD
    count = 3 if way == "swallow" else 2
    assert text[1].startswith(f"Stopped by Ctrl-C: {count} trials kept in ")
    assert text[2].startswith("Traceback") and text[-1] == "KeyboardInterrupt" and len(text) < 12
    states = [t.state for t in Study.load(storage=tmp_path / "project" / "study.db").trials]
    assert states == ["complete"] * count + ["waiting"] * (3 - count)
    if way == "raise":
        again = Script(tmp_path, "-c", TUNER, "go on")
        assert again.end() == ("4 trials\n", 0)
