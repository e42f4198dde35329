"""Suggestions in random spaces with constraints on their parameters: how many break one.

Each space has 2 to 6 parameters of all kinds, some of them conditional, and 1 to 3 constraints that a
random configuration meets: linear ones, products, spheres, narrow bands, and equalities of numbers and of
whole numbers. Constraints are checked by Python's own arithmetic on the texts.

    python benchmarks/constrained_fuzz.py --spaces 10000 --bayes 100
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from typing import Any

import tfbo
from tfbo.space.region import region
from tfbo.strategies import Bayes, Grid, Random, Sobol

FUNCTIONS = {"abs": abs, "min": min, "max": max, "sqrt": math.sqrt, "log": math.log}
BATCH, SINGLES = 4, 2
# In one of so many spaces in which the model is asked, it is also asked for two objectives.
GOALS = 5
# Spaces between two tables on the way.
SHOWN = 500
# A grid of more points than this is not gone through, for next to none may be legal.
MOST_GRID = 10**5


def parameter(rng: random.Random, when: Any = None) -> Any:
    kind = rng.choice(
        ["float", "float", "float", "log", "int", "int log", "step", "bool", "ordinal"]
    )
    low = rng.choice([-2.0, 0.0, 0.0, 1.0])
    if kind == "float":
        return tfbo.Float(low, low + rng.choice([1.0, 3.0, 100.0]), when=when)
    if kind == "log":
        return tfbo.Float(10.0 ** -rng.randint(1, 5), rng.choice([1.0, 10.0]), log=True, when=when)
    if kind == "int":
        return tfbo.Int(int(low), int(low) + rng.choice([3, 20, 1000]), when=when)
    if kind == "int log":
        return tfbo.Int(1, rng.choice([16, 512]), log=True, when=when)
    if kind == "step":
        return tfbo.Float(low, low + 1.0, step=rng.choice([0.1, 0.25, 0.05]), when=when)
    return tfbo.Boolean(when=when) if kind == "bool" else tfbo.Ordinal([8, 16, 32, 64], when=when)


def parameters(rng: random.Random) -> dict[str, Any]:
    found = {f"x{i}": parameter(rng) for i in range(rng.randint(2, 5))}
    if rng.random() < 0.4:
        found["kind"] = tfbo.Categorical(["a", "b", "c"])
        found["c0"] = parameter(rng, {"kind": rng.choice(["a", ["b", "c"]])})
    return found


def constraint(rng: random.Random, space: tfbo.Space, anchor: dict[str, Any]) -> str:
    """A constraint that a configuration meets, by a margin that is often small."""
    numbers = {n: float(v) for n, v in anchor.items() if not isinstance(v, str)}
    names = rng.sample(sorted(numbers), min(len(numbers), rng.randint(1, 4)))
    width = {n: abs(float(space[n].from_code(1.0)) - float(space[n].from_code(0.0))) for n in names}
    x, y = names[0], names[-1]
    slack = 10.0 ** rng.uniform(-4.0, 0.0)
    kind = rng.choice(["linear", "linear", "product", "sphere", "band", "equal", "whole", "root"])
    weights = {n: round(rng.choice([-1, 1]) * rng.uniform(0.2, 2.0) / width[n], 6) for n in names}
    total = " + ".join(f"({w}) * {n}" for n, w in weights.items())
    value = sum(w * numbers[n] for n, w in weights.items())
    if kind == "product":
        product = numbers[x] * numbers[y]
        return f"{x} * {y} <= {product + slack * width[x] * width[y]!r}"
    if kind == "sphere":
        return f"{sphere(names, width, numbers)} <= {slack!r}"
    if kind == "band":
        return f"abs({total} - ({value!r})) <= {slack!r}"
    if kind == "equal" and any(space[n].count is None for n in names):
        return f"{total} == {value!r}"
    if kind == "whole" and all(isinstance(anchor[n], int) for n in names):
        whole = {n: rng.randint(1, 3) for n in names}
        left = " + ".join(f"{w} * {n}" for n, w in whole.items())
        return f"{left} == {sum(w * anchor[n] for n, w in whole.items())}"
    if kind == "root" and space[x].count is None and numbers[x] > 0.0:
        return f"log({x}) * {x} + 0.5 * {x} ** 2 >= {math.log(numbers[x]) * numbers[x] - slack!r}"
    return f"{total} <= {value + slack!r}"


def sphere(names: list[str], width: dict[str, float], numbers: dict[str, float]) -> str:
    return " + ".join(f"(({n} - ({numbers[n]!r})) / {width[n]!r}) ** 2" for n in names)


def spaces(first: int, count: int) -> Iterator[tuple[int, tfbo.Space]]:
    """Numbers and spaces, of which each is a function of its number."""
    for number in range(first, first + count):
        rng = random.Random(number)
        free = tfbo.Space(parameters(rng))
        anchor = tfbo.Study(free, strategy=Random(), seed=number).ask().params
        texts = [constraint(rng, free, anchor) for _ in range(rng.randint(1, 3))]
        yield number, with_constraints(free, texts)


def with_constraints(free: tfbo.Space, texts: list[str]) -> tfbo.Space:
    """The space with constraints; without the last ones where these cannot be solved together."""
    try:
        return tfbo.Space(dict(free.items()), constraints=texts)
    except tfbo.errors.InvalidArgument as error:
        if len(texts) < 2 or "equalities of which each" not in str(error):
            raise
        return with_constraints(free, texts[:-1])


def broken(space: tfbo.Space, params: dict[str, Any]) -> str | None:
    """The first constraint that parameters break; by Python, where all its names have values."""
    for one in space.constraints:
        if one.names and set(one.names) <= set(params) and not holds(one.text, params):
            return one.text
    return space.breaks(params)


def holds(text: str, params: dict[str, Any]) -> bool:
    if "==" not in text:
        return bool(eval(text, {"__builtins__": {}}, {**FUNCTIONS, **params}))
    left, right = (eval(t, {"__builtins__": {}}, {**FUNCTIONS, **params}) for t in text.split("=="))
    return abs(left - right) <= 1e-9 * max(abs(left), abs(right), 1e-3)


def points(space: tfbo.Space) -> int:
    """Points of the grid, legal or not."""
    return math.prod(p.count or 3 for _, p in space.items())


def suggested(
    space: tfbo.Space, strategy: Any, seed: int, *, goals: bool = False
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Suggestions of a strategy, alone and in batches; fewer where there are no more."""
    objectives = {"first": "minimize", "second": "maximize"} if goals else None
    study = tfbo.Study(space, strategy=strategy, seed=seed, objectives=objectives)
    alone: list[dict[str, Any]] = []
    batches: list[dict[str, Any]] = []
    for q in (*[1] * SINGLES, BATCH):
        try:
            trials = study.ask(q)
        except tfbo.errors.SpaceExhausted:
            break
        (alone if q == 1 else batches).extend(trial.params for trial in trials)
        for trial in trials:
            value = sum(math.sin(3.0 * v) for v in trial.params.values() if not isinstance(v, str))
            second = sum(v for v in trial.params.values() if not isinstance(v, str))
            study.tell(trial, {"first": value, "second": second} if goals else value)
    return alone, batches


def strategies(space: tfbo.Space, number: int, bayes: int) -> Iterator[tuple[str, Any, bool]]:
    """Names, strategies, and whether there are two objectives."""
    yield "random", Random(), False
    yield "sobol", Sobol(centre=True), False
    if points(space) <= MOST_GRID:
        yield "grid", Grid(resolution=3), False
    if number % bayes == 0:
        yield "bayes", Bayes(n_initial=1), False
    if number % (GOALS * bayes) == 0:
        yield "bayes, two objectives", Bayes(n_initial=1), True


class Counts:
    """Numbers of spaces, suggestions and faults so far."""

    def __init__(self) -> None:
        self.spaces, self.shares, self.lost = 0, list[float](), 0
        self.by_strategy: dict[str, list[int]] = {}

    def add(self, name: str, alone: int, batches: int, broken: int) -> None:
        """Count the suggestions of a strategy in a space."""
        row = self.by_strategy.setdefault(name, [0, 0, 0, 0])
        row[:] = [a + b for a, b in zip(row, (1, alone, batches, broken), strict=True)]

    def table(self, first: int, seconds: float) -> str:
        """Markdown of all of it."""
        small = [sum(share < most for share in self.shares) for most in (1e-2, 1e-3, 1e-4)]
        lines = [
            f"{self.spaces} spaces from {first}: {small[0]} with a share below 1e-2, {small[1]} below "
            f"1e-3, {small[2]} below 1e-4; no configuration found in {self.lost}; {seconds:.0f} s.",
            "",
            "| strategy | spaces | suggestions alone | in batches | break a constraint |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {name} | {' | '.join(map(str, row))} |" for name, row in self.by_strategy.items()
        ]
        return "\n".join(lines)


def try_space(number: int, space: tfbo.Space, bayes: int, counts: Counts) -> None:
    """Ask all strategies for suggestions in a space."""
    counts.spaces += 1
    try:
        for name, strategy, goals in strategies(space, number, bayes):
            alone, batches = suggested(space, strategy, number, goals=goals)
            wrong = 0
            for params in (*alone, *batches):
                what = broken(space, params)
                if what is not None:
                    wrong += 1
                    print(f"space {number}, {name}: {params} breaks {what}", flush=True)
            counts.add(name, len(alone), len(batches), wrong)
        counts.shares.append(region(space).share)
    except tfbo.errors.InvalidArgument as error:
        counts.lost += 1
        print(f"space {number}: {error}", flush=True)
    except Exception as error:
        print(f"space {number}: {type(error).__name__}: {error}", flush=True)
        raise


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--spaces", type=int, default=300)
    parse.add_argument("--first", type=int, default=0)
    parse.add_argument(
        "--bayes", type=int, default=100, help="the model is asked in one of so many"
    )
    given = parse.parse_args()
    began, counts = time.perf_counter(), Counts()
    for number, space in spaces(given.first, given.spaces):
        try_space(number, space, given.bayes, counts)
        if counts.spaces % SHOWN == 0:
            print(counts.table(given.first, time.perf_counter() - began), flush=True)
    print(counts.table(given.first, time.perf_counter() - began))


if __name__ == "__main__":
    main()
