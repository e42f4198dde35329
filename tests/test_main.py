"""The command line, run as a user would run it."""

import operator
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import tfbo
from tfbo import Boolean, Float, Space, Study
from tfbo.__main__ import main
from tfbo.strategies import Random


@pytest.fixture
def runs(tmp_path):
    path = str(tmp_path / "runs.db")
    space = Space({"x": Float(-1.0, 1.0), "flag": Boolean()})
    study = Study(
        space, storage=path, name="mnist", direction="maximize", seed=0, strategy=Random()
    )
    for value in (0.5, 0.9, float("nan"), 0.7):
        study.tell(study.ask(), value)
    study.ask()
    Study(space, storage=path, name="empty", seed=0)
    return path


def test_show_lists_studies(runs, capsys):
    assert main(["show", runs]) == 0
    head, _, mnist, empty = capsys.readouterr().out.splitlines()
    assert head.split() == ["study", "direction", "trials", "complete", "failed", "best", "created"]
    assert mnist.split()[:6] == ["mnist", "maximize", "5", "3", "1", "0.9"]
    assert empty.split()[:6] == ["empty", "minimize", "0", "0", "0", "-"]


def test_show_lists_trials_best_first(runs, capsys):
    assert main(["show", runs, "mnist"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["1", "3", "0", "2", "4"]
    assert rows[3][2:4] == ["failed", "(nan)"]
    assert main(["show", runs, "empty"]) == 0
    assert "no trial yet" in capsys.readouterr().out


def test_show_explains_what_is_not_there(runs, tmp_path, capsys):
    assert main(["show", runs, "minst"]) == 1
    assert "It holds 'mnist', 'empty'" in capsys.readouterr().err
    assert main(["show", str(tmp_path / "none.db")]) == 1
    assert "no file" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["show"], ["demo", "--trials", "0"], ["demo", "--seed", "-1"], ["nothing"]]
)
def test_wrong_usage_is_status_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def run(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "tfbo", *arguments], capture_output=True, text=True, **settings
    )


def test_python_m_tfbo_is_the_command():
    assert run("--version").stdout.strip() == f"tfbo {tfbo.__version__}"


def test_show_does_not_import_tensorflow(runs):
    result = run("show", runs, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert result.returncode == 0
    assert "tfbo.storage" in result.stderr
    assert "tensorflow" not in result.stderr


def test_the_demo_runs_and_goes_on(tmp_path):
    first = run("demo", "--quick", "--trials", "4", "--storage", "d.db", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    for word in (
        "a new study",
        "Best hyperparameters",
        "held-out test",
        "d.db",
        "d.png",
        "learning_rate",
    ):
        assert word in first.stdout
    picture = tmp_path / "d.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    second = run("demo", "--quick", "--trials", "2", "--storage", "d.db", cwd=tmp_path)
    assert "continuing at trial 4, up to 6" in second.stdout
    db = sqlite3.connect(tmp_path / "d.db")
    counts = dict(db.execute("SELECT study, count(*) FROM trials GROUP BY study"))
    assert counts == {"digits-quick-seed0": 6, "digits-quick-seed0-random": 6}


def test_the_examples_of_the_readme_run(tmp_path, monkeypatch):
    readme = Path(__file__).parent.parent / "README.md"
    blocks = [b.split("```")[0] for b in readme.read_text().split("```python\n")[1:]]
    tuner, example, workers, ray, asking, acquisition = blocks
    monkeypatch.chdir(tmp_path)
    short = tuner.replace("max_trials=12", "max_trials=2").replace("epochs=4", "epochs=1")
    names = {}
    exec(compile(short, "README", "exec"), names)
    assert (
        len(names["tuner"].study) == 2
        and names["model"].predict(names["x"], verbose=0).shape[1] == 10
    )
    example = example.replace("n_trials=15", "n_trials=2").replace("epochs=3", "epochs=1")
    names = {}
    exec(compile(example, "README", "exec"), names)
    study = names["study"]
    # An objective that any process can import, and that takes no time.
    several = {"study": study, "objective": operator.itemgetter("learning_rate")}
    workers = workers.replace("n_trials=20", "n_trials=2").replace("total=100", "total=7")
    exec(compile(workers, "README", "exec"), several)
    assert [trial.state for trial in study.trials] == ["complete"] * 7
    compile(ray, "README", "exec")  # tests/integrations/test_ray.py runs one like it
    indented = "\n".join(line.removeprefix("  ") for line in asking.splitlines())
    exec(compile(indented, "README", "exec"), {"tfbo": tfbo, "study": study})
    exec(compile(acquisition, "README", "exec"), names)
    names["strategy"].acquisition.evaluate  # noqa: B018
    study = tfbo.minimize(
        lambda p: p["x"] ** 2,
        Space({"x": Float(-1.0, 1.0)}),
        n_trials=6,
        strategy=names["strategy"],
    )
    assert len(study) == 6
