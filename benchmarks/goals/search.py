"""All runs: which policies on which problems, in whose interpreter, and what is cached."""

from __future__ import annotations

import fnmatch
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import peers
from suites import coco, engineering, fronts
from suites.design import Case

from goals import policies, runs

SUITES = ("fronts", "designs")
TRIALS = {"fronts": 100, "designs": 50}
NAMES = tuple(policies.POLICIES)
SEEDS = 10
FEW = {"botorch": 3}
"""Seeds of the policies that take hours."""
SCRIPT = Path(__file__).parent.with_name("goals.py")


class Plan(NamedTuple):
    """Policies, problems and seeds that are to be run."""

    suite: str
    policies: tuple[str, ...]
    cache: Path
    seeds: int = SEEDS
    trials: int = 100
    problems: tuple[str, ...] = ("*",)
    """Patterns of names, as in a shell."""
    coco: str | None = None
    """The interpreter that has COCO's problems; None leaves them out."""

    def cases(self) -> list[Case]:
        """The problems."""
        own, theirs = {
            "fronts": (fronts.cases, "bbob-biobj"),
            "designs": (engineering.cases, "bbob-constrained"),
        }[self.suite]
        found = own()
        if self.coco is not None:
            found += coco.cases(theirs, coco.Oracle(self.coco))
        matched = (any(fnmatch.fnmatch(c.name, p) for p in self.problems) for c in found)
        return list(itertools.compress(found, matched))

    @property
    def folder(self) -> Path:
        """The folder of its traces in the cache."""
        return self.cache / self.suite


def here(plan: Plan) -> list[str]:
    """Run in this interpreter what is not cached, seed by seed; messages of what went wrong."""
    able = [name for name in plan.policies if not policies.missing(name)]
    cases, begin = plan.cases(), time.monotonic()
    todo = [
        (seed, name, case)
        for seed, case, name in itertools.product(range(plan.seeds), cases, able)
        if seed < FEW.get(name, seed + 1)
        and not runs.place(plan.folder, name, case.name, seed).exists()
    ]
    said = []
    for i, (seed, name, case) in enumerate(todo, start=1):
        try:
            trace = runs.run(policies.POLICIES[name](case.design(seed), seed), plan.trials)
        except Exception as error:  # a peer may raise anything; the others go on
            text = f"{name} on {case.name}: {type(error).__name__}: {error}"
            said.append(peers.without_paths(text)[:300])
            print(said[-1], flush=True)
            continue
        trace = trace._replace(version=policies.version(name))
        runs.save(runs.place(plan.folder, name, case.name, seed), trace)
        if i % 20 == 0:
            spent = time.monotonic() - begin
            print(f"{plan.suite}: {i} of {len(todo)}, {spent:.0f} s", flush=True)
    return said


def everywhere(plan: Plan, pythons: Sequence[str]) -> dict[str, str]:
    """Run each policy in the first interpreter that can; those that none can, and why."""
    left = list(plan.policies)
    for python in pythons:
        mine = [name for name in left if not lacking(python, policies.POLICIES[name].imports)]
        left = [name for name in left if name not in mine]
        if mine:
            command = [python, str(SCRIPT), "--only-run", "--suite", plan.suite]
            command += ["--seeds", str(plan.seeds), "--trials", str(plan.trials)]
            command += ["--cache", str(plan.cache)]
            command += [] if plan.coco is None else ["--coco", plan.coco]
            for option, values in (("--policy", mine), ("--problem", plan.problems)):
                for value in values:
                    command += [option, value]
            subprocess.run(command, env={**os.environ, **dict.fromkeys(peers.THREADS, "1")})
    return {name: " ".join(policies.missing(name)) for name in left}


def lacking(python: str, packages: Sequence[str]) -> list[str]:
    """Packages that an interpreter has not."""
    code = "import sys, importlib.util as u; print(*[n for n in sys.argv[1:] if u.find_spec(n) is None])"
    command = [python, "-c", code, *packages]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def oracle(pythons: Sequence[str]) -> str | None:
    """The first interpreter that has COCO's problems."""
    return next((python for python in pythons if not lacking(python, ["cocoex"])), None)


def own() -> tuple[str, ...]:
    """This interpreter, as one of the list."""
    return (sys.executable,)
