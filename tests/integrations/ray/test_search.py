"""The search algorithm, asked as Ray asks it, but without Ray running."""

import copy
import json
import math
import pickle
import re

import numpy as np
import pytest

pytest.importorskip("ray.tune", reason="Ray Tune is not installed")
from ray import tune
from ray.tune.search import ConcurrencyLimiter, Searcher

from tfbo import Boolean, Float, InvalidArgument, Space, StorageError, Study
from tfbo.integrations.ray import TFBOSearch
from tfbo.strategies import Bayes, Sobol

DOMAINS = {"x": tune.uniform(-1, 1), "net": {"units": tune.randint(1, 5)}, "epochs": 3}
SPACE = Space({"on": Boolean(), "net/rate": Float(0.0, 0.5, when={"on": True})})


def searching(config=DOMAINS, **arguments):
    search = TFBOSearch(**{"metric": "loss", "mode": "min", "seed": 0, **arguments})
    assert search.set_search_properties(None, None, config, stop=None)
    return search


def loss(config):
    return config["x"] ** 2 + config["net"]["units"]


def run(search, first, last):
    """Trials from one number to another, two at a time: each is told when the next one runs."""
    configs = [search.suggest(str(first))]
    for i in range(first, last):
        configs.append(search.suggest(str(i + 1)))
        search.on_trial_complete(str(i), {"loss": loss(configs[-2])})
    return configs


def test_it_suggests_what_the_study_would_be_asked_for():
    search = searching()
    study = Study(search.study.space, seed=0)
    expected = [study.ask().params]
    for i in range(8):
        expected.append(study.ask().params)
        study.tell(i, expected[i]["x"] ** 2 + expected[i]["net/units"])
    configs = run(search, 0, 8)
    assert [{"x": c["x"], "net/units": c["net"]["units"]} for c in configs] == expected
    assert [t.state for t in search.study.trials] == ["complete"] * 8 + ["running"]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_metric_and_mode_come_from_either_side(mode):
    here = searching(metric="acc", mode=mode)
    there = TFBOSearch(seed=0)
    there.set_search_properties("acc", mode, DOMAINS)
    for search in (here, there):
        for i in range(2):
            search.suggest(str(i))
            search.on_trial_complete(str(i), {"acc": i, "loss": -i})
        assert search.study.best_observed.number == (1 if mode == "max" else 0)
        assert (search.metric, search.mode) == ("acc", mode)
        for given in (("other", None), (None, "min" if mode == "max" else "max")):
            with pytest.raises(InvalidArgument, match="as TFBOSearch has it"):
                search.set_search_properties(*given, DOMAINS)


def test_a_trainable_may_return_a_number_without_a_name():
    search = searching(metric=None)
    search.suggest("a")
    search.on_trial_complete("a", {"_metric": np.float32(0.5)})
    assert search.study.best_value == 0.5


def test_a_conditional_space():
    search = TFBOSearch(SPACE, metric="loss", mode="min", seed=0, strategy=Sobol())
    assert search.set_search_properties(None, None, {"epochs": 3})
    configs = [search.suggest(str(i)) for i in range(6)]
    assert {tuple(config) for config in configs} == {("on",), ("on", "net")}
    assert all(list(c["net"]) == ["rate"] for c in configs if c["on"])
    # Two search spaces: Ray says so where it hears False.
    assert not search.set_search_properties(None, None, {"y": tune.uniform(0, 1)})


def test_a_finite_space_ends():
    search = searching({"k": tune.choice(["a", "b"]), "n": tune.randint(0, 2)})
    configs = [search.suggest(str(i)) for i in range(4)]
    assert len({tuple(config.items()) for config in configs}) == 4
    assert search.suggest("more") == Searcher.FINISHED


def test_points_to_evaluate_come_first():
    points = [
        {"x": 0.5, "net": {"units": 2}},
        {"x": -0.5, "net": {"units": 1}, "epochs": 3},
    ]
    search = searching(points_to_evaluate=points)
    assert [search.suggest(i) for i in "ab"] == [points[0], {"x": -0.5, "net": {"units": 1}}]
    for point, named in (({"x": 0.5}, "net/units"), ({"x": 2.0, "net": {"units": 1}}, "x")):
        with pytest.raises(InvalidArgument, match=named):
            searching(points_to_evaluate=[point])


def test_results_from_elsewhere_count():
    early, late = TFBOSearch(metric="loss", mode="min", seed=0), searching()
    point = {"x": 0.5, "net": {"units": 2}, "epochs": 3}
    for search in (early, late):
        search.add_evaluated_point(point, 2.25)
        search.add_evaluated_point({**point, "x": -0.5}, 4.0, pruned=True)
        search.add_evaluated_point({**point, "x": 0.25}, 1.0, error=True)
    early.set_search_properties(None, None, DOMAINS)
    for search in (early, late):
        assert [t.value for t in search.study.trials] == [2.25, 4.0, None]
        assert search.study.trials[2].kind == "error"
    assert early.suggest("a") == late.suggest("a")
    with pytest.raises(InvalidArgument, match="value"):
        late.add_evaluated_point(point, "good")


def told(search, *outcome, before=()):
    """The trial that has ended so."""
    config = search.suggest("a")
    for result in before:
        search.on_trial_result("a", result)
    search.on_trial_complete("a", *outcome)
    return search.study.trials[0], config


@pytest.mark.parametrize(
    ("outcome", "before", "kind", "reason"),
    [
        ((None, True), [{"loss": 1.0}], "error", "Ray reports an error"),
        (({"loss": math.nan},), [], "nan", "nan"),
        (({"loss": "low"},), [], "error", "no number.*'low'"),
        (({"acc": 1.0, "time_total_s": 2.0, "config/x": 1.0},), [], "error", "'loss', but 'acc'$"),
        (({"time_total_s": 2.0},), [], "error", "'loss', but nothing$"),
        ((), [], "interrupted", "stopped before"),
        ((), [{"loss": "low"}, {"acc": 1.0}], "interrupted", "stopped before"),
    ],
)
def test_failures(outcome, before, kind, reason, caplog):
    trial, _ = told(searching(), *outcome, before=before)
    assert (trial.state, trial.kind) == ("failed", kind)
    assert re.search(reason, trial.reason)
    assert f"Trial a failed ({kind})" in caplog.text


def test_one_that_is_stopped_counts_with_its_last_value():
    assert told(searching(), {"loss": 3.0}, before=[{"loss": 4.0}])[0].value == 3.0
    # A scheduler that ends a paused trial sends no result.
    assert told(searching(), before=[{"loss": 4.0}, {"loss": 3.0}])[0].value == 3.0


def test_what_never_began_may_be_suggested_again():
    search = searching({"n": tune.randint(0, 2)})
    configs = {i: search.suggest(i)["n"] for i in "ab"}
    search.on_trial_complete("a")
    assert search.suggest("c") == {"n": configs["a"]}


def test_a_failed_trial_that_is_run_again_counts():
    search = searching()
    trial, _ = told(search, None, True)
    search.on_trial_complete("a", None, True)
    assert len(search.study) == 1
    search.on_trial_complete("a", {"loss": 2.0})
    assert [(t.params, t.value) for t in search.study.trials] == [
        (trial.params, None), (trial.params, 2.0),
    ]  # fmt: skip
    # A second result changes nothing; nor does a trial of which nothing is known.
    search.on_trial_complete("a", {"loss": 3.0})
    search.on_trial_complete("b", {"loss": 3.0, "config/x": 0.123, "config/net/units": 1})
    search.on_trial_complete("b", None, True)
    assert [t.value for t in search.study.trials] == [None, 2.0]


def test_a_trial_that_is_restarted_has_another_name():
    search = searching()
    trial, config = told(search, None, True)
    flat = {"config/x": config["x"], "config/net/units": config["net"]["units"]}
    search.on_trial_complete("z", {"loss": 2.0, **flat})
    assert [t.value for t in search.study.trials] == [None, 2.0]
    assert search.study.trials[1].params == trial.params


def resumed(search, how, folder):
    if how == "pickle":
        return pickle.loads(pickle.dumps(search))
    if how == "copy":
        return copy.deepcopy(search)
    search.save_to_dir(folder, "now")
    (path,) = folder.glob("searcher-state-*")
    json.loads(path.read_text())  # data, no pickle
    other = TFBOSearch(metric="loss", mode="min", seed=99)
    if how == "with a space":
        other.set_search_properties(None, None, DOMAINS)
    other.restore_from_dir(folder)
    if how == "before it has a space":
        other.set_search_properties("loss", "min", DOMAINS)
    return other


HOW = ["restore", "with a space", "before it has a space", "pickle", "copy"]


@pytest.mark.parametrize("how", HOW)
def test_it_goes_on_as_if_there_had_been_no_break(how, tmp_path):
    search = searching(points_to_evaluate=[{"x": 0.5, "net": {"units": 2}}])
    run(search, 0, 6)
    search.on_trial_result("6", {"loss": np.float32(3.0)})
    other = resumed(search, how, tmp_path)
    for one in (search, other):
        one.on_trial_complete("6")  # with its last value
    assert run(other, 7, 9) == run(search, 7, 9)
    assert other.study.trials[6].value == 3.0
    assert [t.value for t in other.study.trials] == [t.value for t in search.study.trials]


def test_a_state_of_nothing_and_one_of_something_else(tmp_path):
    path = tmp_path / "state"
    TFBOSearch().save(path)
    empty = TFBOSearch(metric="loss", mode="min")
    empty.restore(path)
    with pytest.raises(InvalidArgument, match="param_space: expected something to search"):
        empty.suggest("a")
    searching().save(path)
    for other in (
        searching({"y": tune.uniform(0, 1)}),
        TFBOSearch(SPACE, metric="loss", mode="min"),
    ):
        with pytest.raises(InvalidArgument, match="the space as it was"):
            other.restore(path)
    other = TFBOSearch()
    other.restore(path)
    with pytest.raises(InvalidArgument, match="net/units"):
        other.set_search_properties(None, None, {"x": tune.uniform(-1, 1)})
    with pytest.raises(InvalidArgument, match="the space as it was"):
        searching().set_search_properties(None, None, {"y": tune.uniform(0, 1)})


def test_choices_that_json_cannot_hold_are_asked_for_again(tmp_path):
    path = tmp_path / "state"
    for choices in ([[1, 2], None], [{"a": 1}, 2.5], [(1, 2), 3], [{1: 2}, 3], [print, math.inf]):
        config = {"p": tune.choice(choices), "big": tune.lograndint(1, 10**9)}
        search = searching(config)
        search.save(path)
        other = TFBOSearch()
        other.restore(path)
        if choices[0] in ((1, 2), {1: 2}, print):
            with pytest.raises(InvalidArgument, match=r"hold, Tuner\.restore"):
                other.suggest("a")
            other.set_search_properties(None, None, config)
        assert other.suggest("a") == search.suggest("a")


def test_a_damaged_state_is_refused(tmp_path):
    path = tmp_path / "state"
    search = searching()
    run(search, 0, 1)
    search.save(path)
    whole = json.loads(path.read_text())
    trials = whole["study"]["trials"]
    for damaged in (
        "", "[]", "7", '{"study": null}', "\x80",
        json.dumps({**whole, "numbers": {"a": 2}}),
        json.dumps({**whole, "numbers": [1]}),
        json.dumps({**whole, "axes": [[["x"], None]]}),
        json.dumps({**whole, "study": {**whole["study"], "trials": trials[1:]}}),
        json.dumps({**whole, "study": {**whole["study"], "trials": [[1]]}}),
        json.dumps({**whole, "study": {**whole["study"], "study": ["s"]}}),
    ):  # fmt: skip
        path.write_text(damaged)
        other = TFBOSearch(metric="loss", mode="min")
        with pytest.raises(StorageError, match=r"checkpoint_path: .*no state of TFBOSearch"):
            other.restore(path)
        assert other.set_search_properties(None, None, DOMAINS) and len(other.study) == 0


def test_rays_limiter_limits_it():
    search = searching()
    limited = ConcurrencyLimiter(search, max_concurrent=2)
    assert all(limited.suggest(i) for i in "ab")
    assert limited.suggest("c") is None
    limited.on_trial_complete("a", {"loss": 1.0})
    assert limited.suggest("c")
    assert len(search.study) == 3


def test_it_finds_what_random_search_does_not():
    domains = {"x": tune.uniform(-5, 10), "y": tune.uniform(0, 15)}

    def branin(x, y):
        bowl = y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6
        return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10

    rng = np.random.default_rng(0)
    ours, randoms = [], []
    for seed in range(3):
        search = searching(domains, seed=seed, strategy=Bayes())
        for i in range(25):
            search.on_trial_complete(str(i), {"loss": branin(**search.suggest(str(i)))})
        ours.append(search.study.best_observed.value)
        draws = rng.uniform([-5, 0], [10, 15], [100, 2])
        randoms.append(min(branin(x, y) for x, y in draws))
    # A quarter of the trials.
    assert np.median(ours) < np.median(randoms)
    assert np.median(ours) < 0.5


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"space": {"x": tune.uniform(0, 1)}}, "space: .*param_space"),
        ({"metric": ["a", "b"]}, "metric"),
        ({"mode": "minimize"}, "mode"),
        ({"seed": -1}, "seed"),
        ({"points_to_evaluate": {"x": 1}}, "points_to_evaluate"),
        ({"strategy": Sobol}, "strategy"),
        ({"device": "TPU:7"}, "device"),
    ],
)
def test_arguments(arguments, named):
    with pytest.raises(InvalidArgument, match=named):
        TFBOSearch(**arguments)


def test_a_direction_is_needed():
    search = TFBOSearch(SPACE, metric="loss")
    with pytest.raises(InvalidArgument, match=r"mode: .*TuneConfig"):
        search.suggest("a")
