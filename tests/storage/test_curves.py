"""Curves of many trials: how they are read, in rows and queries, not in seconds."""

import dataclasses

import pytest

from tfbo import Fidelity, Float, Space, SQLiteStorage, Trial
from tfbo.storage import Record

SPACE = Space({"x": Float(0.0, 1.0)})
RECORD = Record("s", SPACE.to_json(), "minimize", 0, 1.7e9, Fidelity(1, 50).to_json())


def many(count, points, **fields):
    curve = {step: 1.0 / step for step in range(1, points + 1)}
    stage = {"start": 0, "until": points, "spent": points}
    return [
        Trial(i, {"x": i / count}, "complete", value=1.0 / points, curve=curve, **stage, **fields)
        for i in range(count)
    ]


@pytest.fixture
def storage(tmp_path):
    made = SQLiteStorage(tmp_path / "runs.db")
    made.create(RECORD)
    return made


def queries(storage, since):
    """What is asked of SQLite by `changes`, and what it answers."""
    asked = []
    with storage.database.transaction(write=False) as db:
        db.set_trace_callback(asked.append)
    found = storage.changes("s", since)
    with storage.database.transaction(write=False) as db:
        db.set_trace_callback(None)
    return [query for query in asked if query.startswith("SELECT") or "\nSELECT" in query], found


def test_all_curves_are_read_by_one_query(storage):
    trials = many(100, 50)
    storage.append("s", trials, None)
    asked, found = queries(storage, 0)
    assert found.trials == trials
    assert len(asked) == len(queries(storage, found.revision - 1)[0]) == 4
    assert sum("curves" in query for query in asked) == 1


def test_only_curves_of_trials_that_changed_are_read(storage):
    storage.append("s", many(20, 50), None)
    revision = storage.changes("s", 0).revision
    assert queries(storage, revision)[1].trials == []
    running = Trial(20, {"x": 0.5}, "running", start=0, until=50)
    storage.append("s", [running], None)
    storage.report("s", 20, {1: 0.5})
    found = queries(storage, revision)[1].trials
    assert found == [dataclasses.replace(running, curve={1: 0.5})]
