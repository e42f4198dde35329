"""Suggestions of Bayes under constraints on inputs: all of them legal, and the best there are."""

import numpy as np
import pytest

import tfbo
from tfbo import Categorical, Float, Int, Space
from tfbo._compile import devices
from tfbo.space.region import region
from tfbo.strategies import Bayes
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import ask, chooser, constraints
from tfbo.trial import Trial

SPACES = {
    "equality": Space({name: Float(0.0, 1.0) for name in "abc"}, constraints=["a + b + c == 1"]),
    "mixed": Space(
        {
            "layers": Int(1, 8),
            "units": Int(16, 1024, log=True),
            "rate": Float(1e-4, 1e-1, log=True),
            "kind": Categorical(["sgd", "adam"]),
            "momentum": Float(0.0, 0.99, when={"kind": "sgd"}),
        },
        constraints=["layers * units <= 1024", "rate * units <= 4", "rate + momentum <= 0.6"],
    ),
    "predicate": Space(
        {name: Float(0.0, 1.0) for name in "ab"},
        constraints=[lambda params: params["a"] + params["b"] <= 1.0, "a <= 0.7"],
    ),
}

CIRCLE = Space({name: Float(-1.0, 1.0) for name in "ab"}, constraints=["a**2 + b**2 == 1"])


def value(params):
    """Lowest where numbers are large, with a slope for each."""
    numbers = [x for x in params.values() if not isinstance(x, str)]
    return -sum((1.0 + 0.1 * i) * np.log(2.0 + x) for i, x in enumerate(numbers))


def ask_all(name, counts):
    space = SPACES[name]
    study = tfbo.Study(space, seed=0, strategy=Bayes(n_initial=3))
    for q in counts:
        for trial in study.ask(q):
            assert space.breaks(trial.params) is None
            study.tell(trial, value(trial.params))


@pytest.mark.parametrize("name", SPACES)
def test_every_suggestion_is_legal(name):
    ask_all(name, (3, 1, 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_every_suggestion_of_batches_and_of_large_ones_is_legal(name):
    ask_all(name, (3, 2, 17))


@pytest.mark.slow
@pytest.mark.parametrize("space", [SPACES["equality"], SPACES["mixed"], CIRCLE])
@pytest.mark.parametrize("bounded", [False, True])
def test_the_program_compiled_by_xla_finds_the_same_point(space, bounded):
    problem = Problem(space, "minimize", 0)
    params = region(space).encoding.decode(region(space).draw(10, np.random.default_rng(0)))
    trials = [Trial(i, each, "complete", value(each)) for i, each in enumerate(params[:9])]
    whole = lambda problem, trials: np.tile([0.0, 1.0], [len(problem.encoding.columns), 1])
    strategy = Bayes(n_candidates=64, n_restarts=2, region=whole if bounded else None)
    settings, history = strategy.settings(problem), strategy.fold(problem, None, trials)
    pending = [Trial(9, params[9])]
    free, padded = (devices.Plan("CPU:0", padded=p) for p in (False, True))
    question = ask.pose(settings, problem, history, pending, range(10, 11), free).question
    one, two = (
        chooser.choose(settings.choosing(plan, 1, failing=False), question, plan.device)
        for plan in (free, padded)
    )
    assert float(two.value) == pytest.approx(float(one.value), abs=1e-5)
    np.testing.assert_allclose(two.x, one.x, atol=1e-4)
    legal = constraints.legal(region(space), two.x, two.screened, question.tried)
    assert region(space).legal(legal).all()
    np.testing.assert_allclose(legal, two.x, atol=1e-6)


def test_the_optimum_on_several_edges_is_found():
    space = Space(
        {name: Float(0.0, 2.0) for name in "ab"}, constraints=["a + b <= 1.5", "a * b >= 0.2"]
    )
    study = tfbo.minimize(
        lambda p: (p["a"] - 1.9) ** 2 + p["b"] ** 2, space, n_trials=18, seed=0
    )  # both are active where b = 1.5 - a and a b = 0.2
    a = 0.75 + np.sqrt(0.75**2 - 0.2)
    assert study.best_params["a"] == pytest.approx(a, abs=5e-3)
    assert study.best_params["b"] == pytest.approx(1.5 - a, abs=5e-3)


def test_points_of_a_box_are_legal_and_in_it():
    space = SPACES["equality"]
    box = np.array([[0.0, 1.0], [0.2, 0.5], [0.1, 0.4]])
    study = tfbo.Study(space, seed=0, strategy=Bayes(region=lambda problem, trials: box))
    for i in range(8):
        trial = study.ask()
        assert space.breaks(trial.params) is None
        if i >= 5:
            assert 0.2 - 1e-9 <= trial.params["b"] <= 0.5 + 1e-9
            assert 0.1 - 1e-9 <= trial.params["c"] <= 0.4 + 1e-9
        study.tell(trial, value(trial.params))


def choice(space):
    return Bayes().settings(Problem(space, "minimize", 0)).choice


def test_equal_spaces_share_a_program_and_others_have_their_own():
    make = lambda bound: Space(
        {name: Float(0.0, 1.0) for name in "ab"}, constraints=[f"a + b <= {bound}"]
    )
    assert chooser.compiled(choice(make(1))) is chooser.compiled(choice(make(1)))
    assert chooser.compiled(choice(make(1))) is not chooser.compiled(choice(make(0.5)))
    free = choice(Space({name: Float(0.0, 1.0) for name in "ab"}))
    assert free.feasible is None


def test_rows_that_break_a_constraint_are_mended_towards_the_screened_ones():
    found = region(SPACES["predicate"])
    screened = np.array([[0.5, 0.3], [0.2, 0.2], [0.2, 0.2]])
    x = np.array([[0.6, 0.8], [0.1, 0.3], [0.9, 0.2]])
    rows = constraints.legal(found, x, screened, np.zeros([0, 2]))
    assert found.legal(rows).all()
    assert rows[0].sum() == pytest.approx(1.0, abs=1e-6)  # as far as the way is legal
    np.testing.assert_array_equal(rows[1], x[1])
    np.testing.assert_allclose(rows[2], [0.7, 0.2], atol=1e-6)
    tried = constraints.legal(found, x, screened, rows)
    np.testing.assert_array_equal(tried[[0, 2]], screened[[0, 2]])
