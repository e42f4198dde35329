"""Studies of several objectives, from what an objective returns to the front; without a model."""

import copy
import json
import logging
import math
import pickle
import warnings

import pytest

import tfbo
from tfbo import (
    Fidelity,
    Float,
    InvalidArgument,
    NoCompletedTrial,
    Space,
    Study,
    StudyMismatch,
    TFBOWarning,
)
from tfbo.strategies import Random, Sobol

SPACE = Space({"x": Float(0.0, 1.0)})
TWO = {"gain": "maximize", "cost": "minimize"}


def study(**settings):
    return Study(SPACE, **{"objectives": TWO, "seed": 0, "strategy": Sobol()} | settings)


def told(*values, **settings):
    made = study(**settings)
    for value in values:
        made.tell(made.ask(), value)
    return made


def both(params):
    return {"gain": params["x"], "cost": params["x"] ** 2}


@pytest.mark.parametrize("form", [dict, list, tuple])
def test_a_trial_is_told_a_dict_or_a_sequence_in_the_order_of_the_objectives(form):
    value = {"cost": 2.0, "gain": 3} if form is dict else form([3, 2.0])
    (trial,) = told(value).trials
    assert (trial.state, trial.value, trial.values) == (
        "complete",
        None,
        {"gain": 3.0, "cost": 2.0},
    )
    assert (trial.is_feasible, trial.violations) == (True, {})


def test_the_front_and_its_hypervolume_are_those_of_complete_trials():
    made = told((1.0, 1.0), (3.0, 2.0), (2.0, 2.0), (math.nan, 0.0))
    assert [trial.number for trial in made.best_trials] == [0, 1]
    assert made.hypervolume({"gain": 0.0, "cost": 4.0}) == 7.0
    assert made.objectives == TWO and made.constraints == ()
    assert "front 2, hypervolume" in repr(made) and "'cost': 'minimize'" in repr(made)
    assert study().best_trials == [] and study().hypervolume() == 0.0


@pytest.mark.parametrize("name", ["best_trial", "best_observed", "best_params", "best_value"])
def test_there_is_no_single_best_trial_and_the_error_names_the_front(name):
    with pytest.raises(InvalidArgument, match=r"study\.best_trials"):
        getattr(told((1.0, 1.0)), name)


def test_nan_in_one_of_several_fails_the_trial_and_keeps_the_others():
    with pytest.warns(TFBOWarning, match="the value of 'cost' was nan"):
        made = study().optimize(lambda p: {"gain": 1.0, "cost": math.nan}, n_trials=1)
    (trial,) = made.trials
    assert (trial.state, trial.kind, trial.values) == ("failed", "nan", {"gain": 1.0})


def test_a_missing_name_is_an_error_that_keeps_what_was_returned():
    with pytest.warns(TFBOWarning, match=r"'cost' is missing\. Return"):
        made = study().optimize(lambda p: {"gain": 1.0}, n_trials=1)
    (trial,) = made.trials
    assert (trial.state, trial.kind, trial.values) == ("failed", "error", {"gain": 1.0})
    with pytest.raises(InvalidArgument, match="'cost' is missing"):
        made.tell(made.ask(), {"gain": 1.0})
    assert made.trials[-1].state == "running"  # it can be told again


def test_a_failed_trial_is_told_what_is_known():
    made = study()
    made.tell(made.ask(), {"cost": 2.0}, state="failed", reason="out of disk")
    (trial,) = made.trials
    assert (trial.state, trial.reason, trial.values) == ("failed", "out of disk", {"cost": 2.0})
    assert made.best_trials == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"direction": "minimize"}, "direction: expected None beside objectives"),
        ({"objectives": ["gain", "cost"]}, "objectives: expected a dict"),
        ({"objectives": {"x": "minimize", "y": "minimize"}}, "objectives: .*'x'"),
        ({"reference": {"gain": 0.0}}, "reference: expected a value for each"),
        ({"objectives": None, "reference": {"gain": 0.0}}, "reference: expected None"),
    ],
)
def test_arguments_that_contradict_are_refused(settings, named):
    with pytest.raises(InvalidArgument, match=f"^{named}"):
        study(**settings)


def test_a_stored_study_goes_on_with_its_objectives(tmp_path):
    settings = {"storage": tmp_path / "runs.db", "reference": {"gain": 0.0, "cost": 4.0}}
    made = told((1.0, 1.0), (3.0, 2.0), **settings)
    made.tell(made.ask(), {"gain": 1.0, "cost": 9.0}, std={"cost": 0.5})
    for again in (
        Study.load(storage=tmp_path / "runs.db", strategy=Sobol()), study(**settings),
        study(storage=tmp_path / "runs.db"), pickle.loads(pickle.dumps(made)),
    ):  # fmt: skip
        assert again.trials == made.trials and again.objectives == TWO
        assert again.hypervolume() == 7.0
    assert made.trials[-1].stds == {"cost": 0.5} and made.trials[-1].std is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"objectives": dict(reversed(TWO.items()))}, "objectives"),
        ({"objectives": {"gain": "maximize", "ms": "minimize"}}, "objectives"),
        ({"objectives": None}, "objectives"),
        ({"reference": {"gain": 1.0, "cost": 1.0}}, "reference"),
        ({"constraints": ["mb <= 1"]}, "constraints"),
    ],
)
def test_another_study_of_the_name_is_refused(tmp_path, settings, said):
    study(storage=tmp_path / "runs.db")
    with pytest.raises(StudyMismatch, match=f"\n  {said}: "):
        study(storage=tmp_path / "runs.db", **settings)


def test_a_study_in_memory_takes_its_values_along():
    made = told((1.0, 1.0), (3.0, 2.0))
    for same in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert same.trials == made.trials and same.best_trials == made.best_trials


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_dicts_cross_to_this_process(executor):
    def objective(params):
        return {"gain": params["x"], "cost": params["x"] ** 2}

    made = study().optimize(objective, n_trials=3, executor=executor, n_jobs=2)
    for trial in made.trials:
        assert trial.values == {"gain": trial.params["x"], "cost": trial.params["x"] ** 2}


def test_a_target_is_a_value_of_each_that_one_trial_reaches():
    values = iter([(1.0, 1.0), (3.0, 3.0), (2.5, 1.5), (9.0, 9.0)])
    made = study().optimize(lambda p: next(values), n_trials=4, target={"gain": 2.0, "cost": 2.0})
    assert len(made) == 3
    with pytest.raises(InvalidArgument, match=r"^target: expected a value for each objective"):
        made.optimize(both, target=2.0)


def test_patience_ends_where_the_front_has_not_grown():
    values = iter([(1.0, 1.0), (2.0, 2.0), (1.0, 1.0), (0.5, 1.0), (9.0, 0.0)])
    assert len(study().optimize(lambda p: next(values), n_trials=5, patience=2)) == 4


def test_a_line_of_progress_has_the_front(capsys, caplog):
    with caplog.at_level(logging.INFO, logger="tfbo"):
        study(reference={"gain": 0.0, "cost": 1.0}).optimize(both, n_trials=1, progress=True)
    line = capsys.readouterr().err
    assert "gain=0." in line and ", front 1, hypervolume 0." in line
    assert "Trial 0: {'gain'" in caplog.text


def test_enqueued_and_amended_trials_are_told_likewise():
    made = study()
    made.enqueue({"x": 0.5})
    trial = made.ask()
    made.amend(trial, {"x": 0.25})
    made.tell(trial.number, both({"x": 0.25}))
    assert made.best_trials[0].values == {"gain": 0.25, "cost": 0.0625}
    with pytest.raises(tfbo.TrialStateError, match=r"told already \(\{'gain': 0\.25"):
        made.tell(trial.number, (1.0, 1.0))


def test_the_data_frame_has_a_column_for_each():
    made = told((1.0, 1.0), (math.nan, 2.0))
    made.tell(made.ask(), (2.0, 3.0), std={"gain": 0.5})
    frame = made.to_dataframe()
    assert frame["values_gain"].tolist()[::2] == [1.0, 2.0]
    assert frame["values_cost"].tolist() == [1.0, 2.0, 3.0]
    assert frame["stds_gain"].tolist()[2] == 0.5 and "stds_cost" not in frame
    assert frame["feasible"].tolist()[::2] == [True, True] and frame["value"].isna().all()


def test_one_objective_may_have_a_name():
    made = study(objectives={"accuracy": "maximize"})
    made.optimize(lambda p: p["x"], n_trials=2)
    made.tell(made.ask(), {"accuracy": 2.0}, std=0.25)
    assert (made.best_trial.value, made.best_trial.values) == (2.0, {"accuracy": 2.0})
    assert (made.best_trial.std, made.best_trial.stds) == (0.25, {"accuracy": 0.25})
    assert made.best_trials == [made.best_trial] and made.direction == "maximize"
    with pytest.raises(InvalidArgument, match=r"^objectives: expected two or more"):
        made.hypervolume()


def test_curves_are_of_the_first_objective():
    made = study(fidelity=Fidelity(1, 9), strategy=Random())

    def objective(params, run):
        run.report(9, 0.5)
        return {"gain": 0.75, "cost": 1.0}

    (trial,) = made.optimize(objective, n_trials=1).trials
    assert (trial.curve, trial.values) == ({9: 0.75}, {"gain": 0.75, "cost": 1.0})
    trial = made.ask()
    made.report(trial, 1, 0.25)
    made.tell(trial, state="stopped")
    assert made.trials[1].values == {"gain": 0.25} and made.trials[1].value is None
    assert [t.number for t in made.best_trials] == [0]


def test_the_checkpoints_of_the_front_are_kept(tmp_path):
    made = study(storage=tmp_path / "runs.db", strategy=Random())
    values = iter([(1.0, 1.0), (3.0, 2.0), (2.0, 2.0)])

    def objective(params, run):
        (run.checkpoint / "weights").write_text("w")
        return next(values)

    made.optimize(objective, n_trials=3)
    kept = sorted(p.name for p in (tmp_path / "runs.db-checkpoints" / "study").iterdir())
    assert kept == ["0", "1"]


def test_a_plain_study_stores_nothing_of_it(tmp_path):
    plain = Study(SPACE, storage=tmp_path / "runs.db", seed=0, strategy=Sobol())
    plain.tell(plain.ask(), 0.5)
    assert plain.stored_trials.record.goals is None
    assert plain.stored_trials.record.constraints is None
    (trial,) = plain.trials
    assert (trial.values, trial.stds, trial.violations) == ({}, {}, {})
    assert plain.objectives == {"value": "minimize"} and plain.best_trials == [trial]
    assert "values" not in json.dumps(list(plain.to_dataframe().columns))


def test_nothing_is_said_of_a_search_that_goes_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = study().optimize(both, n_trials=4)
    with pytest.raises(NoCompletedTrial):
        Study(SPACE).best_trial  # noqa: B018
    assert len(made.best_trials) == 4
