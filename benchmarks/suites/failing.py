"""Problems of which a share of the space fails: regions of several shapes, categories, and chance.

Every seed draws an instance: target, rotation and region. The optimum can be evaluated, is neither in
the middle nor in a corner, and is mostly near the edge of what fails.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Callable

import numpy as np

from suites import classics
from suites.base import Cell, Params, Problem, choice, draw, real, vector

Region = Callable[[np.ndarray, np.ndarray, float, np.random.Generator], Callable[..., np.ndarray]]
"""From a sample `[n, d]`, the target `[d]`, the share that succeeds and a generator, to what succeeds."""

SAMPLE = 4096


def ball(
    sample: np.ndarray, target: np.ndarray, share: float, rng: np.random.Generator
) -> Callable[..., np.ndarray]:
    """What is near a point succeeds; the optimum is two thirds of the way from it to the edge."""
    direction = rng.standard_normal(len(target))
    direction /= np.linalg.norm(direction)

    def middle(radius: float) -> np.ndarray:
        return np.clip(target + radius * 2.0 / 3.0 * direction, 0.0, 1.0)

    radii = np.linspace(0.02, 1.5, 149)
    shares = [np.mean(np.linalg.norm(sample - middle(r), axis=1) < r) for r in radii]
    radius = radii[np.argmin(np.abs(np.array(shares) - share))]
    return lambda x: np.linalg.norm(x - middle(radius), axis=-1) < radius


def slope(
    sample: np.ndarray, target: np.ndarray, share: float, rng: np.random.Generator
) -> Callable[..., np.ndarray]:
    """A half-space of any direction succeeds, of which the optimum is at a distance of 0.05 from the edge.

    Of random directions, the one whose half-space is nearest to the share, at the least distance that it
    then has from the optimum.
    """
    directions = rng.standard_normal([256, len(target)])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    shares = np.mean((sample - target) @ directions.T < 0.05, axis=0)
    wall = directions[np.argmin(np.abs(shares - share))]
    return lambda x: (x - target) @ wall < 0.05


def band(
    sample: np.ndarray, target: np.ndarray, share: float, rng: np.random.Generator
) -> Callable[..., np.ndarray]:
    """A slab of any direction succeeds, with the optimum in it."""
    wall = rng.standard_normal(len(target))
    wall /= np.linalg.norm(wall)
    width = np.quantile(np.abs((sample - target) @ wall), share)
    return lambda x: np.abs((x - target) @ wall) < width


def column(
    sample: np.ndarray, target: np.ndarray, share: float, rng: np.random.Generator
) -> Callable[..., np.ndarray]:
    """One column decides: an interval of it succeeds, with the optimum at a quarter of its length."""
    j = int(rng.integers(len(target)))
    low = float(np.clip(target[j] - share / 4.0, 0.0, 1.0 - share))
    return lambda x: (x[..., j] >= low) & (x[..., j] <= low + share)


REGIONS: dict[str, Region] = {"ball": ball, "slope": slope, "band": band, "column": column}


def region(kind: str, classic: str, fails: float, seed: int) -> Problem:
    """A classic of which a region fails.

    Args:
        kind: of `REGIONS`.
        classic: of `classics.CLASSICS`, shifted and rotated by the seed.
        fails: share of the box.
        seed: of the instance.
    """
    problem = classics.transformed(classics.CLASSICS[classic], seed)
    d = len(problem.parameters)
    # The target that `transformed` draws first.
    target = np.random.default_rng([seed, d, 1]).uniform(0.2, 0.8, d)
    rng = np.random.default_rng([seed, d, zlib.crc32(kind.encode())])
    succeeds = REGIONS[kind](rng.random([SAMPLE, d]), target, 1.0 - fails, rng)

    def value(params: Params) -> float:
        return problem.value(params) if succeeds(vector(params)) else math.nan

    return dataclasses.replace(problem, value=value)


def chance(classic: str, fails: float, seed: int) -> Problem:
    """A classic of which each trial fails by chance, whatever it tries."""
    problem = classics.transformed(classics.CLASSICS[classic], seed)

    def value(params: Params) -> float:
        u = zlib.crc32(repr((seed, sorted(params.items()))).encode()) / 2.0**32
        return math.nan if u < fails else problem.value(params)

    return dataclasses.replace(problem, value=value)


LEVELS = ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")


def category(classic: str, fails: float, seed: int) -> Problem:
    """A classic beside a category of ten levels of which most fail; those left differ by an offset."""
    problem = classics.transformed(classics.CLASSICS[classic], seed)
    rng = np.random.default_rng([seed, 107])
    count = max(1, round((1.0 - fails) * len(LEVELS)))
    good = rng.permutation(LEVELS)[:count].tolist()
    sample = [problem.value(draw(problem.parameters, rng)) for _ in range(256)]
    unit = float(np.median(sample)) - (problem.optimum or 0.0)

    def value(params: Params) -> float:
        if params["z"] not in good:
            return math.nan
        rest = {name: params[name] for name in params if name != "z"}
        return problem.value(rest) + 0.1 * unit * good.index(params["z"])

    parameters = (choice("z", list(LEVELS)), *problem.parameters)
    return Problem(parameters, value, problem.optimum)


def conditional(fails: float, seed: int) -> Problem:
    """Two optimisers with parameters of their own; either diverges above a rate, the better one early."""
    rng = np.random.default_rng([seed, 108])
    target = rng.uniform(0.25, 0.45, 2)
    decay, momentum = rng.uniform(0.2, 0.8, 2)
    parameters = (
        choice("optimizer", ["sgd", "adam"]),
        real("rate", 1e-6, 1.0, log=True),
        real("decay", 1e-6, 1e-1, log=True),
        real("momentum", 0.0, 1.0, when={"optimizer": ["sgd"]}),
        real("beta", 0.0, 1.0, when={"optimizer": ["adam"]}),
    )

    def unit(params: Params) -> tuple[float, float]:
        return 1.0 + math.log10(params["rate"]) / 6.0, (6.0 + math.log10(params["decay"])) / 5.0

    # What is below the edge succeeds; the optimum is just below that of adam.
    edges = {"adam": 2.0 * (1.0 - fails) / 3.0, "sgd": 4.0 * (1.0 - fails) / 3.0}
    best = {name: 0.8 * edge for name, edge in edges.items()}

    def value(params: Params) -> float:
        rate, weight = unit(params)
        name = params["optimizer"]
        if rate > edges[name]:
            return math.nan
        other = params["beta"] - momentum if name == "adam" else params["momentum"] - target[0]
        away = 9.0 * (rate - best[name]) ** 2 + (weight - decay) ** 2 + 0.5 * other**2
        return math.log1p(10.0 * away) + (0.0 if name == "adam" else 0.2)

    return Problem(parameters, value, 0.0)


def cells() -> list[Cell]:
    """Every kind of failing, most with a half, four fifths and nineteen twentieths of the space."""

    def cell(name: str, problem: Callable[[int], Problem]) -> Cell:
        return Cell("failing", name, problem)

    def of_region(kind: str, classic: str, percent: int) -> Cell:
        name = f"{kind}-{classic}-{percent}"
        return cell(name, lambda seed: region(kind, classic, percent / 100.0, seed))

    regions = [
        of_region(kind, classic, percent)
        for kind, classic, shares in (
            ("ball", "branin", (50, 80, 95)),
            ("ball", "hartmann-3", (80, 95)),
            ("slope", "rosenbrock-4", (50, 80)),
            ("slope", "hartmann-6", (50, 80)),
            ("band", "hartmann-3", (80, 95)),
            ("column", "styblinski-tang-5", (50, 80, 95)),
        )
        for percent in shares
    ]
    others = [
        cell("category-branin-80", lambda seed: category("branin", 0.8, seed)),
        cell("conditional-80", lambda seed: conditional(0.8, seed)),
        cell("chance-hartmann-3-50", lambda seed: chance("hartmann-3", 0.5, seed)),
        cell("chance-rosenbrock-4-20", lambda seed: chance("rosenbrock-4", 0.2, seed)),
    ]
    return [*regions, *others]
