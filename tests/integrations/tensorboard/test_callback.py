import dataclasses
import math
import pickle
import subprocess
import sys
import threading
from collections import Counter

import pytest

import tfbo
from tfbo import Boolean, Categorical, Constant, Float, Int, InvalidArgument, Ordinal, Space, Study
from tfbo.integrations import tensorboard as board
from tfbo.integrations.tensorboard import callback as callback_module
from tfbo.strategies import Random

pytest.importorskip("tensorboard")

SPACE = Space(
    {
        "rate": Float(1e-4, 1e-1, log=True),
        "units": Int(16, 128, step=16),
        "kind": Categorical(["a", None, "b"]),
        "flag": Boolean(),
        "share": Float(0.0, 0.5, when={"flag": True}),
    }
)


def make_study(space=SPACE, **settings):
    return Study(space, seed=0, strategy=Random(), **settings)


def objective(params):
    if params["flag"]:
        raise ValueError("no flags")
    return params["rate"] * params["units"]


class Read:
    """All that TensorBoard reads from a folder, in the order in which it reads."""

    def __init__(self, logdir):
        from tensorboard.backend.event_processing import event_file_loader

        self.events = {}
        for path in sorted(logdir.rglob("*tfevents*")):
            run = str(path.parent.relative_to(logdir))
            loaded = event_file_loader.EventFileLoader(str(path)).Load()
            self.events.setdefault(run, []).extend(loaded)

    def values(self, run):
        for event in self.events[run]:
            for value in event.summary.value:
                yield event, value

    def points(self, run, tag):
        """Steps and values of a curve."""
        from tensorboard.util import tensor_util

        return [
            (event.step, float(tensor_util.make_ndarray(value.tensor)))
            for event, value in self.values(run)
            if value.tag == tag
        ]

    def plugin(self, run, what):
        """The last message of the HParams plugin with that content."""
        from tensorboard.plugins.hparams import plugin_data_pb2

        found = None
        for _, value in self.values(run):
            if value.metadata.plugin_data.plugin_name == "hparams":
                data = plugin_data_pb2.HParamsPluginData.FromString(
                    value.metadata.plugin_data.content
                )
                if data.HasField(what):
                    found = getattr(data, what)
        return found

    def params(self, run):
        """A trial's parameters as the HParams page has them."""
        start = self.plugin(run, "session_start_info")
        return {name: getattr(v, v.WhichOneof("kind")) for name, v in start.hparams.items()}


def test_each_trial_is_a_run_with_its_parameters_and_value(tmp_path):
    study = make_study(name="mine")
    study.optimize(objective, n_trials=8, callbacks=[board.TensorBoardCallback(tmp_path)])
    read = Read(tmp_path)
    trials = [f"mine/trial-{n:04d}" for n in range(8)]
    assert set(read.events) == {"mine/search", "mine/space-5", *trials}
    for trial, run in zip(study.trials, trials, strict=True):
        kind = str(trial.params["kind"])
        assert read.params(run) == {**trial.params, "kind": kind}
        start, end = read.plugin(run, "session_start_info"), read.plugin(run, "session_end_info")
        assert start.group_name == run
        assert (start.start_time_secs, end.end_time_secs) == (trial.started, trial.finished)
        assert end.status == (1 if trial.state == "complete" else 2)
        points = read.points(run, "objective")
        assert points == (
            [] if trial.value is None else [(trial.number, pytest.approx(trial.value))]
        )
    assert {trial.state for trial in study.trials} == {"complete", "failed"}


def test_the_reason_of_a_failure_is_kept(tmp_path):
    study = make_study(name="mine")
    study.tell(study.ask(), state="failed", kind="out of memory", reason="too wide")
    board.TensorBoardCallback(tmp_path)(study, study.trials[0])
    (text,) = [v for _, v in Read(tmp_path).values("mine/trial-0000") if v.tag == "failure"]
    assert text.tensor.string_val == [b"out of memory: too wide"]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_so_far(tmp_path, direction):
    study = make_study(direction=direction)
    callback = board.TensorBoardCallback(tmp_path)
    for value in [math.nan, 3.0, 1.0, 2.0, 5.0]:
        study.tell(study.ask(), value)
        callback(study, study.trials[-1])
    read = Read(tmp_path)
    assert read.points("study/search", "objective") == [(1, 3.0), (2, 1.0), (3, 2.0), (4, 5.0)]
    best = [3.0, 1.0, 1.0, 1.0] if direction == "minimize" else [3.0, 3.0, 3.0, 5.0]
    assert read.points("study/search", "best_so_far") == list(enumerate(best, start=1))


def test_the_page_gets_every_domain(tmp_path):
    space = Space(
        {
            "float": Float(1e-4, 1e-1, log=True),
            "int": Int(1, 64, log=True),
            "numbers": Ordinal([16, 32.5, 64]),
            "texts": Categorical(["b", "a"]),
            "mixed": Categorical([1, "1", None, True]),
            "flag": Boolean(),
            "fixed": Constant("adam"),
            "nothing": Constant(None),
        }
    )
    study = make_study(space, direction="maximize")
    for _ in range(12):
        study.tell(study.ask(), 1.0)
    board.TensorBoardCallback(tmp_path)(study, study.trials[-1])
    read = Read(tmp_path)
    experiment = read.plugin("study/space-8", "experiment")
    (metric,) = experiment.metric_infos
    assert (metric.name.tag, metric.display_name) == ("objective", "objective (maximize)")
    infos = {info.name: info for info in experiment.hparam_infos}
    assert list(infos) == list(space)
    for name, low, high in [("float", 1e-4, 1e-1), ("int", 1.0, 64.0)]:
        interval = infos[name].domain_interval
        assert (interval.min_value, interval.max_value) == (low, high)
    listed = {n: list(i.domain_discrete) for n, i in infos.items() if n not in ("float", "int")}
    assert listed == {
        "numbers": [16.0, 32.5, 64.0],
        "texts": ["a", "b"],
        "mixed": sorted(["1", "'1'", "None", "True"]),
        "flag": [False, True],
        "fixed": ["adam"],
        "nothing": ["None"],
    }
    for trial in study.trials:
        shown = read.params(f"study/trial-{trial.number:04d}")
        assert shown["mixed"] == repr(trial.params["mixed"])
        assert all(shown[name] in values for name, values in listed.items())


def test_a_study_goes_on_where_it_was(tmp_path):
    logs, file = tmp_path / "logs", tmp_path / "runs.db"
    study = make_study(storage=file)
    study.optimize(objective, n_trials=3)
    study.optimize(objective, n_trials=2, callbacks=[board.TensorBoardCallback(logs)])
    before = {path: path.stat().st_mtime_ns for path in logs.rglob("*.result")}
    assert len(before) == 5
    study = Study.load(storage=file, strategy=Random())
    study.optimize(objective, n_trials=2)
    study.optimize(objective, n_trials=1, callbacks=[board.TensorBoardCallback(str(logs))])
    after = {path: path.stat().st_mtime_ns for path in logs.rglob("*.result")}
    assert len(after) == 8
    assert before.items() <= after.items()
    read = Read(logs)
    complete = [t for t in study.trials if t.value is not None]
    expected = [(t.number, pytest.approx(t.value)) for t in complete]
    assert read.points("study/search", "objective") == expected
    assert len(list(read.values("study/space-5"))) == 1


def test_nothing_is_lost_or_doubled_by_a_death_half_way(tmp_path, monkeypatch):
    study = make_study()
    callback = board.TensorBoardCallback(tmp_path)
    study.optimize(objective, n_trials=4, callbacks=[callback])
    whole = callback_module.extend_history

    def dies(*arguments, **named):
        whole(*arguments, **named)
        raise KeyboardInterrupt

    study.optimize(objective, n_trials=2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(callback_module, "extend_history", dies)
        callback(study, study.trials[-1])
    callback(study, study.trials[-1])
    read = Read(tmp_path)
    complete = [t for t in study.trials if t.value is not None]
    assert [step for step, _ in read.points("study/search", "objective")] == [
        t.number for t in complete
    ]
    files = Counter(path.parent.name for path in tmp_path.rglob("*.result"))
    assert files == {f"trial-{n:04d}": 1 for n in range(6)}


def test_trials_told_out_of_order_keep_the_steps_increasing(tmp_path):
    study = make_study()
    callback = board.TensorBoardCallback(tmp_path)
    trials = study.ask(4)
    for number in (2, 0, 3, 1):
        study.tell(trials[number], float(number))
        callback(study, study.trials[number])
    read = Read(tmp_path)
    assert read.points("study/search", "objective") == [(0, 2.0), (1, 0.0), (2, 3.0), (3, 1.0)]
    assert read.points("study/trial-0003", "objective") == [(3, 3.0)]


def test_several_callbacks_at_once_log_each_trial_once(tmp_path):
    file = tmp_path / "runs.db"
    make_study(storage=file)

    def work():
        study = Study.load(storage=file, strategy=Random())
        callback = board.TensorBoardCallback(tmp_path / "logs")
        for _ in range(5):
            trial = study.ask()
            study.tell(trial, float(trial.number))
            callback(study, trial)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read = Read(tmp_path / "logs")
    points = read.points("study/search", "objective")
    assert [step for step, _ in points] == list(range(15))
    assert sorted(value for _, value in points) == [float(n) for n in range(15)]
    assert not list((tmp_path / "logs").rglob("draft"))


def test_another_study_of_the_name_has_a_folder_of_its_own(tmp_path):
    for value in (1.0, 2.0):
        study = make_study(name="a/b: c")
        study.tell(study.ask(), value)
        board.TensorBoardCallback(tmp_path)(study, study.trials[0])
    read = Read(tmp_path)
    assert read.points("a_b_c/trial-0000", "objective") == [(0, 1.0)]
    assert read.points("a_b_c-2/trial-0000", "objective") == [(0, 2.0)]


def test_columns_are_written_again_where_the_space_has_grown(tmp_path):
    study = make_study()
    callback = board.TensorBoardCallback(tmp_path)
    study.optimize(objective, n_trials=2, callbacks=[callback])
    study.extend({"depth": Int(1, 3)})
    study.optimize(objective, n_trials=2, callbacks=[callback])
    read = Read(tmp_path)
    assert [run for run in read.events if "space" in run] == ["study/space-6"]
    infos = read.plugin("study/space-6", "experiment").hparam_infos
    assert [info.name for info in infos] == [*SPACE, "depth"]
    assert "depth" not in read.params("study/trial-0001")
    assert read.params("study/trial-0002")["depth"] == study.trials[2].params["depth"]


def test_epochs_are_curves_of_the_trial(tmp_path):
    study = make_study()
    callback = board.TensorBoardCallback(tmp_path)
    trial = study.ask()
    for epoch, loss in enumerate([3.0, 2.0, math.nan]):
        callback.epoch(study, trial, epoch, {"loss": loss, "val_loss": 1 + loss})
    read = Read(tmp_path)
    assert set(read.events) == {"study/space-5", "study/trial-0000"}
    assert read.points("study/trial-0000", "loss")[:2] == [(0, 3.0), (1, 2.0)]
    assert math.isnan(read.points("study/trial-0000", "loss")[2][1])
    assert read.plugin("study/trial-0000", "session_end_info") is None
    assert read.params("study/trial-0000") == {**trial.params, "kind": str(trial.params["kind"])}
    study.tell(trial, 2.0)
    callback(study, trial)
    read = Read(tmp_path)
    assert read.points("study/trial-0000", "val_loss")[:2] == [(0, 4.0), (1, 3.0)]
    assert read.plugin("study/trial-0000", "session_end_info").status == 1


def test_epochs_of_a_trial_that_is_run_again_replace_the_earlier_ones(tmp_path):
    study = make_study()
    callback = board.TensorBoardCallback(tmp_path)
    trial = study.ask()
    for epoch in range(3):
        callback.epoch(study, trial, epoch, {"loss": 9.0})
    again = dataclasses.replace(trial, started=trial.started + 1.0)
    callback.epoch(study, again, 0, {"loss": 5.0})
    assert Read(tmp_path).points("study/trial-0000", "loss") == [(0, 5.0)]


def staged_study(**settings):
    return make_study(fidelity=tfbo.Fidelity(1, 9, name="epoch"), **settings)


def train(study, trial, last, *, state=None, first=1):
    """Report 1 / step at each step of a trial, and tell the last of them."""
    for step in range(first, last + 1):
        study.report(trial, step, 1.0 / step)
    study.tell(trial, 1.0 / last, state=state)


def test_curves_are_logged_step_by_step_and_the_objective_is_of_the_last_step(tmp_path):
    study, callback = staged_study(), board.TensorBoardCallback(tmp_path)
    for last, state in ((9, None), (3, "stopped")):
        trial = study.ask()
        train(study, trial, last, state=state)
        callback(study, trial)
    read = Read(tmp_path)
    whole, stopped = "study/trial-0000", "study/trial-0001"
    for run, last in ((whole, 9), (stopped, 3)):
        expected = [(step, pytest.approx(1.0 / step)) for step in range(1, last + 1)]
        assert read.points(run, "objective_by_epoch") == expected
        assert read.params(run)["rate"] == study.trials[0 if run == whole else 1].params["rate"]
    assert read.points(whole, "objective") == [(0, pytest.approx(1.0 / 9))]
    assert read.points(stopped, "objective") == []
    assert read.plugin(whole, "session_end_info").status == 1
    assert read.plugin(stopped, "session_end_info").status == 0
    (text,) = [value for _, value in read.values(stopped) if value.tag == "stopped"]
    assert text.tensor.string_val == [b"0.333333 at epoch 3 (stopped)"]
    assert read.points("study/search", "objective") == [(0, pytest.approx(1.0 / 9))]


def test_a_curve_that_goes_on_later_is_extended_and_running_ones_are_logged(tmp_path):
    study = staged_study()
    trial, other = study.ask(), study.ask()
    for step in (1, 2):
        study.report(trial, step, 1.0 / step)
    study.report(other, 1, float("nan"))
    board.TensorBoardCallback(tmp_path)(study, other)
    for step in (3, 4):
        study.report(trial, step, 1.0 / step)
    path = next(tmp_path.glob("study/trial-0000/*.curve"))
    before = path.read_bytes()
    path.write_bytes(before + b"a process was killed here")
    board.TensorBoardCallback(tmp_path)(study, other)
    assert path.read_bytes().startswith(before)
    read = Read(tmp_path)
    expected = [(step, pytest.approx(1.0 / step)) for step in range(1, 5)]
    assert read.points("study/trial-0000", "objective_by_epoch") == expected
    ((step, value),) = read.points("study/trial-0001", "objective_by_epoch")
    assert step == 1 and math.isnan(value)
    assert read.plugin("study/trial-0000", "session_end_info") is None


def test_points_stand_between_the_start_and_the_end_of_their_trial(tmp_path):
    study = staged_study()
    trial = study.ask()
    train(study, trial, 9)
    board.TensorBoardCallback(tmp_path)(study, trial)
    told = study.trials[0]
    times = [
        event.wall_time
        for event, value in Read(tmp_path).values("study/trial-0000")
        if value.tag == "objective_by_epoch"
    ]
    assert times == sorted(times) and told.started < times[0] < times[-1] == told.finished


def test_it_can_be_sent_to_another_process(tmp_path):
    callback = pickle.loads(pickle.dumps(board.TensorBoardCallback(tmp_path)))
    make_study().optimize(objective, n_trials=1, callbacks=[callback])
    assert "study/trial-0000" in Read(tmp_path).events


def test_a_folder_that_is_deleted_meanwhile_is_made_again(tmp_path):
    import shutil

    study = make_study()
    callback = board.TensorBoardCallback(tmp_path / "logs")
    study.optimize(objective, n_trials=2, callbacks=[callback])
    shutil.rmtree(tmp_path / "logs")
    study.optimize(objective, n_trials=1, callbacks=[callback])
    assert len([run for run in Read(tmp_path / "logs").events if "trial" in run]) == 3


@pytest.mark.parametrize("logdir", [None, 3, b"logs"])
def test_a_logdir_that_is_no_path_is_refused(logdir):
    with pytest.raises(InvalidArgument, match=r"logdir: expected the path of a folder, got"):
        board.TensorBoardCallback(logdir)


def test_a_logdir_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument, match="logdir: expected the path of a folder"):
        board.TensorBoardCallback(tmp_path / "file")


def test_without_tensorboard_the_error_says_what_to_install(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r'pip install "tfbo\[tensorboard\]"'):
        board.TensorBoardCallback(tmp_path)


def test_importing_it_imports_neither_tensorboard_nor_tensorflow():
    script = (
        "import sys, tfbo.integrations.tensorboard\n"
        "assert not {'tensorboard', 'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_public_name_is_the_documented_one():
    assert tfbo.integrations.tensorboard.TensorBoardCallback is board.TensorBoardCallback


def test_a_tuner_logs_its_trials_and_their_epochs(tmp_path):
    import keras
    import numpy as np

    import tfbo.keras as kt

    def build_model(hp):
        model = keras.Sequential([keras.layers.Dense(hp.Int("units", 2, 8), activation="relu")])
        if hp.Boolean("deep"):
            model.add(keras.layers.Dense(hp.Choice("more", [2, 4])))
        model.add(keras.layers.Dense(1))
        model.compile("adam", "mse")
        return model

    x = np.linspace(0.0, 1.0, 16)[:, None]
    tuner = kt.RandomSearch(
        build_model, "val_loss", max_trials=4, seed=3, directory=tmp_path / "work", project_name="p"
    )
    callback = board.TensorBoardCallback(tmp_path / "logs")
    stop = keras.callbacks.TerminateOnNaN()
    tuner.search(
        x, x, epochs=2, validation_data=(x, x), verbose=0, callbacks=[stop, callback]
    )  # fmt: skip
    read = Read(tmp_path / "logs")
    (space,) = [run for run in read.events if "/space-" in run]
    infos = {info.name for info in read.plugin(space, "experiment").hparam_infos}
    assert len(infos) == len(tuner.study.space)
    trials = sorted(run for run in read.events if "/trial-" in run)
    assert len(trials) == len(tuner.study.trials) == 4
    for run, trial in zip(trials, tuner.study.trials, strict=True):
        assert set(read.params(run)) == set(trial.params)
        curve = read.points(run, "val_loss")
        assert [epoch for epoch, _ in curve] == [0, 1]
        assert min(value for _, value in curve) == pytest.approx(trial.value)
        assert read.points(run, "objective") == [(trial.number, pytest.approx(trial.value))]


def test_outcomes_with_names_have_a_column_and_a_curve_each(tmp_path):
    aims = {"objectives": {"gain": "maximize", "cost": "minimize"}, "constraints": ["mb <= 10"]}
    study = Study(Space({"x": Float(0.0, 1.0)}), seed=0, strategy=Random(), **aims)
    values = iter([{"gain": 1.0, "cost": 2.0, "mb": 11.0}, {"gain": 3.0, "cost": 4.0, "mb": 1.0}])
    callback = board.TensorBoardCallback(tmp_path)
    study.optimize(lambda p: next(values), n_trials=2, callbacks=[callback])
    read = Read(tmp_path)
    assert read.points("study/search", "gain") == [(0, 1.0), (1, 3.0)]
    assert read.points("study/trial-0001", "mb") == [(1, 1.0)]
    told = {"gain", "cost", "mb", "violation/mb <= 10", "hypervolume"}
    assert {value.tag for _, value in read.values("study/search")} == told
    columns = {
        metric.name.tag for metric in read.plugin("study/space-1", "experiment").metric_infos
    }
    assert columns == told - {"hypervolume"}


def compromises(**settings):
    """A study that is told of an infeasible trial, of two on the front, and of a failure."""
    aims = {"objectives": {"gain": "maximize", "cost": "minimize"}, "constraints": ["mb <= 10"]}
    study = Study(Space({"x": Float(0.0, 1.0)}), seed=0, strategy=Random(), **aims, **settings)
    for gain, cost, mb in ((9.0, 0.0, 12.5), (1.0, 1.0, 1.0), (3.0, 2.0, 1.0)):
        study.tell(study.ask(), {"gain": gain, "cost": cost, "mb": mb})
        yield study
    study.tell(study.ask(), {"mb": 11.0}, state="failed")
    yield study


@pytest.mark.parametrize("often", [True, False])
def test_the_hypervolume_grows_with_the_front_from_the_reference(tmp_path, often):
    for study in compromises(reference={"gain": 0.0, "cost": 4.0}):
        if often or len(study) == 4:
            board.TensorBoardCallback(tmp_path)(study, study.trials[-1])
    found = Read(tmp_path).points("study/search", "hypervolume")
    assert found == [(0, 0.0), (1, 3.0), (2, 7.0), (3, 7.0)]


def test_without_a_reference_the_hypervolume_is_what_the_study_says_then(tmp_path):
    said = []
    for study in compromises():
        board.TensorBoardCallback(tmp_path)(study, study.trials[-1])
        said.append(study.hypervolume())
    assert 0.0 == said[0] < said[1] < said[2]
    found = Read(tmp_path).points("study/search", "hypervolume")
    assert [value for _, value in found] == pytest.approx(said, rel=1e-6)


def test_how_far_a_constraint_is_broken_is_a_curve_of_complete_and_failed_trials(tmp_path):
    *_, study = compromises()
    study.tell(study.ask(), state="failed")
    board.TensorBoardCallback(tmp_path)(study, study.trials[-1])
    read, tag = Read(tmp_path), "violation/mb <= 10"
    assert read.points("study/search", tag) == [(0, 2.5), (1, 0.0), (2, 0.0), (3, 1.0)]
    assert read.points("study/trial-0003", tag) == [(3, 1.0)]
    assert read.points("study/trial-0004", tag) == []


def test_the_best_so_far_is_of_feasible_trials(tmp_path):
    study = Study(
        Space({"x": Float(0.0, 1.0)}), seed=0, strategy=Random(), constraints=["mb <= 10"]
    )
    values = iter([(0.1, 11.0), (0.5, 1.0), (0.2, 11.0)])
    callback = board.TensorBoardCallback(tmp_path)
    study.optimize(
        lambda p: dict(zip(("value", "mb"), next(values), strict=True)),
        n_trials=3,
        callbacks=[callback],
    )
    best = Read(tmp_path).points("study/search", "best_so_far")
    assert best == [(1, 0.5), (2, 0.5)]
