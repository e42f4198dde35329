"""Synthetic problems without a plain box: discrete, conditional and mixed ones, and one that fails.

Every seed draws an instance, with its targets, prices or tables. A maker gives the problem and, where
one is known by construction, a minimiser, at which `Problem.optimum` is attained.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from suites import classics
from suites.base import (
    Cell,
    Parameter,
    Params,
    Problem,
    active,
    choice,
    cube,
    real,
    vector,
    whole,
)

Made = tuple[Problem, Params | None]


def _rotation(d: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal([d, d]))[0]


# Pest control

STAGES, SIMULATIONS, THRESHOLD = 12, 100, 0.1
# Of each pesticide, after Oh et al.: price, largest discount, and `b` of its kill rate, Beta(1, b),
# with what b grows by if it is used at every stage.
PESTICIDES = {
    "p1": (1.0, 0.2, 2.0 / 7.0, 1.0 / 7.0),
    "p2": (0.8, 0.3, 3.0 / 7.0, 2.5 / 7.0),
    "p3": (0.7, 0.3, 3.0 / 7.0, 2.0 / 7.0),
    "p4": (0.5, 0.0, 5.0 / 7.0, 0.5 / 7.0),
}


def pest_control(seed: int) -> Made:
    """A pesticide, or none, at each of 12 stations: prices, and how often the pest is above a threshold.

    In the manner of Oh et al. (2019, COMBO, arXiv 1902.00448, 25 stations there). The random draws are
    made once for a seed, so that the value is deterministic; prices vary by a fifth between seeds. There
    are 5^12 plans, too many to try: nobody knows the optimum.
    """
    rng = np.random.default_rng([seed, 101])
    prices = {name: row[0] * rng.uniform(0.8, 1.2) for name, row in PESTICIDES.items()}

    def beta(u: np.ndarray, b: float) -> np.ndarray:
        # The quantile function of Beta(1, b), which is the one that has a closed form.
        return 1.0 - (1.0 - u) ** (1.0 / b)

    start = beta(rng.random(SIMULATIONS), 30.0)
    spread = beta(rng.random([STAGES, SIMULATIONS]), 17.0 / 3.0)
    luck = rng.random([STAGES, SIMULATIONS])
    parameters = tuple(choice(f"s{i:02d}", ["none", *PESTICIDES]) for i in range(STAGES))

    def value(params: Params) -> float:
        plan = [params[parameter["name"]] for parameter in parameters]
        pests, total = start, 0.0
        for i, chosen in enumerate(plan):
            total += np.mean(pests > THRESHOLD)
            if chosen == "none":
                pests = pests + spread[i] * (1.0 - pests)
                continue
            _, discount, b, growth = PESTICIDES[chosen]
            resistance = b + growth * plan[:i].count(chosen) / STAGES
            pests = pests * (1.0 - beta(luck[i], resistance))
            total += prices[chosen] * (1.0 - discount * plan.count(chosen) / STAGES)
        return float(total)

    return Problem(parameters, value), None


# A pipeline: a family, a choice within it, and what is tuned of that choice

SMOOTH, TREES = ["linear", "kernel"], ["boosted", "bagged", "extra"]
PIPELINE = (
    choice("family", [*SMOOTH, "trees"]),
    choice("penalty", ["l1", "l2", "elastic"], when={"family": ["linear"]}),
    choice("kernel", ["rbf", "poly", "cosine"], when={"family": ["kernel"]}),
    choice("growth", TREES, when={"family": ["trees"]}),
    real("strength", 1e-4, 1e2, log=True, when={"family": SMOOTH}),
    real("ratio", 0.0, 1.0, when={"penalty": ["elastic"]}),
    real("width", 1e-3, 1e1, log=True, when={"kernel": ["rbf", "poly"]}),
    whole("degree", 2, 8, when={"kernel": ["poly"]}),
    whole("count", 10, 1000, log=True, when={"family": ["trees"]}),
    whole("depth", 1, 20, when={"family": ["trees"]}),
    real("rate", 1e-3, 1.0, log=True, when={"growth": ["boosted"]}),
    real("share", 0.1, 1.0, when={"growth": ["bagged", "extra"]}),
)
# The categorical that chooses a leaf, with its family and the leaves.
LEAVES = {
    "penalty": ("linear", ["l1", "l2", "elastic"]),
    "kernel": ("kernel", ["rbf", "poly", "cosine"]),
    "growth": ("trees", TREES),
}


def pipeline(seed: int) -> Made:
    """A conditional tree of depth three with a valley in each of its nine leaves.

    In leaf `l` with active numbers `u` on the unit scale it is `c_l + log(1 + s_l |R_l (u - t_l)|^2)`: the
    best leaf has `c_l = 0` and the steepest valley, so that by chance alone it looks bad. Targets of a
    parameter are near one another across the leaves that share it.
    """
    rng = np.random.default_rng([seed, 102])
    numeric = [p for p in PIPELINE if p["kind"] != "categorical"]
    shared = {p["name"]: rng.uniform(0.2, 0.8) for p in numeric}
    order = rng.permutation(9)
    leaves: dict[str, tuple[float, float, np.ndarray, dict[str, float]]] = {}
    minimiser: Params = {}
    for branch, (family, choices) in LEAVES.items():
        for leaf in choices:
            rank = int(order[len(leaves)])
            full = {p["name"]: _at(p, shared[p["name"]] + rng.uniform(-0.1, 0.1)) for p in numeric}
            best = active(PIPELINE, {**full, "family": family, branch: leaf})
            target = {p["name"]: _unit(p, best[p["name"]]) for p in numeric if p["name"] in best}
            scales = 10.0 ** rng.uniform(-0.5, 0.5, len(target))
            bend = scales[:, None] * _rotation(len(target), rng)
            leaves[leaf] = (0.15 * rank, 60.0 / (1.0 + rank), bend, target)
            if rank == 0:
                minimiser = best

    def value(params: Params) -> float:
        (leaf,) = (params[branch] for branch in LEAVES if branch in params)
        level, steep, bend, target = leaves[leaf]
        u = [
            _unit(p, params[p["name"]]) - target[p["name"]] for p in numeric if p["name"] in target
        ]
        return float(level + math.log1p(steep * np.sum((bend @ np.array(u)) ** 2)))

    return Problem(PIPELINE, value, 0.0), minimiser


def _unit(parameter: Parameter, value: float) -> float:
    """Where a value is between the bounds, on the parameter's scale."""
    scale = math.log if parameter["log"] else float
    low, high = scale(parameter["low"]), scale(parameter["high"])
    return (scale(value) - low) / (high - low)


def _at(parameter: Parameter, unit: float) -> float:
    """The value there, the nearest integer for an integer."""
    low, high = parameter["low"], parameter["high"]
    value = low * (high / low) ** unit if parameter["log"] else low + (high - low) * unit
    return round(value) if parameter["kind"] == "int" else value


# Integers alone


def lattice(seed: int) -> Made:
    """Eight integers from 0 to 19: a long rotated bowl, and ripples of a period of five integers."""
    d, last = 8, 19
    rng = np.random.default_rng([seed, 103])
    target = rng.integers(4, last - 3, d)
    bowl = np.sqrt(np.geomspace(0.1, 10.0, d))[:, None] * _rotation(d, rng)
    parameters = tuple(whole(f"n{i}", 0, last) for i in range(d))

    def value(params: Params) -> float:
        away = vector(params) - target
        ripples = np.sum(1.0 - np.cos(2.0 * math.pi * away / 5.0))
        return float(np.sum((bowl @ away / last) ** 2) + 0.05 * ripples)

    return Problem(parameters, value, 0.0), {f"n{i}": int(n) for i, n in enumerate(target)}


# Categories that choose functions


def beale(x: np.ndarray) -> float:
    """Beale's; its minimum of nought is at (3, 0.5)."""
    powers = x[1] ** np.arange(1, 4)
    return float(np.sum((np.array([1.5, 2.25, 2.625]) - x[0] + x[0] * powers) ** 2))


def camel(x: np.ndarray) -> float:
    """Six-hump camel; two global minima."""
    a, b = x[0] ** 2, x[1] ** 2
    return float((4.0 - 2.1 * a + a**2 / 3.0) * a + x[0] * x[1] + (4.0 * b - 4.0) * b)


# Function, half a width that stands for one unit, and a minimiser.
PLANAR: dict[str, tuple[Callable[[np.ndarray], float], float, np.ndarray]] = {
    "rosenbrock": (classics.rosenbrock, 2.0, np.ones(2)),
    "camel": (camel, 2.0, np.array([0.08984201368301331, -0.7126564032704135])),
    "beale": (beale, 2.0, np.array([3.0, 0.5])),
}
# Of one number, with the minimum of nought at nought.
LINEAR: dict[str, Callable[[float], float]] = {
    "bowl": lambda e: 4.0 * e**2,
    "kink": lambda e: 2.0 * abs(e),
    "waves": lambda e: e**2 + 0.3 * (1.0 - math.cos(12.0 * e)),
    "wells": lambda e: 8.0 * e**2 * (e - 0.7) ** 2 + 0.5 * e**2,
}


def functions(seed: int) -> Made:
    """Three categories choose which functions of five floats are added, each with its own target.

    In the manner of Func2C and Func3C (Ru et al. 2020, CoCaBO, arXiv 1906.08878). A table over the 36
    triples of categories, nought at one of them, makes the categories depend on one another.
    """
    rng = np.random.default_rng([seed, 104])
    slots = {"first": list(PLANAR), "second": list(PLANAR), "third": list(LINEAR)}
    sizes = [len(names) for names in slots.values()]
    table = rng.uniform(0.1, 1.0, sizes)
    best = tuple(int(rng.integers(size)) for size in sizes)
    table[best] = 0.0
    targets = {(slot, name): rng.uniform(0.2, 0.8, 2) for slot in slots for name in slots[slot]}
    parameters = (*(choice(slot, names) for slot, names in slots.items()), *cube(5))

    def planar(name: str, away: np.ndarray) -> float:
        function, width, minimiser = PLANAR[name]
        # In logarithms: Beale's and Rosenbrock's walls would hide all else.
        return math.log1p(function(minimiser + width * away) - function(minimiser))

    def value(params: Params) -> float:
        chosen = {slot: params[slot] for slot in slots}
        u = vector({name: params[name] for name in params if name not in slots})
        away = {slot: targets[slot, name] for slot, name in chosen.items()}
        one, two = u[:2] - away["first"], u[2:4] - away["second"]
        # The last number's best place moves with the first's.
        three = float(u[4] - away["third"][0] + 0.5 * one[0])
        terms = planar(chosen["first"], one) + planar(chosen["second"], two)
        place = tuple(slots[slot].index(name) for slot, name in chosen.items())
        return float(table[place] + terms + LINEAR[chosen["third"]](three))

    names = {slot: slots[slot][i] for slot, i in zip(slots, best)}
    at = np.concatenate([targets[item] for item in names.items()])[:5]
    return Problem(parameters, value, 0.0), {**names, **_params(at)}


def _params(u: np.ndarray) -> Params:
    return {f"x{i:02d}": float(x) for i, x in enumerate(u)}


# Failures

FAILING = 0.25


def failing(seed: int) -> Made:
    """Hartmann's of six variables, of which a quarter of the box fails: a half-space and a ball.

    Both end at a distance of 0.08 from the optimum, so the best trials are made beside failures.
    """
    d, margin = 6, 0.08
    rng = np.random.default_rng([seed, 105])
    hartmann = classics.CLASSICS["hartmann-6"]
    target, rotation = rng.uniform(0.25, 0.75, d), _rotation(d, rng)
    sample = rng.random([4096, d]) - target
    # Of random directions, the one whose half-space is nearest to two thirds of what is to fail.
    directions = rng.standard_normal([64, d])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    shares = np.mean(sample @ directions.T > margin, axis=0)
    wall = directions[np.argmin(np.abs(shares - FAILING * 2.0 / 3.0))]
    # A ball on the other side takes the rest: the larger its radius, the farther away its middle.
    across = directions[np.argmin(directions @ wall)]

    def fails(away: np.ndarray, radius: float) -> np.ndarray:
        ball = np.linalg.norm(away - (radius + margin) * across, axis=-1) < radius
        return (away @ wall > margin) | ball

    radii = np.linspace(0.2, 3.0, 57)
    radius = radii[np.argmin([abs(np.mean(fails(sample, r)) - FAILING) for r in radii])]

    def value(params: Params) -> float:
        away = vector(params) - target
        if fails(away, radius):
            return math.nan
        return hartmann.value(hartmann.minimiser + rotation @ away)

    return Problem(cube(d), value, hartmann.value(hartmann.minimiser)), _params(target)


# Bits

BITS, NEIGHBOURS = 20, 3


def nk(seed: int) -> Made:
    """Kauffman's NK landscape: each of 20 bits adds what a table says for it and three random others.

    The optimum is by trying all 2^20, as an array with an axis a bit.
    """
    rng = np.random.default_rng([seed, 106])
    tables = rng.random([BITS] + [2] * (NEIGHBOURS + 1))
    others = [rng.choice(np.delete(np.arange(BITS), i), NEIGHBOURS, False) for i in range(BITS)]
    axes = [[i, *sorted(other)] for i, other in enumerate(others)]
    parameters = tuple(choice(f"b{i:02d}", ["off", "on"]) for i in range(BITS))

    def value(params: Params) -> float:
        bits = [("off", "on").index(params[parameter["name"]]) for parameter in parameters]
        return float(
            np.mean([table[tuple(bits[a] for a in ax)] for table, ax in zip(tables, axes)])
        )

    every = np.zeros([2] * BITS)
    for table, ax in zip(tables, axes):
        shape = [2 if axis in ax else 1 for axis in range(BITS)]
        every += np.transpose(table, np.argsort(ax)).reshape(shape)
    best = np.unravel_index(np.argmin(every), every.shape)
    minimiser = {f"b{i:02d}": ("off", "on")[int(bit)] for i, bit in enumerate(best)}
    return Problem(parameters, value, value(minimiser)), minimiser


MAKERS: dict[str, Callable[[int], Made]] = {
    "pest-control": pest_control,
    "pipeline": pipeline,
    "lattice-8": lattice,
    "functions-3c5": functions,
    "hartmann-6-fails": failing,
    "nk-20": nk,
}


def cells() -> list[Cell]:
    """One of each."""

    def cell(name: str, maker: Callable[[int], Made]) -> Cell:
        return Cell("discrete", name, lambda seed: maker(seed)[0])

    return [cell(name, maker) for name, maker in MAKERS.items()]
