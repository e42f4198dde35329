"""Legal rows: drawn uniformly, covered evenly, repaired nearby, however small their share is."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
import constrained_fuzz

import tfbo
from tfbo import Boolean, Categorical, Float, Int, Ordinal, Space, _random
from tfbo.space.region import region

UNIT = Float(0.0, 1.0)


def numbers(names):
    return dict.fromkeys(names, UNIT)


# A corner of the cube with a share of 1e-4: a simplex, of which the Dirichlet distribution is known.
SIDE = (24 * 1e-4) ** 0.25
CORNER = Space(numbers("abcd"), [f"a + b + c + d <= {SIDE!r}"])
SPACES = {
    "half": Space(numbers("ab"), ["a + b <= 1"]),
    "corner": CORNER,
    "simplex": Space(numbers("abcdefgh"), ["a + b + c + d + e + f + g + h == 1"]),
    "band": Space(numbers("ab"), ["abs(a - b) <= 5e-5"]),
    "shell": Space({n: Float(-1.0, 1.0) for n in "ab"}, ["a**2 + b**2 <= 1", "a**2 + b**2 >= 0.999"]),
    "whole": Space({n: Int(0, 10) for n in "abc"}, ["a + b + c == 10"]),
    "divisors": Space({n: Int(0, 1000) for n in "abc"}, ["7 * a + 13 * b + 29 * c == 10001"]),
    "steps": Space({n: Float(0.0, 1.0, step=0.1) for n in "abc"}, ["a + b + c == 1"]),
    "conditional": Space(
        {"n": Int(1, 3), "a": Int(8, 512, log=True), "b": Int(8, 512, log=True, when={"n": [2, 3]})},
        ["a + b <= 40"],
    ),
    "conditional sum": Space(
        {"k": Categorical(["x", "y"]), "a": UNIT, "b": UNIT, "c": Float(0.0, 1.0, when={"k": "y"})},
        ["a + b + c == 1"],
    ),
    "listed": Space({"b": Ordinal([16, 32, 128]), "r": Float(1e-4, 0.1, log=True)}, ["r / b <= 1e-5"]),
    "flags": Space(dict.fromkeys("abcdefghi", Boolean()), ["a + b + c + d + e + f + g + h + i == 2"]),
    "predicate": Space(numbers("ab"), ["a + b <= 1", lambda p: p["a"] ** 2 + p["b"] ** 2 < 0.05]),
}  # fmt: skip


def sequence(space, seed=0):
    d = len(region(space).encoding.columns)
    return lambda start, count: _random.sobol(count, d, seed, start=start)


@pytest.mark.parametrize("name", SPACES)
def test_nothing_illegal_leaves_a_region(name):
    space, rng = SPACES[name], np.random.default_rng(0)
    found = region(space)
    rows = rng.random([6, len(found.free)])
    made = (found.draw(40, rng), found.repair(found.cover(40, sequence(space))), found.repair(rows))
    for params in itertools.chain(*map(found.encoding.decode, made)):
        assert constrained_fuzz.broken(space, params) is None
        assert space.validate(params) == params


@pytest.mark.parametrize("name", ["half", "corner", "whole", "conditional"])
def test_draws_are_a_function_of_the_generator(name):
    found = region(SPACES[name])
    once, again, other = (found.draw(5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (once == again).all() and (once != other).any()


def test_draws_of_a_small_share_are_uniform():
    draws = region(CORNER).draw(2000, np.random.default_rng(0)) / SIDE
    exact = np.random.default_rng(1).dirichlet(np.ones(5), 100_000)[:, :4]
    for moment in (1, 2):
        error = np.std(exact**moment) / np.sqrt(len(draws))
        assert np.allclose(
            np.mean(draws**moment, axis=0), np.mean(exact[:, 0] ** moment), atol=6 * error
        )
    total = np.quantile(exact.sum(axis=1), np.arange(0.1, 1.0, 0.1))
    counts = np.histogram(draws.sum(axis=1), [0.0, *total, 1.0])[0]
    assert np.sum((counts - 200.0) ** 2 / 200.0) < 40.0  # chi-square of 9 degrees: 1e-5


def test_draws_of_whole_numbers_have_equal_chances():
    found = region(SPACES["whole"])
    drawn = found.draw(6600, np.random.default_rng(0))
    every, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(every) == 66
    assert np.sum((counts - 100.0) ** 2 / 100.0) < 130.0  # chi-square of 65 degrees: 1e-6


def test_islands_are_drawn_by_their_size():
    space = Space(numbers("ab"), ["min(abs(a - 0.2) / 0.01, abs(a - 0.8) / 0.03) <= 1", "b <= 0.1"])
    rows = region(space).draw(1500, np.random.default_rng(0))
    assert np.mean(rows[:, 0] < 0.5) == pytest.approx(0.25, abs=0.06)


def distance(x, y):
    """Energy distance of two sets of points (Szekely and Rizzo 2013): 0 for the same distribution."""

    def mean(a, b):
        return np.mean(np.linalg.norm(a[:, None] - b[None], axis=-1))

    return 2.0 * mean(x, y) - mean(x, x) - mean(y, y)


@pytest.mark.parametrize(
    ("space", "exact", "most"),
    [
        (CORNER, lambda rng, n: SIDE * rng.dirichlet(np.ones(5), n)[:, :4], 0.6),
        (SPACES["simplex"], lambda rng, n: rng.dirichlet(np.ones(8), n), 0.85),
    ],
)
def test_a_cover_is_more_even_than_draws(space, exact, most):
    reference = exact(np.random.default_rng(0), 2000)
    covers = [distance(region(space).cover(64, sequence(space, s)), reference) for s in range(5)]
    draws = [distance(exact(np.random.default_rng(s), 64), reference) for s in range(1, 16)]
    assert np.mean(covers) < most * np.mean(draws)


@pytest.mark.parametrize("name", ["half", "corner", "simplex", "conditional"])
def test_a_cover_can_be_continued(name):
    found, points = region(SPACES[name]), sequence(SPACES[name])
    whole = found.cover(20, points)
    assert np.array_equal(whole[12:], found.cover(8, points, 12))


def test_repair_moves_to_the_nearest_point_of_a_face():
    found = region(Space(numbers("ab"), ["a + b <= 1"]))
    moved = found.repair([[0.9, 0.7], [0.2, 0.3]])
    assert np.allclose(moved, [[0.6, 0.4], [0.2, 0.3]], atol=1e-9)
    assert np.array_equal(moved[1], [0.2, 0.3])


def test_repair_crosses_a_predicate_towards_what_is_given():
    found = region(Space(numbers("ab"), [lambda p: p["a"] <= 0.5]))
    moved = found.repair([[0.9, 0.5]], np.array([[0.3, 0.5]]))
    assert np.allclose(moved, [[0.5, 0.5]], atol=1e-9)


def test_points_in_a_box():
    found, box = region(CORNER), np.array([[0.0, 0.1]] * 3 + [[0.02, 0.05]])
    rows = found.draw(50, np.random.default_rng(0), box)
    assert found.legal(rows).all() and (rows >= box[:, 0]).all() and (rows <= box[:, 1]).all()


def test_a_box_without_legal_rows_is_left():
    rows = region(CORNER).draw(5, np.random.default_rng(0), np.array([[0.8, 1.0]] * 4))
    assert region(CORNER).legal(rows).all()


def test_the_share_is_estimated():
    assert region(CORNER).share == pytest.approx(1e-4, rel=0.5)
    assert region(SPACES["half"]).share == pytest.approx(0.5, rel=0.05)


def test_no_feasible_configuration_is_an_error_that_names_the_constraints():
    space = Space(numbers("ab"), ["sqrt(a) + exp(b) <= 1.2", "(a - 0.6) ** 2 + b ** 2 <= 0.01"])
    with pytest.raises(tfbo.errors.InvalidArgument, match=r"constraints: .*sqrt.*closest.*breaks"):
        region(space).draw(1, np.random.default_rng(0))


def test_the_grid_completes_equalities():
    space = Space({"a": Float(0.0, 1.0), "b": Float(-1.0, 1.0)}, ["a**2 + b**2 == 1"])
    found = list(region(space).grid(3))
    assert len(found) == len({tuple(params.items()) for params in found})
    # Where the two roots meet, at a = 0, they are known to half of the digits.
    roots = {(round(p["a"], 4), round(p["b"], 4)) for p in found}
    assert roots == {(1.0, 0.0), (0.0, 1.0), (0.0, -1.0)}


def test_margins_tell_what_is_legal():
    for name, space in SPACES.items():
        if name != "predicate":
            found = region(space)
            rows = found.rows(np.random.default_rng(0).random([300, len(found.free)]))
            assert np.array_equal(found.fits(rows), found.legal(rows)), name


@pytest.mark.parametrize("block", range(3))
def test_random_spaces(block):
    check(1000 * block, 8)


@pytest.mark.slow
def test_more_random_spaces():
    check(100, 400)


def check(first, count):
    for number, space in constrained_fuzz.spaces(first, count):
        for strategy in (tfbo.strategies.Random(), tfbo.strategies.Sobol(centre=True)):
            for params in itertools.chain(*constrained_fuzz.suggested(space, strategy, number)):
                assert constrained_fuzz.broken(space, params) is None, (number, strategy)
