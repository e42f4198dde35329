"""The models behind a study, asked by the name of an outcome."""

import numpy as np
import pytest

from tfbo import Fidelity, Float, InvalidArgument, Space, Study, TooFewTrials
from tfbo.strategies import Random, Sobol

SPACE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


def outcomes(params):
    x, y = params["x"], params["y"]
    return {"gain": x, "cost": x**2 + 0.1 * y, "mb": 10.0 * y}


@pytest.fixture(scope="module")
def several():
    aims = {"gain": "maximize", "cost": "minimize"}
    study = Study(SPACE, objectives=aims, constraints=["mb <= 5"], strategy=Sobol(), seed=0)
    for _ in range(12):
        trial = study.ask()
        study.tell(trial, outcomes(trial.params))
    return study


POINTS = [{"x": 0.3, "y": 0.2}, {"x": 0.7, "y": 0.4}, {"x": 0.5, "y": 0.9}]


@pytest.mark.parametrize("name", ["gain", "cost", "mb"])
def test_each_outcome_is_predicted_in_its_units(name, several):
    mean, std = several.predict(POINTS, outcome=name)
    np.testing.assert_allclose(mean, [outcomes(p)[name] for p in POINTS], rtol=0.1, atol=0.05)
    assert (std > 0.0).all()
    left = several.leave_one_out(outcome=name)
    np.testing.assert_array_equal(left.value, [t.values[name] for t in several.trials])


def test_draws_are_joint_and_have_the_moments_of_the_prediction(several):
    twice = [POINTS[0], POINTS[0], POINTS[1]]
    drawn = several.sample(twice, 4000, outcome="cost", seed=3)
    assert drawn.shape == (4000, 3)
    np.testing.assert_allclose(drawn[:, 0], drawn[:, 1], atol=1e-3 * np.ptp(drawn))
    mean, std = several.predict(twice, outcome="cost")
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.1 * std.max())
    np.testing.assert_allclose(drawn.std(axis=0), std, rtol=0.1)


def test_importance_is_of_the_outcome(several):
    shares = {name: several.importance(outcome=name) for name in ("gain", "mb")}
    assert next(iter(shares["gain"])) == "x" and next(iter(shares["mb"])) == "y"


def test_feasibility_is_the_probability_that_constraints_hold(several):
    y = np.linspace(0.0, 1.0, 21)
    found = several.feasibility([{"x": 0.5, "y": v} for v in y])
    assert (found[y < 0.4] > 0.95).all() and (found[y > 0.6] < 0.05).all()
    plain = Study(SPACE, strategy=Random(), seed=0)
    assert plain.feasibility(POINTS).tolist() == [1.0, 1.0, 1.0]


def test_feasibility_of_a_constraint_that_mixes_outcomes():
    study = Study(
        SPACE,
        objectives={"gain": "maximize"},
        constraints=["gain * mb <= 2"],
        strategy=Sobol(),
        seed=0,
    )
    for _ in range(16):
        trial = study.ask()
        values = outcomes(trial.params)
        study.tell(trial, {"gain": values["gain"], "mb": values["mb"]})
    product = np.array([10.0 * p["x"] * p["y"] for p in POINTS])
    np.testing.assert_array_equal(study.feasibility(POINTS) > 0.5, product <= 2.0)


def test_the_models_follow_what_is_told(several):
    study = Study(SPACE, constraints=["mb <= 5"], strategy=Random(), seed=0)
    for y in (0.0, 0.3):
        study.tell(study.enqueue({"x": 0.5, "y": y}), {"value": y, "mb": 1.0})
    before = study.feasibility([{"x": 0.5, "y": 0.9}])[0]
    study.tell(study.enqueue({"x": 0.5, "y": 0.9}), {"value": 0.9, "mb": 9.0})
    assert study.feasibility([{"x": 0.5, "y": 0.9}])[0] < 0.5 < before


def test_names_that_are_missing_or_unknown_are_answered_with_those_there_are(several):
    for call in (several.predict, several.sample):
        with pytest.raises(InvalidArgument, match="one of 'gain', 'cost', 'mb', got None"):
            call(POINTS)
        with pytest.raises(InvalidArgument, match="one of 'gain', 'cost', 'mb', got 'ms'"):
            call(POINTS, outcome="ms")
    with pytest.raises(InvalidArgument, match="count"):
        several.sample(POINTS, 0, outcome="gain")


def test_several_objectives_have_no_expected_improvement(several):
    with pytest.raises(InvalidArgument, match=r"^expected_improvement: expected a study of one"):
        several.expected_improvement(POINTS[0])


def test_an_outcome_of_which_too_little_was_told_has_no_model():
    study = Study(SPACE, constraints=["mb <= 5"], strategy=Random(), seed=0)
    for x in (0.1, 0.5, 0.9):
        study.tell(study.enqueue({"x": x, "y": 0.5}), {"value": x})
    assert study.predict([{"x": 0.5, "y": 0.5}]).mean[0] == pytest.approx(0.5, abs=0.2)
    for call in (lambda: study.feasibility(POINTS), lambda: study.predict(POINTS, outcome="mb")):
        with pytest.raises(TooFewTrials, match="'mb' was told of 0 trials"):
            call()


def test_with_constraints_there_is_no_model_of_curves_and_that_is_said():
    study = Study(
        SPACE, constraints=["mb <= 5"], fidelity=Fidelity(1, 4), strategy=Random(), seed=0
    )
    for _ in range(3):
        trial = study.ask()
        study.report(trial, 4, 0.5)
        study.tell(trial, {"value": trial.params["x"], "mb": 1.0})
    with pytest.raises(InvalidArgument, match="modelled at their ends"):
        study.forecast(0)
