"""The process of learning curves in NumPy, with loops and dense solves: what others are held against."""

import numpy as np

INACTIVE = -1.0


def matern52(r):
    return (1.0 + np.sqrt(5.0) * r + 5.0 / 3.0 * r**2) * np.exp(-np.sqrt(5.0) * r)


def distance(one, other, lengthscales, columns=None):
    """Scaled distance of two configurations; columns are "number", "category:levels" or "arc"."""
    total = 0.0
    for i, scale in enumerate(lengthscales):
        kind, a, b = (columns or {}).get(i, "number"), one[i], other[i]
        if kind == "number":
            square = (a - b) ** 2
        elif kind == "arc":
            known = [value > 0.5 * INACTIVE for value in (a, b)]
            square = 2.0 - 2.0 * np.cos(a - b) if all(known) else float(any(known))
        else:
            levels = int(kind.partition(":")[2])
            square = float(int(a * levels) != int(b * levels))
        total += square / scale**2
    return np.sqrt(total)


def kernel(rows1, rows2, of, columns=None, correlation=matern52):
    """Covariances `[n, m]` of rows of a configuration, a step and a trial; `of` are the hyperparameters."""
    covariances = np.zeros([len(rows1), len(rows2)])
    whole = 1.0 + of["changing"] + of["trial"]
    for i, one in enumerate(rows1):
        for j, other in enumerate(rows2):
            alike = correlation(distance(one, other, of["lengthscales"], columns))
            slow = matern52(abs(one[-2] - other[-2]) / of["step_lengthscale"])
            own = matern52(abs(one[-2] - other[-2]) / of["trial_lengthscale"])
            same = float(one[-1] == other[-1] and one[-1] >= 0.0)
            total = alike + of["changing"] * slow * alike + of["trial"] * same * own
            covariances[i, j] = of["amplitude"] ** 2 * total / whole
    return covariances


def noise(rows, of):
    """Variances of the noise `[n]`."""
    return of["noise"] + of["early_noise"] * (1.0 - rows[:, -2]) ** 4


def posterior(rows, z, of, asked, variances=0.0):
    """Mean and variance at the rows that are asked for."""
    covariance = kernel(rows, rows, of) + np.diag(noise(rows, of) + variances)
    cross = kernel(asked, rows, of)
    mean = cross @ np.linalg.solve(covariance, z)
    explained = np.sum(cross * np.linalg.solve(covariance, cross.T).T, axis=1)
    return mean, of["amplitude"] ** 2 - explained


def of_fit(hyperparameters):
    """The hyperparameters of a fit by name, of a kernel of configurations without any of its own."""
    names = ("changing", "trial", "step_lengthscale", "trial_lengthscale", "early_noise")
    return {
        "amplitude": float(hyperparameters.amplitude),
        "lengthscales": np.asarray(hyperparameters.lengthscales),
        "noise": float(hyperparameters.noise),
        **dict(zip(names, np.asarray(hyperparameters.shape).tolist(), strict=True)),
    }
