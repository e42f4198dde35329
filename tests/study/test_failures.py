"""Objectives that are broken: what is refused before a trial, what ends a search, and what is seen."""

import functools
import logging
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import tfbo
from tfbo import Float, InvalidArgument, ObjectiveError, Space, Study, TFBOWarning
from tfbo.strategies import Random

SPACE = Space({"x": Float(0.0, 1.0)})


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Have the processes of trials find the objectives of this file, from wherever the tests are run."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


@pytest.fixture
def study():
    return Study(SPACE, seed=0, strategy=Random())


def broken(params):
    return learning_rat * 2.0  # noqa: F821


async def asynchronous(params):
    return 1.0


async def asynchronous_generator(params):
    yield 1.0


def generator(params):
    yield 1.0


def two(a, b):
    return 1.0


def by_name(*, x):
    return x


def of_optuna(trial):
    return trial.suggest_float("x", 0.0, 1.0)


class Instance:
    def __call__(self, params):
        return 1.0

    async def later(self, params):
        return 1.0

    def method(self, params):
        return 1.0


REFUSED = [
    (3.0, "without calling it"),
    (asynchronous, r"asyncio\.run"),
    (functools.partial(asynchronous), r"asyncio\.run"),
    (Instance().later, r"asyncio\.run"),
    (asynchronous_generator, r"asyncio\.run"),
    (generator, "Replace yield by return"),
    (two, r"two\(a, b\).*objective\(\*\*params\)"),
    (by_name, r"by_name\(\*, x\).*objective\(\*\*params\)"),
    (lambda **params: 1.0, r"objective\(\*\*params\)"),
    (lambda: 1.0, "only argument is the dict"),
    (Instance, "Pass an instance"),
    (Instance.method, "from an instance"),
    (of_optuna, r"a trial of Optuna.*params\['x'\]"),
]


@pytest.mark.parametrize(("objective", "advice"), REFUSED)
def test_a_mistake_that_can_be_seen_is_raised_before_any_trial(study, objective, advice):
    with pytest.raises(InvalidArgument, match=f"objective: expected .*{advice}"):
        study.optimize(objective, n_trials=20)
    assert len(study) == 0


ACCEPTED = [
    lambda params, extra=1.0: 1.0,
    lambda *arguments: 1.0,
    lambda params, *, weight=2.0: weight,
    functools.partial(lambda weight, params: weight, 2.0),
    Instance(),
    Instance().method,
    dict.__len__,
    lambda trial: trial["x"],
]


@pytest.mark.parametrize("objective", ACCEPTED)
def test_what_takes_one_dict_is_an_objective(study, objective):
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state == "complete"


class History:
    history = {"val_loss": [1.0]}
    epoch = [0]


RETURNED = [
    (lambda p: None, r"got None\. Is a return missing\?"),
    (lambda p: asynchronous(p), r"asyncio\.run"),
    (lambda p: generator(p), "yield"),
    (lambda p: (1.0, 2.0), r"one of its 2 values"),
    (lambda p: [1.0], r"one of its 1 values"),
    (
        lambda p: {"loss": 1.0, "accuracy": 2.0},
        r"one of its values \(it has 'loss', 'accuracy'\), or name what is sought: Study\(..., objectives=",
    ),
    (lambda p: "0.93", r"got '0\.93'\. Return float"),
    (lambda p: History(), r'history\.history\["val_loss"\]\[-1\]'),
    (lambda p: np.ones([3, 2]), r"got shape \[3, 2\]"),
    (lambda p: print, "a float"),
]


@pytest.mark.parametrize(("objective", "advice"), RETURNED)
def test_what_is_no_number_is_named_with_what_is_meant(study, objective, advice):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # of a coroutine that nobody awaited
        with pytest.warns(TFBOWarning, match=advice), pytest.raises(ObjectiveError, match=advice):
            study.optimize(objective, n_trials=20)
    assert [trial.kind for trial in study.trials] == ["error"] * 5


@pytest.mark.parametrize(
    ("objective", "hint"),
    [
        (lambda hp: hp.Float("x", 0.0, 1.0), r"one dict of parameters: read them as params\['x'\]"),
        (lambda x: x**2, r"one dict of parameters"),
        (lambda x: x[0], r"one dict of parameters"),
        (lambda t: (lambda trial: trial.suggest_int("x", 0, 1))(t), r"not with Optuna's trial"),
    ],
)
def test_an_error_that_comes_of_another_call_is_explained(study, objective, hint):
    with pytest.warns(TFBOWarning, match=hint), pytest.raises(ObjectiveError, match=hint):
        study.optimize(objective, n_trials=20)


@pytest.mark.parametrize("arguments", [{}, {"n_jobs": 2}, {"executor": "process"}])
def test_a_search_whose_first_trials_all_fail_ends_with_the_first_error(study, arguments, caplog):
    with pytest.warns(TFBOWarning) as seen, pytest.raises(ObjectiveError) as caught:
        study.optimize(broken, n_trials=50, **arguments)
    assert isinstance(caught.value, (tfbo.TFBOError, RuntimeError))
    text = str(caught.value)
    assert "learning_rat" in text and f"at {__file__}:" in text and "in broken" in text
    assert type(caught.value.__cause__) is NameError
    few = 5 if arguments != {"n_jobs": 2} else 6
    assert 5 <= len(study) <= few
    assert {(t.state, t.kind) for t in study.trials} == {("failed", "error")}
    (warning,) = seen
    assert "NameError: name 'learning_rat' is not defined" in str(warning.message)
    assert caplog.text.count("failed (error)") == len(study)  # the log has each


def test_max_failures_is_the_number_and_none_goes_on(study):
    with pytest.warns(TFBOWarning), pytest.raises(ObjectiveError, match="The first 2 trials"):
        study.optimize(broken, n_trials=50, max_failures=2)
    assert len(study) == 2
    with pytest.warns(TFBOWarning, match="All 9 trials of this search failed; .*learning_rat"):
        study.optimize(broken, n_trials=9, max_failures=None)
    with pytest.warns(TFBOWarning), pytest.raises(ObjectiveError):
        tfbo.minimize(broken, SPACE, n_trials=9, strategy=Random())
    with pytest.warns(TFBOWarning, match="All 6"):
        tfbo.maximize(broken, SPACE, n_trials=6, strategy=Random(), max_failures=None)


def test_a_short_search_that_failed_altogether_says_so(study):
    with pytest.warns(TFBOWarning, match="All 3 trials of this search failed; .*learning_rat"):
        study.optimize(broken, n_trials=3)
    study.optimize(lambda p: 1.0, n_trials=1)
    with pytest.warns(TFBOWarning, match="All 7 trials"):  # no reason to end it: it worked before
        study.optimize(broken, n_trials=7)


def test_failures_later_or_of_another_search_end_nothing(study):
    numbers = iter(range(100))

    def objective(params):
        if next(numbers) != 3:
            raise ValueError("no")
        return 1.0

    with pytest.warns(TFBOWarning):
        study.optimize(objective, n_trials=20)
    assert len(study) == 20


@pytest.mark.parametrize("failing", ["nan", "timeout", "out of memory"])
def test_all_kinds_of_failure_count(study, failing):
    def objective(params):
        if failing == "nan":
            return float("nan")
        raise {"timeout": TimeoutError, "out of memory": MemoryError}[failing]("too much")

    with pytest.warns(TFBOWarning), pytest.raises(ObjectiveError, match=failing):
        study.optimize(objective, n_trials=50)
    assert [trial.kind for trial in study.trials] == [failing] * 5


def test_one_that_still_runs_may_show_that_the_objective_works(study):
    failed = threading.Semaphore(0)

    def objective(params):
        if params["x"] == 0.5:
            for _ in range(4):
                assert failed.acquire(timeout=60.0)
            time.sleep(0.2)
            return 1.0
        if params["x"] > 0.5:
            return 2.0
        failed.release()
        raise ValueError("no")

    for x in (0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7):
        study.enqueue({"x": x})
    with pytest.warns(TFBOWarning):
        study.optimize(objective, n_trials=7, n_jobs=2, max_failures=4)
    assert [trial.value for trial in study.trials] == [1.0, None, None, None, None, 2.0, 2.0]


def test_each_cause_is_warned_of_once(study):
    numbers = iter(range(12))

    def objective(params):
        number = next(numbers)
        if number == 0:
            return 1.0
        if number % 2:
            raise ValueError(f"x is {params['x']}")  # another text in each trial
        raise KeyError("x")

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        study.optimize(objective, n_trials=12)
    kinds = [str(warning.message).split(":")[1].strip() for warning in seen]
    assert kinds == ["ValueError", "KeyError"]


def test_what_is_raised_is_not_said_to_be_gone_on_without(study):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NameError):
            study.optimize(broken, n_trials=3, catch=())


def test_a_result_that_is_dropped_is_seen(study, caplog):
    def objective(params):
        study.tell(len(study) - 1, 5.0)
        return 1.0

    with pytest.warns(TFBOWarning, match="result of a trial is dropped"):
        study.optimize(objective, n_trials=1)
    assert study.trials[0].value == 5.0


def test_an_error_of_a_process_is_placed_in_the_users_code(study, caplog):
    with caplog.at_level(logging.WARNING, logger="tfbo"), pytest.warns(TFBOWarning) as seen:
        study.optimize(broken, n_trials=1, executor="process")
    assert f"at {__file__}:" in str(seen[0].message)
