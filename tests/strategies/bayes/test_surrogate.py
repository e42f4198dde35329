"""What a study's model says in the user's units."""

import numpy as np
import pytest
from scipy import integrate, stats

import tfbo
import tfbo.importance
from tfbo import Boolean, Categorical, Constant, Float, InvalidArgument, Space, TooFewTrials
from tfbo.strategies import Random

PLANE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


def told(function, n, *, direction="minimize", space=PLANE, strategy=None, seed=0):
    study = tfbo.Study(space, direction=direction, seed=seed, strategy=strategy)
    rng = np.random.default_rng(seed)
    for x, y in rng.random([n, 2]):
        params = {"x": float(x), "y": float(y)}
        study.tell(study.enqueue(params), function(x, y))
    return study


def wave(x, y):
    return np.sin(5.0 * x) + y**2


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-6, 5.0), (3e4, -1e5)])
def test_predictions_are_in_the_users_units(direction, scale, shift):
    study = told(lambda x, y: shift + scale * wave(x, y), 40, direction=direction)
    places = np.random.default_rng(1).random([50, 2])
    mean, std = study.predict([{"x": x, "y": y} for x, y in places.tolist()])
    truth = shift + scale * wave(*places.T)
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.05 * scale
    assert mean.shape == std.shape == (50,) and (std > 0.0).all()
    assert np.mean(np.abs(mean - truth) <= 3.0 * std) > 0.9


def test_at_trials_even_at_very_bad_ones_the_prediction_is_what_was_told():
    study = told(
        lambda x, y: np.exp(12.0 * x) + y, 30, strategy=tfbo.strategies.Bayes(noise="none")
    )
    values = np.array([trial.value for trial in study.trials])
    assert values.max() > 1e3 * np.median(values) / 10.0
    mean, std = study.predict([trial.params for trial in study.trials])
    np.testing.assert_allclose(mean, values, rtol=1e-2)
    assert (std < 0.05 * values).all()


def test_failed_trials_say_nothing_of_the_objective():
    study = told(wave, 20)
    places = [{"x": 0.9, "y": 0.5}, {"x": 0.1, "y": 0.2}]
    before = study.predict(places)
    for x in np.linspace(0.8, 1.0, 5):
        study.tell(study.enqueue({"x": float(x), "y": 0.5}), state="failed", reason="test")
    for one, other in zip(study.predict(places), before, strict=True):
        # Another fit, from other draws.
        np.testing.assert_allclose(one, other, rtol=0.05, atol=0.01)
    loo = study.leave_one_out()
    assert loo.numbers.tolist() == list(range(20))
    np.testing.assert_array_equal(loo.value, [trial.value for trial in study.trials[:20]])


EXTREMES = {
    "equal": lambda x, y: 3.0,
    "zero": lambda x, y: 0.0,
    "in the last bit": lambda x, y: np.nextafter(1.0, 2.0) if x < 0.4 else 1.0,
    "the whole range": lambda x, y: 1.7e308 if x < 0.4 else -1.7e308,
    "one far off": lambda x, y: 1e308 if x < 0.2 else wave(x, y),
    "one far off below": lambda x, y: -1e308 if x < 0.2 else wave(x, y),
    "an offset": lambda x, y: 1e15 + wave(x, y),
    "subnormal": lambda x, y: 1e-320 * wave(x, y),
    "large": lambda x, y: 8e307 * wave(x, y),
    "small": lambda x, y: 1e-300 * wave(x, y),
}


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("name", EXTREMES)
def test_whatever_the_outcomes_predictions_are_finite(name, direction):
    study = told(EXTREMES[name], 9, direction=direction)
    study.tell(study.enqueue({"x": 0.9, "y": 0.5}), state="failed", reason="test")
    places = [{"x": x, "y": 0.5} for x in (0.0, 0.3, 0.9)]
    loo, prediction = study.leave_one_out(), study.predict(places)
    for values in (*prediction, loo.mean, loo.std, loo.residual):
        assert np.isfinite(values).all()
    assert np.isfinite(study.expected_improvement(places[0]))
    assert study.best_trial.state == "complete" and study.ask().params
    if name in ("large", "small", "the whole range", "one far off"):
        assert all(0.0 <= share.total.value <= 1.0 for share in study.importance().values())


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 8e307])
def test_predictions_scale_with_the_outcomes_as_far_as_numbers_go(scale):
    places = [{"x": x, "y": 0.4} for x in (0.0, 0.3, 0.9)]
    one, other = (told(lambda x, y, a=a: a * wave(x, y), 12) for a in (1.0, scale))
    for expected, found in zip(one.predict(places), other.predict(places), strict=True):
        np.testing.assert_allclose(found / scale, expected, rtol=1e-4)
    expected, found = one.leave_one_out(), other.leave_one_out()
    np.testing.assert_allclose(found.std / scale, expected.std, rtol=1e-4)
    np.testing.assert_allclose(found.residual, expected.residual, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_leave_one_out_is_calibrated(direction):
    rng = np.random.default_rng(3)
    noise = iter(0.3 * rng.standard_normal(80))
    study = told(lambda x, y: 100.0 + wave(x, y) + next(noise), 80, direction=direction)
    loo = study.leave_one_out()
    inside = np.abs(loo.value - loo.mean) <= 1.96 * loo.std
    assert 0.85 < inside.mean() <= 1.0 and 0.7 < np.std(loo.residual) < 1.3
    better = [t.number for t in study.trials if (t.value > 100.5) == (direction == "maximize")]
    upper = np.isin(loo.numbers, better)
    expected = (loo.value - loo.mean) / loo.std
    np.testing.assert_allclose(loo.residual[upper], expected[upper], atol=0.35)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_expected_improvement_is_that_of_the_prediction(direction):
    study = told(wave, 15, direction=direction, strategy=tfbo.strategies.Bayes(noise="none"))
    sign = 1.0 if direction == "maximize" else -1.0
    best = sign * study.best_value
    for params in ({"x": 0.31, "y": 0.9}, {"x": 0.95, "y": 0.05}, {"x": 0.5, "y": 0.5}):
        (mean,), (std,) = study.predict([params])
        gain = lambda t, mean=sign * mean, std=std: max(mean + std * t - best, 0.0)
        by_integration = integrate.quad(
            lambda t, gain=gain: gain(t) * stats.norm.pdf(t), -10.0, 10.0, limit=200
        )[0]
        found = study.expected_improvement(params)
        assert isinstance(found, float) and found >= 0.0
        assert found == pytest.approx(by_integration, rel=0.02, abs=1e-6)


def ishigami(x):
    return np.sin(x[0]) + 7.0 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0])


@pytest.mark.slow
def test_importance_of_a_function_whose_sobol_indices_are_known():
    names = ("a", "b", "c", "nothing")
    space = Space({name: Float(-np.pi, np.pi) for name in names})
    study = tfbo.Study(space, seed=0, strategy=tfbo.strategies.Sobol())
    study.optimize(lambda p: ishigami([p[name] for name in names]), n_trials=200)
    a, b = 7.0, 0.1
    # Saltelli et al. 2000, section 2.9.3.
    of_a, of_b = b * np.pi**4 / 5 + b**2 * np.pi**8 / 50 + 0.5, a**2 / 8
    both = b**2 * np.pi**8 / 18 - b**2 * np.pi**8 / 50
    variance = of_a + of_b + both
    known = {
        "a": (of_a / variance, (of_a + both) / variance),
        "b": (of_b / variance, of_b / variance),
        "c": (0.0, both / variance),
        "nothing": (0.0, 0.0),
    }
    found = study.importance()
    assert list(found)[-1] == "nothing" and set(found) == set(names)
    totals = [importance.total.value for importance in found.values()]
    assert totals == sorted(totals, reverse=True)
    for name, (first, total) in known.items():
        assert found[name].first.value == pytest.approx(first, abs=0.12)
        assert found[name].total.value == pytest.approx(total, abs=0.12)
        for estimate in found[name]:
            assert 0.0 <= estimate.low <= estimate.value <= estimate.high <= 1.0
    again = tfbo.importance.sobol_indices(study.advisor.surrogate())
    assert study.importance() == again == found != study.importance(seed=1), "the seed decides"
    assert found["b"].total.high - found["b"].total.low > 0.01


def test_importance_of_discrete_and_conditional_parameters():
    space = Space(
        {
            "on": Boolean(),
            "x": Float(0.0, 1.0, when={"on": True}),
            "kind": Categorical(["a", "b", "c"]),
            "fixed": Constant(3),
        }
    )
    study = tfbo.Study(space, seed=0, strategy=Random())
    study.optimize(
        lambda p: 3.0 * p["on"] + p.get("x", 0.0) + 0.1 * (p["kind"] == "a"), n_trials=50
    )
    found = study.importance()
    assert list(found) == ["on", "x", "kind"] and found["on"].first.value > 0.8
    assert found["kind"].total.value < 0.05 < 0.3 > found["x"].total.value


@pytest.mark.slow
def test_fewer_trials_with_wider_intervals():
    few, many = (told(wave, n).importance()["x"].total for n in (6, 60))
    assert few.high - few.low > many.high - many.low


def test_any_strategy_has_a_surrogate():
    study = told(wave, 30, strategy=Random())
    mean, _ = study.predict([{"x": 0.3, "y": 0.2}])
    assert mean[0] == pytest.approx(wave(0.3, 0.2), abs=0.1)


def test_what_cannot_be_modelled_says_so():
    study = tfbo.Study(PLANE, seed=0)
    calls = (
        lambda: study.predict([{"x": 0.5, "y": 0.5}]),
        lambda: study.expected_improvement({"x": 0.5, "y": 0.5}),
        study.importance,
        study.leave_one_out,
    )
    for count in range(2):
        for call in calls:
            with pytest.raises(TooFewTrials, match=f"{count} complete trials?;.* needs 2"):
                call()
        study.tell(study.ask(), 1.0)
    study.tell(study.ask(), 1.0)
    assert study.predict([{"x": 0.5, "y": 0.5}]).mean[0] == pytest.approx(1.0)
    with pytest.raises(TooFewTrials, match="are the same"):
        study.importance()
    with pytest.raises(InvalidArgument, match=r"configurations\[1\]\['y'\]"):
        study.predict([{"x": 0.5, "y": 0.5}, {"x": 0.5}])
    with pytest.raises(InvalidArgument, match="Put it in a list"):
        study.predict({"x": 0.5, "y": 0.5})
    assert study.predict([]).mean.shape == (0,)
    constants = tfbo.Study(Space({"a": Constant(1)}), seed=0)
    with pytest.raises(TooFewTrials):
        constants.importance()
