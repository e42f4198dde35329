"""Climbs under constraints that are written by hand, on functions whose constrained optimum is known."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfbo import Categorical, Float, Int, Space
from tfbo.columns import INACTIVE
from tfbo.optim import mixed, starts
from tfbo.optim.domain import Domain
from tfbo.space import encoding

NEVER = lambda rows: tf.zeros(tf.shape(rows)[:1], tf.bool)


def columns(space):
    return encoding(Space(space)).columns


@dataclasses.dataclass(frozen=True)
class Budget:
    """The sum of the columns is at most so much; inactive ones count nothing."""

    most: float

    free = np.ones(1, bool)

    def complete(self, rows, xp=np, *, relaxed=False):
        return rows

    def margin(self, rows, xp=np, *, relaxed=False):
        return self.most - xp.sum(xp.where(rows < 0.0, 0.0 * rows, rows), axis=-1)[..., None]

    def fits(self, rows):
        return self.margin(rows)[..., 0] >= 0.0


@dataclasses.dataclass(frozen=True)
class Simplex(Budget):
    """The first column is what the others leave of the sum."""

    free = np.array([False, True, True])

    def complete(self, rows, xp=np, *, relaxed=False):
        first = self.most - xp.sum(rows[..., 1:], axis=-1)
        return xp.concatenate([first[..., None], rows[..., 1:]], axis=-1)

    def margin(self, rows, xp=np, *, relaxed=False):
        return xp.stack([rows[..., 0], 1.0 - rows[..., 0]], axis=-1)

    def fits(self, rows):
        return (self.margin(rows) >= 0.0).all(axis=-1)


def best(function, domain, seed=0):
    rng = np.random.default_rng(seed)
    everywhere = tf.constant(starts.spread(domain, 128, rng))
    return tf.function(
        lambda: mixed.maximise(function, domain, (everywhere,), NEVER), autograph=False
    )()


def test_the_projection_onto_an_edge():
    domain = Domain(columns({name: Float(0, 1) for name in "abc"}), feasible=Budget(1.2))
    target = np.array([0.9, 0.7, 0.5])
    found = best(lambda x: -tf.reduce_sum(tf.square(x - target), -1), domain)
    np.testing.assert_allclose(found.x, target - 0.3, atol=1e-5)


def test_the_projection_onto_a_simplex_with_a_column_at_zero():
    domain = Domain(columns({name: Float(0, 1) for name in "abc"}), feasible=Simplex(1.0))
    target = np.array([0.9, 0.5, -0.4])
    found = best(lambda x: -tf.reduce_sum(tf.square(x - target), -1), domain)
    np.testing.assert_allclose(found.x, [0.7, 0.3, 0.0], atol=1e-5)
    assert float(tf.reduce_sum(found.x)) == pytest.approx(1.0, abs=1e-14)


def test_a_column_that_follows_stays_in_the_box():
    box = np.array([[0.0, 0.45], [0.0, 1.0], [0.0, 1.0]])
    domain = Domain(columns({name: Float(0, 1) for name in "abc"}), box, Simplex(1.0))
    found = best(lambda x: 3.0 * x[:, 0] + 2.0 * x[:, 1] + x[:, 2], domain)
    np.testing.assert_allclose(found.x, [0.45, 0.55, 0.0], atol=1e-5)


@pytest.mark.parametrize("levels", [4, 40])
def test_whole_numbers_and_numbers_share_a_budget_as_an_enumeration_says(levels):
    space = {"n": Int(1, levels), "m": Int(1, levels), "x": Float(0, 1)}
    domain = Domain(columns(space), feasible=Budget(1.3))
    weights = np.array([1.0, 1.2, 0.9])
    function = lambda rows: -tf.reduce_sum(tf.square(rows - weights), -1)
    codes = (np.arange(levels) + 0.5) / levels
    n, m = np.meshgrid(codes, codes)
    x = np.clip(np.minimum(1.3 - n - m, weights[2]), 0.0, 1.0)
    every = np.stack([n, m, x], axis=-1).reshape(-1, 3)
    every = every[Budget(1.3).margin(every)[:, 0] >= -1e-12]
    found = best(function, domain)
    assert Budget(1.3).margin(found.x.numpy())[0] >= 0.0
    assert float(found.value) >= float(tf.reduce_max(function(tf.constant(every)))) - 1e-6


def test_inactive_columns_take_no_part():
    space = {
        "kind": Categorical(["a", "b"]),
        "x": Float(0, 1),
        "y": Float(0, 1, when={"kind": "a"}),
    }
    domain = Domain(columns(space), feasible=Budget(1.25))
    found = best(lambda rows: rows[:, 1] + 0.2 * tf.nn.relu(rows[:, 2]), domain)
    # Of 1.25 the category takes 0.25 or 0.75.
    np.testing.assert_allclose(found.x, [0.25, 1.0, 0.0], atol=1e-5)
    off = best(lambda rows: rows[:, 1] + tf.cast(rows[:, 2] < 0.0, tf.float64), domain)
    np.testing.assert_allclose(off.x, [0.75, 0.5, INACTIVE], atol=1e-5)


def test_rows_side_by_side_each_keep_the_budget():
    one = Domain(columns({name: Float(0, 1) for name in "ab"}), feasible=Budget(1.0))
    both = one.repeated(2)
    target = np.array([0.9, 0.9, 0.8, -0.1])
    found = best(lambda x: -tf.reduce_sum(tf.square(x - target), -1), both)
    np.testing.assert_allclose(found.x, [0.5, 0.5, 0.8, 0.0], atol=1e-5)


def test_the_screened_candidate_is_the_best_legal_one():
    domain = Domain(columns({name: Float(0, 1) for name in "ab"}), feasible=Budget(1.0))
    screens = (tf.constant([[0.9, 0.9], [0.2, 0.3], [0.4, 0.5]], tf.float64),)
    found = mixed.maximise(lambda x: tf.reduce_sum(x, -1), domain, screens, NEVER)
    np.testing.assert_array_equal(found.screened, [0.4, 0.5])
    assert float(found.value) == pytest.approx(1.0, abs=1e-6)
