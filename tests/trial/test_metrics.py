"""Results by name: numbers, sequences and dicts, what is missing, and what is kept of a failure."""

import math

import numpy as np
import pytest

from tfbo import InvalidArgument, Trial
from tfbo.trial import PLAIN, Failure, Measurement, Metrics, measure, outcome_of

TWO = Metrics(("acc", "ms"))
LIMITED = Metrics(("value",), ("mb",))
NAMED = Metrics(("acc",), ("mb",))
ALL = Metrics(("acc", "ms"), ("mb",))


def test_a_plain_result_is_a_number_as_ever():
    assert PLAIN.is_plain and not any(
        m.is_plain for m in (TWO, LIMITED, NAMED, ALL, Metrics(("a",)))
    )
    assert PLAIN.read(0.5, 0.1) == measure(0.5, 0.1) == Measurement((0.5,), (0.1,))


@pytest.mark.parametrize(
    ("metrics", "returned", "values"),
    [
        (TWO, {"ms": 3, "acc": 0.5}, {"acc": 0.5, "ms": 3.0}),
        (TWO, (0.5, 3), {"acc": 0.5, "ms": 3.0}),
        (TWO, np.array([0.5, 3.0]), {"acc": 0.5, "ms": 3.0}),
        (LIMITED, {"value": 0.5, "mb": np.float32(2.0)}, {"value": 0.5, "mb": 2.0}),
        (LIMITED, 0.5, {"value": 0.5}),
        (LIMITED, {"value": 0.5, "mb": math.nan}, {"value": 0.5}),
        (LIMITED, {"value": 0.5, "mb": math.inf}, {"value": 0.5, "mb": math.inf}),
        (NAMED, {"acc": 0.5, "mb": 2}, {"acc": 0.5, "mb": 2.0}),
        (NAMED, {"value": 0.5, "mb": 2}, {"acc": 0.5, "mb": 2.0}),
        (Metrics(("acc",)), 0.5, {"acc": 0.5}),
        (ALL, [0.5, 3.0], {"acc": 0.5, "ms": 3.0}),
        (TWO, {"loss": 2, "acc": 0.5, "ms": 3}, {"acc": 0.5, "ms": 3.0, "loss": 2.0}),
        (NAMED, {"loss": math.nan, "value": 0.5, "mb": 2}, {"acc": 0.5, "mb": 2.0}),
    ],
)
def test_values_are_known_by_name(metrics, returned, values):
    read = metrics.read(returned)
    assert read.metrics == values
    assert read.values == tuple(values[name] for name in metrics.objectives)
    told = read.finish(Trial(0, {}), 1.0)
    assert (told.state, told.values) == ("complete", values)
    assert told.value == (None if len(metrics.objectives) > 1 else read.values[0])


@pytest.mark.parametrize(
    ("metrics", "returned", "said"),
    [
        (TWO, 0.5, "expected a dict of 'acc', 'ms', got 0.5"),
        (TWO, [0.5], "expected a dict"),
        (TWO, [0.5, 1.0, 2.0], "expected a dict"),
        (TWO, "ab", "expected a dict"),
        (TWO, None, "expected a dict"),
        (TWO, {"acc": 0.5}, "'ms' is missing. Return {'acc': ..., 'ms': ...}"),
        (
            TWO,
            {"acc": 0.5, "sm": 1.0},
            "of 'sm', and 'ms' is missing. Return {'acc': ..., 'ms': ...}",
        ),
        (TWO, {"acc": 0.5, "ms": 1.0, 3: 2.0}, "no objective or constraint of 3: leave it out"),
        (TWO, {"acc": 0.5, "ms": 1.0, "curve": [1.0]}, "['curve']: expected a number, got [1.0]"),
        (ALL, {"acc": 0.5, "ms": 1.0}, "'mb' is missing"),
        (LIMITED, 0.5, "'mb' is missing"),
        (LIMITED, {"mb": 0.5}, "'value' is missing"),
        (LIMITED, {"value": "0.5", "mb": 2.0}, "['value']: expected a number, got '0.5'"),
    ],
)
def test_an_objective_that_returns_no_whole_result_is_told_what_is_wrong(metrics, returned, said):
    with pytest.raises(InvalidArgument, match=r"^objective") as caught:
        metrics.read(returned, argument="objective", whole=True)
    assert said in str(caught.value)


def test_what_constraints_are_about_may_be_told_later_or_never():
    assert ALL.read({"acc": 0.5, "ms": 1.0}).metrics == {"acc": 0.5, "ms": 1.0}


def test_a_misspelt_name_is_not_taken_for_one_more():
    with pytest.raises(InvalidArgument, match="of 'bm', and 'mb' is missing"):
        ALL.read({"acc": 0.5, "ms": 1.0, "bm": 3.0})


def test_columns_are_of_the_names_and_of_whatever_else_trials_have():
    trials = [Trial(0, {}), Trial(1, {}, values={"loss": 1.0, "mb": 2.0}), Trial(2, {}, values={})]
    assert ALL.shown(trials) == ("acc", "ms", "mb", "loss")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_an_objective_that_is_not_finite_is_a_failure_that_keeps_the_others(number):
    failure = ALL.read({"acc": 0.5, "ms": number, "mb": 2.0}, {"acc": 0.1})
    reason = f"the value of 'ms' was {number}"
    assert failure == Failure("nan", reason, None, {"acc": 0.5, "mb": 2.0}, {"acc": 0.1})
    told = failure.finish(Trial(0, {}), 1.0)
    assert (told.state, told.kind, told.values) == ("failed", "nan", {"acc": 0.5, "mb": 2.0})
    assert LIMITED.read({"value": number, "mb": 2.0}).reason == f"the value was {number}"


def test_standard_errors_are_by_name_too():
    read = ALL.read({"acc": 0.5, "ms": 1.0, "mb": 2.0}, {"mb": 0.25, "acc": 0.5})
    assert read.errors == {"acc": 0.5, "mb": 0.25} and read.std == (0.5, None)
    assert LIMITED.read({"value": 0.5}, 0.25).finish(Trial(0, {}), 1.0).std == 0.25
    for metrics, std in ((ALL, 0.5), (ALL, {"mbs": 0.5}), (ALL, {"mb": -1.0}), (LIMITED, "0.5")):
        returned = dict.fromkeys(metrics.names, 0.5)
        with pytest.raises(InvalidArgument, match=r"^std"):
            metrics.read(returned, std)


def test_numbers_are_saved_from_a_result_that_is_none():
    assert ALL.rescued({"acc": 0.5, "ms": "fast", "mb": 2, "more": 3.0, 4: 5}) == {
        "acc": 0.5,
        "mb": 2.0,
        "more": 3.0,
    }
    assert ALL.rescued(None) == ALL.rescued([0.5]) == PLAIN.rescued({"value": 1.0}) == {}


def test_a_failed_trial_is_told_what_is_known():
    arguments = dict.fromkeys(("std", "kind", "reason", "traceback"))
    failed = outcome_of({"mb": 12}, state="failed", **arguments, metrics=ALL)
    assert (failed.kind, failed.values) == ("error", {"mb": 12.0})
    more = outcome_of({"mb": 12, "loss": 3}, state="failed", **arguments, metrics=ALL)
    assert more.values == {"mb": 12.0, "loss": 3.0}
    for metrics, value in ((ALL, 0.5), (ALL, {"mbs": 1.0}), (PLAIN, {"value": 1.0})):
        with pytest.raises(InvalidArgument, match=r"^value: expected"):
            outcome_of(value, state="failed", **arguments, metrics=metrics)


def test_an_objective_that_went_on_has_the_value_of_the_step():
    read = ALL.read({"acc": 0.5, "ms": 1.0, "mb": 2.0}, {"acc": 0.1, "ms": 0.2})
    valued = read.valued(0.25)
    assert valued.values == (0.25, 1.0) and valued.metrics == {"acc": 0.25, "ms": 1.0, "mb": 2.0}
    assert valued.std == (None, 0.2) and valued.errors == {"ms": 0.2}


def test_the_value_of_a_trial_is_among_its_values():
    stopped = Trial(0, {}, "stopped", value=0.5)
    assert PLAIN.placed(stopped) is stopped
    assert (LIMITED.placed(stopped).value, LIMITED.placed(stopped).values) == (0.5, {"value": 0.5})
    assert (TWO.placed(stopped).value, TWO.placed(stopped).values) == (None, {"acc": 0.5})
