"""`tfbo.gp.fit`: the surrogate by itself, as a regressor."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbo import _arguments, _random
from tfbo._compile.eager import computing
from tfbo._compile.programs import Program
from tfbo._messages import warn
from tfbo.errors import invalid
from tfbo.gp import data as gp_data
from tfbo.gp import kernels, likelihood, outcomes, search
from tfbo.gp.hyperprior import Hyperprior, Priors, Ranges, default_priors, draws, medians, stack
from tfbo.gp.kernels import Kernel
from tfbo.gp.posterior import Posterior

# A regressor is fitted once, and the likelihood alone has long flat valleys: far more precision than
# the optimiser's own surrogate asks for. In nats.
_TOLERANCE = 1e-9
_MAX_EVALUATIONS = 500
_ROUNDS = 3
# Screening may look at 400 MB of covariances in all, within these limits of candidates a restart.
_MOST_CANDIDATES, _LEAST_CANDIDATES = 32, 4
_SCREENED_NUMBERS = 5e7


@computing()
def fit(
    x: Any,
    y: Any,
    *,
    kernel: str | type = "matern52",
    ard: bool = True,
    n_restarts: int = 5,
    priors: Priors | str | None = "default",
    noise: float | None = None,
    std: Any = None,
    ranges: Ranges = Ranges(),
    optimizer: str = "bfgs",
    seed: int = 0,
) -> Posterior:
    """Fit a Gaussian process to data by gradients on the marginal likelihood and the priors.

    The model is `y = shift + scale (f(x) + e)`: shift and scale are the mean and standard deviation
    of y, `f` is a zero-mean Gaussian process with covariance `amplitude^2 c(x, x')`, and `e` is
    independent noise, beside the standard errors that are known of single outcomes. All starts run
    as one batch inside one compiled program.

    Args:
        x: inputs `[n, d]` in any units; the default priors scale with the extent of each column.
        y: outcomes `[n]` in any units.
        kernel: one of "matern52", "matern32", "matern12", "rbf", "rational_quadratic", or an
            isotropic kernel class of `tfp.math.psd_kernels`.
        ard: one lengthscale a column, or one for all.
        n_restarts: number of starts, r >= 1: from the priors' medians, and from the best of up to
            32 times as many draws. Then as many again from the best neighbours of the optimum, until
            that gains nothing (three rounds at the most).
        priors: "default" (`tfbo.gp.hyperprior.default_priors`), a `Priors`, or None to maximise the
            likelihood alone.
        noise: variance of the observation noise in the units of y squared; None to learn it.
        std: known standard errors of the outcomes `[n]` in the units of y, >= 0; `noise` is what is
            left beyond them. None where none are known.
        ranges: where hyperparameters are searched, lengthscales in the units of x.
        optimizer: "bfgs" or "adam".
        seed: of the random starts.

    Returns:
        A `Posterior`; its `ok` is False where no start led anywhere and the medians of the priors
        stand in, which is also logged as a warning.

    Raises:
        InvalidArgument: for data that are not finite or do not fit together, or a bad setting.

    Source: Rasmussen and Williams 2006, chapters 2 and 5.

    Example:
        >>> import numpy as np
        >>> import tfbo
        >>> x = np.linspace(0.0, 1.0, 12)[:, None]
        >>> posterior = tfbo.gp.fit(x, np.sin(6.0 * x[:, 0]))
        >>> mean, variance = posterior.mean_var([[0.5]])
        >>> print(abs(float(mean[0]) - np.sin(3.0)) < 1e-2)
        True
    """
    data = gp_data.check(x, y, std)
    n_restarts, seed = (
        _arguments.count("n_restarts", n_restarts, "Ten is plenty."),
        _arguments.seed(seed),
    )
    if noise is not None:
        noise = _arguments.number("noise", noise, "It is a variance; None learns it.", least=0.0)
    if not (priors is None or priors == "default" or isinstance(priors, Priors)):
        advice = "Leave it out if in doubt."
        raise invalid("priors", '"default", None or a tfbo.gp.Priors', priors, advice)
    search.check_optimizer(optimizer)
    family = kernels.kernel(kernel, data.x.shape[1], ard=ard)
    chosen = default_priors(family.dimension) if isinstance(priors, str) else priors

    extent = np.ptp(data.x, axis=0)
    extent = np.where(extent > 0.0, extent, 1.0)
    # Moving the inputs changes no distance; near the origin distances lose fewest digits.
    origin = np.mean(data.x, axis=0)
    standardised = outcomes.standardise(tf.constant(data.y))
    known = None if noise is None else noise / float(standardised.scale) ** 2
    hyperprior = stack(family, chosen, ranges=ranges, noise=known, extent=extent)
    rng = _random.generator(seed, "gp.fit")
    each = int(_SCREENED_NUMBERS / (len(data.y) ** 2 * n_restarts))
    each = min(max(each, _LEAST_CANDIDATES), _MOST_CANDIDATES)
    candidates = draws(hyperprior, each * n_restarts, rng)

    errors = outcomes.standardise_errors(tf.constant(data.std), standardised.scale)
    fitted, factors = _program(_Settings(family, optimizer, n_restarts))(
        _Question(
            data.x - origin,
            standardised.z,
            np.square(errors),
            medians(hyperprior),
            candidates,
            hyperprior,
        ),
        rows=len(data.y),
    )
    factors = tf.nest.map_structure(tf.constant, factors)
    if not (bool(fitted.ok) and bool(factors.ok)):
        warn(
            "No start of the hyperparameter search led to a finite marginal likelihood; the medians "
            "of the priors stand in. Duplicated inputs with different outcomes and a noise fixed "
            "near zero are the usual cause: leave noise=None."
        )
    ok = tf.constant(fitted.ok) & factors.ok
    return Posterior(
        family, factors, standardised.shift, standardised.scale, tf.constant(origin), ok
    )


class _Settings(NamedTuple):
    kernel: Kernel
    optimizer: str
    n_restarts: int


class _Question(NamedTuple):
    x: np.ndarray
    z: np.ndarray
    variances: np.ndarray
    medians: np.ndarray
    candidates: np.ndarray
    hyperprior: Hyperprior


def _program(settings: _Settings) -> Program:
    """One compiled program for each set of choices, for any number of rows."""
    kernel = settings.kernel
    spec = functools.partial(tf.TensorSpec, dtype=tf.float64)
    p = spec([kernel.lengthscale_count + len(kernel.shape_names) + 2])
    rows, vector, candidates = spec([None, kernel.dimension]), spec([None]), spec([None, *p.shape])
    hyperprior = Hyperprior(*[p] * len(Hyperprior._fields))
    signature = _Question(rows, vector, vector, p, candidates, hyperprior)
    return Program(_fit, settings, signature, (search.FITTED, likelihood.FACTORS))


def _fit(settings: _Settings, asked: _Question) -> tuple[search.Fitted, likelihood.Factors]:
    kernel = settings.kernel
    observed = likelihood.Observations(kernel.embed(asked.x), asked.z, variances=asked.variances)
    nothing = tf.eye(asked.medians.shape[0], dtype=tf.float64)
    fitted = search.multistart(
        kernel,
        asked.hyperprior,
        observed,
        search.Start(asked.medians, nothing, tf.constant(False)),
        asked.candidates,
        search.Effort(
            settings.n_restarts - 1,
            rounds=_ROUNDS,
            nearby=settings.n_restarts,
            optimizer=settings.optimizer,
            tolerance=_TOLERANCE,
            max_evaluations=_MAX_EVALUATIONS,
            compact=True,
        ),
    )
    return fitted, likelihood.factorise(kernel, fitted.theta, observed)
