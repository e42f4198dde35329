"""The reports of `curves.py`, a suite each: what is run for it, and its tables."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from curves import policies, report, search

LIVE_BUDGET = 540
LIVE_SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
WORKERS = 4
_WORKING = ("tfbo", "tfbo_halving", "tfbo_hyperband", "asha", "synetune_asha", "synetune_bohb")
_LIVE = (
    "tfbo", "tfbo_full", "tfbo_hyperband", "asha", "hyperband", "random", "optuna_tpe_median",
    "optuna_tpe_hyperband", "kerastuner_hyperband",
)  # fmt: skip


class Options(NamedTuple):
    """What the command line says."""

    tables: Path | None
    yahpo: Path | None
    policies: tuple[str, ...]
    seeds: int | None
    budget: int
    workers: int
    tasks: int | None
    cache: Path
    pythons: tuple[str, ...] = (sys.executable,)
    jobs: int = 1

    def among(self, names: tuple[str, ...]) -> Options:
        """The same with none but these policies."""
        return self._replace(policies=tuple(name for name in self.policies if name in names))


def suites(options: Options) -> list[str]:
    """All suites whose data are given."""
    return [*of_tables(options), *["yahpo"] * (options.yahpo is not None), *SECTIONS]


def of_tables(options: Options) -> list[str]:
    """Names of the folders of tables."""
    if options.tables is None:
        return []
    return sorted(path.parent.name for path in options.tables.glob("*/_configurations.npz"))


def plan(suite: str, options: Options) -> search.Plan:
    """What is to be run of a suite."""
    folder = Path()
    if suite == "yahpo":
        folder = _given(options.yahpo, suite, "--yahpo")
    elif suite != "live":
        folder = _given(options.tables, suite, "--tables") / suite
    seeds = options.seeds or search.SEEDS.get(suite, 5)
    where = (options.policies, seeds, options.cache, options.budget, options.workers, options.tasks)
    return search.Plan(suite, folder, *where)


def _given(folder: Path | None, suite: str, argument: str) -> Path:
    if folder is None:
        raise SystemExit(f"--suite {suite} needs {argument} with the folder of its data.")
    return folder


def marks(budget: int) -> tuple[int, ...]:
    """Read-outs within a budget; the last of them is its end."""
    return (*(t for t in report.READ_OUTS if t < budget), budget)


def table(suite: str, options: Options, runs: bool = True) -> str:
    """Levels and ratios of a suite of searches."""
    planned = plan(suite, options)
    missing = search.everywhere(planned, options.pythons, options.jobs) if runs else {}
    folder = planned.cache / planned.label
    text = report.section(folder, planned.every(), policies.ORDER, marks(options.budget))
    return report.head(f"Learning curves: {suite}", _command(suite, options), missing) + "\n" + text


def _command(suite: str, options: Options) -> str:
    given = "" if suite == "live" else " --yahpo DIR" if suite == "yahpo" else " --tables DIR"
    peers = "" if suite == "coverage" else " --peers PYTHON"
    return f"python benchmarks/curves.py --suite {suite}{given}{peers}"


def workers(suite: str, options: Options, runs: bool = True) -> str:
    """Four workers beside one, at equal epochs, on all suites of tables."""
    chosen, parts = options.among(_WORKING), []
    for name in of_tables(options):
        seeds = options.seeds or search.SEEDS["workers"]
        alone = plan(name, chosen._replace(seeds=seeds))
        four = alone._replace(workers=WORKERS)
        for planned in (alone, four) if runs else ():
            search.everywhere(planned, options.pythons, options.jobs)
        tasks, read_outs = alone.every(), marks(options.budget)
        found = [report.gather(p.cache / p.label, tasks, read_outs) for p in (alone, four)]
        parts.append(f"## {name}\n\n{report.side_by_side(*found, policies.ORDER, read_outs)}")
    title = f"Learning curves: {WORKERS} workers beside one, at equal epochs"
    return "\n".join([report.head(title, _command(suite, options), {}), *parts])


def coverage(suite: str, options: Options, runs: bool = True) -> str:
    """Coverage of forecasts, on all suites of tables."""
    from curves import coverage as forecasting

    parts = []
    for name in of_tables(options):
        tasks = plan(name, options).every()
        file = options.cache / f"coverage-{name}.json"
        if runs and not file.exists():
            budget = max(forecasting.BUDGET, 8 * tasks[0].steps)
            budget = budget if options.budget == search.BUDGET else 4 * options.budget
            found = forecasting.forecasts(tasks, options.seeds or 2, budget)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found))
        known = json.loads(file.read_text()) if file.exists() else []
        found = [forecasting.Forecast(*each) for each in known]
        parts.append(f"## {name}\n\n{forecasting.section(found)}")
    title = "Learning curves: the value at the last step, forecast from a fifth of the curve"
    return "\n".join([report.head(title, _command(suite, options), {}), *parts])


def live(suite: str, options: Options, runs: bool = True) -> str:
    """A live Keras task: the test error of full trainings, and in how many epochs others reach it."""
    budget = LIVE_BUDGET if options.budget == search.BUDGET else options.budget
    options = options.among(_LIVE)._replace(budget=budget, seeds=options.seeds or 3)
    planned = plan(suite, options)
    missing = search.everywhere(planned, options.pythons, options.jobs) if runs else {}
    read_outs = tuple(round(share * budget) for share in LIVE_SHARES)
    folder, tasks = planned.cache / planned.label, planned.every()
    parts = [report.head("Learning curves: digits, live", _command(suite, options), missing)]
    parts.append("Regret is the test error over 0.9, that of guessing.\n")
    parts.append(report.section(folder, tasks, policies.ORDER, read_outs))
    with contextlib.suppress(KeyError):
        parts.append(report.caught_up(report.gather(folder, tasks, read_outs), read_outs))
    return "\n".join(parts)


SECTIONS: dict[str, Callable[[str, Options, bool], str]] = {
    "workers": workers,
    "coverage": coverage,
    "live": live,
}
