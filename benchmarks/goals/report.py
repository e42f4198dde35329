"""From cached traces to Markdown tables, with paired intervals.

Fronts: the hypervolume that the feasible trials dominate. Designs: how soon a trial is feasible, and the
gap of the best feasible one to the optimum. Problems count the same each; intervals are 95 % bootstraps
over problems and then over the seeds of each, and two policies are compared on the runs that both have
made.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import peers
from curves.report import centre, resampled
from regret_report import table
from suites.design import Design, Outcome

from goals import policies, runs, search
from tfbo.trial.front import hypervolume

OURS, RIVAL = "tfbo", "optuna_gp"
MARKS = (30, 60, 100)
SOON = 20
"""The trial by which a run should have a feasible one."""
ENOUGH = 0.95
LEAST = 1e-4
"""Gaps below this share of the optimum are as good as none; a ratio needs something to divide by."""
FINER = 1e-6
"""Another bound: COCO's optima are of any size, so that shares of them are as well."""
LAST = 10
"""Trials at the end over which the time of an ask is averaged."""

Key = tuple[str, int]
Values = dict[str, dict[Key, np.ndarray]]
"""Of each policy and run."""


class Found(NamedTuple):
    """All runs of a suite in the cache."""

    traces: dict[str, dict[Key, runs.Trace]]
    designs: dict[Key, Design]

    def judged(self, judge: Callable[[Design, list[Outcome]], np.ndarray]) -> Values:
        """A figure of each run."""
        return {
            name: {key: judge(self.designs[key], trace.outcomes()) for key, trace in mine.items()}
            for name, mine in self.traces.items()
        }


def gather(plan: search.Plan) -> Found:
    """Read the runs of a plan that are long enough."""
    traces: dict[str, dict[Key, runs.Trace]] = {}
    designs: dict[Key, Design] = {}
    cases = plan.cases()
    for name in policies.POLICIES:
        for case in cases:
            for seed in range(plan.seeds):
                path = runs.place(plan.folder, name, case.name, seed)
                if path.exists() and len((trace := runs.load(path)).params) >= plan.trials:
                    key = (case.name, seed)
                    traces.setdefault(name, {})[key] = trace
                    if key not in designs:
                        designs[key] = case.design(seed)
    return Found(traces, designs)


def volumes(design: Design, outcomes: Sequence[Outcome], marks: Sequence[int]) -> np.ndarray:
    """Hypervolume of the feasible ones among the first trials, `[r]`."""
    reference = -np.array(design.reference)
    kept = [[o.objectives for o in outcomes[:t] if o.feasible] for t in marks]
    scores = [-np.array(points).reshape(len(points), len(reference)) for points in kept]
    return np.array([hypervolume(each, reference) for each in scores])


def first_feasible(outcomes: Sequence[Outcome]) -> float:
    """The number of the first feasible trial, from 1; infinite where there is none."""
    return next((float(i) for i, o in enumerate(outcomes, start=1) if o.feasible), np.inf)


def gap(design: Design, outcomes: Sequence[Outcome], least: float = LEAST) -> float:
    """Gap of the best feasible trial to the optimum, in shares of the optimum; infinite without one."""
    assert design.best is not None
    values = [o.objectives[0] for o in outcomes if o.feasible]
    return max((min(values, default=np.inf) - design.best) / abs(design.best), least)


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the first axis, 1 for the largest; equal ones share the mean of theirs."""
    above = np.sum(values[None] > values[:, None], axis=1)
    equal = np.sum(values[None] == values[:, None], axis=1)
    return above + 0.5 * (equal + 1)


def shared(values: Mapping[str, Mapping[Key, np.ndarray]], names: Sequence[str]) -> list[Key]:
    """Runs that all of these policies have made."""
    return sorted(set.intersection(*(set(values[name]) for name in names))) if names else []


def mean_ranks(values: Values, names: Sequence[str], marks: Sequence[int]) -> str:
    """Mean rank of each policy at each read-out, on the runs that all have."""
    keys = shared(values, names)
    if not keys or len(names) < 2:
        return ""
    ranked = ranks(np.array([[values[name][key] for key in keys] for name in names]))
    cells = [case for case, _ in keys]
    lines = []
    for name, mine in zip(names, ranked, strict=True):
        middle = centre(mine, cells)
        low, high = np.quantile(resampled(mine, cells), [0.025, 0.975], axis=0)
        texts = [f"{v:.2f} ({a:.2f} to {b:.2f})" for v, a, b in zip(middle, low, high)]
        lines.append([name, *texts])
    title = f"{len(set(cells))} problems, {len(keys)} runs each"
    return table([title, *(f"mean rank at {t}" for t in marks)], lines)


def levels(values: Values, found: Found, marks: Sequence[int]) -> str:
    """Mean hypervolume of each policy on each problem, at all read-outs."""
    lines = []
    for case in dict.fromkeys(case for case, _ in found.designs):
        seeds = [seed for name, seed in found.designs if name == case]
        best = found.designs[case, seeds[0]].best
        texts = []
        for mine in values.values():
            known = [mine[case, seed] for seed in seeds if (case, seed) in mine]
            mean = np.mean(known, axis=0) if known else []
            texts.append(
                ", ".join(f"{v:.4g}" for v in mean) + (f" ({len(known)})" if known else "")
            )
        lines.append([case, *texts, "" if best is None else f"{best:.4g}"])
    at = ", ".join(map(str, marks))
    return table([f"hypervolume at {at} (runs)", *values, "best known"], lines)


def beside_best(values: Values, marks: Sequence[int]) -> str:
    """Our mean hypervolume over that of the best peer, problem by problem."""
    rivals = [name for name in values if name not in (OURS, *policies.VARIANTS)]
    lines, below = [], np.zeros(len(marks), int)
    for case in dict.fromkeys(case for case, _ in values[OURS]):
        texts = []
        for i in range(len(marks)):
            ratio, text = _least_ratio(values, rivals, case, i)
            below[i] += ratio < ENOUGH
            texts.append(text)
        lines.append([case, *texts])
    total = ", ".join(f"{count} at {t}" for count, t in zip(below, marks, strict=True))
    head = ["problem", *(f"{OURS} / best peer at {t}" for t in marks)]
    return f"Problems below {ENOUGH} of the best peer: {total}.\n\n" + table(head, lines)


def _least_ratio(values: Values, rivals: Sequence[str], case: str, i: int) -> tuple[float, str]:
    """The least ratio of ours to a peer at a read-out, and it with its interval and the peer's name."""
    least, text = np.inf, ""
    for name in rivals:
        keys = [key for key in shared(values, [OURS, name]) if key[0] == case]
        ours, theirs = (np.array([values[who][key][i] for key in keys]) for who in (OURS, name))
        if not keys or theirs.mean() == 0.0 or ours.mean() / theirs.mean() >= least:
            continue
        least = ours.mean() / theirs.mean()
        drawn = resampled(np.stack([ours, theirs], axis=1), [case] * len(keys))
        low, high = np.quantile(drawn[:, 0] / np.maximum(drawn[:, 1], 1e-300), [0.025, 0.975])
        text = f"{least:.3f} ({low:.3f} to {high:.3f}) {name}"
    return least, text


def seconds(found: Found, objectives: int) -> str:
    """Processor time of an ask at the end of a run, of problems with so many objectives."""
    wanted = {key for key, design in found.designs.items() if design.objectives == objectives}
    means = {
        name: {k: np.array(t.seconds[-LAST:]).mean() for k, t in mine.items() if k in wanted}
        for name, mine in found.traces.items()
    }
    lines = []
    for name, mine in means.items():
        if mine:
            both = shared(means, [OURS, name]) if OURS in means else []
            pairs = [means[OURS][k] / mine[k] for k in both]
            ratio = f"{np.exp(np.mean(np.log(pairs))):.3f}" if pairs else ""
            version = next(iter(found.traces[name].values())).version
            lines.append([name, f"{1e3 * np.mean(list(mine.values())):.1f}", ratio, version])
    head = [
        f"{objectives} objective(s)",
        f"ms an ask, last {LAST} trials",
        f"{OURS} / it",
        "version",
    ]
    return table(head, lines)


def fronts(plan: search.Plan, missing: Mapping[str, str]) -> str:
    """The report of the fronts."""
    marks = tuple(t for t in MARKS if t <= plan.trials) or (plan.trials,)
    found = gather(plan)
    values = found.judged(lambda design, outcomes: volumes(design, outcomes, marks))
    parts = [head("Several objectives: hypervolume", plan, missing)]
    ranked = [name for name in values if name not in policies.VARIANTS]
    many = [name for name in ranked if name not in search.FEW]
    parts += [
        mean_ranks(values, names, marks) for names in dict.fromkeys([tuple(ranked), tuple(many)])
    ]
    parts += [beside_best(values, marks)] if OURS in values and len(ranked) > 1 else []
    parts += [levels(values, found, marks), seconds(found, 2)] if values else ["No runs yet.\n"]
    return "\n".join(part for part in parts if part)


def soonest(found: Found) -> str:
    """First feasible trials of runs, beside ours and the rival's on the same runs."""
    first = {
        name: {key: np.array(first_feasible(t.outcomes())) for key, t in mine.items()}
        for name, mine in found.traces.items()
    }
    lines = []
    for name, mine in first.items():
        values = np.array(list(mine.values()))
        texts = [f"{100.0 * np.mean(values <= SOON):.0f} %", f"{np.median(values):.1f}"]
        for who in (OURS, RIVAL):
            both = shared(first, [who, name]) if who in first else []
            medians = [np.median([first[e][key] for key in both]) for e in (name, who) if both]
            texts.append(", ".join(f"{median:.1f}" for median in medians))
        lines.append([name, *texts, str(len(values))])
    titles = [f"feasible by {SOON}", "first feasible trial, median"]
    titles += [f"on shared runs: it, {who}" for who in (OURS, RIVAL)]
    return table(["policy", *titles, "runs"], lines)


def gaps(found: Found, least: float = LEAST) -> Values:
    """Gaps at the end; a run without a feasible trial has the largest of all runs of its problem."""
    raw = found.judged(lambda design, outcomes: np.array(gap(design, outcomes, least)))
    worst: dict[str, float] = {}
    for mine in raw.values():
        for (case, _), value in mine.items():
            known = worst.get(case, least)
            worst[case] = max(known, float(value)) if np.isfinite(value) else known
    return {
        name: {key: np.minimum(value, worst[key[0]]) for key, value in mine.items()}
        for name, mine in raw.items()
    }


def beside_each(values: Values) -> str:
    """Our gap over that of each peer in the geometric mean, on shared runs, and on designs alone."""
    lines = []
    for name in [name for name in values if name != OURS]:
        keys = shared(values, [OURS, name])
        parts = [keys, [k for k in keys if not _coco(k)], [k for k in keys if _coco(k)]]
        lines.append([name, *(_geometric(values, name, part) for part in parts), str(len(keys))])
    titles = [f"gap of {OURS} / it, {part}" for part in ("all", "engineering", "bbob-constrained")]
    return table(["peer", *titles, "runs"], lines)


def _coco(key: Key) -> bool:
    return key[0].startswith("bbob-")


def _geometric(values: Values, name: str, keys: Sequence[Key]) -> str:
    if not keys:
        return ""
    logs = np.log([values[OURS][key] / values[name][key] for key in keys])
    cells = [case for case, _ in keys]
    low, high = np.exp(np.quantile(resampled(logs, cells), [0.025, 0.975]))
    text = f"{np.exp(centre(logs, cells)):.2f} ({low:.2f} to {high:.2f})"
    return f"**{text}**" if high < 1.0 else text


def each_design(values: Values, found: Found) -> str:
    """Median first feasible trial and mean gap of each policy on each design."""
    lines = []
    for case in dict.fromkeys(case for case, _ in found.designs):
        texts = []
        for name, mine in values.items():
            keys = [key for key in mine if key[0] == case]
            first = [first_feasible(found.traces[name][key].outcomes()) for key in keys]
            mean = np.exp(np.mean(np.log([mine[key] for key in keys]))) if keys else 0.0
            texts.append(f"{np.median(first):.0f}, {mean:.3g} ({len(keys)})" if keys else "")
        lines.append([case, *texts])
    return table(["first feasible (median), gap (geometric mean), (runs)", *values], lines)


def designs(plan: search.Plan, missing: Mapping[str, str]) -> str:
    """The report of the designs."""
    found = gather(plan)
    parts = [head("Constraints on outcomes: designs", plan, missing)]
    seeds = len({seed for mine in found.traces.values() for _, seed in mine})
    parts += [f"There are runs of {seeds} of {plan.seeds} seeds so far.\n"] * (
        0 < seeds < plan.seeds
    )
    if not found.traces:
        return "\n".join([*parts, "No runs yet.\n"])
    values = gaps(found)
    parts += [soonest(found)]
    if OURS in values and len(values) > 1:
        finer = f"The same with gaps of at least {FINER:g}:\n"
        parts += [beside_each(values), finer, beside_each(gaps(found, FINER))]
    parts += [each_design(values, found), seconds(found, 1)]
    return "\n".join(parts)


def head(title: str, plan: search.Plan, missing: Mapping[str, str]) -> str:
    """The title of a report, and how it was made."""
    names = "; ".join(f"{name} (needs {packages})" for name, packages in missing.items())
    left_out = f" Left out: {names}." if names else ""
    left_out += "" if plan.coco else " COCO's problems are left out (they need coco-experiment)."
    command = f"python benchmarks/goals.py --suite {plan.suite} --peers PYTHON"
    return (
        f"# {title}\n\n`{command}`, {peers.processor()}, {datetime.date.today()}, {plan.trials} "
        f"trials.{left_out} {' '.join(READING[plan.suite].split())}\n"
    )


READING = {
    "fronts": """All objectives are minimised; the volume is that below BoTorch's reference point, or COCO's
    nadir. BoTorch and tfbo_reference are given that point, the others infer one. The second table of ranks
    leaves out who has few runs. In brackets 95 % paired bootstrap intervals, or the number of runs.""",
    "designs": f"""The gap is that of the best feasible trial to the known optimum in shares of it, at
    least {LEAST:g}; a run without a feasible trial has the largest gap of any run of the problem. In
    brackets 95 % paired bootstrap intervals, bold where tfbo is better clear of 1.""",
}
SECTIONS: dict[str, Callable[[search.Plan, Mapping[str, str]], str]] = {
    "fronts": fronts,
    "designs": designs,
}
