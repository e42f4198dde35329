"""Problems of the COCO platform (Hansen et al. 2021) of two objectives, and of constraints.

    python benchmarks/suites/coco.py       # serves values to `Oracle`, as JSON lines

Seed `s` gets instance `1 + s % 10`. Every instance has its own shift and rotation, so there is nothing for
us to move. Package coco-experiment is needed only in the interpreter of the oracle, a process that is asked
for all values; listing the cases needs NumPy alone.

bbob-biobj: the reference is COCO's nadir, from the two optima. Its box is [-100, 100]^d; both optima are
within [-5, 5]^d, which is searched. Chosen of 55 functions: the sphere with another sphere, attractive
sector, sharp ridge, Rastrigin and Gallagher (f1, f3, f5, f7, f10), attractive sector with Rosenbrock (f21),
and Rosenbrock, different powers, Rastrigin and Gallagher with another of their kind (f28, f41, f46, f55).

bbob-constrained: chosen of 54 functions: sphere with 9 constraints (f3), separable ellipsoid with 3 (f8),
linear slope with 1 (f13), rotated ellipsoid, different powers and rotated Rastrigin with 3 (f20, f38, f50).
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from suites.base import Params, cube, vector
from suites.design import Case, Design, Outcome

if TYPE_CHECKING:
    import numpy as np

BIOBJ, BIOBJ_DIMENSIONS = (1, 3, 5, 7, 10, 21, 28, 41, 46, 55), (5, 10)
CONSTRAINED, CONSTRAINED_DIMENSIONS = (3, 8, 13, 20, 38, 50), (2, 5, 10)
INSTANCES = 10
LOW, HIGH = -5.0, 5.0
# COCO writes the minimiser of a constrained problem to this file, and nowhere else.
_MINIMISER = "._bbob_problem_best_parameter.txt"


class Key(NamedTuple):
    """A problem of COCO."""

    suite: str
    function: int
    d: int
    instance: int


class Oracle:
    """A process that knows the values of COCO's problems; it ends with this one.

    Args:
        python: an interpreter that has package coco-experiment.
    """

    def __init__(self, python: str) -> None:
        self.python = python

    @functools.cached_property
    def process(self) -> subprocess.Popen[str]:
        """The process, started at first use."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen([self.python, __file__], text=True, **pipes)

    def ask(self, key: Key, x: np.ndarray | None) -> dict[str, Any]:
        """The outcome at a point of the box; without a point, the sizes and optimum of the problem."""
        process = self.process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps([*key, None if x is None else x.tolist()]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the oracle has ended: see what it said above")
        return json.loads(line)

    def design(self, key: Key) -> Design:
        """The problem, on the unit cube."""
        known = self.ask(key, None)

        def outcome(params: Params) -> Outcome:
            found = self.ask(key, LOW + (HIGH - LOW) * vector(params))
            return Outcome(tuple(found["objectives"]), tuple(found["excess"]))

        sizes = (known["objectives"], known["constraints"], tuple(known["reference"]))
        return Design(cube(key.d), outcome, *sizes, known["best"])


def cases(suite: str, oracle: Oracle) -> list[Case]:
    """The chosen problems of suite "bbob-biobj" or "bbob-constrained", by dimension."""
    constrained = suite == "bbob-constrained"
    dimensions = CONSTRAINED_DIMENSIONS if constrained else BIOBJ_DIMENSIONS
    functions = CONSTRAINED if constrained else BIOBJ

    def case(function: int, d: int) -> Case:
        def design(seed: int) -> Design:
            return oracle.design(Key(suite, function, d, 1 + seed % INSTANCES))

        return Case(f"{suite}-f{function}-d{d}", design)

    return [case(function, d) for d in dimensions for function in functions]


def serve() -> None:
    """Answer each line of the standard input by one of the standard output."""
    cocoex = importlib.import_module("cocoex")
    suites: dict[str, Any] = {}
    problems: dict[Key, Any] = {}
    # COCO prints to the standard output as well.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        *fields, x = json.loads(line)
        key = Key(*fields)
        if key.suite not in suites:
            suites[key.suite] = cocoex.Suite(key.suite, "", "")
        if key not in problems:
            get = suites[key.suite].get_problem_by_function_dimension_instance
            problems[key] = get(*key[1:])
        found = _known(problems[key]) if x is None else _values(problems[key], x)
        print(json.dumps(found), file=answers, flush=True)


def _values(problem: Any, x: list[float]) -> dict[str, list[float]]:
    objectives = problem(x)
    excess = problem.constraint(x) if problem.number_of_constraints else ()
    several = problem.number_of_objectives > 1
    return {
        "objectives": [float(v) for v in objectives] if several else [float(objectives)],
        "excess": [float(v) for v in excess],
    }


def _known(problem: Any) -> dict[str, Any]:
    found = {
        "objectives": problem.number_of_objectives,
        "constraints": problem.number_of_constraints,
        "reference": [],
        "best": None,
    }
    if problem.number_of_objectives > 1:
        return {**found, "reference": [float(v) for v in problem.largest_fvalues_of_interest]}
    with tempfile.TemporaryDirectory() as folder:
        before = os.getcwd()
        os.chdir(folder)
        problem._best_parameter("print")  # noqa: SLF001 (the one way to it)
        minimiser = [float(v) for v in Path(_MINIMISER).read_text().split()]
        os.chdir(before)
    return {**found, "best": float(problem(minimiser))}


if __name__ == "__main__":
    serve()
