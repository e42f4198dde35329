"""The commands report, plot and export."""

import csv
import dataclasses
import html.parser
import io
import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import tfbo
from tfbo import Boolean, Categorical, Constant, Float, Space, Study, Trial, plots, report
from tfbo.cli import snapshot
from tfbo.cli.main import KINDS, main
from tfbo.importance import Estimate, Importance
from tfbo.report import table
from tfbo.storage import Record, SQLiteStorage
from tfbo.strategies import LeaveOneOut, Prediction

SPACE = Space(
    {
        "rate": Float(1e-5, 1e-1, log=True),
        "<kind>": Categorical(["a & b", None, 'x,"y"\n']),
        "use_dropout": Boolean(),
        "dropout": Float(0.0, 0.6, when={"use_dropout": True}),
        "fixed": Constant(1),
    }
)
EVIL = "<script>alert('x')</script>"


def trials_of(count, fails=0.25):
    """Complete and failed trials with values that need all their digits."""
    rng = np.random.default_rng(0)
    trials = []
    for i in range(count):
        on = bool(rng.uniform() < 0.5)
        params = {
            "rate": float(10.0 ** rng.uniform(-5.0, -1.0)),
            "<kind>": ["a & b", None, 'x,"y"\n'][i % 3],
            "use_dropout": on,
            **({"dropout": float(rng.uniform(0.0, 0.6))} if on else {}),
            "fixed": 1,
        }
        times = {"started": 1e9 + 10.1 * i, "finished": 1e9 + 10.1 * i + 10.0}
        if rng.uniform() < fails:
            failure = {
                "kind": "error",
                "reason": f"ValueError: {EVIL}",
                "traceback": f"in f\n{EVIL}",
            }
            trials.append(Trial(i, params, "failed", **failure, **times))
        else:
            value = float(np.log10(params["rate"]) ** 2 / 3.0)
            trials.append(Trial(i, params, "complete", value=value, std=0.1 / 3.0, **times))
    return trials


EPOCHS = tfbo.Fidelity(1, 9, name="epoch")


def staged_of(count):
    """The trials with curves: two in three stopped, paused or failed before the last epoch."""
    trials = []
    for trial in trials_of(count, fails=0.0):
        state = ["complete", "stopped", "complete", "paused", "complete", "failed"][
            trial.number % 6
        ]
        last = 9 if state == "complete" else 3
        curve = {step: trial.value + 1.0 / step for step in range(1, last)} | {last: trial.value}
        steps = {"start": 0, "until": last, "spent": last, "curve": curve, "state": state}
        if state == "failed":
            steps |= {"value": None, "std": None, "kind": "error", "reason": "no"}
        trials.append(dataclasses.replace(trial, **steps))
    return trials


def stored(path, trials, name="runs", fidelity=None):
    storage = SQLiteStorage(path)
    steps = None if fidelity is None else fidelity.to_json()
    storage.create(Record(name, SPACE.to_json(), "minimize", 0, 1e9, fidelity=steps))
    assert storage.append(name, trials, None)
    storage.close()
    return str(path)


@pytest.fixture
def runs(tmp_path):
    return stored(tmp_path / "runs.db", trials_of(12))


@pytest.fixture
def staged(tmp_path):
    return stored(tmp_path / "staged.db", staged_of(12), fidelity=EPOCHS)


class Page(html.parser.HTMLParser):
    """What is in a page: texts by id, tags, where things are fetched from."""

    VOID = ("meta", "img", "wbr")

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.tags, self.sources = [], {}, [], []
        self.feed(text)
        assert self.open == []  # every element is closed

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for key, value in attrs if key in ("src", "href", "data")]
        if tag not in self.VOID:
            self.open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, name in self.open:
            if name:
                self.texts[name] = self.texts.get(name, "") + data


FRONTS = {"pareto", "hypervolume"}
"""Pictures of studies with several objectives."""


class Known(Study):
    """A study with a surrogate that costs nothing."""

    @property
    def best_trial(self):
        return self.best_observed

    def suggestion(self):
        return dict(self.trials[0].params)

    def expected_improvement(self, params):
        return 0.125

    def predict(self, configurations, *, outcome=None):
        return Prediction(np.full(len(configurations), 2.5), np.full(len(configurations), 0.5))

    def forecast(self, trial, steps):
        return Prediction(np.full(len(steps), 2.5), np.full(len(steps), 0.5))

    def importance(self, *, outcome=None):
        one = Importance(Estimate(0.2, 0.1, 0.3), Estimate(0.4, 0.3, 0.5))
        return {name: one for name in self.space if name != "fixed"}

    def leave_one_out(self, *, outcome=None):
        done = [trial for trial in self.trials if trial.state == "complete"]
        value = np.array([trial.value for trial in done])
        numbers = np.array([trial.number for trial in done])
        return LeaveOneOut(numbers, value, value, np.ones(len(done)), np.zeros(len(done)))


def known(path):
    return Known.load(storage=path)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A study and its page, made once."""
    study = known(stored(tmp_path_factory.mktemp("drawn") / "runs.db", trials_of(12)))
    return study, report.html(study, location="here & there.db")


def test_report_is_one_page_by_itself(drawn):
    _, text = drawn
    page = Page(text)
    assert len(page.sources) == 7
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert page.tags.count("script") == 1
    assert "http:" not in text and "https:" not in text
    assert page.texts["title"] == "runs"
    assert page.texts["summary-trials"] == "12"
    assert page.texts["summary-stored-in"] == "here & there.db"
    assert float(page.texts["next-mean"]) == 2.5
    assert page.texts["next-std"] == "0.5"
    assert page.texts["next-95-interval"] == "1.52002 to 3.47998"
    assert page.texts["next-expected-improvement"] == "0.125"


def test_report_has_the_best_hyperparameters_to_the_last_digit(drawn):
    study, text = drawn
    page = Page(text)
    assert eval(page.texts["best-dict"]) == study.best_params
    assert float(page.texts["best-value"]) == pytest.approx(study.best_value, rel=1e-5)
    assert f'title="{study.best_value!r}"' in text  # exact, for who points at it
    assert page.texts["best-trial"] == str(study.best_trial.number)


def test_report_rounds_its_numbers(drawn):
    _, text = drawn
    seen = re.sub(
        r'<script.*?</script>|<style.*?</style>|<pre id="best-dict">.*?</pre>', "", text, flags=re.S
    )
    numbers = re.findall(r"\d+\.\d+(?:e[-+]\d+)?", re.sub(r"<[^>]*>", " ", seen))
    assert len(numbers) > 30
    digits = [re.sub(r"^0*|e.*", "", number.replace(".", "")).lstrip("0") for number in numbers]
    assert max(map(len, digits)) <= 6


def test_report_escapes_what_the_user_wrote(drawn):
    _, text = drawn
    assert EVIL not in text
    assert "&lt;script&gt;alert" in text
    assert "<kind>" not in text
    assert EVIL in Page(text).texts["failures"]


def test_report_lists_every_trial_best_first(runs):
    study = known(runs)
    text = table.trials(study, study.trials)
    rows = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in text.split("<tr")[2:]]
    values = [float(row[1]) for row in rows if row[1]]
    assert len(rows) == 12 and sorted(int(row[0]) for row in rows) == list(range(12))
    assert values == sorted(values)
    for trial in study.trials:
        if trial.value is not None:  # exact, where the shown one is not
            assert f'title="{trial.value!r}"' in text


def test_report_of_thousands_of_trials_is_complete_and_small(tmp_path):
    study = known(stored(tmp_path / "many.db", trials_of(3000)))
    text = report.html(study)
    assert len(text.encode()) < 4_000_000
    page = Page(text)
    assert page.tags.count("tr") - 1 >= 3000
    failed = [str(trial.number) for trial in study.trials if trial.state == "failed"]
    assert ", ".join(failed) in page.texts["failures"]


def test_report_says_what_it_leaves_out(tmp_path):
    trials = [
        Trial(i, {"rate": 0.01, "<kind>": None, "use_dropout": False, "fixed": 1}, "failed",
              kind="error", reason=f"reason {i} " + 400 * "x", traceback=30_000 * "y")
        for i in range(33)
    ]  # fmt: skip
    text = report.html(known(stored(tmp_path / "long.db", trials)))
    assert "characters more)" in text
    assert "(10000 characters before this)" in text
    assert "3 trials failed in 3 further ways" in text


@pytest.mark.parametrize("count", [0, 1, 2, "failed"])
def test_report_of_few_trials_says_what_is_missing(tmp_path, capsys, count):
    trials = trials_of(3, fails=1.1) if count == "failed" else trials_of(count, fails=0.0)
    path = stored(tmp_path / "few.db", trials)
    output = tmp_path / "report.html"
    assert main(["report", path, "-o", str(output)]) == 0
    assert str(output) in capsys.readouterr().out
    text = output.read_text("utf-8")
    page = Page(text)
    pictures = {0: 0, 1: 3, 2: 7, "failed": 3}[count]
    assert len(page.sources) == pictures
    assert text.count("2 complete trials") == (4 if pictures < 7 else 0)
    assert "rate" in page.texts["next-parameters"]
    assert ("next-mean" in page.texts) == (count == 2)
    missing = {0: "has no trials yet", "failed": "All 3 trials of the study 'runs' failed."}
    assert missing.get(count, "Trial 0 with" if count == 1 else "Trial") in page.texts["best"]


def test_report_shows_the_curves_and_steps_of_a_study_with_a_fidelity(staged):
    page = Page(report.html(known(staged)))
    assert len(page.sources) == 9
    assert "plot-curves" in page.texts and "plot-budget" in page.texts
    counts = {"complete": 6, "stopped": 2, "paused": 2, "failed": 2, "epochs-spent": 6 * 9 + 6 * 3}
    assert {name: page.texts[f"summary-{name}"] for name in counts} == {
        name: str(count) for name, count in counts.items()
    }
    study = known(staged)
    rows = table.trials(study, study.trials).split("<tr")[1:]
    assert re.findall(r"<th[^>]*>([^<]*)", rows[0])[:5] == [
        "trial",
        "value",
        "std",
        "state",
        "epoch",
    ]
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in rows[1:]]
    assert [row[3] for row in cells[:6]] == 6 * ["complete"]
    assert {(row[3], row[4]) for row in cells[6:]} == {
        (s, "3") for s in ("stopped", "paused", "failed")
    }


def test_plot_writes_each_kind(runs, staged, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(snapshot, "take", lambda storage, name: known(staged))
    assert set(KINDS) == set(plots.__all__)
    for kind in set(KINDS) - FRONTS:  # those are drawn in test_main.py
        output = tmp_path / f"{kind}.png"
        assert main(["plot", runs, "runs", "--kind", kind, "-o", str(output)]) == 0
        assert output.read_bytes().startswith(b"\x89PNG")
    output = tmp_path / "two.svg"
    arguments = ["plot", runs, "--kind", "contour", "--params", "rate", "<kind>", "-o", str(output)]
    assert main(arguments) == 0
    assert "<svg" in output.read_text()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "slices", "--params", "rte", "-o", "x.png"], "There are: 'rate', '<kind>'"),
        (["--kind", "history", "--params", "rate", "-o", "x.png"], "no names for history"),
        (["--kind", "contour", "--params", "a", "b", "c", "-o", "x.png"], "two names at most"),
        (["--kind", "history", "-o", "x.doc"], "a file that ends in one of"),
        (
            ["runs", "runs", "--kind", "history", "-o", "x.png"],
            "Only --kind convergence draws several",
        ),
        (["runs", "rusn", "--kind", "convergence", "-o", "x.png"], "It holds 'runs'"),
        (["--kind", "convergence", "--params", "rate", "-o", "x.png"], "no names for convergence"),
        (["--kind", "history", "-o", "no/such/folder/x.png"], "No such file or directory"),
    ],
)
def test_plot_explains_what_it_cannot_do(runs, capsys, arguments, said):
    assert main(["plot", runs, *arguments]) == 1
    assert said in capsys.readouterr().err


def test_plot_of_too_few_trials_is_status_one(tmp_path, capsys):
    path = stored(tmp_path / "none.db", [])
    for kind in KINDS:
        assert main(["plot", path, "--kind", kind, "-o", str(tmp_path / "x.png")]) == 1
        said = "several objectives" if kind in FRONTS else "'runs'"
        assert said in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    "command",
    [["report", "-o", "x"], ["plot", "--kind", "history", "-o", "x.png"], ["export", "--csv"]],
)
def test_unknown_storage_and_study_are_status_one(command, runs, tmp_path, capsys):
    name, *options = command
    assert main([name, str(tmp_path / "no.db"), *options]) == 1
    assert "there is no file" in capsys.readouterr().err
    assert not (tmp_path / "no.db").exists()
    assert main([name, runs, "rusn", *options]) == 1
    assert "It holds 'runs'" in capsys.readouterr().err
    stored(runs, [], name="other")
    assert main([name, runs, *options]) == 1
    assert "There are: 'runs', 'other'" in capsys.readouterr().err


def test_csv_has_the_columns_of_the_data_frame_and_exact_values(runs, capsys):
    assert main(["export", runs, "--csv"]) == 0
    head, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    study = snapshot.take(SQLiteStorage(runs))
    assert head == list(study.to_dataframe().columns)
    assert len(rows) == 12
    for trial, row in zip(study.trials, rows, strict=True):
        cells = dict(zip(head, row, strict=True))
        assert cells["value"] == ("" if trial.value is None else repr(trial.value))
        assert float(cells["params_rate"]) == trial.params["rate"]
        assert cells["params_<kind>"] == str(trial.params["<kind>"])
        assert (cells["params_dropout"] == "") == ("dropout" not in trial.params)
        assert cells["reason"] == (trial.reason or "")
        assert re.fullmatch(r"2001-09-09T\d\d:\d\d:\d\d\.\d{6}\+00:00", cells["started"])
        assert datetime.fromisoformat(cells["started"]).timestamp() == trial.started
    times = study.to_dataframe()["started"]
    assert [time.timestamp() for time in times] == [trial.started for trial in study.trials]
    assert str(times.dt.tz) == "UTC"


def test_csv_of_trials_with_curves_says_how_far_they_came_and_what_they_cost(staged, capsys):
    assert main(["export", staged, "--csv"]) == 0
    head, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    frame = snapshot.take(SQLiteStorage(staged)).to_dataframe()
    assert [*head, "curve"] == list(frame.columns)
    assert head[-4:] == ["start", "until", "step", "spent"]
    assert [row[-4:] for row in rows] == 6 * [["0", "9", "9", "9"], ["0", "3", "3", "3"]]
    assert [[str(cell) for cell in row] for row in frame[head[-4:]].values] == [
        r[-4:] for r in rows
    ]


def test_curves_are_exported_point_by_point(staged, tmp_path, capsys):
    assert main(["export", staged, "--curves"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    found = {}
    for row in rows:
        found.setdefault(int(row["number"]), {})[int(row["step"])] = float(row["value"])
    assert found == {trial.number: trial.curve for trial in staged_of(12)}


def test_json_has_the_fidelity_and_the_curves(tmp_path, capsys):
    trials = staged_of(1)
    trials[0].curve.update({4: float("nan"), 5: float("inf")})
    assert main(["export", stored(tmp_path / "nan.db", trials, fidelity=EPOCHS), "--json"]) == 0
    loaded = json.loads(capsys.readouterr().out)
    assert tfbo.Fidelity.from_json(json.dumps(loaded["fidelity"])) == EPOCHS
    curve = {str(step): value for step, value in trials[0].curve.items()}
    assert loaded["trials"][0]["curve"] == {**curve, "4": None, "5": None}


def test_show_has_the_states_and_steps_of_a_study_with_curves(staged, capsys):
    assert main(["show", staged]) == 0
    head, _, row = capsys.readouterr().out.splitlines()
    states = ["complete", "stopped", "paused", "failed", "running", "waiting"]
    assert head.split() == ["study", "direction", "trials", *states, "steps", "best", "created"]
    best = min(trial.value for trial in staged_of(12) if trial.state == "complete")
    expected = ["runs", "minimize", "12", "6", "2", "2", "2", "0", "0", "72", f"{best:.6g}"]
    assert row.split()[:11] == expected
    assert main(["show", staged, "runs"]) == 0
    head, _, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["number", "value", "state", "epoch", "seconds", "parameters"]
    assert [row[2] for row in rows[:6]] == 6 * ["complete"]
    assert {row[3] for row in rows[:6]} == {"9"}
    assert ["stopped", "3"] in [row[2:4] for row in rows]


def test_show_has_no_best_value_of_an_earlier_step(tmp_path, capsys):
    paused = [trial for trial in staged_of(12) if trial.state == "paused"]
    listed = [dataclasses.replace(trial, number=i) for i, trial in enumerate(paused)]
    assert main(["show", stored(tmp_path / "p.db", listed, fidelity=EPOCHS)]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[10] == "-"


def test_a_trial_that_was_not_started_has_no_time(tmp_path, capsys):
    params = {"rate": 0.01, "<kind>": None, "use_dropout": False, "fixed": 1}
    path = stored(tmp_path / "waiting.db", [Trial(0, params, "waiting")])
    assert main(["export", path, "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["started"] == row["duration"] == ""
    frame = snapshot.take(SQLiteStorage(path)).to_dataframe()
    assert frame["started"].isna().all() and str(frame["started"].dt.tz) == "UTC"
    assert all(frame[name].dtype == float for name in ("value", "std", "duration"))


def test_a_data_frame_without_pandas_says_what_to_install(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "tfbo\[pandas\]"'):
        snapshot.take(SQLiteStorage(runs)).to_dataframe()


def test_pandas_is_in_the_extras_that_need_it():
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    extras = dict(re.findall(r"^(\w+) = \[(.*?)\]$", project, re.MULTILINE | re.DOTALL))
    assert all('"pandas>=' in extras[name] for name in ("pandas", "demo", "test"))


def test_convergence_draws_all_studies_of_a_file_or_those_named(tmp_path, capsys, monkeypatch):
    path = stored(tmp_path / "runs.db", trials_of(6, fails=0.0), name="one")
    stored(path, trials_of(4, fails=0.0), name="two")
    drawn = []
    monkeypatch.setattr(
        plots, "convergence", lambda *studies: drawn.append([s.name for s in studies]) or Figure()
    )
    for names in ([], ["two"], ["two", "one"]):
        output = str(tmp_path / "x.png")
        assert main(["plot", path, *names, "--kind", "convergence", "-o", output]) == 0
    assert drawn == [["one", "two"], ["two"], ["two", "one"]]
    capsys.readouterr()


@pytest.mark.parametrize(
    "command",
    [["report"], ["plot", "--kind", "history"], ["export", "--csv"], ["export", "--json"]],
)
def test_a_study_is_not_overwritten_with_what_is_made_of_it(runs, capsys, command):
    before = Path(runs).read_bytes()
    assert main([command[0], runs, *command[1:], "-o", runs]) == 1
    assert "a file other than the storage" in capsys.readouterr().err
    assert Path(runs).read_bytes() == before


def test_json_loads_back_as_it_was(runs, tmp_path, capsys):
    output = tmp_path / "x.json"
    assert main(["export", runs, "runs", "--json", "-o", str(output)]) == 0
    assert capsys.readouterr().out == f"Wrote {output} (12 trials).\n"
    loaded = json.loads(output.read_text("utf-8"))
    study = snapshot.take(SQLiteStorage(runs))
    assert Space.from_json(json.dumps(loaded["space"])) == study.space
    assert tuple(Trial(**one) for one in loaded["trials"]) == study.trials
    about = (loaded["name"], loaded["direction"], loaded["seed"], loaded["created"])
    assert about == ("runs", "minimize", 0, 1e9)


def test_a_file_that_cannot_be_written_is_status_one(runs, tmp_path, capsys):
    for command in (["export", runs, "--json"], ["export", runs, "--csv"]):
        assert main([*command, "-o", str(tmp_path / "no" / "x")]) == 1
        assert "No such file" in capsys.readouterr().err


def test_looking_at_a_study_does_not_change_it(tmp_path, capsys):
    path = str(tmp_path / "runs.db")
    # A process that dies while it runs a trial, which the next one to open the study takes up again.
    code = (
        "import os, sys, tfbo; s = tfbo.Study(tfbo.Space({'x': tfbo.Int(0, 9)}), storage=sys.argv[1])\n"
        "[s.enqueue({'x': i}) for i in range(3)]; s.tell(s.ask(), 1.0)\n"
        "s.optimize(lambda params: os._exit(0), n_trials=1)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
    before = SQLiteStorage(path).changes("study", 0)
    assert [trial.state for trial in before.trials] == ["complete", "running", "waiting"]
    picture = str(tmp_path / "x.png")
    assert main(["plot", path, "--kind", "timeline", "-o", picture]) == 0
    assert main(["report", path, "-o", str(tmp_path / "x.html")]) == 0
    assert main(["export", path, "--json"]) == 0
    assert "running" in capsys.readouterr().out
    assert SQLiteStorage(path).changes("study", 0) == before
    assert Study.load(storage=path).trials[1].state == "waiting"


def test_export_does_not_import_tensorflow(runs):
    result = subprocess.run(
        [sys.executable, "-m", "tfbo", "export", runs, "--csv"],
        env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "tensorflow" not in result.stderr


@pytest.mark.parametrize("arguments", [["report", "x"], ["plot", "x", "-o", "y"], ["export", "x"]])
def test_what_has_to_be_said_is_asked_for(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_snapshot_goes_on_as_the_study_would():
    study = Study(SPACE, seed=3, storage=(storage := SQLiteStorage(":memory:")))
    for value in (1.0, 2.0):
        study.tell(study.ask(), value)
    assert snapshot.take(storage).suggestion() == study.suggestion()
    assert tfbo.Study.load(storage=storage).trials == study.trials
