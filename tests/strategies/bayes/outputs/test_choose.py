"""The compiled choice of a point: padded as it is without, and worth what the draws say."""

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo._compile import devices
from tfbo.acquisition import pareto
from tfbo.space.region import region
from tfbo.strategies import Bayes, Problem
from tfbo.strategies.bayes import data as trials_data
from tfbo.strategies.bayes.outputs import aims, ask, choose, fronts
from tfbo.strategies.bayes.outputs import fit as fits
from tfbo.trial import Goals, OutcomeConstraints, Trial

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "y": tfbo.Float(0.0, 1.0)})
PROBLEM = Problem(
    SPACE,
    "minimize",
    0,
    goals=Goals.of({"f": "minimize", "g": "maximize"}),
    constraints=OutcomeConstraints.of(["h <= 1", "h + g >= 0.2"]),
)


def scene(running=0, n=10, problem=PROBLEM):
    rng = np.random.default_rng(0)
    trials = []
    for i, (x, y) in enumerate(rng.random([n, 2])):
        values = {"f": (x - 0.3) ** 2 + y, "g": np.sin(3.0 * x) + y, "h": x + y}
        trials.append(Trial(i, {"x": x, "y": y}, "complete", values=values))
    pending = [Trial(n + i, {"x": x, "y": y}) for i, (x, y) in enumerate(rng.random([running, 2]))]
    history, outputs = trials_data.fold(problem, None, trials), aims.of(problem)
    settings = Bayes(n_candidates=64).settings(problem)
    learned = ask.fitted(outputs, settings, problem, history, pending, n)
    return ask._Scene(outputs, settings, problem, history, learned, pending)  # noqa: SLF001


def values_at(options, query, x):
    """Worth of rows outside of any program."""
    posterior = tf.nest.map_structure(tf.constant, query.posterior)
    pending = choose.Pending(
        posterior.features(tf.constant(query.drawn)), query.normals, query.there
    )
    fantasies = choose.fantasise(posterior, pending)
    return choose._worth(options, query, fantasies, tf.constant(x)).numpy()  # noqa: SLF001


@pytest.mark.parametrize("running", [0, 2])
def test_the_point_is_better_than_any_that_was_screened(running):
    options, query = scene(running).pose(np.zeros([0, 2]), devices.CPU)
    options = options._replace(boundary=0.0)
    found = choose.choose(options, query, "CPU:0")
    assert bool(found.ok)
    screened = values_at(options, query, np.concatenate([query.everywhere, query.around]))
    assert float(found.value) >= screened.max() - 1e-6
    assert values_at(options, query, found.x[None])[0] == pytest.approx(
        float(found.value), abs=1e-5
    )


def test_the_worth_beside_trials_that_run_is_that_of_joint_draws():
    made = scene(2, problem=PROBLEM._replace(constraints=None))
    options, query = made.pose(np.zeros([0, 2]), devices.CPU)
    options = options._replace(boundary=0.0)
    ours = np.exp(values_at(options, query, query.everywhere[:20]))
    sure = np.setdiff1d(np.arange(10), made.doubtful)
    settled = made.here.mean[:, sure].T
    normals = np.random.default_rng(3).standard_normal([2, 3000, len(query.drawn) + 1])
    for i in np.argsort(-ours)[:3]:
        rows = np.concatenate([query.drawn, query.everywhere[i : i + 1]])
        gains = []
        for draw in fronts.drawn(query.posterior, rows, normals).transpose(1, 2, 0):
            lower, upper = pareto.beyond(np.concatenate([settled, draw[:-1]]), made.point)
            gains.append((np.minimum(draw[-1], upper) - lower).clip(0.0).prod(axis=1).sum())
        error = np.std(gains) / np.sqrt(len(gains))
        assert ours[i] == pytest.approx(np.mean(gains), abs=4.0 * error + 0.03 * ours[i])


def test_values_do_not_depend_on_what_else_is_valued():
    options, query = scene(2).pose(np.zeros([0, 2]), devices.CPU)
    together = values_at(options, query, query.everywhere[:5])
    alone = [values_at(options, query, query.everywhere[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_a_point_that_was_chosen_is_worth_little_a_second_time():
    made = scene()
    options, query = made.pose(np.zeros([0, 2]), devices.CPU)
    first = choose.choose(options, query, "CPU:0")
    options, beside = made.pose(first.x[None], devices.CPU)
    again = values_at(options, beside, first.x[None])[0]
    assert again < float(first.value) - 3.0


def test_padding_changes_nothing():
    options, query = scene(2).pose(np.zeros([0, 2]), devices.CPU)
    wider = choose._pad(query)  # noqa: SLF001
    assert wider.posterior.factors.z.shape == (3, 32)
    assert len(wider.drawn) == devices.bucket(len(query.drawn), 8) > len(query.drawn)
    np.testing.assert_allclose(
        values_at(options, wider, query.everywhere),
        values_at(options, query, query.everywhere),
        rtol=1e-6,
    )


@pytest.mark.slow
@pytest.mark.parametrize("constraint", ["x + y == 0.9", "x * y >= 0.1"])
def test_the_program_under_constraints_on_inputs_compiled_by_xla_finds_the_same_point(constraint):
    space = tfbo.Space(dict(SPACE.items()), constraints=[constraint, "x**2 + y**2 <= 0.9"])
    options, query = scene(2, problem=PROBLEM._replace(space=space)).pose(
        np.zeros([0, 2]), devices.CPU
    )
    plain = choose.choose(options, query, "CPU:0")
    padded = choose.choose(options._replace(padded=True), query, "CPU:0")
    assert float(padded.value) == pytest.approx(float(plain.value), abs=1e-5)
    np.testing.assert_allclose(padded.x, plain.x, atol=1e-4)
    assert region(space).fits(padded.x[None]).all()


@pytest.mark.slow
def test_xla_compiles_both_programs():
    made = scene(2)
    options, query = made.pose(np.zeros([0, 2]), devices.CPU)
    plain = choose.choose(options, query, "CPU:0")
    padded = choose.choose(options._replace(padded=True), query, "CPU:0")
    assert float(padded.value) == pytest.approx(float(plain.value), abs=1e-3)
    settings = made.settings
    model = settings.model._replace(restarts=2, padded=True, transform=tfbo.gp.outcomes.unchanged)
    given = _given(made)
    found = fits.run(fits.Models(model, 3), given, "CPU:0")
    alone = fits.run(fits.Models(model._replace(padded=False), 3), given, "CPU:0")
    np.testing.assert_allclose(found.found.value, alone.found.value, atol=1e-2)
    assert found.posterior.factors.z.shape == (3, 10)


def _given(made):
    known = made.known
    prior = made.settings.model.hyperprior
    rng = np.random.default_rng(0)
    start = ask.warm_start.last_of_each((), prior, 3).start
    data = ask.TrainingData(known.x, known.y, known.std)
    candidates = ask.hyperprior.draws(prior, 4, rng)
    return ask.fit.Given(data, known.mask, np.full(3, np.nan), start, candidates)
