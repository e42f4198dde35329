"""Files of every schema, written by the tfbo of their time: each opens with what it holds, and goes on.

Their pages were made smaller by VACUUM (512 bytes), which changes no row. "log" is a file of the third
schema from before commits went into the file itself.
"""

import contextlib
import dataclasses
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from tfbo import (
    Boolean,
    Categorical,
    Fidelity,
    Float,
    Int,
    Space,
    SQLiteStorage,
    StorageError,
    Study,
    Trial,
)
from tfbo.__main__ import main
from tfbo.strategies import Random

FILES = Path(__file__).parent / "files"
NAME = "prüfung 'μ'"
FIRST = {
    "solver": Categorical(["sgd", "ädam 🚀", None, 1, True]),
    "rate": Float(1e-4, 0.1, log=True),
    "moment": Float(0.0, 1.0, when={"solver": "sgd"}),
    "größe": Int(1, 9),
}
LATER = {"tiefe": Int(0, 4), "dropout": Boolean()}
T = 1.7e9
TRIALS = (
    Trial(
        0, {"solver": "sgd", "rate": 0.001, "moment": 0.9, "größe": 3}, "complete",
        value=0.30000000000000004, std=0.5, started=T, finished=T + 0.5,
        notes={"theta": [0.5, -1.25], "ort": "Zürich"},
    ),
    Trial(
        1, {"solver": "ädam 🚀", "rate": 0.1, "größe": 9}, "failed", kind="error",
        reason="ValueError: größe → 'μ'",
        traceback="Traceback\n  line 1\nValueError: größe → 'μ'\n", started=T + 1, finished=T + 1.5,
    ),
    Trial(
        2, {"solver": None, "rate": 1e-4, "größe": 1}, "failed", kind="nan",
        reason="the value was nan", started=T + 2, finished=T + 2.5,
    ),
    Trial(
        3, {"solver": 1, "rate": 0.05, "größe": 2}, "failed", kind="interrupted", reason="Ctrl-C",
        started=T + 3, finished=T + 3.5,
    ),
    Trial(4, {"solver": True, "rate": 0.02, "größe": 2}, "running", started=T + 4),
    Trial(5, {"solver": True, "rate": 0.03, "größe": 2}, "running", started=T + 5),
    Trial(6, {"solver": "ädam 🚀", "rate": 0.1, "größe": 5}, "waiting"),
    Trial(
        7, {"solver": "ädam 🚀", "rate": 0.1, "größe": 9, "tiefe": 4, "dropout": False}, "complete",
        value=0.0, std=0.0, started=T + 7, finished=T + 7.5,
    ),
)  # fmt: skip


GOALS = (
    '{"objectives": {"G\\u00fcte": "maximize", "ms": "minimize"}, '
    '"reference": {"G\\u00fcte": 0.5, "ms": 20.0}}'
)
CURVE = {1: 0.75, 3: 0.5, 9: 0.30000000000000004}
STAGED = (
    dataclasses.replace(TRIALS[0], start=3, until=9, spent=9, curve=CURVE),
    *TRIALS[1:4],
    dataclasses.replace(TRIALS[4], start=0, until=3, curve={1: -0.5, 2: 1e300}),
    *TRIALS[5:],
    Trial(
        8, {"solver": None, "rate": 0.01, "größe": 4}, "paused", value=0.5, started=T + 8,
        finished=T + 8.5, start=0, until=1, spent=1, curve={1: 0.5},
    ),
    Trial(
        9, {"solver": None, "rate": 0.01, "größe": 5}, "stopped", value=7.0, started=T + 9,
        finished=T + 9.5, start=1, until=3, spent=2, curve={1: 8.0, 2: 7.0},
    ),
)  # fmt: skip


def held(file):
    """The space and trials that a file was written with."""
    if file in STEPS:
        return Space(FIRST).extended(LATER), STAGED
    if file != "schema-1":
        return Space(FIRST).extended(LATER), TRIALS
    # There were neither standard errors nor spaces that grow.
    return Space(FIRST), tuple(dataclasses.replace(t, std=None) for t in TRIALS[:7])


ALL = ["schema-1", "schema-2", "schema-3-log", "schema-3", "schema-4", "schema-5", "schema-6"]
STEPS = ("schema-5", "schema-6")  # of those whose studies have a fidelity


@pytest.fixture(params=ALL)
def file(request):
    return request.param


@pytest.fixture
def path(file, tmp_path):
    return shutil.copy(FILES / f"{file}.db", tmp_path / "runs.db")


def columns(path, table):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def test_what_a_file_holds_is_read(file, path):
    space, trials = held(file)
    storage = SQLiteStorage(path)
    one, two = storage.studies()
    steps = Fidelity(1, 9, name="Epoche") if file in STEPS else None
    assert one[:1] + one[2:5] == (NAME, "minimize", 2**62 + 1, T + 0.125)
    assert one.fidelity == (None if steps is None else steps.to_json())
    assert two[:5] == ("empty", Space({"x": Float(-1.0, 1.0)}).to_json(), "maximize", 0, T + 60.0)
    assert (one.goals, one.constraints) == (None, None)
    several = file == "schema-6"
    assert (two.goals, two.constraints) == (
        (GOALS, '["mb + ms <= 10"]') if several else (None, None)
    )
    assert Space.from_json(one.space) == space
    assert tuple(storage.changes(NAME, 0).trials) == trials
    assert storage.changes("empty", 0).trials == []


def test_a_study_of_a_file_goes_on(file, path, tmp_path):
    space, trials = held(file)
    study = Study.load(storage=path, name=NAME, strategy=Random())
    # Since the third schema, running trials of a process that has long been silent are tried again.
    waits = file not in ("schema-1", "schema-2")
    lost = dataclasses.replace(trials[4], state="waiting", started=None) if waits else trials[4]
    assert study.space == space
    assert study.trials == (*trials[:4], lost, *trials[5:])
    asked = [study.ask() for _ in range(3)]
    claimed = [4, 6] if waits else [6]
    assert [t.number for t in asked] == [*claimed, len(trials), len(trials) + 1][:3]
    assert asked[0].params == trials[claimed[0]].params
    for trial in asked:
        study.tell(trial, float(trial.number), std=0.25)
    study.tell(5, state="failed", reason="gave up: ß")
    study.extend({"ε": Float(0.0, 1.0)})
    study.tell(study.ask(), -1.0)
    again = Study.load(storage=path, name=NAME, strategy=Random())
    assert again.trials == study.trials and again.space == study.space
    assert again.trials[6].std == 0.25 and again.trials[5].reason == "gave up: ß"
    assert again.best_observed.value == -1.0 and "ε" in again.space
    assert again.trials[:4] == trials[:4]
    for table in ("studies", "trials", "curves"):  # as in a file of today
        SQLiteStorage(tmp_path / "new.db").close()
        assert columns(path, table) == columns(tmp_path / "new.db", table)


def test_a_file_is_exported_as_it_is(file, path, capsys):
    assert main(["export", str(path), NAME, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["trials"]
    for one in shown:  # of JSON every name is a text
        one["curve"] = {int(step): value for step, value in one["curve"].items()}
    assert tuple(Trial(**one) for one in shown) == held(file)[1]


@pytest.mark.parametrize("file", ALL[2:], indirect=True)
@pytest.mark.parametrize(
    "change", ["value = 0.3", "std = NULL", "kind = 'nan'", "reason = 'x'", "finished = 1.7e9"]
)
def test_a_changed_value_of_an_old_row_is_noticed(path, change):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE trials SET {change} WHERE number = 0")
        db.commit()
    with pytest.raises(StorageError, match=r"trial 0 of the study .* is damaged: its checksum"):
        Study.load(storage=path, name=NAME)
