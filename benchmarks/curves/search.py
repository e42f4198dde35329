"""All runs of the searches: which policies on which tasks, in whose interpreter, and what is cached."""

from __future__ import annotations

import concurrent.futures
import itertools
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import peers

from curves import policies, runs, tasks

BUDGET = 1000
SEEDS = {"taskset": 10, "lcbench": 5, "yahpo": 5, "workers": 5, "live": 3}
NAMES = tuple(policies.POLICIES)
SCRIPT = Path(__file__).parent.with_name("curves.py")


class Plan(NamedTuple):
    """What is to be run."""

    suite: str
    """The name of a folder of tables, or "yahpo"."""
    folder: Path
    policies: tuple[str, ...]
    seeds: int
    cache: Path
    budget: int = BUDGET
    workers: int = 1
    tasks: int | None = None
    """How many of the tasks, from the first on; None for all."""

    @property
    def label(self) -> str:
        """The folder of its traces in the cache."""
        return self.suite if self.workers == 1 else f"{self.suite}-{self.workers}-workers"

    def every(self) -> list[tasks.Task]:
        """The tasks."""
        found = _tasks(self.suite, self.folder)
        return found if self.tasks is None else found[: self.tasks]


_known: dict[tuple[str, Path], list[tasks.Task]] = {}


def _tasks(suite: str, folder: Path) -> list[tasks.Task]:
    """Of a suite, loaded once a process."""
    if (suite, folder) not in _known:
        if suite == "live":
            from curves.live import Digits

            _known[suite, folder] = [Digits()]
        else:
            load = tasks.surrogates if suite == "yahpo" else tasks.tables
            _known[suite, folder] = load(folder)
    return _known[suite, folder]


def here(plan: Plan, jobs: int) -> None:
    """Run in this interpreter what is not cached, seed by seed, so that what is there is balanced."""
    able = [name for name in plan.policies if not policies.missing(name)]
    names = [task.name for task in plan.every()]
    todo = [
        (plan, policy, task, seed)
        for seed, policy, task in itertools.product(range(plan.seeds), able, names)
        if not runs.place(plan.cache, plan.label, policy, task, seed).exists()
    ]
    begin = time.monotonic()
    if jobs == 1:
        done: Iterable[str] = map(_run, todo)
    else:
        context = multiprocessing.get_context("spawn")
        pool = concurrent.futures.ProcessPoolExecutor(jobs, context)
        done = pool.map(_run, todo)
    for i, said in enumerate(done, start=1):
        if said:
            print(said, flush=True)
        if i % 50 == 0:
            print(
                f"{plan.label}: {i} of {len(todo)}, {time.monotonic() - begin:.0f} s",
                flush=True,
            )


def _run(what: tuple[Plan, str, str, int]) -> str:
    """Run one and write its trace; what went wrong, if anything did."""
    plan, name, task_name, seed = what
    task = next(task for task in plan.every() if task.name == task_name)
    pool = task.pool(seed)
    try:
        policy = policies.POLICIES[name](task, pool, seed)
        trace = runs.run(policy, pool, plan.budget, plan.workers)
    except Exception as error:  # a peer may raise anything; the others go on
        return peers.without_paths(f"{name} on {task_name}: {type(error).__name__}: {error}")[:300]
    trace = trace._replace(version=policies.version(name))
    runs.save(runs.place(plan.cache, plan.label, name, task_name, seed), trace)
    return ""


def everywhere(plan: Plan, pythons: Sequence[str], jobs: int) -> dict[str, str]:
    """Run each policy in the first interpreter that can; those that none can, and why."""
    left = list(plan.policies)
    for python in pythons:
        mine = [name for name in left if not lacking(python, name)]
        left = [name for name in left if name not in mine]
        if mine:
            command = [python, str(SCRIPT), "--only-run", "--suite", plan.suite]
            data = "--yahpo" if plan.suite == "yahpo" else "--tables"
            command += [data, str(plan.folder if plan.suite == "yahpo" else plan.folder.parent)]
            command += ["--seeds", str(plan.seeds), "--budget", str(plan.budget)]
            command += ["--workers", str(plan.workers), "--jobs", str(jobs)]
            command += ["--cache", str(plan.cache)]
            command += [] if plan.tasks is None else ["--tasks", str(plan.tasks)]
            for name in mine:
                command += ["--policy", name]
            subprocess.run(command, env={**os.environ, **dict.fromkeys(peers.THREADS, "1")})
    return {name: " ".join(lacking(pythons[0], name)) for name in left}


def lacking(python: str, name: str) -> list[str]:
    """Packages that a policy needs and an interpreter has not."""
    if python == sys.executable:
        return policies.missing(name)
    wanted = policies.POLICIES[name].imports
    code = "import sys, importlib.util as u; print(*[n for n in sys.argv[1:] if u.find_spec(n) is None])"
    command = [python, "-c", code, *wanted]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
