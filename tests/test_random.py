import random

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import _random
from tfbo.strategies import Sobol


def test_a_sequence_can_be_continued():
    whole = _random.sobol(64, 5, seed=3)
    parts = [_random.sobol(16, 5, seed=3, start=i) for i in range(0, 64, 16)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("seed", [0, 1, 2**62])
def test_scrambling_keeps_one_point_in_each_interval(seed):
    points = _random.sobol(256, 7, seed=seed)
    assert ((points > 0.0) & (points < 1.0)).all()
    for column in points.T:
        assert sorted(np.floor(column * 256).astype(int)) == list(range(256))


def test_pairs_of_columns_fill_each_box_of_the_net():
    # The first two columns are a (0, m, 2)-net: one point in each 8 x 8 box of 64 points.
    boxes = np.floor(_random.sobol(64, 2, seed=9) * 8).astype(int)
    assert len({tuple(box) for box in boxes}) == 64


def test_seeds_differ_and_repeat():
    np.testing.assert_array_equal(_random.sobol(8, 3, seed=0), _random.sobol(8, 3, seed=0))
    assert not np.array_equal(_random.sobol(8, 3, seed=0), _random.sobol(8, 3, seed=1))


def test_more_columns_than_there_are_directions():
    points = _random.sobol(4, 1200, seed=0)
    assert points.shape == (4, 1200)
    np.testing.assert_array_equal(points[2:], _random.sobol(2, 1200, seed=0, start=2))


def test_global_generators_are_neither_used_nor_moved():
    def of_the_user():
        return random.random(), np.random.random(), float(tf.random.uniform([]))

    def of_tfbo():
        _random._sobol_block.cache_clear()  # noqa: SLF001
        study = tfbo.Study(tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), seed=0, strategy=Sobol())
        drawn = _random.generator(0, "test").random(), _random.sobol(3, 2, seed=4).sum()
        return *drawn, study.ask().params["x"]

    tf.keras.utils.set_random_seed(1)
    expected, ours = of_the_user(), of_tfbo()
    assert of_tfbo() == ours  # whatever state the user's generators are in
    tf.keras.utils.set_random_seed(1)
    of_tfbo()
    assert of_the_user() == expected
