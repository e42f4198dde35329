"""Learning curves of trials of Ray Tune: what a search is told as a scheduler stops, pauses and resumes."""

import json
import math
import pickle

import pytest

pytest.importorskip("ray.tune", reason="Ray Tune is not installed")
from ray import tune

from tfbo import Fidelity, InvalidArgument
from tfbo.integrations.ray import TFBOSearch
from tfbo.strategies import Bayes, Sobol

DOMAINS = {"x": tune.uniform(-1, 1)}


def searching(**arguments):
    arguments = {"metric": "loss", "mode": "min", "seed": 0, "strategy": Sobol(), **arguments}
    search = TFBOSearch(**arguments)
    assert search.set_search_properties(None, None, DOMAINS)
    return search


def at(step, loss, name="training_iteration"):
    return {"loss": loss, name: step}


def train(search, trial_id, losses, first=1, **reported):
    """Report losses, a step each, as Ray does for one that goes on."""
    for step, loss in enumerate(losses, start=first):
        search.on_trial_result(trial_id, at(step, loss, **reported))


def stop(search, trial_id, losses):
    """As Ray does where a scheduler or a criterion ends it: its last report comes with its end."""
    train(search, trial_id, losses[:-1])
    search.on_trial_complete(trial_id, at(len(losses), losses[-1]))


def end(search, trial_id, losses):
    """As Ray does where a trainable returns: its last report comes twice."""
    train(search, trial_id, losses)
    search.on_trial_complete(trial_id, at(len(losses), losses[-1]))


def told(search):
    return [(t.state, t.value, t.curve) for t in search.study.trials]


def begun(search, names):
    for name in names:
        search.suggest(name)
    return search


def test_trials_that_a_scheduler_stops_are_stopped():
    search = begun(searching(max_t=9), "abc")
    stop(search, "a", [9.0 - i for i in range(9)])
    stop(search, "b", [8.0, 7.0])
    train(search, "c", [5.0])
    assert search.study.fidelity == Fidelity(1, 9, name="training_iteration")
    assert told(search) == [
        ("complete", 1.0, {i + 1: 9.0 - i for i in range(9)}),
        ("stopped", 7.0, {1: 8.0, 2: 7.0}),
        ("running", None, {1: 5.0}),
    ]
    assert [(t.start, t.until, t.spent) for t in search.study.trials[:2]] == [(0, 9, 9), (0, 9, 2)]


def test_the_last_step_is_the_largest_that_was_reached():
    search = begun(searching(), "abc")
    stop(search, "a", [5.0])
    assert search.study.fidelity is None  # it may have been its end
    stop(search, "b", [6.0, 4.0])
    train(search, "c", [3.0, 2.0, 1.0])
    stop(search, begun(search, "d") and "d", [7.0, 6.0])
    assert search.study.fidelity == Fidelity(1, 3, name="training_iteration")
    assert [t.state for t in search.study.trials] == ["stopped", "stopped", "running", "stopped"]
    search.on_trial_complete("c", at(4, 0.5))
    assert [t.state for t in search.study.trials] == ["stopped", "stopped", "complete", "stopped"]
    assert search.study.best_value == 0.5


def test_where_all_trials_end_by_themselves_each_is_complete():
    search = begun(searching(), "abc")
    end(search, "a", [5.0, 4.0])
    end(search, "b", [6.0, 5.0, 3.0])
    end(search, "c", [2.0])
    assert search.study.fidelity is None
    assert [(t.state, t.value) for t in search.study.trials] == [
        ("complete", 4.0), ("complete", 3.0), ("complete", 2.0),
    ]  # fmt: skip
    assert search.study.best_value == 2.0


def test_a_paused_trial_goes_on_and_may_be_stopped_while_it_is_paused():
    search = begun(searching(), "ab")
    train(search, "a", [5.0, 4.0])
    train(search, "b", [6.0, 5.0])
    search.on_trial_complete("b")  # without a result
    train(search, "a", [3.0], first=3)
    search.on_trial_complete("a", at(4, 2.0))
    assert told(search) == [
        ("complete", 2.0, {1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0}),
        ("stopped", 5.0, {1: 6.0, 2: 5.0}),
    ]


def test_a_trial_that_goes_on_from_a_checkpoint_reports_some_steps_again():
    search = begun(searching(max_t=4), "a")
    train(search, "a", [5.0, 4.0, math.nan])
    train(search, "a", [3.5, 3.0], first=2)
    assert search.study.trials[0].curve == {1: 5.0, 2: 3.5, 3: 3.0}


def test_a_trial_that_failed_keeps_its_curve_and_goes_on_with_it():
    search = begun(searching(max_t=4), "a")
    train(search, "a", [5.0, 4.0])
    search.on_trial_complete("a", error=True)
    assert told(search) == [("failed", None, {1: 5.0, 2: 4.0})]
    assert search.study.trials[0].spent == 2
    train(search, "a", [3.0], first=3)
    search.on_trial_complete("a", at(4, 2.0))
    assert told(search)[1] == ("complete", 2.0, {1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0})
    assert search.study.trials[1].params == search.study.trials[0].params


def test_a_trial_that_diverges_fails():
    search = begun(searching(max_t=4), "a")
    train(search, "a", [5.0])
    search.on_trial_complete("a", at(2, math.nan))
    assert told(search) == [("failed", None, {1: 5.0})]


def test_steps_of_another_name_need_not_be_whole():
    search = begun(searching(time_attr="seconds", max_t=60), "ab")
    train(search, "a", [5.0], name="seconds")
    search.on_trial_result("a", at(2.5, 4.0, "seconds"))
    search.on_trial_complete("a", at(60.3, 3.0, "seconds"))
    search.on_trial_result("b", at("soon", 4.0, "seconds"))
    search.on_trial_result("b", at(-1, 4.0, "seconds"))
    assert told(search) == [("complete", 3.0, {1: 5.0, 3: 4.0, 60: 3.0}), ("running", None, {})]


def test_results_from_elsewhere():
    search = searching()
    search.add_evaluated_point({"x": 0.1}, 3.0, intermediate_values=[5.0, 4.0])
    assert search.study.fidelity is None
    search.add_evaluated_point({"x": 0.2}, 4.0, pruned=True, intermediate_values=[5.0, 4.0])
    stop(begun(search, "a"), "a", [5.0, 4.0, 3.0])
    search.add_evaluated_point({"x": 0.3}, 2.0)
    expected = [
        ("complete", 3.0, {3: 3.0}),  # a final value, of the last step, whichever that is
        ("stopped", 4.0, {1: 5.0, 2: 4.0}),
        ("complete", 3.0, {1: 5.0, 2: 4.0, 3: 3.0}),
        ("complete", 2.0, {3: 2.0}),
    ]
    assert told(search) == expected
    stop(begun(search, "b"), "b", [5.0, 4.0, 3.0, 1.0])
    assert [entry[0] for entry in told(search)[:4]] == [
        "complete",
        "stopped",
        "stopped",
        "complete",
    ]
    assert told(search)[0] == ("complete", 3.0, {4: 3.0})


@pytest.mark.parametrize("how", ["save", "pickle"])
@pytest.mark.parametrize("max_t", [None, 9])
def test_curves_are_saved(how, max_t, tmp_path):
    search = begun(searching(max_t=max_t), "abc")
    stop(search, "a", [5.0, math.inf, 3.0])
    stop(search, "b", [6.0, 5.0])
    train(search, "c", [6.0, 5.0])
    other = searching(max_t=max_t)
    if how == "pickle":
        other = pickle.loads(pickle.dumps(search))
    else:
        search.save(tmp_path / "state")
        other.restore(tmp_path / "state")
    assert other.study.fidelity == search.study.fidelity
    assert other.study.fidelity.high == (max_t or 3)
    assert str(told(other)) == str(told(search))
    for one in (search, other):
        train(one, "c", [4.0], first=3)
        one.on_trial_complete("c")
    assert str(told(other)) == str(told(search))
    assert told(other)[2][2] == {1: 6.0, 2: 5.0, 3: 4.0}


def test_a_state_of_before_has_no_curves(tmp_path):
    search, path = begun(searching(), "a"), tmp_path / "state"
    search.save(path)
    state = json.loads(path.read_text())
    del state["study"]["curves"]
    path.write_text(json.dumps(state))
    other = searching()
    other.restore(path)
    assert told(other) == [("running", None, {})]


def test_the_model_suggests_while_trials_are_stopped_and_paused():
    search = searching(strategy=Bayes(), max_t=9)
    for i in range(8):
        x = search.suggest(str(i))["x"]
        losses = [(x - 0.3) ** 2 + 0.5**step for step in range(1, 10)]
        stop(search, str(i), losses if i % 3 == 0 else losses[:3])
    assert len({t.params["x"] for t in search.study.trials}) == 8
    assert {t.until for t in search.study.trials} == {9}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"time_attr": 3}, "time_attr"), ({"time_attr": ""}, "time_attr"), ({"max_t": 1}, "max_t")],
)
def test_arguments(arguments, named):
    with pytest.raises(InvalidArgument, match=f"^{named}: expected"):
        TFBOSearch(**arguments)
