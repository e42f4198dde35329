"""What a user waits for between two trials: ask and tell of tfbo and of the others, side by side.

    python benchmarks/latency.py --peer-python PYTHON --peer-python PYTHON
    python benchmarks/latency.py --peer-python PYTHON --quick          # two minutes, for a first look

tfbo runs in this interpreter, every other optimiser in the first PYTHON that can import it. All are told
the same n trials and then take turns, one ask and tell each a round, so that the machine's noise hits
all alike. Nothing else may run meanwhile (see `peers.watched`); the report says whether something did.
Results go to latency.csv, latency.md and latency.png in benchmarks/results.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import datetime
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import peers
from suites.base import cube, vector

OURS = "tfbo"
MEASURED = (OURS, "tfbo_adam", "botorch", "optuna_gp", "skopt", "kerastuner", "hebo")
WARM_UP = 2
STARTUP_N, STARTUP_D = 10, 6
QUIET = 0.1  # cores
SKIPPED = "skipped (> budget)"
# Okabe and Ito's colours, which colour-blind readers can tell apart; each has a marker of its own.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
MARKERS = "osD^vPX*"


class Target(NamedTuple):
    """A ratio of tfbo's time to a peer's that it should not exceed."""

    peer: str
    limit: Fraction
    ns: tuple[int | str, ...]
    """Numbers of trials at d = 6; "start" for the start of a process."""
    kind: str = "target"


TARGETS = (
    Target("botorch", Fraction(1, 8), (30, 100, 300)),
    Target("botorch", Fraction(1, 3), (1000,)),
    Target("optuna_gp", Fraction(1, 2), (30, 100, 300)),
    Target("optuna_gp", Fraction(1, 3), (30, 100, 300), "aim"),
    Target("optuna_gp", Fraction(1, 3), (1000,)),
    Target("skopt", Fraction(1, 10), (30, 100, 300, 1000)),
    Target("kerastuner", Fraction(1, 10), (30, 100, 300, 1000)),
    Target("botorch", Fraction(3, 2), ("start",)),
    Target("optuna_gp", Fraction(2), ("start",)),
    Target("skopt", Fraction(1), ("start",)),
    Target("kerastuner", Fraction(1), ("start",)),
)


def objective(x: np.ndarray) -> np.ndarray:
    """A bowl with ripples, `[..., d] -> [...]`; its minimum of 0 is neither central nor in a corner."""
    z = x - (0.15 + 0.7 * np.modf(np.arange(1, x.shape[-1] + 1) * 0.618034)[0])
    return np.mean(z**2 + 0.05 * (1.0 - np.cos(4.0 * np.pi * z)), axis=-1)


def data(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """The trials that all are told."""
    x = np.random.default_rng([n, d]).uniform(size=(n, d))
    return x, objective(x)


def preloaded(worker: peers.Worker, optimiser: str, n: int, d: int) -> None:
    """Start an optimiser and tell it the trials."""
    x, y = data(n, d)
    worker.start(optimiser, cube(d), 0)
    worker.preload(peers.points(x), y.tolist())


@dataclasses.dataclass
class Run:
    """An optimiser at n trials in d columns: the rounds it goes through, and what was measured."""

    optimiser: str
    n: int
    d: int
    budget: float
    seconds: list[float] = dataclasses.field(default_factory=list)
    """Of each round."""
    peak: float | None = None
    """Resident memory in MiB."""
    note: str = ""
    """Why there is nothing, or less than there should be."""
    over: bool = False
    """Whether it used up its budget, so that larger n are not tried."""
    worker: peers.Worker | None = None

    def attempt(self, action: Callable[..., None], *arguments: object) -> None:
        """Do something unless it has dropped out; a failure ends its part in this run only."""
        if self.note or self.over:
            return
        try:
            action(*arguments)
        except peers.PeerError as error:
            self.note = str(error)
            self.over = isinstance(error, peers.PeerTimeout)

    def prepare(self, stack: contextlib.ExitStack, python: str) -> None:
        """Start a process and tell it the trials."""
        timeout = max(120.0, 5.0 * self.budget)
        self.worker = stack.enter_context(peers.Worker(python, timeout))
        preloaded(self.worker, self.optimiser, self.n, self.d)

    def step(self) -> None:
        """One ask and tell."""
        assert self.worker is not None
        params, asking = self.worker.ask()
        telling = self.worker.tell(float(objective(vector(params))))
        self.seconds.append(asking + telling)
        self.peak = self.worker.memory()
        self.over = sum(self.seconds[1:]) > self.budget

    @property
    def counted(self) -> list[float]:
        """Those after the warm-up, or the second if the budget ended with it; never the first."""
        return self.seconds[WARM_UP:] or self.seconds[1:]

    @property
    def median(self) -> float | None:
        """In seconds."""
        return spread(self.counted)[0]


def measure(pythons: dict[str, str], n: int, d: int, parsed: argparse.Namespace) -> list[Run]:
    """All optimisers in turn, each in a new process that idles while the others work."""
    runs = [Run(name, n, d, parsed.budget) for name in pythons]
    with peers.watched(parsed.elsewhere), contextlib.ExitStack() as stack:
        for run in runs:
            run.attempt(run.prepare, stack, pythons[run.optimiser])
        for _ in range(WARM_UP + parsed.asks):
            for run in runs:
                run.attempt(run.step)
    return runs


def measure_all(pythons: dict[str, str], parsed: argparse.Namespace) -> list[Run]:
    """Every n and d; an optimiser that used up its budget is skipped at larger n."""
    runs: list[Run] = []
    for d in parsed.d:
        over: set[str] = set()
        for n in parsed.n:
            left = {name: python for name, python in pythons.items() if name not in over}
            found = measure(left, n, d, parsed)
            runs += found + [Run(name, n, d, 0.0, note=SKIPPED) for name in pythons if name in over]
            over |= {run.optimiser for run in found if run.over}
            why = [f"{r.optimiser} at n = {n:,}, d = {d}: {r.note}" for r in found if r.note]
            parsed.failures += why
            shown = ", ".join(f"{run.optimiser} {milliseconds(run)}" for run in found)
            others = f"{parsed.elsewhere[-1]:.2f} cores busy elsewhere"
            print(f"d = {d}, n = {n}, {others}, milliseconds: {shown}", *why, sep="\n", flush=True)
    return runs


def measure_startup(pythons: dict[str, str], parsed: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds from the start of a process to its first suggestion from a model, for each optimiser."""
    seconds: dict[str, list[float]] = {name: [] for name in pythons}
    for _ in range(parsed.startups):
        for name, python in pythons.items():
            begin = time.perf_counter()
            try:
                with peers.Worker(python) as worker:
                    preloaded(worker, name, STARTUP_N, STARTUP_D)
                    worker.ask()
                    seconds[name].append(time.perf_counter() - begin)
            except peers.PeerError as error:
                parsed.failures.append(f"{name}, start-up: {error}")
    return seconds


def short(value: float | None) -> str:
    """Three digits and no exponent; nothing where there is no value."""
    return "" if value is None else f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"


def milliseconds(run: Run) -> str:
    """The median, or why there is none."""
    if run.median is None:
        return SKIPPED if run.note == SKIPPED else "failed"
    return short(1e3 * run.median)


def spread(seconds: Sequence[float]) -> tuple[float | None, ...]:
    """Median, least and most."""
    return (statistics.median(seconds), min(seconds), max(seconds)) if seconds else (None,) * 3


class Results:
    """All measurements, and the ratios between them."""

    def __init__(self, runs: Sequence[Run], startup: dict[str, list[float]]) -> None:
        self.runs = {(run.optimiser, run.n, run.d): run for run in runs}
        self.startup = startup
        self.medians = {(run.optimiser, str(run.n), run.d): run.median for run in runs}
        for name, seconds in startup.items():
            self.medians[name, "start", STARTUP_D] = spread(seconds)[0]

    def ratio(self, peer: str, n: int | str, d: int = 6) -> float | None:
        """Median of tfbo over that of the peer; n may be "start", for the start of a process."""
        if peer == OURS:
            return None
        ours, theirs = (self.medians.get((name, str(n), d)) for name in (OURS, peer))
        return ours / theirs if ours and theirs else None

    def table(self, d: int, entry: Callable[[Run], str]) -> list[str]:
        """One entry for each optimiser and n."""
        ns = sorted({run.n for run in self.runs.values()})
        rows = [[name, *(entry(self.runs[name, n, d]) for n in ns)] for name in self.startup]
        return grid(["optimiser", *(f"n = {n:,}" for n in ns)], rows)

    def sections(self, d: int, asks: int) -> list[str]:
        """Medians, ratios and memory."""

        def median(run: Run) -> str:
            fewer = 0 < len(run.counted) < asks
            return milliseconds(run) + (f" ({len(run.counted)})" if fewer else "")

        return [
            *(f"## d = {d}", "", "Median milliseconds of one ask and tell:", ""),
            *self.table(d, median),
            *("tfbo / peer:", ""),
            *self.table(d, lambda run: short(self.ratio(run.optimiser, run.n, d))),
            *("Peak memory in MiB:", ""),
            *self.table(d, lambda run: short(run.peak)),
        ]

    def verdicts(self, void: bool) -> list[str]:
        """Which targets are met; void says that the measurements do not allow to tell."""
        rows = []
        for target in TARGETS:
            for n in target.ns:
                found = self.ratio(target.peer, n)
                met = "met" if found is not None and found <= target.limit else "missed"
                verdict = "not measured" if found is None else "void" if void else met
                what = "start-up" if n == "start" else f"n = {n:,}, d = 6"
                limit = f"{target.kind} {target.limit}"
                rows.append([what, target.peer, limit, short(found), verdict])
        return grid(["what", "peer", "at most", "tfbo / peer", "verdict"], rows)


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)] + [""]


def report(parsed: argparse.Namespace, results: Results) -> str:
    """The text of latency.md down to the separator."""
    gpus = parsed.started[OURS].gpus if OURS in parsed.started else []
    versions = [
        f"- {name}: {', '.join(f'{key} {value}' for key, value in started.versions.items())}"
        for name, started in parsed.started.items()
    ]
    times = []
    for name, seconds in results.startup.items():
        found = list(map(short, (*spread(seconds), results.ratio(name, "start"))))
        times.append([name, found[0] or "failed", *found[1:]])
    sections = [line for d in parsed.d for line in results.sections(d, parsed.asks)]
    void = max(parsed.elsewhere) > QUIET
    quiet = "**these results are void**" if void else "little enough"
    failures = [f"- {failure}" for failure in parsed.failures]
    lines = [
        *("# Latency: what a user waits for between two trials", ""),
        *(f"`{parsed.command}`, {datetime.date.today()}", ""),
        f"- Machine: {peers.processor()}; tfbo on {', '.join(gpus) or 'CPU'}",
        f"- Other programs kept up to {max(parsed.elsewhere):.2f} cores busy meanwhile: {quiet}",
        *versions,
        "",
        "One ask and tell after n trials, the optimisers in turn, each in a process of its own. The first "
        f"{WARM_UP} rounds do not count: they trace programs and fill caches. The median is that of "
        f"{parsed.asks} more, or of as many as stand in brackets where {parsed.budget:g} s did not "
        "suffice. Ratios are tfbo's median over the peer's: below 1, tfbo is faster.",
        "",
        *sections,
        *("## From the start of a process to the first suggestion of a model", ""),
        f"Seconds; {STARTUP_N} trials told, d = {STARTUP_D}, {parsed.startups} processes each, in turn:",
        "",
        *grid(["optimiser", "median", "min", "max", "tfbo / peer"], times),
        *("## Targets", ""),
        *results.verdicts(void),
        *(["## Not measured or incomplete", "", *failures, ""] if failures else []),
    ]
    return peers.without_paths("\n".join(lines))


def write(folder: Path, results: Results, text: str) -> None:
    """The table of all runs, and the report."""
    with open(folder / "latency.csv", "w", newline="") as file:
        file.write("optimiser,n,d,median_s,min_s,max_s,asks,peak_mib,ratio_tfbo_to_peer,note\n")
        writer = csv.writer(file, lineterminator="\n")
        for run in results.runs.values():
            ratio = results.ratio(run.optimiser, run.n, run.d)
            found = (*spread(run.counted), len(run.counted), run.peak, ratio)
            numbers = ["" if value is None else f"{value:.6g}" for value in found]
            writer.writerow([run.optimiser, run.n, run.d, *numbers, peers.without_paths(run.note)])
    (folder / "latency.md").write_text(text + "\n")


def draw(path: Path, results: Results, ds: Sequence[int]) -> None:
    """Medians against n, a panel for each d."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4 * len(ds) + 1.4, 3.6), layout="constrained")
    axes = figure.subplots(1, len(ds), sharey=True, squeeze=False)[0]
    ns = sorted({run.n for run in results.runs.values()})
    for d, axis in zip(ds, axes, strict=True):
        for i, name in enumerate(results.startup):
            found = [results.runs[name, n, d] for n in ns]
            runs = [run for run in found if run.counted]
            axis.loglog(
                [run.n for run in runs],
                [run.median for run in runs],
                color=COLOURS[i % len(COLOURS)],
                marker=MARKERS[i % len(MARKERS)],
                linewidth=2.5 if name == OURS else 1.2,
                markersize=5,
                label=name,
            )
        axis.set_xticks(ns, [f"{n:,}" for n in ns], minor=False)
        axis.set_xticks([], minor=True)
        axis.set(title=f"d = {d}", xlabel="trials told, n")
        axis.grid(True, which="major", linewidth=0.4, alpha=0.5)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("median seconds of one ask and tell")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=150)


def arguments() -> argparse.Namespace:
    """The command line, with its defaults filled in and a form of it that names no path."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer-python", action="append", default=[], metavar="PYTHON")
    parser.add_argument("--n", type=int, nargs="+", help="trials told, at least ten")
    parser.add_argument("--d", type=int, nargs="+", help="columns")
    parser.add_argument("--asks", type=int, help="rounds that count")
    parser.add_argument("--budget", type=float, help="seconds for one n and d")
    parser.add_argument("--optimisers", nargs="+", choices=peers.OPTIMISERS, default=MEASURED)
    parser.add_argument("--output", metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="a first look, into a new folder")
    parsed = parser.parse_args()
    parsed.n = sorted(parsed.n or ([10, 100] if parsed.quick else [10, 30, 100, 300, 1000]))
    parsed.d = sorted(parsed.d or ([6] if parsed.quick else [2, 6, 20]))
    parsed.asks = parsed.asks or (3 if parsed.quick else 10)
    parsed.budget = parsed.budget or (15.0 if parsed.quick else 60.0)
    parsed.startups = 1 if parsed.quick else 3
    parsed.elsewhere, parsed.failures = [], []
    if parsed.n[0] < 10:
        parser.error("--n: with fewer than ten trials some of the optimisers have no model yet")
    known = {**dict.fromkeys(parsed.peer_python, "PYTHON"), parsed.output: "DIR"}
    words = ["=".join(known.get(part, part) for part in word.split("=")) for word in sys.argv[1:]]
    parsed.command = " ".join(["python benchmarks/latency.py", *words])
    return parsed


def main() -> int:
    """Measure, print, write and draw."""
    parsed = arguments()
    pythons = [sys.executable, *parsed.peer_python]
    found, parsed.started, missing = peers.discover(pythons, parsed.optimisers)
    why = "not installed or failed to import"
    parsed.failures += [f"{name}: {why}: {reason}" for name, reason in missing.items()]
    print(*parsed.failures, sep="\n", flush=True)
    runs = measure_all(found, parsed)
    with peers.watched(parsed.elsewhere):
        startup = measure_startup(found, parsed)
    results = Results(runs, startup)
    text = report(parsed, results)
    print(text)
    usual = tempfile.mkdtemp() if parsed.quick else Path(__file__).parent / "results"
    folder = Path(parsed.output or usual)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, results, text)
    try:
        draw(folder / "latency.png", results, parsed.d)
    except ImportError as error:
        print(f"No picture: {error}")
    print(f"Written to {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
