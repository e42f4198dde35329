"""What Bayes makes of noise: learned, known, told with values, or none."""

import numpy as np
import pytest

import tfbo
from tfbo import Categorical, Float, InvalidArgument, Space
from tfbo._compile.sessions import SESSIONS
from tfbo.gp import outcomes
from tfbo.strategies import Bayes
from tfbo.strategies.base import Problem

LINE = Space({"x": Float(0.0, 1.0)})
MIXED = Space({"x": Float(-3.0, 5.0), "k": Categorical(["a", "b"])})


def bowl(x):
    return 4.0 * (x - 0.5) ** 2


def told(points, strategy=None, direction="minimize", storage=None):
    """A study that was told values (and standard errors) at places of its own choosing."""
    study = tfbo.Study(LINE, seed=0, strategy=strategy, direction=direction, storage=storage)
    for x, value, *std in points:
        study.tell(study.enqueue({"x": x}), value, std=std[0] if std else None)
    return study


def surrogate(study, strategy):
    problem = Problem(study.space, study.direction, study.seed)
    return strategy.surrogate(problem, strategy.fold(problem, None, study.trials))


class Beliefs:
    """What a surrogate thinks of its trials, standardised, in the order of their numbers."""

    def __init__(self, study, strategy):
        self.surrogate = surrogate(study, strategy)
        order = np.argsort([trial.number for trial in self.surrogate.trials])
        loo = self.surrogate.posterior.loo()
        posterior = self.surrogate.posterior
        self.noise = self.surrogate.noise
        self.mean = self.surrogate.means[order]
        self.z = self.surrogate.observed.z.numpy()[order]
        self.loo_mean = ((loo.mean - posterior.shift) / posterior.scale).numpy()[order]
        self.loo_variance = (loo.variance / posterior.scale**2).numpy()[order]
        self.ok = self.surrogate.ok


def repeats(lucky=-2.0, sign=1.0):
    """Ten places, each tried five times under noise of 0.3, and a lucky draw far from the best."""
    rng = np.random.default_rng(0)
    places = np.linspace(0.05, 0.95, 10)
    points = [(x, sign * (bowl(x) + 0.3 * rng.standard_normal())) for x in np.repeat(places, 5)]
    points.insert(20, (0.95, sign * lucky))
    return points


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_lucky_outcome_is_the_best_observed_but_not_the_best_trial(direction):
    study = told(repeats(sign=1.0 if direction == "minimize" else -1.0), direction=direction)
    assert study.best_observed.number == 20
    best = study.best_trial
    assert abs(best.params["x"] - 0.5) < 0.16
    same = [t.value for t in study.trials if t.params == best.params]
    assert len(same) == 5  # they share the mean, and the best value of them counts
    assert best.value == (min(same) if direction == "minimize" else max(same))
    assert study.best_value == best.value and study.best_params == best.params


def test_a_known_noise_does_the_same():
    assert abs(told(repeats(), Bayes(noise=0.09)).best_params["x"] - 0.5) < 0.16
    assert told(repeats(), Bayes(noise="none")).best_trial.number == 20
    errors = [(*point, 0.3) for point in repeats()]
    for noise in ("auto", "none"):
        assert abs(told(errors, Bayes(noise=noise)).best_params["x"] - 0.5) < 0.16


def test_before_the_model_takes_over_the_best_is_by_value():
    points = [(0.1, 1.4, 0.01), (0.5, 1.0, 0.01), (0.9, 0.6, 0.01), (0.52, 0.0, 5.0)]
    assert told(points).best_trial.number == 3
    assert told(points, Bayes(n_initial=4)).best_trial.number == 2
    assert told(points, tfbo.strategies.Random()).best_trial.number == 3


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
def test_without_noise_the_best_trial_is_the_best_observed(kernel):
    space = Space({"x": Float(-1.0, 1.0), "y": Float(-1.0, 1.0)})
    objective = lambda p: (p["x"] - 0.3) ** 2 + np.sin(2.0 * p["y"])
    study = tfbo.Study(space, seed=0, strategy=Bayes(kernel=kernel))
    for _ in range(25):
        study.optimize(objective, n_trials=1)
        assert study.best_trial == study.best_observed


def test_failed_trials_are_no_candidates():
    study = told(repeats())
    for _ in range(3):
        study.tell(study.enqueue({"x": 0.47}), state="failed", reason="test")
    assert study.best_trial.state == "complete"


def test_beliefs_come_in_the_order_of_the_trials():
    rng = np.random.default_rng(1)
    study = told([(x, bowl(x) + 0.1 * rng.standard_normal()) for x in rng.random(23)])
    believed = Beliefs(study, Bayes())
    values = np.array([-t.value for t in study.trials])
    assert bool(believed.ok) and len(believed.mean) == 23
    np.testing.assert_array_equal(np.argsort(believed.z), np.argsort(values))
    truth = np.array([-bowl(t.params["x"]) for t in study.trials])
    assert np.corrcoef(believed.mean, truth)[0, 1] > 0.95
    surprise = (believed.z - believed.loo_mean) / np.sqrt(believed.loo_variance)
    assert 0.5 < np.std(surprise) < 2.0


def test_without_noise_the_model_interpolates():
    rng = np.random.default_rng(4)
    study = told([(x, bowl(x) + 0.3 * rng.standard_normal()) for x in np.linspace(0.0, 1.0, 12)])
    noisy = Beliefs(study, Bayes(noise=0.09))
    assert np.max(np.abs(noisy.mean - noisy.z)) > 0.3
    exact = Beliefs(study, Bayes(noise="none"))
    np.testing.assert_allclose(exact.mean, exact.z, atol=1e-6)
    assert float(exact.noise) == pytest.approx(1e-10)


@pytest.mark.parametrize("noise", [0.09, 4, np.float32(1e-3)])
def test_a_known_noise_is_the_noise_of_the_model(noise):
    study = told(repeats())
    y = np.array([-t.value for t in study.trials])
    scale = float(outcomes.standardise(outcomes.tempering(y).apply(y)).scale)
    assert float(Beliefs(study, Bayes(noise=noise)).noise) == pytest.approx(noise / scale**2)


def test_a_change_of_the_known_noise_is_no_new_trace(traced):
    study = told(repeats())
    for noise in ("none", 1e-3, 0.5):
        strategy = Bayes(noise=noise, n_candidates=77)
        study.advisor.strategy = strategy
        study.ask(), study.best_trial
    assert traced == ["_fit", "_choose"]  # the fit serves for the best trial, too
    assert SESSIONS.info().misses == 2 < SESSIONS.info().hits


def test_one_trace_with_standard_errors_and_for_beliefs(traced):
    study = tfbo.Study(LINE, seed=0)
    for i in range(30):
        trial = study.ask()
        study.tell(trial, bowl(trial.params["x"]), std=0.1 if i % 2 else None)
        assert study.best_trial.state == "complete"
    assert traced == ["_fit", "_choose"]


def test_a_bad_outcome_of_a_large_standard_error_is_ignored():
    rng = np.random.default_rng(2)
    points = [(x, bowl(x), 0.01) for x in np.r_[rng.random(11), 0.52]]
    spoilt = [*points[:-1], (0.52, 5.0, 10.0)]
    believed = [Beliefs(told(p), Bayes(noise="none")) for p in (points[:-1], spoilt)]
    best = [np.argmax(b.mean) for b in believed]
    assert best[1] == 11 or best[0] == best[1]
    # Its own mean is what the others predict, and theirs are what they are without it.
    assert believed[1].mean[11] == pytest.approx(believed[1].loo_mean[11], abs=1e-3)
    assert believed[1].mean[11] > 0.5
    trusted = Beliefs(told([*points[:-1], (0.52, 5.0, 0.01)]), Bayes(noise="none"))
    assert trusted.mean[11] < -0.5


def path(a=1.0, b=0.0, order=range(6), std=0.1, strategy=None, storage=None):
    """Parameters of 12 trials of a noisy objective in units of its own, told with standard errors."""
    strategy = strategy or Bayes(n_initial=6)
    study = tfbo.Study(MIXED, seed=0, strategy=strategy, storage=storage)

    def tell(trial):
        rng = np.random.default_rng(trial.number)
        error = std * (1 + trial.number % 3) if trial.number % 4 else None
        x = trial.params["x"]
        value = (x - 1.3) ** 2 + (trial.params["k"] == "b") + std * rng.standard_normal()
        study.tell(trial, a * value + b, std=None if error is None else abs(a) * error)

    first = study.ask(6)
    for i in order:
        tell(first[i])
    for number in range(6):
        if storage and number == 3:
            study = tfbo.Study.load(storage=storage, strategy=strategy)
        tell(study.ask())
    return [trial.params for trial in study.trials], study.best_trial.number


@pytest.mark.parametrize(("a", "b"), [(1e3, 0.0), (2.5, -7.0), (1e-30, 0.0), (1e30, 0.0)])
def test_an_affine_change_of_outcomes_and_their_errors_changes_nothing(a, b):
    assert path(a, b) == path()
    known = [Bayes(n_initial=6, noise=0.01 * scale**2) for scale in (1.0, a)]
    assert path(a, b, strategy=known[1]) == path(strategy=known[0])


def test_the_order_of_telling_changes_nothing():
    assert path(order=[5, 0, 3, 1, 4, 2]) == path()


def test_standard_errors_change_what_is_tried():
    assert path(std=0.5)[0] != path(std=0.05)[0]


def test_a_loaded_study_asks_for_the_same_point(tmp_path):
    assert path(storage=tmp_path / "runs.db") == path()


@pytest.mark.parametrize(
    "noise", [0.0, -1.0, np.inf, np.nan, "some", "0.1", None, True, [0.1], (0.1,)]
)
def test_a_noise_that_is_none_is_named(noise):
    with pytest.raises(InvalidArgument, match=r"noise: expected .*got"):
        Bayes(noise=noise)


def test_the_first_trial_is_the_centre_and_of_categories_the_first():
    space = tfbo.Space(
        {
            "rate": tfbo.Float(1e-4, 1.0, log=True),
            "units": tfbo.Int(1, 9),
            "kind": tfbo.Categorical(["a", "b", "c"]),
            "depth": tfbo.Int(3, 5, when={"kind": "a"}),
            "other": tfbo.Float(0.0, 1.0, when={"kind": "b"}),
        }
    )
    for seed in (0, 1):
        first, second = tfbo.Study(space, seed=seed).ask(2)
        assert first.params.pop("rate") == pytest.approx(1e-2, rel=1e-12)
        assert first.params == {"units": 5, "kind": "a", "depth": 4}
        assert second.params["units"] != 5 or second.params["kind"] != "a"


def test_an_enqueued_first_trial_takes_the_place_of_the_centre():
    study = tfbo.Study(tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), seed=0)
    study.enqueue({"x": 0.9})
    enqueued, first, second = study.ask(3)
    assert enqueued.params["x"] == 0.9
    assert 0.5 not in (first.params["x"], second.params["x"])
