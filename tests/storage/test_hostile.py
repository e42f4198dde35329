"""Files that somebody made to do harm: nothing is evaluated, nothing else is written, damage is named."""

import csv
import io
import json
import os
import re
import sqlite3
from pathlib import Path

import pytest

import tfbo
from tfbo import Categorical, Fidelity, Float, Int, Space, SQLiteStorage, StorageError, Study
from tfbo.cli.main import main
from tfbo.trial import Trial

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eabc\r\b\x00end"
SQL = "x'); DROP TABLE trials; --"
PATHS = "../../etc/passwd"
FORMULA = "=cmd|' /C calc'!A0"
CODE = "__import__('os').system('touch owned') {0.__class__} %s ${jndi} $\\frac{"
NASTY = (MARKUP, ESCAPES, SQL, PATHS, FORMULA, CODE)
LONG = "long" * 500_000


def make_space(largest):
    return Space(
        {
            MARKUP: Categorical([*NASTY, LONG]),
            ESCAPES: Float(-largest, largest),
            SQL: Int(0, 10**6),
            PATHS: Float(0.0, 1.0),
            CODE: Float(0.0, 1.0, when={MARKUP: [MARKUP, SQL]}),
        }
    )


SPACE = make_space(1e308)


def write(path, names=(MARKUP,), largest=1e308):
    """A file that holds what is legal and yet meant to do harm."""
    db = sqlite3.connect(path)
    SQLiteStorage(path).close()
    columns = "number, params, state, value, kind, reason, traceback, started, finished, notes"
    insert = f"INSERT INTO trials (study, revision, {columns})"
    for name in names:
        db.execute(
            "INSERT INTO studies (name, space, direction, seed, created, revision)"
            " VALUES (?, ?, 'minimize', '0', 1.7e9, 20)",
            (name, make_space(largest).to_json()),
        )
        for i in range(14):
            choice = [*NASTY, LONG][i % 7]
            params = {
                MARKUP: choice,
                ESCAPES: (-1) ** i * largest * (i / 14),
                SQL: i,
                PATHS: i / 14,
            }
            params |= {CODE: 0.5} if choice in (MARKUP, SQL) else {}
            failed = i % 3 == 2
            row = (
                name, i + 1, i, json.dumps(params), "failed" if failed else "complete",
                None if failed else [largest, -largest, 0.0][i % 3], NASTY[i % 6] if failed else None,
                NASTY[i % 6] if failed else None, NASTY[-i % 6] if failed else None,
                1.7e9 + i, 1.7e9 + i + 1, json.dumps({"theta": NASTY[i % 6], "searched": [NASTY]}),
            )  # fmt: skip
            db.execute(f"{insert} VALUES ({', '.join('?' * 12)})", row)
    db.commit()
    db.close()
    return path


@pytest.fixture
def path(tmp_path):
    return write(str(tmp_path / "runs.db"))


@pytest.fixture
def guarded(tmp_path, monkeypatch):
    """A folder to work in, beside which nothing may appear."""
    (inside := tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(inside)
    before = set(tmp_path.rglob("*"))
    yield inside
    left = {p for p in set(tmp_path.rglob("*")) - before if p.parent != inside}
    assert {p.name for p in left} <= {"runs.db", "runs.db-wal", "runs.db-shm"}


def calm(text):
    """Nothing in a text that a terminal would obey; lines and tabs may be there."""
    return all(c.isprintable() or c in "\n" for c in text)


def test_show(path, guarded, capsys):
    assert main(["show", path]) == 0
    listed = capsys.readouterr().out
    assert MARKUP in listed and calm(listed)
    assert main(["show", path, MARKUP]) == 0
    trials = capsys.readouterr().out
    assert SQL in trials and "\\x1b[2J" in trials and calm(trials)
    assert len(trials.splitlines()) == 16
    assert len(trials) < 200_000
    assert os.listdir(guarded) == []


def test_errors_of_commands_are_calm_too(tmp_path, guarded, capsys):
    path = write(str(tmp_path / "runs.db"), names=(ESCAPES, LONG))
    assert main(["export", path, "--csv"]) == 1
    assert main(["show", path, "\x1b[2J"]) == 1
    said = capsys.readouterr().err
    assert "owned" in said and calm(said)
    assert len(said) < 5_000


def test_csv(path, guarded, capsys):
    assert main(["export", path, "--csv", "-o", "out.csv"]) == 0
    assert os.listdir(guarded) == ["out.csv"]
    csv.field_size_limit(10**7)
    with open("out.csv", newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert len(rows) == 14
    assert head[4] == f"params_{MARKUP}"
    column = [row[4] for row in rows]
    assert column[4] == f"'{FORMULA}" and column[2] == SQL
    # What begins like a formula is a number.
    cells = [cell for row in rows for cell in row if cell[:1] in tuple("=+-@\t\r") and cell]
    assert cells and all(float(cell) < 0.0 for cell in cells)


def test_json(path, guarded):
    assert main(["export", path, "--json", "-o", "out.json"]) == 0
    loaded = json.loads(Path("out.json").read_text())
    assert loaded["name"] == MARKUP
    assert Space.from_json(json.dumps(loaded["space"])) == SPACE
    assert tuple(Trial(**trial) for trial in loaded["trials"]) == Study.load(storage=path).trials


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_report(path, guarded):
    pytest.importorskip("matplotlib")
    assert main(["report", path, "-o", "out.html"]) == 0
    assert os.listdir(guarded) == ["out.html"]
    page = Path("out.html").read_text(encoding="utf-8")
    assert page.count("<script>") == page.count("</script>") == 1  # its own
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', page))


KINDS = ("history", "slices", "parallel_coordinates", "timeline")


@pytest.mark.parametrize("kind", KINDS)
def test_plots(tmp_path, guarded, recwarn, kind):
    pytest.importorskip("matplotlib")
    path = write(str(tmp_path / "runs.db"), largest=10.0)
    assert main(["plot", path, "--kind", kind, "-o", "out.svg"]) == 0
    assert os.listdir(guarded) == ["out.svg"]
    picture = Path("out.svg").read_text(encoding="utf-8")
    assert "<script" not in picture and "<img" not in picture
    assert not [w for w in recwarn if not calm(str(w.message))]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_plots_of_numbers_beyond_what_can_be_drawn(path, guarded, capsys, kind):
    pytest.importorskip("matplotlib")
    status = main(["plot", path, "--kind", kind, "-o", "out.svg"])
    refused = "cannot be drawn" in capsys.readouterr().err
    assert (status, refused) == ((0, False) if kind == "timeline" else (1, True))


def test_a_data_frame(path, guarded):
    pytest.importorskip("pandas")
    frame = Study.load(storage=path).to_dataframe()
    assert list(frame[f"params_{SQL}"]) == list(range(14))
    assert frame[f"params_{MARKUP}"][1] == ESCAPES


def test_the_search_goes_on(path, guarded):
    study = Study.load(storage=path)
    trial = study.ask()  # whatever the notes of the last fit are
    study.tell(trial, 1.0)
    assert SPACE.validate(trial.params) == trial.params
    assert os.listdir(guarded) == []


def test_a_reason_that_is_not_unicode_is_stored(tmp_path):
    study = Study(Space({"x": Int(0, 9)}), storage=tmp_path / "a.db", seed=0)
    study.enqueue({"x": 1})
    study.tell(study.ask(), state="failed", reason="no file '\udcff\x00'", traceback="\ud800")
    found = Study.load(storage=tmp_path / "a.db").trials[0]
    assert (found.reason, found.traceback) == ("no file '\\udcff\x00'", "\\ud800")


DEEP = "[" * 10_000 + "]" * 10_000


def shown(value):
    """The beginning of a value, the same in all processes."""
    return repr(bytes(value) if isinstance(value, memoryview) else value)[:60]


DAMAGED = [
    ("params", DEEP),
    ("params", '{"a": ' * 10_000),
    ("params", "[]"),
    ("params", "null"),
    ("params", ""),
    ("params", "{'x': 1}"),
    ("params", b"\x80\x04\x95cos\nsystem"),
    ("params", 7),
    ("params", '{"x": NaN}'),
    ("params", '{"x": Infinity}'),
    ("params", '{"x": 1e999}'),
    ("params", '{"x": 1, "x": 2}'),
    ("params", '{"x": [1]}'),
    ("params", '{"x": 10}'),
    ("params", '{"x": "1"}'),
    ("params", '{"x": 1.5}'),
    ("params", '{"x": true}'),
    ("params", '{"y": 1}'),
    ("params", f'{{"x": {"9" * 4000}}}'),
    ("params", f'{{"x": {"9" * 100_000}}}'),
    ("params", json.dumps({"x": LONG})),
    ("params", sqlite3.Binary(b'{"x": 1}')),
    ("notes", DEEP),
    ("notes", "7"),
    ("notes", '{"a": -Infinity}'),
    ("notes", '{"a": 1e400}'),
    ("notes", "\x00"),
    ("state", "done"),
    ("state", b"complete"),
    ("state", "running"),
    ("value", None),
    ("value", "much"),
    ("value", b"\x00"),
    ("value", float("inf")),
    ("std", -1.0),
    ("std", "1.0.0"),
    ("kind", b"error"),
    ("reason", b"why"),
    ("traceback", b"\xff"),
    ("started", "yesterday"),
    ("started", -1.0),
    ("finished", 1e308),
    ("number", "one"),
    ("number", -1),
    ("number", 2**63 - 1),
    ("number", 0.5),
]


def small(tmp_path):
    path = str(tmp_path / "runs.db")
    study = Study(Space({"x": Int(0, 9)}), storage=path, seed=0, name="mnist")
    for x in range(3):
        study.enqueue({"x": x})
        study.tell(study.ask(), float(x))
    study.stored_trials.storage.close()
    return path


@pytest.mark.parametrize(("column", "value"), DAMAGED, ids=shown)
def test_a_damaged_trial_is_named(tmp_path, column, value):
    path = small(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE trials SET checksum = NULL, {column} = ? WHERE number = 1", (value,))
    with pytest.raises(StorageError) as caught:
        Study.load(storage=path)
    message = str(caught.value)
    assert "'mnist' is damaged" in message or "the study 'mnist'" in message
    if column != "number":
        assert message.startswith("storage: trial 1 of the study 'mnist' is damaged: ")
    assert len(message) < 600 and calm(message)
    assert main(["show", path]) in (0, 1)
    with sqlite3.connect(path) as db:  # nothing was done to it
        assert db.execute("SELECT count(*) FROM trials").fetchone() == (3,)


def test_text_that_is_no_unicode(tmp_path):
    path = small(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE trials SET kind = CAST(x'6eff80' AS TEXT) WHERE number = 1")
    with pytest.raises(StorageError, match="trial 1 of the study 'mnist' is damaged: kind"):
        Study.load(storage=path)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("trials SET value = 1.0000001", "trial 1 of the study 'mnist'"),
        ("trials SET params = '{\"x\": 2}'", "trial 1 of the study 'mnist'"),
        ("trials SET finished = finished + 1", "trial 1 of the study 'mnist'"),
        ("trials SET notes = '{\"theta\": []}'", "trial 1 of the study 'mnist'"),
        ("studies SET seed = '1'", "the study 'mnist'"),
        ("studies SET space = replace(space, '9', '8')", "the study 'mnist'"),
        ("studies SET direction = 'maximize'", "the study 'mnist'"),
    ],
)
def test_a_change_that_nobody_would_see_is_noticed(tmp_path, change, what):
    path = small(tmp_path)
    condition = " WHERE number = 1" if change.startswith("trials") else ""
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE {change}{condition}")
    with pytest.raises(StorageError, match=f"storage: {what} is damaged: its checksum"):
        Study.load(storage=path)
    with sqlite3.connect(path) as db:  # as the error says
        db.execute(f"UPDATE {change.split()[0]} SET checksum = NULL")
    assert len(Study.load(storage=path)) == 3


@pytest.mark.parametrize("value", [-0.0, 0.0, 5e-324, 1e308, 2.0**53, -1.0, 0.1 + 0.2, 3])
def test_the_checksum_is_that_of_what_is_read(tmp_path, value):
    study = Study(Space({"x": Float(-0.0, 1.0)}), storage=tmp_path / "a.db", seed=0)
    study.enqueue({"x": -0.0})
    study.tell(study.ask(), value, std=abs(value))
    study.extend({"ü\x00'\"": Int(0, 3)})
    found = Study.load(storage=tmp_path / "a.db")
    assert (found.trials[0].value, found.trials[0].std) == (value, abs(value))
    assert found.space == study.space


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("step", -1), ("step", 2**62), ("step", 1.5), ("value", b"x"),
        ("value", float("inf")), ("value", ESCAPES), ("step", SQL), ("step", CODE),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("summed", [True, False])
def test_a_damaged_point_is_named(tmp_path, column, value, summed):
    path = curved(tmp_path)
    checksum = "" if summed else "checksum = NULL, "
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE curves SET {checksum}{column} = ? WHERE step = 2", (value,))
    with pytest.raises(StorageError) as caught:
        Study.load(storage=path)
    message = str(caught.value)
    assert message.startswith(
        "storage: trial 1 of the study 'mnist' is damaged: its curve at step "
    )
    assert len(message) < 600 and calm(message)


@pytest.mark.parametrize("change", ["value = 0.2500001", "value = NULL", "step = 3"])
def test_a_point_that_was_changed_is_noticed(tmp_path, change):
    path = curved(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE curves SET {change} WHERE step = 2")
    with pytest.raises(
        StorageError, match=r"trial 1 .* is damaged: its curve at step [23]: .*checksum"
    ):
        Study.load(storage=path)
    with sqlite3.connect(path) as db:  # on purpose
        db.execute("UPDATE curves SET checksum = NULL")
    assert len(Study.load(storage=path).trials[1].curve) == 2


def curved(tmp_path):
    path = str(tmp_path / "runs.db")
    space, fidelity = Space({"x": Int(0, 9)}), Fidelity(3, 9)
    study = Study(space, storage=path, seed=0, name="mnist", fidelity=fidelity)
    for x in range(2):
        study.enqueue({"x": x})
    trial = study.ask(2)[1]
    study.report(trial, 1, 0.5)
    study.report(trial, 2, 0.25)
    study.stored_trials.storage.close()
    return path


def test_a_fidelity_that_is_none_is_named(tmp_path):
    for text in ("", "[]", '{"low": 9, "high": 1}', CODE, "[" * 10**5):
        path = curved(tmp_path)
        with sqlite3.connect(path) as db:
            db.execute("UPDATE studies SET checksum = NULL, fidelity = ?", (text,))
        with pytest.raises(
            StorageError, match="the fidelity of the study 'mnist' is damaged"
        ) as caught:
            Study.load(storage=path)
        assert len(str(caught.value)) < 800 and calm(str(caught.value))
        os.unlink(path)


def test_missing_trials_are_noticed(tmp_path):
    path = small(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM trials WHERE number = 1")
    with pytest.raises(
        StorageError, match="the study 'mnist' is damaged: some of its trials are gone"
    ):
        Study.load(storage=path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("space", DEEP),
        ("space", "{}"),
        ("space", "[]"),
        ("space", '{"parameters": 7}'),
        ("space", '{"parameters": []}'),
        ("space", '{"parameters": [{"name": "x", "kind": "os.system", "low": 0, "high": 1}]}'),
        ("space", '{"parameters": [{"name": "x", "kind": "Space", "parameters": {}}]}'),
        ("space", '{"parameters": [{"name": "x", "kind": "Int", "low": 0, "high": 9, "evil": 1}]}'),
        ("space", '{"parameters": [{"name": "x", "kind": "Int", "low": "0", "high": {}}]}'),
        ("space", '{"parameters": [{"name": "x", "kind": "Float", "low": NaN, "high": 1}]}'),
        (
            "space",
            '{"parameters": [{"name": "x", "kind": "Float", "low": -1e308, "high": 1e308, '
            '"step": 1e-300}]}',
        ),
        (
            "space",
            '{"parameters": [{"name": "x", "kind": "Boolean"}, {"name": "x", "kind": "Boolean"}]}',
        ),
        ("space", '{"parameters": [{"name": "x", "kind": "Boolean", "when": [["x", [true]]]}]}'),
        (
            "space",
            f'{{"parameters": [{{"name": "x", "kind": "Int", "low": 0, "high": {"9" * 5000}}}]}}',
        ),
        ("space", b"blob"),
        ("direction", "sideways"),
        ("seed", "0x10"),
        ("seed", "9" * 4000),
        ("seed", b"0"),
        ("created", 1e308),
        ("created", "today"),
        ("revision", "new"),
        ("revision", 2**63 - 1),
        ("revision", 1e300),
    ],
    ids=shown,
)
def test_a_damaged_study_is_named(tmp_path, column, value):
    path = small(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE studies SET checksum = NULL, {column} = ?", (value,))
    with pytest.raises(StorageError) as caught:
        Study.load(storage=path)
    message = str(caught.value)
    assert "the study 'mnist' is damaged: " in message
    assert len(message) < 600 and calm(message)
    assert main(["show", path]) in (0, 1)
    assert main(["export", path, "--json"]) in (0, 1)


@pytest.mark.parametrize(
    ("column", "value"),
    [("owner", "me"), ("owner", DEEP), ("owner", b"\xff"), ("owner", 7), ("attempts", "many")],
    ids=shown,
)
def test_a_damaged_owner_is_named(tmp_path, column, value):
    path = small(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute(
            "UPDATE trials SET state = 'running', value = NULL, owner = '[]' WHERE number = 1"
        )
        db.execute(f"UPDATE trials SET {column} = ? WHERE number = 1", (value,))
    with pytest.raises(StorageError, match="trial 1 of the study 'mnist' is damaged"):
        Study.load(storage=path)


def test_two_studies_of_one_name(tmp_path):
    path = small(tmp_path)
    with sqlite3.connect(path) as db:
        db.executescript(
            "CREATE TABLE copy AS SELECT * FROM studies; INSERT INTO copy SELECT * FROM studies;"
            "DROP TABLE studies; ALTER TABLE copy RENAME TO studies;"
        )
    with pytest.raises(tfbo.InvalidArgument, match="There are: 'mnist', 'mnist'"):
        Study.load(storage=path)


def test_notes_that_are_nested_as_deep_as_can_be_read(tmp_path, capsys):
    path = small(tmp_path)
    for depth in (100, 900, 960, 990):
        notes = '{"a": ' + "[" * depth + "]" * depth + "}"
        with sqlite3.connect(path) as db:
            db.execute("UPDATE trials SET notes = ? WHERE number = 1", (notes,))
        assert main(["export", path, "--json"]) in (0, 1)
        said = capsys.readouterr()
        assert said.out.startswith("{") or "'mnist' is damaged" in said.err


def test_what_the_file_would_do_by_itself_stays_inside_of_it(tmp_path, guarded):
    """Triggers and views can call no function that has side effects."""
    path = small(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE loot (a)")
        db.execute(
            "CREATE TRIGGER t AFTER INSERT ON trials BEGIN"
            " INSERT INTO loot SELECT load_extension('/tmp/evil'); END"
        )
    with pytest.raises(StorageError, match=r"unsafe use|not authorized|no such function"):
        Study.load(storage=path).enqueue({"x": 5})
    assert len(Study.load(storage=path)) == 3
    assert os.listdir(guarded) == []


def test_nothing_is_ever_unpickled_or_evaluated():
    package = Path(tfbo.__file__).parent
    danger = re.compile(
        r"import.*\b(c?pickle|cloudpickle|marshal|shelve|dill|joblib|yaml)\b|\bpickle\.\w|\b(eval|exec)\("
    )
    found = {
        file.relative_to(package).parts[0]
        for file in package.rglob("*.py")
        if danger.search(file.read_text())
    }
    assert found <= {"executors"}  # which talk to processes that they started themselves


def test_an_escaped_text_is_read_back(tmp_path):
    """What the commands escape is not changed in the study."""
    path = write(str(tmp_path / "runs.db"))
    text = io.StringIO()
    for trial in Study.load(storage=path).trials:
        text.write(str(trial.params[MARKUP]))
    assert ESCAPES in text.getvalue() and LONG in text.getvalue()
