"""What every strategy promises, then what Bayes does."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import (
    Boolean,
    Categorical,
    Constant,
    Float,
    Int,
    InvalidArgument,
    Ordinal,
    Space,
    SpaceExhausted,
)
from tfbo._compile.sessions import SESSIONS
from tfbo.strategies import (
    Bayes,
    Failed,
    Grid,
    Hyperband,
    Random,
    Sobol,
    SuccessiveHalving,
)

MIXED = Space(
    {
        "rate": Float(1e-5, 1e-1, log=True),
        "units": Int(8, 64, step=8),
        "kind": Categorical(["a", "b", None]),
        "drop": Boolean(),
        "p": Float(0.0, 0.5, when={"drop": True}),
        "size": Ordinal([16, 32, 64]),
        "fixed": Constant("adam"),
    }
)
SMALL = Space({"a": Int(0, 3), "b": Boolean(), "c": Ordinal([1, 2], when={"b": True})})
STRATEGIES = [Bayes(n_initial=3), Sobol(), Random(), Grid(resolution=3)]
# These need steps.
STAGED = [
    SuccessiveHalving(),
    SuccessiveHalving(Sobol()),
    Hyperband(),
    Hyperband(Grid(resolution=3)),
]


def loss(params):
    value = (np.log10(params["rate"]) + 3.0) ** 2 + abs(params["units"] - 40) / 20.0
    return float(value + (params["kind"] != "a") + abs(params.get("p", 0.6) - 0.2))


def run(strategy, space, objective, n, seed=0):
    study = tfbo.Study(space, seed=seed, strategy=strategy)
    study.optimize(objective, n_trials=n)
    return study


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_suggestions_are_legal_and_repeat_with_the_seed(strategy):
    one, two = (run(strategy, MIXED, loss, 7) for _ in range(2))
    assert [t.params for t in one.trials] == [t.params for t in two.trials]
    for trial in one.trials:
        assert MIXED.validate(trial.params) == trial.params
        assert list(map(type, MIXED.validate(trial.params).values())) == list(
            map(type, trial.params.values())
        )


def staged(strategy, space, n, seed=0):
    """A study with steps after so many stages."""
    study = tfbo.Study(space, seed=seed, strategy=strategy, fidelity=tfbo.Fidelity(1, 9))
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, len(str(trial.params)) + 1.0 / trial.until)
    return study


@pytest.mark.parametrize("strategy", STAGED)
def test_stages_are_of_legal_configurations_and_repeat_with_the_seed(strategy):
    one, two = (staged(strategy, MIXED, 25) for _ in range(2))
    assert [(t.params, t.curve) for t in one.trials] == [(t.params, t.curve) for t in two.trials]
    for trial in one.trials:
        assert repr(MIXED.validate(trial.params)) == repr(trial.params)
    assert {t.state for t in one.trials} == {"paused", "complete"}


@pytest.mark.parametrize("strategy", STAGED)
def test_in_stages_too_a_finite_space_is_tried_once_and_then_exhausted(strategy):
    study = tfbo.Study(SMALL, seed=0, strategy=strategy, fidelity=tfbo.Fidelity(1, 9))
    with pytest.raises(SpaceExhausted, match=r"12|grid"):
        for i in range(100):
            trial = study.ask()
            if i % 5 == 3:
                study.tell(trial, state="failed", reason="test")
            else:
                study.tell(trial, trial.params["a"] + trial.params["b"])
    assert len({tuple(t.params.items()) for t in study.trials}) == len(study.trials) == 12
    assert any(t.state == "complete" for t in study.trials)


@pytest.mark.parametrize("strategy", STAGED)
def test_a_batch_of_stages_has_no_trial_twice(strategy):
    study = staged(strategy, MIXED, 10)
    asked = study.ask(6) + study.ask(3)
    assert len({t.number for t in asked}) == 9
    assert len({repr(t.params) for t in study.trials}) == len(study.trials)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_best_trial_of_an_objective_without_noise_is_the_best_observed(strategy):
    study = tfbo.Study(MIXED, seed=0, strategy=strategy)
    for _ in range(7):
        study.optimize(loss, n_trials=1)
        assert study.best_trial == study.best_observed


@pytest.mark.parametrize("strategy", [Bayes(n_initial=3), Sobol(), Random()])
def test_seeds_differ_and_zero_is_one_of_them(strategy):
    paths = [[t.params for t in run(strategy, MIXED, loss, 4, seed).trials] for seed in (0, 1)]
    assert paths[0] != paths[1]
    # The first trial of `Bayes` is the centre whatever the seed.
    unseeded = [tfbo.Study(MIXED, strategy=strategy).ask(2)[1].params for _ in range(2)]
    assert unseeded[0] != unseeded[1]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_finite_space_is_tried_once_and_then_exhausted(strategy):
    study = tfbo.Study(SMALL, seed=0, strategy=strategy)
    size = SMALL.cardinality
    for i in range(size):
        trial = study.ask()
        if i % 5 == 3:
            study.tell(trial, state="failed", reason="test")
        else:
            study.tell(trial, trial.params["a"] + trial.params["b"])
    assert len({tuple(t.params.items()) for t in study.trials}) == size == 12
    with pytest.raises(SpaceExhausted, match=r"12|grid"):
        study.ask()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_batch_has_no_duplicates_even_with_pending_ones(strategy):
    study = tfbo.Study(SMALL, seed=0, strategy=strategy)
    for trial in study.ask(4):
        study.tell(trial, trial.params["a"])
    asked = study.ask(5) + study.ask(3)
    assert len({tuple(t.params.items()) for t in (*study.trials,)}) == 12
    assert len(asked) == 8


def test_a_space_of_constants_has_one_configuration():
    study = tfbo.Study(Space({"a": Constant(1)}), seed=0)
    assert study.ask().params == {"a": 1}
    with pytest.raises(SpaceExhausted):
        study.ask()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_optimize_says_that_the_space_is_exhausted(strategy):
    with pytest.warns(tfbo.TFBOWarning, match=r"12 configurations|grid") as caught:
        study = tfbo.minimize(lambda p: p["a"], SMALL, n_trials=100, seed=0, strategy=strategy)
    assert len(study.trials) == 12
    assert study.ended == str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.enqueue(study.best_params)
        study.optimize(lambda p: p["a"], n_trials=1)
    assert len(study.trials) == 13 and study.ended is None


def test_bayes_beats_chance_on_a_mixed_space():
    ours = [run(Bayes(), MIXED, loss, 30, seed).best_value for seed in range(3)]
    theirs = [run(Random(), MIXED, loss, 30, seed).best_value for seed in range(3)]
    assert np.median(ours) < 0.5 * np.median(theirs)


def path(objective, space=None, n=12, order=None, direction="minimize", seed=0):
    """Parameters of all trials, asked six at first and told in an order, then one by one."""
    space = space or Space({"x": Float(-3.0, 5.0), "k": Categorical(["a", "b"])})
    study = tfbo.Study(space, direction=direction, seed=seed, strategy=Bayes(n_initial=6))
    first = study.ask(6)
    for i in order or range(6):
        study.tell(first[i], objective(first[i].params))
    for _ in range(n - 6):
        trial = study.ask()
        study.tell(trial, objective(trial.params))
    return [trial.params for trial in study.trials]


def bowl(params):
    return (params["x"] - 1.3) ** 2 + np.sin(3.0 * params["x"]) + (params["k"] == "b")


@pytest.mark.parametrize(
    ("a", "b"), [(1e3, 0.0), (1e-4, 0.0), (2.5, -7.0), (1e30, 0.0), (1e-30, 0.0), (1.0, 100.0)]
)
def test_an_affine_change_of_the_outcomes_changes_nothing(a, b):
    assert path(lambda p: a * bowl(p) + b) == path(bowl)


def test_the_order_of_telling_changes_nothing():
    assert path(bowl, order=[5, 0, 3, 1, 4, 2]) == path(bowl)


def test_minimizing_is_maximizing_the_negative():
    assert path(lambda p: -bowl(p), direction="maximize") == path(bowl)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("unit", [1000.0, 1e-9, 0.3])
def test_a_change_of_unit_changes_nothing(unit, log):
    objective = lambda u: lambda p: (np.log(p["x"] / u) - 0.7) ** 2
    metres = path(objective(1.0), Space({"x": Float(0.5, 40.0, log=log)}))
    others = path(objective(unit), Space({"x": Float(0.5 * unit, 40.0 * unit, log=log)}))
    np.testing.assert_allclose([p["x"] / unit for p in others], [p["x"] for p in metres], rtol=1e-9)


def test_a_change_of_unit_of_a_logarithmic_int_changes_nothing():
    objective = lambda u: lambda p: (np.log(p["n"] / u) - 2.0) ** 2
    ones = path(objective(1.0), Space({"n": Int(1, 200, log=True)}))
    threes = path(objective(3.0), Space({"n": Int(3, 600, step=3, log=True)}))
    assert [p["n"] for p in threes] == [3 * p["n"] for p in ones]


def test_what_an_objective_does_to_keras_changes_nothing_and_retraces_nothing(traced):
    space = Space({"x": Float(-2.0, 2.0), "y": Float(-2.0, 2.0)})
    strategy = Bayes(n_initial=3, n_candidates=500)

    def quiet(params):
        return params["x"] ** 2 + params["y"] ** 2

    def noisy(params):
        tf.keras.backend.clear_session()
        tf.keras.utils.set_random_seed(int(1000 * abs(params["x"])))
        np.random.random(3)
        return quiet(params)

    def rows(objective):
        return [t.params for t in run(strategy, space, objective, 9).trials]

    expected = rows(quiet)
    assert rows(noisy) == expected
    assert traced == ["_fit", "_choose"] and SESSIONS.info().misses == 2


def test_failed_trials_are_avoided_but_not_forgotten():
    space = Space({"x": Float(0.0, 1.0)})

    def objective(params):
        if params["x"] > 0.6:
            raise MemoryError("too big")
        return -params["x"]

    study = run(Bayes(n_initial=4), space, objective, 25)
    # The best is where trials begin to fail: what fails late comes of looking for it there.
    late = [t.params["x"] for t in study.trials[12:] if t.state == "failed"]
    assert len(late) <= 8 and sum(x > 0.75 for x in late) <= 2
    assert study.best_value < -0.58
    assert all(t.kind == "out of memory" for t in study.trials if t.state == "failed")


def test_all_failing_goes_on_with_sobol_points():
    study = tfbo.Study(MIXED, seed=0)
    study.optimize(lambda p: 1 / 0, n_trials=14, max_failures=None)
    # The first is the centre.
    assert [t.params for t in study.trials[1:]] == [
        t.params for t in run(Sobol(), MIXED, loss, 14).trials[1:]
    ]


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_equal_outcomes_do_no_harm(value):
    study = run(Bayes(n_initial=3), MIXED, lambda p: value, 8)
    assert len({tuple(t.params.items()) for t in study.trials}) == 8


@pytest.mark.parametrize("acquisition", ["EI", "LogPI", "UCB", "PosteriorMean", "PosteriorStd"])
def test_any_acquisition_runs(acquisition):
    strategy = Bayes(getattr(tfbo.acquisition, acquisition)(), n_initial=3, n_candidates=64)
    study = run(strategy, Space({"x": Float(0.0, 1.0)}), lambda p: (p["x"] - 0.4) ** 2, 7)
    assert len({t.params["x"] for t in study.trials}) == 7


@pytest.mark.parametrize(
    "settings", [{"kernel": "rbf"}, {"kernel": "rational_quadratic"}, {"optimizer": "adam"}]
)
def test_any_surrogate_runs(settings):
    study = run(
        Bayes(n_initial=3, **settings),
        Space({"x": Float(0.0, 1.0)}),
        lambda p: (p["x"] - 0.4) ** 2,
        8,
    )
    assert study.best_value < 0.02


class Unhashable(tfbo.acquisition.Acquisition):
    __hash__ = None
    logarithmic = False

    def evaluate(self, mean, deviation, incumbent):
        return mean


class Halfway:
    def evaluate(self, mean, deviation, incumbent):
        return mean


BAD = [
    (lambda: Bayes(Unhashable()), "frozen=True"),
    (lambda: Bayes(Halfway()), "Acquisition"),
    (lambda: Bayes(n_modelled=0), "n_modelled"),
    (lambda: Bayes(kernel="nothing"), "kernel"),
    (lambda: Bayes(optimizer="sgd"), "optimizer"),
    (lambda: Bayes(n_initial=0), "n_initial"),
    (lambda: Bayes(n_restarts=True), "n_restarts"),
    (lambda: Bayes(n_candidates=1.5), "n_candidates"),
    (lambda: Bayes(tfbo.acquisition.LogEI), "acquisition"),
    (lambda: Bayes(initial="sobol"), "initial"),
    (lambda: Bayes(failed="ignored"), "failed"),
    (lambda: Bayes(priors=None), "priors"),
    (lambda: Bayes(priors=lambda d: d), "priors"),
    (lambda: Bayes(outcome_transform="none"), "outcome_transform"),
    (lambda: Bayes(boundary=-0.1), "boundary"),
    (lambda: Bayes(region=0.5), "region"),
    (lambda: Bayes(chooser="thompson"), "chooser"),
    (lambda: Bayes(kernel=lambda d, columns: None), "kernel"),
    (lambda: Failed(penalty=-1.0), "penalty"),
    (lambda: Failed(std=float("nan")), "std"),
    (lambda: Grid(resolution=1), "resolution"),
]


@pytest.mark.parametrize(("make", "named"), BAD)
def test_mistakes_are_named(make, named):
    with pytest.raises(InvalidArgument, match=named):
        make()
