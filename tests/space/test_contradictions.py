"""Contradictions are found in small finite spaces always, and never where a configuration exists."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from tfbo import Boolean, Constant, Float, Int, InvalidArgument, Ordinal, Space
from tfbo.space import Expression, decimals
from tfbo.space.contradictions import linear
from tfbo.space.region import region

TERMS = [
    "{c} * {x}", "{x}", "{x} * {y}", "{x} / {y}", "{x} ** 2", "sqrt({x})", "log({y})", "-{x}",
    "max({x}, {y})", "min({x}, {c})", "({x} - {y}) * {c}", "exp({y}) * {x}", "abs({x})", "2 ** {x}",
    "{x} ** {y}",
]  # fmt: skip


def parameters(rng):
    found = {"on": Boolean()}
    for name in "abc":
        when = {"on": True} if rng.random() < 0.3 else None
        low = rng.randint(-3, 3)
        found[name] = rng.choice(
            [
                Int(low, low + rng.randint(1, 4), when=when),
                Float(low / 2, low / 2 + 1.0, step=rng.choice([0.25, 0.1, 0.5]), when=when),
                Ordinal(rng.sample([-2, 0, 1, 2.5, 7, 11], 3), when=when),
                Constant(rng.randint(0, 3), when=when),
            ]
        )
    return found


def constraint(rng):
    term = lambda: rng.choice(TERMS).format(
        x=rng.choice(["a", "b", "c", "on"]), y=rng.choice("abc"), c=rng.choice([2, 3, 0.5, -1, 6])
    )
    left = " + ".join(term() for _ in range(rng.randint(1, 3)))
    bound = rng.choice([-30, -6, -1, 0, 1, 2.5, 7, 12, 40])
    return f"{left} {rng.choice(['<=', '>=', '=='])} {bound}"


def test_what_is_refused_has_no_configuration_and_the_reverse():
    rng, refused = random.Random(0), 0
    for _ in range(700):
        named, texts = parameters(rng), [constraint(rng) for _ in range(rng.randint(1, 3))]
        expressions = [Expression.parse(text) for text in texts]
        held = [
            params
            for params in Space(named).grid(2)
            if all(one.holds(params, set(one.names) - set(params)) for one in expressions)
        ]
        if held:
            space = Space(named, texts)
            assert list(space.grid(2)) == held and space.cardinality == len(held)
            continue
        refused += 1
        with pytest.raises(InvalidArgument, match="constraints that some configuration meets"):
            Space(named, texts)
    assert 100 < refused < 600


@pytest.mark.parametrize("seed", range(3))
def test_ranges_of_real_parameters_are_never_refused_where_a_point_meets_all(seed):
    rng = random.Random(seed)
    named = {
        "on": Boolean(),
        "a": Float(-3.0, 2.0),
        "b": Float(0.1, 4.0),
        "c": Float(-1.0, 1.0, when={"on": True}),
    }
    for _ in range(500):
        point = {"on": rng.random() < 0.5, "a": rng.uniform(-3.0, 2.0), "b": rng.uniform(0.1, 4.0)}
        if point["on"]:
            point["c"] = rng.uniform(-1.0, 1.0)
        texts = []
        while len(texts) < 3:
            one = Expression.parse(constraint(rng).rsplit(" ", 1)[0] + " 0")
            if one.is_equality and any("==" in text for text in texts):
                continue  # two may not be solved one after the other
            value = one.sides(point, set(one.names) - set(point))[0]
            if math.isfinite(value):
                # A bound that the point just meets.
                text = f"{one.text[:-2]} {value!r}"
                if Expression.parse(text).holds(point, set(one.names) - set(point)):
                    texts.append(text)
        assert Space(named, texts).breaks(point) is None


@pytest.mark.parametrize(
    ("parameters", "text", "met"),
    [
        ({"a": Int(0, 12 * 10**8, step=6), "b": Int(0, 12 * 10**8, step=4)}, "a + b == 7", False),
        ({"a": Int(0, 12 * 10**8, step=6), "b": Int(0, 12 * 10**8, step=4)}, "a + b == 10", True),
        ({"a": Int(0, 12 * 10**8, step=6), "b": Int(0, 12 * 10**8, step=4)}, "2 * (a - b) == 10", False),
        ({"a": Float(0.0, 6e5, step=0.3), "b": Float(0.0, 6e5, step=0.6)}, "a + b == 0.5", False),
        ({"a": Float(0.0, 6e5, step=0.3), "b": Float(0.0, 6e5, step=0.6)}, "a + b == 0.9", True),
        ({"a": Int(0, 10**12)}, "a == 10**11 + 0.5", True),  # within rounding of floats
        ({"a": Int(0, 10**12), "b": Int(0, 10**12, step=2)}, "2 * a + b == 10**11 + 1", False),
        ({"a": Int(0, 10**6), "x": Float(0.0, 1.0)}, "2 * a + x == 5.5", True),
        ({"a": Int(0, 10**6), "x": Float(0.0, 1.0)}, "2 * a + 0 * x == 5", False),
        ({"a": Int(1, 10**6), "b": Int(1, 10**6)}, "a / 3 + b / 3 == 1", True),
        ({"a": Int(1, 10**6), "b": Int(1, 10**6)}, "(1 / 3) * a + b / 3 == 7", True),
        ({"a": Int(0, 10**6, step=2), "on": Boolean(), "b": Int(0, 10**6, step=2, when={"on": True})},
         "a + b == 7", True),
    ],
)  # fmt: skip
def test_steps(parameters, text, met):
    if met:
        Space(parameters, [text])
        return
    with pytest.raises(InvalidArgument, match=r"With these steps its sides always differ by"):
        Space(parameters, [text])


UNIT = Float(0.0, 1.0)


@pytest.mark.parametrize(
    ("parameters", "texts", "solved"),
    [
        (dict.fromkeys("abc", UNIT), ["a**2 + b**2 + c**2 == 1", "a * b * c == 0.1"], False),
        (dict.fromkeys("ab", UNIT), ["a * b == 0.2", "a + b == 0.95"], False),
        (dict.fromkeys("abcd", UNIT), ["a * b == 0.2", "a + c == 0.9", "b**2 + c**2 == 1"], False),
        ({"n": Int(1, 3), **dict.fromkeys("ab", UNIT)}, ["n * a * b == 0.2", "n * a + b == 1"], False),
        ({"on": Boolean(), "a": UNIT, "b": Float(0.0, 1.0, when={"on": True})},
         ["a + b == 0.7", "a - b == 0.2"], False),
        (dict.fromkeys("abc", UNIT), ["a * b == 0.2", "a + c == 0.9"], True),
        (dict.fromkeys("abcd", UNIT), ["a * b == 0.2", "b * c == 0.2", "c + d == 0.9"], True),
        (dict.fromkeys("abcd", UNIT), ["a + b + c == 1", "a - b == 0.2", "b + c == 0.6"], True),
        ({"n": Int(1, 3), "m": Int(1, 3), "a": Float(0.0, 4.0)}, ["n * a == 3", "n + a == 4"], True),
        ({"n": Int(0, 9), "m": Int(0, 9)}, ["n * m == 12", "n + m == 7"], True),
    ],
)  # fmt: skip
def test_equalities_that_cannot_be_solved_one_after_the_other(parameters, texts, solved):
    if not solved:
        with pytest.raises(InvalidArgument, match=r"equalities of which each has a parameter"):
            Space(parameters, texts)
        return
    space = Space(parameters, texts)
    for params in space_draws(space):
        assert space.breaks(params) is None


def space_draws(space):
    found = region(space)
    return found.encoding.decode(found.draw(5, np.random.default_rng(0)))


def test_linear_constraints_exactly():
    found = linear(Expression.parse("2 * (x + 0.1 * y) - x / 3 <= 0.3 - (x - 2**3) * 1"))
    assert found.constant == Fraction(-83, 10)
    assert found.multiples == {"x": 2 - Fraction(1, 3) + 1, "y": Fraction(1, 5)}
    for text in (
        "x * y <= 1",
        "sqrt(x) <= 1",
        "x / 0 <= 1",
        "x <= 9**9**9**9",
        "x ** 2 <= 1",
        "2 ** x <= 1",
    ):
        assert linear(Expression.parse(text)) is None


def test_blame_is_of_those_that_are_part_of_it():
    with pytest.raises(InvalidArgument) as caught:
        Space(
            {name: Float(0.0, 1.0) for name in "abcd"},
            ["d <= 0.5", "a + b <= 1", "b + c >= 2", "a >= 0.5"],
        )
    text = str(caught.value)
    assert "a >= 0.5" in text and "b + c >= 2" in text and "d <= 0.5" not in text


def test_the_step_of_several_numbers():
    assert decimals.lattice([3, 7, 13]) == (3, 2)
    assert decimals.lattice([0.1, 0.4, 0.2]) == (Fraction(1, 10), Fraction(1, 10))
    assert decimals.lattice([5]) == (5, 0)
