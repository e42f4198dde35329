"""From the runs of `regret.py` to tables and pictures.

How a run is judged: by the true value of the point that would be recommended after so many trials (the
best one so far where there is no noise). The normalised regret puts it between the best value known (0) and
what random search has after ten trials on average over the seeds (1, and no worse is counted). The best
value is the optimum where it is known, and otherwise the best that any run of the cell has seen.

Optimisers are compared on the runs (cell and seed) that all of a group have made. Intervals are paired
bootstraps, drawn over cells first and then over the seeds of each, because seeds of a cell resemble each
other. All of it is a function of the rows of the results, so it reproduces to the last digit.
"""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from adapters import ADAPTERS

OURS, BASELINE = "tfbo", "random"
CHECKPOINTS = (10, 25, 50, 100)
TOLERANCES = (1e-1, 1e-3)
BASELINE_TRIALS = 10
RESAMPLES = 4000
# Nearer to the best value than this share of the baseline, two runs are as good as each other.
_SAME = 1e-9
BLACK = "#000000"  # tfbo's
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
STYLES = ("-", "--", "-.", ":")
# An optimiser that has made this share of the runs of the busiest one belongs to the main comparison.
_WHOLE = 0.9


class Row(NamedTuple):
    """A run."""

    suite: str
    cell: str
    seed: int
    optimiser: str
    budget: int
    seconds: float
    optimum: float | None
    path: tuple[tuple[int, float], ...]
    coverage: tuple[float, ...]

    def at(self, trial: int) -> float:
        """The true value of the point recommended after so many trials; infinite where there is none."""
        return next((value for t, value in reversed(self.path) if t <= trial), math.inf)


class Group(NamedTuple):
    """Optimisers on the runs that all of them made."""

    optimisers: tuple[str, ...]
    suites: tuple[str, ...]
    """`[k]`, of each run."""
    cells: tuple[str, ...]
    """`[k]`, of each run."""
    regret: np.ndarray
    """Normalised, `[m, k, trials]`; the entry of trial t is at t - 1."""


def read(results: Path) -> list[Row]:
    """The rows of a results file; none where there is no file. A row that was cut off is left out."""
    if not results.exists():
        return []
    rows = []
    with results.open(newline="") as file:
        for line in csv.DictReader(file):
            if line["error"] is None:
                continue
            steps = [step.split(":") for step in line["path"].split()]
            rows.append(
                Row(
                    line["suite"],
                    line["cell"],
                    int(line["seed"]),
                    line["optimiser"],
                    int(line["budget"]),
                    float(line["seconds"]),
                    float(line["optimum"]) if line["optimum"] else None,
                    tuple((int(trial), float(value)) for trial, value in steps),
                    tuple(map(float, line["coverage"].split())),
                )
            )
    return rows


def group(rows: Sequence[Row], optimisers: Sequence[str]) -> Group:
    """The runs that all of the optimisers made, judged against what all rows know of their cells."""
    by_run = {(row.cell, row.seed, row.optimiser): row for row in rows}
    best, scale = _references(rows)
    suite = {row.cell: row.suite for row in rows}
    runs = sorted({(row.cell, row.seed) for row in rows})
    runs = [run for run in runs if all((*run, name) in by_run for name in optimisers)]
    runs = [run for run in runs if run in scale]
    budget = min((row.budget for row in rows), default=0)
    regret = np.empty([len(optimisers), len(runs), budget])
    for i, name in enumerate(optimisers):
        for j, run in enumerate(runs):
            row = by_run[(*run, name)]
            values = np.array([row.at(t) for t in range(1, budget + 1)])
            regret[i, j] = np.clip((values - best[run]) / scale[run], 0.0, 1.0)
    cells = tuple(cell for cell, _ in runs)
    return Group(tuple(optimisers), tuple(suite[cell] for cell in cells), cells, regret)


def _references(
    rows: Sequence[Row],
) -> tuple[dict[tuple[str, int], float], dict[tuple[str, int], float]]:
    """Of each cell and seed the best value known, and the regret that counts as one."""
    best = {(row.cell, row.seed): row.optimum for row in rows if row.optimum is not None}
    seen: dict[str, float] = {}
    for row in rows:
        seen[row.cell] = min([seen.get(row.cell, math.inf), *(value for _, value in row.path)])
    scales: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        best.setdefault((row.cell, row.seed), seen[row.cell])
    for row in rows:
        if row.optimiser == BASELINE and math.isfinite(row.at(BASELINE_TRIALS)):
            regret = row.at(BASELINE_TRIALS) - best[row.cell, row.seed]
            scales.setdefault(row.cell, []).append(regret)
    scale = {
        run: float(np.mean(scales[run[0]])) for run in best if np.mean(scales.get(run[0], [0])) > 0
    }
    return best, scale


def ranks(regret: np.ndarray) -> np.ndarray:
    """Mean rank of each optimiser `[m]` from regrets `[m, k]`: 1 is best, equals share their ranks."""
    better = regret[None, :, :] < regret[:, None, :] - _SAME
    equal = np.abs(regret[None, :, :] - regret[:, None, :]) <= _SAME
    return (1.0 + better.sum(axis=1) + 0.5 * (equal.sum(axis=1) - 1.0)).mean(axis=1)


def interval(difference: np.ndarray, cells: Sequence[str]) -> tuple[float, float, float]:
    """Mean of the differences `[k]` over cells, with its 95 % bootstrap interval."""
    names = np.array(cells)
    blocks = [difference[names == cell] for cell in sorted(set(cells))]
    rng = np.random.default_rng(0)
    means = np.empty([RESAMPLES, len(blocks)])
    for j, block in enumerate(blocks):
        means[:, j] = block[rng.integers(len(block), size=[RESAMPLES, len(block)])].mean(axis=1)
    drawn = rng.integers(len(blocks), size=[RESAMPLES, len(blocks)])
    resampled = np.take_along_axis(means, drawn, axis=1).mean(axis=1)
    centre = float(np.mean([block.mean() for block in blocks]))
    return centre, *map(float, np.quantile(resampled, [0.025, 0.975]))


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _each_suite(found: Group) -> list[tuple[str, np.ndarray]]:
    """Names of the suites and which runs are theirs, bool `[k]`; all of them come first."""
    names = np.array(found.suites)
    return [("all", names == names)] + [(n, names == n) for n in sorted(set(found.suites))]


def _levels(found: Group) -> str:
    """Mean normalised regret and mean rank of each suite at each checkpoint."""
    marks = _marks(found)
    head = [
        "suite",
        "optimiser",
        *(f"regret at {t}" for t in marks),
        *(f"rank at {t}" for t in marks),
    ]
    lines = []
    for suite, mine in _each_suite(found):
        regret = found.regret[:, mine]
        means = [regret[:, :, t - 1].mean(axis=1) for t in marks]
        places = [ranks(regret[:, :, t - 1]) for t in marks]
        for i, name in enumerate(found.optimisers):
            cells = [f"{values[i]:.4f}" for values in means]
            cells += [_bold(f"{values[i]:.2f}", values[i] == values.min()) for values in places]
            lines.append([suite, name, *cells])
    return table(head, lines)


def _marks(found: Group) -> list[int]:
    """After how many trials optimisers are compared; the last of them is always one."""
    budget = found.regret.shape[-1]
    return [t for t in CHECKPOINTS if t < budget] + [budget]


def _bold(text: str, is_so: bool) -> str:
    return f"**{text}**" if is_so else text


def _pairs(found: Group) -> str:
    """The regret of tfbo minus that of each peer, with intervals, and who wins how often."""
    ours = found.optimisers.index(OURS)
    marks = _marks(found)
    head = ["suite", "peer", *(f"{t}: regret, tfbo minus peer" for t in marks)]
    head += [f"{t}: log10 of it" for t in marks[1:]]
    head += [f"{t}: win/tie/loss" for t in marks[1:]]
    lines = []
    for suite, mine in _each_suite(found):
        cells = [cell for cell, is_mine in zip(found.cells, mine, strict=True) if is_mine]
        for i, name in enumerate(found.optimisers):
            if i == ours:
                continue
            a, b = found.regret[ours][mine], found.regret[i][mine]
            texts = [interval_text(a[:, t - 1] - b[:, t - 1], cells) for t in marks]
            logs = np.log10(a + 1e-6) - np.log10(b + 1e-6)
            texts += [interval_text(logs[:, t - 1], cells) for t in marks[1:]]
            for t in marks[1:]:
                gap = a[:, t - 1] - b[:, t - 1]
                won, lost = int(np.sum(gap < -_SAME)), int(np.sum(gap > _SAME))
                texts.append(f"{won}/{len(gap) - won - lost}/{lost}")
            lines.append([suite, name, *texts])
    return table(head, lines)


def interval_text(difference: np.ndarray, cells: Sequence[str], *, either: bool = False) -> str:
    """The interval as text, bold where it is below zero; with `either`, where it is clear of it."""
    centre, low, high = interval(difference, cells)
    text = f"{centre:+.3f} ({low:+.3f} to {high:+.3f})"
    return _bold(text, high < 0.0 or (either and low > 0.0))


def _coverage(rows: Sequence[Row]) -> str:
    """How often outcomes are within the surrogate's intervals, suite by suite."""
    ours = [row for row in rows if row.optimiser == OURS and row.coverage]
    lines = []
    for suite in sorted({row.suite for row in ours}):
        mine = np.array([row.coverage for row in ours if row.suite == suite])
        lines.append(
            [suite, *(f"{100 * share:.1f}" for share in mine.mean(axis=0)), str(len(mine))]
        )
    return table(["suite", "50 %", "80 %", "95 %", "runs"], lines)


_COVERAGE_TEXT = (
    "How many percent of the outcomes of a whole run are within the surrogate's central intervals of that\n"
    "probability, each predicted from all the others (leave one out), in the outcomes as the surrogate\n"
    "sees them. An honest surrogate has 50, 80 and 95."
)


def groups(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """Which optimisers are compared: those of all runs, then with ever slower ones on fewer runs.

    Each group is compared on the runs that all of its optimisers have made.
    """
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.optimiser] = counts.get(row.optimiser, 0) + 1
    steps: list[list[str]] = []
    for name in sorted(counts, key=lambda name: -counts[name]):
        if not steps or counts[name] < _WHOLE * counts[steps[-1][0]]:
            steps.append([])
        steps[-1].append(name)
    found: dict[str, tuple[str, ...]] = {}
    for i, step in enumerate(steps):
        names = [name for earlier in steps[: i + 1] for name in earlier]
        title = f"The part of it that {' and '.join(sorted(step))} ran as well"
        found[title if i else "The whole choice of cells"] = tuple(
            sorted(names, key=lambda name: (name != OURS, name))
        )
    return found


def _extent(found: Group) -> str:
    """What was run."""
    suites_text = ", ".join(
        f"{len({c for c, s in zip(found.cells, found.suites, strict=True) if s == suite})} {suite}"
        for suite in sorted(set(found.suites))
    )
    return (
        f"{len(set(found.cells))} cells ({suites_text}), {len(found.cells)} runs of each optimiser, "
        f"{found.regret.shape[-1]} trials."
    )


def pictures(found: Group, results: Path, slug: str) -> list[Path]:
    """Convergence of each suite and data profiles, as PNG files beside the results."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    paths = []
    parts = _each_suite(found)
    for kind, draw in (("convergence", _draw_convergence), ("profiles", _draw_profile)):
        columns = min(4, len(parts))
        lines = math.ceil(len(parts) / columns)
        size = (3.4 * columns, 2.8 * lines + 0.6)
        figure, axes = pyplot.subplots(lines, columns, figsize=size, squeeze=False)
        for axis in axes.flat[len(parts) :]:
            axis.axis("off")
        for axis, (suite, mine) in zip(axes.flat, parts, strict=False):
            draw(axis, found, mine)
            axis.set_title(f"{suite} ({len({found.cells[k] for k in np.flatnonzero(mine)})} cells)")
        for axis in axes[-1]:
            axis.set_xlabel("trials")
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=5, frameon=False)
        figure.tight_layout(rect=(0, 0.08 if len(labels) <= 5 else 0.13, 1, 1))
        path = results.with_name(f"{results.stem}-{slug}-{kind}.png")
        figure.savefig(path, dpi=110)
        pyplot.close(figure)
        paths.append(path)
    return paths


def _draw_convergence(axis: Any, found: Group, mine: np.ndarray) -> None:
    """Mean normalised regret against trials."""
    trials = np.arange(1, found.regret.shape[-1] + 1)
    for i, name in enumerate(found.optimisers):
        mean = found.regret[i, mine].mean(axis=0)
        axis.plot(trials, mean, label=name, lw=1.8 if name == OURS else 1.2, **_line(name))
    axis.set_yscale("log")
    axis.set_ylabel("mean normalised regret")


def _draw_profile(axis: Any, found: Group, mine: np.ndarray) -> None:
    """Share of the runs that have come within each tolerance of the best value known."""
    trials = np.arange(1, found.regret.shape[-1] + 1)
    for i, name in enumerate(found.optimisers):
        for tolerance, width in zip(TOLERANCES, (1.0, 2.0), strict=True):
            share = (found.regret[i, mine] <= tolerance).mean(axis=0)
            label = name if width == 2.0 else None
            axis.plot(trials, share, label=label, lw=width, **_line(name))
    axis.set_ylim(0, 1)
    axis.set_ylabel("share within 0.1 (thin), 0.001")


def _line(name: str) -> dict[str, Any]:
    """How an optimiser is drawn, the same in every picture."""
    if name == OURS:
        return {"color": BLACK, "linestyle": "-"}
    i = [other for other in ADAPTERS if other != OURS].index(name)
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": STYLES[(i + 1) % len(STYLES)]}


def _head(rows: Sequence[Row]) -> str:
    """How to read it, when it was made, and what was not run."""
    there = {row.optimiser for row in rows}
    missing = ", ".join(name for name in ADAPTERS if name not in there)
    return (
        f"{datetime.date.today().isoformat()}, {len(rows)} runs in all. {_READING}\n"
        f"Not run: {missing or 'none'}. An optimiser with fewer runs is compared on those that it made.\n"
    )


_READING = """Normalised regret: 0 is the best value known, 1 what random search has after ten
trials. Ranks: 1 is best. Differences are tfbo minus the peer, so negative means that tfbo is better; the
interval is a 95 % paired bootstrap over cells and seeds, and is bold where it is clear of zero in tfbo's
favour. Noisy problems are judged by the true value of the recommended point. How this is computed:
`regret_report.py`; the runs themselves: `regret.csv`.
"""


def _versions_text(report: Path, versions: Mapping[str, Mapping[str, str]] | None) -> str:
    """Versions of the optimisers; those known from an earlier report are kept."""
    prefix = "Versions: "
    known: dict[str, str] = {}
    if report.exists():
        for line in report.read_text().splitlines():
            if line.startswith(prefix):
                entries = line.removeprefix(prefix).rstrip(".").split("; ")
                known = dict(entry.split(" = ", 1) for entry in entries if " = " in entry)
    for name, packages in (versions or {}).items():
        known[name] = ", ".join(f"{package} {version}" for package, version in packages.items())
    return prefix + "; ".join(f"{name} = {known[name]}" for name in sorted(known)) + ".\n"


def write(results: Path, versions: Mapping[str, Mapping[str, str]] | None = None) -> None:
    """The report of a results file, beside it: Markdown, and pictures of each group of optimisers."""
    rows = read(results)
    if not rows:
        raise SystemExit(f"There is nothing to report: no runs in {results.name}.")
    if not {OURS, BASELINE} <= {row.optimiser for row in rows}:
        print(
            f"No report: {results.name} needs runs of {OURS}, and of {BASELINE} to normalise regret."
        )
        return
    report = results.with_suffix(".md")
    parts = ["# Regret: how good the best trial is after so many trials\n", _head(rows)]
    parts.append(_versions_text(report, versions))
    for i, (name, optimisers) in enumerate(groups(rows).items()):
        slug = f"part-{i}" if i else "whole"
        found = group(rows, optimisers)
        parts.append(f"## {name}\n\n{_extent(found)}\n\n{_levels(found)}\n{_pairs(found)}")
        for picture in pictures(found, results, slug):
            parts.append(f"![{picture.stem}]({picture.name})\n")
    parts.append("## Is the surrogate honest?\n\n" + _COVERAGE_TEXT + "\n\n" + _coverage(rows))
    report.write_text("\n".join(parts))
    print(f"{report.name} is written")
