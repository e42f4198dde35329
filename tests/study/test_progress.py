import io
import logging
import os
import pty
import re
import select
import struct
import subprocess
import sys
import time
from collections import Counter
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from tfbo import Boolean, Float, Space, Study, TFBOWarning, _messages
from tfbo.strategies import Random

SPACE = Space({"x": Float(-1.0, 1.0), "flag": Boolean()})

# Trials that are enqueued need no strategy, and so no TensorFlow, which takes seconds to start.
SCRIPT = """
import sys, time
import tfbo

if "without tqdm" in sys.argv:
    sys.modules["tqdm"] = None
study = tfbo.Study(tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), direction="maximize", seed=0)
for i in range(5):
    study.enqueue({"x": i / 10})
values = iter([0.5, float("nan"), 0.75, 0.25, 0.125])
limits = {"patience": 2} if "open" in sys.argv else {"n_trials": 4}
waits = iter([3.0] if "slow start" in sys.argv else [])
objective = lambda p: time.sleep(next(waits, 0.05)) or next(values)
study.optimize(objective, progress=True, **limits)
assert "tensorflow" not in sys.modules
"""

LINE = re.compile(
    r"trial +(\d+): (.+), (best .+|none complete), objective (\S+ s), tfbo (\S+ s)  x=\S+"
)


def make_study(**settings):
    return Study(SPACE, seed=0, strategy=Random(), **settings)


def in_terminal(*arguments, columns=100):
    """What a script draws on a terminal as standard error, each state of a line by itself."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stderr=theirs)
    os.close(theirs)
    drawn = b""
    end = time.monotonic() + 120.0
    while time.monotonic() < end and select.select([ours], [], [], 120.0)[0]:
        try:
            drawn += os.read(ours, 4096)
        except OSError:  # Linux's way to say that the other side has closed it
            break
    os.close(ours)
    assert process.wait(60) == 0, drawn.decode()
    return [state.strip() for state in re.split(r"[\r\n]+", drawn.decode()) if state.strip()]


def piped(*arguments):
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout == ""
    return run.stderr.splitlines()


def check_lines(lines):
    matches = [LINE.fullmatch(line) for line in lines]
    assert all(matches), lines
    assert [match[1] for match in matches] == ["0", "1", "2", "3"]
    failed = "failed (nan): the value was nan"
    assert [match[2] for match in matches] == ["0.5", failed, "0.75", "0.25"]
    assert [match[3] for match in matches] == ["best 0.5", "best 0.5", "best 0.75", "best 0.75"]
    assert all(match[4].startswith("0.0") for match in matches)
    assert all(float(match[4].split()[0]) >= 0.05 for match in matches)


def test_a_bar_in_a_terminal():
    states = in_terminal()
    last = states[-1]
    assert re.match(r"4/4 █+ 00:0\d<00:00 ", last), states
    assert re.search(r"trial 3: 0.25, best 0.75, objective 0\.[2-9]\d s, tfbo [0-9.]+ s$", last), (
        states
    )
    shown = Counter(n for state in states for n in re.findall(r"trial (\d):", state))
    assert set(shown) == {"0", "1", "2", "3"}
    assert any(re.search(r"trial 1: failed \(nan\).*, best 0\.5", state) for state in states)
    states = in_terminal(columns=120)
    assert any("trial 1: failed (nan): the value was nan, best 0.5" in state for state in states)
    # The warning has lines of its own.
    (warning,) = [state for state in states if "TFBOWarning" in state]
    assert warning.startswith("<string>:") and warning.endswith("from its configuration.")


def test_the_time_left_of_a_bar_does_not_count_what_the_first_trial_waits_for():
    states = in_terminal("slow start")
    found = [re.match(r"(\d)/4 .*<(\S+) trial", state) for state in states]
    left = [one.group(1, 2) for one in found if one]
    # The first takes 3 s, the others 0.05 s; tqdm's own time left would be 4 s and more after two.
    assert left[0][0] in "12" and left[-1][0] == "4", states
    assert all(text == "?" if n == "1" else text == "00:00" for n, text in left), states


def test_the_bar_fits_a_narrow_terminal():
    states = in_terminal(columns=80)
    assert "tfbo" in states[-1], states
    assert all(len(state) <= 80 for state in states if "TFBOWarning" not in state)


def test_a_bar_without_an_end():
    last = in_terminal("open")[-1]
    assert re.match(r"5 00:0\d trial 4: 0.125, best 0.75, objective ", last), last


STAGED = """
import sys, tfbo
from tfbo.study.progress import Stopwatch, bar
from tfbo.trial import Measurement

epochs = tfbo.Fidelity(1, 9, name="epoch")
study = tfbo.Study(tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), seed=0, fidelity=epochs)
trials = study.stored_trials
limit = None if "open" in sys.argv else 20
for i in range(3):
    study.enqueue({"x": i / 10})
with bar(trials, 5, True, limit) as show:
    for value, until in ((0.75, 3), (0.5, 9), (0.25, 3)):
        (trial,) = trials.claim(1, lambda: 9)
        for step in range(1, until):
            trials.report(trial, step, value)
        outcome = Measurement((value,), (None,), None if until == 9 else "stopped", until)
        trials.tell(trial, outcome)
        show.trial(trials.by_number[trial.number], Stopwatch())
assert "tensorflow" not in sys.modules
"""


def test_steps_are_counted_where_the_study_has_a_fidelity(monkeypatch):
    monkeypatch.setitem(globals(), "SCRIPT", STAGED)
    lines = [line.partition(", objective")[0] for line in piped()]
    assert lines == [
        "trial   0: 0.75 at epoch 3 (stopped), none complete, 3/20 epochs",
        "trial   1: 0.5, best 0.5, 12/20 epochs",
        "trial   2: 0.25 at epoch 3 (stopped), best 0.5, 15/20 epochs",
    ]
    last = in_terminal(columns=120)[-1]
    assert re.match(r"15/20 epochs █+\S* +00:0\d<00:00 trial 2: 0.25 at epoch 3", last), last
    last = in_terminal("open")[-1]
    assert re.match(r"15 epochs 00:0\d trial 2: 0.25 at epoch 3 \(stopped\), best 0.5", last), last


def test_lines_where_standard_error_is_no_terminal():
    check_lines(piped())


def test_lines_in_a_terminal_without_tqdm():
    lines = in_terminal("without tqdm")
    check_lines([line for line in lines if line.startswith("trial")])


def test_lines_without_standard_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    assert not _messages.is_terminal(sys.stderr)


def test_nothing_is_shown_unless_wanted(capfd):
    make_study().optimize(lambda p: p["x"], n_trials=3)
    assert capfd.readouterr() == ("", "")


def test_a_study_that_goes_on_knows_its_best(capsys):
    study = make_study()
    study.optimize(lambda p: 1.0, n_trials=2)
    study.optimize(lambda p: 3.0, n_trials=1, progress=True)
    text = capsys.readouterr().err
    assert text.startswith("trial   2: 3, best 1, objective ")


def test_the_time_of_an_objective_that_raises_counts(capsys):
    def objective(params):
        time.sleep(0.2)
        raise ValueError("no")

    make_study().optimize(objective, n_trials=1, progress=True)
    assert re.search(r"none complete, objective 0\.[2-9]", capsys.readouterr().err)


def test_the_time_in_callbacks_is_neither_the_objectives_nor_ours(capsys):
    def callback(study, trial):
        time.sleep(0.3)

    study = make_study()
    study.optimize(lambda p: 1.0, n_trials=2, callbacks=[callback], progress=True)
    times = re.findall(r"(?:objective|tfbo) (\S+) s", capsys.readouterr().err)
    assert len(times) == 4
    assert all(float(seconds) < 0.3 for seconds in times)


def test_logging_is_quiet_by_default_and_speaks_when_asked(capfd):
    def objective(params):
        if params["flag"]:
            raise ValueError("no flags")
        return 1.0

    with pytest.warns(TFBOWarning) as seen:
        make_study().optimize(objective, n_trials=6)
    (warning,) = seen  # of several trials with the same cause
    assert str(warning.message).startswith("A trial failed (error): ValueError: no flags, at ")
    assert warning.filename == __file__
    assert capfd.readouterr() == ("", "")
    logger, text = logging.getLogger("tfbo"), io.StringIO()
    handler = logging.StreamHandler(text)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        study = make_study().optimize(objective, n_trials=6)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    for trial in study.trials:
        said = f"Trial {trial.number}: 1.0 (objective"
        if trial.state == "failed":
            said = f"Trial {trial.number} failed (error): ValueError: no flags"
        assert said in text.getvalue()
    assert {trial.state for trial in study.trials} == {"complete", "failed"}


def test_the_root_logger_is_left_alone():
    before = logging.getLogger().handlers[:], logging.getLogger().level
    make_study().optimize(lambda p: 1.0, n_trials=1)
    assert (logging.getLogger().handlers[:], logging.getLogger().level) == before
