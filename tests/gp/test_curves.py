"""The kernel of learning curves: its parts against loops, and its hyperparameters."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parent))
import dense_curves

from tfbo.columns import INACTIVE, Column, Columns, snap
from tfbo.gp import Hyperparameters, kernels
from tfbo.gp.curves import curve_kernel, curve_priors
from tfbo.gp.hyperprior import Ranges, default_priors, draws, stack
from tfbo.gp.likelihood import unpack
from tfbo.gp.posterior import Posterior

MIXED = Columns(
    (
        Column(),
        Column(count=3, categorical=True),
        Column(conditions=((1, (0.5 / 3,)),)),
    )
)
KINDS = {1: "category:3", 2: "arc"}
RATE = 0.7
OF = {
    "amplitude": 1.3,
    "lengthscales": [0.5, 0.8, 1.7],
    "changing": 0.6,
    "trial": 0.3,
    "step_lengthscale": 0.9,
    "trial_lengthscale": 0.4,
    "early_noise": 0.2,
    "noise": 0.05,
}


def hyperparameters(kernel, of=OF):
    """Those of a kernel, by the names that it gives them."""
    named = {**of, "scale_mixture_rate": RATE}
    shape = [named[name] for name in kernel.shape_names]
    values = of["amplitude"], of["lengthscales"], shape, of["noise"]
    return Hyperparameters(*(tf.constant(value, tf.float64) for value in values))


def rows(n=14, seed=0, columns=MIXED):
    """Rows of few trials, of which some are like no other, at few steps."""
    rng = np.random.default_rng(seed)
    configurations = snap(columns, rng.random([n, len(columns)]))
    trials = rng.integers(-2, 4, n).astype(float)
    times = rng.choice([0.0, 0.3, 0.7, 1.0], n)
    return np.concatenate([configurations, times[:, None], trials[:, None]], axis=1)


def rational_quadratic(r):
    return (1.0 + r**2 / (2.0 * RATE)) ** -RATE


BASES = [("matern52", dense_curves.matern52), ("rational_quadratic", rational_quadratic)]


def embedded(kernel, h, x):
    return kernel.scale(h, kernel.embed(tf.constant(x)))


@pytest.mark.parametrize(("base", "correlation"), BASES)
@pytest.mark.parametrize("left_out", [(), ("changing",), ("trial",), ("changing", "trial")])
def test_covariances_against_loops(base, correlation, left_out):
    kernel = curve_kernel(kernels.kernel(base, 3, MIXED))
    of = {**OF, **dict.fromkeys(left_out, 0.0)}
    x, h = rows(), hyperparameters(kernel, of)
    assert (x[:, 2] == INACTIVE).any() and (x[:, 2] != INACTIVE).any()
    expected = dense_curves.kernel(x[:5], x, of, KINDS, correlation)
    found = kernel.at(h).matrix(embedded(kernel, h, x[:5]), embedded(kernel, h, x))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    expected = dense_curves.kernel(x, x, of, KINDS, correlation)
    np.fill_diagonal(expected, of["amplitude"] ** 2)  # of a trial like no other, with itself
    expected += np.diag(dense_curves.noise(x, of))
    found = kernel.covariance(h, kernel.embed(tf.constant(x)))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_known_variances_add_to_the_noise_of_early_steps():
    kernel, x = curve_kernel(kernels.kernel("matern52", 3, MIXED)), rows()
    h, features = hyperparameters(kernel), kernel.embed(tf.constant(x))
    variances = np.linspace(0.0, 2.0, len(x))
    with_them = kernel.covariance(h, features, None, tf.constant(variances)).numpy()
    np.testing.assert_allclose(with_them, kernel.covariance(h, features) + np.diag(variances))
    assert np.ptp(dense_curves.noise(x, OF)) == pytest.approx(OF["early_noise"])


def test_a_number_below_zero_is_a_trial_like_no_other():
    kernel, h = curve_kernel(kernels.kernel("matern52", 1)), None
    of = {**OF, "lengthscales": [0.5]}
    h = hyperparameters(kernel, of)
    same, new = [[[0.4, 0.5, number]] * 2 for number in (3.0, -1.0)]
    shared = (1.0 + OF["changing"]) / (1.0 + OF["changing"] + OF["trial"])
    for pair, expected in ((same, 1.0), (new, shared), ([same[0], new[0]], shared)):
        scaled = embedded(kernel, h, np.array(pair))
        found = float(kernel.at(h).matrix(scaled, scaled)[0, 1])
        assert found == pytest.approx(1.3**2 * expected, rel=1e-12)


def test_a_row_of_a_configuration_alone_is_a_new_trial_at_the_last_step():
    kernel, x = curve_kernel(kernels.kernel("matern52", 3, MIXED)), rows()
    h = hyperparameters(kernel)
    short, data = x[:4, :-2], embedded(kernel, h, x)
    long = np.concatenate([short, np.ones([4, 1]), -np.ones([4, 1])], axis=1)
    ones, others = embedded(kernel, h, short), embedded(kernel, h, long)
    matrix = kernel.at(h).matrix
    np.testing.assert_allclose(matrix(ones, data), matrix(others, data), rtol=1e-12)
    np.testing.assert_allclose(matrix(data, ones), matrix(data, others), rtol=1e-12)
    np.testing.assert_allclose(matrix(ones, ones), matrix(others, others), rtol=1e-12)
    alone, both = (kernel.covariance(h, kernel.embed(tf.constant(each))) for each in (short, long))
    np.testing.assert_allclose(alone, both, rtol=1e-12)
    np.testing.assert_array_equal(kernel.scale(h, kernel.final(kernel.embed(short))), ones)


def test_the_last_step_of_the_same_trials():
    kernel, x = curve_kernel(kernels.kernel("matern52", 3, MIXED)), rows()
    h, at_last = hyperparameters(kernel), np.array(x)
    at_last[:, -2] = 1.0
    found = kernel.scale(h, kernel.final(kernel.embed(tf.constant(x))))
    np.testing.assert_array_equal(found, embedded(kernel, h, at_last))
    assert kernels.kernel("matern52", 3).final(tf.constant(x)) is None


@pytest.mark.parametrize("base", [name for name, _ in BASES])
def test_covariances_are_positive_definite_with_an_exact_diagonal(base):
    kernel = curve_kernel(kernels.kernel(base, 3, MIXED))
    hyperprior = stack(kernel, curve_priors(3))
    x = rows(60, seed=1)
    for theta in draws(hyperprior, 8, np.random.default_rng(0)):
        h = unpack(kernel, tf.constant(theta))
        k = kernel.covariance(h, kernel.embed(tf.constant(x))).numpy()
        np.testing.assert_allclose(k, k.T, rtol=1e-13)
        early = float(h.shape[..., -1])
        expected = float(h.amplitude) ** 2 + float(h.noise) + early * (1.0 - x[:, -2]) ** 4
        np.testing.assert_allclose(np.diag(k), expected, rtol=1e-14)
        assert np.linalg.eigvalsh(k).min() > 0.5 * float(h.noise)


def test_leading_axes_are_those_of_sets_of_hyperparameters():
    kernel = curve_kernel(kernels.kernel("rational_quadratic", 3, MIXED))
    theta = draws(stack(kernel, curve_priors(3)), 3, np.random.default_rng(1))
    features = kernel.embed(tf.constant(rows()))
    together = kernel.covariance(unpack(kernel, tf.constant(theta)), features)
    assert together.shape == (3, 14, 14)
    for each, found in zip(theta, together, strict=True):
        alone = kernel.covariance(unpack(kernel, tf.constant(each)), features)
        np.testing.assert_allclose(found, alone, rtol=1e-12)


@pytest.mark.parametrize("base", [name for name, _ in BASES])
def test_gradients_against_differences(base):
    kernel = curve_kernel(kernels.kernel(base, 3, MIXED))
    theta = draws(stack(kernel, curve_priors(3)), 1, np.random.default_rng(2))[0]
    weights = tf.constant(np.random.default_rng(3).standard_normal([14, 14]))

    def total(theta, x):
        return tf.reduce_sum(weights * kernel.covariance(unpack(kernel, theta), kernel.embed(x)))

    given = [tf.constant(theta), tf.constant(rows())]
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = total(*given)
    of_theta, of_x = (part.numpy() for part in tape.gradient(value, given))

    def difference(place, index):
        ends = []
        for step in (1e-5, -1e-5):
            moved = [np.array(part) for part in given]
            moved[place][index] += step
            ends.append(float(total(*map(tf.constant, moved))))
        return (ends[0] - ends[1]) / 2e-5

    for i in range(len(theta)):
        assert of_theta[i] == pytest.approx(difference(0, i), rel=1e-5, abs=1e-6), i
    for row in range(14):
        for column in (0, 3):  # numbers: a configuration's and the step
            assert of_x[row, column] == pytest.approx(
                difference(1, (row, column)), rel=1e-5, abs=1e-6
            )


def test_priors_and_bounds_are_those_of_the_names_in_the_vector():
    kernel = curve_kernel(kernels.kernel("rational_quadratic", 3, MIXED))
    names = ["amplitude", *["lengthscale"] * 3, *kernel.shape_names, "noise"]
    priors, ranges = curve_priors(3), Ranges(noise=(1e-7, 7.0), shape=(1e-4, 44.0))
    hyperprior = stack(kernel, priors, ranges=ranges)
    assert len(names) == len(hyperprior.loc) == 11
    expected = {
        "amplitude": (*priors.amplitude, *ranges.amplitude),
        "lengthscale": (*priors.lengthscale, *ranges.lengthscale),
        "scale_mixture_rate": (*priors.shape, *ranges.shape),
        **{part.name: tuple(part)[1:] for part in kernel.own},
        "noise": (*priors.noise, *ranges.noise),
    }
    for i, name in enumerate(names):
        loc, scale, low, high = expected[name]
        assert (hyperprior.loc[i], hyperprior.scale[i]) == (loc, scale), name
        assert np.exp([hyperprior.lower[i], hyperprior.upper[i]]) == pytest.approx([low, high])
    assert len({expected[name] for name in names}) == 8  # which could be taken for each other


def test_a_name_is_the_part_of_the_vector_that_the_kernel_reads():
    kernel, x = curve_kernel(kernels.kernel("rational_quadratic", 3, MIXED)), rows()
    of = {**OF, "scale_mixture_rate": RATE}
    names = ["amplitude", *["lengthscales"] * 3, *kernel.shape_names, "noise"]
    scales = iter(OF["lengthscales"])
    theta = np.log([next(scales) if name == "lengthscales" else of[name] for name in names])
    found = kernel.covariance(unpack(kernel, tf.constant(theta)), kernel.embed(tf.constant(x)))
    by_name = kernel.covariance(hyperparameters(kernel), kernel.embed(tf.constant(x)))
    np.testing.assert_allclose(found, by_name, rtol=1e-12)


def test_priors_of_curves_are_smoother_and_noisier():
    ours, others = curve_priors(4), default_priors(4)
    assert ours.lengthscale.loc > others.lengthscale.loc and ours.noise.loc > others.noise.loc
    # As the default ones, lengthscales grow with the root of the dimension.
    assert ours.lengthscale.loc - curve_priors(1).lengthscale.loc == pytest.approx(np.log(2.0))


def test_the_noise_free_mean_of_data_is_that_of_their_trials_at_the_last_step():
    from tfbo.gp import likelihood

    kernel = curve_kernel(kernels.kernel("matern52", 2))
    of = {**OF, "lengthscales": [0.5, 0.8]}
    rng = np.random.default_rng(4)
    x = rows(12, seed=5, columns=Columns((Column(),) * 2))
    z = rng.standard_normal(12)
    h = hyperparameters(kernel, of)
    theta = np.log([of["amplitude"], *of["lengthscales"], *h.shape.numpy(), of["noise"]])
    observed = likelihood.Observations(kernel.embed(tf.constant(x)), tf.constant(z))
    factors = likelihood.factorise(kernel, tf.constant(theta), observed)
    one = tf.ones([], tf.float64)
    posterior = Posterior(kernel, factors, 0.0 * one, one)
    at_last = np.array(x)
    at_last[:, -2] = 1.0
    data = np.array(x)
    fresh = data[:, -1] < 0.0
    data[fresh, -1] = 100.0 + np.arange(fresh.sum())  # each of them like no other
    at_last[fresh, -1] = -1.0
    mean, variance = dense_curves.posterior(data, z, of, at_last)
    np.testing.assert_allclose(posterior.noise_free(observed), mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(posterior.moments(tf.constant(at_last))[1], variance, rtol=1e-8)
