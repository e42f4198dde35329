"""What each choice of the default strategy is worth: the same runs with that choice made otherwise.

    python benchmarks/ablation.py --yahpo DIR --jobs 2                   # all variants: hours on two cores
    python benchmarks/ablation.py --yahpo DIR --variant "no centre"      # one more
    python benchmarks/ablation.py --report

It runs on cells that are not in the core of `regret.py` (but for the classics and the failing problem, of
which it takes other instances), so that what is chosen here is judged there by problems that had no say
in it. Results go to ablation.csv and ablation.md in benchmarks/results; runs that
are in the file already are not repeated.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import regret
import regret_report
import suites
from adapters import Adapter, Random, Tfbo
from suites.base import Cell

RESULTS = Path(__file__).parent / "results" / "ablation.csv"
DEFAULT = regret_report.OURS
MARKS = (10, 25, 60)
BUDGET, SEEDS = 60, 3


class Variant(NamedTuple):
    """The default strategy but for one choice."""

    why: str
    settings: Callable[[], Mapping[str, Any]] = dict
    """Arguments of `Bayes`."""
    patches: Callable[[], Mapping[tuple[Any, str], Any]] = dict
    """What modules hold instead, by module and name."""
    last: int = 0
    """How many trials at the end go to the largest posterior mean."""


def _opening_without_centre() -> Mapping[tuple[Any, str], Any]:
    from tfbo.strategies import bayes, sobol

    return {(bayes, "_opening"): sobol.points}


def _tempering(function: Callable[..., Any]) -> Mapping[tuple[Any, str], Any]:
    from tfbo.gp import outcomes

    return {(outcomes, "temper"): function}  # suggestions alone: `invert` is not what undoes it


def _median_and_spread(y: Any) -> tuple[Any, Any]:
    """The median, and the root mean square distance from it of the outcomes above it, as in `temper`."""
    import tensorflow as tf

    ordered, n = tf.sort(y), tf.size(y)
    median = 0.5 * ordered[(n - 1) // 2] + 0.5 * ordered[n // 2]
    above = tf.boolean_mask(y, y > median) - median
    count = tf.maximum(tf.cast(tf.size(above), y.dtype), 1.0)
    return median, tf.sqrt(tf.reduce_sum(tf.square(above)) / count)


def _half_rank(y: Any, mask: Any = None) -> Any:
    """All outcomes below the median replaced by the normal quantiles of their ranks."""
    import tensorflow as tf

    median, spread = _median_and_spread(y)
    lower = tf.reduce_sum(tf.cast(y[:, None] > y[None, :], y.dtype), axis=1)
    equal = tf.reduce_sum(tf.cast(tf.equal(y[:, None], y[None, :]), y.dtype), axis=1)
    rank = (lower + 0.5 * equal) / tf.cast(tf.size(y), y.dtype)
    return tf.where((y < median) & (spread > 0.0), median + spread * tf.math.ndtri(rank), y)


def _log_tail(y: Any, mask: Any = None) -> Any:
    """Outcomes t spreads below the median moved to log(1 + t) below it."""
    import tensorflow as tf

    median, spread = _median_and_spread(y)
    unit = tf.where(spread > 0.0, spread, tf.ones_like(spread))
    t = tf.maximum(median - y, 0.0) / unit
    return tf.where((y < median) & (spread > 0.0), median - unit * tf.math.log1p(t), y)


def _yeo_johnson(y: Any, mask: Any = None) -> Any:
    """Yeo and Johnson's transform of standardised outcomes, its power by maximum likelihood."""
    import tensorflow as tf

    from tfbo.gp import outcomes

    z = outcomes.standardise(y, mask).z
    power = tf.constant(np.linspace(-1.0, 5.0, 60), y.dtype)[:, None]  # never 0 or 2
    positive = tf.math.expm1(power * tf.math.log1p(tf.maximum(z, 0.0))) / power
    other = 2.0 - power
    negative = -tf.math.expm1(other * tf.math.log1p(tf.maximum(-z, 0.0))) / other
    moved = tf.where(z >= 0.0, positive, negative)
    stretch = tf.reduce_sum(tf.sign(z) * tf.math.log1p(tf.abs(z)))
    n = tf.cast(tf.size(z), z.dtype)
    fit = -0.5 * n * tf.math.log(tf.math.reduce_variance(moved, axis=1) + 1e-300)
    # A priori no change, give or take one.
    fit += (power[:, 0] - 1.0) * stretch - 0.5 * tf.square(power[:, 0] - 1.0)
    return moved[tf.argmax(fit)]


def _prior(**parts: tuple[float, float]) -> Mapping[tuple[Any, str], Any]:
    """Other log-normal priors, as densities of the logarithm; lengthscales are times sqrt(d)."""
    from tfbo.gp import priors
    from tfbo.strategies import model

    def default(d: int) -> priors.Priors:
        shifts = {"lengthscale": 0.5 * np.log(d)}
        changed = {
            name: priors.LogNormal(loc + shifts.get(name, 0.0), scale)
            for name, (loc, scale) in parts.items()
        }
        return priors.default(d)._replace(**changed)

    return {(model, "default"): default}


def _failures(below: float) -> Mapping[tuple[Any, str], Any]:
    from tfbo.strategies import told

    return {(told, "_FAILED_BELOW_WORST"): below}


def _acquisition(name: str, *arguments: float) -> Mapping[str, Any]:
    from tfbo import acquisition

    return {"acquisition": getattr(acquisition, name)(*arguments)}


VARIANTS: dict[str, Variant] = {
    DEFAULT: Variant("the default strategy"),
    "no centre": Variant("the opening is Sobol points alone", patches=_opening_without_centre),
    "n_initial=3": Variant("the model takes over earlier", lambda: {"n_initial": 3}),
    "n_initial=10": Variant("the model takes over later", lambda: {"n_initial": 10}),
    "no tempering": Variant(
        "outcomes are standardised only", patches=lambda: _tempering(lambda y, mask=None: y)
    ),
    "half rank": Variant(
        "all below the median become quantiles (Vizier)", patches=lambda: _tempering(_half_rank)
    ),
    "tail to the logarithm": Variant(
        "log(1 + t) below the median, which has no end", patches=lambda: _tempering(_log_tail)
    ),
    "Yeo-Johnson": Variant(
        "a power transform in place of tempering (HEBO)", patches=lambda: _tempering(_yeo_johnson)
    ),
    "noise prior of BoTorch": Variant(
        "LogNormal(-4, 1) of the variance", patches=lambda: _prior(noise=(-5.0, 1.0))
    ),
    "noise prior near zero": Variant(
        "ten nats against a noise of a third", patches=lambda: _prior(noise=(-15.0, 3.0))
    ),
    "wide amplitude": Variant(
        "twice the spread of its prior", patches=lambda: _prior(amplitude=(-1.0, 1.0))
    ),
    "narrow lengthscales": Variant(
        "prior of spread 1, of the same median", patches=lambda: _prior(lengthscale=(-1.586, 1.0))
    ),
    "Matern-3/2": Variant("rougher functions", lambda: {"kernel": "matern32"}),
    "RBF": Variant("smoother functions", lambda: {"kernel": "rbf"}),
    "UCB": Variant("mean plus two standard deviations", lambda: _acquisition("UCB", 2.0)),
    "LogPI": Variant("the probability of an improvement", lambda: _acquisition("LogPI")),
    "failures as the worst": Variant(
        "a failed trial counts as the worst one", patches=lambda: _failures(0.0)
    ),
    "failures far below": Variant(
        "two standard deviations worse than the worst", patches=lambda: _failures(2.0)
    ),
    "exploitation at the end": Variant("the last two trials at the largest mean", last=2),
}


@contextlib.contextmanager
def patched(variant: Variant) -> Iterator[None]:
    """While the variant's patches hold; programs compiled without them are forgotten."""
    changed = variant.patches()
    before = {place: getattr(*place) for place in changed}
    _put(changed)
    try:
        yield
    finally:
        _put(before)


def _put(values: Mapping[tuple[Any, str], Any]) -> None:
    from tfbo.strategies import model, program

    for (module, name), value in values.items():
        setattr(module, name, value)
    for cache in (model.believed, program.compiled, model.compiled_fit):
        cache.cache_clear()


class Local:
    """An adapter in this process, with the methods of `peers.Worker` that a run calls."""

    def __init__(self, adapter: Adapter, variant: Variant) -> None:
        self.adapter, self.variant, self.asked = adapter, variant, 0

    def ask(self) -> tuple[Any, float]:  # noqa: D102
        if self.asked == BUDGET - self.variant.last and isinstance(self.adapter, Tfbo):
            from tfbo.acquisition import PosteriorMean
            from tfbo.strategies import Bayes

            self.adapter.study._advisor._chosen = Bayes(acquisition=PosteriorMean())
        self.asked += 1
        return self.adapter.ask(), 0.0

    def tell(self, y: float | None) -> float:  # noqa: D102
        self.adapter.tell(y)
        return 0.0

    def recommend(self) -> Any:  # noqa: D102
        return self.adapter.recommend()


def cells(yahpo: Path | None) -> list[Cell]:
    """The classics (with other shifts than in the core) and cells that the core leaves alone."""
    core = {cell.name for cell in suites.core(yahpo)}
    others = [cell for cell in suites.every(yahpo) if cell.name not in core]
    turn = {f"bbob-f{f}": (5, 20, 2, 10)[f % 4] for f in range(1, 25)}
    chosen = [c for c in suites.every(yahpo) if c.suite == "classics"]
    for cell in others:
        function, _, d = cell.name.rpartition("-d")
        if cell.suite in ("yahpo", "discrete") or (function in turn and int(d) == turn[function]):
            chosen.append(cell)
    noisy = [cell for cell in others if cell.suite == "noisy"]
    failing = [cell for cell in suites.every(yahpo) if cell.name == "hartmann-6-fails"]
    return [*chosen, *noisy[::2], *failing]


class Task(NamedTuple):
    """All cells with one variant and one seed."""

    variant: str
    seed: int
    yahpo: Path | None
    skip: frozenset[str]


def run(task: Task) -> list[regret.Outcome]:
    """Run them in this process."""
    variant = VARIANTS.get(task.variant, VARIANTS[DEFAULT])
    outcomes = []
    with patched(variant):
        for cell in cells(task.yahpo):
            if cell.name in task.skip:
                continue
            problem = cell.problem(task.seed)
            if task.variant == regret_report.BASELINE:
                adapter: Adapter = Random(problem.parameters, task.seed)
            else:
                adapter = Tfbo(problem.parameters, task.seed, dict(variant.settings()))
            path: list[tuple[int, float]] = []
            noise = regret.noise_of(cell.name, task.seed)
            regret.search(Local(adapter, variant), problem, noise, BUDGET, path)
            name = (cell.suite, cell.name, task.seed, task.variant)
            outcomes.append(regret.outcome(name, BUDGET, problem, path))
    return outcomes


def report(results: Path) -> None:
    """The table: each variant against the default, over the runs that both have made."""
    rows = regret_report.read(results)
    head = ["variant", "what is otherwise", "runs"]
    head += [f"{t}: log10 regret, variant minus default" for t in MARKS]
    head += ["worse/same/better at the end"]
    lines = []
    for name in [n for n in VARIANTS if n != DEFAULT]:
        if not any(row.optimiser == name for row in rows):
            continue
        found = regret_report.group(rows, [DEFAULT, name])
        logs = np.log10(found.regret + 1e-6)
        difference = logs[1] - logs[0]
        texts = [
            regret_report.interval_text(difference[:, t - 1], found.cells, either=True)
            for t in MARKS
        ]
        last = difference[:, -1]
        won, lost = int(np.sum(last > 1e-9)), int(np.sum(last < -1e-9))
        counts = f"{won}/{len(last) - won - lost}/{lost}"
        lines.append([name, VARIANTS[name].why, str(len(last)), *texts, counts])
    text = f"# Ablation: what each choice of the default strategy is worth\n\n{READING}\n"
    results.with_suffix(".md").write_text(text + "\n" + regret_report.table(head, lines))


READING = """`python benchmarks/ablation.py`, 60 trials. Regret is normalised as in regret.md; differences
are means over cells of its logarithm with 95 % paired bootstrap intervals. Above zero the default is
better; bold where the interval is clear of zero."""


def main() -> int:
    """Run what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--variant", action="append", choices=list(VARIANTS))
    parser.add_argument("--yahpo", type=Path)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true")
    parsed = parser.parse_args()
    if not parsed.report:
        names = [regret_report.BASELINE, DEFAULT]
        names += [n for n in parsed.variant or VARIANTS if n != DEFAULT]
        rows = regret_report.read(parsed.results)
        tasks = [
            Task(
                name,
                100 + seed,
                parsed.yahpo,
                frozenset(r.cell for r in rows if (r.optimiser, r.seed) == (name, 100 + seed)),
            )
            for seed in range(parsed.seeds)
            for name in names
        ]
        context = multiprocessing.get_context("spawn")
        with (
            regret.appending(parsed.results) as write,
            concurrent.futures.ProcessPoolExecutor(
                parsed.jobs, context, max_tasks_per_child=1
            ) as pool,
        ):
            for outcomes in pool.map(run, tasks):
                for outcome in outcomes:
                    write(outcome)
    report(parsed.results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
