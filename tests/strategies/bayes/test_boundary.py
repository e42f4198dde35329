"""Faces of the space are tried where something speaks for them, corners one after the other are not."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

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


def share(columns, best, row):
    """Share of the deviation that counts at one row, by default."""
    deflation = boundary.deflation(columns, tf.constant(best, tf.float64), Bayes().boundary)
    return float(deflation(tf.constant([row], tf.float64))[0])


def cost(columns, best, row):
    """What a row costs, in the unit of one face."""
    face = share(columns, MIDDLE, [1.0, 0.5, 0.5, 0.5])
    return float(np.log(share(columns, best, row)) / np.log(face))


MIDDLE = [0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("z", [4.0, 6.0, 8.0])
def test_an_improvement_by_z_deviations_is_less_likely_by_about_what_is_said(columns, z):
    face = share(columns, MIDDLE, [1.0, 0.5, 0.5, 0.5])
    assert face == pytest.approx(0.9, abs=0.01)
    less = stats.norm.logsf(z / face) - stats.norm.logsf(z)
    assert less == pytest.approx(-(z**2) / 9.0, rel=0.1)


@pytest.mark.parametrize(
    ("row", "expected", "error"),
    [
        (MIDDLE, 0.0, 1e-12),
        ([1.0, 0.5, 0.5, 0.5], 1.0, 1e-12),
        ([0.0, 0.5, 1.0, 1.0], 3.0, 1e-9),
        ([0.96, 0.5, 0.5, 0.5], 0.5, 0.02),
        ([0.22, 0.5, 0.5, 0.5], 0.01, 0.002),
        ([0.5, 0.0, 0.5, 0.5], 0.0, 1e-12),  # categories have no faces
        ([0.5, 0.5, -1.0, 0.5], 0.0, 1e-12),  # nor has what is inactive
    ],
)
def test_it_counts_the_numbers_on_faces(columns, row, expected, error):
    assert cost(columns, MIDDLE, row) == pytest.approx(expected, abs=error)


def test_a_face_on_which_the_best_trial_is_costs_nothing(columns):
    best = [1.0, 0.5, 0.95, 0.5]
    assert share(columns, best, best) == 1.0
    # What is nearer to a face than the best trial costs what is left of the way.
    near, on = ([0.5, 0.5, x, 0.5] for x in (0.95, 1.0))
    left = cost(columns, MIDDLE, on) - cost(columns, MIDDLE, near)
    assert 0.5 < left < 0.6 and cost(columns, best, on) == pytest.approx(left)
    # The opposite face is one that the best trial has nothing against either.
    assert share(columns, best, [0.0, 0.5, 0.95, 0.5]) == 1.0


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
