"""Numbers, durations and names of arguments: what is taken, and what the error says to write."""

import copy
import datetime
import inspect
import math
import os
import pickle
import re

import numpy as np
import pytest

import tfbo
from tfbo import Boolean, Categorical, Constant, Float, Int, InvalidArgument, Ordinal, Space, Study
from tfbo import _arguments as arguments
from tfbo.acquisition import UCB, LogEI
from tfbo.strategies import Bayes, Grid, Random

SPACE = Space({"x": Float(0.0, 1.0)})


def make():
    return Study(SPACE, seed=0, strategy=Random())


def run(**options):
    return make().optimize(lambda p: p["x"], **options)


@pytest.mark.parametrize("count", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_a_count_is_a_whole_number_of_any_type(count):
    assert type(arguments.count("n", count, "")) is int
    assert len(run(n_trials=count)) == len(make().ask(count)) == 3
    assert len(run(total=count, n_jobs=count)) == 3
    assert len(run(patience=1, n_trials=count, max_failures=count)) <= 3
    assert len(Study(SPACE, seed=count, retries=count, strategy=Grid(count)).ask(3)) == 3


@pytest.mark.parametrize(
    ("count", "advice"),
    [(2.0, "Write NAME=2."), (np.float64(3.0), "Write NAME=3."), ("10", "Write NAME=10."), (2.5, None),
     (True, None), (np.True_, None), (0, None), (-3, None), ("many", None), (np.nan, None), (np.inf, None)],
)  # fmt: skip
def test_anything_else_is_refused_everywhere(count, advice):
    calls = {
        "n_trials": lambda: run(n_trials=count),
        "total": lambda: run(total=count),
        "patience": lambda: run(patience=count),
        "max_failures": lambda: run(n_trials=1, max_failures=count),
        "n_jobs": lambda: run(n_trials=1, n_jobs=count),
        "q": lambda: make().ask(count),
        "resolution": lambda: Grid(count),
        "n_initial": lambda: Bayes(n_initial=count),
        "max_workers": lambda: tfbo.executors.ProcessExecutor(count),
    }
    for name, call in calls.items():
        with pytest.raises(
            InvalidArgument, match=f"^{name}: expected a whole number >= "
        ) as caught:
            call()
        assert advice is None or advice.replace("NAME", name) in str(caught.value)


X, Y = np.array([[0.0], [0.5], [1.0]]), np.array([0.0, 1.0, 0.0])


NUMBERS = {
    "target": lambda value: run(n_trials=1, target=value),
    "beta": lambda value: UCB(beta=value),
    "alpha": lambda value: tfbo.keras.oracles.BayesianOptimizationOracle(alpha=value),
    "low": lambda value: Float(value, 1e9),
    "high": lambda value: Float(-1e9, value),
    "step": lambda value: Float(0.0, 21.0, step=value),
    "value": lambda value: tell(value),
    "std": lambda value: tell(1.0, std=value),
    "timeout": lambda value: run(n_trials=1, timeout=value),
    "heartbeat": lambda value: tfbo.SQLiteStorage(":memory:", heartbeat=value),
    "noise": lambda value: Bayes(noise=value),
}
COUNTS = {
    "n_trials": lambda value: run(n_trials=value),
    "total": lambda value: run(total=value),
    "patience": lambda value: run(n_trials=1, patience=value),
    "max_failures": lambda value: run(n_trials=1, max_failures=value),
    "n_jobs": lambda value: run(n_trials=1, n_jobs=value),
    "q": lambda value: make().ask(value),
    "retries": lambda value: Study(SPACE, retries=value),
    "resolution": lambda value: Grid(value),
    "n_initial": lambda value: Bayes(n_initial=value),
    "n_restarts": lambda value: Bayes(n_restarts=value),
    "n_candidates": lambda value: Bayes(n_candidates=value),
    "n_modelled": lambda value: Bayes(n_modelled=value),
    "max_workers": lambda value: tfbo.executors.ProcessExecutor(value),
    "gpus": lambda value: tfbo.executors.ProcessExecutor(
        gpus=[None if isinstance(value, str) else value]
    ),  # a name
    "low": lambda value: Int(value, 9),
    "high": lambda value: Int(0, value),
    "step": lambda value: Int(0, 3, step=value),
    "trial": lambda value: enqueued().tell(value, 0.5),
}
SEEDS = {
    "Study": lambda value: Study(SPACE, seed=value),
    "importance": lambda value: run(n_trials=3).importance(seed=value),
    "fit": lambda value: tfbo.gp.fit(X, Y, n_restarts=1, seed=value),
    "TFBOSampler": lambda value: optuna_sampler(value),
}


def tell(value, **fields):
    study = make()
    study.tell(study.ask(), value, **fields)


def enqueued():
    study = make()
    for _ in range(4):
        study.ask()
    return study


def optuna_sampler(seed):
    return pytest.importorskip("tfbo.integrations.optuna").TFBOSampler(seed=seed)


THREE = [3, np.int64(3), np.array(3)]
REALS = [3.0, 3.5, np.float32(3.5), np.float64(3.5), np.array(3.5)]
NONE = [True, np.True_, np.array(True), "3", b"3", [3], np.array([3, 3]), 3j, object()]
UNBOUNDED = [math.nan, math.inf, -math.inf, np.float32("nan"), 10**400]


@pytest.mark.parametrize("argument", NUMBERS)
def test_a_number_is_one_of_any_library_and_nothing_else(argument):
    for value in THREE + REALS:
        NUMBERS[argument](value)
    refused = NONE if argument == "value" else NONE + UNBOUNDED  # of a value, NaN is a failure
    for value in refused:
        with pytest.raises(InvalidArgument, match=f"^{argument}: expected "):
            NUMBERS[argument](value)


@pytest.mark.parametrize("argument", COUNTS)
def test_a_count_is_a_whole_number_of_any_library_and_nothing_else(argument):
    for value in THREE:
        COUNTS[argument](value)
    for value in REALS + NONE + UNBOUNDED:
        with pytest.raises(tfbo.TFBOError, match=f"^{argument}: "):
            COUNTS[argument](value)


@pytest.mark.parametrize("taker", SEEDS)
def test_a_seed_is_a_whole_number_from_zero_and_nothing_else(taker):
    for value in [*THREE, 0, 2**63 - 1]:
        SEEDS[taker](value)
    for value in [*REALS, *NONE, *UNBOUNDED, -1, 2**63]:
        with pytest.raises(InvalidArgument, match=r"^seed: expected a whole number "):
            SEEDS[taker](value)


def test_minus_one_job_is_all_of_them(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    from tfbo.executors.workers import open_workers

    for executor in (None, "thread", "process"):
        workers = open_workers(executor, -1, None, len)
        assert workers.slots == 3
        workers.close()
    gpus = open_workers("process", -1, [0, 1], len)
    assert gpus.slots == 2
    gpus.close()
    with tfbo.executors.ProcessExecutor(4) as pool:
        assert open_workers(pool, -1, None, len).slots == 4
    with pytest.raises(InvalidArgument, match=r"n_jobs: .* -1 for all cores"):
        run(n_trials=1, n_jobs=-2)


HOUR = 3600.0


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(5, 5.0), (np.float32(0.5), 0.5), (np.array([2.0]), 2.0), (datetime.timedelta(hours=1), HOUR),
     (np.timedelta64(1, "h"), HOUR)],
)  # fmt: skip
def test_a_duration_is_seconds_or_a_timedelta(given, seconds):
    assert arguments.seconds("timeout", given) == seconds
    assert len(run(n_trials=2, timeout=given)) == 2


@pytest.mark.parametrize("name", ["timeout", "trial_timeout"])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", "3600"), ("90 min", "5400"), ("1h30m", "5400"), ("1.5 hours", "5400"), ("2 days", "172800"),
     ("01:30:00", "5400"), ("5:30", "330"), ("60", "60"), ("10s", "10")],
)  # fmt: skip
def test_a_duration_as_text_is_answered_with_seconds(name, text, seconds):
    expected = (
        f"{name}: expected seconds or a datetime.timedelta, got {text!r}. Write {name}={seconds}."
    )
    with pytest.raises(InvalidArgument, match=f"^{re.escape(expected)}$"):
        run(**{"n_trials": 1, name: text})


@pytest.mark.parametrize("name", ["timeout", "trial_timeout"])
@pytest.mark.parametrize(
    "given", ["soon", "", 0, -1, np.nan, np.inf, True, [], datetime.timedelta(0), "-1h"]
)
def test_no_duration(name, given):
    with pytest.raises(InvalidArgument, match=f"^{name}: expected (seconds|a finite|a number)"):
        run(**{"n_trials": 1, name: given})


def test_a_heartbeat_is_a_duration(tmp_path):
    tfbo.SQLiteStorage(tmp_path / "runs.db", heartbeat=datetime.timedelta(seconds=20)).close()
    with pytest.raises(InvalidArgument, match=r"^heartbeat: .* Write heartbeat=15\.$"):
        tfbo.SQLiteStorage(tmp_path / "runs.db", heartbeat="15 s")


@pytest.mark.parametrize(
    ("target", "advice"),
    [("0.9", "Write target=0.9."), ("high", "Leave it out"), (True, "Leave it out"),
     ([1.0], "Leave it out"), (np.nan, "a finite number"), (10**400, "a finite number")],
)  # fmt: skip
def test_a_target_is_a_number_and_the_advice_is_not_of_objectives(target, advice):
    with pytest.raises(InvalidArgument, match=re.escape(advice)) as caught:
        run(n_trials=3, target=target)
    assert "state=" not in str(caught.value) and "Return" not in str(caught.value)


@pytest.mark.parametrize("target", [2, np.float32(2.0), np.array([2.0])])
def test_a_target_of_any_number(target):
    assert len(run(n_trials=3, target=target)) == 1


class Untitled:
    """Suggests, but says nowhere that it is a strategy."""

    def fold(self, problem, state, told):
        return None

    def suggest(self, problem, state, *, pending, number, q):
        return []


STRATEGIES = [
    (Bayes, r"Call it: strategy=Bayes\(\)"),
    (Random, r"Call it: strategy=Random\(\)"),
    ("bayes", r"strategy=tfbo\.strategies\.Bayes\(\)"),
    ("random", r"strategy=tfbo\.strategies\.Random\(\)"),
    (Untitled(), r"class Untitled\(tfbo\.strategies\.Strategy\)"),
    ("tpe", r"There are Bayes\(\), Sobol\(\), Random\(\), Grid\(\)"),
    (3, r"There are Bayes\(\), Sobol\(\), Random\(\), Grid\(\)"),
    (LogEI(), r"acquisition: strategy=tfbo\.strategies\.Bayes\(LogEI\(\)\)"),
]


@pytest.mark.parametrize(("strategy", "advice"), STRATEGIES)
def test_what_is_no_strategy(strategy, advice):
    with pytest.raises(InvalidArgument, match=f"^strategy: .*{advice}"):
        Study(SPACE, strategy=strategy)


@pytest.mark.parametrize(
    ("given", "meant"), [("max", "maximize"), ("MIN", "minimize"), ("maximise", "maximize")]
)
def test_what_is_no_direction(given, meant):
    with pytest.raises(InvalidArgument, match=f"Write direction='{meant}'"):
        Study(SPACE, direction=given)


def objective(params):
    return params["x"]


ARGUMENTS = [
    (lambda: run(n_calls=3), "n_trials"),
    (lambda: run(max_trials=3), "n_trials"),
    (lambda: run(n_trials=1, show_progress_bar=True), "progress"),
    (lambda: run(n_trials=1, seed=3), "an argument of tfbo.Study"),
    (lambda: run(n_trials=1, sampler=3), "strategy, an argument of tfbo.Study"),
    (lambda: run(n_trials=1, n_startup_trials=3), "n_initial, an argument of tfbo.strategies.Bayes"),
    (lambda: run(n_trials=1, gc_after_trial=True), "executor='process'"),
    (lambda: run(ntrials=3), "Did you mean n_trials?"),
    (lambda: run(whatever=3), "There are: objective, n_trials,"),
    (lambda: make().optimize(objective, 100), "by name: n_trials="),
    (lambda: tfbo.minimize(objective, SPACE, max_evals=3), "n_trials"),
    (lambda: tfbo.minimize(objective, SPACE, 100), "by name: n_trials="),
    (lambda: tfbo.maximize(objective, SPACE, random_state=3, n_trials=3), "seed"),
    (lambda: tfbo.minimize(fn=objective, space=SPACE, n_trials=3), "objective"),
    (lambda: tfbo.minimize(objective, dimensions=SPACE, n_trials=3), "space"),
    (lambda: tfbo.minimize(objective, SPACE, trials=3), "n_trials"),
    (lambda: Study(SPACE, study_name="a"), "name"),
    (lambda: Study(SPACE, load_if_exists=True), "goes on with it"),
    (lambda: Study(SPACE, sampler=None), "strategy"),
    (lambda: Study(SPACE, directions=["minimize"]), "objectives"),
    (lambda: Study(SPACE, ref_point=[0.0]), "reference"),
    (lambda: Study(SPACE, random_state=3), "seed"),
    (lambda: Study(SPACE, n_trials=3), "an argument of Study.optimize"),
    (lambda: Study(SPACE, "maximize"), "by name: direction="),
    (lambda: Study.load(storage="a.db", study_name="a"), "name"),
    (lambda: make().ask(n=3), "q"),
    (lambda: make().tell(0, values=[3.0]), "value"),
    (lambda: make().tell(0, 3.0, sem=0.1), "std"),
    (lambda: Float(1e-4, 1e-1, sampling="log"), "log=True"),
    (lambda: Float(1e-4, 1e-1, prior="log-uniform"), "log=True"),
    (lambda: Float(1e-4, 1e-1, log_scale=True), "log=True"),
    (lambda: Float(min_value=0.0, max_value=1.0), "'max_value'. In tfbo it is high"),
    (lambda: Float(0.0, 1.0, q=0.1), "step"),
    (lambda: Float("rate", 0.0, 1.0), "takes 2 arguments without a name"),
    (lambda: Float(0.0, 1.0, name="rate"), "keys of the Space"),
    (lambda: Float(0.0, 1.0, default=0.5), "study.enqueue(params)"),
    (lambda: Int(lower=0, upper=3), "low"),
    (lambda: Int(0, 10, step_size=2), "step"),
    (lambda: Categorical(values=["a", "b"]), "choices"),
    (lambda: Categorical(["a", "b"], ordered=True), "There are: choices, when"),
    (lambda: Ordinal(choices=[1, 2]), "values"),
    (lambda: Boolean(parent_name="a"), "when"),
    (lambda: Constant(1.0, default=2.0), "study.enqueue(params)"),
    (lambda: Bayes(acq_func="EI"), "acquisition"),
    (lambda: Bayes(n_startup_trials=3), "n_initial"),
    (lambda: Random(random_state=3), "seed, an argument of tfbo.Study"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "ours"), ARGUMENTS)
def test_an_argument_of_another_library_is_answered_with_ours(call, ours):
    with pytest.raises(TypeError) as caught:
        call()
    text = str(caught.value)
    assert f"In tfbo it is {ours}." in text or ours in text
    assert re.match(r"\S+\(\) (has no argument '|takes )", text)


MODULE = {
    "create_study": "tfbo.Study(space", "load_study": "tfbo.Study.load", "fmin": "tfbo.minimize",
    "gp_minimize": "tfbo.minimize", "Real": "tfbo.Float", "Choice": "tfbo.Categorical",
    "Bayes": "tfbo.strategies", "BayesianOptimization": "tfbo.keras",
}  # fmt: skip
STUDY = {
    "enqueue_trial": "enqueue(params)", "trials_dataframe": "to_dataframe()",
    "study_name": "name", "get_trials": "trials",
}  # fmt: skip
TRIAL = {
    "suggest_float": "params['name']",
    "report": "study.report(trial, step, value)",
}


@pytest.mark.parametrize(
    ("owner", "names"),
    [(lambda: tfbo, MODULE), (make, STUDY), (lambda: make().ask(), TRIAL)],
)
def test_a_name_of_another_library_is_answered_with_ours(owner, names):
    owner = owner()
    for name, ours in names.items():
        assert not hasattr(owner, name)
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'.*{re.escape(ours)}"):
            getattr(owner, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'\.$"):
        owner.nothing  # noqa: B018


def test_explaining_changes_nothing_else():
    trial = make().ask()
    for same in (copy.copy(trial), copy.deepcopy(trial), pickle.loads(pickle.dumps(trial))):
        assert same == trial
    assert pickle.loads(pickle.dumps(Float(0.0, 1.0))) == Float(0.0, 1.0)
    assert list(inspect.signature(Float).parameters) == ["low", "high", "log", "step", "when"]
    assert list(inspect.signature(tfbo.minimize).parameters)[:3] == [
        "objective",
        "space",
        "n_trials",
    ]
    assert Study.optimize.__qualname__ == "Study.optimize" and "n_trials" in Study.optimize.__doc__
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'high'"):
        Float(0.0)


def test_an_error_inside_of_a_property_is_not_hidden():
    class Broken(Study):
        @property
        def mine(self):
            return self.stored_trials.not_there

    with pytest.raises(AttributeError, match="'Trials' object has no attribute 'not_there'"):
        Broken(SPACE, strategy=Random()).mine  # noqa: B018


def test_examples_behind_explained_names_are_still_found():
    import doctest

    from tfbo.study import minimize, predictions, study

    found = {test.name for test in doctest.DocTestFinder().find(minimize) if test.examples}
    assert found == {"tfbo.study.minimize.minimize", "tfbo.study.minimize.maximize"}
    found = {test.name for test in doctest.DocTestFinder().find(study) if test.examples}
    assert {
        "tfbo.study.study.Study",
        "tfbo.study.study.Study.optimize",
    } <= found
    found = {test.name for test in doctest.DocTestFinder().find(predictions) if test.examples}
    assert "tfbo.study.predictions.Predictions.predict" in found
