"""The frame of outcomes: readable whatever a few of them are."""

import numpy as np
import pytest

from tfbo.plots import outcomes
from tfbo.trial import Goal

BULK = 1.0 + 5.0 * np.random.default_rng(0).uniform(size=22)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("far", [[1e9], [-1e9], [1e9, -1e9], [1e300], [1e6, 1e7], [-1e30]], ids=str)
@pytest.mark.parametrize("count", [4, 6, 22])
def test_values_far_off_do_not_press_the_others_into_a_line(far, direction, sign, count):
    if count < 10 and len(far) > 1:
        pytest.skip("of so few, two are no exception")
    bulk = sign * BULK[:count]
    values = np.array([*bulk, *far])
    shown = outcomes.of(values, Goal(direction))
    assert not shown.log
    np.testing.assert_array_equal(shown.beyond(values), np.abs(values) > 10.0)
    assert np.ptp(bulk) > 0.5 * (shown.high - shown.low)
    words = "1 value" if len(far) == 1 else f"{len(far)} values"
    assert shown.left_out(values) == f"{words} beyond the frame"


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_values_over_orders_of_magnitude_are_logarithmic_whatever_is_far_off(direction):
    values = np.geomspace(1e-2, 1e4, 30)
    for far in ([], [1e60]):
        shown = outcomes.of([*values, *far], Goal(direction))
        assert shown.log
        beyond = shown.beyond([*values, *far])
        np.testing.assert_array_equal(beyond, [False] * 30 + [True] * len(far))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_nothing_is_left_out_where_nothing_is_far_off(direction):
    rng = np.random.default_rng(1)
    twice = [0.97] * 9 + [0.1] * 3
    for values in (BULK, rng.normal(size=50), rng.uniform(size=5), twice, [1.0] * 4):
        assert outcomes.of(values, Goal(direction)).left_out(values) == ""
