"""The command line, run as a user would run it."""

import csv
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfbo
from tfbo import Boolean, Float, Space, Study
from tfbo.cli.main import main
from tfbo.report import table
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
    study.enqueue({"x": 0.5, "flag": True})
    Study(space, storage=path, name="empty", seed=0)
    return path


def test_show_lists_studies(runs, capsys):
    assert main(["show", runs]) == 0
    head, _, mnist, empty = capsys.readouterr().out.splitlines()
    states = ["complete", "failed", "running", "waiting"]
    assert head.split() == ["study", "direction", "trials", *states, "best", "created"]
    assert mnist.split()[:8] == ["mnist", "maximize", "6", "3", "1", "1", "1", "0.9"]
    assert empty.split()[:8] == ["empty", "minimize", "0", "0", "0", "0", "0", "-"]


def test_show_puts_decimal_points_below_each_other(tmp_path, capsys):
    path = str(tmp_path / "runs.db")
    study = Study(Space({"x": Float(0.0, 1.0)}), storage=path, strategy=Random())
    for value in (0.25, 1e9, -1.5e-7, 1234.5, float("nan"), 2):
        study.tell(study.ask(), value)
    assert main(["show", path, "study"]) == 0
    head, rule, *rows = capsys.readouterr().out.splitlines()
    begin = head.index("value") + len("value") - len(rule.split()[1])
    cells = [row[begin : head.index("state")].rstrip() for row in rows]
    assert [cell.split() for cell in cells] == [
        ["-1.5e-07"], ["0.25"], ["2"], ["1234.5"], ["1e+09"], ["-"],
    ]  # fmt: skip
    ends = {re.split(r"[.e]", cell)[0] for cell in cells}
    assert {len(end) for end in ends} == {len("1234")}


def test_a_long_name_does_not_push_other_rows_aside(runs, capsys):
    long = "a" * 300
    Study(Space({"x": Float(0.0, 1.0)}), storage=runs, name=long, strategy=Random())
    assert main(["show", runs]) == 0
    head, _, mnist, _, last = capsys.readouterr().out.splitlines()
    assert last.startswith(long + "  minimize")
    assert len(head) < 120 and len(mnist) < 120


def test_show_lists_trials_best_first(runs, capsys):
    assert main(["show", runs, "mnist"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["1", "3", "0", "2", "4", "5"]
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


@pytest.mark.slow
def test_the_demo_runs_and_goes_on(tmp_path):
    # As for a user who has set nothing.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    first = run("demo", "--quick", "--storage", "d.db", cwd=tmp_path, env=plain)
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    head, _, said, *lines = first.stdout.splitlines()
    assert head == "Loading TensorFlow ..." and said.startswith("Bayesian optimisation")
    line = r"trial +\d+: 0\.\d+ (at epoch [123] \((paused|stopped)\) )?in "
    assert all(re.match(line, text) for text in lines[:4]), lines
    for word in (
        "a new study",
        "Best hyperparameters",
        "held-out test",
        "networks were tried in 32 epochs",
        "d.db",
        "d.png",
        "learning_rate",
    ):
        assert word in first.stdout
    picture = tmp_path / "d.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "d-curves.png").read_bytes().startswith(b"\x89PNG")
    second = run("demo", "--quick", "--trials", "2", "--storage", "d.db", cwd=tmp_path)
    assert "continuing at epoch 32, up to 40" in second.stdout
    for ending in ("", "-random"):
        study = Study.load(storage=tmp_path / "d.db", name=f"digits-quick-epochs-seed0{ending}")
        assert sum(trial.spent for trial in study.trials) == 40


BAR = """
import sys
from tfbo.cli import demo

def advance(*_):
    print("a bar would begin", "tensorflow" in sys.modules)
    sys.exit()

demo._advance = advance
demo.run(trials=1, storage="d.db", seed=0, quick=True)
"""


@pytest.mark.slow
def test_the_bar_of_the_demo_begins_when_tensorflow_is_there(tmp_path):
    begun = subprocess.run(
        [sys.executable, "-c", BAR], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert begun.stdout.splitlines()[:2] == ["Loading TensorFlow ...", "a bar would begin True"]


def test_an_import_of_tensorflow_that_fails_shows_what_it_wrote(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'a note of the library\\n')\nraise ImportError('no AVX')\n"
    )
    code = "from tfbo._compile import quiet; quiet.import_tensorflow()"
    path = os.pathsep.join([str(tmp_path), str(Path(tfbo.__file__).parent.parent)])
    quiet = {n: v for n, v in os.environ.items() if not n.startswith("TF_")} | {"PYTHONPATH": path}
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=quiet)
    assert made.returncode == 1
    assert made.stderr.startswith("a note of the library\n") and "no AVX" in made.stderr


def test_the_readme_says_to_clone_before_it_installs_from_the_folder():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    first = readme.split("```")[1].strip().splitlines()
    assert re.match(r"git clone \S+ tfbo && cd tfbo\b", first[0])
    installing = [line for line in first[1:] if line.startswith("pip install")]
    assert len(installing) == 2 and all('".[' in line for line in installing)
    assert "pytest" in installing[1] and first[3].startswith("pytest")


def flush(block):
    """An example within a list, without what it is indented by."""
    return "\n".join(line.removeprefix("  ") for line in block.splitlines())


def test_the_examples_of_the_readme_run(tmp_path, monkeypatch):
    readme = Path(__file__).parents[2] / "README.md"
    blocks = [b.split("```")[0] for b in readme.read_text().split("```python\n")[1:]]
    tuner, example, workers, ray, optuna, constrained, goals, asking, curves, *extending = blocks
    monkeypatch.chdir(tmp_path)
    short = tuner.replace("max_trials=12", "max_trials=2").replace("epochs=4", "epochs=1")
    names = {}
    exec(compile(short, "README", "exec"), names)
    assert (
        len(names["tuner"].study) == 2
        and names["model"].predict(names["x"], verbose=0).shape[1] == 10
    )
    # One script, as the README says, and run as one: its processes import it again.
    script = f"{example}\n{workers}"
    for long, brief in (
        ("15", "2"),
        ("20", "2"),
        ("epochs=3", "epochs=1"),
        ("total=100", "total=7"),
    ):
        assert long in script
        script = script.replace(long, brief)
    (tmp_path / "script.py").write_text(script)
    subprocess.run([sys.executable, "script.py"], cwd=tmp_path, check=True, timeout=500)
    study = Study.load(storage="runs.db", name="digits")
    assert [trial.state for trial in study.trials] == ["complete"] * 7
    names = {}
    exec(compile(flush(constrained), "README", "exec"), {"tfbo": tfbo}, names)
    params = {"units_1": 1000, "deep": True, "units_2": 200, "batch": 16}
    assert names["space"].breaks(params) == constrained.split("# '")[1].split("'\n")[0]
    names = {}
    compile(ray, "README", "exec")  # tests/integrations/ray/test_executor.py runs one like it
    exec(compile(optuna.replace("n_trials=20", "n_trials=3"), "README", "exec"), {})
    exec(compile(flush(goals), "README", "exec"), {"tfbo": tfbo})
    exec(compile(flush(asking), "README", "exec"), {"tfbo": tfbo, "study": study})
    names = {}
    above = example.split("if __name__")[0]
    exec(compile(above + flush(curves).replace("300", "4"), "README", "exec"), names)
    assert sum(trial.spent for trial in names["study"].trials) == 4
    exec(compile("\n".join(extending), "README", "exec"), {})  # tests/test_extending.py uses them
    assert len(study) == 7 + 2  # one asked for, one enqueued


@pytest.fixture
def compromises(tmp_path):
    """A file with a study of two objectives and a constraint, and one in which no trial is feasible."""
    path, space = tmp_path / "goals.db", tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
    settings = {"storage": path, "constraints": ["mb <= 10"], "seed": 0}
    aims = {"objectives": {"gain": "maximize", "cost": "minimize"}}
    aims["reference"] = {"gain": 0.0, "cost": 4.0}
    study = tfbo.Study(space, name="two", **aims, **settings)
    for x, gain, cost, mb in (
        (0.5, 1, 1, 1),
        (0.25, 9, 0, 12.5),
        (0.75, 3, 2, 1),
        (0.625, 2, 2, 1),
    ):
        study.tell(study.enqueue({"x": x}), {"gain": gain, "cost": cost, "mb": mb})
    study.tell(study.enqueue({"x": 0.125}), {"mb": 2.0}, state="failed", kind="timeout")
    none = tfbo.Study(space, name="none", **settings)
    none.enqueue({"x": 0.5})
    none.tell(none.ask(), {"value": 0.5, "mb": 11.0})
    return path


def test_show_lists_the_front_first(compromises, capsys):
    assert main(["show", str(compromises)]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert "gain maximize, cost minimize" in rows[0] and "front 2" in rows[0]
    assert rows[1].split()[-3] == "-"
    assert main(["show", str(compromises), "two"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "constraint: mb <= 10"
    cells = [line.split()[:7] for line in lines[4:9]]
    assert lines[2].split()[:7] == ["number", "gain", "cost", "mb", "front", "feasible", "state"]
    assert [row[0] for row in cells] == ["2", "0", "3", "1", "4"]
    assert [row[4:6] for row in cells] == [
        ["yes", "yes"], ["yes", "yes"], ["-", "yes"], ["-", "no"], ["-", "yes"],
    ]  # fmt: skip
    assert cells[-1][:4] == ["4", "-", "-", "2"]
    assert lines[-1] == "front 2, hypervolume 7 from gain=0, cost=4; trials 0, 2"


def test_outcomes_are_exported_by_name(compromises, capsys):
    assert main(["export", str(compromises), "two", "--csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["values_gain"] for row in rows] == ["1.0", "9.0", "3.0", "2.0", ""]
    assert [row["feasible"] for row in rows] == ["True", "False", "True", "True", "True"]
    assert [row["violations_mb <= 10"] for row in rows] == ["0.0", "2.5", "0.0", "0.0", "0.0"]
    assert main(["export", str(compromises), "two", "--json"]) == 0
    study = json.loads(capsys.readouterr().out)
    assert study["constraints"] == ["mb <= 10"]
    assert study["goals"]["objectives"] == {"gain": "maximize", "cost": "minimize"}
    assert study["trials"][1]["violations"] == {"mb <= 10": 2.5}


@pytest.fixture
def told(tmp_path):
    """A study whose trials tell more than it is about, and not always what it constrains."""
    space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
    made = tfbo.Study(space, storage=tmp_path / "told.db", name="told", constraints=["mb <= 10"])
    nan = float("nan")
    for x, mb in ((0.25, 12.5), (0.5, 1.0), (0.75, nan)):
        made.tell(made.enqueue({"x": x}), {"value": x, "mb": mb, "more": 7.0}, std={"mb": 0.5})
    made.ask()
    return made


def test_constraints_have_the_same_columns_in_csv_and_data_frame(told, capsys):
    assert main(["export", told.location, "--csv"]) == 0
    head, *rows = csv.reader(capsys.readouterr().out.splitlines())
    assert head == list(told.to_dataframe().columns)
    at = head.index("violations_mb <= 10")
    assert head[at - 2 : at + 2] == ["values_more", "stds_mb", "violations_mb <= 10", "feasible"]
    assert [row[at] for row in rows] == ["2.5", "0.0", "", ""]


def test_the_table_of_a_report_has_violations_and_all_that_was_told(told):
    page = html.unescape(table.trials(told, told.trials))
    head, *rows = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in page.split("<tr")[1:]]
    head = [name.replace("<wbr>", "") for name in head]
    assert head[:5] == ["trial", "value", "mb", "more", "violations_mb <= 10"]
    at = head.index("violations_mb <= 10")
    assert {row[0]: row[at] for row in rows} == {"0": "2.5", "1": "0", "2": "", "3": ""}
    assert [row[head.index("more")] for row in rows] == ["7", "7", "7", ""]


def test_a_report_has_the_front_or_says_that_nothing_is_feasible(compromises, tmp_path, capsys):
    for name, said in (("two", 'id="front"'), ("none", "breaks 'mb &lt;= 10' by 1")):
        page = tmp_path / f"{name}.html"
        assert main(["report", str(compromises), name, "-o", str(page)]) == 0
        text = page.read_text(encoding="utf-8")
        assert said in text
        for part in ("pareto", "hypervolume", "history-1"):
            assert (f'id="plot-{part}"' in text) == (name == "two")


@pytest.mark.parametrize("kind", ["history", "timeline", "parallel_coordinates", "convergence"])
def test_a_study_without_a_feasible_trial_can_be_drawn(compromises, tmp_path, kind):
    target = str(tmp_path / "x.png")
    assert main(["plot", str(compromises), "none", "--kind", kind, "-o", target]) == 0


@pytest.mark.parametrize("kind", ["history", "slices", "convergence"])
def test_a_picture_of_a_value_says_that_there_are_several(compromises, tmp_path, kind, capsys):
    arguments = ["plot", str(compromises), "two", "--kind", kind, "-o", str(tmp_path / "x.png")]
    assert main(arguments) == 1
    assert "expected the name of an objective" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["history", "convergence", "pareto", "hypervolume"])
def test_one_objective_or_the_front_can_be_drawn(compromises, tmp_path, kind):
    named = ["--objective", "cost"] if kind in ("history", "convergence") else []
    arguments = ["plot", str(compromises), "two", "--kind", kind, "-o", str(tmp_path / "x.png")]
    assert main([*arguments, *named]) == 0


def test_a_picture_of_no_single_objective_takes_no_name(compromises, tmp_path, capsys):
    arguments = ["plot", str(compromises), "two", "--kind", "pareto", "-o", str(tmp_path / "x.png")]
    assert main([*arguments, "--objective", "cost"]) == 1
    assert "no name for pareto" in capsys.readouterr().err
