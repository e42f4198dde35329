"""Several metrics and constraints of a Ray experiment."""

import copy
import math

import pytest

pytest.importorskip("ray.tune", reason="Ray Tune is not installed")
from ray import tune

from tfbo import Float, Int, InvalidArgument, Space
from tfbo.integrations.ray import TFBOSearch
from tfbo.strategies import Sobol

DOMAINS = {"x": tune.uniform(0, 5), "units": tune.randint(1, 9), "epochs": 3}
TWO = {"metric": ["acc", "ms"], "mode": ["max", "min"]}


def searching(config=DOMAINS, **arguments):
    search = TFBOSearch(**{"seed": 0, "strategy": Sobol(), **TWO, **arguments})
    assert search.set_search_properties(None, None, config, stop=None)
    return search


def told(search, *results, error=False, trial_id="a"):
    """The trial that has reported these results and ended with the last one."""
    search.suggest(trial_id)
    for result in results[:-1]:
        search.on_trial_result(trial_id, result)
    search.on_trial_complete(trial_id, results[-1] if results else None, error)
    return search.study.trials[-1]


def test_a_list_of_metrics_makes_a_front():
    search = searching()
    told(search, {"acc": 0.9, "ms": 5.0})
    told(search, {"acc": 0.8, "ms": 6.0}, trial_id="b")
    told(search, {"acc": 0.7, "ms": 1.0}, trial_id="c")
    assert [trial.number for trial in search.study.best_trials] == [0, 2]
    assert search.study.best_trials[0].values == {"acc": 0.9, "ms": 5.0}
    assert (search.metric, search.mode) == (["acc", "ms"], ["max", "min"])


def test_one_that_lacks_a_metric_or_has_nan_fails_and_keeps_the_other():
    search = searching()
    trial = told(search, {"acc": 0.9, "loss": 1.0})
    assert (trial.state, trial.values) == ("failed", {"acc": 0.9})
    assert trial.reason == "it did not report 'ms', but 'acc', 'loss'"
    trial = told(search, {"acc": math.nan, "ms": 2.0}, trial_id="b")
    assert (trial.state, trial.kind, trial.values) == ("failed", "nan", {"ms": 2.0})
    trial = told(search, {"acc": 0.5, "ms": "fast"}, trial_id="c")
    assert (trial.state, trial.kind) == ("failed", "error")
    assert trial.reason.startswith("'ms' was no number")


def test_a_metric_that_was_reported_before_the_end_counts():
    trial = told(searching(), {"acc": 0.5, "ms": 2.0}, {"acc": 0.9})
    assert trial.values == {"acc": 0.9, "ms": 2.0}


def test_a_trial_counts_wherever_a_scheduler_stops_it():
    search = searching()
    steps = [{"acc": 0.1 * i, "ms": 2.0, "training_iteration": i} for i in range(1, 5)]
    told(search, *steps, steps[-1])
    told(search, *steps[:2], trial_id="b")
    assert search.study.fidelity is None
    assert [trial.state for trial in search.study.trials] == ["complete"] * 2


def test_constraints_on_outcomes():
    search = searching(outcome_constraints=["mb <= 10", "ms + mb <= 15"])
    assert told(search, {"acc": 0.9, "ms": 5.0, "mb": 12.0}).violations == {
        "mb <= 10": 2.0,
        "ms + mb <= 15": 2.0,
    }
    assert told(search, {"acc": 0.8, "ms": 5.0, "mb": 8.0}, trial_id="b").is_feasible
    assert [trial.number for trial in search.study.best_trials] == [1]
    failed = told(search, {"mb": 20.0}, error=True, trial_id="c")
    assert (failed.state, failed.values, failed.is_feasible) == ("failed", {"mb": 20.0}, False)


def test_an_outcome_that_was_not_reported_is_said_to_be_unknown():
    search = searching(outcome_constraints=["mb <= 10"])
    with pytest.warns(UserWarning, match="outcome_constraints: 'mb' was not reported"):
        trial = told(search, {"acc": 0.9, "ms": 5.0})
    assert (trial.state, trial.is_feasible) == ("complete", None)


def test_one_metric_with_a_constraint():
    search = searching(metric="loss", mode="min", outcome_constraints=["loss + mb <= 10"])
    assert told(search, {"loss": 1.0, "mb": 12.0}).violations == {"loss + mb <= 10": 3.0}
    told(search, {"loss": 2.0, "mb": 1.0}, trial_id="b")
    assert search.study.best_trial.number == 1


def test_the_metric_of_tune_config_with_a_constraint():
    search = TFBOSearch(seed=0, strategy=Sobol(), outcome_constraints=["mb <= 10"])
    search.set_search_properties("acc", "max", DOMAINS)
    assert told(search, {"acc": 0.9, "mb": 1.0}).values == {"acc": 0.9, "mb": 1.0}


@pytest.mark.parametrize("how", ["restore", "copy"])
def test_it_goes_on_with_its_metrics_and_constraints(how, tmp_path):
    search = searching(outcome_constraints=["mb <= 10"], parameter_constraints=["x * units <= 9"])
    told(search, {"acc": 0.9, "ms": 5.0, "mb": 12.0})
    other = copy.deepcopy(search) if how == "copy" else TFBOSearch(seed=9, strategy=Sobol())
    if how == "restore":
        search.save(tmp_path / "state")
        other.restore(tmp_path / "state")
    for one in (search, other):
        told(one, {"acc": 0.5, "ms": 1.0, "mb": 1.0}, trial_id="b")
    assert [t.values for t in other.study.best_trials] == [{"acc": 0.5, "ms": 1.0, "mb": 1.0}]
    assert other.suggest("c") == search.suggest("c")


def test_no_suggestion_breaks_a_constraint_on_parameters():
    search = searching(parameter_constraints=["x * units <= 4"])
    configs = [search.suggest(str(i)) for i in range(40)]
    assert all(config["x"] * config["units"] <= 4.0 for config in configs)
    assert max(config["units"] for config in configs) == 8


def test_constraints_of_a_given_space_with_a_predicate(tmp_path):
    space = Space(
        {"a": Float(0.0, 1.0), "n": Int(1, 4)}, constraints=["a * n <= 1", lambda p: p["n"] != 3]
    )
    search = TFBOSearch(space, seed=0, strategy=Sobol(), **TWO)
    configs = [search.suggest(str(i)) for i in range(12)]
    assert all(c["a"] * c["n"] <= 1.0 and c["n"] != 3 for c in configs)
    search.save(tmp_path / "state")
    other = TFBOSearch(space, strategy=Sobol(), **TWO)
    other.restore(tmp_path / "state")
    assert other.suggest("more") == search.suggest("more")


def test_results_from_elsewhere():
    search = searching()
    for i, value in enumerate(([0.9, 5.0], {"ms": 5.0, "acc": 0.9})):
        search.add_evaluated_point({"x": 1.0 + i, "units": 2}, value)
    search.add_evaluated_point({"x": 3.0, "units": 2}, None, error=True)
    assert [t.values for t in search.study.trials] == [{"acc": 0.9, "ms": 5.0}] * 2 + [{}]
    with pytest.raises(InvalidArgument, match="value"):
        search.add_evaluated_point({"x": 4.0, "units": 2}, 0.9)


def test_the_model_takes_over():
    search = searching(strategy=None, outcome_constraints=["mb <= 6"])
    for i in range(9):
        config = search.suggest(str(i))
        x, units = config["x"], config["units"]
        search.on_trial_complete(str(i), {"acc": -((x - 2) ** 2), "ms": units + x, "mb": units})
    assert search.study.trials[-1].notes
    assert all(trial.params["units"] <= 6 for trial in search.study.best_trials)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"metric": ["a", "b"], "mode": "min"}, "^mode: expected a list of 2"),
        ({"metric": ["a", "b"], "mode": ["min"]}, "^mode: expected a list of 2"),
        ({"metric": ["a", "b"], "mode": ["min", "obs"]}, r"^mode\[1\]: .*'obs'.*only observed"),
        ({"metric": ["a", "a"], "mode": ["min", "max"]}, "^metric: expected names that differ"),
        ({"metric": ["a", 1], "mode": ["min", "max"]}, "^metric: expected a list of names"),
        ({"metric": "a", "mode": ["min"]}, "^metric: expected a list of names"),
        ({"metric": 3}, "^metric: expected a name"),
        ({"outcome_constraints": "a <= 1"}, "^outcome_constraints: expected a list"),
        ({"outcome_constraints": ["a < 1"]}, r"^outcome_constraints\[0\]"),
        ({"parameter_constraints": "a <= 1"}, "^parameter_constraints: expected a list"),
        ({**TWO, "max_t": 9}, "^max_t: expected None"),
        (
            {"space": Space({"x": Float(0.0, 1.0)}), "parameter_constraints": ["x <= 0.5"]},
            r"^parameter_constraints: .*Space\(\.\.\., constraints=",
        ),
    ],
)
def test_arguments(arguments, named):
    with pytest.raises(InvalidArgument, match=named):
        TFBOSearch(**arguments)


@pytest.mark.parametrize(
    ("constraint", "named"),
    [("what <= 1", "what"), ("layers <= 1", r"parameter_constraints\[0\].*'layers' are objects")],
)
def test_a_constraint_on_parameters_that_cannot_be(constraint, named):
    search = TFBOSearch(**TWO, parameter_constraints=[constraint])
    config = {**DOMAINS, "layers": tune.choice([[1], [1, 2]])}
    with pytest.raises(InvalidArgument, match=named):
        search.set_search_properties(None, None, config)


def test_an_outcome_that_is_a_parameter_is_refused():
    search = TFBOSearch(**TWO, outcome_constraints=["x <= 1"])
    with pytest.raises(InvalidArgument, match=r"'x' is a parameter"):
        search.set_search_properties(None, None, DOMAINS)
