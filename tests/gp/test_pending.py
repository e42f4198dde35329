"""Draws at pending rows, and paths of the whole function, against the joint posterior."""

import numpy as np
import pytest
import tensorflow as tf

from tfbo import Boolean, Categorical, Float, Int, Space, gp
from tfbo.columns import snap
from tfbo.gp import Posterior, kernels, likelihood, paths
from tfbo.gp.pending import Pending, fantasise
from tfbo.optim import mixed
from tfbo.optim.domain import Domain
from tfbo.space import encoding

MIXED = Space(
    {
        "x": Float(0.0, 1.0),
        "n": Int(1, 9),
        "kind": Categorical(["a", "b", "c"]),
        "drop": Boolean(),
        "p": Float(0.0, 0.5, when={"drop": True}),
    }
)


def posterior(kernel="matern52", n=15, noise=1e-4):
    """Of a mixed space; the posterior, what it was made from, and legal rows."""
    columns = encoding(MIXED).columns
    rng = np.random.default_rng(2)
    x = snap(columns, rng.random([n, len(columns)]))
    family = kernels.kernel(kernel, len(columns), columns)
    shape = [np.log(1.7)] * len(family.shape_names)
    theta = np.array([0.2, *np.log([0.4, 0.7, 1.5, 2.0, 1.0]), *shape, np.log(noise)])
    variances = tf.constant(rng.uniform(0.0, 0.1, n))
    z = tf.constant(rng.standard_normal(n))
    observed = likelihood.Observations(family.embed(tf.constant(x)), z, variances=variances)
    zero, one = tf.zeros([], tf.float64), tf.ones([], tf.float64)
    made = Posterior(family, likelihood.factorise(family, tf.constant(theta), observed), zero, one)
    return made, observed, tf.constant(snap(columns, rng.random([6, len(columns)])))


def test_given_the_draws_points_are_conditioned_on_them():
    made, _, rows = posterior()
    pending, points = rows[:3], rows[3:]
    normals = tf.constant(np.random.default_rng(0).standard_normal([7, 3]))
    fantasies = fantasise(made, Pending(made.features(pending), normals))
    means, factor = fantasies.joint(points[None])
    mean, covariance = (v.numpy() for v in made._joint(rows))  # noqa: SLF001
    lower = np.linalg.cholesky(covariance[:3, :3])
    drawn = mean[:3] + normals.numpy() @ lower.T
    np.testing.assert_allclose(fantasies.best, drawn.max(axis=1), atol=1e-6)
    gain = covariance[3:, :3] @ np.linalg.inv(covariance[:3, :3])
    np.testing.assert_allclose(
        means[0], (mean[3:] + (drawn - mean[:3]) @ gain.T).T, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        factor[0] @ tf.transpose(factor[0]),
        covariance[3:, 3:] - gain @ covariance[:3, 3:],
        atol=1e-6,
    )
    one, deviation = fantasies.joint(points[:, None, :])
    np.testing.assert_allclose(one[:, 0], means[0], atol=1e-12)
    np.testing.assert_allclose(
        deviation[:, 0, 0], np.sqrt(np.diag(factor[0] @ tf.transpose(factor[0]))), rtol=1e-6
    )


@pytest.mark.parametrize(
    "kernel", ["matern12", "matern32", "matern52", "rbf", "rational_quadratic"]
)
def test_paths_have_the_moments_of_the_posterior(kernel):
    made, observed, rows = posterior(kernel)
    assert paths.is_known(made.kernel)
    rng, draws = np.random.default_rng(0), []
    for _ in range(20):  # the waves are drawn anew: their sum is exact on average alone
        drawn = paths.draw(made, observed, paths.randomness(made.kernel, 15, 200, rng))
        draws.append(drawn.everywhere(rows).numpy())
    draws = np.concatenate(draws)
    mean, covariance = (v.numpy() for v in made._joint(rows))  # noqa: SLF001
    scale = np.sqrt(np.max(np.diag(covariance)))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.08 * scale)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.1 * scale**2)


def test_paths_pass_where_the_data_are_whatever_the_waves():
    x = np.linspace(0.0, 1.0, 8)[:, None]
    made = gp.fit(x, np.sin(6.0 * x[:, 0]))
    z = made.factors.z
    observed = likelihood.Observations(made.kernel.embed(tf.constant(x)), z)
    drawn = paths.draw(
        made, observed, paths.randomness(made.kernel, 8, 50, np.random.default_rng(0))
    )
    at_data = drawn.everywhere(tf.constant(x))
    noise = float(made.hyperparameters.noise) ** 0.5
    np.testing.assert_allclose(at_data, np.broadcast_to(z, [50, 8]), atol=5.0 * noise + 1e-6)


def test_each_path_at_rows_of_its_own_is_all_paths_at_those_rows():
    made, observed, rows = posterior()
    drawn = paths.draw(
        made, observed, paths.randomness(made.kernel, 15, 3, np.random.default_rng(0))
    )
    every = drawn.everywhere(rows).numpy()  # [3, 6]
    own = drawn.each(rows).numpy().reshape(3, 2)  # two rows for each
    np.testing.assert_allclose(own, [every[i, 2 * i : 2 * i + 2] for i in range(3)], atol=1e-10)


def test_each_path_is_climbed_to_a_top_of_its_own():
    made, observed, _ = posterior()
    columns = encoding(MIXED).columns
    drawn = paths.draw(
        made, observed, paths.randomness(made.kernel, 15, 6, np.random.default_rng(1))
    )
    rng = np.random.default_rng(3)
    many = tf.constant(snap(columns, rng.random([5000, len(columns)])))
    screened = drawn.everywhere(many[:500])
    start = tf.gather(many, tf.argmax(screened, axis=1))
    top = tf.function(lambda s: mixed.maximise_each(drawn.each, Domain(columns), s))(start)
    np.testing.assert_allclose(snap(columns, top.numpy()), top, atol=1e-14)
    reached = drawn.each(top).numpy()
    assert (reached >= tf.reduce_max(screened, axis=1).numpy() - 1e-12).all()
    assert (reached >= tf.reduce_max(drawn.everywhere(many), axis=1).numpy() - 1e-6).mean() >= 0.8


def test_a_kernel_of_the_callers_has_no_known_waves():
    import tensorflow_probability as tfp

    own = kernels.kernel(tfp.math.psd_kernels.GammaExponential, 2)
    assert not paths.is_known(own)
