"""The Pareto front and the hypervolume, against their definitions and closed forms."""

import itertools
import math

import numpy as np
import pytest

from tfbo.trial import front


def dominates(a, b):
    return bool((a >= b).all() and (a > b).any())


def by_inclusion(points, reference):
    """Hypervolume by inclusion and exclusion of all boxes, of which there are few."""
    total = 0.0
    for count in range(1, len(points) + 1):
        for some in itertools.combinations(range(len(points)), count):
            sides = np.maximum(points[list(some)].min(axis=0) - reference, 0.0)
            total -= (-1.0) ** count * np.prod(sides)
    return total


def points(n, m, seed, levels=None):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, m)) if levels is None else rng.integers(0, levels, (n, m)) * 1.0


@pytest.mark.parametrize("m", range(1, 7))
@pytest.mark.parametrize("levels", [None, 3])
def test_the_front_is_what_nothing_dominates(m, levels):
    scores = points(60, m, m, levels)
    expected = [not any(dominates(other, one) for other in scores) for one in scores]
    np.testing.assert_array_equal(front.on_front(scores), expected)


def test_equal_points_are_on_the_front_together_and_others_than_numbers_never():
    scores = np.array([[1.0, 1.0], [1.0, 1.0], [np.nan, 9.0], [np.inf, 0.0], [0.0, 1.0]])
    assert front.on_front(scores).tolist() == [True, True, False, False, False]
    assert front.on_front(np.empty((0, 3))).tolist() == []


@pytest.mark.parametrize("m", range(1, 7))
@pytest.mark.parametrize("levels", [None, 3])
@pytest.mark.parametrize("seed", range(3))
def test_the_hypervolume_is_that_of_inclusion_and_exclusion(m, levels, seed):
    scores, reference = points(9, m, seed, levels), np.full(m, -0.75)
    expected = by_inclusion(scores, reference)
    assert front.hypervolume(scores, reference) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("m", range(2, 6))
def test_order_repeats_and_dominated_points_change_nothing(m):
    scores, reference = points(12, m, 7), np.full(m, -1.0)
    volume = front.hypervolume(scores, reference)
    more = np.concatenate([scores[::-1], scores, scores - 0.1, np.full((1, m), np.nan)])
    assert front.hypervolume(more, reference) == pytest.approx(volume, rel=1e-12)


def test_the_volume_of_the_front_of_dtlz1_approaches_its_closed_form():
    """Minimised, it is the plane of sum 1/2 (Deb et al. 2005): from 1/2 on, a cube without a simplex."""
    steps = 60
    shares = [(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]
    scores = -0.5 * np.array(shares) / steps
    exact = 0.5**3 - 0.5**3 / math.factorial(3)
    found = front.hypervolume(scores, np.full(3, -0.5))
    assert exact * 0.95 < found < exact


def test_the_volume_of_the_front_of_dtlz2_approaches_its_closed_form():
    """Minimised, it is a quarter of the unit circle (Deb et al. 2005): from 1 on, a square without it."""
    angles = np.linspace(0.0, np.pi / 2.0, 1000)
    scores = -np.stack([np.cos(angles), np.sin(angles)], axis=1)
    exact = 1.0 - math.pi / 4.0
    found = front.hypervolume(scores, np.full(2, -1.0))
    assert exact * 0.99 < found < exact


def test_points_that_are_not_beyond_the_reference_count_for_nothing():
    scores = np.array([[3.0, 0.0], [-1.0, 4.0], [1.0, 2.0]])
    assert front.hypervolume(scores, np.zeros(2)) == 2.0
    assert front.hypervolume(scores, np.full(2, 9.0)) == 0.0
    assert front.hypervolume(np.empty((0, 2)), np.zeros(2)) == 0.0
