"""Forecasts of curves against a dense process in NumPy, at the hyperparameters of the fit."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "gp"))
import dense_curves

import tfbo
from tfbo.gp import outcomes
from tfbo.strategies import Bayes
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import ask
from tfbo.strategies.bayes.outlook import outlook
from tfbo.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED, Trial

STEPS = tfbo.Fidelity(1, 27)
PLANE = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "y": tfbo.Float(0.0, 1.0)})
BENT = Bayes(n_initial=2, n_candidates=64)
UNBENT = dataclasses.replace(BENT, outcome_transform=outcomes.unchanged)
PLACES = [{"x": 0.1, "y": 0.9}, {"x": 0.33, "y": 0.5}]


def curve(number, until):
    """Points at rungs, with an optimum in the plane and a share of each trial's own."""
    rng = np.random.default_rng(number)
    x, y = rng.random(2).tolist()
    own = 0.1 * rng.standard_normal()
    return {"x": x, "y": y}, {
        step: 70.0 + 5.0 * ((x - 0.3) ** 2 + (y - 0.6) ** 2 + own + 0.5 / step) + 0.1 * rng.random()
        for step in STEPS.rungs
        if step <= until
    }


def trials(sign=1.0):
    """Complete ones, and others of any state."""
    made = []
    ends = [27] * 6 + [1] * 6 + [3] * 4 + [9] * 2
    for number, until in enumerate(ends):
        params, points = curve(number, until)
        points = {step: sign * value for step, value in points.items()}
        state = COMPLETE if until == 27 else (PAUSED, RUNNING, STOPPED)[number % 3]
        value = None if state == RUNNING else points[until]
        std = 0.3 if number in (1, 13) and value is not None else None
        made.append(Trial(number, params, state, value, std, curve=points, until=until))
    made.append(Trial(18, {"x": 0.9, "y": 0.1}, FAILED, until=1))
    return made


def asked(strategy, direction="minimize", given=None):
    """The surrogate of these trials, and what led to it."""
    given = trials(1.0 if direction == "minimize" else -1.0) if given is None else given
    problem = Problem(PLANE, direction, 0, fidelity=STEPS)
    state = strategy.fold(problem, None, [t for t in given if t.is_finished])
    pending = [t for t in given if not t.is_finished]
    return given, problem, state, pending, strategy.surrogate(problem, state, pending=pending)


def row(params, step, number):
    return [params["x"], params["y"], np.log(step) / np.log(27), number]


def temper(y):
    """The formula of `outcomes.tempering`, and its inverse with the slope of that."""
    median = np.median(y)
    spread = np.sqrt(np.mean(np.square(y[y > median] - median)))
    end = 4.0 * spread

    def invert(z):
        below = np.maximum(median - z, 0.0)
        return np.where(z < median, median - end * below / (end - below), z), np.where(
            z < median, (end / (end - below)) ** 2, 1.0
        )

    below = np.maximum(median - y, 0.0)
    return np.where(y < median, median - end * below / (end + below), y), invert


def same(y):
    return y, lambda z: (z, np.ones_like(z))


class Dense:
    """The process of all curves, at hyperparameters of a fit."""

    def __init__(self, given, surrogate, transform, direction):
        self.sign = -1.0 if direction == "minimize" else 1.0
        points = [(t, step) for t in given for step in t.curve]
        self.rows = np.array([row(t.params, step, t.number) for t, step in points])
        y, self.invert = transform(self.sign * np.array([t.curve[step] for t, step in points]))
        self.shift, self.scale = np.mean(y), np.std(y)
        self.z = (y - self.shift) / self.scale
        std = [(t.std or 0.0) if step == t.until else 0.0 for t, step in points]
        self.variances = np.square(np.array(std) / self.scale)
        self.of = dense_curves.of_fit(surrogate.posterior.hyperparameters)

    def predict(self, rows, kept=None):
        kept = np.ones(len(self.z), bool) if kept is None else kept
        return dense_curves.posterior(
            self.rows[kept], self.z[kept], self.of, np.array(rows), self.variances[kept]
        )

    def in_units(self, mean, variance):
        value, stretch = self.invert(self.shift + self.scale * mean)
        return self.sign * value, stretch * self.scale * np.sqrt(variance)


CASES = [(UNBENT, same, "minimize"), (BENT, temper, "minimize"), (BENT, temper, "maximize")]


@pytest.fixture(scope="module", params=CASES, ids=["unbent", "tempered", "maximised"])
def case(request):
    strategy, transform, direction = request.param
    given, *rest, surrogate = asked(strategy, direction)
    return given, Dense(given, surrogate, transform, direction), surrogate, strategy, rest


def assert_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_forecast_is_the_posterior_of_all_curves(case):
    given, dense, surrogate, *_ = case
    steps = [1, 2, 5, 9, 20, 27]
    for trial in (given[0], given[7], given[14], given[17], given[18]):
        rows = [row(trial.params, step, trial.number) for step in steps]
        assert_close(surrogate.forecast(trial, steps), dense.in_units(*dense.predict(rows)))


def test_a_prediction_is_of_a_new_trial_at_the_last_step(case):
    _, dense, surrogate, *_ = case
    expected = dense.in_units(*dense.predict([row(params, 27, -1.0) for params in PLACES]))
    assert_close(surrogate.predict(PLACES), expected)
    as_new = [surrogate.forecast(Trial(99, params), [27]) for params in PLACES]
    assert_close(surrogate.predict(PLACES), np.squeeze(as_new).T)


def test_leave_one_out_leaves_whole_trials_out(case):
    given, dense, surrogate, *_ = case
    found = surrogate.leave_one_out()
    complete = [t for t in given if t.state == COMPLETE]
    assert found.numbers.tolist() == [t.number for t in complete]
    np.testing.assert_array_equal(found.value, [t.value for t in complete])
    for i, trial in enumerate(complete):
        rest = dense.rows[:, -1] != trial.number
        mean, variance = dense.predict([row(trial.params, 27, trial.number)], rest)
        at = (dense.rows[:, -1] == trial.number) & (dense.rows[:, -2] == 1.0)
        variance = variance + dense.of["noise"] + dense.variances[at]
        ((value,), (std,)) = dense.in_units(mean, variance)
        assert found.mean[i] == pytest.approx(value, rel=1e-6)
        assert found.std[i] == pytest.approx(std, rel=1e-4)
        residual = dense.sign * (dense.z[at] - mean) / np.sqrt(variance)
        assert found.residual[i] == pytest.approx(residual[0], rel=1e-4, abs=1e-6)


def test_the_best_trial_is_that_of_the_best_mean_at_the_last_step(case):
    given, dense, surrogate, *_ = case
    rows = [row(t.params, 27, t.number) for t in given if t.state == COMPLETE]
    mean, _ = dense.predict(rows)
    goal = tfbo.trial.Goal("maximize" if dense.sign > 0.0 else "minimize")
    assert surrogate.best(goal).number == int(np.argmax(mean))


def test_without_a_complete_trial_the_best_is_one_of_all():
    given = [t for t in trials() if t.state not in (COMPLETE, FAILED)]
    *_, surrogate = asked(BENT, given=given)
    dense = Dense(given, surrogate, temper, "minimize")
    mean, _ = dense.predict([row(t.params, 27, t.number) for t in given])
    best = surrogate.best(tfbo.trial.Goal("minimize"))
    assert best.number == given[int(np.argmax(mean))].number
    assert len(surrogate.leave_one_out().numbers) == 0


def test_draws_are_of_new_trials_at_the_last_step(case):
    _, dense, surrogate, *_ = case
    codes = np.array([list(params.values()) for params in PLACES])
    drawn = surrogate.draws(codes, 4000, seed=0)
    mean, variance = dense.predict([row(params, 27, -1.0) for params in PLACES])
    np.testing.assert_allclose(drawn.mean(0), mean, atol=4.0 * np.sqrt(variance.max() / 4000))
    np.testing.assert_allclose(drawn.var(0), variance, rtol=0.1)


def test_the_outlook_is_of_unfinished_trials_beside_the_best_complete_one():
    given, problem, state, pending, _ = asked(BENT)
    settings = BENT.settings(problem)
    found = ask.fitted(settings, problem, state, pending, len(given)).fit
    seen = outlook(settings.model.kernel, problem, state, pending, found)
    assert sorted(seen.mean) == sorted(seen.std) == sorted(t.number for t in pending)
    # Failed trials are part of this fit: as bad as the worst value, give or take a deviation of all.
    dense = Dense(given, _Of(found), same, "minimize")
    data = settings.modelled(problem, state, pending, settings.failed).data
    y, _ = temper(data.y)
    dense.rows, dense.z = data.x, (y - y.mean()) / y.std()
    dense.variances = np.square(data.std / y.std())
    assert len(data.y) == sum(len(t.curve) for t in given) + 1
    mean, variance = dense.predict([row(t.params, 27, t.number) for t in pending])
    np.testing.assert_allclose([seen.mean[t.number] for t in pending], mean, rtol=1e-6, atol=1e-7)
    std = [seen.std[t.number] for t in pending]
    np.testing.assert_allclose(std, np.sqrt(variance), rtol=1e-6)
    complete = [t for t in given if t.state == COMPLETE]
    mean, _ = dense.predict([row(t.params, 27, t.number) for t in complete])
    assert seen.best == pytest.approx(mean.max(), rel=1e-6)
    nobody = outlook(settings.model.kernel, problem, state, [], found)
    assert nobody == ({}, {}, -np.inf)
    none = state._replace(trials=tuple(t for t in state.trials if t.state != COMPLETE))
    assert outlook(settings.model.kernel, problem, none, pending, found).best == -np.inf


class _Of:
    """A fit as `Dense` takes it."""

    def __init__(self, found):
        self.posterior = found.posterior


def test_curves_of_nan_only_are_no_data_to_model():
    study = tfbo.Study(PLANE, seed=0, fidelity=STEPS)
    for trial in study.ask(3):
        study.report(trial, 1, float("nan"))
    with pytest.raises(tfbo.TooFewTrials, match="0 trials with a value"):
        study.predict(PLACES)
    for trial in study.trials[:2]:
        study.tell(trial, 1.0)
    assert study.forecast(study.trials[0]).mean.shape == (27,)


TRUTH = {
    "amplitude": 1.0,
    "lengthscales": [0.5, 0.9],
    "changing": 0.8,
    "trial": 0.3,
    "step_lengthscale": 0.8,
    "trial_lengthscale": 1.2,
    "early_noise": 0.01,
    "noise": 0.002,
}


def drawn(seed, n=36, complete=12):
    """Curves drawn from the kernel, most cut at a fifth, with the noise-free values at their ends."""
    rng = np.random.default_rng(seed)
    configurations = [dict(zip("xy", point, strict=True)) for point in rng.random([n, 2]).tolist()]
    steps = [1, 3, 5, 9, 27]
    rows = np.array([row(p, step, i) for i, p in enumerate(configurations) for step in steps])
    covariance = dense_curves.kernel(rows, rows, TRUTH) + 1e-10 * np.eye(len(rows))
    f = np.linalg.cholesky(covariance) @ rng.standard_normal(len(rows))
    y = f + np.sqrt(dense_curves.noise(rows, TRUTH)) * rng.standard_normal(len(rows))
    made = []
    for i, params in enumerate(configurations):
        known = steps if i < complete else steps[:3]
        values = dict(zip(known, y[len(steps) * i :].tolist(), strict=False))
        state = COMPLETE if i < complete else PAUSED
        made.append(Trial(i, params, state, values[known[-1]], curve=values, until=known[-1]))
    return made, f[len(steps) - 1 :: len(steps)]


def test_intervals_from_a_fifth_of_the_curve_cover_what_they_say():
    inside, widths, spread = [], [], []
    for seed in range(6):
        given, truth = drawn(seed)
        *_, surrogate = asked(BENT, given=given)
        for trial in given[12:]:
            (mean,), (std,) = surrogate.forecast(trial, [27])
            inside.append(abs(truth[trial.number] - mean) <= 1.6449 * std)
            widths.append(std)
        spread.append(np.std(truth))
    assert len(inside) == 144 and 0.80 <= np.mean(inside) <= 0.97
    assert np.mean(widths) < 0.7 * np.mean(spread), "a forecast knows more than the spread of all"
