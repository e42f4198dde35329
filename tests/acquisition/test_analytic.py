import mpmath
import numpy as np
import pytest
import tensorflow as tf

from tfbo import InvalidArgument
from tfbo.acquisition import EI, UCB, LogEI, LogPI, PosteriorMean, PosteriorStd

mpmath.mp.dps = 50


def values(mean, deviation, best):
    m, s = mpmath.mpf(mean), mpmath.mpf(deviation)
    z = (m - best) / s
    pdf, cdf = mpmath.npdf(z), mpmath.ncdf(z) if z > -30 else mpmath.erfc(-z / mpmath.sqrt(2)) / 2
    improvement = s * (pdf + z * cdf)
    return {
        LogEI(): mpmath.log(improvement),
        EI(): improvement,
        LogPI(): mpmath.log(cdf),
        UCB(1.5): m + 1.5 * s,
        PosteriorMean(): m,
        PosteriorStd(): s,
    }


@pytest.mark.parametrize(
    "acquisition", [LogEI(), EI(), LogPI(), UCB(1.5), PosteriorMean(), PosteriorStd()]
)
@pytest.mark.parametrize(("mean", "deviation"), [(1.5, 0.2), (0.5, 1.0), (0.4, 1e-2), (-3.0, 0.1)])
def test_against_mpmath(acquisition, mean, deviation):
    best = 0.5
    given = (tf.constant([v], tf.float64) for v in (mean, deviation, best))
    value = acquisition.evaluate(*given)
    assert value.shape == [1]
    assert float(value[0]) == pytest.approx(
        float(values(mean, deviation, best)[acquisition]), rel=1e-11
    )


@pytest.mark.parametrize("acquisition", [LogEI(), LogPI()])
def test_finite_value_and_gradient_a_million_deviations_below(acquisition):
    mean = tf.constant([-1e6, -38.5, 0.0], tf.float64)
    deviation = tf.constant([1.0, 1.0, 1e-6], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([mean, deviation])
        value = acquisition.evaluate(mean, deviation, tf.zeros([], tf.float64))
    gradient = np.array([g.numpy() for g in tape.gradient(value, [mean, deviation])])
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    assert (gradient[0] > 0.0).all()


def test_settings_are_checked():
    for beta in (-1.0, float("nan"), "2", True):
        with pytest.raises(InvalidArgument, match="beta"):
            UCB(beta)
