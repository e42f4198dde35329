"""Fronts and boxes against what follows from their definitions: inclusion and exclusion, and counting."""

import itertools

import numpy as np
import pytest

from tfbo.acquisition import pareto


def dominated_volume(points, reference):
    """The hypervolume by inclusion and exclusion of all subsets of points."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for some in itertools.combinations(points, size):
            corner = np.maximum(np.min(some, axis=0) - reference, 0.0)
            total -= (-1) ** size * corner.prod()
    return total


def volume(boxes, top):
    return np.maximum(np.minimum(boxes.upper, top) - boxes.lower, 0.0).prod(axis=1).sum()


def points_of(kind, k, m, seed):
    rng = np.random.default_rng(seed)
    if kind == "ties":
        return rng.integers(-1, 4, [k, m]).astype(float)
    if kind == "front":
        drawn = rng.exponential(size=[k, m])
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return rng.normal(0.5, 1.0, [k, m])


@pytest.mark.parametrize("kind", ["anywhere", "front", "ties"])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
def test_boxes_are_what_no_point_dominates(kind, m):
    reference = np.full(m, -0.1)
    for seed in range(6):
        points = points_of(kind, 9, m, seed)
        boxes = pareto.beyond(points, reference)
        # Each place of a fine sample is in one box where no point dominates it, and in none elsewhere.
        places = np.random.default_rng(seed + 100).uniform(-0.5, 4.5, [4000, m])
        dominated = (points[:, None] >= places).all(axis=2).any(axis=0)
        free = ~dominated & (places > reference).all(axis=1)
        inside = (places[:, None] > boxes.lower) & (places[:, None] <= boxes.upper)
        np.testing.assert_array_equal(inside.all(axis=2).sum(axis=1), free.astype(int))


@pytest.mark.parametrize("kind", ["anywhere", "front", "ties"])
@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_volumes_are_those_of_inclusion_and_exclusion(kind, m):
    reference, top = np.full(m, -0.1), np.full(m, 5.0)
    for seed in range(6):
        points = points_of(kind, 9, m, seed)
        expected = dominated_volume(points, reference)
        left = volume(pareto.beyond(points, reference), top)
        assert (top - reference).prod() - left == pytest.approx(expected, rel=1e-9)


def test_there_are_few_boxes():
    for m, most in ((2, 31), (3, 61), (4, 700)):
        points = points_of("front", 30, m, 0)
        assert len(pareto.beyond(points, np.zeros(m)).lower) <= most


def test_what_is_nowhere_above_the_reference_counts_for_nothing():
    boxes = pareto.beyond(np.array([[2.0, -1.0], [np.nan, 3.0]]), np.zeros(2))
    assert boxes.lower.tolist() == [[0.0, 0.0]]
    assert np.isinf(boxes.upper).all()


def test_non_dominated_points_by_their_definition():
    for seed in range(5):
        points = points_of("ties", 30, 3, seed)
        mask = pareto.non_dominated(points)
        for i, point in enumerate(points):
            better = [(q >= point).all() and (q > point).any() for q in points]
            assert mask[i] == (not any(better))


@pytest.mark.parametrize("m", [2, 3])
def test_a_grid_has_the_boxes_of_each_draw_and_padding_is_empty(m):
    few, many = (pareto.beyond(points_of("front", k, m, 0), np.zeros(m)) for k in (3, 11))
    grid = pareto.stacked([few, many])
    assert grid.lower.shape == (2, len(many.lower), m)
    for found in (grid, pareto.padded(grid, 64, 16)):
        assert (found.upper[0, len(few.upper) :] == found.lower[0, len(few.lower) :]).all()
        corners = found.corners()
        for i, boxes in enumerate((few, many)):
            np.testing.assert_array_equal(corners.lower[i, : len(boxes.lower)], boxes.lower)
            np.testing.assert_array_equal(corners.upper[i, : len(boxes.upper)], boxes.upper)


def test_there_are_as_many_levels_as_points_and_a_reference_and_no_end():
    points = points_of("front", 20, 4, 0)
    grid = pareto.stacked([pareto.beyond(points, np.zeros(4))])
    assert grid.levels.shape == (1, 22, 4)
