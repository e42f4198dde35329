"""The maximiser against the best of 20,000 random legal points, on random Gaussian processes."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from tfbo import Boolean, Categorical, Float, Int, Ordinal, Space
from tfbo.acquisition import EI, UCB, LogEI, PosteriorStd
from tfbo.columns import snap
from tfbo.gp import Posterior, kernels, likelihood
from tfbo.gp.pending import Pending
from tfbo.optim import mixed, starts
from tfbo.optim.domain import Domain
from tfbo.space import encoding

numbers = lambda d: Space({f"x{i}": Float(0.0, 1.0) for i in range(d)})
SPACES = {
    "one number": (numbers(1), LogEI()),
    "two numbers": (numbers(2), LogEI()),
    "six numbers": (numbers(6), LogEI()),
    "twelve numbers": (numbers(12), EI()),
    "levels": (
        Space({"a": Int(0, 30), "b": Int(1, 1000, log=True), "c": Ordinal([1, 2, 4])}),
        LogEI(),
    ),
    "categories": (
        Space({c: Categorical(list("abcdefg")[: 3 + i]) for i, c in enumerate("pqrst")}),
        UCB(2.0),
    ),
    "numbers and categories": (
        Space(
            {
                "c": Categorical(list("abcd")),
                "x": Float(0, 1),
                "y": Float(1e-4, 1, log=True),
                "b": Boolean(),
            }
        ),
        LogEI(),
    ),
    "conditions": (
        Space(
            {
                "kind": Categorical(["tree", "net"]),
                "depth": Int(1, 20, when={"kind": "tree"}),
                "rate": Float(1e-5, 1.0, log=True, when={"kind": "net"}),
                "drop": Boolean(when={"kind": "net"}),
                "p": Float(0.0, 0.6, when={"drop": True}),
                "x": Float(0.0, 1.0),
            }
        ),
        LogEI(),
    ),
    "large whole numbers": (
        Space({"a": Int(0, 10**6), "b": Int(-500, 500), "x": Float(0, 1)}),
        EI(),
    ),
    "a category of many levels": (
        Space({"c": Categorical(list(range(60))), "x": Float(0, 1)}),
        PosteriorStd(),
    ),
}


def among(taken):
    return lambda rows: mixed.among(rows, tf.convert_to_tensor(taken))


def program(columns, acquisition):
    kernel = kernels.kernel("matern52", len(columns), columns)

    rows = tf.TensorSpec([None, len(columns)], tf.float64)
    vector = tf.TensorSpec([None], tf.float64)

    @tf.function(autograph=False, input_signature=[vector, rows, vector, rows, rows, rows])
    def run(theta, x, z, everywhere, around, random):
        observed = likelihood.Observations(kernel.embed(x), z)
        posterior = Posterior(kernel, likelihood.factorise(kernel, theta, observed), 0.0, 1.0)
        nothing = Pending(observed.features[:0], tf.zeros([1, 0], tf.float64))
        state = acquisition.prepare(posterior, observed, nothing)
        function = lambda u: acquisition.worth(state, u[:, None, :])[:, 0]
        best = mixed.maximise(function, Domain(columns), (everywhere, around), among(x))
        return best, function(best.x[None])[0], tf.reduce_max(function(snap(columns, random, tnp)))

    return run


@pytest.mark.parametrize("name", SPACES)
def test_not_below_the_best_of_20000_random_points_in_20_cases(name):
    space, acquisition = SPACES[name]
    columns = encoding(space).columns
    d = len(columns)
    run = program(columns, acquisition)
    for case in range(20):
        rng = np.random.default_rng(case)
        n = int(rng.integers(3, 40))
        x = snap(columns, rng.random([n, d]))
        theta = np.concatenate([[0.0], np.log(rng.uniform(0.1, 1.5, d) * np.sqrt(d)), [-8.0]])
        z = rng.standard_normal(n)
        best, again, random = run(
            *map(tf.constant, (theta, x, z, starts.spread(Domain(columns), 1024, rng))),
            *map(
                tf.constant,
                (
                    starts.around(Domain(columns), x[np.argsort(-z)[:8]], 256, rng),
                    rng.random([20_000, d]),
                ),
            ),
        )
        assert bool(best.ok)
        assert float(best.value) == pytest.approx(float(again), rel=1e-9, abs=1e-12)
        np.testing.assert_allclose(snap(columns, best.x.numpy()), best.x, rtol=0, atol=1e-14)
        assert np.abs(x - best.x.numpy()).max(axis=1).min() > 0.0
        assert float(best.value) >= float(random) - 1e-9 * abs(float(random)), f"case {case}"


def test_told_rows_are_never_returned():
    columns = encoding(Space({"a": Int(0, 3), "b": Boolean()})).columns
    every = np.array([[(i + 0.5) / 4, (j + 0.5) / 2] for i in range(4) for j in range(2)])
    function = lambda rows: tf.reduce_sum(rows, axis=-1)
    for left in range(8):
        told = np.delete(every, left, axis=0)
        best = mixed.maximise(function, Domain(columns), (tf.constant(every),), among(told))
        assert bool(best.ok)
        np.testing.assert_allclose(best.x, every[left], rtol=0, atol=1e-14)
    assert not bool(
        mixed.maximise(function, Domain(columns), (tf.constant(every),), among(every)).ok
    )


def test_not_a_number_is_avoided():
    columns = encoding(numbers(2)).columns
    function = lambda rows: rows[:, 0] + 0.0 * tf.sqrt(0.5 - rows[:, 0])
    everywhere = tf.constant(np.random.default_rng(0).random([64, 2]))
    best = mixed.maximise(function, Domain(columns), (everywhere,), among(np.zeros([1, 2])))
    assert 0.45 < float(best.value) <= 0.5


NOTHING = np.full([1, 3], 9.0)
THREE = encoding(
    Space({"x": Float(0, 1), "n": Int(0, 30), "c": Categorical(["a", "b", "c"])})
).columns


def hills(rows):
    """Several maxima, the highest outside of every box below."""
    waves = tf.sin(11.0 * rows[:, 0]) * tf.cos(7.0 * rows[:, 1] + 2.0 * rows[:, 2])
    return waves + 0.5 * rows[:, 0] + 0.3 * tf.cast(rows[:, 2] > 0.4, tf.float64) * rows[:, 1]


def dense(domain):
    """Every row of a fine grid that belongs to the domain."""
    codes = (np.arange(31) + 0.5) / 31, (np.arange(3) + 0.5) / 3
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 2001), *codes, indexing="ij"), -1).reshape(-1, 3)
    outside = domain.outside(grid)
    return grid if outside is None else grid[~outside]


def searched(domain, rng, count=256):
    everywhere = starts.spread(domain, count, rng)
    incumbents = dense(domain)[[0, -1]]
    around = starts.around(domain, incumbents, count, rng)
    screens = tf.constant(everywhere), tf.constant(around)
    return screens, mixed.maximise(hills, domain, screens, among(NOTHING))


class Half:
    """Half of the space: below a diagonal of the numbers."""

    free = np.ones(1, bool)

    def complete(self, rows, xp=np, *, relaxed=False):
        return rows

    def margin(self, rows, xp=np, *, relaxed=False):
        return self.rest(rows)[..., None]

    def fits(self, rows):
        return self.rest(rows) >= 0.0

    def rest(self, rows):
        return 1.0 - rows[..., 0] - rows[..., 1]


class Nowhere(Half):
    """Nothing at all."""

    def rest(self, rows):
        return rows[..., 0] - 2.0


HALF = Half()


BOX = np.array([[0.3, 0.62], [0.1, 0.55], [0.0, 1.0]])
DOMAINS = {
    "box": Domain(THREE, BOX),
    "a box of one level": Domain(THREE, np.array([[0.0, 0.4], [0.48, 0.52], [0.4, 0.6]])),
    "half": Domain(THREE, feasible=HALF),
    "half of a box": Domain(THREE, BOX, HALF),
}


@pytest.mark.parametrize("name", DOMAINS)
def test_the_maximum_of_a_domain_is_that_of_a_dense_grid(name):
    domain = DOMAINS[name]
    grid = dense(domain)
    assert len(grid)
    screens, best = searched(domain, np.random.default_rng(0))
    assert bool(best.ok) and not domain.outside(best.x[None].numpy())[0]
    assert float(best.value) >= hills(tf.constant(grid)).numpy().max() - 1e-4
    assert float(best.value) == pytest.approx(float(hills(best.x[None])[0]))
    assert float(tf.reduce_max(hills(tf.constant(dense(Domain(THREE)))))) > float(best.value) + 0.1
    for screen in screens:
        assert not domain.outside(snap(THREE, screen.numpy())).all()
        assert (domain.clip(screen.numpy()) == screen.numpy()).all()


def test_moves_stay_in_the_legal_half():
    domain = DOMAINS["half"]
    start = tf.constant(
        [[0.2, 0.24193548, 0.5], [0.05, 0.75806452, 1 / 6], [0.45, 0.53225806, 0.5]]
    )
    start = tf.cast(start, tf.float64)
    uphill = lambda rows: rows[:, 0] + 0.7 * rows[:, 1]
    climbed = mixed.maximise_each(uphill, domain, start)
    assert HALF.fits(climbed.numpy()).all()
    assert (uphill(climbed) >= uphill(start)).numpy().all()
    np.testing.assert_allclose(climbed[:, 0] + climbed[:, 1], 1.0, atol=0.05)


def test_an_ascent_ends_at_the_edge_of_what_is_legal():
    domain = Domain(encoding(numbers(2)).columns, feasible=HALF)
    start = tf.constant([[0.2, 0.3], [0.05, 0.9], [0.6, 0.1]], tf.float64)
    climbed = mixed.maximise_each(lambda rows: tf.reduce_sum(rows, -1), domain, start)
    assert HALF.fits(climbed.numpy()).all()
    np.testing.assert_allclose(tf.reduce_sum(climbed, -1), 1.0, atol=1e-6)


def test_every_candidate_illegal_is_no_maximum():
    nowhere = Domain(THREE, feasible=Nowhere())
    everywhere = starts.spread(nowhere, 64, np.random.default_rng(0))
    assert everywhere.shape == (64, 3)
    best = mixed.maximise(hills, nowhere, (tf.constant(everywhere),), among(NOTHING))
    assert not bool(best.ok)


@pytest.mark.parametrize("at_once", [1, 7, 64, 10**6])
def test_screening_in_parts_changes_nothing_but_the_memory(at_once):
    sizes = []

    def watched(rows):
        tf.py_function(lambda rows: sizes.append(len(rows)), [rows], [])
        return hills(rows)

    domain, rng = Domain(THREE), np.random.default_rng(3)
    screens = [tf.constant(starts.spread(domain, count, rng)) for count in (101, 20)]
    whole = mixed.maximise(hills, domain, screens, among(NOTHING))
    again = mixed.maximise(watched, domain, screens, among(NOTHING), at_once=tf.constant(at_once))
    np.testing.assert_array_equal(again.x, whole.x)
    parts = -(-121 // sizes[0])
    assert sizes[:parts] == [min(at_once, 121)] * parts


def test_the_best_quarter_by_a_rough_function_is_screened_by_the_function():
    sizes = []

    def watched(rows):
        tf.py_function(lambda rows: sizes.append(len(rows)), [rows], [])
        return hills(rows)

    domain, rng = Domain(THREE), np.random.default_rng(3)
    screens = [tf.constant(starts.spread(domain, count, rng)) for count in (101, 20)]
    whole = mixed.maximise(hills, domain, screens, among(NOTHING))
    again = mixed.maximise(
        watched, domain, screens, among(NOTHING), rough=lambda rows: 2.0 * hills(rows) - 7.0
    )
    assert sizes[0] == 26 + 5
    np.testing.assert_array_equal(again.x, whole.x)
    # One that ranks them the other way round leaves the worst to be climbed from.
    other = mixed.maximise(hills, domain, screens, among(NOTHING), rough=lambda rows: -hills(rows))
    assert float(hills(other.screened[None])[0]) < float(hills(whole.screened[None])[0])
