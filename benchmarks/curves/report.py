"""From cached traces to Markdown tables: levels, and ratios to each peer with paired intervals.

A run's regret is (best seen - best of the table) / (untrained - best of the table), at any step of any
trial. Means are over tasks, each of which counts the same. Intervals are 95 % paired bootstraps, drawn over
tasks first and then over the seeds of each; a ratio is that of the two means.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import peers
from regret_report import RESAMPLES, table

from curves import runs
from curves.tasks import Task

READ_OUTS = (100, 200, 300, 500, 1000)
OURS = "tfbo"
# Regrets below this share of the scale are as good as none; a ratio needs something to divide by.
_LEAST = 1e-6


class Runs(NamedTuple):
    """Regrets of one policy, by task and seed."""

    regret: dict[tuple[str, int], np.ndarray]
    """At each read-out, `[r]`."""
    trials: float
    """Mean number of configurations."""
    full: float
    """Mean number that was trained to the end."""
    version: str


def gather(folder: Path, tasks: Sequence[Task], marks: Sequence[int]) -> dict[str, Runs]:
    """What each policy of a suite's folder in the cache has reached."""
    best = {task.name: task.best for task in tasks}
    traces: dict[str, dict[tuple[str, int], runs.Trace]] = {}
    for path in sorted(folder.glob("*/*.json")):
        task, _, seed = path.stem.rpartition("-")
        trace = runs.load(path)
        if task in best and trace.budget >= marks[-1]:
            traces.setdefault(path.parent.name, {})[task, int(seed)] = trace
            best[task] = min(best[task], trace.path[-1][1])
    scale = {task.name: task.untrained - best[task.name] for task in tasks}
    return {name: _judged(found, best, scale, marks) for name, found in traces.items()}


def _judged(
    traces: Mapping[tuple[str, int], runs.Trace],
    best: Mapping[str, float],
    scale: Mapping[str, float],
    marks: Sequence[int],
) -> Runs:
    regret = {
        run: np.array([(trace.at(t) - best[run[0]]) / scale[run[0]] for t in marks])
        for run, trace in traces.items()
    }
    kept = list(traces.values())
    trials, full = (float(np.mean([getattr(t, what) for t in kept])) for what in ("trials", "full"))
    return Runs(regret, trials, full, kept[0].version)


def resampled(values: np.ndarray, cells: Sequence[str]) -> np.ndarray:
    """Means of values `[k, ...]` over cells in bootstraps that are the same for each call, `[b, ...]`."""
    names = np.array(cells)
    rng = np.random.default_rng(0)
    means = []
    for cell in sorted(set(cells)):
        block = values[names == cell]
        means.append(block[rng.integers(len(block), size=[RESAMPLES, len(block)])].mean(axis=1))
    drawn = rng.integers(len(means), size=[RESAMPLES, len(means)])
    return np.stack(means)[drawn, np.arange(RESAMPLES)[:, None]].mean(axis=1)


def centre(values: np.ndarray, cells: Sequence[str]) -> np.ndarray:
    """Means of values `[k, ...]` over cells, `[...]`."""
    names = np.array(cells)
    return np.mean([values[names == cell].mean(axis=0) for cell in sorted(set(cells))], axis=0)


def ratios(ours: np.ndarray, theirs: np.ndarray, cells: Sequence[str]) -> list[str]:
    """Our mean over theirs at each read-out, of regrets `[k, r]` of the same runs, with intervals."""
    both = np.stack([ours, theirs], axis=1)
    middle, spread = centre(both, cells), resampled(both, cells)
    value = (middle[0] + _LEAST) / (middle[1] + _LEAST)
    low, high = np.quantile(
        (spread[:, 0] + _LEAST) / (spread[:, 1] + _LEAST), [0.025, 0.975], axis=0
    )
    texts = [f"{v:.2f} ({a:.2f} to {b:.2f})" for v, a, b in zip(value, low, high, strict=True)]
    return [f"**{text}**" if b < 1.0 else text for text, b in zip(texts, high, strict=True)]


def levels(found: Mapping[str, Runs], order: Sequence[str], marks: Sequence[int]) -> str:
    """Mean regret of each policy at each read-out, with intervals."""
    lines = []
    for name in [name for name in order if name in found]:
        mine = found[name]
        cells, values = [task for task, _ in mine.regret], np.array(list(mine.regret.values()))
        middle, spread = centre(values, cells), resampled(values, cells)
        low, high = np.quantile(spread, [0.025, 0.975], axis=0)
        texts = [f"{v:.3f} ({a:.3f} to {b:.3f})" for v, a, b in zip(middle, low, high, strict=True)]
        counts = [str(len(cells)), f"{mine.trials:.0f}", f"{mine.full:.0f}"]
        lines.append([name, *texts, *counts, mine.version])
    head = [
        "policy",
        *(f"regret at {t}" for t in marks),
        "runs",
        "trials",
        "of them full",
        "version",
    ]
    return table(head, lines)


def pairs(
    found: Mapping[str, Runs], order: Sequence[str], marks: Sequence[int], ours: str = OURS
) -> str:
    """Our regret over that of each peer, on the runs that both have made."""
    lines = []
    for name in [name for name in order if name in found and name != ours]:
        runs_of = sorted(set(found[ours].regret) & set(found[name].regret))
        if runs_of:
            a, b = (np.array([found[who].regret[run] for run in runs_of]) for who in (ours, name))
            texts = ratios(a, b, [task for task, _ in runs_of])
            lines.append([name, *texts, str(len(runs_of))])
    return table(["peer", *(f"{t}: {ours} / peer" for t in marks), "runs"], lines)


def hardest(found: Mapping[str, Runs], marks: Sequence[int], ours: str = OURS) -> str:
    """Mean regret of ours and of ASHA on each task, at a middle and at the last read-out."""
    names = [name for name in dict.fromkeys([ours, "asha"]) if name in found]
    shown = sorted({len(marks) // 2, len(marks) - 1})
    lines = []
    for cell in sorted({task for task, _ in found[names[0]].regret}):
        texts = []
        for i in shown:
            for name in names:
                mine = [v[i] for (task, _), v in found[name].regret.items() if task == cell]
                texts.append(f"{np.mean(mine):.3f}" if mine else "")
        lines.append([cell, *texts])
    return table(["task", *(f"{n} at {marks[i]}" for i in shown for n in names)], lines)


def section(
    folder: Path, tasks: Sequence[Task], order: Sequence[str], marks: Sequence[int] = READ_OUTS
) -> str:
    """The tables of a suite."""
    found = gather(folder, tasks, marks)
    if not found:
        return "No runs yet.\n"
    parts = [levels(found, order, marks)]
    if OURS in found:
        parts.append(f"Below 1 {OURS} is better; bold where the interval is.\n")
        parts.append(pairs(found, order, marks))
    else:
        parts.append(f"{OURS} has no runs here yet.\n")
    if OURS in found or "asha" in found:
        parts.append(hardest(found, marks, OURS if OURS in found else "asha"))
    return "\n".join(parts)


def side_by_side(
    alone: Mapping[str, Runs],
    several: Mapping[str, Runs],
    order: Sequence[str],
    marks: Sequence[int],
) -> str:
    """The regret of several workers beside that of one, on the same runs."""
    lines = []
    for name in [name for name in order if name in alone and name in several]:
        both = sorted(set(alone[name].regret) & set(several[name].regret))
        if both:
            one, more = (
                np.array([each[name].regret[r] for r in both]) for each in (alone, several)
            )
            cells = [task for task, _ in both]
            means = [f"{a:.3f}, {b:.3f}" for a, b in zip(centre(more, cells), centre(one, cells))]
            lines.append([name, *means, *ratios(more, one, cells)[-2:], str(len(both))])
    shown = [f"{t}: regret of several, of one" for t in marks]
    shown += [f"{t}: several / one" for t in marks[-2:]]
    return table(["policy", *shown, "runs"], lines)


def caught_up(found: Mapping[str, Runs], marks: Sequence[int], full: str = "tfbo_full") -> str:
    """At which share of the epochs each policy is as good as full trainings at the end, on average."""
    goal = np.mean([values[-1] for values in found[full].regret.values()])
    lines = []
    for name, mine in found.items():
        mean = np.mean(list(mine.regret.values()), axis=0)
        reached = next((t for t, v in zip(marks, mean, strict=True) if v <= goal), None)
        lines.append([name, "never" if reached is None else f"{100 * reached / marks[-1]:.0f} %"])
    title = f"share of the epochs at which it is as good as {full} at the end ({goal:.3f})"
    return table(["policy", title], lines)


def head(title: str, command: str, missing: Mapping[str, str]) -> str:
    """The title of a report, and how it was made."""
    names = "; ".join(f"{name} (needs {packages})" for name, packages in missing.items())
    left_out = f" Left out: {names}." if names else ""
    return (
        f"# {title}\n\n`{command}`, {peers.processor()}, {datetime.date.today()}.{left_out} "
        f"{' '.join(READING.split())}\n"
    )


READING = """Cost is counted in epochs; one worker where nothing else is said. Regret is normalised: 0 is
the best of the table, 1 the untrained network; in brackets 95 % paired bootstrap intervals. Suggestions of
Optuna and of tfbo_nearest go to the nearest row of a table, and what Optuna or Syne Tune stopped cannot go
on; KerasTuner, tfbo and the plain implementations (asha, halving, hyperband, random) resume. A policy with
fewer runs is compared on those that it made."""
