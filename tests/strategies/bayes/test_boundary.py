"""Faces of the space are tried where something speaks for them, corners one after the other are not."""

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo.space import encoding
from tfbo.strategies import Bayes
from tfbo.strategies.bayes import boundary


@pytest.fixture(scope="module")
def columns():
    """A number, a category, a conditional number and a whole number."""
    space = tfbo.Space(
        {
            "x": tfbo.Float(0.0, 1.0),
            "kind": tfbo.Categorical(["a", "b", "c"]),
            "rate": tfbo.Float(1e-4, 1.0, log=True, when={"kind": ["a"]}),
            "units": tfbo.Int(1, 512, log=True),
        }
    )
    return encoding(space).columns


def cost(columns, best, row):
    """By how much the logarithm of the deviation at one row is less, in the unit of a face."""
    deflation = boundary.deflation(columns, tf.constant(best, tf.float64), 0.1)
    return -float(np.log(deflation(tf.constant([row], tf.float64))[0])) / 0.1


MIDDLE = [0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (MIDDLE, 0.0),
        ([1.0, 0.5, 0.5, 0.5], 1.0),
        ([0.0, 0.5, 1.0, 1.0], 3.0),
        ([0.9, 0.5, 0.5, 0.5], 0.8**8),
        ([0.5, 0.0, 0.5, 0.5], 0.0),  # categories have no faces
        ([0.5, 0.5, -1.0, 0.5], 0.0),  # nor has what is inactive
    ],
)
def test_it_counts_the_numbers_on_faces(columns, row, expected):
    assert cost(columns, MIDDLE, row) == pytest.approx(expected, abs=1e-12)


def test_a_face_on_which_the_best_trial_is_costs_nothing(columns):
    best = [1.0, 0.5, 0.95, 0.5]
    assert cost(columns, best, best) == 0.0
    assert cost(columns, best, [1.0, 0.5, 1.0, 0.5]) == pytest.approx(1.0 - 0.9**8)
    # The opposite face is one that the best trial has nothing against either.
    assert cost(columns, best, [0.0, 0.5, 0.95, 0.5]) == 0.0


def test_its_gradient_is_finite_everywhere(columns):
    rows = tf.constant([MIDDLE, [0.0, 0.0, -1.0, 1.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        value = boundary.deflation(columns, tf.constant(MIDDLE, tf.float64), 0.1)(rows)
    assert np.isfinite(tape.gradient(value, rows).numpy()).all()


def searched(objective, n_trials, strategy=None, d=4):
    """The codes of the trials of a search in the unit cube `[n, d]`."""
    space = tfbo.Space({f"x{i}": tfbo.Float(0.0, 1.0) for i in range(d)})
    study = tfbo.minimize(objective, space, n_trials=n_trials, seed=0, strategy=strategy)
    return np.array([list(trial.params.values()) for trial in study.trials])


def dip(params):
    """A narrow optimum, far from which there is nothing to be learned."""
    away = np.array(list(params.values())) - np.array([0.4, 0.55, 0.6, 0.45])
    return -float(np.exp(-8.0 * away @ away))


def on_faces(x):
    """The share of coordinates on a face."""
    return np.mean((x < 0.01) | (x > 0.99))


def test_a_search_that_has_converged_does_not_try_the_corners():
    assert on_faces(searched(dip, 40)[20:]) < 0.1
    assert on_faces(searched(dip, 40, Bayes(boundary=0.0))[20:]) > 0.3


def test_an_optimum_in_a_corner_is_found_there():
    x = searched(lambda params: -sum(params.values()), 15)
    assert (x == 1.0).all(axis=1).any()
