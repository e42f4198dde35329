"""The grid of a region: as enumeration says, at once where a few are legal, and never without an end."""

import itertools
import math

import pytest

import tfbo
from tfbo import Boolean, Categorical, Float, Int, InvalidArgument, Space
from tfbo.space.region import region
from tfbo.strategies import Grid

UNIT = Float(0.0, 1.0)
SPACES = [
    Space({"a": Int(0, 9), "b": UNIT, "c": Int(0, 9)}, ["a * b + c <= 4", "a + c >= 3"]),
    Space(
        {"on": Boolean(), "a": Int(0, 7), "n": Int(0, 7, when={"on": True}), "b": Int(0, 7)},
        ["a + n + b <= 3", "a * n >= 2", "max(n, a) - b <= 1"],
    ),
    Space(
        {"k": Categorical(["x", "y"]), "a": Int(1, 9), "b": Int(-4, 4), "r": UNIT},
        ["a / b >= 2", "sqrt(a) + r <= 2", lambda p: p["k"] == "x" or p["a"] % 2 == 0],
    ),
    Space({"a": UNIT, "b": UNIT, "c": UNIT}, ["(a - 0.5)**2 + (b - 0.5)**2 + c**2 <= 0.3"]),
]


@pytest.mark.parametrize("space", SPACES)
def test_it_has_every_legal_point_once(space):
    every = list(Space(dict(space.items())).grid(5))
    assert list(region(space).grid(5)) == [p for p in every if space.breaks(p) is None]


def large(*constraints):
    return Space({f"x{i}": Int(0, 1000) for i in range(6)}, constraints)


SUM = " + ".join(f"x{i}" for i in range(6))


@pytest.mark.parametrize(
    ("space", "count"),
    [
        (large(f"{SUM} <= 3"), math.comb(9, 3)),
        (large(f"{SUM} >= 5999"), 7),
        (large(" * ".join(f"(x{i} + 1)" for i in range(6)) + f" >= {1001**6}"), 1),
        (Space(
            {"k": Categorical(["u", "v"]), "n": Int(0, 1000, when={"k": "v"}),
             **{f"x{i}": Int(0, 1000) for i in range(5)}},
            ["n + x0 + x1 + x2 + x3 + x4 >= 5998"],
        ), 28),
        (Space(
            {f"x{i}": UNIT for i in range(10)},
            [" + ".join(f"(x{i} - 0.75)**2" for i in range(10)) + " <= 0.001"],
        ), 1),
        (Space(  # the last one follows from the others
            {f"x{i}": UNIT for i in range(9)},
            [" + ".join(f"x{i}" for i in range(9)) + " == 8.75"],
        ), 9),
    ],
)  # fmt: skip
def test_beginnings_from_which_nothing_legal_comes_are_skipped(space, count):
    assert sum(1 for _ in itertools.islice(region(space).grid(5), 1000)) == count


@pytest.mark.parametrize(
    "space",
    [
        Space({f"x{i}": UNIT for i in range(12)}, [lambda p: p["x0"] + p["x1"] > 1.9]),
        large("abs(x0 * x1 * x2 - x3 * x4 * x5 - 17.5) <= 0.6", "abs(x0 - x3) >= 1", "x0 >= 500",
              "abs(sqrt(x1 + x2) - x4 / 7) <= 1e-3"),
    ],
)  # fmt: skip
def test_a_search_in_vain_ends_with_an_error(space):
    study = tfbo.Study(space, strategy=Grid(resolution=5))
    with pytest.raises(InvalidArgument, match=r"constraints: .*after 0 legal ones.*Sobol"):
        study.ask()
