"""Learning curves: how good the best training is after so many epochs, beside those who stop trials early.

    python benchmarks/curves.py --tables DIR --yahpo DIR --peers PYTHON --peers PYTHON
    python benchmarks/curves.py --suite taskset --tables DIR --seeds 3 --policy tfbo --policy asha
    python benchmarks/curves.py --quick            # made-up tables and no peers, some minutes
    python benchmarks/curves.py --suite lcbench --tables DIR --report

DIR of --tables holds a folder for each suite of tables, such as taskset and lcbench (`curves/tasks.py`
says in which form); any other name of a folder there is a suite as well. A run's trace is a file in the
folder of --cache when the run ends; runs that are there are not repeated. Policies run each in the first
PYTHON that has its packages, one thread each. Tables go to benchmarks/results/curves-SUITE.md.

Suites beside those: yahpo (by epoch, a continuous space), coverage (of forecasts), workers (four at once
beside one), live (a Keras network on digits).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from curves import search, sections

RESULTS = Path(__file__).parent / "results"
CACHE = Path(tempfile.gettempdir()) / "tfbo-curves"
QUICK_BUDGET = 60
# A network takes seconds before its first epoch: two policies and few epochs.
QUICK_LIVE, QUICK_LIVE_BUDGET = ("tfbo", "asha"), 30


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", action="append", help="by default all whose data are given")
    parser.add_argument("--tables", type=Path, metavar="DIR", help="folder of folders of tables")
    parser.add_argument("--yahpo", type=Path, metavar="DIR", help="folder of the YAHPO surrogates")
    parser.add_argument("--peers", action="append", default=[], metavar="PYTHON")
    parser.add_argument("--policy", action="append", choices=search.NAMES, help="by default all")
    parser.add_argument("--seeds", type=int, help="10 on taskset, 5 on others, 3 live")
    parser.add_argument("--budget", type=int, help="epochs a run; read-outs beyond it are left out")
    parser.add_argument("--workers", type=int, default=1, help="at a time in a run, simulated")
    parser.add_argument(
        "--tasks", type=int, help="of each suite, from the first on; by default all"
    )
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, a core each")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the traces")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the tables")
    parser.add_argument("--quick", action="store_true", help="made-up tables, a temporary folder")
    parser.add_argument("--report", action="store_true", help="report only")
    parser.add_argument("--only-run", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run what is missing, then report."""
    parsed = arguments()
    if parsed.quick:
        return quick(parsed)
    options = sections.Options(
        parsed.tables,
        parsed.yahpo,
        tuple(parsed.policy or search.NAMES),
        parsed.seeds,
        parsed.budget or search.BUDGET,
        parsed.workers,
        parsed.tasks,
        parsed.cache,
        (sys.executable, *parsed.peers),
        parsed.jobs,
    )
    for suite in parsed.suite or sections.suites(options):
        if parsed.only_run:
            search.here(sections.plan(suite, options), parsed.jobs)
        else:
            write(suite, options, parsed.output, runs=not parsed.report)
    return 0


def write(suite: str, options: sections.Options, output: Path, *, runs: bool = True) -> None:
    """Run a suite and write its report."""
    make: Callable[[str, sections.Options, bool], str] = sections.SECTIONS.get(
        suite, sections.table
    )
    begin = time.monotonic()
    text = make(suite, options, runs)
    print(f"{text}\n{suite}: {time.monotonic() - begin:.0f} s", flush=True)
    output.mkdir(parents=True, exist_ok=True)
    (output / f"curves-{suite}.md").write_text(text)


def quick(parsed: argparse.Namespace) -> int:
    """Every part that needs no peer, on made-up tables, with results in a temporary folder."""
    from curves import policies, synthetic

    folder = Path(tempfile.mkdtemp(prefix="curves-"))
    print(f"Results go to {folder}.")
    synthetic.write(folder / "tables" / "synthetic")
    names = (*policies.OURS, *policies.REFERENCE)
    options = sections.Options(
        folder / "tables", parsed.yahpo, names, 1, QUICK_BUDGET, 1, 1, folder / "cache"
    )
    wanted = ["synthetic", "workers", "coverage"] + ["yahpo"] * (parsed.yahpo is not None)
    for suite in wanted:
        write(suite, options, folder)
    write("live", options._replace(policies=QUICK_LIVE, budget=QUICK_LIVE_BUDGET), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
