"""Log feasibility against the normal distribution and draws, and its gradient against differences."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import tfbo
from tfbo.strategies import Problem
from tfbo.strategies.bayes.outputs import aims, conditions
from tfbo.strategies.bayes.outputs.conditions import Bounds
from tfbo.trial import OutcomeConstraints

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
SHIFT, SCALE = np.array([0.0, 2.0, -1.0]), np.array([1.0, 3.0, 0.5])
MEAN = np.random.default_rng(0).normal(0.0, 1.0, [3, 4, 2])
DEVIATION = np.random.default_rng(1).uniform(0.2, 0.6, [3, 4, 1])


def log_feasible(texts, mean=MEAN, deviation=DEVIATION, tolerance=0.1):
    problem = Problem(SPACE, "minimize", 0, constraints=OutcomeConstraints.of(texts))
    outputs = aims.of(problem)
    m = len(outputs.names)
    edges = np.array([each.edge for each in outputs.conditions])
    bounds = Bounds(edges, np.full(len(edges), tolerance), SHIFT[:m], SCALE[:m])
    return conditions.log_feasible(
        outputs, bounds, tf.constant(mean[:m]), tf.constant(deviation[:m])
    )


def in_units(i):
    return SHIFT[i] + SCALE[i] * MEAN[i], SCALE[i] * DEVIATION[i]


def test_no_constraint_is_certain_to_hold():
    problem = Problem(SPACE, "minimize", 0, constraints=OutcomeConstraints(()))
    empty = Bounds(np.zeros(0), np.zeros(0), SHIFT[:1], SCALE[:1])
    found = conditions.log_feasible(
        aims.of(problem), empty, tf.constant(MEAN[:1]), tf.constant(DEVIATION[:1])
    )
    assert not found.numpy().any()


def test_thresholds_by_the_normal_distribution():
    a, b = in_units(1), in_units(2)
    expected = scipy.stats.norm.logcdf((4.0 - a[0]) / a[1])
    np.testing.assert_allclose(log_feasible(["a <= 4"]), expected, rtol=1e-9, atol=1e-14)
    expected = expected + scipy.stats.norm.logsf((-2.0 - b[0]) / b[1])
    np.testing.assert_allclose(log_feasible(["a <= 4", "b >= -2"]), expected, rtol=1e-9, atol=1e-14)


def test_a_sum_of_outcomes_is_normal():
    a, b = in_units(1), in_units(2)
    spread = np.hypot(a[1], 2.0 * b[1])
    expected = scipy.stats.norm.logcdf((1.5 - a[0] + 2.0 * b[0]) / spread)
    np.testing.assert_allclose(log_feasible(["a - 2 * b <= 1.5"]), expected, rtol=1e-9, atol=1e-14)


def test_a_product_is_about_what_draws_say():
    deviation = 0.2 * DEVIATION
    ours = np.exp(log_feasible(["a * b >= -1"], deviation=deviation))
    normals = np.random.default_rng(2).standard_normal([2, 20000, 1, 1])
    a, b = (SHIFT[i] + SCALE[i] * (MEAN[i] + deviation[i] * normals[i - 1]) for i in (1, 2))
    np.testing.assert_allclose(ours, (a * b >= -1.0).mean(axis=0), atol=0.03)


def test_an_equality_is_likeliest_where_its_margin_is_nil():
    mean = np.zeros([2, 3, 1])
    mean[1, :, 0] = (np.array([1.0, 2.0, 4.0]) - SHIFT[1]) / SCALE[1]
    found = log_feasible(["a == 2"], mean=mean, deviation=np.full([2, 3, 1], 0.1)).numpy()[:, 0]
    assert found[1] > found[0] > found[2]
    sure = log_feasible(["a == 2"], mean=mean, deviation=np.full([2, 3, 1], 1e-9)).numpy()[1, 0]
    assert sure == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("deviation", [1e-6, 0.03, 1.0])
def test_an_equality_holds_with_the_probability_of_its_tolerance(deviation):
    mean = np.full([2, 1, 1], 0.01)
    found = log_feasible(["a == 2"], mean, np.full([2, 1, 1], deviation), tolerance=0.1)
    ends = (np.array([0.1, -0.1]) - 3.0 * 0.01) / (3.0 * deviation)
    expected = np.log(np.subtract(*scipy.stats.norm.cdf(ends)))
    assert float(found[0, 0]) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    "texts", [["a <= 4"], ["a * b >= 0.5"], ["exp(b) + a <= 3"], ["a == 2"], ["min(a, b) >= 0"]]
)
def test_gradients_are_those_of_differences(texts):
    given = [tf.constant(MEAN), tf.constant(DEVIATION)]
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(log_feasible(texts, *given))
    gradients = tape.gradient(total, given, unconnected_gradients="zero")
    for which, gradient in enumerate(gradients):
        for index in ((1, 2, 0), (2, 1, 0)):
            slope = []
            for sign in (1.0, -1.0):
                moved = [part.numpy().copy() for part in given]
                moved[which][index] += sign * 1e-6
                slope.append(float(tf.reduce_sum(log_feasible(texts, *moved))))
            expected = (slope[0] - slope[1]) / 2e-6
            assert gradient[index].numpy() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_far_from_feasible_there_is_still_a_gradient():
    mean = tf.constant(MEAN + 1000.0)
    with tf.GradientTape() as tape:
        tape.watch(mean)
        value = log_feasible(["a <= 4", "a + b <= 3"], mean=mean)
    gradient = tape.gradient(value, mean).numpy()
    assert np.isfinite(value).all()
    assert (gradient[1:] < 0.0).all()
