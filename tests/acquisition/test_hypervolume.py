"""Hypervolume improvement against quadrature and draws in NumPy, and its gradient against differences."""

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import tensorflow as tf

from tfbo import InvalidArgument, _random
from tfbo.acquisition import UCB, LogEI, LogNEHVI, hypervolume, pareto

EMPTY = np.zeros([0])


def front_of(outcomes, reference):
    """A front of one draw."""
    boxes = pareto.stacked([pareto.beyond(outcomes, reference)])
    return hypervolume.Front(*boxes, EMPTY, EMPTY, EMPTY, reference)


def points(m, k=6, seed=0):
    drawn = np.random.default_rng(seed).exponential(size=[k, m])
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def value(mean, deviation, front):
    """Values `[c, s]` of means and deviations `[c, m]`."""
    of_outputs = (tf.constant(part.T[..., None]) for part in (mean, deviation))
    return LogNEHVI().beyond(*of_outputs, front)


def test_two_objectives_by_quadrature():
    outcomes, reference = points(2), np.array([-0.2, -0.1])
    front = front_of(outcomes, reference)
    mean = np.array([[0.4, 0.5], [1.2, 0.1], [-0.5, -1.0], [0.9, 0.9]])
    deviation = np.array([[0.3, 0.2], [0.5, 0.05], [0.4, 0.6], [1e-2, 0.3]])
    ours = np.exp(value(mean, deviation, front)[:, 0].numpy())
    ordered = outcomes[np.argsort(outcomes[:, 0])]

    def height(a):
        """The second coordinate above which nothing of the first coordinate `a` is dominated."""
        right = ordered[ordered[:, 0] >= a]
        return max(reference[1], right[:, 1].max(initial=-np.inf))

    for row, (mu, sd) in enumerate(zip(mean, deviation, strict=True)):
        # The volume is the integral over places of the probability that the outcome dominates them.
        def strip(a, mu=mu, sd=sd):
            z = (mu[1] - height(a)) / sd[1]
            gain = sd[1] * (scipy.stats.norm.pdf(z) + z * scipy.stats.norm.cdf(z))
            return scipy.stats.norm.sf(a, mu[0], sd[0]) * gain

        edges = [reference[0], *ordered[:, 0], max(2.0, mu[0] + 10.0 * sd[0])]
        parts = [
            scipy.integrate.quad(strip, a + 1e-13, b, epsabs=1e-14)[0]
            for a, b in itertools.pairwise(edges)
        ]
        assert ours[row] == pytest.approx(sum(parts), rel=1e-7)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_against_draws_of_the_outcome(m):
    outcomes, reference = points(m), np.full(m, -0.3)
    front = front_of(outcomes, reference)
    mean = np.random.default_rng(1).normal(0.5, 0.3, [3, m])
    deviation = np.random.default_rng(2).uniform(0.1, 0.5, [3, m])
    ours = np.exp(value(mean, deviation, front)[:, 0].numpy())
    normals = scipy.stats.norm.ppf(_random.sobol(2**14, m, 3))
    boxes = pareto.beyond(outcomes, reference)
    for i in range(3):
        y = (mean[i] + deviation[i] * normals)[:, None]
        sides = np.maximum(np.minimum(y, boxes.upper) - boxes.lower, 0.0)
        assert ours[i] == pytest.approx(sides.prod(axis=2).sum(axis=1).mean(), rel=5e-3)


def test_one_objective_is_the_expected_improvement():
    front = front_of(np.array([[0.3], [0.7]]), np.array([-1.0]))
    mean, deviation = np.array([[0.2], [-30.0]]), np.array([[0.5], [0.4]])
    moments = [tf.constant(part) for part in (mean, deviation, np.array(0.7))]
    expected = LogEI().evaluate(*moments)
    np.testing.assert_allclose(value(mean, deviation, front), expected, rtol=1e-12)
    np.testing.assert_allclose(LogNEHVI().evaluate(*moments), expected, rtol=1e-12)


def slopes(function, x, step=1e-6):
    found = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        by = np.zeros_like(x)
        by[index] = step
        found[index] = (function(x + by) - function(x - by)) / (2.0 * step)
    return found


@pytest.mark.parametrize("m", [2, 3, 5])
def test_gradients_are_those_of_differences(m):
    front = front_of(points(m), np.full(m, -0.1)) if m <= 4 else scalarised_front(m, 16)
    mean = np.random.default_rng(1).normal(0.2, 0.3, [2, m])
    deviation = np.random.default_rng(2).uniform(0.1, 0.5, [2, m])

    def total(mean, deviation):
        return tf.reduce_sum(value_of(mean, deviation, front))

    def value_of(mean, deviation, front):
        parts = (tf.transpose(part)[..., None] for part in (mean, deviation))
        return LogNEHVI().beyond(*parts, front)

    given = [tf.constant(mean), tf.constant(deviation)]
    with tf.GradientTape() as tape:
        tape.watch(given)
        summed = total(*given)
    gradients = tape.gradient(summed, given)
    by_mean = slopes(lambda x: float(total(tf.constant(x), given[1])), mean, 1e-7)
    by_deviation = slopes(lambda x: float(total(given[0], tf.constant(x))), deviation, 1e-7)
    np.testing.assert_allclose(gradients[0], by_mean, rtol=2e-4, atol=1e-4)
    np.testing.assert_allclose(gradients[1], by_deviation, rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize("m", [2, 4, 5])
def test_far_below_the_front_there_is_still_a_gradient(m):
    front = front_of(points(m), np.full(m, -0.1)) if m <= 4 else scalarised_front(m, 16)
    mean = tf.constant(np.full([m, 2, 1], -100.0))
    deviation = tf.constant(np.full([m, 2, 1], 0.1))
    with tf.GradientTape() as tape:
        tape.watch(mean)
        worth = LogNEHVI().beyond(mean, deviation, front)
    gradient = tape.gradient(worth, mean).numpy()
    assert np.isfinite(worth).all() and np.isfinite(gradient).all()
    assert (gradient.max(axis=0) > 0.0).all()


def test_a_value_does_not_depend_on_others_nor_on_empty_boxes():
    outcomes, reference = points(3, k=12), np.zeros(3)
    front = front_of(outcomes, reference)
    mean = np.random.default_rng(1).normal(0.5, 0.3, [5, 3])
    deviation = np.random.default_rng(2).uniform(0.1, 0.5, [5, 3])
    together = value(mean, deviation, front)
    alone = [value(mean[i : i + 1], deviation[i : i + 1], front)[0] for i in range(5)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    grid = pareto.Lattice(*front[:3])
    wider = front._replace(**pareto.padded(grid, 64, 32)._asdict())
    np.testing.assert_allclose(value(mean, deviation, wider), together, rtol=1e-12)


def test_each_draw_has_a_front_of_its_own():
    fronts = [points(2, k, seed) for k, seed in ((2, 0), (9, 1))]
    boxes = [pareto.beyond(each, np.zeros(2)) for each in fronts]
    both = front_of(fronts[0], np.zeros(2))._replace(**pareto.stacked(boxes)._asdict())
    mean, deviation = np.full([1, 2], 0.7), np.full([1, 2], 0.2)
    alone = [value(mean, deviation, front_of(each, np.zeros(2)))[0, 0] for each in fronts]
    np.testing.assert_allclose(value(mean, deviation, both)[0], alone, rtol=1e-12)


def scalarised_front(m, s, outcomes=None, seed=0):
    reference = np.full(m, -0.1)
    outcomes = points(m) if outcomes is None else outcomes
    numbers = scipy.stats.norm.ppf(_random.sobol(s, 2 * m, seed))
    directions = np.abs(numbers[:, :m])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    best = [hypervolume.scalarised(outcomes, reference, each).max() for each in directions]
    return hypervolume.Front(
        EMPTY, EMPTY, EMPTY, np.array(best), directions, numbers[:, m:], reference
    )


def test_random_scalarisations_have_the_hypervolume_improvement_as_their_mean():
    outcomes, reference = points(3), np.full(3, -0.1)
    mean, deviation = np.array([[0.7, 0.6, 0.5], [0.3, 0.2, 0.9]]), np.full([2, 3], 0.3)
    exact = np.exp(value(mean, deviation, front_of(outcomes, reference))[:, 0])
    front = scalarised_front(3, 2**14, outcomes)
    parts = (tf.constant(part.T[..., None]) for part in (mean, deviation))
    many = np.exp(hypervolume.log_scalarised(*parts, front)).mean(axis=1)
    np.testing.assert_allclose(many, exact, rtol=0.05)


def test_other_acquisitions_are_of_one_objective():
    assert LogEI().of_several() == LogNEHVI()
    with pytest.raises(InvalidArgument, match=r"several objectives.*LogNEHVI"):
        UCB().of_several()
