"""BBOB: the 24 functions of the COCO platform (Hansen et al. 2021), as package `ioh` computes them.

Each instance of a function has its own shift, rotation and least value, so there is nothing for us to
move. Where an optimum lies is part of the function: f5, the linear slope, has it in a corner of the box,
and f20, f24 and others only on a lattice of places. Seed `s` gets instance `1 + s % 10`.

`ioh` is needed only when a problem is made; listing the cells needs NumPy alone.
"""

from __future__ import annotations

from suites.base import Cell, Params, Problem, cube, vector

FUNCTIONS = range(1, 25)
DIMENSIONS = (2, 5, 10, 20)
INSTANCES = 10
# BBOB's box, on each axis.
LOW, HIGH = -5.0, 5.0


def instance(function: int, d: int, seed: int) -> Problem:
    """The function in `d` dimensions, on the unit cube."""
    import ioh

    problem = ioh.get_problem(function, 1 + seed % INSTANCES, d, ioh.ProblemClass.BBOB)

    def value(params: Params) -> float:
        return float(problem((LOW + (HIGH - LOW) * vector(params)).tolist()))

    return Problem(cube(d), value, float(problem.optimum.y))


def name(function: int, d: int) -> str:
    """What the cell is called: `bbob-f15-d5`."""
    return f"bbob-f{function}-d{d}"


def cells() -> list[Cell]:
    """Every function in every dimension."""

    def cell(function: int, d: int) -> Cell:
        return Cell("bbob", name(function, d), lambda seed: instance(function, d, seed))

    return [cell(function, d) for function in FUNCTIONS for d in DIMENSIONS]
