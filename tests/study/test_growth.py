"""A space that grows while it is searched."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tfbo
from tfbo import Boolean, Categorical, Float, Int, InvalidArgument, Space, StudyMismatch
from tfbo.space import encoding

FIRST = Space({"x": Float(0.0, 1.0), "kind": Categorical(["a", "b"])})
WIDTH = {"width": Int(1, 9)}
DEPTH = {"depth": Float(0.0, 1.0, when={"kind": "b"})}


def test_an_extended_space_is_another_one_that_remembers_what_came_later():
    grown = FIRST.extended(WIDTH).extended(DEPTH)
    assert list(grown) == ["x", "kind", "width", "depth"] and grown.later == {"width", "depth"}
    assert not FIRST.later and list(FIRST) == ["x", "kind"]
    assert grown != Space(dict(grown.items())), "rows of the latter lack nothing"
    for copy in (Space.from_json(grown.to_json()), pickle.loads(pickle.dumps(grown))):
        assert copy == grown and copy.later == grown.later and hash(copy) == hash(grown)
    assert grown.is_extension_of(FIRST) and grown.is_extension_of(grown)
    assert grown.is_extension_of(FIRST.extended(DEPTH)) and not FIRST.is_extension_of(grown)
    assert not grown.is_extension_of(Space({"x": Float(0.0, 1.0)})), "kind was there from the start"


def test_what_is_there_already_changes_nothing_and_may_not_be_another():
    assert FIRST.extended({"x": Float(0.0, 1.0)}) == FIRST
    with pytest.raises(
        InvalidArgument, match=r"parameters\['x'\].*Float\(0.0, 1.0\).*Float\(0.0, 2"
    ):
        FIRST.extended({"x": Float(0.0, 2.0)})
    with pytest.raises(InvalidArgument, match="another parameter of the space"):
        FIRST.extended({"y": Float(0.0, 2.0, when={"z": 1})})
    with pytest.raises(InvalidArgument, match="parameters: expected a dict"):
        FIRST.extended(["y"])


def test_rows_from_before_lack_the_columns_of_later():
    old = {"x": 0.25, "kind": "a"}
    code = encoding(FIRST.extended(WIDTH))
    assert code.encode([old])[0].tolist() == [0.25, 0.25, -1.0]
    assert [column.optional for column in code.columns.columns] == [False, False, True]


@pytest.mark.parametrize("strategy", [None, tfbo.strategies.Sobol(), tfbo.strategies.Random()])
def test_a_study_grows_and_goes_on(tmp_path, strategy):
    path = tmp_path / "runs.db"
    study = tfbo.Study(FIRST, storage=path, seed=0, strategy=strategy)
    study.optimize(lambda p: p["x"], n_trials=7)
    assert list(study.extend(WIDTH)) == ["x", "kind", "width"]
    study.extend(WIDTH)
    study.optimize(lambda p: p["x"] + 0.1 * p["width"], n_trials=4)
    study.extend(DEPTH)
    study.optimize(lambda p: p["x"] + 0.1 * p["width"] + p.get("depth", 0.5), n_trials=4)
    have = [set(trial.params) - {"x", "kind"} for trial in study.trials]
    assert have[:7] == [set()] * 7 and have[7:11] == [{"width"}] * 4
    for trial in study.trials[11:]:
        assert set(study.space.active(trial.params)) == set(trial.params)
    following = study.suggestion()
    assert study.suggestion() == following and len(study) == 15, "a look changes nothing"
    for again in (
        tfbo.Study.load(storage=path, strategy=strategy),
        tfbo.Study(FIRST, storage=path, strategy=strategy),
        tfbo.Study(study.space, storage=path, strategy=strategy),
    ):
        assert again.space == study.space and again.trials == study.trials
        assert again.suggestion() == following
    assert study.ask().params == following
    with pytest.raises(StudyMismatch, match="kind: nothing here"):
        tfbo.Study(Space({"x": Float(0.0, 1.0)}), storage=path)


def test_the_model_tells_trials_with_and_without_a_later_number_apart():
    study = tfbo.Study(Space({"x": Float(0.0, 1.0)}), seed=0)
    for x in np.linspace(0.05, 0.95, 6):
        study.tell(study.enqueue({"x": float(x)}), 10.0 + x)
    study.extend({"y": Float(0.0, 1.0)})
    for x, y in np.random.default_rng(0).random([14, 2]):
        study.tell(study.enqueue({"x": float(x), "y": float(y)}), x + (y - 0.3) ** 2)
    mean, _ = study.predict([{"x": 0.5, "y": 0.3}, {"x": 0.5, "y": 1.0}])
    np.testing.assert_allclose(mean, [0.5, 0.99], atol=0.1)
    loo = study.leave_one_out()
    np.testing.assert_allclose(loo.mean[:6], loo.value[:6], atol=0.5)


def test_processes_learn_of_each_others_parameters(tmp_path):
    path = str(tmp_path / "runs.db")
    study = tfbo.Study(FIRST, storage=path, seed=0, strategy=tfbo.strategies.Sobol())
    study.ask()
    code = (
        "import sys, tfbo\n"
        "study = tfbo.Study.load(storage=sys.argv[1], strategy=tfbo.strategies.Sobol())\n"
        "for i in range(5): study.extend({f'{sys.argv[2]}{i}': tfbo.Float(0.0, 1.0)})"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, path, name]) for name in "pq"]
    assert [worker.wait() for worker in workers] == [0, 0]
    names = {f"{name}{i}" for name in "pq" for i in range(5)}
    assert set(study.ask().params) == {"x", "kind"} | names
    assert study.space.later == names


def test_a_running_trial_may_turn_out_to_have_other_parameters(tmp_path):
    path = tmp_path / "runs.db"
    study = tfbo.Study(FIRST, storage=path, seed=0)
    trial = study.ask()
    study.extend(WIDTH)
    amended = study.amend(trial, {**trial.params, "width": 3})
    assert amended.params == {**trial.params, "width": 3} and amended.state == "running"
    study.tell(amended, 1.0)
    assert tfbo.Study.load(storage=path).trials[0].params["width"] == 3
    with pytest.raises(tfbo.TrialStateError, match="told already"):
        study.amend(0, amended.params)
    waiting = study.enqueue({"x": 0.5, "kind": "a", "width": 1})
    with pytest.raises(tfbo.TrialStateError, match="does not run"):
        study.amend(waiting, waiting.params)
    with pytest.raises(InvalidArgument, match="width"):
        study.amend(study.ask(), {"x": 0.5, "kind": "a"})


def test_a_finite_space_that_grows_has_more_to_try():
    strategy = tfbo.strategies.Bayes(noise="none")  # nothing is tried again
    study = tfbo.Study(Space({"a": Boolean()}), seed=0, strategy=strategy)
    study.optimize(lambda p: float(p["a"]), n_trials=5)
    assert len(study) == 2
    study.extend({"b": Boolean(), "c": Boolean(when={"b": True})})
    study.optimize(lambda p: float(p["a"] + p["b"]), n_trials=20)
    assert len(study) == 2 + 6 and math.isclose(study.best_value, 0.0)
