"""The contract of every minimiser: a new one joins by adding a row to `ACCURACY`."""

from typing import NamedTuple

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

from tfbo.optim import MINIMISERS, Limits
from tfbo.optim.base import value_and_gradient


class Accuracy(NamedTuple):
    evaluations: int
    value: float
    """How near it comes to a minimum with so many evaluations."""


ACCURACY = {"bfgs": Accuracy(200, 1e-9), "adam": Accuracy(1000, 1e-6)}


@pytest.fixture(params=ACCURACY)
def name(request):
    return request.param


def run(name, function, start, lower, upper, curvature=None, **limits):
    bounds = (tf.constant(bound, tf.float64) for bound in (lower, upper))
    box = Limits(*bounds)._replace(**limits)
    program = tf.function(lambda s: MINIMISERS[name](function, s, box, curvature), autograph=False)
    return program(tf.constant(start))


def rosenbrock(x):
    return tf.reduce_sum(100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2, axis=-1)


def quadratic(x):
    """Of condition 50; at its minimum in [0, 1]^6 four of the variables are at a bound."""
    a = np.random.default_rng(0).standard_normal([6, 6])
    h, c = (
        tf.constant(a @ a.T + np.eye(6)),
        tf.constant([3.0, -9.0, 2.0, -4.0, 6.0, 0.5], tf.float64),
    )
    return 0.5 * tf.reduce_sum(x * (x @ h), -1) + tf.linalg.matvec(x, c)


def bowl(x):
    return tf.reduce_sum((x - 0.3) ** 2, axis=-1)


def steep(x):
    """A wall on one side of the minimum, which is at a bound of none of the boxes."""
    return tf.reduce_sum(tf.exp(3.0 * x) - 2.0 * x, axis=-1)


def test_every_minimiser_has_a_row():
    assert set(ACCURACY) == set(MINIMISERS)


@pytest.mark.parametrize(
    ("function", "low", "high", "p"),
    [
        (quadratic, 0.0, 1.0, 6),
        (rosenbrock, -2.0, 0.8, 2),
        (bowl, 0.5, 2.0, 3),
        (steep, -2.0, 2.0, 2),
    ],
)
def test_the_minimum_is_that_of_scipy(name, function, low, high, p):
    start = np.random.default_rng(1).uniform(low, high, [3, p])
    result = run(
        name, function, start, [low] * p, [high] * p,
        max_evaluations=ACCURACY[name].evaluations, gradient_tolerance=1e-9, value_tolerance=0.0,
    )  # fmt: skip

    def reference(x):
        value, gradient = value_and_gradient(function, tf.constant(x[None]))
        return value.numpy()[0], gradient.numpy()[0]

    expected = scipy.optimize.minimize(
        reference,
        start[0],
        jac=True,
        bounds=[(low, high)] * p,
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    np.testing.assert_allclose(result.value, expected.fun, rtol=0, atol=ACCURACY[name].value)
    np.testing.assert_allclose(result.value, function(result.x), rtol=1e-12)
    np.testing.assert_allclose(result.start_value, function(start), rtol=1e-12)


def test_members_do_not_influence_each_other(name):
    start = np.random.default_rng(1).uniform(-1.0, 1.0, [4, 3])
    together = run(name, rosenbrock, start, [-2.0] * 3, [2.0] * 3)
    for i in range(4):
        alone = run(name, rosenbrock, start[i : i + 1], [-2.0] * 3, [2.0] * 3)
        np.testing.assert_allclose(together.x[i], alone.x[0], rtol=1e-6, atol=1e-8)


def test_a_start_of_nan_is_dropped_and_harms_nobody(name):
    function = lambda x: bowl(x) + 0.0 * tf.sqrt(x[:, 0] + 1.0)
    box = ([-2.0] * 2, [2.0] * 2)
    result = run(name, function, np.array([[-1.5, 0.0], [0.9, 0.9]]), *box)
    assert np.isinf(result.value[0]) and not bool(result.converged[0])
    np.testing.assert_allclose(result.x[1], [0.3, 0.3], atol=1e-3)
    assert int(run(name, function, np.array([[-1.5, 0.0]]), *box).evaluations) == 1


def test_points_of_nan_on_the_way_are_not_entered(name):
    function = lambda x: -tf.reduce_sum(x, -1) + 0.0 * tf.sqrt(0.5 - x[:, 0])
    result = run(name, function, np.zeros([2, 2]), [-1.0] * 2, [1.0] * 2)
    assert (result.x[:, 0].numpy() <= 0.5).all()
    assert (result.value.numpy() < -0.99).all()


def test_no_point_is_evaluated_outside_of_the_box(name):
    points = seen(
        name, lambda x: bowl(x - 0.2), [[0.0, 0.9], [0.4, -3.0]], [-1.0, -1.0], [0.4, 1.0]
    )
    assert points[..., 0].max() == 0.4 and points.min() >= -1.0 and points.max() <= 1.0


def test_equal_bounds_hold_a_variable(name):
    result = run(
        name, rosenbrock, np.array([[0.5, 0.0]]), [0.5, -2.0], [0.5, 2.0], max_evaluations=300
    )
    np.testing.assert_allclose(result.x, [[0.5, 0.25]], atol=1e-4)


def test_the_objective_is_traced_once_and_evaluated_as_often_as_said(name):
    traces = []

    def function(x):
        traces.append(1)
        return rosenbrock(x)

    box = ([-2.0] * 2, [2.0] * 2)
    assert int(run(name, function, np.zeros([2, 2]), *box, max_evaluations=7).evaluations) == 7
    assert len(traces) == 1
    assert len(seen(name, rosenbrock, np.zeros([2, 2]), *box, max_evaluations=7)) == 7


@pytest.mark.parametrize("tolerance", ["gradient_tolerance", "value_tolerance"])
def test_a_wider_tolerance_ends_sooner_and_is_kept(name, tolerance):
    evaluations, settings = [], {"gradient_tolerance": 0.0, "value_tolerance": 0.0}
    for wide in (1e-8, 1e-3):
        settings[tolerance] = wide
        start = np.array([[1.0, 0.8, 0.9, 0.0, 0.1, 0.5]])
        result = run(name, quadratic, start, [0.0] * 6, [1.0] * 6, max_evaluations=800, **settings)
        assert bool(result.converged[0])
        evaluations.append(int(result.evaluations))
        left = float(result.value[0]) - best_of_quadratic()
        assert left < (100.0 * wide if tolerance == "value_tolerance" else 10.0 * wide)
    assert evaluations[1] < evaluations[0] < 800


def best_of_quadratic():
    result = run(
        "bfgs", quadratic, np.full([1, 6], 0.5), [0.0] * 6, [1.0] * 6, gradient_tolerance=1e-11
    )
    return float(result.value[0])


def test_no_step_is_longer_than_allowed(name):
    limits = {"longest_step": 0.75, "first_step": 2.0, "max_evaluations": 300}
    points = seen(name, lambda x: bowl(x - 4.0), np.zeros([1, 2]), [-9.0] * 2, [9.0] * 2, **limits)
    steps = np.abs(np.diff(points[:, 0], axis=0))
    assert 0.7 < steps.max() <= 0.75 + 1e-12
    np.testing.assert_allclose(points[-1], 4.3, atol=0.05)


def test_the_first_step_is_as_long_as_said(name):
    points = seen(
        name, lambda x: 1e3 * bowl(x), np.zeros([1, 2]), [-9.0] * 2, [9.0] * 2, first_step=0.1
    )
    np.testing.assert_allclose(np.abs(points[1] - points[0]).max(), 0.1, rtol=0.01)


@pytest.mark.parametrize("race", [False, True])
def test_leaving_members_out_changes_nothing_but_the_work(name, race):
    start = np.random.default_rng(2).uniform(-1.5, 1.5, [5, 3])
    start[0] = 1.0  # the minimum, at which it is done at once
    box, settings = ([-2.0] * 3, [2.0] * 3), {"max_evaluations": 200, "race": race}
    whole = run(name, rosenbrock, start, *box, **settings)
    few = run(name, rosenbrock, start, *box, compact=True, **settings)
    np.testing.assert_allclose(few.x, whole.x, rtol=1e-6, atol=1e-8)
    assert int(few.evaluations) == int(whole.evaluations)
    sizes = [
        len(points) for points in seen(name, rosenbrock, start, *box, compact=True, **settings)
    ]
    assert sizes[0] == 5 and max(sizes[1:]) <= 4


def test_a_race_finds_the_same_winner_sooner(name):
    two_bowls = lambda x: tf.minimum(
        tf.reduce_sum((x - 0.5) ** 2, -1), 5.0 + tf.reduce_sum((x + 1.0) ** 4, -1)
    )
    start = np.array([[0.2, 0.1, 0.9], [-1.9, -1.8, -1.9]])
    box = ([-2.0] * 3, [2.0] * 3)
    few = {"gradient_tolerance": 1e-10, "value_tolerance": 0.0, "max_evaluations": 1000}
    alone = run(name, two_bowls, start, *box, **few)
    raced = run(name, two_bowls, start, *box, race=True, **few)
    assert float(raced.value[1]) > float(alone.value[1])
    np.testing.assert_allclose(raced.x[0], alone.x[0], atol=1e-9)
    np.testing.assert_allclose(raced.x[0], 0.5, atol=1e-3)


def test_members_that_cannot_beat_a_rival_are_given_up(name):
    start = np.array([[0.2, 0.1, 0.9], [-1.2, 1.0, -1.9]])
    evaluations = [
        int(
            run(
                name, rosenbrock, start, [-2.0] * 3, [2.0] * 3, rival=tf.constant(rival, tf.float64)
            ).evaluations
        )
        for rival in (-1e5, 1e3)
    ]
    assert evaluations[0] < evaluations[1]


def seen(name, function, start, lower, upper, **limits):
    """The points of each evaluation: an array where their number stays the same."""
    points = []

    def watched(x):
        tf.py_function(lambda x: points.append(x.numpy().copy()), [x], [])
        return function(x)

    run(name, watched, np.array(start), lower, upper, **limits)
    return points if limits.get("compact") else np.array(points)
