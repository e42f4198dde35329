"""Several trials at once: asked together, one by one without telling, and by the hundred; large studies."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import Boolean, Categorical, Float, Int, Ordinal, Space, _random
from tfbo._compile import devices
from tfbo._compile.sessions import SESSIONS
from tfbo.acquisition import EI, joint
from tfbo.gp.pending import Pending
from tfbo.space import encoding
from tfbo.strategies import Bayes, Sobol
from tfbo.strategies.base import Problem, key
from tfbo.strategies.bayes import ask, chooser
from tfbo.strategies.bayes.data import subset
from tfbo.strategies.bayes.greedy import Greedy

SQUARE = Space({"x": Float(-5.0, 10.0), "y": Float(0.0, 15.0)})
MIXED = Space(
    {
        "x": Float(0.0, 1.0),
        "n": Int(1, 9),
        "kind": Categorical(["a", "b", "c"]),
        "drop": Boolean(),
        "p": Float(0.0, 0.5, when={"drop": True}),
    }
)


def branin(params):
    x, y = params["x"], params["y"]
    curve = y - 5.1 / (4.0 * np.pi**2) * x**2 + 5.0 / np.pi * x - 6.0
    return curve**2 + 10.0 * (1.0 - 1.0 / (8.0 * np.pi)) * np.cos(x) + 10.0


def mixed_loss(params):
    kind = {"a": 0.0, "b": 0.3, "c": 0.7}[params["kind"]]
    return (params["x"] - kind) ** 2 + abs(params["n"] - 4) / 9.0 + params.get("p", 0.2)


OBJECTIVES = {"square": (SQUARE, branin), "mixed": (MIXED, mixed_loss)}


def told(space, objective, n, strategy=None, seed=0):
    """A study of Sobol points that have been told."""
    storage = tfbo.SQLiteStorage(":memory:")
    first = tfbo.Study(space, seed=seed, storage=storage, strategy=Sobol())
    first.optimize(objective, n_trials=n)
    return tfbo.Study.load(storage=storage, strategy=strategy)


def worth(study, sets):
    """Joint expected improvement of sets of configurations `[k][q]`, from 4096 draws: `[k]`."""
    surrogate = study.advisor.surrogate()
    q, encoded = len(sets[0]), encoding(study.space)
    x = tf.constant(np.stack([encoded.encode(entry) for entry in sets]))
    drawn = tf.math.ndtri(_random.sobol(4096, q - 1, 5)) if q > 1 else tf.zeros([1, 0], tf.float64)
    posterior = surrogate.posterior
    nothing = Pending(posterior.features(x[0, :0]), drawn[:, :0])
    state = EI().prepare(posterior, surrogate.observed, nothing)
    return joint.total(False, EI().worth(state, x, drawn)).numpy()


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("together", [True, False])
def test_a_batch_is_worth_more_than_random_picks_among_the_top(name, together):
    space, objective = OBJECTIVES[name]
    study = told(space, objective, 12)
    surrogate = study.advisor.surrogate()
    q = 4 if together else 6
    asked = study.ask(q) if together else [study.ask() for _ in range(q)]
    ours = worth(study, [[trial.params for trial in asked]])[0]
    rng = np.random.default_rng(0)
    candidates = [t.params for t in tfbo.Study(space, seed=9, strategy=Sobol()).ask(400)]
    top = np.argsort(-surrogate.expected_improvement(candidates))[:40]
    picks = [[candidates[i] for i in rng.choice(top, q, replace=False)] for _ in range(30)]
    assert ours > np.max(worth(study, picks))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_pending_trials_spread_the_next_ones(name):
    space, objective = OBJECTIVES[name]
    study = told(space, objective, 12)
    rows = encoding(space).encode([study.ask().params for _ in range(8)])
    apart = [np.abs(a - b).max() for a, b in itertools.combinations(rows, 2)]
    assert min(apart) > 0.01


def test_climbing_together_gains_over_choosing_one_by_one():
    gains = []
    for seed in range(5):
        study = told(SQUARE, branin, 8, seed=seed)
        strategy, problem = Bayes(), Problem(SQUARE, "minimize", seed)
        state = strategy.fold(problem, None, study.trials)
        settings = strategy.settings(problem)
        asked = ask.pose(settings, problem, state, (), range(8, 11), devices.CPU)
        choices = (settings.choosing(devices.CPU, q, failing=False) for q in (1, 3))
        sets = [
            encoding(SQUARE).decode(chooser.choose(choice, asked.question, "CPU:0").x)
            for choice in choices
        ]
        one_by_one, together = worth(study, sets)
        gains.append(together / one_by_one)
    # Each is a maximum over 64 draws, and judged by others.
    assert min(gains) > 0.97
    assert np.mean(gains) > 1.0


@pytest.mark.slow
def test_a_batch_compiled_by_xla_is_as_good():
    study = told(SQUARE, branin, 12)
    pending = [study.ask(), study.ask()]
    strategy, problem = Bayes(n_candidates=128, n_restarts=2), Problem(SQUARE, "minimize", 0)
    state = strategy.fold(problem, None, [t for t in study.trials if t.is_finished])
    plans, settings = (
        [devices.Plan("CPU:0", padded=p) for p in (False, True)],
        strategy.settings(problem),
    )
    question = ask.pose(settings, problem, state, pending, range(14, 17), plans[1]).question
    choices = [settings.choosing(plan, 3, failing=False) for plan in plans]
    assert (
        choices[1].chooser == Greedy()
    )  # one by one: there is a program less to compile for each q
    free, fixed = (chooser.choose(c._replace(chooser=Greedy()), question, "CPU:0") for c in choices)
    assert free.x.shape == fixed.x.shape == (3, 2)
    assert bool(tf.reduce_all(free.found)) and bool(tf.reduce_all(fixed.found))
    assert float(fixed.value) == pytest.approx(float(free.value), abs=0.05)


@pytest.mark.parametrize("q", [5, 40])
def test_a_batch_is_legal_repeats_nothing_and_follows_the_seed(q):
    batches = []
    for _ in range(2):
        study = told(MIXED, mixed_loss, 10)
        waiting = study.ask(2)
        batches.append([trial.params for trial in study.ask(q)])
        tried = [trial.params for trial in study.trials]
        assert len({key(params) for params in tried}) == len(tried) == 12 + q
        assert all(MIXED.validate(params) == params for params in batches[-1])
        assert waiting[0].params not in batches[-1]
    assert batches[0] == batches[1]


def test_hundreds_of_trials_at_once_are_maximisers_of_draws(traced):
    study = told(SQUARE, branin, 50, Bayes(n_candidates=79))
    traced.clear()
    asked = study.ask(300)
    assert len({key(trial.params) for trial in asked}) == 300
    assert traced == ["_fit", "_choose"]
    # They lie where the minimum may be: Branin has three.
    random = [branin(t.params) for t in tfbo.Study(SQUARE, seed=0, strategy=Sobol()).ask(300)]
    assert np.median([branin(t.params) for t in asked]) < np.quantile(random, 0.1)


def test_a_kernel_without_known_waves_takes_large_batches_one_by_one():
    import tensorflow_probability as tfp

    own = tfp.math.psd_kernels.GammaExponential
    study = told(SQUARE, branin, 8, Bayes(kernel=own, n_candidates=64, n_restarts=1))
    assert len({key(trial.params) for trial in study.ask(18)}) == 18


def test_more_than_are_left_of_a_finite_space_are_refused():
    small = Space({"a": Int(0, 4), "b": Ordinal([1, 2, 3]), "c": Boolean()})
    study = told(small, lambda p: p["a"], 8)
    assert len({key(t.params) for t in study.ask(20)}) == 20
    assert study.ask().params not in [t.params for t in study.trials[:-1]]
    study.ask()
    with pytest.raises(tfbo.SpaceExhausted):
        study.ask()


def test_what_is_prepared_is_not_traced_again(traced):
    study = tfbo.Study(SQUARE, seed=0)
    study.advisor.prepare(9).join()
    assert traced == ["_fit", "_choose"] and not study.trials
    assert study.advisor.prepare(9) is None
    study.optimize(branin, n_trials=9)
    other = tfbo.minimize(branin, SQUARE, n_trials=9, seed=0)
    assert traced == ["_fit", "_choose"]
    assert [t.params for t in study.trials] == [t.params for t in other.trials]


def test_with_learning_curves_all_programs_are_prepared(traced):
    def objective(params, run):
        return branin(params) + 1.0 / run.until

    strategy = Bayes(n_initial=2, n_candidates=103)
    study = tfbo.Study(SQUARE, seed=0, strategy=strategy, fidelity=tfbo.Fidelity(1, 9))
    study.advisor.prepare(20).join()
    assert set(traced) == {"_fit", "_choose", "_stay", "_moments"} and len(traced) == 4
    study.optimize(objective, n_trials=20)
    assert len(traced) == 4 and any(t.state == "complete" for t in study.trials)


def test_the_first_ask_of_the_model_sets_nothing_up_that_was_prepared(traced):
    strategy = Bayes(n_candidates=101)
    strategy.prepare(Problem(SQUARE, "minimize", 0), 9)
    prepared = SESSIONS.info()
    assert prepared.misses == 2
    study = told(SQUARE, branin, 5, strategy)
    assert SESSIONS.info() == prepared  # the initial design asked for no program
    study.ask()
    assert SESSIONS.info() == prepared._replace(hits=prepared.hits + 2)
    assert traced == ["_fit", "_choose"]


def test_nothing_is_prepared_for_trials_that_need_no_model(traced):
    tfbo.Study(SQUARE, seed=0).advisor.prepare(5).join()
    assert not traced and SESSIONS.info().misses == 0


def test_of_many_trials_the_best_and_those_far_apart_are_modelled():
    rng = np.random.default_rng(0)
    rows = np.concatenate([0.5 + 0.01 * rng.standard_normal([900, 3]), rng.random([100, 3])])
    y = -np.sum((rows - 0.5) ** 2, axis=1)
    chosen = subset(rows, y, 100)
    assert len(set(chosen)) == 100
    assert set(np.argsort(-y)[:50]) <= set(chosen)

    def furthest(indices):
        return np.linalg.norm(rows[:, None] - rows[indices], axis=-1).min(axis=1).max()

    others = [furthest(rng.choice(1000, 100, replace=False)) for _ in range(50)]
    assert furthest(chosen) < min(others)
    np.testing.assert_array_equal(subset(rows[:100], y[:100], 100), np.arange(100))


def test_a_study_of_more_trials_than_are_modelled_goes_on_well():
    strategy = Bayes(n_modelled=30, n_candidates=256)
    study = told(SQUARE, branin, 60, strategy)
    problem = Problem(SQUARE, "minimize", 0)
    state = strategy.fold(problem, None, study.trials)
    asked = ask.pose(strategy.settings(problem), problem, state, (), range(60, 61), devices.CPU)
    assert len(asked.question.observed.z) == 30 and len(asked.question.tried) == 60
    before = study.best_value
    study.optimize(branin, n_trials=15)
    assert study.best_value - 0.3979 < 0.5 * (before - 0.3979)
    assert study.best_trial.state == "complete" and len(study.leave_one_out().numbers) == 30


def test_trials_that_are_not_modelled_are_not_tried_again():
    small = Space({"a": Int(0, 4), "b": Ordinal([1, 2, 3]), "c": Boolean()})
    strategy = Bayes(n_initial=3, n_modelled=6)
    study = tfbo.Study(small, seed=0, strategy=strategy)
    study.optimize(lambda p: p["a"] * p["b"] + p["c"], n_trials=30)
    assert len({key(trial.params) for trial in study.trials}) == 30
