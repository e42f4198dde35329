import numpy as np
import pytest
import tensorflow as tf

from tfbo.gp import outcomes


def temper(y):
    y = tf.constant(y, tf.float64)
    return outcomes.tempering(y).apply(y).numpy()


def by_definition(y):
    median = np.median(y)
    if not (y > median).any():
        return y
    spread = np.sqrt(np.mean((y[y > median] - median) ** 2))
    t = np.maximum(median - y, 0.0) / spread
    return np.where(y < median, median - spread * 4.0 * t / (4.0 + t), y)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 51])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_it_says(n, seed):
    rng = np.random.default_rng(seed)
    for y in (
        rng.standard_normal(n),
        -(rng.exponential(size=n) ** 4),
        np.round(rng.standard_normal(n)),
    ):
        np.testing.assert_allclose(temper(y), by_definition(y), rtol=1e-12, atol=1e-12)


def test_order_is_kept_and_the_better_half_untouched():
    y = -(np.random.default_rng(0).exponential(size=40) ** 6)
    tempered = temper(y)
    order = np.argsort(y)
    assert (np.diff(tempered[order]) > 0.0).all()
    np.testing.assert_array_equal(tempered[y >= np.median(y)], y[y >= np.median(y)])
    spread = np.sqrt(np.mean((y[y > np.median(y)] - np.median(y)) ** 2))
    assert np.ptp(y) > 100.0 * spread and tempered.min() > np.median(y) - 4.0 * spread


def test_an_affine_change_goes_through():
    y = -(np.random.default_rng(1).exponential(size=25) ** 3)
    np.testing.assert_allclose(temper(1e-3 * y + 5.0), 1e-3 * temper(y) + 5.0, rtol=1e-12)


@pytest.mark.parametrize(
    "y", [[0.0], [3.0] * 5, [1e300, -1e300, 5.0, 1e300], [-1.0, 0.0, 0.0, 0.0]]
)
def test_extremes_stay_finite(y):
    assert np.isfinite(temper(y)).all()


def test_standardising_and_back():
    y = np.random.default_rng(2).uniform(3.0, 9.0, 30)
    z, shift, scale = outcomes.standardise(tf.constant(y))
    np.testing.assert_allclose(z, (y - y.mean()) / y.std(), rtol=1e-12)
    np.testing.assert_allclose(shift + scale * z, y, rtol=1e-14)


def test_standard_errors_follow_the_scale_and_never_overflow():
    std = tf.constant([0.0, 0.5, 3.0, 1e300], tf.float64)
    for scale in (2.0, 1e-300, 1e300):
        errors = outcomes.standardise_errors(std, tf.constant(scale, tf.float64)).numpy()
        assert np.isfinite(errors**2).all() and errors[0] == 0.0
    np.testing.assert_allclose(outcomes.standardise_errors(std[:3], 2.0), [0.0, 0.25, 1.5])


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_outcomes_that_are_left_out_do_not_count(n):
    rng = np.random.default_rng(n)
    y = np.concatenate([rng.standard_normal(n), [-50.0]]) if n > 2 else rng.standard_normal(n)
    mask = np.concatenate([np.ones(len(y), bool), np.zeros(4, bool)])
    padded = tf.constant(np.concatenate([y, [0.0, 9.0, -9.0, 0.0]]))
    tempered = outcomes.tempering(padded, tf.constant(mask)).apply(padded)
    np.testing.assert_allclose(tempered[: len(y)], temper(y), rtol=1e-12, atol=1e-12)
    one, two = outcomes.standardise(tempered, tf.constant(mask)), outcomes.standardise(temper(y))
    np.testing.assert_allclose(one.z[: len(y)], two.z, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(one.z[len(y) :], 0.0)
    np.testing.assert_allclose([one.shift, one.scale], [two.shift, two.scale], rtol=1e-12)
