import numpy as np
import pytest
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from tfbo import columns as cols
from tfbo.columns import INACTIVE, Column, Columns

MIXED = Columns(
    (
        Column(),
        Column(count=5),
        Column(count=3, categorical=True),
        Column(count=1000, lattice=(1.0, 1.0)),
        Column(conditions=((2, (0.5 / 3,)),)),
        Column(count=2, conditions=((1, (0.1, 0.9)),)),
        Column(conditions=((5, (0.75,)),)),
    )
)


def rows(n=500):
    return np.random.default_rng(0).uniform(-0.2, 1.2, [n, len(MIXED)])


def test_snapping_twice_is_snapping_once():
    once = cols.snap(MIXED, rows())
    np.testing.assert_array_equal(cols.snap(MIXED, once), once)


def test_tensorflow_and_numpy_agree():
    u = tf.constant(rows())
    program = tf.function(lambda v: cols.snap(MIXED, v, tnp), autograph=False)
    np.testing.assert_allclose(program(u), cols.snap(MIXED, u.numpy()), rtol=0, atol=1e-15)


def test_conditions_switch_columns_off():
    legal = cols.snap(MIXED, rows())
    level = cols.index(MIXED, legal)
    np.testing.assert_array_equal(legal[:, 4] == INACTIVE, level[:, 2] != 0)
    parent_off = ~np.isin(level[:, 1], [0, 4])
    np.testing.assert_array_equal(legal[:, 5] == INACTIVE, parent_off)
    np.testing.assert_array_equal(legal[:, 6] == INACTIVE, parent_off | (level[:, 5] != 1))


@pytest.mark.parametrize("column", [Column(count=7), Column(count=300, lattice=(2.0, 3.0))])
def test_index_inverts_code(column):
    one = Columns((column,))
    index = np.arange(column.count, dtype=float)[:, None]
    np.testing.assert_array_equal(cols.index(one, cols.code(one, index)), index)


def test_a_logarithmic_lattice_gives_small_values_their_share():
    one = Columns((Column(count=1000, lattice=(1.0, 1.0)),))
    level = cols.index(one, np.linspace(0.0, 1.0, 100_001)[:, None])[:, 0]
    share = np.bincount(level.astype(int)) / len(level)
    # Value v owns log(v + 1/2) - log(v - 1/2) by its geometric means: proportional to 1 / v.
    assert share[0] / share[9] == pytest.approx(10.0, rel=0.35)
    assert share[9] / share[99] == pytest.approx(10.0, rel=0.05)
