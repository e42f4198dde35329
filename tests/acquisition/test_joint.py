"""Joint worth against a million draws, against the closed form, and its gradient against differences."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfbo import _random, gp
from tfbo.acquisition import EI, UCB, LogEI, LogPI, PosteriorMean, PosteriorStd, joint
from tfbo.acquisition.feasibility import Success, expected, failed
from tfbo.gp import likelihood
from tfbo.gp.pending import Pending, fantasise

RNG = np.random.default_rng(0)
X = RNG.random([12, 3])
POSTERIOR = gp.fit(X, np.sin(5.0 * X.sum(1)))
PENDING = tf.constant(RNG.random([3, 3]))
NONE = tf.zeros([0, 3], tf.float64)
SETS = tf.constant(RNG.random([5, 4, 3]))
INCUMBENT = tf.constant(0.9, tf.float64)


def normals(count, columns, seed=3):
    return tf.math.ndtri(_random.sobol(count, columns, seed))


def drawn_at(rows, drawn, posterior=POSTERIOR):
    """Draws of what is being tried at rows."""
    return fantasise(posterior, Pending(posterior.features(rows), drawn))


def worth(acquisition, fantasies, incumbent, x, drawn=None, success=None):
    """Worth of sets beside fantasies, `[c]`."""
    beside = joint.Beside(fantasies, tf.maximum(incumbent, fantasies.best))
    values = acquisition.worth(beside, x, drawn)
    if success is not None:
        values = expected(acquisition, values, success)
    return joint.total(acquisition.logarithmic, values)


def reference(pending, points, share=None, draws=1_000_000):
    """The joint expected improvement and its standard error, from draws of all outcomes in NumPy.

    `share` is of the deviation that counts of each point, once what is pending is known.
    """
    rows = tf.concat([pending, points], axis=0)
    mean, covariance = (value.numpy() for value in POSTERIOR._joint(rows))  # noqa: SLF001
    m, rng = len(pending), np.random.default_rng(1)
    covariance += 1e-12 * np.eye(len(mean))
    first = mean[:m] + rng.standard_normal([draws, m]) @ np.linalg.cholesky(covariance[:m, :m]).T
    gains = np.linalg.solve(covariance[:m, :m], covariance[:m, m:])
    rest = covariance[m:, m:] - covariance[m:, :m] @ gains
    if share is not None:
        rest = rest * np.outer(share, share)
    f = mean[m:] + (first - mean[:m]) @ gains
    f += rng.standard_normal([draws, len(rest)]) @ np.linalg.cholesky(rest).T
    best = np.maximum(float(INCUMBENT), first.max(axis=1, initial=-np.inf))
    gain = np.maximum(f.max(axis=1) - best, 0.0)
    return gain.mean(), gain.std() / np.sqrt(draws)


@pytest.mark.parametrize("pending", [NONE, PENDING])
@pytest.mark.parametrize("q", [1, 2, 4])
def test_expected_improvement_of_several_points_against_a_million_draws(pending, q):
    m = len(pending)
    drawn = normals(4096, m + q - 1) if m + q > 1 else tf.zeros([1, 0], tf.float64)
    fantasies = drawn_at(pending, drawn[:, :m])
    sets = SETS[:, :q]
    ours = worth(EI(), fantasies, INCUMBENT, sets, drawn[:, m:])
    logarithms = worth(LogEI(), fantasies, INCUMBENT, sets, drawn[:, m:])
    np.testing.assert_allclose(tf.exp(logarithms), ours, rtol=1e-12)
    for value, points in zip(ours, sets, strict=True):
        theirs, error = reference(pending, points)
        assert float(value) == pytest.approx(theirs, abs=4.0 * error + 2e-3 * theirs + 1e-6)


@pytest.mark.parametrize("q", [1, 3])
def test_64_draws_are_within_a_few_per_cent(q):
    drawn = normals(64, 3 + q - 1)
    many = normals(8192, 3 + q - 1)
    few, exact = (
        worth(EI(), drawn_at(PENDING, d[:, :3]), INCUMBENT, SETS[:, :q], d[:, 3:])
        for d in (drawn, many)
    )
    np.testing.assert_allclose(few, exact, rtol=0.1, atol=1e-4)


@pytest.mark.parametrize(
    "acquisition", [LogEI(), EI(), LogPI(), UCB(1.5), PosteriorMean(), PosteriorStd()]
)
def test_one_point_and_nothing_pending_is_the_closed_form(acquisition):
    fantasies = drawn_at(NONE, tf.zeros([1, 0], tf.float64))
    mean, variance = POSTERIOR.moments(SETS[:, 0])
    np.testing.assert_allclose(
        worth(acquisition, fantasies, INCUMBENT, SETS[:, :1]),
        acquisition.evaluate(mean, tf.sqrt(variance), INCUMBENT),
        rtol=1e-12,
    )


@pytest.mark.parametrize("q", [1, 3])
def test_deflated_deviations_are_those_of_less_uncertain_points_against_a_million_draws(q):
    drawn = normals(4096, 3 + q - 1)
    share = np.array([0.9, 0.5, 0.7])[:q]
    everywhere = tf.constant(np.broadcast_to(share, [len(SETS), q]))
    less = dataclasses.replace(POSTERIOR, share=lambda x: everywhere)
    fantasies = drawn_at(PENDING, drawn[:, :3], less)
    ours = worth(EI(), fantasies, INCUMBENT, SETS[:, :q], drawn[:, 3:])
    for value, points in zip(ours, SETS[:, :q], strict=True):
        theirs, error = reference(PENDING, points, share)
        assert float(value) == pytest.approx(theirs, abs=4.0 * error + 2e-3 * theirs + 1e-6)


def test_the_gradient_of_a_set_is_that_of_differences():
    drawn = normals(32, 5)
    fantasies = drawn_at(PENDING, drawn[:, :3])

    def of(x):
        return worth(LogEI(), fantasies, INCUMBENT, x, drawn[:, 3:])

    x = SETS[:1, :3]
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = of(x)
    gradient = tape.gradient(value, x).numpy()
    for i, j in np.ndindex(3, 3):
        step = np.zeros([1, 3, 3])
        step[0, i, j] = 1e-6
        slope = float(of(x + step)[0] - of(x - step)[0]) / 2e-6
        assert gradient[0, i, j] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_far_below_the_incumbent_there_is_still_a_gradient():
    drawn = normals(32, 5)
    fantasies = drawn_at(PENDING, drawn[:, :3])
    x = SETS[:, :3]
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = worth(LogEI(), fantasies, INCUMBENT + 1000.0, x, drawn[:, 3:])
    gradient = tape.gradient(value, x).numpy()
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    assert (np.abs(gradient).max(axis=(1, 2)) > 0.0).all()


def test_points_on_top_of_each_other_and_of_pending_ones_are_worth_no_more():
    drawn = normals(256, 4)
    fantasies = drawn_at(PENDING, drawn[:, :3])
    one = worth(EI(), fantasies, INCUMBENT, SETS[:, :1])
    twice = tf.repeat(SETS[:, :1], 2, axis=1)
    np.testing.assert_allclose(
        worth(EI(), fantasies, INCUMBENT, twice, drawn[:, 3:]), one, rtol=1e-3, atol=1e-4
    )
    there = worth(EI(), fantasies, INCUMBENT, PENDING[:, None, :])
    assert (there.numpy() < 1e-4).all()


@pytest.mark.parametrize("q", [1, 3])
def test_points_that_may_fail_count_by_their_probability(q):
    drawn = normals(256, q - 1) if q > 1 else tf.zeros([1, 0], tf.float64)
    fantasies = drawn_at(NONE, drawn[:, :0])
    sets = SETS[:, :q]
    log_p = tf.math.log(tf.constant(np.random.default_rng(2).uniform(0.01, 1.0, sets.shape[:2])))

    def uncertain(acquisition, log_probability):
        worst = tf.constant(-2.0, tf.float64)
        success = Success(log_probability, failed(acquisition, worst, INCUMBENT))
        return worth(acquisition, fantasies, INCUMBENT, sets, drawn, success).numpy()

    certain = tf.zeros_like(log_p)
    for acquisition in (EI(), LogEI(), LogPI(), UCB(), PosteriorMean(), PosteriorStd()):
        plain = worth(acquisition, fantasies, INCUMBENT, sets, drawn).numpy()
        np.testing.assert_allclose(uncertain(acquisition, certain), plain, rtol=1e-12)
        assert (uncertain(acquisition, log_p) < plain).all()
    np.testing.assert_allclose(np.exp(uncertain(LogEI(), log_p)), uncertain(EI(), log_p), rtol=1e-9)
    if q == 1:
        p = np.exp(log_p[:, 0])
        value = worth(UCB(), fantasies, INCUMBENT, sets, drawn).numpy()
        np.testing.assert_allclose(uncertain(UCB(), log_p), p * value + (1.0 - p) * -2.0, atol=1e-5)


def test_sets_of_hyperparameters_are_an_axis_over_which_the_worth_is_averaged():
    family, data = POSTERIOR.kernel, POSTERIOR.factors
    observed = likelihood.Observations(POSTERIOR.features(tf.constant(X)), data.z)
    theta = np.log([1.0, 0.4, 0.6, 0.8, 1e-4]) + np.array([[0.0], [0.5], [-0.4]]) * [1, 1, 1, 1, 0]
    drawn = normals(64, 5)
    pending = Pending(POSTERIOR.features(PENDING), drawn[:, :3])

    def of(theta, acquisition):
        factors = likelihood.factorise(family, tf.constant(theta), observed)
        posterior = dataclasses.replace(POSTERIOR, factors=factors)
        state = acquisition.prepare(posterior, observed, pending)
        return acquisition.worth(state, SETS[:, :3], drawn[:, 3:]).numpy()

    one_by_one = np.mean([of(row, EI()) for row in theta], axis=0)
    np.testing.assert_allclose(of(theta, EI()), one_by_one, rtol=1e-9)
    np.testing.assert_allclose(np.exp(of(theta, LogEI())), one_by_one, rtol=1e-9)
    assert np.ptp([of(row, EI()) for row in theta], axis=0).max() > 0.01
