"""Constraints on outcomes: margins, violations, and lists that cannot be."""

import math

import numpy as np
import pytest

from tfbo import InvalidArgument, Trial
from tfbo.trial import OutcomeConstraints

THREE = OutcomeConstraints.of(["mb <= 10", "log(steps) >= 1", "mb + ms == 4"])


def test_names_come_in_the_order_in_which_they_first_appear():
    assert THREE.names == ("mb", "steps", "ms")
    assert THREE.texts == ("mb <= 10", "log(steps) >= 1", "mb + ms == 4")


def test_a_violation_is_the_distance_to_what_is_allowed_and_nan_where_a_value_is_missing():
    assert list(THREE.violations({"mb": 12.5, "ms": 1.0}).values())[::2] == [2.5, 9.5]
    assert math.isnan(THREE.violations({"mb": 12.5, "ms": 1.0})["log(steps) >= 1"])
    whole = THREE.violations({"mb": 3.0, "ms": 1.0, "steps": 3.0})
    assert whole == dict.fromkeys(THREE.texts, 0.0)


def test_a_side_that_is_no_number_breaks_a_constraint_beyond_measure():
    assert THREE.violations({"steps": -1.0})["log(steps) >= 1"] == math.inf
    assert THREE.violations({"mb": math.inf})["mb <= 10"] == math.inf


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("a == 0", {"a": 9e-5}, True),
        ("a == 0", {"a": -2e-4}, False),
        ("a == 1000", {"a": 1000.19}, True),
        ("a == 1000", {"a": 1000.21}, False),
        ("a - b == 0", {"a": 1e6, "b": 1e6 + 199.0}, True),
        ("a == b", {"a": math.inf, "b": math.inf}, True),
        ("a == b", {"a": math.inf, "b": 1.0}, False),
        ("a + b == 1", {"a": 1e308, "b": 1e308}, False),
        ("abs(a - 1) <= 0.5", {"a": 1.4}, True),
        ("a <= 1", {"a": 1.0 + 1e-9}, False),
    ],
)
def test_a_measured_equality_holds_to_a_ten_thousandth_and_nothing_else_does(text, values, holds):
    (broken,) = OutcomeConstraints.of([text]).violations(values).values()
    assert (broken == 0.0) is holds


def test_margins_are_positive_where_a_constraint_holds_and_nan_where_not_known():
    trials = [
        Trial(0, {}, values={"mb": 3.0, "ms": 2.0, "steps": math.e**2}),
        Trial(1, {}, "failed", values={"mb": 12.0}),
        Trial(2, {}, values={"mb": math.inf, "ms": 1.0, "steps": -1.0}),
        Trial(3, {}),
    ]
    nan = math.nan
    expected = [[7.0, 1.0, 1.0], [-2.0, nan, nan], [nan] * 3, [nan] * 3]
    np.testing.assert_allclose(THREE.values(trials), expected)
    known = [[3.0, math.e**2, 2.0], [12.0, nan, nan], [nan, -1.0, 1.0], [nan] * 3]
    np.testing.assert_allclose(THREE.outcomes(trials), known)
    assert THREE.values([]).shape == (0, 3)


def test_a_trial_is_feasible_where_all_is_known_to_hold():
    def feasible(**violations):
        return Trial(0, {}, "complete", value=0.0, violations=violations).is_feasible

    assert feasible() is True and feasible(a=0.0, b=0.0) is True
    assert feasible(a=0.0, b=math.nan) is None
    assert feasible(a=1e-300, b=math.nan) is False
    assert Trial(0, {}).is_feasible is None and Trial(0, {}, "failed").is_feasible is None


def test_constraints_are_read_as_they_were_written():
    assert OutcomeConstraints.from_json(THREE.to_json()) == THREE


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("mb <= 10", "constraints: expected a list"),
        ([lambda p: True], r"constraints\[0\]: expected a text"),
        (["mb <= 10", "mb < 1"], r"constraints\[1\]: .* column "),
        (["mb <= 10", " mb <= 10"], r"constraints\[1\]: expected another"),
        (["1 <= 2"], r"constraints\[0\]: expected"),
        (["mb <= 1", "ms <= 3", "2 * mb >= 4"], r"constraints: .*'mb <= 1', got '2 \* mb >= 4'"),
        (["mb == 1", "mb == 2"], "constraints: .* leave one out"),
    ],
)
def test_a_list_that_cannot_be_is_refused(given, named):
    with pytest.raises(InvalidArgument, match=f"^{named}"):
        OutcomeConstraints.of(given)


@pytest.mark.parametrize(
    "given",
    [["mb <= 1", "mb >= 1"], ["mb >= 1", "mb <= 2", "mb == 1.5"], ["1 / mb >= 2", "mb <= 3"]],
)
def test_constraints_that_one_value_meets_are_taken(given):
    assert len(OutcomeConstraints.of(given).texts) == len(given)
