"""What may be given as a storage: paths, and for anything else the path that was meant."""

import os
from pathlib import Path

import pytest

from tfbo import Int, InvalidArgument, Space, SQLiteStorage, StorageError, Study
from tfbo.cli.main import main

SPACE = Space({"x": Int(0, 9)})


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    yield tmp_path
    assert {p.name for p in tmp_path.iterdir()} <= {"home", "runs.db"}  # no file of another name


OPENINGS = {
    "Study": lambda storage: Study(SPACE, storage=storage, seed=0),
    "load": lambda storage: Study.load(storage=storage),
    "SQLiteStorage": SQLiteStorage,
}
openings = pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)


@openings
@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("sqlite:///x.db", "storage='x.db'"),
        ("sqlite:////tmp/a/x.db", "storage='/tmp/a/x.db'"),
        ("sqlite:///~/x.db", "storage='~/x.db'"),
        ("sqlite+pysqlite:///a b/x.db?timeout=3", "storage='a b/x.db'"),
        ("SQLite:///x.db", "storage='x.db'"),
        (Path("sqlite:///x.db"), "storage='x.db'"),
        ("sqlite://", "Leave storage out"),
        ("sqlite:///:memory:", "Leave storage out"),
        ("file:x.db?mode=ro", "storage='x.db'"),
        ("file:///tmp/x.db", "storage='/tmp/x.db'"),
        ("postgresql://me:secret@host:5432/db", "SQLite file"),
        ("postgresql+psycopg2://host/db", "SQLite file"),
        (Path("postgresql://host/db"), "SQLite file"),
        ("mysql://host/db", "SQLite file"),
        ("redis://localhost:6379/0", "SQLite file"),
        ("https://example.com/runs.db", "SQLite file"),
        ("s3://bucket/runs.db", "SQLite file"),
        ("journal://x.log", "SQLite file"),
    ],
    ids=str,
)
def test_a_url(opening, url, meant):
    with pytest.raises(
        InvalidArgument, match="storage: expected the path of a file, got"
    ) as caught:
        opening(url)
    assert meant in str(caught.value)


@openings
@pytest.mark.parametrize(
    "storage", ["", "  ", b"runs.db", "a\0b", 7, 1.5, SQLiteStorage, ["a"], object()]
)
def test_what_is_no_path(opening, storage):
    with pytest.raises(InvalidArgument, match="storage: expected"):
        opening(storage)


def test_nothing_to_load_from():
    with pytest.raises(InvalidArgument, match="storage: expected a path"):
        Study.load(storage=None)


@pytest.mark.parametrize("storage", ["~/x.db", Path("~/x.db")])
def test_the_folder_of_the_user(here, storage):
    study = Study(SPACE, storage=storage, seed=0)
    assert os.listdir(here / "home") == ["x.db"]
    assert study.location == str(here / "home" / "x.db")
    assert len(Study.load(storage=storage)) == 0


def test_variables_are_not_replaced(here):
    with pytest.raises(StorageError, match=r"no folder '\$HOME'.*os.path.expandvars"):
        Study(SPACE, storage="$HOME/x.db")


def test_a_folder(here):
    with pytest.raises(StorageError, match=r"is a folder\. Give .*, such as '.*home/runs\.db'"):
        Study(SPACE, storage=here / "home")


@pytest.mark.parametrize("name", ["a:b.db", "~x.db", "C:x", "x.db?a=1", "100%.db", "sqlite"])
def test_a_name_that_only_looks_like_more(name, here, monkeypatch):
    monkeypatch.chdir(here / "home")
    Study(SPACE, storage=name, seed=0)
    assert os.listdir() == [name]


def test_commands_say_it_too(capsys):
    assert main(["show", "sqlite:///x.db"]) == 1
    assert "Give the path itself: storage='x.db'" in capsys.readouterr().err
