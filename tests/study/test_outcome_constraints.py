"""Constraints on outcomes: feasibility of trials, partly told ones, and the best feasible one."""

import math
import pickle

import numpy as np
import pytest

import tfbo
from tfbo import Fidelity, Float, InvalidArgument, NoCompletedTrial, Space, Study, TFBOWarning
from tfbo.strategies import Random, Sobol

SPACE = Space({"x": Float(0.0, 1.0)})
LIMIT = "mb <= 10"


def study(*constraints, **settings):
    given = {"seed": 0, "strategy": Sobol(), "constraints": constraints or (LIMIT,)}
    return Study(SPACE, **given | settings)


def tell(made, value, **how):
    trial = made.ask()
    made.tell(trial, value, **how)
    return made.trials[trial.number]


def test_a_trial_is_feasible_infeasible_or_not_known_to_be():
    made = study()
    trials = [
        tell(made, value)
        for value in (
            {"value": 0.5, "mb": 3}, {"value": 0.5, "mb": 12.5}, {"value": 0.5},
            {"value": 0.5, "mb": math.nan}, 0.5,
        )
    ]  # fmt: skip
    assert [trial.is_feasible for trial in trials] == [True, False, None, None, None]
    assert [trial.value for trial in trials] == [0.5] * 5
    assert trials[0].values == {"value": 0.5, "mb": 3.0} and trials[0].violations == {LIMIT: 0.0}
    assert trials[1].violations == {LIMIT: 2.5} and math.isnan(trials[2].violations[LIMIT])


def test_the_best_trial_is_the_best_feasible_one():
    made = study()
    for value, mb in ((0.5, 3.0), (0.1, 11.0), (0.2, math.nan), (0.4, 10.0), (0.4, 1.0)):
        tell(made, {"value": value, "mb": mb})
    assert made.best_trial.number == made.best_observed.number == 3
    assert made.best_value == 0.4 and made.best_trials == [made.best_trial]
    assert "best_observed=0.4" in repr(made) and repr([LIMIT]) in repr(made)


def test_where_none_is_feasible_the_error_says_how_far_the_closest_is():
    made = study(LIMIT, "value + mb >= 1")
    for mb in (12.5, 11.0, 13.0):
        tell(made, {"value": 0.5, "mb": mb})
    with pytest.raises(
        NoCompletedTrial, match=r"3 complete, 3 of them.*trial 1.*'mb <= 10' by 1\."
    ):
        made.best_trial  # noqa: B018
    assert "none feasible" in repr(made) and made.best_trials == []
    unknown = study()
    tell(unknown, 0.5)
    with pytest.raises(NoCompletedTrial, match="Tell the values that its constraints are about"):
        unknown.best_trial  # noqa: B018


def test_a_constraint_is_told_where_the_objective_failed_and_the_other_way_round():
    made = study()
    failed = tell(made, {"mb": 12}, state="failed", kind="out of memory", reason="too large")
    assert (failed.state, failed.value, failed.values) == ("failed", None, {"mb": 12.0})
    assert failed.violations == {LIMIT: 2.0} and failed.is_feasible is False
    nan = tell(made, {"value": math.nan, "mb": 3.0})
    assert (nan.kind, nan.values, nan.is_feasible) == ("nan", {"mb": 3.0}, True)
    assert tell(made, None, state="failed").violations == {}


def test_an_objective_returns_a_dict_and_nan_for_what_it_does_not_know():
    values = iter([{"value": 0.5, "mb": 3.0}, {"value": 0.4, "mb": math.nan}, 0.25, {"mb": 3.0}])
    with pytest.warns(TFBOWarning, match="is missing"):
        made = study().optimize(lambda p: next(values), n_trials=4)
    assert [trial.state for trial in made.trials] == ["complete", "complete", "failed", "failed"]
    assert [trial.is_feasible for trial in made.trials] == [True, None, None, True]
    assert made.trials[3].values == {"mb": 3.0} and made.best_value == 0.5


def test_a_constraint_may_be_about_objectives():
    made = study("loss <= 0.5", "ms / loss <= 4", objectives={"loss": "minimize"})
    assert tell(made, {"loss": 0.5, "ms": 2.0}).is_feasible
    assert not tell(made, {"loss": 0.25, "ms": 2.0}).is_feasible
    alone = study("value >= 0")
    assert alone.optimize(lambda p: p["x"], n_trials=1).best_trial.is_feasible


def test_constraints_hold_for_the_front_too():
    made = study(objectives={"gain": "maximize", "cost": "minimize"})
    for gain, cost, mb in (
        (1.0, 1.0, 3.0),
        (3.0, 2.0, 3.0),
        (9.0, 0.0, 11.0),
        (8.0, 0.0, math.nan),
    ):
        tell(made, {"gain": gain, "cost": cost, "mb": mb})
    assert [trial.number for trial in made.best_trials] == [0, 1]
    assert made.hypervolume({"gain": 0.0, "cost": 4.0}) == 7.0


def test_target_and_patience_reckon_with_feasible_trials_only():
    values = iter(
        [{"value": 0.1, "mb": 11.0}, {"value": 0.3, "mb": 1.0}, {"value": 0.2, "mb": 1.0}]
    )
    assert len(study().optimize(lambda p: next(values), n_trials=3, target=0.2)) == 3
    infeasible = study().optimize(lambda p: {"value": -p["x"], "mb": 11.0}, n_trials=9, patience=3)
    assert len(infeasible) == 3


def test_an_infinite_outcome_breaks_a_constraint_and_is_stored(tmp_path):
    made = study(storage=tmp_path / "runs.db")
    trial = tell(made, {"value": 0.5, "mb": math.inf})
    again = Study.load(storage=tmp_path / "runs.db").trials[0]
    assert again == trial and again.violations == {LIMIT: math.inf}


def test_stored_and_pickled_trials_keep_what_is_known_and_what_not(tmp_path):
    made = study(storage=tmp_path / "runs.db")
    for value in ({"value": 0.5, "mb": 3.0}, 0.25, {"value": math.nan, "mb": 12.0}):
        tell(made, value)
    memory = study()
    tell(memory, {"value": 0.5, "mb": math.inf})
    for one, same in (
        (made, Study.load(storage=tmp_path / "runs.db")), (made, study(storage=tmp_path / "runs.db")),
        (memory, pickle.loads(pickle.dumps(memory))),
    ):  # fmt: skip
        assert same.trials == one.trials and same.constraints == (LIMIT,)
        assert [t.is_feasible for t in same.trials] == [t.is_feasible for t in one.trials]


def test_paused_trials_are_judged_by_what_they_were_told_last():
    made = study(fidelity=Fidelity(1, 9), strategy=tfbo.strategies.SuccessiveHalving())
    trial = made.ask()
    made.tell(trial, {"value": 0.5, "mb": 12.0})
    (paused,) = made.trials
    assert (paused.state, paused.is_feasible, paused.curve) == ("paused", False, {1: 0.5})
    with pytest.raises(NoCompletedTrial):
        made.best_trial  # noqa: B018
    for value in (0.6, 0.7):
        made.tell(made.ask(), {"value": value, "mb": 3.0})
    with pytest.warns(TFBOWarning, match="not at their end"):
        assert made.best_trial.value == 0.6
    # The feasible one goes on first, though its value is worse.
    going = made.ask()
    assert (going.number, going.until, going.values, going.is_feasible) == (1, 3, {}, None)
    made.tell(going, {"value": 0.6, "mb": 11.0})
    assert made.trials[1].is_feasible is False


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"constraints": ["x <= 0.5"]}, r"constraints\[0\]: .*Space\(\.\.\., constraints="),
        ({"constraints": ["mb + x <= 0.5"]}, r"constraints\[0\]: .*'x' is a parameter"),
        ({"constraints": ["mb <= 1", "import os"]}, r"constraints\[1\]: .*column"),
        ({"constraints": ["mb <= 1", "mb >= 2"]}, "constraints: .*No value of 'mb'"),
        ({"constraints": "mb <= 1"}, "constraints: expected a list"),
    ],
)
def test_constraints_that_cannot_be_are_refused(settings, named):
    with pytest.raises(InvalidArgument, match=f"^{named}"):
        study(**settings)


def test_bad_values_are_refused_and_the_trial_can_be_told_again():
    made = study()
    trial = made.ask()
    for bad in ({"value": 1.0, "mbs": 2.0}, {"mb": 2.0}, "0.3", [1.0, 2.0], {"value": "a"}, None):
        with pytest.raises(InvalidArgument, match=r"^value"):
            made.tell(trial, bad)
    made.tell(trial, {"value": 1.0, "mb": 2.0})
    assert made.best_value == 1.0


def test_minimize_takes_constraints():
    made = tfbo.minimize(
        lambda p: {"value": p["x"], "mb": 20.0 * (1.0 - p["x"])}, SPACE, n_trials=8, seed=0,
        constraints=[LIMIT], strategy=Random(),
    )  # fmt: skip
    assert made.best_params["x"] >= 0.5


def test_parameters_that_are_added_have_no_name_of_an_outcome():
    made = study()
    for name in ("mb", "value"):
        with pytest.raises(InvalidArgument, match=rf"^parameters\['{name}'\].*no outcome"):
            made.extend({name: Float(0.0, 1.0)})
    assert list(made.extend({"gb": Float(0.0, 1.0)})) == [*SPACE, "gb"]


def test_the_data_frame_has_how_far_each_constraint_is_broken():
    made = study(constraints=["mb <= 10", "mb + ms == 5"])
    made.tell(made.ask(), {"value": 1.0, "mb": 12.0, "ms": -7.0})
    made.tell(made.ask(), {"value": 1.0, "mb": 1.0})
    made.ask()
    frame = made.to_dataframe()
    nan = math.nan
    np.testing.assert_array_equal(frame["violations_mb <= 10"], [2.0, 0.0, nan])
    np.testing.assert_array_equal(frame["violations_mb + ms == 5"], [0.0, nan, nan])


def test_an_outcome_may_have_the_name_of_a_column():
    made = study(constraints=["feasible <= 1", "state + number <= 3"])
    told = {"value": 1.0, "feasible": 2.0, "state": 0.5, "number": 0.25}
    made.tell(made.ask(), told)
    frame = made.to_dataframe()
    assert frame.columns.is_unique
    assert {name: frame[f"values_{name}"][0] for name in told} == told
    assert frame["state"][0] == "complete" and frame["number"][0] == 0 and not frame["feasible"][0]
