"""Several outputs fitted as one batch, beside each of them fitted alone."""

import numpy as np
import pytest
import tensorflow as tf

from tfbo.gp import hyperprior, kernels, likelihood, outputs, search

KERNEL = kernels.kernel("matern52", 2)
PRIOR = hyperprior.stack(KERNEL, hyperprior.default_priors(2))
P = len(PRIOR.loc)


def data(n=14, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random([n, 2])
    z = np.stack([np.sin(5.0 * x[:, 0]), x[:, 1] ** 2 - x[:, 0], rng.standard_normal(n)])
    return x, (z - z.mean(1, keepdims=True)) / z.std(1, keepdims=True)


def search_all(x, z, mask=None, *, compact=True, restarts=4, rounds=2, start=None, lower=None):
    m = len(z)
    prior = hyperprior.Hyperprior(*map(tf.constant, PRIOR))
    low = prior.lower[None] + tf.zeros([m, 1], tf.float64)
    prior = prior._replace(
        lower=low if lower is None else lower, upper=prior.upper[None] + tf.zeros_like(low)
    )
    observed = likelihood.Observations(
        KERNEL.embed(tf.constant(x)), tf.constant(z), None if mask is None else tf.constant(mask)
    )
    theta = np.tile(hyperprior.medians(PRIOR), [m, 1]) if start is None else start
    inverse = tf.eye(P, batch_shape=[m], dtype=tf.float64)
    begin = search.Start(tf.constant(theta), inverse, tf.zeros([m], tf.bool))
    candidates = tf.constant(hyperprior.draws(PRIOR, 8, np.random.default_rng(1)))
    effort = search.Effort(restarts, rounds=rounds, nearby=4, tolerance=1e-8, compact=compact)
    run = tf.function(outputs.multistart, autograph=False)
    return run(KERNEL, prior, observed, begin, candidates, effort)


def search_one(x, z):
    prior = hyperprior.Hyperprior(*map(tf.constant, PRIOR))
    observed = likelihood.Observations(KERNEL.embed(tf.constant(x)), tf.constant(z))
    start = search.Start(
        tf.constant(hyperprior.medians(PRIOR)), tf.eye(P, dtype=tf.float64), tf.constant(False)
    )
    candidates = tf.constant(hyperprior.draws(PRIOR, 8, np.random.default_rng(1)))
    effort = search.Effort(4, rounds=2, nearby=4, tolerance=1e-8, compact=True)
    return search.multistart(KERNEL, prior, observed, start, candidates, effort)


@pytest.mark.parametrize("compact", [True, False])
def test_each_output_ends_where_it_does_alone(compact):
    x, z = data()
    found = search_all(x, z, compact=compact)
    assert found.ok.numpy().all()
    for i in range(len(z)):
        alone = search_one(x, z[i])
        assert float(found.value[i]) == pytest.approx(float(alone.value), abs=1e-4)
        np.testing.assert_allclose(found.theta[i], alone.theta, atol=0.05)


def test_a_missing_outcome_is_a_row_that_is_not_there():
    x, z = data()
    mask = np.ones_like(z, bool)
    mask[1, [2, 5, 6]] = False
    found = search_all(x, np.where(mask, z, 0.0), mask)
    alone = search_one(x[mask[1]], z[1, mask[1]])
    assert float(found.value[1]) == pytest.approx(float(alone.value), abs=1e-4)
    np.testing.assert_allclose(found.theta[1], alone.theta, atol=0.05)
    whole = search_one(x, z[0])
    assert float(found.value[0]) == pytest.approx(float(whole.value), abs=1e-4)


def test_what_was_learned_of_the_curvature_is_of_each_output():
    x, z = data()
    found = search_all(x, z)
    assert found.inverse.shape == (3, P, P)
    for i in range(3):
        assert (np.linalg.eigvalsh(found.inverse[i].numpy()) > 0.0).all()


def test_bounds_are_those_of_each_output():
    x, z = data()
    lower = np.tile(PRIOR.lower, [3, 1])
    lower[1, -1] = np.log(0.2)
    found = search_all(x, z, lower=tf.constant(lower))
    assert float(found.theta[1, -1]) >= np.log(0.2) - 1e-9
    assert float(found.theta[0, -1]) < np.log(0.2)


def test_an_output_without_a_finite_value_stays_at_its_start():
    x, z = data()
    z[1] = np.nan
    found = search_all(x, z)
    assert found.ok.numpy().tolist() == [True, False, True]
    np.testing.assert_array_equal(found.theta[1], hyperprior.medians(PRIOR))


def test_the_gradient_of_the_likelihood_in_outcomes_of_each_member():
    x, z = data(6)
    theta = tf.constant(np.tile(hyperprior.medians(PRIOR), [3, 1]))
    features = KERNEL.embed(tf.constant(x))

    def value(z):
        return likelihood.log_likelihood(KERNEL, likelihood.Observations(features, z), theta)

    given = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(value(given))
    gradient = tape.gradient(total, given).numpy()
    step = np.zeros_like(z)
    step[1, 2] = 1e-6
    slope = (value(given + step) - value(given - step)).numpy() / 2e-6
    assert gradient[1, 2] == pytest.approx(slope[1], rel=1e-6)
    assert slope[0] == slope[2] == 0.0
