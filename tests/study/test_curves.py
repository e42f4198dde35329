"""Curves of a study: what is reported, what is answered, and what becomes of it."""

import importlib.util
import math
import pickle
import statistics
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import stages

import tfbo
from tfbo import InvalidArgument, NoCompletedTrial, Study, TFBOWarning, TrialStateError
from tfbo.strategies import Hyperband, Median, Random, SuccessiveHalving


@pytest.fixture
def study():
    return stages.study()


def test_a_curve_is_stored_point_by_point(study):
    trial = study.ask()
    assert (trial.start, trial.until) == (0, 1)
    study.report(trial, 1, 0.5)
    assert study.trials[0].curve == {1: 0.5} and study.trials[0].state == "running"
    study.tell(trial, 0.4)  # of the same step, and said last
    assert (study.trials[0].state, study.trials[0].curve) == ("paused", {1: 0.4})


@pytest.mark.parametrize("step", [0, -1, 1.5, "1", True, None])
def test_a_step_is_a_count(study, step):
    trial = study.ask()
    for report in (
        lambda: study.report(trial, step, 1.0),
        lambda: study.run(trial).report(step, 1.0),
    ):
        with pytest.raises(InvalidArgument, match="step: expected a whole number"):
            report()


@pytest.mark.parametrize("value", ["0.5", None, [1.0, 2.0], {}])
def test_a_point_is_a_number(study, value):
    trial = study.ask()
    for report in (
        lambda: study.report(trial, 1, value),
        lambda: study.run(trial).report(1, value),
    ):
        with pytest.raises(InvalidArgument, match=r"value: expected a number.*NaN"):
            report()


def wide():
    study = Study(stages.SPACE, seed=0, strategy=Random(), fidelity=stages.STEPS)
    return study, study.ask()


@pytest.mark.parametrize("steps", [(3, 3), (3, 2), (1, 4, 4)])
def test_backwards_and_twice_are_errors(steps):
    study, trial = wide()
    for step in steps[:-1]:
        assert study.report(trial, step, 0.5)
    with pytest.raises(InvalidArgument, match=f"step: expected a step after {steps[-2]}"):
        study.report(trial, steps[-1], 0.25)
    assert study.trials[0].curve == dict.fromkeys(steps[:-1], 0.5)


def test_beyond_the_stage_nothing_is_stored_and_a_warning_says_so(study):
    trial = study.ask()
    with pytest.warns(TFBOWarning, match="beyond the one until which"):
        assert study.report(trial, 2, 0.5) is False
    assert study.trials[0].curve == {}


def test_only_trials_that_run_report(study):
    trial = study.ask()
    study.tell(trial, 0.5)
    with pytest.raises(TrialStateError, match="trial 0 does not run, it is paused"):
        study.report(trial, 2, 0.5)
    with pytest.raises(TrialStateError, match="does not run"):
        study.run(trial)
    with pytest.raises(TrialStateError, match="no trial 7"):
        study.report(7, 1, 0.5)


def test_one_nan_is_a_point_and_three_in_a_row_are_hopeless():
    study, trial = wide()
    answers = [
        study.report(trial, i, v) for i, v in enumerate([math.nan, 1.0, math.nan, math.inf], 1)
    ]
    assert answers == [True] * 4
    assert study.report(trial, 5, math.nan) is False
    assert [math.isnan(v) for v in study.trials[0].curve.values()] == [
        True,
        False,
        True,
        True,
        True,
    ]
    study.tell(trial, state="stopped")
    told = study.trials[0]
    assert (told.state, told.value, told.reached, told.spent) == ("stopped", 1.0, 5, 5)


def test_a_trial_without_a_point_is_not_stopped_without_a_value():
    study, trial = wide()
    with pytest.raises(
        InvalidArgument, match="value: expected a number for a trial that has reported"
    ):
        study.tell(trial, state="stopped")
    study.report(trial, 2, math.nan)
    with pytest.raises(InvalidArgument, match="value: "):
        study.tell(trial, state="stopped")
    study.tell(trial, 0.5, state="stopped")
    assert (study.trials[0].state, study.trials[0].curve) == ("stopped", {2: 0.5})


def test_a_paused_trial_that_is_ended_has_spent_what_it_had(study):
    trial = study.ask()
    study.tell(trial, 0.5)
    with pytest.raises(TrialStateError, match="is paused"):
        study.tell(trial, 0.4)
    (paused,) = study.trials
    study.tell(trial, state="stopped")
    (ended,) = study.trials
    assert (ended.state, ended.value, ended.spent) == ("stopped", 0.5, 1)
    assert ended.duration == paused.duration  # it was not trained while it was paused


def test_asking_for_several_mixes_new_trials_and_paused_ones():
    study = stages.study()
    for trial in study.ask(8):
        study.tell(trial, stages.value(trial.params, trial.until))
    good = sum(trial.params["x"] < 0.3 for trial in study.trials)
    asked = study.ask(good + 2)
    assert [(t.start, t.until) for t in asked if t.number < 8] == [(1, 3)] * good
    assert sorted(t.number for t in asked if t.number >= 8) == [8, 9]


def test_a_trial_may_start_over():
    fidelity = tfbo.Fidelity(1, 9, resume=False)
    study = stages.study(fidelity=fidelity).optimize(stages.train, n_trials=8)
    done = [trial for trial in study.trials if trial.state == "complete"]
    assert done and all((t.start, t.spent) == (0, 1 + 3 + 9) for t in done)
    assert all(t.curve == {s: stages.value(t.params, s) for s in range(1, 10)} for t in done)


def test_without_a_fidelity_there_are_curves_as_well():
    study = Study(stages.SPACE, seed=0, strategy=Random())

    def objective(params, run):
        assert (run.start, run.until) == (0, None)
        assert run.report(1, 3.0) and run.report(5, 2.0)
        return 1.0

    trial = study.optimize(objective, n_trials=1).trials[0]
    assert (trial.state, trial.value, trial.curve, trial.until) == (
        "complete", 1.0, {1: 3.0, 5: 2.0}, None,
    )  # fmt: skip


def test_the_median_rule_stops_what_is_worse_without_a_fidelity():
    def objective(params, run):
        for step in range(1, 6):
            if not run.report(step, params["x"]):
                break
        return params["x"]

    study = Study(stages.SPACE, seed=0, strategy=Random(), early_stopping="median")
    study.optimize(objective, n_trials=20)
    for trial in study.trials[:5]:
        assert trial.state == "complete"
    for trial in study.trials[5:]:
        there = [
            [t.params["x"] for t in study.trials[: trial.number] if t.reached >= step]
            for step in range(1, 6)
        ]
        worse = [trial.params["x"] > statistics.median(others) for others in there]
        assert trial.state == ("stopped" if any(worse) else "complete")
        assert trial.reached == (worse.index(True) + 1 if any(worse) else 5)
    assert sum(trial.state == "stopped" for trial in study.trials) > 5
    again = pickle.loads(pickle.dumps(study))
    assert again.advisor.early_stopping == Median() and again.trials == study.trials


@pytest.mark.parametrize("given", ["mean", 5, Median])
def test_a_rule_is_named(given):
    with pytest.raises(InvalidArgument, match='early_stopping: expected "median"'):
        Study(stages.SPACE, early_stopping=given)


def test_the_best_of_trials_that_are_not_complete_is_said_to_be_so(study):
    with pytest.raises(NoCompletedTrial):
        _ = study.best_trial
    for trial in study.ask(3):
        study.tell(trial, [0.5, 0.2, 0.9][trial.number])
    with pytest.warns(TFBOWarning, match="No trial is complete yet"):
        assert study.best_trial.number == study.best_observed.number == 1
    with pytest.warns(TFBOWarning):
        assert study.best_value == 0.2
    assert "3 trials, 0 complete, 3 paused, 3 steps" in repr(study)


def test_who_is_trained_further_is_better():
    study, first = wide()
    second = study.ask()
    for step in (1, 2, 3):
        study.report(second, step, 0.9)
    study.report(first, 1, 0.1)
    for trial in (first, second):
        study.tell(trial, state="stopped")
    with pytest.warns(TFBOWarning, match="No trial is complete"):
        assert study.best_trial.number == second.number


def test_a_data_frame_has_curves(study):
    if not importlib.util.find_spec("pandas"):
        pytest.skip("pandas is not installed")
    frame = study.optimize(stages.train, n_trials=4).to_dataframe()
    for row, trial in zip(frame.itertuples(), study.trials, strict=True):
        assert (row.start, row.until, row.step, row.spent) == (
            trial.start, trial.until, trial.reached, trial.spent,
        )  # fmt: skip
        assert row.curve == trial.curve


def test_a_pickled_study_in_memory_keeps_its_curves(study):
    study.optimize(stages.train, n_trials=6)
    again = pickle.loads(pickle.dumps(study))
    assert again.trials == study.trials and any(len(t.curve) > 1 for t in again.trials)


def test_the_same_goes_on_after_a_study_was_opened_again(tmp_path):
    def run(parts):
        for count in parts:
            study = stages.study(storage=tmp_path / f"{len(parts)}.db")
            study.optimize(stages.train, n_trials=count)
        return [(t.params, t.state, t.spent, t.curve) for t in study.trials]

    assert run([12]) == run([3, 4, 5])


def test_another_fidelity_is_another_study(tmp_path):
    path = tmp_path / "runs.db"
    stages.study(storage=path)
    with pytest.raises(tfbo.StudyMismatch, match="fidelity: "):
        stages.study(storage=path, fidelity=tfbo.Fidelity(1, 27))
    with pytest.raises(tfbo.StudyMismatch, match="fidelity: "):
        stages.study(storage=path, fidelity=None)


@pytest.mark.parametrize(
    ("strategy", "until"),
    [(None, 1), (SuccessiveHalving(), 1), (Hyperband(), 9), (Random(), 9), (stages.Threshold(), 9)],
)
def test_an_enqueued_configuration_begins_as_the_strategy_has_it(strategy, until):
    study = stages.study(strategy=strategy)
    study.enqueue({"x": 0.5})
    trial = study.ask()
    assert (trial.number, trial.start, trial.until) == (0, 0, until)


def test_an_enqueued_trial_that_lost_its_process_keeps_its_stage():
    study = stages.study(strategy=SuccessiveHalving())
    study.enqueue({"x": 0.5})
    study.tell(study.ask(), 0.5)
    for value in (0.6, 0.7):
        study.tell(study.ask(), value)
    going = study.ask()
    assert (going.number, going.until) == (0, 3)
    study.stored_trials.put_back(going)
    assert study.ask().until == 3


def test_a_training_that_does_not_go_on_from_its_start_is_told_where_that_is():
    study = stages.study(strategy=SuccessiveHalving())
    for value in (0.5, 0.6, 0.7):
        study.tell(study.ask(), value)
    going = study.ask()
    with pytest.raises(
        InvalidArgument, match=r"after 1, .*got 1.*after step 1: train from run\.start"
    ):
        study.report(going, 1, 0.5)


def test_what_was_told_of_a_stopped_trial_is_its_value(study):
    trial = study.ask()
    study.tell(trial, 0.5, state="stopped")
    with pytest.raises(TrialStateError, match=r"told already \(value 0\.5\)"):
        study.tell(trial, 0.4)


def test_forecasts_name_what_is_missing(study):
    study.tell(study.ask(), 0.5)
    with pytest.raises(TrialStateError, match="has no trial 99"):
        study.forecast(99)
    with pytest.raises(tfbo.TooFewTrials, match="1 trial with a value; a model needs 2"):
        study.forecast(0)
