import mpmath
import numpy as np
import pytest
import tensorflow as tf

from tfbo import _numerics

mpmath.mp.dps = 60
POINTS = [
    8.0,
    1.0,
    0.0,
    -0.5,
    -0.999,
    -1.0,
    -1.001,
    -3.0,
    -10.0,
    -24.9,
    -25.0,
    -25.1,
    -40.0,
    -1e2,
    -1e4,
    -1e6,
]


def log_h(z):
    z = mpmath.mpf(z)
    if z > -50:
        return mpmath.log(mpmath.npdf(z) + z * mpmath.ncdf(z))
    t = -z  # phi(t) - t Q(t) with Q by its continued fraction's asymptotic series to 30 terms
    series = mpmath.nsum(
        lambda k: (-1) ** int(k) * mpmath.fac2(2 * int(k) + 1) / t ** (2 * int(k)), [0, 12]
    )
    return -t * t / 2 - mpmath.log(2 * mpmath.pi) / 2 - 2 * mpmath.log(t) + mpmath.log(series)


@pytest.mark.parametrize("form", [_numerics.log_h, _numerics.log_h_of_many])
@pytest.mark.parametrize("z", POINTS)
def test_log_h_and_its_gradient_agree_with_mpmath(z, form):
    x = tf.constant([z], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = form(x)
    slope = float(tape.gradient(value, x)[0])
    assert float(value[0]) == pytest.approx(float(log_h(z)), rel=2e-13, abs=2e-13)
    step = mpmath.mpf(10) ** -20 * max(1, abs(z))
    exact = (log_h(mpmath.mpf(z) + step) - log_h(mpmath.mpf(z) - step)) / (2 * step)
    assert slope == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize("form", [_numerics.log_h, _numerics.log_h_of_many])
def test_log_h_has_a_finite_gradient_in_a_batch_of_all_branches(form):
    x = tf.constant([0.0, -5.0, -1e6], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = form(x)
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, x)).all()


def test_quantise_swallows_rounding_and_no_more():
    x = np.random.default_rng(0).standard_normal(1000)
    rounded = _numerics.quantise(tf.constant(x)).numpy()
    assert np.abs(rounded - x).max() < 1e-9
    again = _numerics.quantise(tf.constant(rounded * (1.0 + 1e-15))).numpy()
    np.testing.assert_array_equal(again, rounded)
