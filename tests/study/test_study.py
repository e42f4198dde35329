import dataclasses
import logging
import math
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import Boolean, Float, InvalidArgument, NoCompletedTrial, Space, Study, TrialStateError
from tfbo.strategies import Random, Strategy

SPACE = Space({"x": Float(-1.0, 1.0), "flag": Boolean()})


@pytest.fixture(params=["memory", "file"])
def study(request, tmp_path):
    storage = None if request.param == "memory" else tmp_path / "runs.db"
    return Study(SPACE, storage=storage, seed=0, strategy=Random())


def test_ask_and_tell(study):
    trial = study.ask()
    assert trial.number == 0
    assert trial.state == "running"
    assert trial.started is not None
    assert study.tell(trial, 2.5) is None
    (told,) = study.trials
    assert (told.state, told.value, told.params) == ("complete", 2.5, trial.params)
    assert told.duration >= 0.0


def test_ask_many_and_tell_by_number(study):
    trials = study.ask(3)
    assert [t.number for t in trials] == [0, 1, 2]
    study.tell(1, 1.0)
    study.tell(2, 3.0)
    assert study.best_trial.number == 1
    assert [t.state for t in study.trials] == ["running", "complete", "complete"]


@pytest.mark.parametrize(
    "value",
    [
        1,
        1.0,
        np.float32(1),
        np.int64(1),
        np.array(1.0),
        np.array([1.0]),
        tf.constant(1.0),
        tf.Variable([1.0]),
    ],
)
def test_any_number_is_a_value(study, value):
    study.tell(study.ask(), value)
    assert study.best_value == 1.0
    assert type(study.best_value) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_a_value_that_is_not_finite_is_a_failure(study, value):
    study.tell(study.ask(), value)
    (trial,) = study.trials
    assert (trial.state, trial.kind, trial.value) == ("failed", "nan", None)
    assert str(float(value)) in trial.reason


def test_best_is_the_earliest_of_equals_in_the_direction():
    study = Study(SPACE, direction="maximize", seed=0, strategy=Random())
    for value in (1.0, 3.0, 3.0, 2.0):
        study.tell(study.ask(), value)
    assert study.best_trial.number == 1
    assert study.best_params == study.trials[1].params


def test_the_best_observed_is_by_value_whatever_the_strategy_believes():
    @dataclasses.dataclass(frozen=True)
    class Stubborn(Random):
        def best(self, problem, state, *, pending=()):
            asked.append(len(state.keys))
            return 1

    asked = []
    study = Study(SPACE, seed=0, strategy=Stubborn())
    study.tell(study.ask(), 5.0)
    assert study.best_trial.number == 0 and not asked  # the only one
    for value in (4.0, 3.0):
        study.tell(study.ask(), value)
    assert study.best_observed.number == 2
    assert (study.best_trial.number, study.best_value) == (1, 4.0)
    assert study.best_params == study.trials[1].params
    assert "best_observed=3.0" in repr(study)
    assert asked == [3]  # once, however often it is read
    study.tell(study.ask(), 6.0)
    assert study.best_value == 4.0 and asked == [3, 4]


def test_a_strategy_without_a_belief_goes_by_value():
    class Old(Strategy):
        fold, suggest = Random.fold, Random.suggest

    study = Study(SPACE, seed=0, strategy=Old())
    for value in (5.0, 3.0, 4.0):
        study.tell(study.ask(), value)
    assert study.best_trial == study.best_observed == study.trials[1]


def test_a_standard_error_is_kept_with_the_value(study):
    for value, std in ((1.0, np.float32(0.5)), (2.0, None), (3.0, 0), (math.nan, math.nan)):
        study.tell(study.ask(), value, std=std)
    assert [t.std for t in study.trials] == [0.5, None, 0.0, None]
    assert [t.state for t in study.trials] == ["complete"] * 3 + ["failed"]
    assert type(study.trials[0].std) is float


def test_without_a_complete_trial_the_error_tells_why(study):
    with pytest.raises(NoCompletedTrial, match=r"no trials yet. Run some, by study.optimize"):
        study.best_value  # noqa: B018
    with pytest.raises(NoCompletedTrial, match="no trials yet"):
        study.best_observed  # noqa: B018
    study.tell(study.ask(), state="failed", kind="out of memory", reason="9 GB")
    study.tell(study.ask(), state="failed", reason="another one")
    with pytest.raises(NoCompletedTrial, match=r"All 2 .* failed.*out of memory: 9 GB") as caught:
        study.best_params  # noqa: B018
    assert "running" not in str(caught.value)
    study.ask(2)
    with pytest.raises(NoCompletedTrial, match=r"\(4 in all, 2 failed\).* running \(2\)"):
        study.best_params  # noqa: B018
    with pytest.raises(tfbo.TooFewTrials, match=r"0 complete trials.* running \(2\)"):
        study.importance()


def test_enqueued_configurations_come_first_and_once(study):
    wanted = {"x": 0.25, "flag": True}
    study.enqueue(wanted)
    study.enqueue({"flag": False, "x": 1})
    assert [t.state for t in study.trials] == ["waiting", "waiting"]
    first, second, third = study.ask(3)
    assert first.params == wanted
    assert second.params == {"x": 1.0, "flag": False}
    assert type(second.params["x"]) is float
    assert third.number == 2


def test_telling_an_enqueued_trial_directly(study):
    trial = study.enqueue({"x": 0.5, "flag": True})
    study.tell(trial, 0.1)
    assert study.best_value == 0.1


def test_optimize_runs_so_many_trials_in_each_call(study):
    seen = []
    assert study.optimize(lambda p: seen.append(p) or 1.0, n_trials=3) is study
    study.optimize(lambda p: seen.append(p) or 1.0, n_trials=2)
    assert len(study) == 5
    assert [t.params for t in study.trials] == seen


def test_an_objective_may_spoil_its_dict(study):
    study.optimize(lambda p: p.clear() or 1.0, n_trials=1)
    assert set(study.trials[0].params) == {"x", "flag"}


def test_target_timeout_and_patience_end_the_search(study):
    values = iter([5.0, 4.0, 3.0, 2.0, 1.0])
    study.optimize(lambda p: next(values), target=3.0)
    assert study.best_value == 3.0
    study.optimize(lambda p: 9.0, patience=4)
    assert len(study) == 3 + 4
    study.optimize(lambda p: time.sleep(0.05) or 9.0, timeout=0.12)
    assert 8 <= len(study) <= 11


def test_patience_starts_anew_with_an_improvement(study):
    values = iter([3.0, 4.0, 2.0, 4.0, 4.0, 4.0])
    study.optimize(lambda p: next(values), patience=2)
    assert len(study) == 5


def test_a_callback_sees_each_trial_and_can_stop(study):
    seen = []

    def callback(same, trial):
        assert same is study
        seen.append(trial)
        if trial.number == 2:
            same.stop()

    study.optimize(lambda p: 1.0, n_trials=10, callbacks=[callback])
    assert [(t.number, t.state) for t in seen] == [
        (0, "complete"),
        (1, "complete"),
        (2, "complete"),
    ]
    study.optimize(lambda p: 1.0, n_trials=1)
    assert len(study) == 4


def interrupted(params):
    raise KeyboardInterrupt


class ResourceExhaustedError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("bad"), "error"),
        (MemoryError(), "out of memory"),
        (ResourceExhaustedError("OOM when allocating"), "out of memory"),
        (TimeoutError("slow"), "timeout"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM"), "out of memory"),
    ],
)
def test_an_exception_marks_the_trial_and_the_search_goes_on(study, error, kind, caplog):
    def objective(params):
        if len(study) == 1:
            raise error
        return 1.0

    with caplog.at_level(logging.WARNING, logger="tfbo"):
        study.optimize(objective, n_trials=3)
    failed, *rest = study.trials
    assert (failed.state, failed.kind) == ("failed", kind)
    assert type(error).__name__ in failed.reason
    assert "in objective" in failed.traceback
    assert [t.state for t in rest] == ["complete", "complete"]
    assert "Trial 0 failed" in caplog.text


@pytest.mark.parametrize("catch", [(), KeyError, (KeyError, OSError)])
def test_catch_decides(study, catch):
    def objective(params):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        study.optimize(objective, n_trials=3, catch=catch)
    assert [t.state for t in study.trials] == ["failed"]
    study.optimize(objective, n_trials=2, catch=ValueError)
    assert len(study) == 3


def test_a_value_that_is_no_number_is_the_objectives_failure(study):
    study.optimize(lambda p: None, n_trials=2)
    assert [t.kind for t in study.trials] == ["error", "error"]
    assert "expected a number" in study.trials[0].reason


def test_ctrl_c_keeps_everything_and_raises_or_returns(study, capsys):
    def objective(params):
        if len(study) == 3:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt) as caught:
        study.optimize(objective, n_trials=10)
    assert caught.value.study is study
    assert caught.value.__cause__ is caught.value.__context__ is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Stopped by Ctrl-C: 2 trials kept in ") and "run the same again" in line
    assert ("storage='runs.db'" in line) == (study.location == ":memory:")
    states = [(t.state, t.kind) for t in study.trials]
    assert states == [("complete", None)] * 2 + [("failed", "interrupted"), ("waiting", None)]
    assert study.trials[3].params == study.trials[2].params
    study.optimize(lambda p: 0.5, n_trials=2)
    assert study.trials[3].value == 0.5
    assert len(study) == 5
    both = {"n_trials": 1, "interrupt": "return"}
    assert study.optimize(interrupted, **both) is study
    for search in (tfbo.minimize, tfbo.maximize):
        result = search(interrupted, SPACE, seed=0, strategy=Random(), **both)
        assert [t.kind for t in result.trials] == ["interrupted", None]


def test_a_system_exit_is_marked_and_passed_on(study):
    with pytest.raises(SystemExit):
        study.optimize(lambda p: exit(3), n_trials=2)
    assert [(t.state, t.kind) for t in study.trials] == [("failed", "killed")]


def test_threads_may_share_a_study(study):
    def work():
        for _ in range(5):
            trial = study.ask()
            study.tell(trial, trial.params["x"])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [t.number for t in study.trials] == list(range(20))
    assert all(t.state == "complete" for t in study.trials)


def test_minimize_and_maximize_are_studies():
    low = tfbo.minimize(lambda p: p["x"], SPACE, n_trials=4, seed=0, strategy=Random())
    high = tfbo.maximize(lambda p: p["x"], SPACE, n_trials=4, seed=0, strategy=Random())
    assert low.best_value == min(t.params["x"] for t in low.trials)
    assert high.best_value == max(t.params["x"] for t in high.trials)


def test_a_data_frame_has_a_row_a_trial(study):
    study.optimize(lambda p: p["x"], n_trials=2)
    study.tell(study.ask(), state="failed", reason="because")
    frame = study.to_dataframe()
    assert list(frame["state"]) == ["complete", "complete", "failed"]
    assert list(frame["params_x"]) == [t.params["x"] for t in study.trials]
    assert frame["reason"][2] == "because"
    study.tell(study.ask(), 1.0, std=0.25)
    assert study.to_dataframe()["std"].iloc[-1] == 0.25


def test_it_prints_what_it_is(study):
    assert "0 trials" in repr(study)
    study.optimize(lambda p: 2.0, n_trials=1)
    assert "best_observed=2.0" in repr(study)


BAD = [
    (lambda s: Study({"x": Float(0, 1)}), "space"),
    (lambda s: Study(SPACE, direction="min"), "direction"),
    (lambda s: Study(SPACE, name=""), "name"),
    (lambda s: Study(SPACE, seed=-1), "seed"),
    (lambda s: Study(SPACE, seed=1.5), "seed"),
    (lambda s: Study(SPACE, seed=True), "seed"),
    (lambda s: Study(SPACE, strategy=Random), "strategy"),
    (lambda s: Study(SPACE, strategy="random"), "strategy"),
    (lambda s: s.ask(0), "q"),
    (lambda s: s.ask("two"), "q"),
    (lambda s: s.tell(s.ask(), "0.5"), "value"),
    (lambda s: s.tell(s.ask(), None), "value"),
    (lambda s: s.tell(s.ask(), True), "value"),
    (lambda s: s.tell(s.ask(), [1.0, 2.0]), "value"),
    (lambda s: s.tell(s.ask(), np.array([1.0, 2.0])), "value"),
    (lambda s: s.tell(s.ask(), 1.0, state="done"), "state"),
    (lambda s: s.tell(s.ask(), 1.0, state="failed"), "value"),
    (lambda s: s.tell(s.ask(), state="failed", kind="oom"), "kind"),
    (lambda s: s.tell(s.ask(), 1.0, reason="fine"), "state"),
    (lambda s: s.tell(s.ask(), 1.0, std=-0.1), "std"),
    (lambda s: s.tell(s.ask(), 1.0, std=math.nan), "std"),
    (lambda s: s.tell(s.ask(), 1.0, std=math.inf), "std"),
    (lambda s: s.tell(s.ask(), 1.0, std="0.1"), "std"),
    (lambda s: s.tell(s.ask(), std=0.1, state="failed"), "std"),
    (lambda s: s.tell("0", 1.0), "trial"),
    (lambda s: s.enqueue({"x": 2.0, "flag": True}), "x"),
    (lambda s: s.enqueue({"x": 0.0}), "flag"),
    (lambda s: s.enqueue({"x": 0.0, "flg": True}), "flag"),
    (lambda s: s.optimize(lambda p: 1.0), "n_trials"),
    (lambda s: s.optimize(lambda p: 1.0, n_trials=0), "n_trials"),
    (lambda s: s.optimize(lambda p: 1.0, n_trials=2.0), "n_trials"),
    (lambda s: s.optimize(lambda p: 1.0, timeout=-1), "timeout"),
    (lambda s: s.optimize(lambda p: 1.0, timeout="1h"), "timeout"),
    (lambda s: s.optimize(lambda p: 1.0, target=math.nan), "target"),
    (lambda s: s.optimize(lambda p: 1.0, patience=0), "patience"),
    (lambda s: s.optimize(1.0, n_trials=1), "objective"),
    (lambda s: s.optimize(lambda p: 1.0, n_trials=1, catch="all"), "catch"),
    (lambda s: s.optimize(lambda p: 1.0, n_trials=1, callbacks=print), "callbacks"),
    (lambda s: tfbo.plots.convergence(), "studies"),
    (lambda s: tfbo.plots.convergence(s, labels=[]), "labels"),
]


@pytest.mark.parametrize(("call", "named"), BAD)
def test_mistakes_are_named_and_change_nothing(study, call, named):
    with pytest.raises(InvalidArgument) as caught:
        call(study)
    message = str(caught.value)
    assert named in message
    assert "expected" in message
    assert "got" in message
    assert not any(t.is_finished for t in study.trials)


def test_telling_what_cannot_be_told(study):
    trial = study.ask()
    study.tell(trial, 1.0)
    with pytest.raises(TrialStateError, match="told already"):
        study.tell(trial, 2.0)
    with pytest.raises(TrialStateError, match="no trial 7"):
        study.tell(7, 1.0)
    stranger = dataclasses.replace(study.ask(), params={"x": 0.0, "flag": True})
    with pytest.raises(TrialStateError, match="another study"):
        study.tell(stranger, 1.0)
    assert study.best_value == 1.0
