"""Several objectives and constraints on outcomes: fronts and designs, beside peers.

    python benchmarks/goals.py --peers PYTHON --peers PYTHON
    python benchmarks/goals.py --suite fronts --policy tfbo --policy random --seeds 3 --problem 'zdt*'
    python benchmarks/goals.py --quick            # three problems, a few trials, no peers

Policies run each in the first PYTHON that has its packages, one thread each; COCO's problems are served by
the first that has package coco-experiment, and are left out where none has it. A run's trace is a file in
the folder of --cache when the run ends; runs that are there are not repeated. Tables go to
benchmarks/results/goals-SUITE.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from goals import report, search

RESULTS = Path(__file__).parent / "results"
CACHE = Path(tempfile.gettempdir()) / "tfbo-goals"
QUICK_TRIALS, QUICK_POLICIES = 12, ("tfbo", "random")
QUICK = {"fronts": ("branin-currin", "c2dtlz2"), "designs": ("pressure-vessel",)}


def arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", action="append", choices=search.SUITES, help="by default both")
    parser.add_argument("--peers", action="append", default=[], metavar="PYTHON")
    parser.add_argument("--policy", action="append", choices=search.NAMES, help="by default all")
    parser.add_argument("--problem", action="append", help="a pattern of names; by default all")
    parser.add_argument("--seeds", type=int, default=search.SEEDS, help="BoTorch has 3 at most")
    parser.add_argument("--trials", type=int, help="a run; 100 of fronts, 50 of designs")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the traces")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the tables")
    parser.add_argument("--quick", action="store_true", help="results in a temporary folder")
    parser.add_argument("--report", action="store_true", help="report only")
    parser.add_argument("--coco", help=argparse.SUPPRESS)
    parser.add_argument("--only-run", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run what is missing, then report."""
    parsed = arguments()
    if parsed.quick:
        return quick(tuple(parsed.policy or QUICK_POLICIES))
    pythons = (*search.own(), *parsed.peers)
    coco = parsed.coco or (None if parsed.only_run else search.oracle(pythons))
    for suite in parsed.suite or search.SUITES:
        plan = search.Plan(
            suite,
            tuple(parsed.policy or search.NAMES),
            parsed.cache,
            parsed.seeds,
            parsed.trials or search.TRIALS[suite],
            tuple(parsed.problem or ("*",)),
            coco,
        )
        if parsed.only_run:
            search.here(plan)
            continue
        missing = {} if parsed.report else search.everywhere(plan, pythons)
        write(plan, missing, parsed.output)
    return 0


def write(plan: search.Plan, missing: dict[str, str], output: Path) -> None:
    """Write the report of a suite."""
    begin = time.monotonic()
    text = report.SECTIONS[plan.suite](plan, missing)
    print(f"{text}\n{plan.suite}: reported in {time.monotonic() - begin:.0f} s", flush=True)
    output.mkdir(parents=True, exist_ok=True)
    (output / f"goals-{plan.suite}.md").write_text(text)


def quick(policies: tuple[str, ...]) -> int:
    """Run and report a few problems with a few trials; 1 where a run failed."""
    folder = Path(tempfile.mkdtemp(prefix="goals-"))
    print(f"Results go to {folder}.")
    failed = []
    for suite, problems in QUICK.items():
        plan = search.Plan(suite, policies, folder / "cache", 1, QUICK_TRIALS, problems)
        failed += search.here(plan)
        write(plan, {}, folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
