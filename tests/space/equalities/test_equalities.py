"""Parameters that follow from others: exact in configurations, and the same with gradients in rows."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from tfbo import Float, Int, Space
from tfbo.columns import snap
from tfbo.space import encoding
from tfbo.space.region import region

UNIT = Float(0.0, 1.0)
SPACES = {
    "sum": Space(dict.fromkeys("abc", UNIT), ["a + b + c == 1"]),
    "product": Space({n: Float(1.0, 10.0) for n in "ab"}, ["a * b == 6"]),
    "circle": Space({n: Float(-1.0, 1.0) for n in "ab"}, ["a**2 + b**2 == 1"]),
    "logarithmic": Space(
        {n: Float(1e-3, 10.0, log=True) for n in "ab"}, ["a * b == 0.5", "a <= 2 * b"]
    ),
    "two": Space(dict.fromkeys("abcd", UNIT), ["a + b + c + d == 1", "a + b - c == 0.2"]),
    "both": Space(dict.fromkeys("abc", UNIT), ["a + b == 1", "a - b == 0.2", "c >= a - 0.5"]),
    "conditional": Space(
        {"n": Int(1, 2), "a": UNIT, "b": UNIT, "c": Float(0.0, 1.0, when={"n": 2})},
        ["a + b + c == 1"],
    ),
}


def rows(space, count=200):
    columns = encoding(space).columns
    return snap(columns, np.random.default_rng(0).random([count, len(columns)]))


@pytest.mark.parametrize("name", ["sum", "two", "both", "conditional"])
def test_linear_equalities_hold_to_rounding(name):
    space = SPACES[name]
    found = region(space).draw(50, np.random.default_rng(0))
    for params in encoding(space).decode(found):
        for equality in (one for one in space.constraints if one.is_equality):
            left, right = equality.sides(params, set(space) - set(params))
            assert abs(left - right) <= 1e-15


@pytest.mark.parametrize("name", SPACES)
def test_rows_are_the_same_in_tensorflow(name):
    found, x = region(SPACES[name]), rows(SPACES[name])
    for relaxed in (False, True):
        whole = found.complete(tf.constant(x), tnp, relaxed=relaxed)
        margin = found.margin(tf.constant(x), tnp, relaxed=relaxed)
        assert np.allclose(whole, found.complete(x, relaxed=relaxed), atol=1e-13)
        assert np.allclose(margin, found.margin(x, relaxed=relaxed), atol=1e-12)


@pytest.mark.parametrize("name", ["sum", "product", "logarithmic", "two", "conditional"])
def test_gradients_follow_the_equality(name):
    found, x = region(SPACES[name]), rows(SPACES[name])
    # Where a root is at the end of a range, there is a kink.
    x = x[np.all(found.margin(x) > 1e-3, axis=-1)]
    assert len(x) > 3
    weights = np.arange(1.0, x.shape[1] + 1.0)
    point = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(point)
        total = tf.reduce_sum(found.complete(point, tnp) * weights)
        total += tf.reduce_sum(found.margin(point, tnp))
    gradient = tape.gradient(total, point)

    def value(moved):
        return (found.complete(moved) * weights).sum(1) + found.margin(moved).sum(1)

    for j in np.flatnonzero(encoding(SPACES[name]).columns.continuous):
        shift = 1e-6 * (np.arange(x.shape[1]) == j) * (x >= 0.0)
        expected = (value(x + shift) - value(x - shift)) / 2e-6
        mine = np.where(x[:, j] >= 0.0, gradient[:, j], 0.0)
        assert np.allclose(mine, expected, rtol=1e-5, atol=1e-6)


def test_of_several_roots_the_nearest_counts():
    space = SPACES["circle"]
    completed = region(space).complete(np.array([[0.8, 0.1], [0.8, 0.9]]))
    values = [[params[n] for n in "ab"] for params in encoding(space).decode(completed)]
    assert np.allclose(np.sum(np.square(values), axis=1), 1.0, atol=1e-12)
    (a, b), (c, d) = values
    assert (a == -c and b == d) or (a == c and b == -d)


def test_a_configuration_without_solution_is_as_it_was():
    coded = encoding(SPACES["sum"])
    params = {"a": 0.9, "b": 0.8, "c": 0.7}
    changed = coded.equalities.exact([params])[0]
    assert changed == params


def test_whole_numbers_are_solved_for():
    space = Space({"a": Int(0, 10), "b": Int(0, 10)}, ["2 * a + 3 * b == 12"])
    found = {
        tuple(p.values())
        for p in encoding(space).decode(region(space).draw(60, np.random.default_rng(0)))
    }
    assert found == {(0, 4), (3, 2), (6, 0)}  # fmt: skip
