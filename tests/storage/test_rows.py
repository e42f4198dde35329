"""Rows of trials and studies: a checksum by name, and fields that join later."""

import contextlib
import dataclasses
import shutil
import sqlite3
import zlib
from pathlib import Path

import pytest

from tfbo import Float, Space, SQLiteStorage, StorageError, Study, Trial
from tfbo.storage import Record, rows, schema
from tfbo.strategies import Random

SPACE = Space({"x": Float(0.0, 1.0)})
WHOLE = Trial(
    3, {"x": 0.5, "ü": None}, "complete", value=-0.0, std=2.0, started=1.0, finished=2.5,
    notes={"theta": [0.25]},
)  # fmt: skip
FAILED = Trial(4, {"x": 1.0}, "failed", kind="error", reason="größe", traceback="→\n")
WRITTEN = [
    (
        WHOLE,
        b'{"finished": 2.5, "notes": "{\\"theta\\": [0.25]}", "number": 3.0, '
        b'"params": "{\\"x\\": 0.5, \\"\\\\u00fc\\": null}", "started": 1.0, "state": "complete", '
        b'"std": 2.0, "value": 0.0}',
    ),
    (
        FAILED,
        b'{"kind": "error", "notes": "{}", "number": 4.0, "params": "{\\"x\\": 1.0}", '
        b'"reason": "gr\\u00f6\\u00dfe", "state": "failed", "traceback": "\\u2192\\n"}',
    ),
]


@pytest.mark.parametrize(("trial", "summed"), WRITTEN, ids=["complete", "failed"])
def test_the_checksum_is_of_named_values_and_names_its_rule(trial, summed):
    row = rows.write_trial(trial)
    assert row[-1] == 2 * 2**32 + zlib.crc32(summed)
    assert rows.read_trial("s", row) == trial


def test_the_sum_of_a_study_is_made_likewise():
    record = Record("ä", "{}", "minimize", 7, 1.5)
    summed = (
        b'{"created": 1.5, "direction": "minimize", "name": "\\u00e4", "seed": "7", "space": "{}"}'
    )
    assert rows.write_record(record)[-1] == 2 * 2**32 + zlib.crc32(summed)
    assert rows.read_record(rows.write_record(record)) == record


@pytest.mark.parametrize("trial", [WHOLE, FAILED])
@pytest.mark.parametrize("place", range(len(rows.TRIAL)))
def test_no_value_can_be_changed_or_lost(trial, place):
    """Each in turn is another legal value, or none."""
    other = (
        9,
        '{"x": 0.25}',
        "running",
        9.0,
        9.0,
        "nan",
        "why",
        "where",
        9.0,
        9.0,
        '{"a": 1}',
        9,
        9,
        9,
        '{"loss": 0.5}',
        '{"loss": 0.5}',
        '{"mb <= 10": 0.5}',
    )
    row = list(rows.write_trial(trial))
    for changed in {other[place], None} - {row[place]}:
        with pytest.raises(StorageError, match="is damaged"):
            rows.read_trial("s", [*row[:place], changed, *row[place + 1 :]])


@dataclasses.dataclass(frozen=True)
class Later(Trial):
    """A trial of the next version: it has two fields more."""

    cost: float | None = None
    tags: dict = dataclasses.field(default_factory=dict)


@pytest.fixture
def next_version(monkeypatch):
    """A context in which tfbo is the next version, whose trials have further fields."""
    steps = "ALTER TABLE trials ADD COLUMN cost REAL; ALTER TABLE trials ADD COLUMN tags TEXT"

    @contextlib.contextmanager
    def upgraded():
        with monkeypatch.context() as patch:
            patch.setattr(rows, "Trial", Later)
            patch.setitem(rows.TRIAL, "cost", rows.TRIAL["value"])
            patch.setitem(rows.TRIAL, "tags", rows.TRIAL["notes"]._replace(optional=True))
            patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, steps))
            patch.setattr(schema, "VERSION", schema.VERSION + 1)
            yield

    return upgraded


FILES = {file.stem: file for file in (Path(__file__).parent / "files").glob("*.db")}
NAME = "prüfung 'μ'"


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_field_that_joins_damages_no_row_from_before(file, tmp_path, next_version):
    path = shutil.copy(FILES[file], tmp_path / "runs.db")
    before = [vars(trial) for trial in SQLiteStorage(path).changes(NAME, 0).trials]
    with next_version():
        storage = SQLiteStorage(path)
        found = storage.changes(NAME, 0).trials
        assert [vars(trial) for trial in found] == [{**t, "cost": None, "tags": {}} for t in before]
        new = Later(len(found), found[-1].params, cost=2.5, tags={"a": 1})
        assert storage.append(NAME, [new], None)
        told = dataclasses.replace(found[0], cost=0.5)
        assert storage.replace(NAME, told, ("complete",), None)
        again = SQLiteStorage(path).changes(NAME, 0).trials
        assert (again[0], again[-1]) == (told, new)
    with pytest.raises(StorageError, match=r"newer tfbo \(schema 7, this one reads 6\)\. Upgrade"):
        SQLiteStorage(path)  # and not that it is damaged


@pytest.mark.parametrize("number", [0, 1])
def test_a_new_field_of_any_row_is_guarded(number, tmp_path, next_version):
    study = Study(SPACE, storage=(path := tmp_path / "runs.db"), seed=0, strategy=Random())
    study.tell(study.ask(), 1.0)
    with next_version():
        storage = SQLiteStorage(path)
        assert storage.append("study", [Later(1, {"x": 0.5}, cost=2.5)], None)
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE trials SET cost = 3.5 WHERE number = ?", (number,))
            db.commit()
        with pytest.raises(StorageError, match=f"trial {number} .* its checksum"):
            storage.changes("study", 0)


def test_rows_of_the_first_rule_are_written_by_the_second(tmp_path):
    path = shutil.copy(FILES["schema-3"], tmp_path / "runs.db")
    query = "SELECT checksum >> 32 FROM trials ORDER BY number"
    rules = lambda: [rule for (rule,) in sqlite3.connect(path).execute(query)]
    study = Study.load(storage=path, name=NAME, strategy=Random())
    assert rules() == [0, 0, 0, 0, 2, 0, 0, 0]  # the fifth has lost its process, and waits
    study.tell(5, 1.0)
    assert rules() == [0, 0, 0, 0, 2, 2, 0, 0]


NAMED = Trial(
    5, {"x": 0.5}, "complete", values={"größe": 0.1, "ms": -0.0, "mb": float("inf")},
    stds={"ms": 0.5}, violations={"mb <= 10": float("inf"), "kb <= 1": float("nan"), "s == 1": 0.0},
)  # fmt: skip


def test_values_by_name_are_read_as_they_were_written():
    row = rows.write_trial(NAMED)
    found = rows.read_trial("s", row)
    assert (found.values, found.stds) == (NAMED.values, NAMED.stds)
    assert repr(found.violations) == repr(NAMED.violations)
    assert all("NaN" not in str(cell) and "Infinity" not in str(cell) for cell in row)
    assert rows.write_trial(WHOLE)[len(rows.TRIAL) - 3 : -1] == (None, None, None)


@pytest.mark.parametrize(
    "written", ["[]", '{"a": "b"}', '{"a": true}', '{"a": {}}', "{", "NaN", b"x"]
)
def test_values_that_are_none_are_damage(written):
    row = list(rows.write_trial(NAMED))
    row[list(rows.TRIAL).index("values")] = written
    row[-1] = None
    with pytest.raises(StorageError, match="is damaged: values: "):
        rows.read_trial("s", row)


@pytest.mark.parametrize(("state", "values"), [("complete", {}), ("paused", {}), ("stopped", {})])
def test_a_trial_without_any_value_is_not_complete(state, values):
    row = list(rows.write_trial(dataclasses.replace(NAMED, state=state, values=values)))
    with pytest.raises(StorageError, match="a value belongs to a trial"):
        rows.read_trial("s", row)


def test_values_of_another_kind_of_study_are_damage(tmp_path):
    study = Study(
        SPACE, storage=tmp_path / "runs.db", objectives={"a": "minimize", "b": "minimize"}
    )
    study.enqueue({"x": 0.5})
    told = Trial(0, {"x": 0.5}, "complete", value=0.5)
    assert study.stored_trials.storage.replace("study", told, ("waiting",), None)
    with pytest.raises(StorageError, match=r"trial 0 of .* expected values of 'a', 'b'"):
        Study.load(storage=tmp_path / "runs.db")


@pytest.mark.parametrize(
    ("column", "text"), [("goals", '{"objectives": {}}'), ("constraints", '["1 +"]')]
)
def test_objectives_that_are_none_are_damage(tmp_path, column, text):
    path = tmp_path / "runs.db"
    Study(SPACE, storage=path, objectives={"a": "minimize"}, constraints=["b <= 1"])
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE studies SET {column} = ?, checksum = NULL", (text,))
        db.commit()
    with pytest.raises(StorageError, match="the objectives of the study 'study' is damaged"):
        Study.load(storage=path)
