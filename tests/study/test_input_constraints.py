"""A study of a space with constraints: what is refused, what is kept, and predicates that come back."""

import os
import pickle
import subprocess
import sys

import pytest

import tfbo
from tfbo import Float, Int, InvalidArgument, Space, StudyMismatch
from tfbo.cli import main, snapshot

NETWORK = {"layers": Int(1, 6), "units": Int(32, 512, step=32)}
TEXT = "layers * units <= 1024"
LARGE = {"layers": 6, "units": 512}


def is_even(params):
    return params["units"] % 64 == 0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def test_what_breaks_one_is_not_enqueued():
    study = tfbo.Study(Space(NETWORK, [TEXT, is_even]))
    with pytest.raises(InvalidArgument, match=r"^params: .*layers \* units <= 1024 \(3072 <= 1024"):
        study.enqueue(LARGE)
    with pytest.raises(InvalidArgument, match="predicate is_even"):
        study.enqueue({"layers": 1, "units": 32})
    assert not study.trials
    study.enqueue({"layers": 1, "units": 64})
    assert study.ask().params == {"layers": 1, "units": 64}


def test_what_was_tried_all_the_same_is_kept(path):
    study = tfbo.Study(Space(NETWORK, [TEXT]), storage=path)
    study.enqueue({"layers": 1, "units": 64})
    trial = study.amend(study.ask(), LARGE)
    study.tell(trial, 0.5)
    again = tfbo.Study.load(storage=path)
    assert again.trials[0].params == LARGE and again.best_params == LARGE
    assert again.space == study.space


def test_another_constraint_is_another_study(path):
    tfbo.Study(Space(NETWORK, [TEXT]), storage=path)
    for constraints in ([], ["layers * units <= 2048"], [TEXT, is_even]):
        with pytest.raises(StudyMismatch, match=r"(constraints|predicates): .* here, .* there"):
            tfbo.Study(Space(NETWORK, constraints), storage=path)
    tfbo.Study(Space(NETWORK, [TEXT]), storage=path)


def test_predicates_are_given_again(path):
    space = Space(NETWORK, [TEXT, is_even])
    study = tfbo.Study(space, storage=path)
    assert study.space == space
    with pytest.raises(InvalidArgument, match=r"predicates: expected 1 function .*Study.load"):
        tfbo.Study.load(storage=path)
    for again in (
        tfbo.Study.load(storage=path, predicates=[is_even]),
        tfbo.Study(space, storage=path),
        pickle.loads(pickle.dumps(study)),
    ):
        assert again.space == space
        with pytest.raises(InvalidArgument, match="is_even"):
            again.enqueue({"layers": 1, "units": 32})
    study.extend({"rate": Float(0.0, 1.0)})
    assert again.trials == () and again.enqueue({"layers": 1, "units": 64, "rate": 0.5})
    assert again.space == study.space and again.space.predicates == (is_even,)


def test_a_study_with_predicates_can_be_looked_at_without(path, capsys):
    study = tfbo.Study(Space(NETWORK, [TEXT, "`layers` >= 1", is_even]), storage=path, name="runs")
    assert main.main(["show", str(path), "runs"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(
        "constraint: layers * units <= 1024\nconstraint: `layers` >= 1\n"
        "constraint: predicates that are not stored: 1\n\n"
    )
    study.enqueue({"layers": 1, "units": 64})
    study.tell(study.ask(), 0.25)
    assert main.main(["show", str(path), "runs"]) == 0
    assert "0.25" in capsys.readouterr().out
    assert main.main(["export", str(path), "--json"]) == 0
    assert '"predicates": 1' in capsys.readouterr().out
    copy = snapshot.take(tfbo.SQLiteStorage(path))
    assert [one.text for one in copy.space.constraints] == [TEXT, "`layers` >= 1"]


def test_show_of_a_study_without_constraints_is_as_it_was(path, capsys):
    study = tfbo.Study(Space(NETWORK), storage=path, name="runs")
    study.enqueue(LARGE)
    assert main.main(["show", str(path), "runs"]) == 0
    assert capsys.readouterr().out.startswith("number")


def test_a_damaged_constraint_is_a_damaged_study(path):
    import sqlite3

    tfbo.Study(Space(NETWORK, [TEXT]), storage=path).enqueue({"layers": 1, "units": 64})
    with sqlite3.connect(path) as connection:
        tables = [
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            if "space" in columns:
                connection.execute(
                    f"UPDATE {table} SET space = replace(space, '<=', '<'), checksum = NULL"
                )
    with pytest.raises(tfbo.StorageError, match="column 16"):
        tfbo.Study.load(storage=path)


def test_another_process_opens_it(path):
    tfbo.Study(Space(NETWORK, [TEXT]), storage=path)
    code = (
        "import sys, tfbo; study = tfbo.Study.load(storage=sys.argv[1]); "
        "print(study.space.breaks({'layers': 6, 'units': 512}))"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, env=environment
    )
    assert run.stdout.strip() == "layers * units <= 1024 (3072 <= 1024 is false)", run.stderr
