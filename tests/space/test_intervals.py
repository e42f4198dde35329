"""Intervals hold every value that an expression has at points of the ranges of its names."""

import math
import random

from tfbo.space import Expression, syntax
from tfbo.space.intervals import Interval, Intervals, with_zero

TEXTS = [
    "a + b * c", "a * b * c", "a / b", "1 / c", "a / (c - c)", "a ** 2", "a ** 3", "b ** a", "a ** c",
    "b ** -1.5", "sqrt(a)", "log(b)", "log(a)", "exp(a) - exp(c)", "abs(a)", "abs(a) - abs(c)", "-a",
    "min(a, c)", "max(a, b, c)", "(a - b) * (a + c)", "sqrt(a + 9) / b", "max(a, 1) ** 2", "2 ** a",
    "(a * c) ** 2", "a ** 0", "(-b) ** 3", "log(sqrt(b) - 1)", "min(a + c, b * c) * 2", "sqrt(-b)",
    "1 / (a * a + 1)", "b / a ** 2", "exp(c * 300)",
]  # fmt: skip


def test_every_value_is_inside():
    rng = random.Random(0)
    for text in TEXTS:
        one = Expression.parse(f"{text} <= 0")
        for optional in ({}, {"c"}, {"a", "c"}):
            for _ in range(30):
                ends = {
                    name: sorted(rng.choices([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0], k=2))
                    for name in "abc"
                }
                ends["b"] = sorted(rng.choices([0.1, 1.0, 4.0], k=2))
                ranges = {name: Interval(*ends[name], name in optional) for name in one.names}
                found = with_zero(syntax.fold(one.left, Intervals(ranges)))
                for _ in range(20):
                    values = {
                        name: rng.choice([*ends[name], rng.uniform(*ends[name])])
                        for name in one.names
                    }
                    off = {name for name in optional if name in one.names and rng.random() < 0.5}
                    value = one.sides(values, off)[0]
                    if math.isnan(value):
                        continue
                    assert found.low <= value <= found.high, (text, ends, values, off, found)


def test_ends_are_those_of_monotone_expressions():
    ranges = {"x": Interval(1.0, 4.0), "y": Interval(-2.0, 3.0)}
    for text, low, high in [
        ("x + y", -1.0, 7.0), ("x * y", -8.0, 12.0), ("y ** 2", 0.0, 9.0), ("y / x", -2.0, 3.0),
        ("sqrt(x)", 1.0, 2.0), ("x ** y", 1 / 16, 64.0), ("abs(y)", 0.0, 3.0),
        ("sqrt(y)", 0.0, math.sqrt(3.0)), ("max(x, y)", 1.0, 4.0),
    ]:  # fmt: skip
        found = syntax.fold(Expression.parse(f"{text} <= 0").left, Intervals(ranges))
        assert abs(found.low - low) < 1e-9 and abs(found.high - high) < 1e-9, text
    for text in ("log(-x)", "sqrt(0 - x)", "1 / (2 - 2) + x"):
        assert math.isnan(syntax.fold(Expression.parse(f"{text} <= 0").left, Intervals(ranges)).low)


def test_zero_times_what_is_without_bound_is_zero():
    ranges = {"x": Interval(0.0, 1.0), "y": Interval(0.0, 2.0)}
    for text, low, high in [("x / y", 0.0, math.inf), ("x / -y", -math.inf, 0.0)]:
        found = syntax.fold(Expression.parse(f"{text} <= 0").left, Intervals(ranges))
        assert found[:2] == (low, high)
