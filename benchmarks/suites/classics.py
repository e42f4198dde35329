"""The classics, each shifted and rotated so that no optimum sits at a centre, in a corner or on an axis.

With `t` drawn from [0.2, 0.8]^d and a random rotation `R`, the function at `u` in the unit cube is
`f(x* + w (R (u - t)))`: `w` is the width of the usual box and `x*` a minimiser, so the optimum is at `t`.
All but Michalewicz's have the same global minimum on the whole space; his, which has not, is folded
back into its box, as by mirrors at the walls.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from suites.base import Cell, Params, Problem, cube, draw, vector


@dataclasses.dataclass(frozen=True)
class Classic:
    """A function on its usual box `[low, high]^d`, and one of its minimisers."""

    name: str
    value: Callable[[np.ndarray], float]
    low: np.ndarray
    high: np.ndarray
    minimiser: np.ndarray
    folded: bool = False


def branin(x: np.ndarray) -> float:
    """Branin's; its minima of 5 / (4 pi) are global on the whole plane."""
    a = x[1] - 5.1 / (4.0 * math.pi**2) * x[0] ** 2 + 5.0 / math.pi * x[0] - 6.0
    return float(a**2 + 10.0 * (1.0 - 1.0 / (8.0 * math.pi)) * math.cos(x[0]) + 10.0)


ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
A3 = np.array([[3.0, 10.0, 30.0], [0.1, 10.0, 35.0], [3.0, 10.0, 30.0], [0.1, 10.0, 35.0]])
P3 = 1e-4 * np.array(
    [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
)
A6 = np.array(
    [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ]
)
P6 = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(a: np.ndarray, p: np.ndarray) -> Callable[[np.ndarray], float]:
    """Hartmann's sum of four bumps, of three or six variables."""
    return lambda x: -float(ALPHA @ np.exp(-np.sum(a * (x - p) ** 2, axis=1)))


def ackley(x: np.ndarray) -> float:
    """Ackley's: a funnel with a dimple for each integer."""
    radius = math.sqrt(np.mean(x**2))
    waves = np.mean(np.cos(2.0 * math.pi * x))
    return float(-20.0 * math.exp(-0.2 * radius) - math.exp(waves) + 20.0 + math.e)


def levy(x: np.ndarray) -> float:
    """Levy's."""
    w = 1.0 + (x - 1.0) / 4.0
    middle = np.sum((w[:-1] - 1.0) ** 2 * (1.0 + 10.0 * np.sin(math.pi * w[:-1] + 1.0) ** 2))
    last = (w[-1] - 1.0) ** 2 * (1.0 + math.sin(2.0 * math.pi * w[-1]) ** 2)
    return float(math.sin(math.pi * w[0]) ** 2 + middle + last)


def rosenbrock(x: np.ndarray) -> float:
    """Rosenbrock's valley."""
    return float(np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))


def griewank(x: np.ndarray) -> float:
    """Griewank's: ripples on a wide bowl."""
    waves = np.prod(np.cos(x / np.sqrt(np.arange(1, len(x) + 1))))
    return float(1.0 + np.sum(x**2) / 4000.0 - waves)


def styblinski_tang(x: np.ndarray) -> float:
    """Styblinski and Tang's: two wells a column."""
    return float(0.5 * np.sum(x**4 - 16.0 * x**2 + 5.0 * x))


def michalewicz(x: np.ndarray) -> float:
    """Michalewicz's: a trench a column, on [0, pi]^d."""
    steep = np.sin(np.arange(1, len(x) + 1) * x**2 / math.pi) ** 20
    return -float(np.sum(np.sin(x) * steep))


def rastrigin(x: np.ndarray) -> float:
    """Rastrigin's: a bowl with a well for each integer."""
    return float(np.sum(x**2 - 10.0 * np.cos(2.0 * math.pi * x) + 10.0))


def _wells() -> float:
    """Styblinski and Tang's minimiser of one column: the least root of 4 x^3 - 32 x + 5."""
    return float(np.min(np.roots([4.0, 0.0, -32.0, 5.0]).real))


def _trenches(d: int) -> np.ndarray:
    """Michalewicz's minimiser, column by column on a fine grid, then by Newton-free bisection."""
    found = []
    for i in range(1, d + 1):
        x = np.linspace(0.0, math.pi, 200_001)
        for _ in range(4):
            value = -np.sin(x) * np.sin(i * x**2 / math.pi) ** 20
            best = x[np.argmin(value)]
            step = x[1] - x[0]
            x = np.linspace(max(best - step, 0.0), min(best + step, math.pi), 2_001)
        found.append(best)
    return np.array(found)


def _box(low: float, high: float, d: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(d, low), np.full(d, high)


CLASSICS = {
    classic.name: classic
    for classic in (
        Classic(
            "branin",
            branin,
            np.array([-5.0, 0.0]),
            np.array([10.0, 15.0]),
            np.array([math.pi, 2.275]),
        ),
        Classic(
            "hartmann-3",
            hartmann(A3, P3),
            *_box(0.0, 1.0, 3),
            np.array([0.1145890, 0.5556488, 0.8525470]),
        ),
        Classic(
            "hartmann-6",
            hartmann(A6, P6),
            *_box(0.0, 1.0, 6),
            np.array([0.20168951, 0.15001069, 0.47687397, 0.27533243, 0.31165162, 0.65730053]),
        ),
        Classic("ackley-5", ackley, *_box(-32.768, 32.768, 5), np.zeros(5)),
        Classic("levy-8", levy, *_box(-10.0, 10.0, 8), np.ones(8)),
        Classic("rosenbrock-4", rosenbrock, *_box(-5.0, 10.0, 4), np.ones(4)),
        Classic("griewank-5", griewank, *_box(-600.0, 600.0, 5), np.zeros(5)),
        Classic("styblinski-tang-5", styblinski_tang, *_box(-5.0, 5.0, 5), np.full(5, _wells())),
        Classic("michalewicz-5", michalewicz, *_box(0.0, math.pi, 5), _trenches(5), folded=True),
        Classic("rastrigin-4", rastrigin, *_box(-5.12, 5.12, 4), np.zeros(4)),
    )
}

# Standard deviation of the noise: this share of what separates the best tenth of the box from the optimum.
NOISE = {"little": 0.02, "much": 0.2}


def transformed(classic: Classic, seed: int, noise: float = 0.0) -> Problem:
    """The function shifted and rotated by the seed, with noise of that share (see `NOISE`)."""
    d = len(classic.low)
    rng = np.random.default_rng([seed, d, 1])
    target = rng.uniform(0.2, 0.8, d)
    rotation, triangle = np.linalg.qr(rng.standard_normal([d, d]))
    rotation = rotation * np.sign(np.diag(triangle))
    width = classic.high - classic.low

    def value(params: Params) -> float:
        x = classic.minimiser + width * (rotation @ (vector(params) - target))
        if classic.folded:
            x = _folded(x, classic.low, width)
        return classic.value(x)

    optimum = classic.value(classic.minimiser)
    if not noise:
        return Problem(cube(d), value, optimum)
    sample = [value(draw(cube(d), rng)) for _ in range(512)]
    return Problem(cube(d), value, optimum, noise * float(np.quantile(sample, 0.1) - optimum))


def _folded(x: np.ndarray, low: np.ndarray, width: np.ndarray) -> np.ndarray:
    """`x` mirrored at the walls of the box until it is inside."""
    turns = np.mod((x - low) / width, 2.0)
    return low + width * np.minimum(turns, 2.0 - turns)


def cells() -> list[Cell]:
    """Each function without noise, then each with little and with much."""

    def cell(suite: str, name: str, classic: Classic, noise: float) -> Cell:
        return Cell(suite, name, lambda seed: transformed(classic, seed, noise))

    plain = [cell("classics", name, classic, 0.0) for name, classic in CLASSICS.items()]
    noisy = [
        cell("noisy", f"{name}-{level}-noise", classic, share)
        for level, share in NOISE.items()
        for name, classic in CLASSICS.items()
    ]
    return plain + noisy
