"""The regressor against scikit-learn, on real and synthetic data."""

import warnings

import numpy as np
import pytest
from sklearn import datasets
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)

from tfbo import InvalidArgument, TFBOWarning, gp
from tfbo._compile.sessions import SESSIONS, Info


def real(load, target, rows, columns=None, stride=1):
    x = load().data[::stride][:rows]
    x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1.0)
    y = load().target[::stride][:rows].astype(float) if target is None else x[:, target]
    keep = [j for j in range(x.shape[1]) if j != target and np.ptp(x[:, j]) > 0][:columns]
    return x[:, keep], y


def synthetic(function, n, d, noise, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2.0, 2.0, [n, d])
    return x, function(x) + noise * rng.standard_normal(n)


SETS = {
    "diabetes": real(datasets.load_diabetes, None, 120),
    "diabetes later rows": real(datasets.load_diabetes, None, 100, 6, stride=4),
    "diabetes: bmi": real(datasets.load_diabetes, 2, 100, 5, stride=3),
    "diabetes: pressure": real(datasets.load_diabetes, 3, 80, 4, stride=5),
    "wine: alcohol": real(datasets.load_wine, 0, 178, 6),
    "wine: colour": real(datasets.load_wine, 9, 100, 5),
    "wine: proline": real(datasets.load_wine, 12, 90, 7, stride=2),
    "iris: petal width": real(datasets.load_iris, 3, 150),
    "iris: sepal width": real(datasets.load_iris, 1, 75, stride=2),
    "cancer: texture": real(datasets.load_breast_cancer, 1, 110, 5, stride=5),
    "cancer: area": real(datasets.load_breast_cancer, 3, 90, 3, stride=6),
    "linnerud": (datasets.load_linnerud().data, datasets.load_linnerud().target[:, 0]),
    "sine": synthetic(lambda x: np.sin(3.0 * x[:, 0]), 30, 1, 0.1, 0),
    "sum of sines": synthetic(lambda x: np.sin(4.0 * x.sum(1)), 40, 2, 0.1, 1),
    "product": synthetic(lambda x: np.prod(x, axis=1), 50, 3, 0.05, 2),
    "step": synthetic(lambda x: (x[:, 0] > 0.3).astype(float), 40, 1, 0.0, 3),
    "one of four": synthetic(lambda x: np.cos(2.0 * x[:, 2]), 60, 4, 0.1, 4),
    "linear": synthetic(lambda x: x @ np.arange(1.0, 4.0), 30, 3, 0.3, 5),
    "noise": synthetic(lambda x: 0.0 * x[:, 0], 30, 2, 1.0, 6),
    "no noise": synthetic(lambda x: np.exp(-(x**2).sum(1)), 40, 2, 0.0, 7),
    "friedman": datasets.make_friedman1(60, 5, noise=0.2, random_state=0),
    "friedman 2": datasets.make_friedman2(50, noise=5.0, random_state=0),
}


def test_there_are_twenty():
    assert len(SETS) >= 20


@pytest.mark.parametrize("name", SETS)
def test_likelihood_matches_or_exceeds_scikit_learn(name):
    x, y = SETS[name]
    kernel = ConstantKernel(1.0, (1e-5, 1e5)) * RBF(np.ones(x.shape[1]), (1e-5, 1e5))
    kernel += WhiteKernel(0.1, (1e-8, 1e5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = GaussianProcessRegressor(
            kernel, alpha=0.0, normalize_y=True, n_restarts_optimizer=9, random_state=0
        ).fit(x, y)
    ours = gp.fit(x, y, kernel="rbf", priors=None, n_restarts=10, seed=0)
    value = float(ours.log_marginal_likelihood())
    assert bool(ours.ok)
    assert value >= theirs.log_marginal_likelihood_value_ - 1e-4


CORRELATIONS = {
    "rbf": lambda h: RBF(h.lengthscales.numpy()),
    "matern52": lambda h: Matern(h.lengthscales.numpy(), nu=2.5),
    "matern32": lambda h: Matern(h.lengthscales.numpy(), nu=1.5),
    "matern12": lambda h: Matern(h.lengthscales.numpy(), nu=0.5),
    "rational_quadratic": lambda h: RationalQuadratic(float(h.lengthscales[0]), float(h.shape[0])),
}


@pytest.mark.parametrize("kernel", CORRELATIONS)
@pytest.mark.parametrize("name", ["diabetes: pressure", "sum of sines", "step", "friedman 2"])
def test_predictions_agree_at_the_same_hyperparameters(name, kernel):
    x, y = SETS[name]
    ours = gp.fit(x, y, kernel=kernel, ard=kernel != "rational_quadratic", n_restarts=3)
    h = ours.hyperparameters
    k = ConstantKernel(float(h.amplitude) ** 2) * CORRELATIONS[kernel](h) + WhiteKernel(
        float(h.noise)
    )
    theirs = GaussianProcessRegressor(k, alpha=0.0, normalize_y=True, optimizer=None).fit(x, y)
    rng = np.random.default_rng(0)
    new = x[rng.integers(len(x), size=30)] + 0.3 * x.std(0) * rng.standard_normal([30, x.shape[1]])
    mean, variance = ours.mean_var(new, noise=True)
    their_mean, their_std = theirs.predict(new, return_std=True)
    np.testing.assert_allclose(mean, their_mean, rtol=1e-6, atol=1e-6 * np.std(y))
    np.testing.assert_allclose(np.sqrt(variance), their_std, rtol=1e-6)
    assert float(ours.log_marginal_likelihood()) == pytest.approx(
        theirs.log_marginal_likelihood_value_, rel=1e-6
    )


def test_leave_one_out_is_what_leaving_one_out_gives():
    x, y = SETS["product"]
    posterior = gp.fit(x, y)
    h = posterior.hyperparameters
    scale = float(posterior.scale)
    z = (y - float(posterior.shift)) / scale
    k = ConstantKernel(float(h.amplitude) ** 2) * Matern(h.lengthscales.numpy(), nu=2.5)
    k += WhiteKernel(float(h.noise))
    loo = posterior.loo()
    for i in range(0, len(y), 7):
        rest = np.arange(len(y)) != i
        without = GaussianProcessRegressor(k, alpha=0.0, optimizer=None).fit(x[rest], z[rest])
        mean, std = without.predict(x[i : i + 1], return_std=True)
        assert float(loo.mean[i]) == pytest.approx(
            mean[0] * scale + float(posterior.shift), rel=1e-6, abs=1e-7
        )
        assert float(loo.variance[i]) == pytest.approx((std[0] * scale) ** 2, rel=1e-6)


def test_samples_have_the_posterior_moments():
    x, y = SETS["sine"]
    posterior = gp.fit(x, y)
    new = np.linspace(-2.0, 2.0, 5)[:, None]
    draws = posterior.sample(new, 20_000, seed=1).numpy()
    mean, covariance = posterior.joint(new)
    np.testing.assert_allclose(draws.mean(0), mean, atol=4e-2 * np.sqrt(np.max(covariance)))
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=4e-2 * np.max(covariance))
    np.testing.assert_array_equal(draws[:3], posterior.sample(new, 20_000, seed=1)[:3])


R = np.random.default_rng(0)
X = R.random([20, 3])
F = np.sin(5.0 * X.sum(1))
HARD = {
    "all equal": (X, np.full(20, 3.0)),
    "all zero": (X, np.zeros(20)),
    "scale 1e-30": (X, 1e-30 * F),
    "scale 1e+30": (X, 1e30 * F),
    "scale 1e+150": (X, 1e150 * F),
    "duplicated x": (np.repeat(X[:5], 4, 0), np.repeat(F[:5], 4) + 0.1 * R.standard_normal(20)),
    "duplicated rows": (np.repeat(X[:5], 4, 0), np.repeat(F[:5], 4)),
    "n = 1": (X[:1], F[:1]),
    "n = 2": (X[:2], F[:2]),
    "n < d": (R.random([3, 8]), F[:3]),
    "constant column": (np.column_stack([X, np.ones(20)]), F),
    "outlier": (X, np.where(np.arange(20) == 3, 1e12, F)),
    "far from the origin": (X + 1e6, F + 1e6),
}


@pytest.mark.parametrize("optimizer", ["bfgs", "adam"])
@pytest.mark.parametrize("noise", [None, 0.0])
@pytest.mark.parametrize("name", HARD)
def test_hard_data_give_finite_answers(name, noise, optimizer):
    x, y = HARD[name]
    posterior = gp.fit(x, y, noise=noise, optimizer=optimizer, n_restarts=3)
    mean, variance = posterior.mean_var(x)
    loo = posterior.loo()
    results = (mean, variance, *loo, posterior.sample(x, 3), posterior.log_marginal_likelihood())
    assert all(np.isfinite(result).all() for result in results)
    assert (variance.numpy() >= 0.0).all()
    assert (mean.numpy() >= y.min() - 0.5 * np.ptp(y) - 1e-9).all()
    assert (mean.numpy() <= y.max() + 0.5 * np.ptp(y) + 1e-9).all()
    assert bool(posterior.ok)


@pytest.mark.parametrize("name", ["scale 1e-30", "scale 1e+30"])
def test_the_scale_of_the_outcomes_changes_nothing_else(name):
    unscaled, _ = gp.fit(X, F).mean_var(X[:5] + 0.1)
    scaled, _ = gp.fit(*HARD[name]).mean_var(X[:5] + 0.1)
    np.testing.assert_allclose(scaled / HARD[name][1][0] * F[0], unscaled, rtol=1e-5)


def test_a_hopeless_fit_falls_back_to_the_priors_and_says_so_once(monkeypatch):
    import tensorflow as tf

    from tfbo.gp import search

    monkeypatch.setattr(
        search,
        "log_posterior",
        lambda *a: tf.fill([tf.shape(a[-1])[0]], tf.constant(np.nan, tf.float64)),
    )
    SESSIONS.clear()
    with pytest.warns(TFBOWarning, match="No start of the hyperparameter search") as said:
        posterior = gp.fit(X, F)
    SESSIONS.clear()
    assert not bool(posterior.ok) and len(said) == 1
    assert np.isfinite(posterior.mean_var(X)[0]).all()


def test_fits_of_any_number_of_rows_share_one_session():
    SESSIONS.clear()
    for n in (4, 9, 17):
        gp.fit(X[:n], F[:n], n_restarts=2)
    assert SESSIONS.info() == Info(entries=1, hits=2, misses=1)
    gp.fit(X, F, n_restarts=3)
    assert SESSIONS.info().misses == 2


def test_the_same_seed_gives_the_same_fit():
    one, two = gp.fit(X, F, seed=0), gp.fit(X, F, seed=0)
    np.testing.assert_array_equal(one.mean_var(X)[0], two.mean_var(X)[0])


def test_a_tfp_kernel_class_is_a_kernel():
    import tensorflow_probability as tfp

    posterior = gp.fit(
        X, F, kernel=tfp.math.psd_kernels.GammaExponential, ranges=gp.Ranges(shape=(0.5, 2.0))
    )
    assert np.isfinite(posterior.mean_var(X)[0]).all()


def by_definition(posterior, x, y, std, new):
    """Posterior moments, log likelihood and leave-one-out in dense NumPy, in the units of y."""
    h, scale = posterior.hyperparameters, float(posterior.scale)
    shift = float(posterior.shift)
    correlation = Matern(h.lengthscales.numpy(), nu=2.5)
    k = float(h.amplitude) ** 2 * correlation(x)
    k += np.diag(float(h.noise) + (std / scale) ** 2)
    z, cross = (y - shift) / scale, float(h.amplitude) ** 2 * correlation(new, x)
    inverse = np.linalg.inv(k)
    mean = cross @ inverse @ z
    variance = float(h.amplitude) ** 2 - np.einsum("ij,jk,ik->i", cross, inverse, cross)
    likelihood = -0.5 * (z @ inverse @ z + np.linalg.slogdet(k)[1] + len(z) * np.log(2.0 * np.pi))
    loo = z - inverse @ z / np.diag(inverse)
    return shift + scale * mean, scale**2 * variance, likelihood, shift + scale * loo


@pytest.mark.parametrize("noise", [None, 0.01])
def test_known_standard_errors_are_those_of_the_definition(noise):
    x, y = SETS["product"]
    y = 7.0 * y - 3.0
    std = np.random.default_rng(0).uniform(0.0, 2.0, len(y))
    posterior = gp.fit(x, y, noise=noise, std=std, n_restarts=2)
    new = np.random.default_rng(1).uniform(-2.0, 2.0, [10, 3])
    expected = by_definition(posterior, x, y, std, new)
    mean, variance = posterior.mean_var(new)
    ours = (mean, variance, posterior.log_marginal_likelihood(), posterior.loo().mean)
    for one, two in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-9)
    if noise:
        assert float(posterior.hyperparameters.noise * posterior.scale**2) == pytest.approx(noise)


def test_the_likelihood_of_known_variances_and_its_gradient():
    import tensorflow as tf

    from tfbo.gp import hyperprior, kernels, likelihood
    from tfbo.optim.base import value_and_gradient

    kernel = kernels.kernel("matern52", 3)
    flat = hyperprior.Hyperprior(*map(tf.constant, hyperprior.stack(kernel, None)))
    variances = np.random.default_rng(4).exponential(size=20)
    z = (F - F.mean()) / F.std()
    observed = likelihood.Observations(*map(tf.constant, (X, z)), variances=tf.constant(variances))
    theta = np.array([[0.3, -0.5, 0.2, 0.7, -2.0]])

    def evaluate(theta):
        k = np.exp(2.0 * theta[0]) * Matern(np.exp(theta[1:4]), nu=2.5)(X)
        k += np.diag(np.exp(theta[4]) + variances)
        quadratic = z @ np.linalg.solve(k, z)
        return -0.5 * (quadratic + np.linalg.slogdet(k)[1] + 20 * np.log(2.0 * np.pi))

    value, gradient = value_and_gradient(
        lambda t: likelihood.log_posterior(kernel, flat, observed, t), tf.constant(theta)
    )
    assert float(value[0]) == pytest.approx(evaluate(theta[0]), rel=1e-10)
    steps = 1e-5 * np.eye(5)
    differences = [(evaluate(theta[0] + s) - evaluate(theta[0] - s)) / 2e-5 for s in steps]
    np.testing.assert_allclose(gradient[0], differences, rtol=1e-6, atol=1e-7)


def test_an_outcome_of_a_large_standard_error_is_ignored():
    y, std = np.sin(5.0 * X[:, 0]), np.zeros(20)
    spoilt, rest = y.copy(), np.arange(20) != 7
    spoilt[7] += 2.0
    std[7] = 2000.0
    mean, _ = gp.fit(X, spoilt, std=std).mean_var(X[7:8])
    without, _ = gp.fit(X[rest], y[rest]).mean_var(X[7:8])
    believed, _ = gp.fit(X, spoilt).mean_var(X[7:8])
    assert abs(float(mean[0]) - float(without[0])) < 0.05
    assert abs(float(believed[0]) - float(without[0])) > 0.3


def test_the_learned_noise_is_what_standard_errors_leave():
    rng = np.random.default_rng(3)
    x = rng.random([150, 1])
    y = np.sin(6.0 * x[:, 0]) + 0.3 * rng.standard_normal(150)
    alone, beside = (gp.fit(x, y, std=std) for std in (None, np.full(150, 0.3)))
    noise = [float(p.hyperparameters.noise * p.scale**2) for p in (alone, beside)]
    assert noise[0] == pytest.approx(0.09, rel=0.3)
    assert noise[1] < 0.02
    np.testing.assert_allclose(alone.mean_var(x)[0], beside.mean_var(x)[0], atol=0.05)


BAD = [
    (lambda: gp.fit(X, F, std=F[:3]), "std:"),
    (lambda: gp.fit(X, F, std=0.1), "std:"),
    (lambda: gp.fit(X, F, std=np.full(20, -0.1)), "std:"),
    (lambda: gp.fit(X, F, std=np.full(20, np.inf)), "std:"),
    (lambda: gp.fit(X[:, 0], F), "x:"),
    (lambda: gp.fit(X, F[:3]), "y:"),
    (lambda: gp.fit(X, np.where(np.arange(20) == 2, np.nan, F)), "y:"),
    (lambda: gp.fit([["a"]], [1.0]), "x:"),
    (lambda: gp.fit(X, F, kernel="matern"), "kernel:"),
    (lambda: gp.fit(X, F, kernel=dict), "kernel:"),
    (lambda: gp.fit(X, F, optimizer="sgd"), "optimizer:"),
    (lambda: gp.fit(X, F, n_restarts=0), "n_restarts:"),
    (lambda: gp.fit(X, F, priors="none"), "priors:"),
    (lambda: gp.fit(X, F, noise=-1.0), "noise:"),
    (lambda: gp.fit(X, F, seed=-1), "seed:"),
    (lambda: gp.fit(X, F).mean_var(X[:, :2]), "x:"),
    (lambda: gp.fit(X, F).sample(X, 0), "n_samples:"),
]


@pytest.mark.parametrize(("call", "named"), BAD)
def test_mistakes_are_named(call, named):
    with pytest.raises(InvalidArgument) as caught:
        call()
    assert named in str(caught.value)
    assert "expected" in str(caught.value)
