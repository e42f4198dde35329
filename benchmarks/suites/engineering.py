"""Engineering designs under constraints, one objective each; excess over 0 breaks a constraint.

Welded beam and pressure vessel: Coello Coello and Mezura Montes 2002 (Adv. Eng. Inform. 16, 193-203); speed
reducer: Lemonge et al. 2010; tension and compression of a spring: Hedar and Fukushima 2006 (J. Global
Optim. 35, 521-549). Two of them differ from BoTorch's classes of these names:

* the welded beam's buckling load is divided by 6, as in the literature, where BoTorch multiplies by 6;
* the pressure vessel's thicknesses are whole sixteenths of an inch for the constraints as well, where
  BoTorch rounds them for the cost alone, so that its least cost is no vessel's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from suites.base import Parameter, Params, real, vector, whole
from suites.design import Case, Design, Outcome


def welded_beam(x: np.ndarray) -> Outcome:
    """Cost of a weld of a thickness and a length, and of a bar of a height and a thickness."""
    h, length, t, b = (float(value) for value in x)
    force, overhang, young, shear = 6000.0, 14.0, 30e6, 12e6
    moment = force * (overhang + 0.5 * length)
    radius = math.sqrt(0.25 * (length**2 + (h + t) ** 2))
    polar = 2.0 * math.sqrt(2.0) * h * length * (length**2 / 12.0 + 0.25 * (h + t) ** 2)
    first, second = force / (math.sqrt(2.0) * h * length), moment * radius / polar
    stress = math.sqrt(first**2 + first * second * length / radius + second**2)
    slender = 1.0 - 0.25 * t * math.sqrt(young / shear) / overhang
    buckling = 4.013 * young * t * b**3 / (6.0 * overhang**2) * slender
    excess = (
        stress - 13600.0,
        6.0 * force * overhang / (b * t**2) - 30000.0,
        h - b,
        0.10471 * h**2 + 0.04811 * t * b * (14.0 + length) - 5.0,
        4.0 * force * overhang**3 / (young * t**3 * b) - 0.25,
        force - buckling,
    )
    return Outcome((1.10471 * h**2 * length + 0.04811 * t * b * (14.0 + length),), excess)


def speed_reducer(x: np.ndarray) -> Outcome:
    """Weight of a gearbox: face width, module, teeth, and lengths and diameters of two shafts."""
    a, b, c, d, e, f, g = (float(value) for value in x)
    weight = (
        0.7854 * a * b**2 * (3.3333 * c**2 + 14.9334 * c - 43.0934)
        - 1.508 * a * (f**2 + g**2)
        + 7.4777 * (f**3 + g**3)
        + 0.7854 * (d * f**2 + e * g**2)
    )
    excess = (
        27.0 / (a * b**2 * c) - 1.0,
        397.5 / (a * b**2 * c**2) - 1.0,
        1.93 * d**3 / (b * c * f**4) - 1.0,
        1.93 * e**3 / (b * c * g**4) - 1.0,
        math.sqrt((745.0 * d / (b * c)) ** 2 + 16.9e6) / (0.1 * f**3) - 1100.0,
        math.sqrt((745.0 * e / (b * c)) ** 2 + 157.5e6) / (0.1 * g**3) - 850.0,
        b * c - 40.0,
        5.0 - a / b,
        a / b - 12.0,
        (1.5 * f + 1.9) / d - 1.0,
        (1.1 * g + 1.9) / e - 1.0,
    )
    return Outcome((weight,), excess)


def pressure_vessel(x: np.ndarray) -> Outcome:
    """Cost of a vessel: thicknesses of shell and head in sixteenths of an inch, radius and length."""
    shell, head, radius, length = x[0] / 16.0, x[1] / 16.0, x[2], x[3]
    cost = (
        0.6224 * shell * radius * length
        + 1.7781 * head * radius**2
        + 3.1661 * shell**2 * length
        + 19.84 * shell**2 * radius
    )
    volume = math.pi * radius**2 * length + 4.0 / 3.0 * math.pi * radius**3
    excess = (
        0.0193 * radius - shell,
        0.00954 * radius - head,
        1296000.0 - volume,
        length - 240.0,
    )
    return Outcome((float(cost),), tuple(float(value) for value in excess))


def tension_compression(x: np.ndarray) -> Outcome:
    """Weight of a spring: diameters of wire and coil, and number of active coils."""
    wire, coil, turns = (float(value) for value in x)
    # The two diameters may be equal to rounding; excess is cut off at 100 in any case, as BoTorch has it.
    gap = coil - wire if coil != wire else 1e-300
    excess = (
        1.0 - coil**3 * turns / (71785.0 * wire**4),
        (4.0 * coil**2 - wire * coil) / (12566.0 * wire**3 * gap) + 1.0 / (5108.0 * wire**2) - 1.0,
        1.0 - 140.45 * wire / (turns * coil**2),
        (wire + coil) / 1.5 - 1.0,
    )
    return Outcome((wire**2 * coil * (turns + 2.0),), tuple(min(v, 100.0) for v in excess))


def _reals(*bounds: tuple[float, float]) -> list[Parameter]:
    return [real(f"x{i:02d}", low, high) for i, (low, high) in enumerate(bounds)]


BEAM = _reals((0.125, 10.0), (0.1, 10.0), (0.1, 10.0), (0.1, 10.0))
REDUCER = _reals(
    (2.6, 3.6), (0.7, 0.8), (17.0, 28.0), (7.3, 8.3), (7.8, 8.3), (2.9, 3.9), (5.0, 5.5)
)
VESSEL = [
    whole("x00", 0, 160), whole("x01", 0, 160), real("x02", 10.0, 50.0), real("x03", 150.0, 200.0),
]  # fmt: skip
SPRING = _reals((0.01, 1.0), (0.01, 1.0), (0.01, 20.0))


def cases() -> list[Case]:
    """All designs, with the least values of the literature."""

    def case(
        name: str,
        outcome: Callable[[np.ndarray], Outcome],
        parameters: list[Parameter],
        constraints: int,
        best: float,
    ) -> Case:
        def of(params: Params) -> Outcome:
            return outcome(vector(params))

        design = Design(tuple(parameters), of, 1, constraints, (), best)
        return Case(name, lambda seed: design)

    return [
        case("welded-beam", welded_beam, BEAM, 6, 1.724852),
        case("speed-reducer", speed_reducer, REDUCER, 11, 2996.348165),
        case("pressure-vessel", pressure_vessel, VESSEL, 4, 6059.714335),
        case("tension-compression", tension_compression, SPRING, 4, 0.012665233),
    ]
