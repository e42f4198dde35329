"""Problems of two to four objectives, with the reference points of BoTorch's test functions.

Branin and Currin, ZDT (Zitzler, Deb and Thiele 2000), DTLZ2 and C2-DTLZ2 (Deb et al. 2005; Jain and Deb
2014), and designs from the collection of Tanabe and Ishibuchi (2020, An easy-to-use real-world
multi-objective optimization problem suite). DTLZ2's fronts have all parameters but the first at a half, and
ZDT's at zero: a search that favours the centre or the faces finds them for no merit. A shifted form, with
the front at a place drawn by the seed, stands beside the plain one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from suites.base import Params, cube, real, vector
from suites.classics import branin
from suites.design import Case, Design, Outcome

# The space of the front's place where it is drawn.
LOW, HIGH = 0.2, 0.8
Bounds = Sequence[tuple[float, float]]


def branin_currin(x: np.ndarray) -> tuple[float, ...]:
    """Branin's and Currin's functions, of the unit square."""
    a, b = x
    # At b = 0 the exponential has its limit, 0.
    shrunk = 1.0 - math.exp(-0.5 / b) if b > 0.0 else 1.0
    above = 2300.0 * a**3 + 1900.0 * a**2 + 2092.0 * a + 60.0
    below = 100.0 * a**3 + 500.0 * a**2 + 4.0 * a + 20.0
    return branin(np.array([15.0 * a - 5.0, 15.0 * b])), shrunk * above / below


def disk(x: np.ndarray) -> tuple[float, ...]:
    """Excess over a disk of Branin's box (Gelbart et al. 2014)."""
    return (float((15.0 * x[0] - 7.5) ** 2 + (15.0 * x[1] - 7.5) ** 2 - 50.0),)


def dtlz2(x: np.ndarray, centre: np.ndarray) -> tuple[float, ...]:
    """DTLZ2 with two objectives, whose front is where all but the first are at the centre."""
    radius = 1.0 + float(np.sum((x[1:] - centre) ** 2))
    angle = 0.5 * math.pi * x[0]
    return radius * math.cos(angle), radius * math.sin(angle)


def rings(objectives: Sequence[float], radius: float = 0.2) -> tuple[float, ...]:
    """Excess of C2-DTLZ2: a front is feasible within balls at its ends and its middle."""
    f = np.array(objectives)
    square = radius**2
    ends = [(f[i] - 1.0) ** 2 + np.sum(np.delete(f, i) ** 2 - square) for i in range(len(f))]
    middle = np.sum((f - 1.0 / math.sqrt(len(f))) ** 2 - square)
    return (float(min(*ends, middle)),)


def zdt(x: np.ndarray, kind: int) -> tuple[float, ...]:
    """ZDT's function of that number, 1 to 3."""
    first, g = float(x[0]), 1.0 + 9.0 * float(np.mean(x[1:]))
    if kind == 1:
        return first, g * (1.0 - math.sqrt(first / g))
    if kind == 2:
        return first, g * (1.0 - (first / g) ** 2)
    # BoTorch's third leaves out the factor g, as its front has g = 1.
    waves = first / g * math.sin(10.0 * math.pi * first)
    return first, 1.0 - math.sqrt(first / g) - waves


def vehicle_safety(x: np.ndarray) -> tuple[float, ...]:
    """Mass, acceleration and intrusion of a car in a crash, of five thicknesses."""
    a, b, c, d, e = x
    mass = 1640.2823 + 2.3573285 * a + 2.3220035 * b + 4.5688768 * c + 7.7213633 * d + 4.4559504 * e
    acceleration = (
        6.5856 + 1.15 * a - 1.0427 * b + 0.9738 * c + 0.8364 * d - 0.3695 * a * d + 0.0861 * a * e
        + 0.3628 * b * d - 0.1106 * a**2 - 0.3437 * c**2 + 0.1764 * d**2
    )  # fmt: skip
    intrusion = (
        -0.0551 + 0.0181 * a + 0.1024 * b + 0.0421 * c - 0.0073 * a * b + 0.024 * b * c
        - 0.0118 * b * d - 0.0204 * c * d - 0.008 * c * e - 0.0241 * b**2 + 0.0109 * d**2
    )  # fmt: skip
    return float(mass), float(acceleration), float(intrusion)


CAR = ((0.5, 1.5), (0.45, 1.35), (0.5, 1.5), (0.5, 1.5), (0.875, 2.625), (0.4, 1.2), (0.4, 1.2))


def car_side_impact(x: np.ndarray) -> tuple[float, ...]:
    """Weight, force, velocity, and all that breaks the ten rules of the design, added up."""
    a, b, c, d, e, f, g = x
    weight = 1.98 + 4.9 * a + 6.67 * b + 6.98 * c + 4.01 * d + 1.78 * e + 1e-5 * f + 2.73 * g
    force = 4.72 - 0.5 * d - 0.19 * b * c
    middle = 10.58 - 0.674 * a * b - 0.67275 * b
    door = 16.45 - 0.489 * c * g - 0.843 * e * f
    slack = np.array([
        1.0 - 1.16 + 0.3717 * b * d + 0.0092928 * c,
        0.32 - 0.261 + 0.0159 * a * b + 0.06486 * a + 0.019 * b * g - 0.0144 * c * e
        - 0.0154464 * f,
        0.32 - 0.214 - 0.00817 * e + 0.045195 * a + 0.0135168 * a - 0.03099 * b * f
        + 0.018 * b * g - 0.007176 * c - 0.023232 * c + 0.00364 * e * f + 0.018 * b**2,
        0.32 - 0.74 + 0.61 * b + 0.031296 * c + 0.031872 * g - 0.227 * b**2,
        32.0 - 28.98 - 3.818 * c + 4.2 * a * b - 1.27296 * f + 2.68065 * g,
        32.0 - 33.86 - 2.95 * c + 5.057 * a * b + 3.795 * b + 3.4431 * g - 1.45728,
        32.0 - 46.36 + 9.9 * b + 4.4505 * a,
        4.0 - force,
        9.9 - middle,
        15.7 - door,
    ])  # fmt: skip
    broken = float(np.sum(np.maximum(-slack, 0.0)))
    return float(weight), float(force), float(0.5 * (middle + door)), broken


DISC = ((55.0, 80.0), (75.0, 110.0), (1000.0, 3000.0), (11.0, 20.0))


def disc_brake(x: np.ndarray) -> tuple[float, ...]:
    """Mass and stopping time of a disc brake, of two radii, a force and a number of faces."""
    inner, outer, force, faces = x
    squares, cubes = outer**2 - inner**2, outer**3 - inner**3
    return (
        float(4.9e-5 * squares * (faces - 1.0)),
        float(9.82e6 * squares / (force * faces * cubes)),
    )


def disc_limits(x: np.ndarray) -> tuple[float, ...]:
    """Excess of the disc brake's four limits, with the signs of BoTorch's."""
    inner, outer, force, faces = x
    squares, cubes = outer**2 - inner**2, outer**3 - inner**3
    slack = (
        outer - inner - 20.0,
        0.4 - force / (3.14 * squares),
        1.0 - 2.22e-3 * force * cubes / squares**2,
        2.66e-2 * force * faces * cubes / squares - 900.0,
    )
    return tuple(-float(value) for value in slack)


def _box(bounds: Bounds) -> tuple[dict[str, object], ...]:
    return tuple(real(f"x{i:02d}", low, high) for i, (low, high) in enumerate(bounds))


def _shift(seed: int, d: int) -> np.ndarray:
    """A place of the front in its last `d - 1` columns."""
    return np.random.default_rng([seed, d, 2]).uniform(LOW, HIGH, d - 1)


def _plain(
    name: str,
    value: Callable[[np.ndarray], tuple[float, ...]],
    reference: tuple[float, ...],
    bounds: Bounds,
    *,
    excess: Callable[[np.ndarray], tuple[float, ...]] | None = None,
    constraints: int = 0,
    best: float | None = None,
) -> Case:
    """A problem that is the same for all seeds."""

    def outcome(params: Params) -> Outcome:
        x = vector(params)
        return Outcome(value(x), excess(x) if excess is not None else ())

    sizes = (len(reference), constraints, reference, best)
    design = Design(_box(bounds), outcome, *sizes)
    return Case(name, lambda seed: design)


def _dtlz2(d: int, *, shifted: bool, ringed: bool) -> Case:
    """DTLZ2 or C2-DTLZ2, of two objectives."""

    def design(seed: int) -> Design:
        centre = _shift(seed, d) if shifted else np.full(d - 1, 0.5)

        def outcome(params: Params) -> Outcome:
            objectives = dtlz2(vector(params), centre)
            return Outcome(objectives, rings(objectives) if ringed else ())

        # The square up to the reference less a quarter of a disk; BoTorch's by NSGA-II with rings.
        best = 0.3996406303723544 if ringed else 1.1**2 - 0.25 * math.pi
        return Design(cube(d), outcome, 2, int(ringed), (1.1, 1.1), best)

    name = "c2dtlz2" if ringed else "dtlz2"
    return Case(f"{name}-shifted" if shifted else name, design)


BEST_ZDT = {1: 120.0 + 2.0 / 3.0, 2: 120.0 + 1.0 / 3.0, 3: 128.77811613069076}


def _zdt(kind: int, *, shifted: bool, d: int = 6) -> Case:
    """ZDT of a number; the distance from the shifted front is squared, so that it stays smooth there."""

    def design(seed: int) -> Design:
        centre = _shift(seed, d)

        def outcome(params: Params) -> Outcome:
            x = vector(params)
            if shifted:
                x[1:] = ((x[1:] - centre) / np.maximum(centre, 1.0 - centre)) ** 2
            return Outcome(zdt(x, kind))

        return Design(cube(d), outcome, 2, 0, (11.0, 11.0), BEST_ZDT[kind])

    return Case(f"zdt{kind}-shifted" if shifted else f"zdt{kind}", design)


def cases() -> list[Case]:
    """All problems, the plain ones first."""
    square, thick = [(0.0, 1.0)] * 2, [(1.0, 3.0)] * 5
    safe = (1864.72022, 11.81993945, 0.2903999384)
    side = (45.4872, 4.5114, 13.3394, 10.3942)
    plain = [
        _plain("branin-currin", branin_currin, (18.0, 6.0), square, best=59.36011874867746),
        _plain("vehicle-safety", vehicle_safety, safe, thick, best=246.81607081187002),
        _dtlz2(6, shifted=False, ringed=False),
        *(_zdt(kind, shifted=False) for kind in BEST_ZDT),
        _plain(
            "constrained-branin-currin", branin_currin, (80.0, 12.0), square,
            excess=disk, constraints=1, best=608.4004237022673,
        ),
        _dtlz2(4, shifted=False, ringed=True),
        _plain("car-side-impact", car_side_impact, side, CAR, best=484.72654347642793),
        _plain("disc-brake", disc_brake, (5.7771, 3.9651), DISC, excess=disc_limits, constraints=4),
    ]  # fmt: skip
    shifted = [
        _dtlz2(6, shifted=True, ringed=False),
        *(_zdt(kind, shifted=True) for kind in BEST_ZDT),
        _dtlz2(4, shifted=True, ringed=True),
    ]
    return [*plain, *shifted]
